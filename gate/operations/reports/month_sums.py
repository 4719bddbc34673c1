"""Sums of a month in days of London, from what ``gate.store.figures`` counts by hours of UTC. Nobody is named."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final

from gate.core.days import london_day, midnight
from gate.core.facts.contacts import Screened
from gate.core.facts.gate import GateStarted, NotPermitted, RefusedStrangers, RefusedWithoutEvidence
from gate.core.facts.recordings import ErasedCameBack
from gate.core.facts.retention import FactsErased, NumberShown
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import ALLOWING, Reason
from gate.errors import UsageError
from gate.types import Row

_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_ALLOW: Final = frozenset(reason.value for reason in ALLOWING)
ACTS: Final = tuple(
    each.kind for each in (NumberShown, NotPermitted, GateStarted, ErasedCameBack, FactsErased, Screened)
)
"""Kinds of fact that are counted beside the exports."""


# --- days -----------------------------------------------------------------------------------------------------------


def span_of(month: str, today: date) -> tuple[date, date, bool]:
    """First and last day that a report speaks of, and whether the month is over. Raises ``UsageError``."""
    found = _MONTH.fullmatch(month)
    if found is None:
        raise UsageError(f'"{month}" is not a month', hint="write YYYY-MM, e.g. 2026-11")
    first = date(int(found[1]), int(found[2]), 1)
    if first > today:
        raise UsageError(f"{month} has not begun", hint="report on a month that has")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, min(last, today), last < today


def day_of_hour(hour: str) -> str:
    """The day in London of an hour of UTC, ``2026-03-02T10``: its clock is ahead by whole hours only."""
    return london_day(f"{hour}:00Z").isoformat()


def evidence_of(counted: Row) -> Row:
    """The log's own figures."""
    verified = counted["verified"]
    return {
        **counted["heads"],
        "verified": len(verified),
        "verified_bad": sum(not each["ok"] for each in verified),
        "last_verified": verified[-1] if verified else None,
        RefusedWithoutEvidence.kind: counted["without_evidence"],
        RefusedStrangers.kind: counted["strangers"],
        **{kind: counted["facts"][kind] for kind in ACTS},
    }


# --- sums -----------------------------------------------------------------------------------------------------------


def attempts_of(days: Iterable[date], rows: Iterable[Row]) -> Row:
    """Attempts by day and verdict, and by reason, most frequent first."""
    by_day: dict[str, Counter[bool]] = defaultdict(Counter)
    by_reason: Counter[str] = Counter()
    for row in rows:
        by_day[day_of_hour(row["hour"])][row["reason"] in _ALLOW] += row["attempts"]
        by_reason[row["reason"]] += row["attempts"]
    shown = [(day.isoformat(), by_day[day.isoformat()]) for day in days]
    allowed = sum(count for reason, count in by_reason.items() if reason in _ALLOW)
    return {
        "total": by_reason.total(),
        "allowed": allowed,
        "blocked": by_reason.total() - allowed,
        "days": [{"day": day, "allow": counts[True], "block": counts[False]} for day, counts in shown],
        "reasons": [
            {"reason": reason, "allows": reason in _ALLOW, "attempts": count}
            for reason, count in sorted(by_reason.items(), key=lambda each: (-each[1], each[0]))
            if reason in frozenset(Reason)
        ],
    }


def service_of(rows: Iterable[Row]) -> Row:
    """Service calls by account and PBX, those of one token of ``control.http`` together, from wherever it asked."""
    calls: Counter[str] = Counter()
    listed: Counter[str] = Counter()
    for row in rows:
        name = (row["claimed_by"] or "unknown").partition("@")[0]
        calls[name] += row["calls"]
        listed[name] += row["listed"]
    most = sorted(calls, key=lambda name: (-listed[name], name))
    return {
        "calls": calls.total(),
        "listed": listed.total(),
        "claimed_by": [{"claimed_by": name, "calls": calls[name], "listed": listed[name]} for name in most],
    }


def registers_of(
    names: Iterable[str], days: list[date], imports: list[Row], began: str | None, now: datetime
) -> Iterator[Row]:
    """Each register by day: ``age`` of the snapshot in force at the day's end, and the worst ``state`` of the day
    (``ok``, ``stale``, ``missing``; empty before the log begins). A snapshot of day D supports calls to D + 27
    (LAW 1.4): a day on which that was over until a new one came is a stale one."""
    start = datetime.fromisoformat(began) if began else now
    for name in names:
        mine = [row for row in imports if row["name"] == name and row["as_of"]]
        shown = [_register_day(day, mine, start) for day in days]
        since = midnight(days[0])
        fresh = [row for row in mine if datetime.fromisoformat(row["at"]) >= since]
        ages = [each["age"] for each in shown if each["age"] is not None]
        yield {
            "name": name,
            "days": shown,
            "bad_days": [each["day"] for each in shown if each["state"] in ("stale", "missing")],
            "oldest": max(ages, default=None),
            "imports": [{key: row[key] for key in ("at", "as_of", "count", "added", "removed")} for row in fresh],
        }


def _register_day(day: date, imports: list[Row], began: datetime) -> Row:
    begins, ends = midnight(day), midnight(day + timedelta(days=1))
    if ends <= began:
        return {"day": day.isoformat(), "age": None, "state": ""}
    before = [row for row in imports if datetime.fromisoformat(row["at"]) < begins]
    during = [row for row in imports if begins <= datetime.fromisoformat(row["at"]) < ends]
    # On the log's first day there may be nothing before the first import; nothing was called on then either.
    in_force: list[Row | None] = [before[-1] if before else None] if begins >= began or before else []
    in_force += during
    ages = [None if row is None else (day - date.fromisoformat(row["as_of"])).days for row in in_force]
    state = "ok"
    if not ages or None in ages:
        state = "missing"
    elif any(age is not None and age > MAX_AGE_DAYS for age in ages):
        state = "stale"
    return {"day": day.isoformat(), "age": ages[-1] if ages else None, "state": state}


def ground_of(basis: str) -> str:
    """``retention`` or ``request``: why a recording went, without saying whose."""
    word = basis.split(",")[0].split(" ")[0]
    return word if word in ("retention", "request") else "other"


def recordings_of(days: Iterable[date], made: list[Row], erased: list[Row]) -> Row:
    """Recordings made and erased by day, and erased by ground."""
    made_on: Counter[str] = Counter()
    erased_on: Counter[str] = Counter()
    grounds: Counter[str] = Counter()
    for row in made:
        made_on[day_of_hour(row["hour"])] += row["made"]
    for row in erased:
        erased_on[day_of_hour(row["hour"])] += row["erased"]
        grounds[ground_of(row["basis"] or "")] += row["erased"]
    return {
        "made": made_on.total(),
        "seconds": sum(row["seconds"] for row in made),
        "interrupted": sum(row["interrupted"] for row in made),
        "erased": erased_on.total(),
        "grounds": dict(sorted(grounds.items())),
        "days": [
            {"day": day.isoformat(), "made": made_on[day.isoformat()], "erased": erased_on[day.isoformat()]}
            for day in days
        ],
    }
