"""Letters by mail: one letter, one recipient, one try; over TLS unless the server is this machine.

What the server said comes back for the evidence. Where the connection breaks after the text was handed over and before
the server's answer, nobody knows whether it was taken: that error says so (``uncertain``), and nothing is sent again by
itself.

A signed checkpoint goes as a message to a mailbox that this machine's administrators cannot rewrite.
"""

from __future__ import annotations

import asyncio
import mailbox
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPSenderRefused,
    SMTPTimeoutError,
)

from gate.config import Config, Mail, read_secret
from gate.config.rules import PORTS, is_loopback
from gate.core.letters import one_line
from gate.core.terms import many
from gate.errors import GateError
from gate.exports.letters import DRAFT

_LONGEST: Final = 300
"""Longest answer of a server that is kept, in characters."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter that a server took."""

    to: str
    server: str
    """``host:port``."""
    tls: str
    """``TLSv1.3``; empty to this machine itself without it."""
    said: str
    """The server's answer, with its code."""


class MailError(GateError):
    """A letter was not sent; where ``uncertain``, it may have been."""

    def __init__(self, message: str, *, hint: str = "", uncertain: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.uncertain = uncertain


def send(to: str, eml: bytes, config: Config, *, rehearsed: bool = False) -> Delivery:
    """Send a letter or a checkpoint, the whole message as ``eml`` (RFC 5322, CRLF), through ``[mail]``; ``to`` is empty
    where there is no address. Blocks until the server has answered, on no event loop of the caller's. ``rehearsed``:
    up to the server, which is not asked.

    Raises ``MailError``, and ``ConfigError`` where the password cannot be read.
    """
    mail, sender = config.mail, config.mail_sender
    if not mail.host:
        raise MailError("no mail server is configured", hint="set [mail] host, or print the letter and send it by post")
    if not to:
        raise MailError("the letter has no email address", hint="print it and send it by post")
    if mail.security == "none" and not is_loopback(mail.host):
        raise MailError(f"letters go to {mail.host} over TLS only", hint="set mail.security to starttls or tls")
    password = read_secret(config.base, mail.password_file) if mail.password_file else ""
    context = None if mail.security == "none" else _context(config)
    if rehearsed:
        return Delivery(to, f"{mail.host}:{mail.port or PORTS[mail.security]}", "", "not sent")
    return asyncio.run(_send(to, eml, mail, sender, password, context))


def _context(config: Config) -> ssl.SSLContext:
    """TLS 1.2 or newer, with a certificate that was checked."""
    file = config.path(config.mail.ca_file) if config.mail.ca_file else None
    try:
        context = ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise MailError(f"{file} holds no certificates: {error}", hint="mail.ca_file is a PEM file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _send(
    to: str, eml: bytes, mail: Mail, sender: str, password: str, context: ssl.SSLContext | None
) -> Delivery:
    port = mail.port or PORTS[mail.security]
    server = f"{mail.host}:{port}"
    client = SMTP(
        hostname=mail.host.strip("[]"),
        port=port,
        use_tls=mail.security == "tls",
        start_tls=mail.security == "starttls",
        tls_context=context,
        timeout=mail.timeout_seconds,
        local_hostname=sender.partition("@")[2] or "localhost",  # not this machine's own name
    )
    try:
        await _connected(client, server)
        if mail.username:
            await _authenticated(client, server, mail.username, password)
        tls = client.get_transport_info("ssl_object")
        said = await _handed_over(client, server, sender, to, eml)
    finally:
        try:
            await client.quit()
        except (SMTPException, OSError):
            client.close()
    return Delivery(to, server, tls.version() if tls else "", said)


async def _connected(client: SMTP, server: str) -> None:
    try:
        await client.connect()
    except SMTPTimeoutError as error:
        raise MailError(f"{server} does not answer: {_reply(error)}", hint="see mail.host and mail.port") from None
    except SMTPConnectError as error:
        raise MailError(f"{server} cannot be reached: {_reply(error)}", hint=_reach_hint(error)) from None
    except (SMTPException, OSError) as error:
        raise MailError(
            f"{server} gives no protected connection: {_reply(error)}",
            hint="see mail.security, and mail.ca_file for a certificate of its own",
        ) from None


def _reach_hint(error: Exception) -> str:
    if "certificate" in str(error).lower():
        return "its certificate is not trusted or not its own: see mail.host and mail.ca_file"
    return "see mail.host, mail.port and mail.security; nothing was sent"


async def _authenticated(client: SMTP, server: str, username: str, password: str) -> None:
    try:
        await client.login(username, password)
    except SMTPException as error:
        raise MailError(
            f"{server} does not let {username} in: {_reply(error)}", hint="see mail.username and mail.password_file"
        ) from None


async def _handed_over(client: SMTP, server: str, sender: str, to: str, eml: bytes) -> str:
    """Sender, recipient, text; returns what the server said to the text."""
    try:
        await client.mail(sender)
        await client.rcpt(to)
    except SMTPSenderRefused as error:
        raise MailError(f"{server} takes no mail from {sender}: {_reply(error)}", hint="see mail.sender") from None
    except SMTPRecipientRefused as error:
        later = error.code < 500  # RFC 5321, 4.2.1: 4yz is for now, 5yz for good
        hint = "nothing was sent; try again later" if later else "ask for another address, or use post"
        raise MailError(f"{server} does not deliver to {to}: {_reply(error)}", hint=hint) from None
    except SMTPException as error:
        raise MailError(f"{server} broke off: {_reply(error)}", hint="nothing was sent; try again later") from None
    try:
        answer = await client.data(eml.replace(f"{DRAFT}: 1\r\n".encode(), b"", 1))
    except SMTPDataError as error:
        raise MailError(f"{server} refused the letter: {_reply(error)}", hint="nothing was sent") from None
    except SMTPException as error:
        raise MailError(
            f"{server} broke off before it said whether it took the letter: {_reply(error)}",
            hint="ask the mail server's log before sending it again",
            uncertain=True,
        ) from None
    return f"{answer.code} {one_line(answer.message)}"[:_LONGEST]


def _reply(error: Exception) -> str:
    """What the server said, with its code, on one line."""
    code = getattr(error, "code", None)
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    text = one_line(str(message))
    return (f"{code} {text}" if isinstance(code, int) and code > 0 else text).rstrip(". ")[:_LONGEST]


MOST_MAILS: Final = 20_000
"""Messages of a mailbox that are looked at for checkpoints: it may hold others."""
MAX_MAIL: Final = 64 * 1024
MAX_DIGITS: Final = 18

_TEXT = """\
The evidence log {log} had {entries} when this was signed.

Keep this message. With the file in it anybody who opens a later export of this log can tell whether
these entries were changed since:

    dialgate audit verify --checkpoint FILE       (on the gate)
    dialgate audit open BUNDLE --checkpoint FILE  (anywhere)

It holds no personal data.
"""


def checkpoint_mail(note: str, *, log: str, size: int, sender: str, to: str, now: datetime) -> bytes:
    """The message (RFC 5322, CRLF); the note is an attachment, byte for byte."""
    mail, entries = EmailMessage(policy=policy.SMTP), many(size, "entry")
    mail["Date"] = format_datetime(now)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = f"Checkpoint of {log}: {entries}"
    mail["Message-ID"] = f"<{sha256(note.encode()).hexdigest()[:40]}@{sender.partition('@')[2] or 'dialgate.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT.format(log=log, entries=entries))
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
