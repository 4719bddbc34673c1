"""The figures of a month for the firm's management: counted, and nobody named but the firm's accounts and PBXs.

What a report says of a month stays the same whenever it is made, but for what is erased meanwhile.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gate.config import Config, reminders
from gate.converting import convert
from gate.core.days import LONDON, midnight
from gate.exports.report import EXPORTS
from gate.operations.operation import READERS, Caller, Request, Response, about, operation
from gate.operations.reports.month_sums import (
    ACTS,
    attempts_of,
    evidence_of,
    recordings_of,
    registers_of,
    service_of,
    span_of,
)
from gate.operations.requests.facts import replay
from gate.store import figures, queries

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.queries import Source


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
    days: int
    due: str | None
    late: bool


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
        counted = figures.month(reader, (first, last), (since, until), (*EXPORTS, *ACTS))
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


def _request_in(reader: Source, row: dict[str, Any], last: date, until: datetime) -> dict[str, Any]:
    """One request as it stood at the end: its days, and whether its answer came in time."""
    over = date.fromisoformat(row["over_on"]) if row["over_on"] else None
    end, received = over or last, date.fromisoformat(row["received"])
    course = queries.facts_of(reader, row["id"])
    known = [fact for fact in course if datetime.fromisoformat(fact["at"]) < until]
    request = replay(known or course)  # written down later than it came: as it is known now
    clock = request.last_clock(end)
    how = next((name for name in ("withdrawn", "fulfilled", "refused") if row[name]), "in hand")
    return {
        "reference": row["reference"],
        "asks": row["asks"],
        "received": row["received"],
        "outcome": how if over else "open",
        "over_on": row["over_on"],
        "days": (end - received).days,
        "due": clock.due.isoformat() if clock else None,
        "late": request.was_late(end),
    }
