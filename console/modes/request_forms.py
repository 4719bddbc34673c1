"""What is filled in for the steps of a request, and how it becomes the fields of an operation.

A form that the gate does not take stays as it was filled in, with what the gate said.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console import words
from console.feed import on_thread
from console.widgets.ask import NO_YES, YES, Ask, Field
from gate.core.days import HOW, day_of, time_of_day
from gate.core.request_steps import Act, FieldKind, FormField, Step
from gate.core.spans import AROUND, length_of, span
from gate.errors import UsageError

if TYPE_CHECKING:
    from console.modes.base import GateScreen

Told = Mapping[str, str]
DAY: Final = Field("on", "The day it happened", hint="25/11, 25 Nov, yesterday; empty: today", needed=False)
NUMBERS: Final = Field(
    "numbers", "Numbers of theirs, in any spelling", hint="with commas between", needed=False, join=", "
)

OPEN: Final = (
    Field("name", "Who asks", needed=False),
    Field("contact", "E-mail or postal address", needed=False),
    NUMBERS,
    Field("about", "What it is about, in their words", needed=False),
    Field(
        "call",
        "The call that it is about",
        hint="25/11, or 25/11 14:30, or with give or take: 25/11 14:30 45m",
        needed=False,
    ),
    Field("received", "The day it came", hint="25/11, 25 Nov, yesterday; empty: today", needed=False),
)
LABELS: Final[Mapping[tuple[Act, str], tuple[str, str]]] = {
    (Act.ASK_IDENTITY, "note"): ("What is asked for; it goes into the letter", "a bill with the number"),
    (Act.VERIFY_IDENTITY, "checked"): ("What was checked", "passport seen in person"),
    (Act.CLARIFY, "question"): ("What is asked; it goes into the letter", "Which of our calls do you mean?"),
    (Act.CLARIFIED, "answer"): ("What they said", ""),
    (Act.EXTEND, "reasons"): ("Why; it goes into the letter", "forty recordings have to be heard"),
    (Act.SEARCH, "numbers"): ("More numbers of theirs, in any spelling", "with commas between"),
    (Act.SEARCH, "call"): ("When the call was", "25/11, or 25/11 14:30, or 25/11 14:30 45m"),
    (Act.SEARCH, "everything"): ("At any time, whatever call the request names", ""),
    (Act.GRANT, "reasons"): ("A remark for the letter", ""),
    (Act.REFUSE, "reasons"): ("Reasons, in words that the person understands", ""),
    (Act.RECTIFY, "statement"): ("What was wrong and what is right", "The name is Ann Lee, not Anne Leigh."),
    (Act.RECTIFY, "records"): (
        "Beside which records: ids of calls, consents …",
        "with commas between; empty: the request",
    ),
    (Act.WITHDRAW, "reason"): ("What they said", ""),
    (Act.TELL_AUTHORITY, "evidence"): ("Proof, a reference: theirs, a consignment, a message", "IC-301234-X9Y8"),
    (Act.TELL_RECIPIENT, "evidence"): ("Proof, where there is one: a reference", "message 17"),
    (Act.TELL_RECIPIENT, "evidence_sha256"): ("Or a file that proves it: name and SHA-256 are kept", ""),
    (Act.TELL_AUTHORITY, "evidence_sha256"): ("Or a file that proves it: name and SHA-256 are kept", ""),
}
"""What a field of a step's form is called, and its hint."""


def form(step: Step) -> list[Field]:
    """The fields of a step, but for what is chosen before (a ground)."""
    return [_field(step.act, each) for each in step.fields if each.kind is not FieldKind.CHOICE]


def _field(act: Act, field: FormField) -> Field:
    known = {"on": DAY, "numbers": NUMBERS}.get(field.name)
    if (act, field.name) not in LABELS and known is not None:
        return known
    label, hint = LABELS[act, field.name]
    choices = NO_YES if field.kind is FieldKind.FLAG else ()
    return Field(field.name, label, hint=hint, needed=field.needed, choices=choices)


async def filled(
    screen: GateScreen,
    title: str,
    fields: Sequence[Field],
    send: Callable[[Told], Awaitable[Any]],
    *,
    said: str = "",
    act: str = "OK",
) -> Any:
    """What ``send`` answered to what was filled in; None where the form was left. Call it in a worker."""
    return await screen.app.push_screen_wait(Ask(title, fields, said=said, act=act, send=send, ready=not fields))


def values(told: Told) -> dict[str, Any]:
    """The fields of a step: texts as they are, ``numbers`` and ``on`` read. Raises ``UsageError``."""
    read: dict[str, Any] = {name: value.strip() for name, value in told.items() if name not in ("numbers", "on")}
    if "numbers" in told:
        read["numbers"] = numbers(told["numbers"])
    if "records" in told:
        read["records"] = numbers(told["records"])
    return read | {"on": day(told.get("on", ""))}


async def proven(screen: GateScreen, read: dict[str, Any]) -> dict[str, Any]:
    """The fields of a step, a file that is named as proof as its name and its SHA-256. Raises ``GateError``."""
    named = read.get("evidence_sha256", "")
    if not named:
        return read
    if read.get("evidence"):
        raise UsageError("one proof is kept", hint="Give a reference or a file.")
    files, path = screen.app.setup.files, Path(named)
    if files is None:
        raise UsageError("no file is read here", hint="Give a reference; or: dialgate request told … --file FILE")
    return read | {"evidence": path.name, "evidence_sha256": await on_thread(partial(files.digest, path))}


def opening(told: Told) -> dict[str, Any]:
    """The fields of ``request_open``. Raises ``UsageError``."""
    since, until = call_time(told["call"])
    texts = {name: told[name].strip() for name in ("name", "contact", "about")}
    return texts | {
        "numbers": numbers(told["numbers"]),
        "since": since,
        "until": until,
        "received": day(told["received"]),
    }


def searching(told: Told) -> dict[str, Any]:
    """The fields of ``request_search``. Raises ``UsageError``."""
    since, until = call_time(told["call"])
    everything = told["everything"] == YES
    return {"numbers": numbers(told["numbers"]), "since": since, "until": until, "everything": everything}


def numbers(text: str) -> list[str]:
    """With commas or semicolons between."""
    return [each.strip() for each in re.split(r"[,;]", text) if each.strip()]


def day(text: str, *, ahead: bool = False) -> date | None:
    """A day, without a year the last one or with ``ahead`` the next; None for nothing. Raises ``UsageError``."""
    if not text.strip():
        return None
    try:
        return day_of(text, words.today(), ahead=ahead)
    except ValueError:
        raise UsageError(f"{text.strip()!r} is not a day", hint=HOW) from None


def call_time(text: str) -> tuple[datetime | None, datetime | None]:
    """From and to of ``25/11``, ``25/11 14:30``, ``25/11 14:30 45m`` or ``25/11 to 27/11``.

    Raises ``UsageError``.
    """
    typed = " ".join(text.split())
    if not typed:
        return None, None
    today = words.today()
    try:
        first, to, last = typed.partition(" to ")
        if to:
            return span(None, first=day_of(first, today), last=day_of(last, today))
        return span(*_when(typed, today))
    except ValueError:
        hint = "write 25/11/2026, or 25/11 14:30, or 25/11 14:30 45m, or 25/11 to 27/11"
        raise UsageError(f"{text!r} does not say when", hint=hint) from None


def _when(typed: str, today: date) -> tuple[date, time | None, timedelta]:
    """A day, the time of it, give or take. Raises ``ValueError``."""
    try:
        return day_of(typed, today), None, AROUND
    except ValueError:
        rest, _, last = typed.rpartition(" ")
    if last[-1:] in ("m", "h") and last[:1].isdigit() and not last.endswith(("am", "pm")):
        rest, _, at = rest.rpartition(" ")
        return day_of(rest, today), time_of_day(at), length_of(last)
    return day_of(rest, today), time_of_day(last), AROUND
