"""A signed checkpoint as an e-mail message, for a mailbox that this machine's administrators cannot rewrite."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

MOST_MAILS: Final = 20_000
"""Messages of a mailbox that are looked at for checkpoints: it may hold others."""
MAX_MAIL: Final = 64 * 1024
MAX_DIGITS: Final = 18

_TEXT = """\
The evidence log {log} had {size:,} entries when this was signed.

Keep this message. With the file in it anybody who opens a later export of this log can tell whether
these entries were changed since:

    dialgate audit verify --checkpoint FILE       (on the gate)
    dialgate audit open BUNDLE --checkpoint FILE  (anywhere)

It holds no personal data.
"""


def checkpoint_mail(note: str, *, log: str, size: int, sender: str, to: str, now: datetime) -> bytes:
    """The message (RFC 5322, CRLF); the note is an attachment, byte for byte."""
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
    return mail.as_bytes()


def mailed_notes(path: Path) -> Iterator[tuple[str, str]]:
    """The checkpoints in a copy of the mailbox, as (where, note), the newest first: an mbox file, a Maildir, or a
    folder of ``.eml`` files. Anybody may write to a mailbox: a note's signature is for the caller to look at, and what
    comes after the newest checkpoint, or says that it is one of the same size, hides nothing.

    Raises ``OSError`` where it cannot be read, ``ValueError`` where there is more in it than is looked at.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such mailbox", str(path))
    found: set[tuple[int, str]] = set()
    for mail in _mails(path):
        # A mail may hold anything, and Python's reader of mails raises much (RecursionError for a deep one).
        with suppress(Exception):
            found |= set(_notes_in(message_from_bytes(mail)))
    for size, note in sorted(found, reverse=True):
        yield f"a mail in {path} (checkpoint {size})", note


def _notes_in(mail: Message) -> Iterator[tuple[int, str]]:
    """(size, note): the size that stands in the note, not the one that its file's name says."""
    for part in mail.walk():
        payload = part.get_payload(decode=True) if (part.get_filename() or "").endswith(".checkpoint") else None
        if isinstance(payload, bytes):
            note = payload.decode("utf-8", "replace")
            size = [*note.split("\n", 2), ""][1]
            yield int(size) if size.isdecimal() and len(size) <= MAX_DIGITS else 0, note


def _mails(path: Path) -> Iterator[bytes]:
    """Those that may hold a checkpoint."""
    raw = _in_a_file(path) if path.is_file() else _in_a_folder(path)
    for number, data in enumerate(raw):
        if number >= MOST_MAILS:
            raise ValueError(f"it holds more than {MOST_MAILS:,} messages: give checkpoints a mailbox of their own")
        if b".checkpoint" in data:
            yield data


def _in_a_file(path: Path) -> Iterator[bytes]:
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.keys():  # noqa: SIM118 - a mailbox gives its messages where it is iterated
            yield box.get_bytes(key)[:MAX_MAIL]
    finally:
        box.close()


def _in_a_folder(path: Path) -> Iterator[bytes]:
    folders = [path / name for name in ("cur", "new")] if (path / "cur").is_dir() else [path]
    for folder in folders:
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.is_file():
                with file.open("rb") as opened:
                    yield opened.read(MAX_MAIL)
