"""What forbids an event about a request, besides the state that it is in: rules of the law, in words for people.

Each function says why the event cannot come; the empty text where it can.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from gate.core import request_words as words
from gate.core.request_words import NEEDS_IDENTITY, OVER, Asks, Do, Event, Ground, LetterKind, Request, State

_UNDONE: Final = frozenset({Do.MAKE_PACK, Do.ERASE, Do.RECTIFY})
"""What was granted and is not done."""
_LEAVES_IT: Final = (Ground.ACCURATE, Ground.MANIFESTLY_UNFOUNDED, Ground.IDENTITY_NOT_PROVEN)
"""Grounds on which nothing is rectified."""
Guard = Callable[[Request, Any], str]


def nothing_forbids(_request: Request, _event: Event) -> str:
    """It can always come."""
    return ""


def not_extended(request: Request, event: Event) -> str:
    """Extended once, and told within the first term (Art 12(3))."""
    clock = request.clock
    if clock is None or clock.extended:
        return "it was extended already"
    return "" if event.on <= clock.extension_by else f"it could be told until {clock.extension_by}"


def not_extended_yet(request: Request, event: Event) -> str:
    """Access and erasure are known to be complex once it is known who asks; a complaint needs no proof."""
    return "the identity is not proven" if request.asks in NEEDS_IDENTITY else not_extended(request, event)


def not_acknowledged(request: Request, _event: Event) -> str:
    """A complaint is acknowledged, once."""
    if request.asks is not Asks.COMPLAINT:
        return "only a complaint has to be acknowledged"
    return "that was noted" if request.acknowledged else ""


def not_granted(request: Request, _event: Event) -> str:
    """Access and erasure are granted to a proven identity, about what was found."""
    if request.asks not in NEEDS_IDENTITY:
        return ""
    if not request.identified:
        return "the identity is not proven"
    if request.outside and not request.held:
        return f"calls of the number at other times than were searched for: {request.outside}; search at any time"
    return "" if request.searched else "nothing was searched for"


def not_searched_again(request: Request, _event: Event) -> str:
    """An access that was granted to nothing is looked at again; any other decision is about what was found then."""
    return "" if request.asks is Asks.ACCESS and not request.held else "it is granted"


def not_refused(request: Request, event: words.Refused) -> str:
    """An objection is never refused; nor is anybody for an identity that is proven."""
    if event.ground is Ground.IDENTITY_NOT_PROVEN and request.identified:
        return "the identity is proven"
    if event.ground is Ground.CONTRACT and request.asks is Asks.ACCESS:
        return "a contract is no ground to refuse a copy (Art 15)"
    if request.asks is Asks.RECTIFICATION and event.ground not in _LEAVES_IT:
        return "what is wrong is put right, whatever it is needed for (Art 16)"
    if event.ground is Ground.ACCURATE and request.asks is not Asks.RECTIFICATION:
        return "that it is right is a ground to rectify nothing (Art 16)"
    return "an objection to direct marketing is absolute (Art 21(3))" if request.asks is Asks.OBJECTION else ""


def no_pack(request: Request, _event: Event) -> str:
    """A pack answers an access request."""
    return "" if request.asks is Asks.ACCESS else f"it is for {request.asks}"


def not_erased(request: Request, _event: Event) -> str:
    """An erasure is carried out once, for a request for erasure; what a hold kept of it, afterwards."""
    if request.asks is not Asks.ERASURE:
        return f"it is for {request.asks}"
    return "" if request.state is State.PARTLY_DONE or Do.ERASE in request.todo else "it is done"


def not_rectified(request: Request, _event: Event) -> str:
    """Statements belong to a request for rectification, as many as there are things to put right."""
    return "" if request.asks is Asks.RECTIFICATION else f"it is for {request.asks}"


def no_letter(request: Request, event: words.LetterMade) -> str:
    """A letter says what is so, to somebody who is known, of what is done."""
    if not fits(request, event.kind):
        return f"it is for {request.asks} and {request.state.value.replace('_', ' ')}"
    if request.forgotten and event.kind is not LetterKind.RECIPIENT:  # that one is not about who asked
        return "it has forgotten who asked: the erasure was confirmed"
    if event.kind is LetterKind.RESPONSE and Do.MAKE_PACK in request.todo:
        return "the answer speaks of a pack that is not made yet"
    return ""


def fits(request: Request, kind: LetterKind) -> bool:
    """Whether a letter of this kind is to be written about the request as it stands."""
    asks, state = request.asks, request.state
    answered = state in (State.GRANTED, State.PARTLY_DONE, State.DONE)
    response = asks in (Asks.ACCESS, Asks.COMPLAINT)
    return {
        LetterKind.ACKNOWLEDGEMENT: state not in OVER and not request.answered,
        LetterKind.WRITING: asks is Asks.ERASURE and not request.written,
        LetterKind.IDENTITY: state is State.IDENTITY_ASKED,
        LetterKind.CLARIFICATION: state is State.CLARIFYING,
        LetterKind.EXTENSION: bool(request.clock and request.clock.extended),
        LetterKind.RESPONSE: answered and response,
        LetterKind.CONFIRMATION: answered and not response and not _UNDONE.intersection(request.todo),
        LetterKind.REFUSAL: request.ground is not None,
        LetterKind.AUTHORITY: request.ground is not None or request.partial,
        LetterKind.RECIPIENT: bool(request.recipients),
    }[kind]


def not_told(who: str) -> Guard:
    """``who`` (person or authority) is told once."""
    return lambda request, _event: "that was noted" if who in request.told else ""


def no_recipient(request: Request, event: words.RecipientTold) -> str:
    """Each recipient is told once of what went."""
    if event.recipient in request.untold:
        return ""
    return "all were told" if request.recipients else "nobody else is known to have got what is erased"


def not_fulfilled(request: Request, _event: Event) -> str:
    """Nobody is told of what has not happened."""
    if _UNDONE.intersection(request.todo):
        return "it is granted, but not done yet"
    untold = request.partial and "authority" not in request.told
    return "the authority has not been told of the part that stayed" if untold else ""


def not_part_told(request: Request, event: words.PartTold) -> str:
    """Of the part that stays each is told once; of one that went later the authority alone, if it was not before."""
    if not request.partial or (request.state is State.GRANTED and event.who == "person"):
        return "nothing stays of it"
    return "that was noted" if event.who in request.told else ""


def misdated(request: Request, event: Event) -> str:
    """Why this step cannot have been taken on its day, after those before it; empty where it can.

    A pause runs from asking to the answer (LAW 4.2): it begins after the clock does and after the pause before it, or a
    day that was mistyped moves the end past the law. Not for ``handle``: what was kept once is replayed as it is.
    """
    bounds: dict[str, date | None] = {}
    if isinstance(event, words.ClarificationAsked):
        started = request.clock.started if request.clock else None
        bounds = {"the clock started": started, "the last answer came": request.clarified_on}
    elif isinstance(event, words.Clarified):
        bounds = {"the clarification was asked for": request.paused_on}
    late = [f"before {what} ({day})" for what, day in bounds.items() if day is not None and event.on < day]
    return f"{event.on} is {late[-1]}" if late else ""
