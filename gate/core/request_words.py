"""What is asked for, states, grounds, events and commands of a data-subject request; the rules are in ``requests``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Asks(StrEnum):
    """What is asked for."""

    ACCESS = "access"
    ERASURE = "erasure"
    OBJECTION = "objection"
    RESTRICTION = "restriction"
    COMPLAINT = "complaint"


NEEDS_IDENTITY: Final = frozenset({Asks.ACCESS, Asks.ERASURE})


class State(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    IDENTITY_ASKED = "identity_asked"
    IN_HAND = "in_hand"
    CLARIFYING = "clarifying"
    GRANTED = "granted"
    REFUSED = "refused"
    DONE = "done"
    CLOSED = "closed"


class Ground(StrEnum):
    """Why a request may be refused: Art 12(5), Art 17(3) and the policy."""

    LEGAL_OBLIGATION = "legal_obligation"
    LEGAL_CLAIMS = "legal_claims"
    CONTRACT = "contract"
    PROTECTION_OF_A_PARTY = "protection_of_a_party"
    RIGHTS_OF_OTHERS = "rights_of_others"
    MANIFESTLY_UNFOUNDED = "manifestly_unfounded"
    IDENTITY_NOT_PROVEN = "identity_not_proven"


class Do(StrEnum):
    """What is to be done."""

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
    ANSWER = "answer"
    TELL_REFUSAL = "tell_refusal"
    NOTIFY_AUTHORITY = "notify_authority"
    CONFIRM = "confirm"


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
    "Fulfilled": "there is nothing granted to tell of",
    "Withdrawn": "it cannot be withdrawn",
}
"""What is told to people where an event cannot come."""

_STEPS: Final[dict[str, str]] = {
    "request_person": "who asks, noted",
    "request_words": "what was said, noted",
    "request_looked": "calls of a time looked at",
    "request_carrying": "erasure begun",
    "request_carried": "erasure done",
    "facts_erased": "erased from the log",
}


def step_words(kind: str) -> str:
    """The kind of a fact in the course of a request, in words."""
    return _STEPS.get(kind) or kind.removeprefix("request_").replace("_", " ")


# --- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a day in London."""

    on: date


@dataclass(frozen=True, slots=True)
class IdentityAsked(Event):
    """There is reasonable doubt who asks: the clock starts with the answer."""


@dataclass(frozen=True, slots=True)
class IdentityProven(Event):
    """Who asks is known: what was checked and by whom is kept, never the document. ``on`` is the day on which the
    information arrived."""


@dataclass(frozen=True, slots=True)
class ClarificationAsked(Event):
    """The firm holds much and cannot tell what is meant: the clock stands still."""


@dataclass(frozen=True, slots=True)
class Clarified(Event):
    """The answer came: the clock goes on."""


@dataclass(frozen=True, slots=True)
class Extended(Event):
    """It is complex: three months in total, told with the reasons."""


@dataclass(frozen=True, slots=True)
class Searched(Event):
    """What is held was found: calls with and without a recording."""

    found: int


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """The acknowledgement of a complaint was sent."""


@dataclass(frozen=True, slots=True)
class Granted(Event):
    """It is done as asked."""


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """It is refused."""

    ground: Ground


@dataclass(frozen=True, slots=True)
class PersonTold(Event):
    """The refusal went to the person, with the right to complain to the regulator and to a court."""


@dataclass(frozen=True, slots=True)
class AuthorityTold(Event):
    """The refusal went to the supervisory authority, with the reasons."""


@dataclass(frozen=True, slots=True)
class Fulfilled(Event):
    """What was granted is done, and the person was told."""


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """The person takes it back."""
