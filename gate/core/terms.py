"""The words of screening as values: what is asked, what is known of a number, and what is answered.

Everything here is frozen and knows no rule; the rules are in ``gate.core.screening``, which offers these names too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Purpose(StrEnum):
    """What a call is for."""

    MARKETING = "marketing"
    SERVICE = "service"


class Topic(StrEnum):
    """What a marketing call is about; the last two are opt-in only (PECR reg 21A, 21B)."""

    GENERAL = "general"
    CLAIMS = "claims"
    PENSIONS = "pensions"


class Scope(StrEnum):
    """What an objection stops (LAW 1.7a)."""

    MARKETING = "marketing"
    ALL = "all"
    """Service calls too: the person wants no calls at all."""


class Verdict(StrEnum):
    """The two answers."""

    ALLOW = "allow"
    BLOCK = "block"


class Reason(StrEnum):
    """Reason codes; more may be added, none may change its meaning."""

    LISTED_TPS = "listed_tps"
    LISTED_CTPS = "listed_ctps"
    OBJECTED = "objected"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    REQUEST_PENDING = "request_pending"
    RESTRICTED = "restricted"
    CONSENT_EXPIRED = "consent_expired"
    TOPIC_NEEDS_CONSENT = "topic_needs_consent"
    PENSIONS_NOT_AUTHORISED = "pensions_not_authorised"
    REGISTER_MISSING = "register_missing"
    REGISTER_STALE = "register_stale"
    REGISTER_DAMAGED = "register_damaged"
    OUTSIDE_COVERAGE = "outside_coverage"
    OUTSIDE_HOURS = "outside_hours"
    DESTINATION_NOT_ALLOWED = "destination_not_allowed"
    TEST_CALL = "test_call"
    IDENTITY_WITHHELD = "identity_withheld"
    CLI_NOT_OWNED = "cli_not_owned"
    NUMBER_INVALID = "number_invalid"
    REDIAL_TOO_SOON = "redial_too_soon"
    BUSY_WITH_CALL = "busy_with_call"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    RECORDER_UNAVAILABLE = "recorder_unavailable"
    ANNOUNCEMENT_UNAVAILABLE = "announcement_unavailable"
    MEDIA_UNAVAILABLE = "media_unavailable"
    EVIDENCE_UNAVAILABLE = "evidence_unavailable"
    EVIDENCE_ROLLED_BACK = "evidence_rolled_back"
    EVIDENCE_UNSIGNED = "evidence_unsigned"
    CLOCK_BEHIND = "clock_behind"
    MEMORY_UNAVAILABLE = "memory_unavailable"
    TOO_MANY_CALLS = "too_many_calls"
    TOO_MANY_CALLS_A_MINUTE = "too_many_calls_a_minute"
    TOO_MANY_CALLS_AT_ONCE = "too_many_calls_at_once"
    TOO_MANY_SECONDS_A_DAY = "too_many_seconds_a_day"
    LOOP_DETECTED = "loop_detected"
    GATE_STOPPING = "gate_stopping"
    NOT_AUTHENTICATED = "not_authenticated"
    CLAIM_REFUSED = "claim_refused"
    NOT_ASKED = "not_asked"
    """The call was made without the gate, which learnt of it by its recording."""
    INTERNAL_ERROR = "internal_error"
    NOT_LISTED = "not_listed"
    CONSENTED = "consented"
    SERVICE_CALL = "service_call"
    EMERGENCY_CALL = "emergency_call"
    CALL_IN = "call_in"
    """No attempt of the firm's: somebody calls it, and nothing was screened."""


ALLOWING = frozenset({Reason.NOT_LISTED, Reason.CONSENTED, Reason.SERVICE_CALL, Reason.EMERGENCY_CALL, Reason.CALL_IN})
"""The reasons that an allow may have; every other one blocks."""


UNPROVEN = "unproven"
"""Who asks, where nobody has proven who they are."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call asked for, as it came in: nothing here is trusted yet."""

    raw_number: str
    purpose: Purpose
    topic: Topic
    presentation: str
    """The number the caller would present, E.164 (``+44…``), or empty where none is configured."""
    withheld: bool
    """The caller asked to hide: Privacy header, anonymous From, or a 141 prefix."""
    claimed_by: str
    """Who asks, e.g. ``account:alice``, ``trunk:pbx1``, ``user:root(0)``; purpose and topic are their word."""
    claimed_through: str = ""
    """By which way they said it: ``configuration`` (of the account or PBX), ``prefix *71``, ``header X-…``, ``request``
    (of a phone system or a person who asks); empty where nobody has proven who they are."""
    shown_from: str = ""
    """The header that names the firm's own number of a call which was passed on for somebody else: ``diversion``,
    ``history-info``; empty where ``presentation`` came as it usually does."""
    as_dialled: str = ""
    """As it came, where a dial plan made ``raw_number`` of it; for the evidence alone."""


@dataclass(frozen=True, slots=True)
class RegisterView:
    """What one register says of one number, with the identity of the snapshot that says it."""

    name: str
    """``tps`` or ``ctps``."""
    state: str
    """``ok``, ``missing`` or ``damaged``."""
    as_of: date | None = None
    count: int = 0
    sha256: str = ""
    covered: bool = True
    """False: the licence does not cover this number, so its absence is not clearance."""
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """A subscriber's word that they do not object to this firm's calls on this line (PECR reg 21(4), (5))."""

    id: str
    given_at: datetime
    withdrawn_at: datetime | None = None
    learnt: int = 0
    """Its place in the order in which the firm learnt of things: the leaf that it was entered with."""
    withdrawn_learnt: int = 0
    """The place of its withdrawal; 0 where there is none."""
    after_objection: bool = False
    """It was entered by name as given after an objection: no other one lifts an objection (LAW 1.7a)."""
    topics: frozenset[Topic] = frozenset({Topic.GENERAL})
    """What calls it was given for: a general yes is none to claims or pensions (LAW 1.5)."""
    proven: bool = True
    """Its evidence is named; one without any is none."""
    purpose: Purpose = Purpose.MARKETING
    """What it was given for: a yes to service calls is none to marketing."""
    holds_until: date | None = None
    """The last day on which it holds by its own words; None: they name none."""
    longer: bool = False
    """That day is later than the firm's term, and stands in the words agreed to."""


@dataclass(frozen=True, slots=True)
class Objection:
    """An entry of the firm's own do-not-call list."""

    id: str
    made_at: datetime
    learnt: int = 0
    """Its place in the order in which the firm learnt of things: the leaf that it was entered with."""
    scope: Scope = Scope.MARKETING
    """What it stops."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The attempts that were let through to a number in the last day, whatever became of them."""

    in_hand: int = 0
    """Of them, those that are not over: they ring, are announced to or talk."""
    times: tuple[datetime, ...] = ()
    """When each was asked for, newest first."""


UNTRIED = Tried()


@dataclass(frozen=True, slots=True)
class Stop:
    """What stops marketing to a number while it lasts, beside its own lists (LAW 1.7a)."""

    reason: Reason
    """``REQUEST_PENDING``: an erasure or objection request that is open. ``RESTRICTED``: a restriction (Art 18)."""
    reference: str
    """By which the firm finds it: ``DSR-2026-0007``; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and everything it rests on (LAW 1.11)."""

    verdict: Verdict
    reason: Reason
    number: str
    """E.164, what will be dialled; empty where the raw number was refused."""
    explanation: str
    """One sentence that a salesperson understands."""
    registers: tuple[RegisterView, ...] = ()
    consent_id: str | None = None
    objection_id: str | None = None
    """The one that blocks; of a service call the one that would block marketing."""

    @property
    def allowed(self) -> bool:
        """True where the call may be dialled."""
        return self.verdict is Verdict.ALLOW

    @property
    def listed_service(self) -> bool:
        """A service call to a number that is on a register, or that has objected to marketing."""
        against = self.objection_id is not None or any(view.listed for view in self.registers)
        return against and self.reason is Reason.SERVICE_CALL
