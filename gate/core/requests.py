"""The life of a data-subject request: events in, commands out, one transition table (LAW section 4).

``handle(request, event)`` returns the request as it is afterwards and the commands to carry out, in order; it performs
nothing itself. ``TABLE`` is the whole of it: a pair of state and event that is not in it raises ``UnexpectedEvent``,
and so does an event that its handler forbids. ``diagram()`` draws the table. The clocks are in ``deadlines``, states,
events and commands in ``request_words``.

Nothing is searched, shown or erased before the identity is proven (LAW 4.3); an objection, a restriction and a
complaint need no proof. A refusal is over when the person and the supervisory authority have been told (LAW 4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from gate.core.deadlines import Clock, acknowledge_by
from gate.core.request_words import (
    NEEDS_IDENTITY,
    Acknowledged,
    Asks,
    AuthorityTold,
    ClarificationAsked,
    Clarified,
    Do,
    Event,
    Extended,
    Fulfilled,
    Granted,
    Ground,
    IdentityAsked,
    IdentityProven,
    PersonTold,
    Refused,
    Searched,
    State,
    Withdrawn,
)


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
    """Since when the clock stands still."""
    clarified_on: date | None = None
    """When it last went on."""
    searched: bool = False
    acknowledged: bool = False
    told: frozenset[str] = frozenset()
    """Who has been told of a refusal: ``person``, ``authority``."""
    ground: Ground | None = None

    def due(self, today: date) -> date | None:
        """The last day for the answer as things stand; None while identity is asked for, and at the end. While the
        clock stands still: if it went on today."""
        clock = self.clock_on(today)
        return clock.due if clock else None

    def clock_on(self, today: date) -> Clock | None:
        """The clock as things stand, as for ``due``."""
        if self.clock is None or self.state in (State.DONE, State.CLOSED):
            return None
        return _running(self, today) if self.paused_on else self.clock

    def acknowledge_by(self) -> date | None:
        """The last day for the acknowledgement of a complaint that has none yet."""
        waits = self.asks is Asks.COMPLAINT and not self.acknowledged
        return acknowledge_by(self.received) if waits else None


class UnexpectedEvent(ValueError):
    """This event cannot come now."""

    def __init__(self, state: State, event: type[Event], why: str = "") -> None:
        super().__init__(f"{event.__name__} cannot come while the request is {state}{': ' if why else ''}{why}")
        self.state = state
        self.event = event
        self.why = why
        """What forbids it besides the state; empty where the table has no such pair."""


Step = tuple[Request, list[Do]]
Handler = Callable[[Request, Any], Step]


def opened(asks: Asks, received: date, *, written: bool = True) -> Step:
    """A request that came on a day. A spoken one counts; an erasure is asked for in writing besides (LAW 4.5)."""
    commands = [Do.ACKNOWLEDGE]
    if asks is Asks.ERASURE and not written:
        commands.append(Do.ASK_FOR_WRITING)
    return Request(asks, received, clock=Clock(received)), commands


def _running(request: Request, on: date) -> Clock:
    """The clock with the pause up to a day left out."""
    assert request.clock is not None and request.paused_on is not None  # noqa: S101 - by the table
    days = max(0, (on - request.paused_on).days)
    return replace(request.clock, paused_days=request.clock.paused_days + days)


def _identity_asked(request: Request, _event: Event) -> Step:
    return replace(request, state=State.IDENTITY_ASKED, clock=None), [Do.ASK_IDENTITY]


def _identity_proven(request: Request, event: Event) -> Step:
    """The clock starts now only where the proof had to be asked for."""
    clock = request.clock or Clock(event.on)
    return replace(request, state=State.IN_HAND, clock=clock, identified=True), [Do.SEARCH]


def _clarification_asked(request: Request, event: Event) -> Step:
    return replace(request, state=State.CLARIFYING, paused_on=event.on), [Do.ASK_CLARIFICATION]


def _clarified(request: Request, event: Event) -> Step:
    running = replace(request, state=State.IN_HAND, clock=_running(request, event.on), paused_on=None)
    return replace(running, clarified_on=event.on, searched=False), [Do.SEARCH]


def _extended(request: Request, event: Event) -> Step:
    clock = request.clock
    if clock is None or clock.extended:
        raise UnexpectedEvent(request.state, Extended, "it was extended already")
    if event.on > clock.extension_by:
        raise UnexpectedEvent(request.state, Extended, f"it could be told until {clock.extension_by}")
    return replace(request, clock=replace(clock, extended=True)), [Do.TELL_EXTENSION]


def _searched(request: Request, _event: Event) -> Step:
    return replace(request, searched=True), []


def _acknowledged(request: Request, _event: Event) -> Step:
    if request.asks is not Asks.COMPLAINT:
        raise UnexpectedEvent(request.state, Acknowledged, "only a complaint has to be acknowledged")
    return replace(request, acknowledged=True), []


_WHEN_GRANTED: Final[dict[Asks, list[Do]]] = {
    Asks.ACCESS: [Do.MAKE_PACK, Do.ANSWER],
    Asks.ERASURE: [Do.KEEP_OBJECTION, Do.ERASE, Do.CONFIRM],  # the person stays uncallable, whatever else goes
    Asks.OBJECTION: [Do.KEEP_OBJECTION, Do.CONFIRM],
    Asks.RESTRICTION: [Do.RESTRICT, Do.CONFIRM],
    Asks.COMPLAINT: [Do.ANSWER],
}


def _granted(request: Request, _event: Event) -> Step:
    if request.asks in NEEDS_IDENTITY and not request.identified:
        raise UnexpectedEvent(request.state, Granted, "the identity is not proven")
    if request.asks in NEEDS_IDENTITY and not request.searched:
        raise UnexpectedEvent(request.state, Granted, "nothing was searched for")
    return replace(request, state=State.GRANTED), list(_WHEN_GRANTED[request.asks])


def _refused(request: Request, event: Refused) -> Step:
    if event.ground is Ground.IDENTITY_NOT_PROVEN and request.identified:
        raise UnexpectedEvent(request.state, Refused, "the identity is proven")
    if request.asks is Asks.OBJECTION:
        raise UnexpectedEvent(request.state, Refused, "an objection to direct marketing is absolute (Art 21(3))")
    clock = _running(request, event.on) if request.paused_on else request.clock
    refused = replace(request, state=State.REFUSED, ground=event.ground, clock=clock, paused_on=None)
    return refused, [Do.TELL_REFUSAL, Do.NOTIFY_AUTHORITY]


def _told(who: str) -> Handler:
    def told(request: Request, _event: Event) -> Step:
        both = request.told | {who}
        state = State.CLOSED if both == {"person", "authority"} else State.REFUSED
        return replace(request, told=both, state=state), []

    return told


def _fulfilled(request: Request, _event: Event) -> Step:
    return replace(request, state=State.DONE), []


def _withdrawn(request: Request, _event: Event) -> Step:
    return replace(request, state=State.CLOSED, paused_on=None), []


@dataclass(frozen=True, slots=True)
class Transition:
    """A cell of the table: what is done, and every state that it may lead to."""

    handler: Handler
    leads_to: tuple[State, ...]


def _table() -> dict[tuple[State, type[Event]], Transition]:
    s = State
    table: dict[tuple[State, type[Event]], Transition] = {
        (s.RECEIVED, IdentityAsked): Transition(_identity_asked, (s.IDENTITY_ASKED,)),
        (s.IN_HAND, ClarificationAsked): Transition(_clarification_asked, (s.CLARIFYING,)),
        (s.CLARIFYING, Clarified): Transition(_clarified, (s.IN_HAND,)),
        (s.IN_HAND, Searched): Transition(_searched, (s.IN_HAND,)),
        (s.IN_HAND, Extended): Transition(_extended, (s.IN_HAND,)),
        (s.REFUSED, PersonTold): Transition(_told("person"), (s.REFUSED, s.CLOSED)),
        (s.REFUSED, AuthorityTold): Transition(_told("authority"), (s.REFUSED, s.CLOSED)),
        (s.GRANTED, Fulfilled): Transition(_fulfilled, (s.DONE,)),
    }
    for state in (s.RECEIVED, s.IDENTITY_ASKED):
        table[state, IdentityProven] = Transition(_identity_proven, (s.IN_HAND,))
    for state in (s.RECEIVED, s.IN_HAND):
        table[state, Granted] = Transition(_granted, (s.GRANTED,))
    for state in (s.RECEIVED, s.IDENTITY_ASKED, s.IN_HAND, s.CLARIFYING):
        table[state, Refused] = Transition(_refused, (s.REFUSED,))
        table[state, Withdrawn] = Transition(_withdrawn, (s.CLOSED,))
        table[state, Acknowledged] = Transition(_acknowledged, (state,))
    return table


TABLE = _table()


def handle(request: Request, event: Event) -> Step:
    """One step in the life of a request.

    Returns the request afterwards and the commands to carry out, in order. Raises ``UnexpectedEvent`` where the table
    has no entry for the pair, or the request is not of the kind or not ready for it.
    """
    transition = TABLE.get((request.state, type(event)))
    if transition is None:
        raise UnexpectedEvent(request.state, type(event))
    return transition.handler(request, event)


def misdated(request: Request, event: Event) -> str:
    """Why this step cannot have been taken on its day, after those before it; empty where it can.

    A pause runs from asking to the answer (LAW 4.2): it begins after the clock does and after the pause before it, or a
    day that was mistyped moves the end past the law. Not for ``handle``: what was kept once is replayed as it is.
    """
    bounds: dict[str, date | None] = {}
    if isinstance(event, ClarificationAsked):
        started = request.clock.started if request.clock else None
        bounds = {"the clock started": started, "the last answer came": request.clarified_on}
    elif isinstance(event, Clarified):
        bounds = {"the clarification was asked for": request.paused_on}
    late = [f"before {what} ({day})" for what, day in bounds.items() if day is not None and event.on < day]
    return f"{event.on} is {late[-1]}" if late else ""


def edges() -> Iterator[tuple[State, str, State]]:
    """Every change of state that the table allows: from, event, to."""
    for (state, event), transition in TABLE.items():
        for target in transition.leads_to:
            if target is not state:
                yield state, event.__name__, target


def diagram() -> str:
    """The table as a Mermaid state diagram, events between the same two states on one arrow."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for source, event, target in edges():
        arrows.setdefault((source, target), []).append(event)
    order = list(State)
    lines = ["stateDiagram-v2", f"    [*] --> {State.RECEIVED}"]
    for (source, target), events in sorted(arrows.items(), key=lambda arrow: [order.index(s) for s in arrow[0]]):
        lines.append(f"    {source} --> {target}: {', '.join(sorted(events))}")
    lines += [f"    {state} --> [*]" for state in (State.DONE, State.CLOSED)]
    return "\n".join(lines)
