"""Which letters a request needs now: those that the rules have commanded, that still fit, and that nobody has made."""

from __future__ import annotations

from datetime import date
from typing import Final

from gate.core.letter_words import LetterKind
from gate.core.request_words import Asks, Do, State
from gate.core.requests import Request, handle, opened
from gate.operations.requests.request_facts import EVENTS, MADE, OPENED, event_of
from gate.types import Row

LETTERS: Final[dict[Do, LetterKind]] = {
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


def letters_due(row: Row, course: list[Row], request: Request, *, done: bool) -> list[str]:
    """Kinds of letters, in the order in which the rules commanded them. ``done``: what was granted is done."""
    if request.state in (State.DONE, State.CLOSED):
        return []
    wanted: list[LetterKind] = []
    for commanded in _commands(course):
        if isinstance(commanded, LetterKind):
            wanted = [kind for kind in wanted if kind is not commanded]
        elif (kind := LETTERS.get(commanded)) is not None:
            wanted.append(kind)
    answers = (LetterKind.RESPONSE, LetterKind.CONFIRMATION)
    return [kind.value for kind in wanted if fits(row, request, kind) and (done or kind not in answers)]


def _commands(course: list[Row]) -> list[Do | LetterKind]:
    """What the rules commanded, and the letters that were made, in their order."""
    found: list[Do | LetterKind] = []
    request: Request | None = None
    for fact in course:
        kind, body = fact["kind"], fact["body"]
        if kind == OPENED:
            asks, received = Asks(body["asks"]), date.fromisoformat(body["received"])
            request, commands = opened(asks, received, written=bool(body["written"]))
            found += commands
        elif kind in EVENTS and request is not None:
            request, commands = handle(request, event_of(kind, body))
            found += commands
        elif kind == MADE and body:
            found.append(LetterKind(body["kind"]))
    return found


def fits(row: Row, request: Request, kind: LetterKind) -> bool:
    """Whether such a letter would say what is so."""
    asks, state = request.asks, request.state
    answered = state in (State.GRANTED, State.DONE)
    return {
        LetterKind.ACKNOWLEDGEMENT: state is not State.CLOSED,
        LetterKind.WRITING: asks is Asks.ERASURE and not row["written"],
        LetterKind.IDENTITY: state is State.IDENTITY_ASKED,
        LetterKind.CLARIFICATION: state is State.CLARIFYING,
        LetterKind.EXTENSION: bool(request.clock and request.clock.extended),
        LetterKind.RESPONSE: answered and asks in (Asks.ACCESS, Asks.COMPLAINT),
        LetterKind.CONFIRMATION: answered
        and asks not in (Asks.ACCESS, Asks.COMPLAINT)
        and (asks is not Asks.ERASURE or row["carried_at"] is not None),
        LetterKind.REFUSAL: request.ground is not None,
        LetterKind.AUTHORITY: request.ground is not None,
    }[kind]
