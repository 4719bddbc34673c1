"""A signed checkpoint as an e-mail message, for a mailbox that this machine's administrators cannot rewrite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

_TEXT = """\
The evidence log {log} had {size:,} entries when this was signed.

Keep this message. With the file in it anybody who opens a later export of this log can tell whether
these entries were changed since:

    dialgate audit verify --checkpoint FILE       (on the gate)
    dialgate audit open BUNDLE --checkpoint FILE  (anywhere)

It holds no personal data.
"""


@dataclass(frozen=True, slots=True)
class CheckpointMail:
    """What ``mail.send`` takes."""

    to: str
    eml: bytes
    """RFC 5322, CRLF."""


def checkpoint_mail(note: str, *, log: str, size: int, sender: str, to: str, now: datetime) -> CheckpointMail:
    """The message; the note is an attachment, byte for byte."""
    mail = EmailMessage(policy=SMTP)
    mail["Date"] = format_datetime(now)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = f"Checkpoint of {log}: {size:,} entries"
    mail["Message-ID"] = f"<{sha256(note.encode()).hexdigest()[:40]}@{sender.partition('@')[2] or 'dialgate.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT.format(log=log, size=size))
    mail.add_attachment(
        note.encode(), maintype="application", subtype="octet-stream", filename=f"{size:012d}.checkpoint"
    )
    return CheckpointMail(to, mail.as_bytes())
