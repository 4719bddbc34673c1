"""What is filled in for the steps of a request, and how it becomes the fields of an operation.

A form that the gate does not take stays as it was filled in, with what the gate said.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console import words
from console.feed import on_thread
from console.widgets.ask import YES, Ask, Field
from gate.core.days import AROUND, HOW, day_of, length_of, span, time_of_day
from gate.core.request_steps import Act, FieldKind, FormField, Step
from gate.errors import UsageError
from gate.operations.erasure.eraser import CarryOut
from gate.operations.operation import Request
from gate.operations.requests.course import (
    Acknowledge,
    AnswerSent,
    AskIdentity,
    Clarified,
    Clarify,
    Decide,
    Extend,
    Open,
    Rectify,
    VerifyIdentity,
    Withdraw,
)
from gate.operations.requests.letters import WriteLetter
from gate.operations.requests.searching import Search

if TYPE_CHECKING:
    from console.modes.base import GateScreen

Filled = Mapping[str, str]
REQUESTS: Final[Mapping[Act, type[Request[Any]]]] = {
    Act.VERIFY_IDENTITY: VerifyIdentity,
    Act.ASK_IDENTITY: AskIdentity,
    Act.CLARIFY: Clarify,
    Act.CLARIFIED: Clarified,
    Act.EXTEND: Extend,
    Act.SEARCH: Search,
    Act.GRANT: Decide,
    Act.REFUSE: Decide,
    Act.RECTIFY: Rectify,
    Act.TELL_PERSON: AnswerSent,
    Act.TELL_AUTHORITY: AnswerSent,
    Act.TELL_RECIPIENT: AnswerSent,
    Act.WITHDRAW: Withdraw,
    Act.ERASE: CarryOut,
    Act.ACKNOWLEDGE: Acknowledge,
    Act.LETTER: WriteLetter,
}
"""What is asked for with a step's form."""
_CALL: Final = Field(
    "call",
    "The call that it is about",
    hint="25/11, or 25/11 14:30, or with give or take: 25/11 14:30 45m",
    needed=False,
)
OPEN: Final = (
    *(Field.from_request(Open, name) for name in ("name", "contact", "numbers", "about")),
    _CALL,
    Field.from_request(Open, "received"),
)
_DAY: Final = Field(
    "on", "The day it happened; an earlier one with its proof", hint="today, or: 25/11, RN 1234 5678 9GB", needed=False
)
_OTHERWISE: Final = {
    (Act.SEARCH, "call"): replace(_CALL, label="When the call was", hint="25/11, or 25/11 14:30, or 25/11 14:30 45m"),
    (Act.GRANT, "reasons"): Field("reasons", "A remark for the letter", needed=False),
    **{(act, "calls"): Field.from_request(Decide, "calls", "stop") for act in (Act.GRANT, Act.REFUSE)},
    (Act.TELL_RECIPIENT, "evidence"): Field(
        "evidence", "Proof, where there is one: a reference", hint="message 17", needed=False
    ),
}
"""What of a form is no field of a request, or is another thing in this step."""


def form(step: Step) -> list[Field]:
    """The fields of a step, but for what is chosen before (a ground)."""
    return [_field(step.act, each) for each in step.fields if each.kind is not FieldKind.CHOICE]


def _field(act: Act, field: FormField) -> Field:
    known = _OTHERWISE.get((act, field.name)) or (_DAY if field.name == "on" else None)
    if known and field.needed:
        known = replace(known, label="The outcome, for the letter", needed=True)
    return known or Field.from_request(REQUESTS[act], field.name, needed=field.needed)


async def filled(
    screen: GateScreen,
    title: str,
    fields: Sequence[Field],
    send: Callable[[Filled], Awaitable[Any]],
    *,
    said: str = "",
    act: str = "OK",
) -> Any:
    """What ``send`` answered to what was filled in; None where the form was left. Call it in a worker."""
    return await screen.app.push_screen_wait(Ask(title, fields, said=said, act=act, send=send, ready=not fields))


def values(told: Filled) -> dict[str, Any]:
    """The fields of a step: texts as they are, ``numbers`` and ``on`` read; the proof of an earlier day stands behind
    it. Raises ``UsageError``."""
    read: dict[str, Any] = {name: value.strip() for name, value in told.items() if name not in ("numbers", "on")}
    if "numbers" in told:
        read["numbers"] = numbers(told["numbers"])
    if "records" in told:
        read["records"] = numbers(told["records"])
    on, _, proof = told.get("on", "").partition(",")
    return read | ({"evidence": proof.strip()} if proof.strip() else {}) | {"on": day(on)}


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


def opening(told: Filled) -> dict[str, Any]:
    """The fields of ``request_open``. Raises ``UsageError``."""
    since, until = call_time(told["call"])
    texts = {name: told[name].strip() for name in ("name", "contact", "about")}
    return texts | {
        "numbers": numbers(told["numbers"]),
        "since": since,
        "until": until,
        "received": day(told["received"]),
    }


def searching(told: Filled) -> dict[str, Any]:
    """The fields of ``request_search``. Raises ``UsageError``."""
    since, until = call_time(told["call"])
    everything = told["everything"] == YES
    line = {name: day(told[name]) for name in ("line_since", "line_until")}
    return {"numbers": numbers(told["numbers"]), "since": since, "until": until, "everything": everything, **line}


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
