"""A data-subject request in the log: which fact stands for which event, and the request that a course of facts makes.

The state of a request is never kept: it is what ``gate.core.requests`` makes of the facts, each time it is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from gate.core import request_words as words
from gate.core.request_words import Asks, Event, Ground
from gate.core.requests import Request, handle, opened
from gate.types import Row

OPENED: Final = "request_opened"
PERSON: Final = "request_person"
WORDS: Final = "request_words"
"""What was said at a step, in free text: erased with the person."""
CARRYING: Final = "request_carrying"
CARRIED: Final = "request_carried"
PACK: Final = "request_pack_made"
MADE: Final = "letter_made"
SENT: Final = "letter_sent"

EVENTS: Final[dict[str, type[Event]]] = {
    "request_identity_asked": words.IdentityAsked,
    "request_identity_proven": words.IdentityProven,
    "request_clarification_asked": words.ClarificationAsked,
    "request_clarified": words.Clarified,
    "request_extended": words.Extended,
    "request_searched": words.Searched,
    "request_acknowledged": words.Acknowledged,
    "request_granted": words.Granted,
    "request_refused": words.Refused,
    "request_person_told": words.PersonTold,
    "request_authority_told": words.AuthorityTold,
    "request_fulfilled": words.Fulfilled,
    "request_withdrawn": words.Withdrawn,
}
"""Kind of fact -> event."""
KINDS: Final = {event: kind for kind, event in EVENTS.items()}


def body_of(event: Event) -> dict[str, Any]:
    """An event as the body of its fact: a day, and at most a count or a code; nothing personal."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in dataclasses.asdict(event).items()
    }


def event_of(kind: str, body: Row) -> Event:
    """The event that a fact stands for. Raises ``KeyError`` or ``ValueError`` where it is none."""
    event = EVENTS[kind]
    values: dict[str, Any] = {"on": date.fromisoformat(body["on"])}
    if event is words.Searched:
        values["found"] = int(body["found"])
    if event is words.Refused:
        values["ground"] = Ground(body["ground"])
    return event(**values)


def replay(course: Iterable[Row]) -> Request:
    """The request as its facts make it, in the order of the log."""
    request: Request | None = None
    for fact in course:
        kind, body = fact["kind"], fact["body"]
        if kind == OPENED:
            asks, received = Asks(body["asks"]), date.fromisoformat(body["received"])
            request, _ = opened(asks, received, written=bool(body["written"]))
        elif kind in EVENTS and request is not None:
            request, _ = handle(request, event_of(kind, body))
    if request is None:
        raise ValueError("no fact opens this request")
    return request


def last(course: Iterable[Row], kind: str) -> Row:
    """The body of the newest fact of a kind; empty where there is none, or it is erased."""
    bodies = [fact["body"] for fact in course if fact["kind"] == kind]
    return bodies[-1] or {} if bodies else {}


def said(course: Iterable[Row], step: str) -> str:
    """What was said at the newest step of this name (``question``, ``reasons``, …); empty where erased."""
    spoken = [fact["body"] for fact in course if fact["kind"] == WORDS and fact["body"]]
    return next((body["text"] for body in reversed(spoken) if body["step"] == step), "")
