"""A data-subject request in words: what is asked for, states, grounds, events, commands, letters.

The rules are in ``requests``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from gate.core.days import london_day, short_day
from gate.core.deadlines import IDENTITY_DAYS, NEWS_DAYS, PROOF_DAYS, TELL_DAYS, Clock, acknowledge_by, policy_day
from gate.core.facts import requests as facts
from gate.core.facts.retention import FactsErased


class Asks(StrEnum):
    """The rights that a request can use."""

    ACCESS = "access"
    ERASURE = "erasure"
    OBJECTION = "objection"
    RESTRICTION = "restriction"
    RECTIFICATION = "rectification"
    """Something wrong or incomplete is put right (Art 16)."""
    COMPLAINT = "complaint"


NEEDS_IDENTITY: Final = frozenset({Asks.ACCESS, Asks.ERASURE})


class State(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    IDENTITY_ASKED = "identity_asked"
    IN_HAND = "in_hand"
    CLARIFYING = "clarifying"
    GRANTED = "granted"
    PARTLY_DONE = "partly_done"
    """An erasure that a hold stops in part: the rest is refused for as long as the hold stands."""
    REFUSED = "refused"
    DONE = "done"
    CLOSED = "closed"


OVER: Final = (State.DONE, State.CLOSED)


class Ground(StrEnum):
    """Why a request may be refused: Art 12(5), Art 17(3) and the policy."""

    LEGAL_OBLIGATION = "legal_obligation"
    LEGAL_CLAIMS = "legal_claims"
    CONTRACT = "contract"
    PROTECTION_OF_A_PARTY = "protection_of_a_party"
    RIGHTS_OF_OTHERS = "rights_of_others"
    MANIFESTLY_UNFOUNDED = "manifestly_unfounded"
    ACCURATE = "accurate"
    """What is held is accurate; for a rectification only."""
    IDENTITY_NOT_PROVEN = "identity_not_proven"
    CANNOT_IDENTIFY = "cannot_identify"
    """Nothing tells which data is theirs (Art 11(2))."""
    REPRESENTATIVE = "representative"
    """Somebody asks for another person, and has not shown that they may."""
    NOT_LIVING = "not_living"
    """The person has died (recital 27)."""
    FEE = "fee"
    """The fee that was asked for was not paid (Art 12(5))."""


class LetterKind(StrEnum):
    """The letters that a request can need (LAW section 4)."""

    ACKNOWLEDGEMENT = "acknowledgement"
    WRITING = "writing"
    """An erasure was asked for by phone: please also in writing (LAW 4.5)."""
    IDENTITY = "identity"
    CLARIFICATION = "clarification"
    EXTENSION = "extension"
    PROGRESS = "progress"
    """How it is going with a complaint that takes time (DPA 2018 s.164A(4))."""
    RESPONSE = "response"
    """What was found, with the pack; or that nothing is held (LAW 4.4)."""
    CONFIRMATION = "confirmation"
    """An erasure, objection, restriction or rectification was carried out."""
    REFUSAL = "refusal"
    AUTHORITY = "authority"
    """The notification of a refusal to the supervisory authority, with its reasons."""
    RECIPIENT = "recipient"
    """To somebody who was given what is erased, restricted or rectified now: that it is (Art 19)."""
    WITHDRAWAL = "withdrawal"
    """A consent was withdrawn (Art 7(3)): since when that holds and what it stops. It belongs to no request."""


class Do(StrEnum):
    """A command: what is to be done."""

    ACKNOWLEDGE = "acknowledge"
    ASK_FOR_WRITING = "ask_for_writing"
    ASK_IDENTITY = "ask_identity"
    ASK_CLARIFICATION = "ask_clarification"
    TELL_EXTENSION = "tell_extension"
    SEARCH = "search"
    MAKE_PACK = "make_pack"
    ERASE = "erase"
    KEEP_OBJECTION = "keep_objection"
    RESTRICT = "restrict"
    RECTIFY = "rectify"
    """Keep a statement of what is right beside the record."""
    ANSWER = "answer"
    TELL_REFUSAL = "tell_refusal"
    NOTIFY_AUTHORITY = "notify_authority"
    CONFIRM = "confirm"
    FORGET = "forget"
    """Forget who asked, once an erasure of theirs is carried out and told."""


AT_ONCE: Final = frozenset({Do.KEEP_OBJECTION, Do.RESTRICT, Do.FORGET})
"""Commands that the gate carries out by itself, in the transaction of the event. The others wait for a person."""
LETTER_OF: Final[dict[Do, LetterKind]] = {
    Do.ACKNOWLEDGE: LetterKind.ACKNOWLEDGEMENT,
    Do.ASK_FOR_WRITING: LetterKind.WRITING,
    Do.ASK_IDENTITY: LetterKind.IDENTITY,
    Do.ASK_CLARIFICATION: LetterKind.CLARIFICATION,
    Do.TELL_EXTENSION: LetterKind.EXTENSION,
    Do.ANSWER: LetterKind.RESPONSE,
    Do.CONFIRM: LetterKind.CONFIRMATION,
    Do.TELL_REFUSAL: LetterKind.REFUSAL,
    Do.NOTIFY_AUTHORITY: LetterKind.AUTHORITY,
}
"""Commands that a letter carries out."""

ACTS: Final[dict[str, str]] = {
    "IdentityAsked": "identity cannot be asked for",
    "IdentityProven": "identity cannot be proven",
    "ClarificationAsked": "clarification cannot be asked for",
    "Clarified": "no clarification is waited for",
    "Extended": "the time cannot be extended",
    "Searched": "nothing may be searched for",
    "Acknowledged": "it cannot be acknowledged",
    "Granted": "it cannot be granted",
    "Refused": "it cannot be refused",
    "PersonTold": "there is no refusal to tell of",
    "AuthorityTold": "there is no refusal to tell of",
    "PartTold": "there is no part that stayed to tell of",
    "RecipientTold": "this recipient is not to be told",
    "PackMade": "no pack can be made",
    "Erased": "there is nothing to erase",
    "Rectified": "there is nothing to put right",
    "LetterMade": "there is no such letter to write",
    "Fulfilled": "there is nothing granted to tell of",
    "Withdrawn": "it cannot be withdrawn",
}
"""The message where an event cannot come."""

_STEPS: Final[dict[str, str]] = {
    facts.AskedBy.kind: "who asks, noted",
    facts.SaidAt.kind: "what was said, noted",
    facts.Looked.kind: "calls of a time looked at",
    facts.Carrying.kind: "erasure begun",
    facts.Carried.kind: "erasure done",
    FactsErased.kind: "erased from the log",
}


def claimed_day(body: Mapping[str, Any] | None, at: str) -> str:
    """The day on which a step is claimed to have happened, where that is not the one on which it was entered (``at``);
    from the body of its fact."""
    on = (body or {}).get("on")
    return str(on) if on and on != london_day(at).isoformat() else ""


def step_words(kind: str) -> str:
    """The kind of a fact in the course of a request, in words."""
    return _STEPS.get(kind) or kind.removeprefix("request_").replace("_", " ")


# --- a request ---------------------------------------------------------------------------------------------------


def missing(asks: Asks, numbers: Collection[str], when: str | None) -> tuple[str, ...]:
    """What the person is asked for, so that their calls can be found: the number, and the day and time of the call."""
    if asks not in (*NEEDS_IDENTITY, Asks.RESTRICTION, Asks.RECTIFICATION):
        return ()
    return (*(() if numbers else ("number",)), *(() if when else ("date and time",)))


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as the rules need to know it."""

    asks: Asks
    received: date
    state: State = State.RECEIVED
    clock: Clock | None = None
    """None while it has not started: identity was asked for."""
    identified: bool = False
    paused_on: date | None = None
    """Since when an answer to a question is waited for: the clock of an access request stands still."""
    asked_on: date | None = None
    """When the question was put, as it was claimed."""
    clarified_on: date | None = None
    """When it last went on."""
    waits_since: date | None = None
    """Since when identity is waited for, or a refusal is to be told."""
    searched: bool = False
    acknowledged: bool = False
    informed_on: date | None = None
    """When the newest letter was made that tells how it is going, or why it takes longer."""
    late: bool = False
    """A last day had passed when a step was entered: no step makes that good."""
    over_on: date | None = None
    """When it was over, by entry."""
    over_claimed: date | None = None
    """When it was over by the day that was claimed."""
    told: frozenset[str] = frozenset()
    """Who has been told of a refusal, or of the part that stays: ``person``, ``authority``."""
    ground: Ground | None = None
    written: bool = True
    """It was asked for in writing."""
    held: bool = False
    """The newest search found something."""
    outside: int = 0
    """Calls of the person's numbers that lie outside what the newest search was for."""
    partial: bool = False
    """A hold stopped an erasure in part, also where it was completed later."""
    todo: tuple[Do, ...] = ()
    """Commands that wait for a person, the oldest first."""
    forgotten: bool = False
    """Who asked is erased."""
    untold: frozenset[str] = frozenset()
    """Recipients of what is erased, restricted or put right who have not been told of it, by id (Art 19); also of a
    request that is over."""
    recipients: frozenset[str] = frozenset()
    """All who were to be told."""

    def due(self, today: date) -> date | None:
        """The last day for the answer as things stand; None while identity is asked for, and at the end. While the
        clock stands still: if it went on today."""
        clock = self.clock_on(today)
        return clock.due if clock else None

    def clock_on(self, today: date) -> Clock | None:
        """The clock as things stand, as for ``due``."""
        return None if self.state in OVER or self.answered else self.last_clock(today)

    @property
    def answered(self) -> bool:
        """Person and authority know what stays and why: what is left waits for the end of a hold, not for a day."""
        return self.partial and self.told == {"person", "authority"}

    def was_late(self, day: date) -> bool:
        """Whether its last day had passed on a day, or before it was over."""
        clock = None if self.answered else self.last_clock(day)
        return self.late or self.telling_is_late(day) or bool(clock and day > clock.due)

    def telling_is_late(self, day: date) -> bool:
        """Whether a refusal has not been told within a month (Art 12(4)), where identity was waited for: no clock runs,
        and the month starts with the refusal."""
        waits = self.state is State.REFUSED and self.clock is None and self.waits_since is not None
        return waits and day > policy_day(self.waits_since or day)

    def last_clock(self, day: date) -> Clock | None:
        """The clock on a day, that of a request which is over too."""
        return running(self, day) if self.clock and self.paused_on else self.clock

    def stuck(self, today: date) -> str:
        """Why it has waited too long for what no clock counts, in words; empty where it has not."""
        if (since := self.waits_since) is None:
            return self.without_news(today)
        waited = (today - since).days
        if self.state is State.IDENTITY_ASKED and waited >= PROOF_DAYS:
            return f"a proof of identity is waited for since {short_day(since)}: ask again, or refuse"
        if self.state is State.REFUSED and waited >= TELL_DAYS:
            untold = " and ".join(f"the {who}" for who in ("person", "authority") if who not in self.told)
            return f"refused on {short_day(since)}, and {untold} not told"
        return self.without_news(today)

    def without_news(self, today: date) -> str:
        """Since when whoever complained has had no news, in words; empty where they have, or it is answered."""
        since = self.informed_on or self.received
        waits = self.asks is Asks.COMPLAINT and self.state not in (*OVER, State.GRANTED, State.REFUSED)
        if not waits or (today - since).days < NEWS_DAYS:
            return ""
        return f"no answer and no news since {short_day(since)}: write how it is going (letter progress)"

    @property
    def stands_still(self) -> date | None:
        """Since when the clock stands still: for a question about an access request alone (LAW 4.2)."""
        return self.paused_on if self.asks is Asks.ACCESS else None

    def acknowledge_by(self) -> date | None:
        """The last day for the acknowledgement of a complaint that has none yet."""
        waits = self.asks is Asks.COMPLAINT and not self.acknowledged
        return acknowledge_by(self.received) if waits else None


def running(request: Request, on: date) -> Clock:
    """The clock with the pause up to a day left out."""
    assert request.clock is not None  # noqa: S101 - by the table
    if request.stands_still is None:
        return request.clock
    days = max(0, (on - request.stands_still).days)
    return replace(request.clock, paused_days=request.clock.paused_days + days)


# --- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in days of London: when it happened, and when it was entered.

    The two are apart (DESIGN 13): ``on`` is what whoever entered it claims, with a proof where it is an earlier day.
    Clocks and lateness go by ``day``.
    """

    on: date
    entered: date | None = field(default=None, kw_only=True)
    """When it was entered; None: on the same day."""

    @property
    def day(self) -> date:
        """The day that counts: of what the firm did, that of entry, so that no claim shortens a delay."""
        return self.entered or self.on


@dataclass(frozen=True, slots=True)
class IdentityAsked(Event):
    """There is reasonable doubt who asks: the clock starts with the answer, where it was asked for in time."""

    within: int = IDENTITY_DAYS
    """Days after the receipt that were time enough."""


@dataclass(frozen=True, slots=True)
class PersonsAct(Event):
    """Something that the person did. An earlier day of it makes the law's clock stricter: it counts."""

    @property
    def day(self) -> date:
        """The earlier of the two days."""
        return min(self.on, self.entered or self.on)


@dataclass(frozen=True, slots=True)
class IdentityProven(PersonsAct):
    """Who asks is known: what was checked and by whom is kept, never the document. ``on`` is the day on which the
    information arrived."""


@dataclass(frozen=True, slots=True)
class ClarificationAsked(Event):
    """The firm holds much and cannot tell what is meant: the clock of an access request stands still."""


@dataclass(frozen=True, slots=True)
class Clarified(PersonsAct):
    """The answer came: the clock goes on."""


@dataclass(frozen=True, slots=True)
class Extended(Event):
    """It is complex: three months in total, told with the reasons."""


@dataclass(frozen=True, slots=True)
class Searched(Event):
    """The search found calls with and without a recording, and entries of lists."""

    found: int
    """Calls."""
    entries: int = 0
    """Objections, consents, contacts, holds and other requests, at any time."""
    outside: int = 0
    """Calls of the same numbers at other times than those that were searched for."""


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """The acknowledgement of a complaint was sent."""


@dataclass(frozen=True, slots=True)
class Granted(Event):
    """It is done as asked."""

    tell: tuple[str, ...] = ()
    """Recipients of what is restricted with it, who are to be told of it."""


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """It is refused."""

    ground: Ground


@dataclass(frozen=True, slots=True)
class PackMade(Event):
    """A pack of all that is held was made."""


@dataclass(frozen=True, slots=True)
class Erased(Event):
    """The erasure is carried out; what a hold keeps has stayed."""

    held: int = 0
    """Calls and numbers of which a hold keeps something."""
    tell: tuple[str, ...] = ()
    """Recipients of what went now, who are to be told of it."""


@dataclass(frozen=True, slots=True)
class Rectified(Event):
    """A statement of what is right was kept beside what is wrong."""

    tell: tuple[str, ...] = ()
    """Recipients of it, who are to be told."""


@dataclass(frozen=True, slots=True)
class LetterMade(Event):
    """A letter was made."""

    kind: LetterKind


@dataclass(frozen=True, slots=True)
class PersonTold(Event):
    """The refusal went to the person, with the right to complain to the regulator and to a court."""


@dataclass(frozen=True, slots=True)
class AuthorityTold(Event):
    """The refusal went to the supervisory authority, with the reasons."""


@dataclass(frozen=True, slots=True)
class PartTold(Event):
    """What a hold keeps, and why, went to the ``person`` or the ``authority``."""

    who: str


@dataclass(frozen=True, slots=True)
class RecipientTold(Event):
    """The firm told somebody who had been given it that it is erased, restricted or put right, or found that nobody can
    tell them (Art 19)."""

    recipient: str


@dataclass(frozen=True, slots=True)
class Fulfilled(Event):
    """All that was granted is done, and the person was told."""


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """The person takes it back."""
