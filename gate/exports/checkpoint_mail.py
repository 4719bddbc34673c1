"""A signed checkpoint as an e-mail message, for a mailbox that this machine's administrators cannot rewrite."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

MOST_MAILS: Final = 400
"""The newest messages of a mailbox that are looked at for a checkpoint: it may hold others."""
MAX_MAIL: Final = 64 * 1024

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


def mailed_notes(path: Path) -> Iterator[tuple[str, str]]:
    """The checkpoints in a copy of the mailbox, as (where, note), the newest first: an mbox file, a Maildir, or a
    folder of ``.eml`` files. Anybody may write to a mailbox: a note's signature is for the caller to look at.

    Raises ``OSError`` where it cannot be read.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such mailbox", str(path))
    found: dict[int, str] = {}
    for mail in _newest_mails(path):
        for part in mail.walk():
            name = part.get_filename() or ""
            payload = part.get_payload(decode=True) if name.endswith(".checkpoint") else None
            if isinstance(payload, bytes) and name.removesuffix(".checkpoint").isdecimal():
                found.setdefault(int(name.removesuffix(".checkpoint")), payload.decode("utf-8", "replace"))
    for size in sorted(found, reverse=True):
        yield f"a mail in {path} (checkpoint {size})", found[size]


def _newest_mails(path: Path) -> Iterator[Message]:
    if path.is_file():
        box = mailbox.mbox(path, create=False)
        try:
            for key in sorted(box.keys(), key=int)[-MOST_MAILS:]:
                yield message_from_bytes(box.get_bytes(key)[:MAX_MAIL])
        finally:
            box.close()
        return
    folders = [path / name for name in ("cur", "new")] if (path / "cur").is_dir() else [path]
    files = [file for folder in folders if folder.is_dir() for file in folder.iterdir() if file.is_file()]
    for file in sorted(files, key=lambda each: each.stat().st_mtime)[-MOST_MAILS:]:
        with file.open("rb") as opened:
            yield message_from_bytes(opened.read(MAX_MAIL))
