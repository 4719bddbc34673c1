"""The figures of a month for the firm's management: counted, and nobody named but the firm's accounts and PBXs.

What a report says of a month stays the same whenever it is made, but for what is erased meanwhile.

``gate.store.figures`` counts by hours of UTC; the sums here are of days of London.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gate.config import Config, reminders
from gate.converting import convert
from gate.core.days import LONDON, london_day, midnight
from gate.core.facts.contacts import Screened
from gate.core.facts.gate import GateStarted, NotPermitted, RefusedStrangers, RefusedWithoutEvidence
from gate.core.facts.recordings import ErasedCameBack
from gate.core.facts.retention import FactsErased, NumberShown
from gate.core.request_words import State
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import ALLOWING, Reason
from gate.errors import UsageError
from gate.exports.report import EXPORTS
from gate.operations.operation import READERS, Caller, Request, Response, about, operation
from gate.operations.requests.standing import replay, warning_of
from gate.store import figures, queries
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.queries import Source


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


class Policy(Response, frozen=True):
    """The firm's policy."""

    version: str
    reviewed: str
    reminders: list[str]
    """What somebody should have seen to by then: the review, and on a live gate what is set beyond the policy."""


class DayAttempts(Response, frozen=True):
    """Attempts of a day."""

    day: str
    allow: int
    block: int


class ReasonAttempts(Response, frozen=True):
    """Attempts decided for one reason."""

    reason: str
    allows: bool
    attempts: int


class Attempts(Response, frozen=True):
    """Attempts of a month."""

    total: int
    allowed: int
    blocked: int
    days: list[DayAttempts]
    reasons: list[ReasonAttempts]
    """Most frequent first."""
    connected: int
    unrecorded: int
    objected: int
    """In the call."""


class ServiceOf(Response, frozen=True):
    """Service calls that one account, PBX or token claimed."""

    claimed_by: str
    calls: int
    listed: int


class ServiceCalls(Response, frozen=True):
    """Calls that were claimed to be service, which registers and objections to marketing do not stop."""

    calls: int
    listed: int
    """To numbers that were on a register, or had objected to marketing."""
    claimed_by: list[ServiceOf]
    """Most of those first."""


class AgainstRefusal(Response, frozen=True):
    """A call that was made although the gate had refused it."""

    at: str
    """When that was learnt, by its recording."""
    reason: str
    claimed_by: str | None
    call_id: str


class RegisterDay(Response, frozen=True):
    """A register on a day."""

    day: str
    age: int | None
    """Days of the snapshot in force at the day's end."""
    state: str
    """The worst of the day: ``ok``, ``stale``, ``missing``; empty before the log begins."""


class RegisterImported(Response, frozen=True):
    """An import of a register."""

    at: str
    as_of: str
    count: int
    added: int | None
    removed: int | None


class RegisterMonth(Response, frozen=True):
    """A register in a month."""

    name: str
    days: list[RegisterDay]
    bad_days: list[str]
    oldest: int | None
    imports: list[RegisterImported]


class RecordingsDay(Response, frozen=True):
    """Recordings of a day."""

    day: str
    made: int
    erased: int


class RecordingsKept(Response, frozen=True):
    """Recordings that were there at the end."""

    recordings: int
    seconds: float
    bytes: int


class Recordings(Response, frozen=True):
    """Recordings of a month."""

    made: int
    seconds: float
    interrupted: int
    erased: int
    grounds: dict[str, int]
    """Erased, by ground: ``retention``, ``request``, ``other``."""
    days: list[RecordingsDay]
    kept: RecordingsKept


class RequestInMonth(Response, frozen=True):
    """A data subject's request as it stood at the end."""

    reference: str
    asks: str
    received: str
    outcome: str
    over_on: str | None
    """When its end was entered: days and lateness go by it."""
    claimed_on: str | None
    """When it happened, as was claimed with a proof: an earlier day than that of its entry."""
    days: int
    due: str | None
    late: bool
    warning: str
    """What was to be seen to at the end; empty where nothing."""


class HoldsInMonth(Response, frozen=True):
    """Holds put and released, and those in force at the end."""

    put: int
    released: int
    in_force: int
    restrictions: int


class OwnLists(Response, frozen=True):
    """Changes of the firm's own lists."""

    objections: int
    removed: int
    consents: int
    withdrawn: int


class Verification(Response, frozen=True):
    """A verification of the log."""

    at: str
    ok: bool | None
    size: int | None


class Evidence(Response, frozen=True):
    """The log's own figures."""

    checkpoints: int
    first: int | None
    """The sizes that the first and the last checkpoint sign."""
    last: int | None
    verified: int
    verified_bad: int
    last_verified: Verification | None
    refused_without_evidence: int
    refused_strangers: int
    number_shown: int
    not_permitted: int
    gate_started: int
    erased_came_back: int
    facts_erased: int
    screened: int


class MonthReport(Response, frozen=True):
    """The figures of a month."""

    month: str
    first: date
    last: date
    whole: bool
    """The month is over."""
    began: str | None
    """When the log begins."""
    made_at: str
    firm: str
    policy: Policy
    attempts: Attempts
    against_refusal: list[AgainstRefusal]
    """Calls that were made although they had been refused; the first 1,000."""
    service: ServiceCalls
    registers: list[RegisterMonth]
    recordings: Recordings
    requests: list[RequestInMonth]
    holds: HoldsInMonth
    own_lists: OwnLists
    exports: dict[str, int]
    """By kind of fact."""
    evidence: Evidence


class ReportMonth(Request[MonthReport], frozen=True):
    """Figures of a month: attempts, service calls, registers, recordings, requests, evidence; nobody is named but
    accounts and PBXs."""

    month: Annotated[
        str, msgspec.Meta(max_length=7), about("The figures of a month.", eg=("2026-11",), metavar="YYYY-MM")
    ]


@operation(ReportMonth, "report_month", roles=READERS)
def report_month(folder: DataFolder, asked: ReportMonth, caller: Caller) -> MonthReport:
    """The figures of a month, in days of London; of a month that goes on, those up to today.

    Raises ``UsageError`` for what is not a month, or has not begun.
    """
    now = folder.clock.now()
    first, last, whole = span_of(asked.month, now.astimezone(LONDON).date())
    since, until = midnight(first), midnight(last + timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def read(reader: Source) -> dict[str, Any]:
        counted = figures.month(reader, last, (since, until), (*EXPORTS, *ACTS))
        return counted | {"requests": [_request_in(reader, row, last, until) for row in counted["requests"]]}

    counted = folder.read(read)
    report = {
        "month": asked.month,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "whole": whole,
        "began": counted["began"],
        "made_at": now.isoformat(),
        "firm": folder.config.firm.legal_name,
        "policy": msgspec.to_builtins(policy_of(folder.config, last)),
        "attempts": attempts_of(days, counted["attempts"]) | counted["outcomes"],
        "against_refusal": counted["against"],
        "service": service_of(counted["service"]),
        "registers": list(
            registers_of(folder.config.calling.registers, days, counted["imports"], counted["began"], now)
        ),
        "recordings": recordings_of(days, counted["made"], counted["erased"]) | {"kept": counted["kept"]},
        "requests": counted["requests"],
        "holds": counted["holds"],
        "own_lists": counted["own_lists"],
        "exports": {kind: counted["facts"][kind] for kind in EXPORTS},
        "evidence": evidence_of(counted),
    }
    return convert(report, MonthReport)


def policy_of(config: Config, today: date) -> Policy:
    """The policy as the configuration has it, with what was due on a day; on that of its review, where that came later:
    the configuration does not know the one before."""
    firm = config.firm
    day = max(today, date.fromisoformat(firm.policy_reviewed))
    return Policy(firm.policy_version, firm.policy_reviewed, reminders(config, day))


def _request_in(reader: Source, row: Row, last: date, until: datetime) -> Row:
    """One request as it stood at the end, by what was entered until then: its days, and whether its answer came in
    time."""
    received = date.fromisoformat(row["received"])
    course = queries.facts_of(reader, row["id"])
    known = [fact for fact in course if datetime.fromisoformat(fact["at"]) < until]
    request = replay(known or course[:1])  # it came before the end, and was entered after it
    end = request.over_on or last
    clock = request.last_clock(end)
    claimed = request.over_claimed if request.over_claimed != request.over_on else None
    refused = "refused" if request.ground else "withdrawn"
    return {
        "reference": row["reference"],
        "asks": row["asks"],
        "received": row["received"],
        "outcome": {State.DONE: "fulfilled", State.CLOSED: refused}.get(request.state, "open"),
        "over_on": request.over_on.isoformat() if request.over_on else None,
        "claimed_on": claimed.isoformat() if claimed else None,
        "days": (end - received).days,
        "due": clock.due.isoformat() if clock else None,
        "late": request.was_late(end),
        "warning": "" if request.over_on else warning_of(request, clock, request.acknowledge_by(), last),
    }
