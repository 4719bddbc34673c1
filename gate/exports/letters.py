"""Letters about data-subject requests: from facts and a template to text, HTML and a message that is ready to go.

The wording is in ``templates/letters``, one file a kind with the marks of ``letter_blocks``; a firm's own folder takes
the place of the shipped one file by file. Templates run in Jinja's sandbox, a name that they do not know is an error,
and a letter is there whole or not at all. What people wrote is escaped, and can neither be a mark nor a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gate.config import Config
from gate.core.letter_words import Letter, LetterFacts, LetterFirm
from gate.core.request_words import LetterKind
from gate.errors import GateError
from gate.exports import letter_blocks
from gate.exports.letter_copies import SHIPPED
from gate.exports.letter_facts import context, email_of
from gate.exports.letter_message import message
from gate.showing import spoken_number

LAYOUTS: Final = ("layout.txt", "layout.html")
LONGEST: Final = 200_000
"""Characters of a body; more is a template that runs away."""
LONGEST_SUBJECT: Final = 200
_HINT: Final = "mend it, or take the file away: the shipped one is then used; see: dialgate letters check"


class LetterError(GateError):
    """A letter could not be made; there is none, not half of one."""


def render(
    facts: LetterFacts, firm: LetterFirm, templates: Path | None = None, *, now: datetime, sender: str = ""
) -> Letter:
    """The letter that ``facts`` ask for, from ``firm``.

    ``templates``: the firm's own folder. ``now`` (aware) dates the message. ``sender``: the address it comes from,
    else the firm's own. Raises ``LetterError`` with file and line where a template is faulty.
    """
    environment = _environment(templates)
    values = context(facts, firm)
    name = f"{facts.kind.value}.txt"
    subject, body = _split(_run(environment, name, values), _place(environment, name))
    blocks = letter_blocks.blocks(body)
    if not blocks:
        raise LetterError(f"{_place(environment, name)}: there is no text under the subject", hint=_HINT)
    text = _run(environment, "layout.txt", values | {"subject": subject, "body": letter_blocks.as_text(blocks)})
    html = _run(environment, "layout.html", values | {"subject": subject, "blocks": blocks})
    authority = facts.kind is LetterKind.AUTHORITY
    to = email_of(firm.authority.email if authority else facts.contact)
    eml = message(
        sender=(firm.trading_name, email_of(sender) or email_of(firm.email)),
        reply_to=email_of(firm.email),
        to=(firm.authority.name if authority else facts.recipient or facts.name, to),
        subject=subject,
        text=text,
        html=html,
        now=now,
    )
    return Letter(facts.kind, subject, to, text, html, eml)


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
    """The firm's own wording, as configured."""
    return config.path(config.letters.templates) if config.letters.templates else None


def _environment(templates: Path | None) -> Environment:
    """The firm's templates before the shipped ones, as they are now."""
    if templates is None:
        return _made(())
    try:
        files = sorted((path.name, path.stat().st_mtime_ns) for path in templates.iterdir())
    except OSError:
        raise LetterError(f"{templates} is no folder", hint=f"make it: dialgate letters copy {templates}") from None
    return _made((templates,), tuple(files))


@lru_cache(maxsize=4)
def _made(folders: tuple[Path, ...], files: tuple[tuple[str, int], ...] = ()) -> Environment:
    """Jinja sees a file that was changed, but not one that was added: so ``files`` is part of the key."""
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([*folders, SHIPPED], encoding="utf-8-sig"),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html")),
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    return environment


def _run(environment: Environment, name: str, values: dict[str, Any]) -> str:
    """A template's text; every way in which it can fail is a ``LetterError`` that names the line."""
    try:
        text = environment.get_template(name).render(values)
    except TemplateSyntaxError as error:
        place = f"{error.filename or error.name}:{error.lineno}"
        raise LetterError(f"{place}: {error.message}", hint=_HINT) from None
    except TemplateNotFound as error:
        place = _line(environment, error) or _place(environment, name)
        raise LetterError(f"{place}: there is no template {error.name}", hint=_HINT) from None
    except Exception as error:  # noqa: BLE001 - a template is a program of the firm's: anything can come out of it
        place = _line(environment, error) or _place(environment, name)
        raise LetterError(f"{place}: {_first_line(error)}", hint=_HINT) from None
    if len(text) > LONGEST:
        raise LetterError(f"{_place(environment, name)}: makes more than {LONGEST} characters", hint=_HINT)
    return text


def _place(environment: Environment, name: str) -> str:
    """The file that a template is."""
    assert environment.loader is not None  # noqa: S101 - made above
    try:
        return str(environment.loader.get_source(environment, name)[1] or name)
    except (TemplateError, UnicodeDecodeError):
        return name


def _line(environment: Environment, error: BaseException) -> str:
    """File and line of the template in which ``error`` came up; Jinja puts its templates into the traceback."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if Path(name).suffix in (".txt", ".html"):
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0]
    return text if type(error).__module__.startswith("jinja2") and text else f"{type(error).__name__}: {text}"


def _split(rendered: str, place: str) -> tuple[str, str]:
    """Subject and body. Raises ``LetterError`` where the first line is not ``Subject: …``."""
    first, _, body = rendered.lstrip("\n").partition("\n")
    found = re.fullmatch(r"Subject:(.*)", first)
    subject = letter_blocks.one_line(found[1]) if found else ""
    if not subject:
        raise LetterError(f'{place}:1: does not begin with a line "Subject: …"', hint=_HINT)
    if len(subject) > LONGEST_SUBJECT:
        raise LetterError(
            f"{place}:1: the subject has {len(subject)} characters, at most {LONGEST_SUBJECT}", hint=_HINT
        )
    return subject, body


# --- filters ------------------------------------------------------------------------------------------------------


def _count(number: int, noun: str) -> str:
    """``no call``, ``1 call``, ``3 calls``."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s" if number else f"no {noun}"


def _lines(value: Any) -> str:
    """Lines that stay as they are: of a text, or name, address, web and email of the authority."""
    if isinstance(value, dict):
        value = "\n".join(str(value[name]) for name in ("name", "address", "web", "email") if value.get(name))
    return "\n".join(f"| {line}" for line in str(value).split("\n"))


_FILTERS: dict[str, Callable[..., Any]] = {
    "count": _count,
    "lines": _lines,
    "strong": letter_blocks.strong_html,
}
