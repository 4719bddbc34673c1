"""Rows of a month's report: what the database counts, by hours of UTC, and the report that is made of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from gate.core.facts.audit import BundleSigned
from gate.core.facts.keys import KeysGivenOut
from gate.core.facts.lists import ListExported
from gate.core.facts.recordings import Exported
from gate.core.facts.requests import LetterSent, PackMade
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
    reviewed: Annotated[str, Heading("Last reviewed")]
    reminders: Annotated[list[str], Heading("To be seen to")]
    """What somebody should have seen to by then: the review, and on a live gate what is set beyond the policy."""


class DayAttempts(Row, frozen=True):
    """Attempts of a day."""

    day: str
    allow: Annotated[int, Heading("Allowed")]
    block: Annotated[int, Heading("Refused")]


class ReasonAttempts(Row, frozen=True):
    """Attempts decided for one reason."""

    reason: str
    allows: Annotated[bool, Heading("Lets through")]
    attempts: int


class Attempts(Row, frozen=True):
    """Attempts of a month."""

    total: Annotated[int, Heading("All")]
    allowed: int
    blocked: Annotated[int, Heading("Refused")]
    days: Annotated[list[DayAttempts], Heading("by day")]
    reasons: Annotated[list[ReasonAttempts], Heading("by reason")]
    """Most frequent first."""
    connected: int
    unrecorded: Annotated[int, Heading("Not recorded")]
    objected: Annotated[int, Heading("Objected in the call")]
    """In the call."""


class ServiceOf(Row, frozen=True):
    """Service calls that one account, PBX or token claimed."""

    claimed_by: Annotated[str, Heading("Caller")]
    calls: int
    listed: Annotated[int, Heading("To listed numbers")]


class ServiceCalls(Row, frozen=True):
    """Calls that were claimed to be service, which registers and objections to marketing do not stop."""

    calls: int
    listed: Annotated[int, Heading("To listed numbers")]
    """To numbers that were on a register, or had objected to marketing."""
    claimed_by: Annotated[list[ServiceOf], Heading("by caller")]
    """Most of those first."""


class AgainstRefusal(Row, frozen=True):
    """A call that was made although the gate had refused it."""

    at: Annotated[str, Heading("Learnt")]
    """When that was learnt, by its recording."""
    reason: str
    claimed_by: Annotated[str | None, Heading("Caller")]
    call_id: str


class RegisterDay(Row, frozen=True):
    """A register on a day."""

    day: str
    age: Annotated[int | None, Heading("Days old")]
    """Days of the snapshot in force at the day's end."""
    state: str
    """The worst of the day: ``ok``, ``stale``, ``missing``; empty before the log begins."""


class RegisterImported(Row, frozen=True):
    """An import of a register."""

    at: Annotated[str, Heading("Imported")]
    as_of: Annotated[str, Heading("Edition")]
    count: Annotated[int, Heading("Numbers")]
    added: int | None
    removed: int | None


class RegisterMonth(Row, frozen=True):
    """A register in a month."""

    name: Annotated[str, Heading("Register")]
    days: list[RegisterDay]
    bad_days: Annotated[list[str], Heading("Days without a fresh edition")]
    oldest: Annotated[int | None, Heading("Oldest edition, days")]
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
    seconds: Annotated[float, Heading("Length")]
    bytes: Annotated[int, Heading("Size")]


class Recordings(Row, frozen=True):
    """Recordings of a month."""

    made: int
    seconds: Annotated[float, Heading("Length")]
    interrupted: int
    erased: int
    grounds: Annotated[dict[str, int], Heading("Erased, why")]
    """Erased, by ground: ``retention``, ``request``, ``other``."""
    days: Annotated[list[RecordingsDay], Heading("by day")]
    kept: Annotated[RecordingsKept, Heading("kept at the end")]


class RequestInMonth(Row, frozen=True):
    """A data subject's request as it stood at the end."""

    reference: str
    asks: Annotated[str, Heading("Asks for")]
    received: str
    outcome: str
    over_on: Annotated[str | None, Heading("Over")]
    """When its end was entered: days and lateness go by it."""
    claimed_on: Annotated[str | None, Heading("Happened")]
    """When it happened, as was claimed with a proof: an earlier day than that of its entry."""
    days: int
    due: str | None
    late: bool
    acknowledged: Annotated[bool, Heading("Acknowledged in time")]
    """Whether the acknowledgement of a complaint was entered in time."""
    acknowledged_late: bool
    """The acknowledgement of a complaint was entered after its last day, or is missing though that has passed."""
    warning: Annotated[str, Heading("To be seen to")]
    """What was to be seen to at the end; empty where nothing."""


class ComplaintsInMonth(Row, frozen=True):
    """Complaints (DPA 2018 s.164A) that were open in the month, as they stood at its end."""

    received: int
    """In the month."""
    acknowledged: Annotated[int, Heading("Acknowledged in time")]
    """In time, by what was entered."""
    acknowledged_late: int
    """After the 30th day, or not yet though it has passed."""
    granted: int
    """With their outcome told."""
    refused: int
    open: int
    median_days: Annotated[float | None, Heading("Days to the end, median")]
    """From the receipt to the end, of those that were granted or refused; None where none was."""


class HoldsInMonth(Row, frozen=True):
    """Holds put and released, and those in force at the end."""

    put: int
    released: int
    in_force: int
    restrictions: Annotated[int, Heading("Of these restrictions")]


class OwnLists(Row, frozen=True):
    """Changes of the firm's own lists."""

    objections: Annotated[int, Heading("Objections added")]
    removed: Annotated[int, Heading("Objections removed")]
    consents: Annotated[int, Heading("Consents added")]
    withdrawn: Annotated[int, Heading("Consents withdrawn")]


class Verification(Row, frozen=True):
    """A verification of the log."""

    at: Annotated[str, Heading("Verified")]
    ok: Annotated[bool | None, Heading("It held")]
    size: Annotated[int | None, Heading("Leaves")]


class Evidence(Row, frozen=True):
    """The log's own figures."""

    checkpoints: int
    first: Annotated[int | None, Heading("First signed size")]
    """The sizes that the first and the last checkpoint sign."""
    last: Annotated[int | None, Heading("Last signed size")]
    verified: Annotated[int, Heading("Verifications")]
    verified_bad: Annotated[int, Heading("Verifications that failed")]
    last_verified: Annotated[Verification | None, Heading("last verification")]
    refused_without_evidence: Annotated[int, Heading("Refusals that could not be kept")]
    refused_strangers: Annotated[int, Heading("Refused to strangers")]
    number_shown: Annotated[int, Heading("Numbers seen in full")]
    not_permitted: Annotated[int, Heading("Asked for without the role")]
    gate_started: Annotated[int, Heading("Starts of the gate")]
    erased_came_back: Annotated[int, Heading("Erased recordings that came back")]
    facts_erased: Annotated[int, Heading("Erasures of facts")]
    screened: Annotated[int, Heading("Files screened")]


class MonthReport(Row, frozen=True):
    """The figures of a month."""

    month: str
    first: Annotated[date, Heading("From")]
    last: Annotated[date, Heading("To")]
    whole: Annotated[bool, Heading("The month is over")]
    """The month is over."""
    began: Annotated[str | None, Heading("The log begins")]
    """When the log begins."""
    made_at: Annotated[str, Heading("Made")]
    firm: str
    policy: Annotated[Policy, Heading("Policy")]
    attempts: Attempts
    against_refusal: Annotated[list[AgainstRefusal], Heading("Calls made against a refusal")]
    """Calls that were made although they had been refused; the first 1,000."""
    service: Annotated[ServiceCalls, Heading("Service calls")]
    abandoned: Annotated[list[CampaignRate], Heading("Abandoned calls")]
    """Every campaign, and each caller as a whole."""
    registers: list[RegisterMonth]
    recordings: Recordings
    requests: list[RequestInMonth]
    complaints: Annotated[ComplaintsInMonth, Heading("Complaints")]
    holds: HoldsInMonth
    own_lists: Annotated[OwnLists, Heading("Own lists")]
    exports: Annotated[dict[str, int], Heading("Went out")]
    """By kind of fact."""
    evidence: Evidence


WENT_OUT: Final = {
    Exported.kind: "recordings taken to be opened",
    ListExported.kind: "own lists exported",
    BundleSigned.kind: "bundles for auditors",
    PackMade.kind: "packs for persons who asked",
    KeysGivenOut.kind: "keys given out with a bundle",
    LetterSent.kind: "letters sent",
}
"""Kinds of fact that say that something left the gate, and what each is called."""
