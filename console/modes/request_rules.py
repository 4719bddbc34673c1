"""What may be done with a request now, by the rules' own table (``gate.core.requests``): for show; the gate decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from console.modes.request_shown import clock_of
from console.widgets.rows import Row
from gate.core import request_words as events
from gate.core.request_words import Asks, Event, Ground, State
from gate.core.requests import Request, UnexpectedEvent, handle


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done with a request, and why not now."""

    name: str
    """Of its action on the screen."""
    op: str
    """What the gate is asked."""
    says: str
    """What it is, in words."""
    why_not: str = ""
    """Empty: it can be done now."""


def request_of(row: Row) -> Request:
    """The request that the rules know, from how it stands."""
    state = State(row["state"])
    return Request(
        asks=Asks(row["asks"]),
        received=date.fromisoformat(row["received"]),
        state=state,
        clock=clock_of(row) if row.get("started") else None,
        identified=bool(row.get("identified")),
        paused_on=date.fromisoformat(row["paused_on"]) if row.get("paused_on") else None,
        searched=bool(row.get("searched")),
        acknowledged=not row.get("acknowledge_by"),
        told=frozenset(row.get("told") or ()),
        ground=Ground(row["ground"]) if row.get("ground") else None,
    )


def acts(row: Row, today: date) -> list[Act]:
    """All of them, in the order of a request's life."""
    request = request_of(row)
    undone = any(" fulfil " in step for step in row.get("next") or ())
    no_more = "it is over" if request.state in (State.DONE, State.CLOSED) else ""
    no_number = "" if row.get("lines") else "no number of theirs is known"

    def can(event: Event) -> str:
        return why_not(request, event)

    return [
        _acknowledge(request, today),
        Act("ask_identity", "request_ask_identity", "ask who it is", can(events.IdentityAsked(today))),
        Act("verify", "request_verify_identity", "the identity is proven", can(events.IdentityProven(today))),
        _clarify(request, today),
        Act("extend", "request_extend", "extend it to three months", can(events.Extended(today))),
        Act("search", "request_search", "search for what is held", can(events.Searched(today, 0))),
        Act("grant", "request_decide", "grant it", can(events.Granted(today))),
        Act("refuse", "request_decide", "refuse it on a ground", can(events.Refused(today, Ground.LEGAL_CLAIMS))),
        _fulfil(request, undone=undone),
        Act("told", "request_told", "the person was told", _told(request, today, undone=undone)),
        Act("told_authority", "request_told", "the authority was told", _told_authority(request, today)),
        Act("letter", "request_letter", "letters", no_more),
        Act("restrict", "hold_add", "close their recordings to everybody", no_more or no_number),
        Act("withdraw", "request_withdraw", "they take it back", can(events.Withdrawn(today))),
    ]


def why_not(request: Request, event: Event) -> str:
    """Why an event cannot come now; empty where it can."""
    try:
        handle(request, event)
    except UnexpectedEvent as error:
        if isinstance(event, events.Searched) and request.asks in events.NEEDS_IDENTITY and not request.identified:
            return "the identity is not proven"
        return error.why or f"it is {request.state.value.replace('_', ' ')}"
    return ""


def _acknowledge(request: Request, today: date) -> Act:
    why = why_not(request, events.Acknowledged(today)) or ("that was noted" if request.acknowledged else "")
    return Act("acknowledge", "request_acknowledge", "the acknowledgement was sent", why)


def _clarify(request: Request, today: date) -> Act:
    if request.state is State.CLARIFYING:
        return Act("clarify", "request_clarified", "the answer came: the clock goes on")
    why = why_not(request, events.ClarificationAsked(today))
    return Act("clarify", "request_clarify", "ask what is meant: the clock stands still", why)


def _fulfil(request: Request, *, undone: bool) -> Act:
    if request.asks is Asks.ERASURE:
        op, says = "request_carry_out", "erase what was found"
    else:
        op, says = "request_contents", "make the pack"
    if request.asks not in (Asks.ERASURE, Asks.ACCESS):
        return Act(
            "fulfil", op, "do what was granted", f"for {request.asks} there is nothing more to do than to grant it"
        )
    if request.state is not State.GRANTED:
        return Act("fulfil", op, says, "it is done" if request.state is State.DONE else "it is not granted")
    return Act("fulfil", op, says, "" if undone else "it is done, or nothing is held")


def _told(request: Request, today: date, *, undone: bool) -> str:
    if request.state is State.GRANTED:
        return "it is granted, but not done yet" if undone else ""
    if "person" in request.told:
        return "that was noted"
    return why_not(request, events.PersonTold(today))


def _told_authority(request: Request, today: date) -> str:
    if "authority" in request.told:
        return "that was noted"
    return why_not(request, events.AuthorityTold(today))
