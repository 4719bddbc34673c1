"""What the types of the sections on letters and mail cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from gate.config.faults import Fault, at_least, unprintable
from gate.config.office import Authority, Letters, Mail, Privacy, Requests
from gate.config.schema import Firm, Storage

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
"""An e-mail address that every server takes: ASCII, one ``@``, a domain with a dot (RFC 5321, without quoted names)."""
_MOST_IDENTITY_DAYS: Final = 14
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def is_loopback(host: str) -> bool:
    """Whether mail to ``host`` stays on this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def letters_faults(letters: Letters, base: Path) -> Iterator[Fault]:
    """The folder is there, the address is one."""
    yield from unprintable(letters, ("letters",), "templates", "signed")
    if letters.templates and letters.templates.isprintable() and not (base / letters.templates).is_dir():
        yield Fault(
            ("letters", "templates"), f"{base / letters.templates} is no folder; make it: dialgate letters copy DIR"
        )
    if letters.authority_email and not ADDRESS.fullmatch(letters.authority_email):
        yield Fault(("letters", "authority_email"), f'"{letters.authority_email}" is not an email address')


def authority_faults(authority: Authority) -> Iterator[Fault]:
    """Texts of one line, an address, and days that are some."""
    for name in ("name", "address"):
        if (text := getattr(authority, name)) and not text.strip():
            yield Fault(("authority", name), "must not be empty")
    yield from unprintable(authority, ("authority",), "name", "phone", "web")
    if authority.email and not ADDRESS.fullmatch(authority.email):
        yield Fault(("authority", "email"), f'"{authority.email}" is not an email address')
    for name in ("commencement", "checked"):
        try:
            if text := getattr(authority, name):
                date.fromisoformat(text)
        except ValueError:
            yield Fault(("authority", name), f'"{text}" is not a date; write "YYYY-MM-DD"')


def privacy_faults(privacy: Privacy) -> Iterator[Fault]:
    """One line each."""
    yield from unprintable(privacy, ("privacy",), "dpo")
    for name in ("legal_bases", "recipients"):
        for place, line in enumerate(getattr(privacy, name)):
            if not line.strip() or not line.isprintable():
                yield Fault(("privacy", name, place), "is empty, or more than a line")


def requests_faults(requests: Requests) -> Iterator[Fault]:
    """Asking who it is cannot wait for the day of the answer."""
    if not 0 <= requests.identity_days <= _MOST_IDENTITY_DAYS:
        fault = f"{requests.identity_days} days; 0 to {_MOST_IDENTITY_DAYS}: without delay (UK GDPR Art 12(3), 12(6))"
        yield Fault(("requests", "identity_days"), fault)


def checkpoint_faults(storage: Storage, mail: Mail) -> Iterator[Fault]:
    """A mailbox for checkpoints is an address, and there is a server to send through."""
    address = storage.checkpoints_mail
    if address and not ADDRESS.fullmatch(address):
        yield Fault(("storage", "checkpoints_mail"), f'"{address}" is not an email address')
    elif address and not mail.host:
        yield Fault(("storage", "checkpoints_mail"), "checkpoints are sent through [mail]: name its host")


def mail_faults(mail: Mail, firm: Firm | None, base: Path) -> Iterator[Fault]:
    """Everything that sending needs, and nothing in clear over a network."""
    yield from unprintable(mail, ("mail",), "host", "username", "ca_file")
    yield from at_least(mail, "mail", 1, "timeout_seconds")
    if not 0 <= mail.port <= 65535:
        yield Fault(("mail", "port"), f"{mail.port} is not a port; 0 (the usual one) to 65535")
    if mail.sender and not ADDRESS.fullmatch(mail.sender):
        yield Fault(("mail", "sender"), f'"{mail.sender}" is not an email address')
    if bool(mail.username) != bool(mail.password_file):
        missing = "password_file" if mail.username else "username"
        yield Fault(("mail", missing), "username and password_file go together")
    if not mail.host:
        if mail != Mail():
            yield Fault(("mail", "host"), "is missing: name the mail server")
        return
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?", mail.host):
        yield Fault(("mail", "host"), f'"{mail.host}" is not a host; the port goes into mail.port')
    if mail.security == "none" and not is_loopback(mail.host):
        yield Fault(
            ("mail", "security"), f"letters hold personal data: to {mail.host} only with starttls or tls, not none"
        )
    if firm and not mail.sender and not ADDRESS.fullmatch(firm.contact_email):
        yield Fault(("mail", "sender"), "is missing, and firm.contact_email is no address that letters can come from")
    if mail.ca_file and mail.ca_file.isprintable() and not (base / mail.ca_file).is_file():
        yield Fault(("mail", "ca_file"), f"{base / mail.ca_file} does not exist; a PEM file with certificates")
