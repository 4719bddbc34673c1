"""Letters by mail: one letter, one recipient, one try; over TLS unless the server is this machine.

What the server said comes back for the evidence. Where the connection breaks after the text was handed over and before
the server's answer, nobody knows whether it was taken: that error says so (``uncertain``), and nothing is sent again by
itself.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
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
from gate.errors import GateError
from gate.exports.letters import DRAFT

_LONGEST: Final = 300
"""Of what a server says, in characters."""


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


def send(to: str, eml: bytes, config: Config) -> Delivery:
    """Send a letter or a checkpoint, the whole message as ``eml`` (RFC 5322, CRLF), through ``[mail]``; ``to`` is empty
    where there is no address. Blocks until the server has answered, on no event loop of the caller's.

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
