"""Values of the gate as the console shows them: short, London time, numbers hidden, a state a word with a tone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from gate.core.days import LONDON
from gate.core.evidence import index_of, log_of
from gate.core.rows.lists import RegisterState
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import TOPICS
from gate.errors import GateError, RefusedError
from gate.operations.operation import MayWait
from gate.showing import clean, grouped, grouped_in, local, masked
from gate.showing import many as many

Shown = tuple[str, str]
"""A text and its tone."""
NOTHING: Final[Shown] = ("-", DIM)
AWAY: Final = "Not known: the gate is away."


def text(value: Any, tone: str = PLAIN) -> Shown:
    """Text from outside: one line, numbers in it hidden."""
    if value is None or value == "":
        return NOTHING
    return ident(value, tone) if _ID(str(value)) else (clean(grouped_in(masked(str(value)))), tone)


def ident(value: Any, tone: str = PLAIN) -> Shown:
    """An id or a digest: it names nobody, and digits in it are no number."""
    return (clean(str(value)), tone) if value else NOTHING


_ID = re.compile(r"(?=.*[a-f])[0-9a-f]{12,}").fullmatch


class InFull(str):
    """A number that was asked for, with a reason: shown as it is."""

    __slots__ = ()


def number(value: Any) -> Shown:
    """A telephone number, hidden in part."""
    if isinstance(value, InFull):
        return grouped(str(value)), LOUD
    return (clean(grouped(str(masked(str(value), "number")))), PLAIN) if value else ("erased", DIM)


def called(value: str | None, raw: str | None = None) -> Shown:
    """Whom an attempt was for: what was dialled, where that is no number."""
    return number(raw if value == "" else value)


def clock(stamp: Any) -> Shown:
    """``14:03:05``, London."""
    return _formatted(stamp, "%H:%M:%S")


WHEN: Final = 17
"""Cells of a ``moment``."""
_now: list[date] = []
"""Today in London, as the console was told last."""


def it_is(now: datetime) -> None:
    """What is the time: a date of another year shows its year."""
    _now[:] = [now.astimezone(LONDON).date()]


def today() -> date:
    """Today in London, as the console was told last."""
    return _now[0]


def _this_year(day: date) -> bool:
    return bool(_now) and day.year == _now[0].year


def moment(stamp: Any) -> Shown:
    """``02 Mar 14:03:05``, of another year ``02 Mar 2025 14:03``; London."""
    return _formatted(stamp, "%d %b %H:%M:%S", "%d %b %Y %H:%M")


def minute(stamp: Any) -> str:
    """``02 Mar 14:03``, of another year ``02 Mar 2025 14:03``; London."""
    return _formatted(stamp, "%d %b %H:%M", "%d %b %Y %H:%M")[0]


def short_day(day: date) -> str:
    """``02 Mar``, of another year ``02 Mar 2025``."""
    return f"{day:%d %b}" if _this_year(day) else f"{day:%d %b %Y}"


def lately(stamp: Any) -> str:
    """``14:03`` of today, else ``02 Mar``, of another year ``02 Mar 2025``; London."""
    try:
        at = datetime.fromisoformat(str(stamp)).astimezone(LONDON)
    except ValueError:
        return text(stamp)[0]
    return f"{at:%H:%M}" if _now and at.date() == _now[0] else short_day(at.date())


def day(value: Any) -> Shown:
    """``02 Mar 2026``."""
    if not value:
        return NOTHING
    try:
        return f"{date.fromisoformat(str(value)[:10]):%d %b %Y}", PLAIN
    except ValueError:
        return text(value)


def _formatted(stamp: Any, form: str, of_another_year: str = "") -> Shown:
    if not stamp:
        return NOTHING
    try:
        at = datetime.fromisoformat(str(stamp)).astimezone(LONDON)
        return f"{at:{form if not of_another_year or _this_year(at.date()) else of_another_year}}", PLAIN
    except ValueError:
        return text(stamp)


def length(seconds: Any) -> Shown:
    """``1:05`` of minutes and seconds, ``1:00:05`` with hours."""
    if seconds is None:
        return NOTHING
    whole = int(float(seconds))
    hours, rest = divmod(whole, 3600)
    return (f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"), PLAIN


def age(span: timedelta) -> str:
    """``3 s``, ``2 min``, ``4 h``, ``3 d``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit != "min" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def count(value: Any) -> Shown:
    """``16,900,000``."""
    return (f"{value:,}", PLAIN) if isinstance(value, int) else NOTHING


def leaf(key: int) -> Shown:
    """A leaf of any log by its key: ``1,207`` of log 0, ``3/1,207`` of another."""
    log = log_of(key)
    return (f"{log}/{index_of(key):,}" if log else f"{key:,}", PLAIN)


def size(value: Any) -> Shown:
    """Bytes: ``4.2 MB``."""
    if not isinstance(value, int | float):
        return NOTHING
    amount, unit = float(value), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return (f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"), PLAIN


# --- states -------------------------------------------------------------------------------------------------------

_STATES: Final[Mapping[str, str]] = {
    "refused": BAD,
    "talking": OK,
    "answered": WARN,
    "dialling": WARN,
    "ringing": WARN,
    "announcing": LOUD,
    "preparing": WARN,
    "committing": WARN,
    "goodbye": BAD,
    "closing": DIM,
    "screening": WARN,
    "asked": PLAIN,
    "called_against_refusal": BAD,
    "ended": DIM,
    "closed": OK,
    "open": LOUD,
    "interrupted": WARN,
    "erasing": WARN,
    "erased": DIM,
    "ok": OK,
    "missing": BAD,
    "stale": BAD,
    "damaged": BAD,
    "live": OK,
    "withdrawn": DIM,
    "in force": OK,
    "released": DIM,
    "removed": DIM,
}


_SHORT: Final = {"called_against_refusal": "CALLED"}
"""States whose word is too long for a column."""


def state(value: Any) -> Shown:
    """A state by its own word."""
    word = clean(str(value or "unknown"))
    return _SHORT.get(word, word), _STATES.get(word, PLAIN)


def verdict(value: str | None) -> Shown:
    """``allow`` or ``block`` of an attempt."""
    word = clean(value or "-")
    return word, OK if word == "allow" else BAD


def topic(code: str | None) -> Shown:
    """What calls are about; of one with a rule of its own, that too: ``claims: PECR regulation 21A, since …``."""
    rules: dict[str, str] = {row.topic: row.name for row in TOPICS if row.consent}
    return text(rules.get(code or "", code))


def reason(value: Any) -> Shown:
    """A reason code in words: ``listed tps``."""
    word = clean(str(value or "-"))
    return word.replace("_", " "), OK if word in ALLOWING else BAD


ALLOWING: Final = frozenset({"not_listed", "consented", "service_call", "emergency_call"})


def caller(claimed_by: str | None) -> Shown:
    """Who asked for a call: the account or trunk."""
    who = claimed_by or ""
    return text(who.partition(":")[2] or who)


def register_line(register: RegisterState, *, short: bool = False) -> Shown:
    """``TPS 12 d left``, in the tone of what is left of it."""
    name, left, how = clean(register.name).upper(), register.days_left, register.state
    if how != "ok" or left is None:
        return f"{name} {how.upper()}", BAD
    if left < 0:
        return f"{name} STALE", BAD
    return f"{name} {left} d{'' if short else ' left'}", WARN if left <= 5 else OK


def until(as_of: date | str | None, left: int | None) -> Shown:
    """``until 10 Aug 2026, 26 days more``: how long a register supports marketing calls (PECR reg 21(3))."""
    try:
        last = date.fromisoformat(str(as_of)) + timedelta(days=MAX_AGE_DAYS)
    except ValueError:
        return "no calls: there is no list", BAD
    if left is None or left < 0:
        return f"no calls: its last day was {last:%d %b %Y}", BAD
    return f"until {last:%d %b %Y}, {left} days more", WARN if left <= 5 else OK


def coverage(value: Any) -> Shown:
    """``full``, or the dialling codes."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(str(each) for each in value) or None
    return text(value)


def waits(response: MayWait) -> str:
    """The sentence about an act that waits for a second person; empty where it is done."""
    if response.waits is None:
        return ""
    return clean(f"Not done yet: another person confirms it until {local(response.waits.until)}, with w in Retention")


def trouble(error: GateError) -> str:
    """What went wrong, and what to do about it."""
    reason = f" ({error.reason})" if isinstance(error, RefusedError) and error.reason else ""
    return f"{error.message}{reason}" + (f"\n{error.hint}" if error.hint else "")
