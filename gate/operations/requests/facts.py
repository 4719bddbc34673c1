"""A data-subject request in the log: which fact stands for which event, and the request that a course of facts makes.

The state of a request is never kept: it is what ``gate.core.requests`` makes of the facts, each time it is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, TypeVar

import msgspec

from gate.core import request_words as words
from gate.core.days import london_day
from gate.core.facts import Body
from gate.core.facts import requests as facts
from gate.core.request_words import Asks, Event, Ground, LetterKind, Request
from gate.core.requests import opened, replayed
from gate.errors import StoreError

B = TypeVar("B", bound=Body)
STATEMENT: Final = "statement"
"""The step at which something was put right."""

KINDS: Final[Mapping[type[Event], type[Body]]] = {
    words.IdentityAsked: facts.IdentityAsked,
    words.IdentityProven: facts.IdentityProven,
    words.ClarificationAsked: facts.ClarificationAsked,
    words.Clarified: facts.Clarified,
    words.Extended: facts.Extended,
    words.Searched: facts.Searched,
    words.Acknowledged: facts.Acknowledged,
    words.Granted: facts.Granted,
    words.Refused: facts.Refused,
    words.PackMade: facts.PackMade,
    words.Erased: facts.Carried,
    words.Rectified: facts.Rectified,
    words.LetterMade: facts.LetterMade,
    words.PersonTold: facts.PersonTold,
    words.AuthorityTold: facts.AuthorityTold,
    words.PartTold: facts.PartTold,
    words.RecipientTold: facts.RecipientTold,
    words.Fulfilled: facts.Fulfilled,
    words.Withdrawn: facts.Withdrawn,
}
"""Event -> the fact that it is kept as."""
EVENTS: Final[Mapping[str, type[Event]]] = {body.kind: event for event, body in KINDS.items()}
"""Kind of fact -> event."""
_OF_NOW: Final = (words.PackMade, words.Erased, words.LetterMade)
"""Events that happen when their fact is kept: its body has no day."""


def body_of(event: Event, **more: Any) -> Body:
    """An event as the body of its fact: a day, and at most counts or a code; nothing personal. ``more``: fields of the
    fact that the event does not have."""
    values = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in dataclasses.asdict(event).items()
    }
    if isinstance(event, _OF_NOW):
        del values["on"]
    if isinstance(event, words.Granted | words.Rectified):
        del values["tell"]  # whoever takes the step says what each was given
    if isinstance(event, words.LetterMade):
        values["letter"] = values.pop("kind")
    return KINDS[type(event)](**values, **more)


def event_of(kind: str, body: Mapping[str, Any], at: str) -> Event:
    """The event that a fact stands for; ``at``: when it was kept. Raises ``KeyError`` or ``ValueError`` where it is
    none."""
    event = EVENTS[kind]
    values: dict[str, Any] = {"on": date.fromisoformat(body["on"]) if body.get("on") else london_day(at)}
    if event is words.IdentityAsked and "within" in body:
        values["within"] = int(body["within"])
    if event is words.Searched:
        values |= {name: int(body.get(name) or 0) for name in ("found", "entries", "outside")}
    if event is words.Refused:
        values["ground"] = Ground(body["ground"])
    if event is words.Erased:
        values["held"] = int(body.get("held") or 0)
    if event in (words.Erased, words.Granted, words.Rectified):
        values["tell"] = tuple(body.get("tell") or ())
    if event is words.RecipientTold:
        values["recipient"] = str(body["recipient"])
    if event is words.PartTold:
        values["who"] = str(body["who"])
    if event is words.LetterMade:
        values["kind"] = LetterKind(body["kind"])
    return event(**values)


def replay(course: Iterable[Mapping[str, Any]]) -> Request:
    """The request as its facts make it, in the order of the log."""
    request: Request | None = None
    for fact in course:
        kind, body = fact["kind"], fact["body"]
        if kind == facts.Opened.kind:
            asks, received = Asks(body["asks"]), date.fromisoformat(body["received"])
            request, _ = opened(asks, received, written=bool(body["written"]))
        elif kind == facts.AskedBy.kind and request is not None:
            known = body and (body["name"] is not None or body["contact"] is not None)
            request = dataclasses.replace(request, forgotten=not known)
        elif kind in EVENTS and body is not None and request is not None:
            request = replayed(request, event_of(kind, body, fact["at"]), london_day(fact["at"]))
    if request is None:
        raise ValueError("no fact opens this request")
    return request


def bodies(course: Iterable[Mapping[str, Any]], kind: type[B]) -> list[B]:
    """The bodies of the facts of a kind, oldest first, but for erased ones. Raises ``StoreError``."""
    return [_read(kind, fact["body"]) for fact in course if fact["kind"] == kind.kind and fact["body"]]


def last(course: Iterable[Mapping[str, Any]], kind: type[B]) -> B | None:
    """The body of the newest fact of a kind; None where there is none, or it is erased. Raises ``StoreError``."""
    bodies = [fact["body"] for fact in course if fact["kind"] == kind.kind]
    return _read(kind, bodies[-1]) if bodies and bodies[-1] else None


def _read(kind: type[B], body: Mapping[str, Any]) -> B:
    try:
        return kind.read(body)
    except msgspec.ValidationError as error:
        raise StoreError(f"a fact {kind.kind} holds what none does: {error}", hint="dialgate audit verify") from error


def statements(course: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was put right, as it was said, oldest first; nothing of what is erased."""
    return [body.text for body in bodies(course, facts.SaidAt) if body.step == STATEMENT]


def said(course: Iterable[Mapping[str, Any]], step: str) -> str:
    """What was said at the newest step of this name (``question``, ``reasons``, …); empty where erased."""
    return next((body.text for body in reversed(bodies(course, facts.SaidAt)) if body.step == step), "")
