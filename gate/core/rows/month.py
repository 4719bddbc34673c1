"""Rows of a month's report: what the database counts, by hours of UTC, and the report that is made of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from gate.core.rows import Heading, Row


class AttemptsOfHour(Row, frozen=True):
    """Attempts in an hour of UTC (``2026-03-02T10``) that were decided for one reason."""

    hour: str
    reason: str | None
    attempts: int


class Outcomes(Row, frozen=True):
    """What became of the attempts."""

    connected: int
    unrecorded: int
    objected: int
    """In the call."""


class ServiceClaimed(Row, frozen=True):
    """Service calls by who claimed them."""

    claimed_by: str | None
    calls: int
    listed: int
    """To numbers that were on a register, or had objected to marketing."""


class MadeInHour(Row, frozen=True):
    """Recordings that were made in an hour of UTC."""

    hour: str
    made: int
    seconds: float
    interrupted: int


class ErasedInHour(Row, frozen=True):
    """Recordings that were erased in an hour of UTC on one basis."""

    hour: str
    basis: str | None
    erased: int


class Heads(Row, frozen=True):
    """Signed heads: how many, and the sizes that the first and the last one sign."""

    checkpoints: int
    first: int | None
    last: int | None


class Import(Row, frozen=True):
    """An import of a register."""

    name: str | None
    at: str
    as_of: str | None
    count: int | None
    added: int | None
    removed: int | None


class RequestThen(Row, frozen=True):
    """A data subject's request that was open in the time."""

    id: str
    reference: str
    asks: str
    received: str


class Policy(Row, frozen=True):
    """The firm's policy."""

    version: str
    reviewed: str
    reminders: list[str]
    """What somebody should have seen to by then: the review, and on a live gate what is set beyond the policy."""


class DayAttempts(Row, frozen=True):
    """Attempts of a day."""

    day: str
    allow: int
    block: int


class ReasonAttempts(Row, frozen=True):
    """Attempts decided for one reason."""

    reason: str
    allows: bool
    attempts: int


class Attempts(Row, frozen=True):
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


class ServiceOf(Row, frozen=True):
    """Service calls that one account, PBX or token claimed."""

    claimed_by: str
    calls: int
    listed: int


class ServiceCalls(Row, frozen=True):
    """Calls that were claimed to be service, which registers and objections to marketing do not stop."""

    calls: int
    listed: int
    """To numbers that were on a register, or had objected to marketing."""
    claimed_by: list[ServiceOf]
    """Most of those first."""


class AgainstRefusal(Row, frozen=True):
    """A call that was made although the gate had refused it."""

    at: str
    """When that was learnt, by its recording."""
    reason: str
    claimed_by: str | None
    call_id: str


class RegisterDay(Row, frozen=True):
    """A register on a day."""

    day: str
    age: int | None
    """Days of the snapshot in force at the day's end."""
    state: str
    """The worst of the day: ``ok``, ``stale``, ``missing``; empty before the log begins."""


class RegisterImported(Row, frozen=True):
    """An import of a register."""

    at: str
    as_of: str
    count: int
    added: int | None
    removed: int | None


class RegisterMonth(Row, frozen=True):
    """A register in a month."""

    name: str
    days: list[RegisterDay]
    bad_days: list[str]
    oldest: int | None
    imports: list[RegisterImported]


class CampaignHour(Row, frozen=True):
    """Calls of a campaign whose callees answered in an hour of UTC, and those of which nothing more is known."""

    hour: str
    claimed_by: str | None
    campaign: str
    abandoned: int
    informed: int
    """Those of these whose callee heard who had called."""
    live: int
    left: int
    """Callees who hung up before anybody could be heard."""
    unknown: int
    """Let through, dialled by the phone system itself, and not reported."""


class CampaignRate(Row, frozen=True):
    """The answered calls of a campaign, or of all campaigns of a caller (``campaign`` is empty)."""

    claimed_by: Annotated[str, Heading("Caller")]
    campaign: Annotated[str, Heading("Campaign")]
    abandoned: int
    live: int
    percent: Annotated[float | None, Heading("Abandoned %")]
    """abandoned / (abandoned + live); None where nobody answered."""
    informed: Annotated[int, Heading("Informed")]
    left: Annotated[int, Heading("Left")]
    unknown: Annotated[int, Heading("Unknown")]
    """These four as in ``CampaignHour``."""
    worst_day: str | None = None
    """The day with the highest rate among those that reached the alarm, of a month."""
    worst_percent: float | None = None


class CampaignStop(Row, frozen=True, kw_only=True):
    """A campaign that makes no more calls until somebody releases it."""

    id: Annotated[str, Heading("Stop")]
    stopped_at: str
    claimed_by: Annotated[str | None, Heading("Caller")]
    campaign: Annotated[str | None, Heading("Campaign")]
    """Empty: all campaigns of the caller."""
    day: str
    abandoned: int
    live: int
    """The live calls of that day, when it was stopped."""


class RecordingsDay(Row, frozen=True):
    """Recordings of a day."""

    day: str
    made: int
    erased: int


class RecordingsKept(Row, frozen=True):
    """Recordings that were there at the end."""

    recordings: int
    seconds: float
    bytes: int


class Recordings(Row, frozen=True):
    """Recordings of a month."""

    made: int
    seconds: float
    interrupted: int
    erased: int
    grounds: dict[str, int]
    """Erased, by ground: ``retention``, ``request``, ``other``."""
    days: list[RecordingsDay]
    kept: RecordingsKept


class RequestInMonth(Row, frozen=True):
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
    acknowledged: bool
    """Whether the acknowledgement of a complaint was entered in time."""
    acknowledged_late: bool
    """The acknowledgement of a complaint was entered after its last day, or is missing though that has passed."""
    warning: str
    """What was to be seen to at the end; empty where nothing."""


class ComplaintsInMonth(Row, frozen=True):
    """Complaints (DPA 2018 s.164A) that were open in the month, as they stood at its end."""

    received: int
    """In the month."""
    acknowledged: int
    """In time, by what was entered."""
    acknowledged_late: int
    """After the 30th day, or not yet though it has passed."""
    granted: int
    """With their outcome told."""
    refused: int
    open: int
    median_days: float | None
    """From the receipt to the end, of those that were granted or refused; None where none was."""


class HoldsInMonth(Row, frozen=True):
    """Holds put and released, and those in force at the end."""

    put: int
    released: int
    in_force: int
    restrictions: int


class OwnLists(Row, frozen=True):
    """Changes of the firm's own lists."""

    objections: int
    removed: int
    consents: int
    withdrawn: int


class Verification(Row, frozen=True):
    """A verification of the log."""

    at: str
    ok: bool | None
    size: int | None


class Evidence(Row, frozen=True):
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


class MonthReport(Row, frozen=True):
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
    abandoned: list[CampaignRate]
    """Every campaign, and each caller as a whole."""
    registers: list[RegisterMonth]
    recordings: Recordings
    requests: list[RequestInMonth]
    complaints: ComplaintsInMonth
    holds: HoldsInMonth
    own_lists: OwnLists
    exports: dict[str, int]
    """By kind of fact."""
    evidence: Evidence
