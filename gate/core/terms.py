"""The words of screening as values, and what each reason code says to a salesperson, in one sentence: what is so, and
what to do.

What is asked, what is known of a number, and what is answered: everything here is frozen and knows no rule; the rules
are in ``gate.core.screening``, which offers these names too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Purpose(StrEnum):
    """What a call is for."""

    MARKETING = "marketing"
    SERVICE = "service"


class Topic(StrEnum):
    """What a marketing call is about; ``TOPICS`` has the rule of each."""

    GENERAL = "general"
    CLAIMS = "claims"
    PENSIONS = "pensions"
    FUNERAL_PLANS = "funeral_plans"


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
    TOPIC_NOT_AUTHORISED = "topic_not_authorised"
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
    CAMPAIGN_STOPPED = "campaign_stopped"
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
    MERGED_REQUEST = "merged_request"
    """Another gate has this INVITE."""
    GATE_STOPPING = "gate_stopping"
    NOT_AUTHENTICATED = "not_authenticated"
    CLAIM_REFUSED = "claim_refused"
    INSTIGATOR_UNKNOWN = "instigator_unknown"
    NOT_ASKED = "not_asked"
    """The call was made without the gate, which learnt of it by its recording."""
    DECISION_LATE = "decision_late"
    INTERNAL_ERROR = "internal_error"
    NOT_LISTED = "not_listed"
    CONSENTED = "consented"
    SERVICE_CALL = "service_call"
    EMERGENCY_CALL = "emergency_call"
    CALL_IN = "call_in"
    """No attempt of the firm's: somebody calls it, and nothing was screened."""


ALLOWING = frozenset({Reason.NOT_LISTED, Reason.CONSENTED, Reason.SERVICE_CALL, Reason.EMERGENCY_CALL, Reason.CALL_IN})
"""The reasons that an allow may have; every other one blocks."""


def day_text(day: date) -> str:
    """A day of the year as people say it: ``3 March``."""
    return f"{day.day} {_MONTHS[day.month]}"


def date_text(day: date) -> str:
    """A date as people say it: ``3 March 2026``."""
    return f"{day_text(day)} {day.year}"


_MONTHS: Final = (
    *("", "January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
"""Spelled here, not by ``strftime``: a decision must read the same under every locale."""


@dataclass(frozen=True, slots=True)
class TopicRule:
    """What the law asks of marketing calls on one topic, from a day on: a row of ``TOPICS``."""

    topic: Topic
    title: str
    """As it stands in a sentence: calls about …"""
    law: str
    since: date
    """The first day on which it binds."""
    consent: bool = False
    """Opt-in only: on any number, listed or not, by a consent that speaks of the topic."""
    caller: str = ""
    """Who alone may call; empty: any firm."""
    not_authorised: Reason = Reason.TOPIC_NOT_AUTHORISED
    """The reason code where the firm does not say that it is one of them."""
    spoken: tuple[str, ...] = ()
    """The words agreed to must hold one of these; none: any will do."""

    @property
    def name(self) -> str:
        """By which a decision names it: ``claims: PECR regulation 21A, since 8 September 2018``."""
        return f"{self.topic}: {self.law}, since {date_text(self.since)}"

    @property
    def key(self) -> str:
        """The key of [firm] that says what allows it to call; empty where any firm may."""
        return f"{self.topic}_authorisation" if self.caller else ""


TOPICS: Final = (
    TopicRule(Topic.GENERAL, "other products and services", "PECR regulation 21", date(2003, 12, 11)),
    TopicRule(
        Topic.CLAIMS, "claims management", "PECR regulation 21A", date(2018, 9, 8),
        consent=True, spoken=("claim", "compensation"),
    ),
    TopicRule(
        Topic.PENSIONS, "pension schemes", "PECR regulation 21B", date(2019, 1, 9),
        consent=True, spoken=("pension",),
        caller="an authorised firm, or the trustee or manager of the scheme",
        not_authorised=Reason.PENSIONS_NOT_AUTHORISED,
    ),
    TopicRule(
        Topic.FUNERAL_PLANS, "funeral plans", "FCA rules on funeral plans (PS21/8)", date(2022, 7, 29),
        consent=True, spoken=("funeral",), caller="a firm that the FCA has authorised for funeral plans",
    ),
)  # fmt: skip
"""Every topic, with its rule (LAW 1.6): whether it needs consent, who may call, by which law, and from which day on. A
new rule of a topic is a row more, with a later day."""


def topic_rule(topic: str, day: date) -> TopicRule | None:
    """The row that binds a call of this day: the newest of its topic, and where none binds yet that of general calls.
    None for what is no topic: nobody knows what the law asks of it."""
    rows = [row for row in TOPICS if row.topic == topic]
    binding = [row for row in rows if row.since <= day] or (rows and [TOPICS[0]])
    return max(binding, key=lambda row: row.since) if binding else None


def opt_in(join: str = "or") -> str:
    """The titles of the topics that need consent: ``claims management, pension schemes or funeral plans``."""
    *first, last = dict.fromkeys(row.title for row in TOPICS if row.consent)
    return f"{', '.join(first)} {join} {last}"


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
    on_behalf_of: str = ""
    """The instigator for whom the firm calls, by the name that the configuration has for it; empty: for itself."""
    campaign: str = ""
    """The campaign as the caller names it; empty where it names none."""
    dedicated_agent: bool = False
    """An agent is at hand for this very call, by the word of somebody whom the configuration believes."""


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One register's answer about one number, with the identity of the snapshot that gives it."""

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


class SubscriberKind(StrEnum):
    """Who has a line, as the firm has noted it (PECR reg 2(1)): a company or another body corporate is a corporate
    subscriber, and everybody else, a sole trader too, an individual one."""

    INDIVIDUAL = "individual"
    CORPORATE = "corporate"
    UNKNOWN = "unknown"

    @property
    def registers(self) -> tuple[str, ...]:
        """On which registers such a line may be (PECR reg 26): where nobody knows, on either."""
        return {SubscriberKind.INDIVIDUAL: ("tps",), SubscriberKind.CORPORATE: ("ctps",)}.get(self, ("tps", "ctps"))


@dataclass(frozen=True, slots=True)
class Subscriber:
    """The subscriber of a number, as the firm has noted it."""

    kind: SubscriberKind = SubscriberKind.UNKNOWN
    since: date | None = None
    """The day since when the number is theirs; None: nobody has noted that it was another's before."""


NOBODY_KNOWN = Subscriber()


@dataclass(frozen=True, slots=True)
class Consent:
    """A subscriber's word that they do not object to this firm's calls on this line (PECR reg 21(4), (5))."""

    id: str
    given_at: datetime
    withdrawn_at: datetime | None = None
    learnt: int = 0
    """Its place in the order in which the firm learnt of things: the key of the leaf that it was entered with."""
    withdrawn_learnt: int = 0
    """The place of its withdrawal; 0 where there is none."""
    after_objection: bool = False
    """It was entered by name as given after an objection: no other one lifts an objection (LAW 1.7a)."""
    topics: frozenset[Topic] = frozenset({Topic.GENERAL})
    """What calls it was given for: a general yes is none to a topic of its own (LAW 1.5)."""
    proven: bool = True
    """Its evidence is named; one without any is none."""
    purpose: Purpose = Purpose.MARKETING
    """What it was given for: a yes to service calls is none to marketing."""
    holds_until: date | None = None
    """The last day on which it holds by its own words; None: they name none."""
    longer: bool = False
    """That day is later than the firm's term, and stands in the words agreed to."""
    on_behalf_of: str = ""
    """The instigator whose calls it is to; empty: the firm's own. It is never transferred (LAW 1.5)."""
    noted_at: datetime | None = None
    """When it was entered."""
    withdrawal_noted_at: datetime | None = None
    """When its withdrawal was."""


@dataclass(frozen=True, slots=True)
class Objection:
    """An entry of the firm's own do-not-call list."""

    id: str
    made_at: datetime
    learnt: int = 0
    """Its place in the order in which the firm learnt of things: the key of the leaf that it was entered with."""
    scope: Scope = Scope.MARKETING
    """What it stops."""
    on_behalf_of: str = ""
    """The one instigator whose calls it is to; empty: every call of the firm, for whomever it calls."""
    noted_at: datetime | None = None
    """When it was entered."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The attempts that were let through to a number for as long as a bound reaches back, whatever became of them."""

    in_hand: int = 0
    """Those of them that are not over: they ring, are announced to or talk."""
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
    topic_rule: str = ""
    """The row of ``TOPICS`` that refuses; empty where none does."""
    on_behalf_of: str = ""
    """The legal name of the instigator; empty where the firm calls for itself, or nobody knows for whom."""
    subscriber: Subscriber = NOBODY_KNOWN
    """Who has the line, as it was noted."""

    @property
    def allowed(self) -> bool:
        """True where the call may be dialled."""
        return self.verdict is Verdict.ALLOW

    @property
    def listed_service(self) -> bool:
        """A service call to a number that is on a register, or that has objected to marketing."""
        against = self.objection_id is not None or any(view.listed for view in self.registers)
        return against and self.reason is Reason.SERVICE_CALL


_SENTENCES: Final = {
    Reason.LISTED_TPS: "This number is on the Telephone Preference Service and we hold no consent: do not call it.",
    Reason.LISTED_CTPS: "This number is on the Corporate Telephone Preference Service and we hold no consent: "
    "do not call it.",
    Reason.OBJECTED: "They have asked us not to call: do not call this number.",
    Reason.CONSENT_WITHDRAWN: "They have taken back their consent to our calls: do not call this number.",
    Reason.REQUEST_PENDING: "They have asked us to erase their data or to stop calling, or have complained, and it "
    "is being seen to: do not call this number.",
    Reason.RESTRICTED: "The use of this person's data is restricted: do not call this number for marketing.",
    Reason.CONSENT_EXPIRED: "Their consent to our calls is too old to rely on: ask for a new one before calling.",
    Reason.PENSIONS_NOT_AUTHORISED: "Only an authorised firm may call about pensions, and our authorisation is not "
    "set: do not call about pensions.",
    Reason.TOPIC_NOT_AUTHORISED: "Only an authorised firm may call about this topic, and our authorisation is not set: "
    "do not call about it.",
    Reason.TOPIC_NEEDS_CONSENT: f"Calls about {opt_in()} need this person's consent first, and we hold none.",
    Reason.REGISTER_MISSING: "A register that every call is checked against is missing: "
    "no marketing calls until it is imported.",
    Reason.REGISTER_STALE: "A register is too old to rely on: no marketing calls until a new one is imported.",
    Reason.REGISTER_DAMAGED: "A register cannot be read: no marketing calls until it is imported anew.",
    Reason.OUTSIDE_COVERAGE: "Our register licence does not cover this number's area, "
    "so we cannot know whether it is listed: do not call it.",
    Reason.OUTSIDE_HOURS: "It is outside our calling hours: call later.",
    Reason.DESTINATION_NOT_ALLOWED: "Calls to this kind of number are not allowed.",
    Reason.TEST_CALL: "This number is refused always, to test that the phone system gives up then: no other trunk may "
    "ring.",
    Reason.IDENTITY_WITHHELD: "This call would hide our number, and calls must show it: ask for a number to be set.",
    Reason.CLI_NOT_OWNED: "The number this call would show is not one of ours that may be shown: "
    "ask for the right one to be set.",
    Reason.NUMBER_INVALID: "This is not a telephone number that can be dialled: check it and dial again.",
    Reason.REDIAL_TOO_SOON: "They lately answered a call of ours and found nobody there: call later.",
    Reason.BUSY_WITH_CALL: "A call of ours to this number is up or rings: wait until it is over.",
    Reason.TOO_MANY_ATTEMPTS: "This number was tried as often as may be: call later.",
    Reason.CAMPAIGN_STOPPED: "Too many people who answered this campaign found nobody there, so it is stopped: "
    "a compliance officer lets it go on.",
    Reason.RECORDER_UNAVAILABLE: "Calls cannot be recorded at the moment, so none are made: try again in a minute.",
    Reason.ANNOUNCEMENT_UNAVAILABLE: "The announcement cannot be played on this call, so it is not made: "
    "ask for it to be prepared for this phone's codecs.",
    Reason.MEDIA_UNAVAILABLE: "This phone's audio is encrypted where it cannot be carried, or in clear where it must "
    "not be: ask for its SRTP to be set right.",
    Reason.EVIDENCE_UNAVAILABLE: "The record of calls cannot be written at the moment, so none are made: "
    "tell whoever runs the gate.",
    Reason.EVIDENCE_ROLLED_BACK: "The record of calls is older than what was signed, so objections may be missing "
    "from it: no marketing calls until somebody has seen to it.",
    Reason.EVIDENCE_UNSIGNED: "The record of calls could not be signed for an hour: "
    "tell whoever runs the gate, and make no marketing calls until it can be.",
    Reason.CLOCK_BEHIND: "The gate's clock is behind its record of calls, so the registers look younger than they are: "
    "no marketing calls until it is set right.",
    Reason.MEMORY_UNAVAILABLE: "The second place that remembers objections cannot be used: "
    "no marketing calls until somebody has seen to it.",
    Reason.TOO_MANY_CALLS: "All lines are busy: try again in a minute.",
    Reason.TOO_MANY_CALLS_A_MINUTE: "More calls were dialled from here in the last minute than may be: "
    "wait a minute, or ask for more to be allowed.",
    Reason.TOO_MANY_CALLS_AT_ONCE: "As many calls as may be are up from here already: "
    "end one, or ask for more to be allowed.",
    Reason.TOO_MANY_SECONDS_A_DAY: "As much as may be was talked from here today: "
    "call tomorrow, or ask for more to be allowed.",
    Reason.LOOP_DETECTED: "This call has come back to where it started: tell whoever runs the phone system.",
    Reason.MERGED_REQUEST: "This call came to two gates at once, and the other one makes it: nothing need be done.",
    Reason.GATE_STOPPING: "The gate is being stopped and takes no new calls: try again in a few minutes.",
    Reason.NOT_AUTHENTICATED: "The gate does not know this phone: check its user name and password.",
    Reason.CLAIM_REFUSED: "What this call says it is for is not accepted from here: dial the number alone, "
    "or ask for it to be allowed.",
    Reason.INSTIGATOR_UNKNOWN: "The firm that this call is said to be made for is none that we call for: do not call.",
    Reason.NOT_ASKED: "This call was made without asking the gate: tell whoever runs the phone system.",
    Reason.DECISION_LATE: "The gate could not decide on this call in time, so it is not made: dial again in a minute.",
    Reason.INTERNAL_ERROR: "Something went wrong inside the gate, so the call is not made: tell whoever runs the gate.",
    Reason.NOT_LISTED: "This number is on neither register and nobody has objected: you may call.",
    Reason.CONSENTED: "They have agreed to our calls: you may call.",
    Reason.SERVICE_CALL: "Allowed as a service call, which must hold no marketing.",
    Reason.EMERGENCY_CALL: "An emergency call: it goes out at once, unscreened and unrecorded.",
    Reason.CALL_IN: "Somebody has called us: nothing is screened, and the caller is told that the call is recorded.",
}


def sentence(reason: Reason) -> str:
    """The sentence of a reason code where nothing more special is known."""
    return _SENTENCES[reason]


_PHRASES: Final[Mapping[str, str]] = {
    Reason.LISTED_TPS: "on the TPS",
    Reason.LISTED_CTPS: "on the CTPS",
    Reason.OBJECTED: "they asked us not to call",
    Reason.REQUEST_PENDING: "a request of theirs is open",
    Reason.RESTRICTED: "use of their data is restricted",
    Reason.CONSENT_EXPIRED: "their consent is too old",
    Reason.PENSIONS_NOT_AUTHORISED: "not authorised for pensions",
    Reason.TOPIC_NOT_AUTHORISED: "not authorised for this topic",
    Reason.TOPIC_NEEDS_CONSENT: "needs their consent",
    Reason.REGISTER_MISSING: "a register is missing",
    Reason.REGISTER_STALE: "a register is too old",
    Reason.REGISTER_DAMAGED: "a register is damaged",
    Reason.OUTSIDE_COVERAGE: "outside our register licence",
    Reason.OUTSIDE_HOURS: "outside calling hours",
    Reason.IDENTITY_WITHHELD: "our number would be hidden",
    Reason.CLI_NOT_OWNED: "the number shown is not ours",
    Reason.NUMBER_INVALID: "not a telephone number",
    Reason.REDIAL_TOO_SOON: "called too lately",
    Reason.BUSY_WITH_CALL: "a call of ours to it is up",
    Reason.TOO_MANY_ATTEMPTS: "tried too often",
    Reason.CAMPAIGN_STOPPED: "the campaign is stopped",
    Reason.TOO_MANY_CALLS: "all lines are busy",
    Reason.NOT_AUTHENTICATED: "this phone is not known",
    Reason.CLAIM_REFUSED: "its purpose is not accepted",
    Reason.INSTIGATOR_UNKNOWN: "for whom is not known",
    Reason.DECISION_LATE: "the gate decided too late",
    Reason.INTERNAL_ERROR: "a fault in the gate",
}
"""Where the code itself, with spaces, says less."""
_PHRASE_LENGTH: Final = 60


@lru_cache(maxsize=256)
def phrase(reason: str) -> str:
    """A reason code in the phrase of a SIP answer, which phones and logs of phone systems show (RFC 3261 7.2 leaves its
    words free): ``Declined: on the TPS``. ASCII letters and spaces, bounded, never a number."""
    words = _PHRASES.get(reason) or reason.replace("_", " ")
    plain = "".join(sign for sign in words if sign.isascii() and (sign.isalpha() or sign == " ")).strip()
    return f"Declined: {plain}"[:_PHRASE_LENGTH] if plain else "Declined"


REGISTER_TITLES: Final = {"tps": "Telephone Preference Service", "ctps": "Corporate Telephone Preference Service"}
"""The registers of PECR reg 26 by their short names."""


# --- things, counted ----------------------------------------------------------------------------------------------

_PLURAL_VERBS: Final = {"is": "are", "was": "were", "has": "have", "does": "do"}
_ENDS_OF_MANY: Final = {"leaf": "leaves", "copy": "copies", "entry": "entries"}


def many(number: int, thing: str, verb: str = "") -> str:
    """``1 call``, ``2,000 calls``; ``1 leaf``, ``2 leaves``. The verb is given as one thing takes it: ``1 call stays``,
    ``2 calls stay``; of ``record of a call`` the record: ``2 records of a call``."""
    if number != 1:
        thing, of, rest = thing.partition(" of ")
        last = thing.rpartition(" ")[2]
        thing = thing.removesuffix(last) + _ENDS_OF_MANY.get(last, f"{last}s") + of + rest
        verb = _PLURAL_VERBS.get(verb, verb.removesuffix("s"))
    return f"{number:,} {thing} {verb}".rstrip()
