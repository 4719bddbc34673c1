"""Letters about data-subject requests: a page of sentences (``gate.core.letters``) as text, HTML and a message.

The firm's own words are in ``wording.toml`` of its folder (``letters.templates``): names of sentences, each with a text
that takes the place of the shipped one. What a sentence rests on, and when it is written, stays as it is. In
``copied.json`` beside it is, by name, the SHA-256 of the shipped text that the firm last compared its own with.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

from gate.config import Config
from gate.config.rules import ADDRESS
from gate.core.days import LONDON, spoken_day
from gate.core.letter_words import WORDS
from gate.core.letters import (
    FIELDS,
    ITEM,
    Block,
    Letter,
    LetterFacts,
    LetterFirm,
    Unfounded,
    one_line,
    page_of,
    plain_lines,
)
from gate.core.request_words import LetterKind
from gate.durable import whole_file
from gate.errors import GateError
from gate.exports.page import templates
from gate.showing import spoken_number

WORDING: Final = "wording.toml"
COPIED: Final = "copied.json"
LONGEST: Final = 1000
"""Characters of a sentence of the firm's."""
DRAFT: Final = "X-Unsent"
"""Makes mail programs open the file as a draft; taken out when the gate sends it."""
LONGEST_NAME: Final = 100
WIDTH: Final = 72
_STRONG: Final = re.compile(r"\*\*((?:[^*\n]|\*(?!\*))+)\*\*")
_HINT: Final = "mend it, or take the sentence away: the shipped one is then used; see: dialgate letters check"
_ANYWHERE: Final = frozenset({"matter", "received", "reference", "firm"})
"""Fields that every sentence can name: their facts are always there."""
_HEAD: Final = """\
# Sentences of our letters in our own words. Change a text, take away each line that you do not change, and then:
#
#     dialgate letters check
#     dialgate letters show refusal
#
# {name} puts a fact in, and **words** are strong. A sentence can name what it names here, and {matter}, {received},
# {reference} and {firm}. When it is written, and which facts it rests on, stays as it is.

"""

Mailbox = tuple[str, str]
"""Name and address."""


class LetterError(GateError):
    """A letter could not be made; there is none, not half of one."""


def render(
    facts: LetterFacts, firm: LetterFirm, templates: Path | None = None, *, now: datetime, sender: str = ""
) -> Letter:
    """The letter that ``facts`` ask for, from ``firm``.

    ``templates``: the folder of the firm's own wording. ``now`` (aware) dates the message. ``sender``: the address it
    comes from, else the firm's own. Raises ``LetterError`` where a sentence of it is not so, or its wording is faulty.
    """
    try:
        page = page_of(facts, firm, wording_of(templates))
    except Unfounded as error:
        raise LetterError(
            f"{facts.reference or 'consent'}: no {facts.kind} is written that is not so: {error}",
            hint=f"See what the log has: dialgate request show {facts.reference}" if facts.reference else "",
        ) from None
    subject = one_line(_weak(page.subject.text))
    parts = {
        "letterhead": _letterhead(firm),
        "addressee": _addressee(facts, firm),
        "today": spoken_day(facts.today),
        "reference": one_line(facts.reference),
        "subject": subject,
        "dear": page.dear.text,
        "yours": "Yours sincerely," if page.dear.name == "dear.name" else "Yours faithfully,",
        "signed": [one_line(firm.signed), one_line(firm.legal_name)],
    }
    text, html = _text(parts, page.blocks), _html(parts, page.blocks)
    to_authority = facts.kind is LetterKind.AUTHORITY
    to = email_of(firm.authority.email if to_authority else facts.contact)
    eml = message(
        sender=(firm.trading_name, email_of(sender) or email_of(firm.email)),
        reply_to=email_of(firm.email),
        to=(firm.authority.name if to_authority else facts.recipient or facts.name, to),
        subject=subject,
        text=text,
        html=html,
        now=now,
    )
    return Letter(facts.kind, subject, to, text, html, eml, page.sentences())


def firm_of(config: Config, day: date) -> LetterFirm:
    """Who writes on a day, as configured."""
    firm, letters = config.firm, config.letters
    authority = config.authority.on(day)
    return LetterFirm(
        legal_name=firm.legal_name,
        trading_name=firm.trading_name,
        address=firm.address,
        email=firm.contact_email,
        freephone=spoken_number(firm.freephone) if firm.freephone else "",
        signed=letters.signed,
        authority=replace(authority, email=authority.email or letters.authority_email),
        dpo=config.privacy.dpo,
    )


def templates_of(config: Config) -> Path | None:
    """The folder of the firm's own wording, as configured."""
    return config.path(config.letters.templates) if config.letters.templates else None


def email_of(text: str) -> str:
    """The e-mail address that a contact is; empty where it is something else."""
    address = text.strip()
    return address if len(address) <= 254 and ADDRESS.fullmatch(address) else ""


# --- forms --------------------------------------------------------------------------------------------------------


def _letterhead(firm: LetterFirm) -> list[str]:
    trading = f"trading as {firm.trading_name}" if firm.trading_name != firm.legal_name else ""
    free = f"{firm.freephone} (free)" if firm.freephone else ""
    lines = [firm.legal_name, trading, *plain_lines(firm.address), firm.email, free]
    return [one_line(line) for line in lines if line.strip()]


def _addressee(facts: LetterFacts, firm: LetterFirm) -> list[str]:
    if facts.kind is LetterKind.AUTHORITY:
        return [one_line(firm.authority.name), *plain_lines(firm.authority.address)]
    email = email_of(facts.contact)
    where = [f"By email to {email}"] if email else plain_lines(facts.contact)
    name = facts.recipient if facts.kind is LetterKind.RECIPIENT else facts.name
    return [line for line in [one_line(name), *where] if line]


def _text(parts: Mapping[str, Any], blocks: Iterable[Block]) -> str:
    """In plain text, 72 characters wide."""
    head = ["\n".join(parts["letterhead"]), "\n".join(parts["addressee"])]
    head.append(parts["today"] + (f"\nOur reference: {parts['reference']}" if parts["reference"] else ""))
    body = [parts["subject"], _weak(parts["dear"]), *map(_block, blocks)]
    end = "\n\n".join([parts["yours"], "\n".join(parts["signed"])])
    return "\n\n\n".join([*head, "\n\n".join(body), end]) + "\n"


def _block(block: Block) -> str:
    lines = [_weak(line) for line in block.lines]
    if block.kind == "heading":
        return f"{lines[0]}\n{'-' * min(len(lines[0]), WIDTH)}"
    if block.kind == "list":
        return "\n".join(_wrapped(line, "- ", "  ") for line in lines)
    if block.kind in ("lines", "quote"):
        return "\n".join(_wrapped(line, "    ", "    ") if line else "" for line in block.lines)
    return _wrapped(lines[0], "", "")


def _html(parts: Mapping[str, Any], blocks: Iterable[Block]) -> str:
    def strong(text: str) -> Markup:
        return Markup(_STRONG.sub(r"<strong>\1</strong>", str(escape(text))))  # noqa: S704 - escaped in this line

    environment = templates(letter=True)
    environment.filters["strong"] = strong
    return environment.get_template("letter.html").render(parts, blocks=list(blocks))


def _weak(text: str) -> str:
    return _STRONG.sub(r"\1", text)


def _wrapped(text: str, first: str, following: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def message(*, sender: Mailbox, reply_to: str, to: Mailbox, subject: str, text: str, html: str, now: datetime) -> bytes:
    """The letter as an e-mail message (RFC 5322 and 2046): text and HTML of the same wording, ready to be sent.

    The same letter at the same moment is the same bytes: boundary and Message-ID come from its content, and name no
    host. Without an address there is no From or To: a mail program puts its own, or a person types it.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Date"] = format_datetime(now.astimezone(LONDON))
    if sender[1]:
        mail["From"] = _mailbox(*sender)
        if reply_to and reply_to != sender[1]:
            mail["Reply-To"] = _mailbox("", reply_to)
    if to[1]:
        mail["To"] = _mailbox(*to)
    mail["Subject"] = one_line(subject)
    digest = hashlib.sha256("\0".join((*sender, *to, subject, text, html, now.isoformat())).encode("utf-8", "replace"))
    domain = sender[1].partition("@")[2] or "dialgate.invalid"
    mail["Message-ID"] = f"<{digest.hexdigest()[:40]}@{domain}>"
    mail[DRAFT] = "1"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{digest.hexdigest()[40:]}")
    # A subject that fits a line, but not behind its name, is folded behind an empty first line: some filters drop that.
    return mail.as_bytes().replace(b"\r\nSubject:\r\n ", b"\r\nSubject: ", 1)


def _mailbox(name: str, address: str) -> Address:
    return Address(display_name=one_line(name)[:LONGEST_NAME], addr_spec=address)


# --- the firm's own wording ---------------------------------------------------------------------------------------


def wording_of(folder: Path | None) -> dict[str, str]:
    """The firm's own words, by the names of sentences. Raises ``LetterError`` with file and sentence."""
    if folder is None:
        return {}
    path = folder / WORDING
    if not folder.is_dir():
        raise LetterError(f"{folder} is no folder", hint=f"make it: dialgate letters copy {folder}")
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8-sig")) if path.exists() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LetterError(f"{path}: {error}", hint=_HINT) from None
    if found := _faults(path, read):
        raise LetterError(found[0], hint=_HINT)
    return read


def wording_faults(folder: Path | None) -> list[str]:
    """What is wrong with the firm's own words: ``FILE: sentence: what``."""
    if folder is None:
        return []
    old = [
        f"{path}: is no longer used: letters are made of sentences, and yours go into {WORDING}"
        for path in sorted(folder.glob("*"))
        if path.suffix in (".txt", ".html")
    ]
    try:
        wording_of(folder)
    except LetterError as error:
        path = folder / WORDING
        try:
            return old + _faults(path, tomllib.loads(path.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return [*old, error.message]
    return old


def _faults(path: Path, read: Mapping[str, Any]) -> list[str]:
    """Whether each is a sentence that there is, and names what it may."""
    found = []
    for name, text in read.items():
        if name not in WORDS:
            found.append(f"{path}: {name}: there is no such sentence")
        elif not isinstance(text, str) or not one_line(text) or len(text) > LONGEST or not text.isprintable():
            found.append(f"{path}: {name}: is no text of one line, of at most {LONGEST} characters")
        else:
            allowed = {*re.findall(r"\{(\w+)\}", WORDS[name].text), *_ANYWHERE}
            named = re.findall(r"\{([^{}]*)\}", text)
            found += [
                f"{path}: {name}: {{{each}}} cannot stand here; known are {', '.join(sorted(allowed))}"
                for each in dict.fromkeys(named)
                if each not in allowed or each not in {*FIELDS, *ITEM}
            ]
    return found


def shipped_wording() -> str:
    """``wording.toml`` with every sentence as it is shipped."""
    return _HEAD + "".join(f'"{name}" = {json.dumps(words.text)}\n' for name, words in WORDS.items())


def outdated(folder: Path | None) -> list[str]:
    """Sentences of the firm's that replace shipped ones which are not those that they were made from, or compared
    with. Raises ``LetterError``."""
    known = _known(folder) if folder else {}
    return [
        name
        for name, text in wording_of(folder).items()
        if text != WORDS[name].text and known.get(name) != _digest(WORDS[name].text)
    ]


def note(folder: Path) -> None:
    """Note that the firm's wording is compared with today's. Raises ``OSError``."""
    known = {name: _digest(words.text) for name, words in WORDS.items()}
    with whole_file(folder / COPIED, mode=0o644) as file:
        file.write(json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _known(folder: Path) -> dict[str, str]:
    try:
        read = json.loads((folder / COPIED).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in read.items()} if isinstance(read, dict) else {}
