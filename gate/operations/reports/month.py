"""The figures of a month for the firm's management: counted, and nobody named but the firm's accounts and PBXs.

What a report says of a month stays the same whenever it is made, but for what is erased meanwhile.

``gate.store.figures`` counts by hours of UTC; the sums here are of days of London.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec.structs import asdict

from gate.config import Config, reminders
from gate.core.days import LONDON, london_day, midnight
from gate.core.deadlines import acknowledge_by
from gate.core.facts.gate import GateStarted, NotPermitted
from gate.core.facts.lists import Screened
from gate.core.facts.recordings import ErasedCameBack
from gate.core.facts.requests import Acknowledged
from gate.core.facts.retention import FactsErased, NumberShown
from gate.core.request_words import Asks, State
from gate.core.rows.calls import FactRow
from gate.core.rows.month import (
    WENT_OUT,
    Attempts,
    AttemptsOfHour,
    ComplaintsInMonth,
    DayAttempts,
    Evidence,
    Import,
    MonthReport,
    Outcomes,
    Policy,
    ReasonAttempts,
    Recordings,
    RecordingsDay,
    RegisterDay,
    RegisterImported,
    RegisterMonth,
    RequestInMonth,
    RequestThen,
    ServiceCalls,
    ServiceClaimed,
    ServiceOf,
)
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import ALLOWING, Reason
from gate.errors import UsageError
from gate.operations.calls.campaigns import rates
from gate.operations.operation import READERS, AsOf, Caller, Request, about, operation
from gate.operations.requests.standing import replay, warning_of
from gate.store import figures, queries
from gate.store.figures import Counted

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


def evidence_of(counted: Counted) -> Evidence:
    """The log's own figures."""
    return Evidence(
        **asdict(counted.heads),
        verified=len(counted.verified),
        verified_bad=sum(not each.ok for each in counted.verified),
        last_verified=counted.verified[-1] if counted.verified else None,
        refused_without_evidence=counted.without_evidence,
        refused_strangers=counted.strangers,
        **{kind: counted.facts[kind] for kind in ACTS},
    )


# --- sums -----------------------------------------------------------------------------------------------------------


def attempts_of(days: Iterable[date], rows: Iterable[AttemptsOfHour], outcomes: Outcomes) -> Attempts:
    """Attempts by day and verdict, and by reason, most frequent first."""
    by_day: dict[str, Counter[bool]] = defaultdict(Counter)
    by_reason: Counter[str] = Counter()
    for row in rows:
        reason = row.reason or ""
        by_day[day_of_hour(row.hour)][reason in _ALLOW] += row.attempts
        by_reason[reason] += row.attempts
    shown = [(day.isoformat(), by_day[day.isoformat()]) for day in days]
    allowed = sum(count for reason, count in by_reason.items() if reason in _ALLOW)
    return Attempts(
        total=by_reason.total(),
        allowed=allowed,
        blocked=by_reason.total() - allowed,
        days=[DayAttempts(day, allow=counts[True], block=counts[False]) for day, counts in shown],
        reasons=[
            ReasonAttempts(reason, allows=reason in _ALLOW, attempts=count)
            for reason, count in sorted(by_reason.items(), key=lambda each: (-each[1], each[0]))
            if reason in frozenset(Reason)
        ],
        **asdict(outcomes),
    )


def service_of(rows: Iterable[ServiceClaimed]) -> ServiceCalls:
    """Service calls by account and PBX, those of one token of ``control.http`` together, from wherever it asked."""
    calls: Counter[str] = Counter()
    listed: Counter[str] = Counter()
    for row in rows:
        name = (row.claimed_by or "unknown").partition("@")[0]
        calls[name] += row.calls
        listed[name] += row.listed
    most = sorted(calls, key=lambda name: (-listed[name], name))
    claimed = [ServiceOf(name, calls=calls[name], listed=listed[name]) for name in most]
    return ServiceCalls(calls=calls.total(), listed=listed.total(), claimed_by=claimed)


def registers_of(
    names: Iterable[str], days: list[date], imports: list[Import], began: str | None, now: datetime
) -> Iterator[RegisterMonth]:
    """Each register by day: ``age`` of the snapshot in force at the day's end, and the worst ``state`` of the day
    (``ok``, ``stale``, ``missing``; empty before the log begins). A snapshot of day D supports calls to D + 27
    (LAW 1.4): a day on which that was over until a new one came is a stale one."""
    start = datetime.fromisoformat(began) if began else now
    for name in names:
        mine = [RegisterImported(each.at, each.as_of, each.count or 0, each.added, each.removed)
                for each in imports if each.name == name and each.as_of]  # fmt: skip
        shown = [_register_day(day, mine, start) for day in days]
        since = midnight(days[0])
        yield RegisterMonth(
            name=name,
            days=shown,
            bad_days=[each.day for each in shown if each.state in ("stale", "missing")],
            oldest=max((each.age for each in shown if each.age is not None), default=None),
            imports=[each for each in mine if datetime.fromisoformat(each.at) >= since],
        )


def _register_day(day: date, imports: list[RegisterImported], began: datetime) -> RegisterDay:
    begins, ends = midnight(day), midnight(day + timedelta(days=1))
    if ends <= began:
        return RegisterDay(day.isoformat(), age=None, state="")
    before = [each for each in imports if datetime.fromisoformat(each.at) < begins]
    during = [each for each in imports if begins <= datetime.fromisoformat(each.at) < ends]
    # On the log's first day there may be nothing before the first import; nothing was called on then either.
    in_force = [before[-1] if before else None] if begins >= began or before else []
    ages = [None if each is None else (day - date.fromisoformat(each.as_of)).days for each in (*in_force, *during)]
    state = "ok"
    if not ages or None in ages:
        state = "missing"
    elif any(age is not None and age > MAX_AGE_DAYS for age in ages):
        state = "stale"
    return RegisterDay(day.isoformat(), age=ages[-1] if ages else None, state=state)


def ground_of(basis: str) -> str:
    """``retention`` or ``request``: why a recording went, without saying whose."""
    word = basis.split(",")[0].split(" ")[0]
    return word if word in ("retention", "request") else "other"


def recordings_of(days: Iterable[date], counted: Counted) -> Recordings:
    """Recordings made and erased by day, and erased by ground."""
    made_on: Counter[str] = Counter()
    erased_on: Counter[str] = Counter()
    grounds: Counter[str] = Counter()
    for made in counted.made:
        made_on[day_of_hour(made.hour)] += made.made
    for erased in counted.erased:
        erased_on[day_of_hour(erased.hour)] += erased.erased
        grounds[ground_of(erased.basis or "")] += erased.erased
    return Recordings(
        made=made_on.total(),
        seconds=sum(each.seconds for each in counted.made),
        interrupted=sum(each.interrupted for each in counted.made),
        erased=erased_on.total(),
        grounds=dict(sorted(grounds.items())),
        days=[RecordingsDay(day, made=made_on[day], erased=erased_on[day]) for day in map(date.isoformat, days)],
        kept=counted.kept,
    )


class ReportMonth(Request[MonthReport], frozen=True):
    """Figures of a month: attempts, service calls, registers, recordings, requests, evidence; nobody is named but
    accounts and PBXs."""

    month: Annotated[
        str, msgspec.Meta(max_length=7), about("The figures of a month.", eg=("2026-11",), metavar="YYYY-MM")
    ]
    as_of: AsOf = None


@operation(ReportMonth, "report_month", roles=READERS)
def report_month(folder: DataFolder, asked: ReportMonth, caller: Caller) -> MonthReport:
    """The figures of a month, in days of London; of a month that goes on, those up to today.

    Raises ``UsageError`` for what is not a month, or has not begun.
    """
    now = folder.clock.now()
    first, last, whole = span_of(asked.month, now.astimezone(LONDON).date())
    since, until = midnight(first), midnight(last + timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def read(reader: Source) -> tuple[Counted, list[RequestInMonth]]:
        counted = figures.month(reader, last, (since, until), (*WENT_OUT, *ACTS))
        return counted, [_request_in(reader, row, last, until) for row in counted.requests]

    counted, requests = folder.read(read)
    return MonthReport(
        month=asked.month,
        first=first,
        last=last,
        whole=whole,
        began=counted.began,
        made_at=now.isoformat(),
        firm=folder.config.firm.legal_name,
        policy=policy_of(folder.config, last),
        attempts=attempts_of(days, counted.attempts, counted.outcomes),
        against_refusal=counted.against,
        service=service_of(counted.service),
        abandoned=rates(counted.campaigns, folder.screener.rules.abandoned),
        registers=list(registers_of(folder.config.calling.registers, days, counted.imports, counted.began, now)),
        recordings=recordings_of(days, counted),
        requests=requests,
        complaints=_complaints(requests, first),
        holds=counted.holds,
        own_lists=counted.own_lists,
        exports={kind: counted.facts[kind] for kind in WENT_OUT},
        evidence=evidence_of(counted),
    )


def policy_of(config: Config, today: date) -> Policy:
    """The policy as the configuration has it, with what was due on a day; on that of its review, where that came later:
    the configuration does not know the one before."""
    firm = config.firm
    day = max(today, date.fromisoformat(firm.policy_reviewed))
    return Policy(firm.policy_version, firm.policy_reviewed, reminders(config, day))


def _complaints(requests: list[RequestInMonth], first: date) -> ComplaintsInMonth:
    rows = [each for each in requests if each.asks == Asks.COMPLAINT]
    outcomes = Counter(each.outcome for each in rows)
    answered = [each.days for each in rows if each.outcome in ("fulfilled", "refused")]
    return ComplaintsInMonth(
        acknowledged=sum(each.acknowledged for each in rows),
        median_days=float(median(answered)) if answered else None,
        received=sum(each.received >= first.isoformat() for each in rows),
        acknowledged_late=sum(each.acknowledged_late for each in rows),
        granted=outcomes["fulfilled"],
        refused=outcomes["refused"],
        open=outcomes["open"],
    )


def _acknowledged_on(course: Iterable[FactRow], last: date) -> date:
    """When the acknowledgement of a complaint was entered; ``last`` where it was not until then."""
    return next((london_day(fact.at) for fact in course if fact.kind == Acknowledged.kind), last)


def _request_in(reader: Source, row: RequestThen, last: date, until: datetime) -> RequestInMonth:
    """One request as it stood at the end, by what was entered until then: its days, and whether its answer came in
    time."""
    course = queries.facts_of(reader, row.id)
    known = [fact for fact in course if datetime.fromisoformat(fact.at) < until]
    request = replay(known or course[:1])  # it came before the end, and was entered after it
    end = request.over_on or last
    acknowledged = request.asks is Asks.COMPLAINT and request.acknowledged
    acknowledged_late = request.asks is Asks.COMPLAINT and _acknowledged_on(known, last) > acknowledge_by(
        request.received
    )
    clock = request.last_clock(end)
    claimed = request.over_claimed if request.over_claimed != request.over_on else None
    refused = "refused" if request.ground else "withdrawn"
    return RequestInMonth(
        reference=row.reference,
        asks=row.asks,
        received=row.received,
        outcome={State.DONE: "fulfilled", State.CLOSED: refused}.get(request.state, "open"),
        over_on=request.over_on.isoformat() if request.over_on else None,
        claimed_on=claimed.isoformat() if claimed else None,
        days=(end - date.fromisoformat(row.received)).days,
        due=clock.due.isoformat() if clock else None,
        late=request.was_late(end),
        acknowledged=acknowledged and not acknowledged_late,
        acknowledged_late=acknowledged_late,
        warning="" if request.over_on else warning_of(request, clock, request.acknowledge_by(), last),
    )
