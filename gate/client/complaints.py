"""Complaints on their way in and out of a firm's web pages: the page with the procedure and its form, and what the form
sends, as a file: JSON, a web form's own encoding, or a mail.

The page needs no script and nothing from elsewhere; each field has its label, and it reads well as plain text too.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import textwrap
from collections.abc import Mapping
from datetime import date, timedelta
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader

from gate.config import Config
from gate.core.days import LONDON
from gate.core.deadlines import ACKNOWLEDGE_DAYS, NEWS_DAYS
from gate.errors import UsageError
from gate.exports.page import FOLDER
from gate.operations.requests.complaints import ComplaintEnter
from gate.showing import spoken_number

LARGEST: Final = 1 << 20
"""Bytes of a file."""
MOST: Final = 1000
"""Complaints in one file."""
_FIELDS: Final = ("name", "contact", "number", "about")
_LONGEST: Final[Mapping[str, int]] = {"name": 200, "contact": 200, "number": 200, "about": 4000}
_OLDEST: Final = timedelta(days=90)
"""A mail that says it is older is taken as one of today: its date is somebody's clock."""


# --- the page -----------------------------------------------------------------------------------------------------


def complaint_page(config: Config, day: date, action: str = "") -> tuple[str, str]:
    """The page as HTML and as plain text. ``action``: where the form is sent; empty: by the visitor's own mail program
    to the firm's address. Raises ``UsageError`` where there is neither."""
    firm, authority = config.firm, config.authority.on(day)
    if not action and not firm.contact_email:
        raise UsageError(
            "the form would be sent nowhere", hint="Give --action URL, or set firm.contact_email for one by mail."
        )
    if action and not re.fullmatch(r"(?:https://|/)[^\s\"'<>]{1,500}", action):
        raise UsageError(
            f"{action!r} is no address for a form", hint="https://… or a path of the same site: /complaints"
        )
    values: dict[str, Any] = {
        "firm": firm.legal_name,
        "trading": firm.trading_name,
        "address": [line for line in re.split(r"\r?\n|, ", firm.address) if line.strip()],
        "email": firm.contact_email,
        "phone": spoken_number(firm.freephone) if firm.freephone else "",
        "dpo": config.privacy.dpo,
        "authority": authority,
        "authority_lines": authority.address.splitlines(),
        "days": ACKNOWLEDGE_DAYS + 1,
        "weeks": NEWS_DAYS // 7,
        "action": action or f"mailto:{firm.contact_email}?subject=Complaint",
        "by_mail": not action,
        "longest": _LONGEST,
    }
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, lstrip_blocks=True, trim_blocks=True)
    return environment.get_template("complaint.html").render(values), _plain(values)


def _plain(values: Mapping[str, Any]) -> str:
    authority = values["authority"]
    ways = [f"by post: {', '.join([values['firm'], *values['address']])}"]
    ways += [f"by email: {values['email']}"] if values["email"] else []
    ways += [f"by phone, free of charge: {values['phone']}"] if values["phone"] else []
    ways += [f"to our data protection officer: {values['dpo']}"] if values["dpo"] else []
    reached = [*values["authority_lines"], authority.phone, authority.web]
    parts = [
        f"{values['firm']}\nComplaints about how we use your personal data",
        "You can complain to us about our calls to you, and about anything else that we do with your personal data.",
        "How to complain",
        "\n".join(f"- {each}" for each in ways),
        "Please tell us your name, how we can reach you, the phone number that it is about, and what happened.",
        "What happens then",
        f"Within {values['days']} days, we confirm that we have your complaint.",
        "We look into it without delay. If we need longer than "
        f"{values['weeks']} weeks, we tell you how far we are. We tell you the result, and our reasons.",
        "While your complaint is open, we will not call the number that you give us for marketing.",
        "You do not have to pay for this.",
        f"If you would rather not tell us\n\nYou can complain to the {authority.name} at any time, and go to court.",
        "\n".join(f"    {each}" for each in [authority.name, *reached] if each),
    ]
    return "\n\n".join(_filled(part) for part in parts) + "\n"


def _filled(part: str) -> str:
    return "\n".join(
        textwrap.fill(line, 72, subsequent_indent="  " if line[:1] == "-" else "") for line in part.split("\n")
    )


# --- what the form sends ------------------------------------------------------------------------------------------


def complaints_in(data: bytes, today: date) -> list[ComplaintEnter]:
    """The complaints of a file: one, or a JSON list of them. Raises ``UsageError`` where it is none, or too large."""
    if len(data) > LARGEST:
        raise UsageError(
            f"the file is larger than {LARGEST:,} bytes", hint="One complaint a file, as the form sends it."
        )
    head = data.lstrip()[:1]
    if head in (b"{", b"["):
        return _of_json(data)
    if re.match(rb"[A-Za-z][A-Za-z0-9-]{0,60}: ", data) and re.search(rb"(?im)^(?:from|subject|date): ", data[:65536]):
        return [_of_mail(data, today)]
    return [_complaint(_pairs(_text(data)))]


def _of_json(data: bytes) -> list[ComplaintEnter]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(
            "the file is not JSON", hint='{"name": "…", "contact": "…", "number": "…", "about": "…"}'
        ) from None
    found = value if isinstance(value, list) else [value]
    if len(found) > MOST or not all(isinstance(each, dict) for each in found):
        raise UsageError(
            f"the file is no list of 1 to {MOST} complaints", hint="Each is an object with name and about."
        )
    return [_complaint(each) for each in found]


def _of_mail(data: bytes, today: date) -> ComplaintEnter:
    """A mail: what a form sent by the visitor's mail program, or one that somebody wrote, whole."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)  # noqa: S101 - by its policy
    try:
        part = mail.get_body(("plain",))
        text = str(part.get_content()) if part is not None else ""
        name, address = parseaddr(str(mail.get("From", "")))
        sent = parsedate_to_datetime(str(mail.get("Date", ""))).astimezone(LONDON).date() if mail.get("Date") else today
    except (LookupError, ValueError, TypeError, OverflowError):
        raise UsageError("the mail cannot be read", hint="Save its text alone, and enter that.") from None
    fields = _pairs(text, whole=False)
    if "about" not in fields:
        fields = {"about": text}
    received = sent if today - _OLDEST <= sent <= today else today
    known = {"name": name, "contact": address} | {key: value for key, value in fields.items() if value}
    return _complaint(known, received=received, channel="email")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the file is not UTF-8 text", hint="Save it as UTF-8.") from None


def _pairs(text: str, *, whole: bool = True) -> dict[str, str]:
    """``name=value`` of a form: its own encoding in one line, or a line each, where a value may go on over lines.
    ``whole``: raise ``UsageError`` where it is neither."""
    stripped = text.strip()
    if "\n" not in stripped and "&" in stripped and re.match(r"[a-z]+=", stripped):
        return dict(parse_qsl(stripped, keep_blank_values=True, max_num_fields=20, errors="replace"))
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() in _FIELDS and key.strip().lower() not in found:
            last = key.strip().lower()
            found[last] = value
        elif last:
            found[last] += f"\n{line}"
    if whole and "about" not in found:
        raise UsageError("the file is no complaint of the form", hint="JSON, name=value lines, or a mail as it came.")
    return found


def _complaint(fields: Mapping[str, Any], **more: Any) -> ComplaintEnter:
    """Fields that the form does not have are passed over; too long ones are cut, and say so."""
    values: dict[str, Any] = dict(more)
    for name, longest in _LONGEST.items():
        text = fields.get(name, "")
        if not isinstance(text, str):
            raise UsageError(f"{name} is no text", hint="Each field of a complaint is text.")
        values[name] = text if len(text) <= longest else text[: longest - 12] + " [cut here]"
    return ComplaintEnter(**values)
