"""The life of a data-subject request: events in, commands out, one transition table (LAW section 4).

``handle(request, event)`` returns the request as it is afterwards and the commands to carry out, in order; it performs
nothing itself (``gate.operations.requests.steps`` does). ``TABLE`` is the whole of it: a pair of state and event
that is not in it raises ``UnexpectedEvent``, and so does an event that its guard forbids.
``possible`` says what may be done next, from the same table. The clocks are in ``deadlines``,
states, events and commands in ``request_words``, what people do and fill in in ``request_steps``.

Clocks and lateness go by the day on which a step was entered, whatever earlier day is claimed for it (LAW 7.1). Late
stays late: a step that is entered after the last day leaves ``late`` on the request, and no proof that was asked for
too late, no question and no extension takes it away (LAW 4.2).

Nothing is searched, shown or erased before the identity is proven (LAW 4.3); an objection, a restriction, a
rectification and a complaint need no proof. A refusal is over when the person and the supervisory authority have been
told (LAW 4.5).

The guards are what forbids an event besides the state: rules of the law, in words for people. Each function returns why
the event cannot come; the empty text where it can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from gate.core import request_words as words
from gate.core.deadlines import Clock, acknowledge_by, identity_by
from gate.core.request_steps import CALLS, FIELDS, Act, Step
from gate.core.request_words import (
    AT_ONCE,
    LETTER_OF,
    NEEDS_IDENTITY,
    OVER,
    Asks,
    Do,
    Event,
    Ground,
    LetterKind,
    Request,
    State,
    running,
)

_UNDONE: Final = frozenset({Do.MAKE_PACK, Do.ERASE, Do.RECTIFY})
"""What was granted and is not done."""
_UNKNOWN: Final = (Ground.IDENTITY_NOT_PROVEN, Ground.CANNOT_IDENTIFY, Ground.REPRESENTATIVE)
"""Grounds on which nobody is known to whom it could be done."""
_LEAVES_IT: Final = (*_UNKNOWN, Ground.ACCURATE, Ground.MANIFESTLY_UNFOUNDED, Ground.NOT_LIVING, Ground.FEE)
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
    return "" if event.day <= clock.extension_by else f"it could be told until {clock.extension_by}"


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
    if event.ground in _UNKNOWN and request.identified:
        return "the identity is proven"
    if event.ground is Ground.CONTRACT and request.asks is Asks.ACCESS:
        return "a contract is no ground to refuse a copy (Art 15)"
    if event.ground is Ground.FEE and request.asks is Asks.COMPLAINT:
        return "a complaint costs nothing (DPA 2018 s.164A)"
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
        LetterKind.PROGRESS: asks is Asks.COMPLAINT and state not in (*OVER, State.GRANTED, State.REFUSED),
        LetterKind.RESPONSE: answered and response,
        LetterKind.CONFIRMATION: answered and not response and not _UNDONE.intersection(request.todo),
        LetterKind.REFUSAL: request.ground is not None,
        LetterKind.AUTHORITY: request.ground is not None or request.partial,
        LetterKind.RECIPIENT: bool(request.recipients),
        LetterKind.WITHDRAWAL: False,
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
    """Refuse a second notice to the same addressee of the part that stays; where that part went later, the person's
    too."""
    if not request.partial or (request.state is State.GRANTED and event.who == "person"):
        return "nothing stays of it"
    return "that was noted" if event.who in request.told else ""


def misdated(request: Request, event: Event) -> str:
    """Why this step cannot have been taken on the day that is claimed for it, after those before it; empty where it
    can. For what people type alone: what was kept once is replayed as it is.
    """
    bounds: dict[str, date | None] = {}
    if isinstance(event, words.ClarificationAsked):
        started = request.clock.started if request.clock else None
        bounds = {"the clock started": started, "the last answer came": request.clarified_on}
    elif isinstance(event, words.Clarified):
        bounds = {"the clarification was asked for": request.asked_on}
    late = [f"before {what} ({day})" for what, day in bounds.items() if day is not None and event.on < day]
    return f"{event.on} is {late[-1]}" if late else ""


class UnexpectedEvent(ValueError):
    """This event cannot come now."""

    def __init__(self, state: State, event: type[Event], why: str = "") -> None:
        super().__init__(f"{event.__name__} cannot come while the request is {state}{': ' if why else ''}{why}")
        self.state = state
        self.event = event
        self.why = why
        """What forbids it besides the state; empty where the table has no such pair."""


Taken = tuple[Request, list[Do]]
"""The request after an event, and the commands."""
Handler = Callable[[Request, Any], Taken]


def opened(asks: Asks, received: date, *, written: bool = True) -> Taken:
    """A request that came on a day. A spoken one counts; an erasure is asked for in writing besides (LAW 4.5)."""
    commands = [Do.ACKNOWLEDGE]
    if asks is Asks.ERASURE and not written:
        commands.append(Do.ASK_FOR_WRITING)
    return Request(asks, received, clock=Clock(received), written=written, todo=tuple(commands)), commands


# --- what an event does -------------------------------------------------------------------------------------------


def _without(request: Request, *commands: Do) -> tuple[Do, ...]:
    return tuple(each for each in request.todo if each not in commands)


def _identity_asked(request: Request, event: words.IdentityAsked) -> Taken:
    """Asked for too late, or once an extension was told, the clock goes on from the receipt."""
    extended = request.clock is not None and request.clock.extended
    in_time = not (request.late or extended) and event.day <= identity_by(request.received, event.within)
    clock = None if in_time else request.clock
    return replace(request, state=State.IDENTITY_ASKED, clock=clock, waits_since=event.day), [Do.ASK_IDENTITY]


def _identity_proven(request: Request, event: Event) -> Taken:
    """The clock starts now only where the proof had to be asked for, and was in time."""
    clock = request.clock or Clock(event.day)
    return replace(request, state=State.IN_HAND, clock=clock, identified=True, waits_since=None), [Do.SEARCH]


def _clarification_asked(request: Request, event: Event) -> Taken:
    after = replace(request, state=State.CLARIFYING, paused_on=event.day, asked_on=event.on)
    return after, [Do.ASK_CLARIFICATION]


def _clarified(request: Request, event: Event) -> Taken:
    clock = running(request, event.day)
    after = replace(request, state=State.IN_HAND, clock=clock, paused_on=None, clarified_on=event.day, searched=False)
    return after, [Do.SEARCH]


def _extended(request: Request, _event: Event) -> Taken:
    assert request.clock is not None  # noqa: S101 - by the table
    return replace(request, clock=replace(request.clock, extended=True)), [Do.TELL_EXTENSION]


def _searched(request: Request, event: words.Searched) -> Taken:
    """Where all that is held lies outside what was searched for, it is still to be searched for."""
    held = bool(event.found or event.entries)
    todo = request.todo if event.outside and not held else _without(request, Do.SEARCH)
    after = replace(request, searched=True, held=held, outside=event.outside, todo=todo)
    return after, [Do.MAKE_PACK, Do.ANSWER] if held and request.state is State.GRANTED else []


def _acknowledged(request: Request, event: Event) -> Taken:
    late = request.late or event.day > acknowledge_by(request.received)
    return replace(request, acknowledged=True, late=late), []


_WHEN_GRANTED: Final[dict[Asks, list[Do]]] = {
    Asks.ACCESS: [Do.MAKE_PACK, Do.ANSWER],
    Asks.ERASURE: [Do.KEEP_OBJECTION, Do.ERASE, Do.CONFIRM],  # the person stays uncallable, whatever else goes
    Asks.OBJECTION: [Do.KEEP_OBJECTION, Do.CONFIRM],
    Asks.RESTRICTION: [Do.RESTRICT, Do.CONFIRM],
    Asks.RECTIFICATION: [Do.RECTIFY, Do.CONFIRM],
    Asks.COMPLAINT: [Do.ANSWER],
}


def _granted(request: Request, event: words.Granted) -> Taken:
    """An access to nothing is answered without a pack (LAW 4.4); recipients are told of a restriction."""
    nothing = request.asks is Asks.ACCESS and not request.held
    commands = [each for each in _WHEN_GRANTED[request.asks] if not (nothing and each is Do.MAKE_PACK)]
    todo, tell = _without(request, Do.SEARCH), frozenset(event.tell)
    return replace(request, state=State.GRANTED, untold=tell, recipients=tell, todo=todo), commands


def _refused(request: Request, event: words.Refused) -> Taken:
    clock = running(request, event.day) if request.paused_on else request.clock
    refused = replace(
        request, state=State.REFUSED, ground=event.ground, clock=clock, paused_on=None, waits_since=event.day
    )
    return replace(refused, todo=_without(refused, Do.SEARCH)), [Do.TELL_REFUSAL, Do.NOTIFY_AUTHORITY]


def _pack_made(request: Request, _event: Event) -> Taken:
    return replace(request, todo=_without(request, Do.MAKE_PACK)), []


def _erased(request: Request, event: words.Erased) -> Taken:
    """What a hold keeps is refused for now: the person and the authority are told of that part (LAW 4.5). Once nothing
    is held any more, the person is told that the rest is gone too."""
    todo, tell = _without(request, Do.ERASE), frozenset(event.tell)
    request = replace(request, untold=request.untold | tell, recipients=request.recipients | tell)
    if not event.held:
        again = [Do.CONFIRM] if request.partial else []
        return replace(request, state=State.GRANTED, todo=todo), again
    both = [] if request.partial else [Do.NOTIFY_AUTHORITY, Do.CONFIRM]
    return replace(request, state=State.PARTLY_DONE, partial=True, todo=todo), both


def _rectified(request: Request, event: words.Rectified) -> Taken:
    """Whoever was given what was wrong is told of each statement."""
    tell = frozenset(event.tell)
    after = replace(request, untold=request.untold | tell, recipients=request.recipients | tell)
    return replace(after, todo=_without(after, Do.RECTIFY)), [Do.CONFIRM]


def _part_told(request: Request, event: words.PartTold) -> Taken:
    return replace(request, told=request.told | {event.who}), []


def _recipient_told(request: Request, event: words.RecipientTold) -> Taken:
    return replace(request, untold=request.untold - {event.recipient}), []


def _letter_made(request: Request, event: words.LetterMade) -> Taken:
    news = event.day if event.kind in (LetterKind.EXTENSION, LetterKind.PROGRESS) else request.informed_on
    todo = tuple(each for each in request.todo if LETTER_OF.get(each) is not event.kind)
    return replace(request, todo=todo, informed_on=news), []


def _telling(who: str) -> Handler:
    def record(request: Request, _event: Event) -> Taken:
        both = request.told | {who}
        if both == {"person", "authority"}:
            return replace(request, told=both, state=State.CLOSED), [Do.FORGET]
        return replace(request, told=both), []

    return record


def _fulfilled(request: Request, _event: Event) -> Taken:
    return replace(request, state=State.DONE), [Do.FORGET]


def _withdrawn(request: Request, _event: Event) -> Taken:
    return replace(request, state=State.CLOSED, paused_on=None), [Do.FORGET]


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transition:
    """A cell of the table: what is done, every state that it may lead to, and what forbids it."""

    handler: Handler
    leads_to: tuple[State, ...]
    guard: Guard = nothing_forbids


def _table() -> dict[tuple[State, type[Event]], Transition]:
    s = State
    person, authority = not_told("person"), not_told("authority")
    table: dict[tuple[State, type[Event]], Transition] = {
        (s.RECEIVED, words.IdentityAsked): Transition(_identity_asked, (s.IDENTITY_ASKED,)),
        (s.IN_HAND, words.ClarificationAsked): Transition(_clarification_asked, (s.CLARIFYING,)),
        (s.CLARIFYING, words.Clarified): Transition(_clarified, (s.IN_HAND,)),
        (s.IN_HAND, words.Searched): Transition(_searched, (s.IN_HAND,)),
        (s.GRANTED, words.Searched): Transition(_searched, (s.GRANTED,), not_searched_again),
        (s.IN_HAND, words.Extended): Transition(_extended, (s.IN_HAND,), not_extended),
        (s.RECEIVED, words.Extended): Transition(_extended, (s.RECEIVED,), not_extended_yet),
        (s.REFUSED, words.PersonTold): Transition(_telling("person"), (s.REFUSED, s.CLOSED), person),
        (s.REFUSED, words.AuthorityTold): Transition(_telling("authority"), (s.REFUSED, s.CLOSED), authority),
        (s.GRANTED, words.PackMade): Transition(_pack_made, (s.GRANTED,), no_pack),
        (s.GRANTED, words.Erased): Transition(_erased, (s.GRANTED, s.PARTLY_DONE), not_erased),
        (s.GRANTED, words.Rectified): Transition(_rectified, (s.GRANTED,), not_rectified),
        (s.PARTLY_DONE, words.Erased): Transition(_erased, (s.GRANTED, s.PARTLY_DONE), not_erased),
        (s.PARTLY_DONE, words.PartTold): Transition(_part_told, (s.PARTLY_DONE,), not_part_told),
        (s.GRANTED, words.PartTold): Transition(_part_told, (s.GRANTED,), not_part_told),
        (s.GRANTED, words.Fulfilled): Transition(_fulfilled, (s.DONE,), not_fulfilled),
    }
    for state in (s.GRANTED, s.PARTLY_DONE, s.DONE):
        table[state, words.RecipientTold] = Transition(_recipient_told, (state,), no_recipient)
    for state in (s.RECEIVED, s.IDENTITY_ASKED):
        table[state, words.IdentityProven] = Transition(_identity_proven, (s.IN_HAND,))
    for state in (s.RECEIVED, s.IN_HAND):
        table[state, words.Granted] = Transition(_granted, (s.GRANTED,), not_granted)
    for state in (s.RECEIVED, s.IDENTITY_ASKED, s.IN_HAND, s.CLARIFYING):
        table[state, words.Refused] = Transition(_refused, (s.REFUSED,), not_refused)
        table[state, words.Withdrawn] = Transition(_withdrawn, (s.CLOSED,))
        table[state, words.Acknowledged] = Transition(_acknowledged, (state,), not_acknowledged)
    for state in State:
        table[state, words.LetterMade] = Transition(_letter_made, (state,), no_letter)
    return table


TABLE = _table()


def handle(request: Request, event: Event) -> Taken:
    """One step in the life of a request.

    Returns the request afterwards and the commands to carry out, in order. Raises ``UnexpectedEvent`` where the table
    has no entry for the pair, or its guard forbids it.
    """
    transition = TABLE.get((request.state, type(event)))
    if transition is not None and (why := transition.guard(request, event)):
        raise UnexpectedEvent(request.state, type(event), why)
    return _taken(request, event)


def replayed(request: Request, event: Event) -> Request:
    """The request after an event that the log has: what was kept once is as it is, whatever would forbid it today.

    Raises ``UnexpectedEvent`` where the table has no entry for the pair.
    """
    return _taken(request, event)[0]


def _taken(request: Request, event: Event) -> Taken:
    transition = TABLE.get((request.state, type(event)))
    if transition is None:
        raise UnexpectedEvent(request.state, type(event))
    entered = event.entered or event.on
    answers = not isinstance(event, words.LetterMade | words.RecipientTold)
    late = answers and _overdue(request, entered)
    after, commands = transition.handler(request, event)
    waiting = [each for each in commands if each not in AT_ONCE]
    over = after.state in OVER
    after = replace(
        after,
        todo=() if over else (*_without(after, *waiting), *waiting),
        late=after.late or late or (answers and _overdue(after, entered)),
        over_on=entered if over and request.over_on is None else request.over_on,
        over_claimed=event.on if over and request.over_on is None else request.over_claimed,
    )
    return after, commands


def _overdue(request: Request, day: date) -> bool:
    clock = request.clock_on(day)
    return request.telling_is_late(day) or (clock is not None and day > clock.due)


# --- what may be done next ----------------------------------------------------------------------------------------


def possible(request: Request, today: date) -> tuple[Step, ...]:
    """All that may be done about a request on a day, in the order of ``Act``; letters that are due first among them."""
    found: list[Step] = []
    for act in Act:
        for event in _ways(request, act, today):
            if not why_not(request, event):
                found.append(_step(request, act, event, today))
                if act is not Act.LETTER:
                    break
    return tuple(found)


def forbidden(request: Request, act: Act, today: date) -> str:
    """Why this cannot be done on a day; empty where it can."""
    reasons = [why_not(request, event) for event in _ways(request, act, today)]
    return "" if "" in reasons else reasons[0]


def why_not(request: Request, event: Event) -> str:
    """Why an event cannot come now; empty where it can."""
    transition = TABLE.get((request.state, type(event)))
    if transition is not None:
        return transition.guard(request, event)
    if isinstance(event, words.Searched) and request.asks in NEEDS_IDENTITY and not request.identified:
        return "the identity is not proven"
    return "it is over" if request.state in OVER else f"its state is {request.state.value.replace('_', ' ')}"


def telling(request: Request, who: str, on: date) -> Event:
    """The event of telling ``person`` or ``authority``: what was granted is over with it, a refusal with both; of what
    is partly done nothing is over."""
    if request.state is State.PARTLY_DONE or (who == "authority" and request.partial):
        return words.PartTold(on, who)
    if who == "authority":
        return words.AuthorityTold(on)
    return words.PersonTold(on) if request.state is State.REFUSED else words.Fulfilled(on)


_EVENTS: Final[dict[Act, Callable[[date], Event]]] = {
    Act.VERIFY_IDENTITY: words.IdentityProven,
    Act.ASK_IDENTITY: words.IdentityAsked,
    Act.SEARCH: lambda on: words.Searched(on, 0),
    Act.GRANT: words.Granted,
    Act.CLARIFY: words.ClarificationAsked,
    Act.CLARIFIED: words.Clarified,
    Act.EXTEND: words.Extended,
    Act.MAKE_PACK: words.PackMade,
    Act.ERASE: words.Erased,
    Act.RECTIFY: words.Rectified,
    Act.ACKNOWLEDGE: words.Acknowledged,
    Act.WITHDRAW: words.Withdrawn,
}


def _ways(request: Request, act: Act, on: date) -> list[Event]:
    """The events of an act: one, or one for each ground or letter."""
    if act is Act.REFUSE:
        return [words.Refused(on, ground) for ground in Ground]
    if act is Act.LETTER:
        due = [LETTER_OF[each] for each in request.todo if each in LETTER_OF]
        due += [LetterKind.RECIPIENT] if request.untold else []
        return [words.LetterMade(on, kind) for kind in (*due, *(each for each in LetterKind if each not in due))]
    if act in (Act.TELL_PERSON, Act.TELL_AUTHORITY):
        return [telling(request, "person" if act is Act.TELL_PERSON else "authority", on)]
    if act is Act.TELL_RECIPIENT:
        return [words.RecipientTold(on, each) for each in sorted(request.untold) or [""]]
    return [_EVENTS[act](on)]


def _step(request: Request, act: Act, event: Event, on: date) -> Step:
    fields, kind = FIELDS[act], event.kind if isinstance(event, words.LetterMade) else None
    if act is Act.REFUSE:
        grounds = tuple(each for each in Ground if not why_not(request, words.Refused(on, each)))
        fields = tuple(replace(each, choices=grounds) if each.choices else each for each in fields)
    if request.asks is not Asks.COMPLAINT:
        fields = tuple(each for each in fields if each is not CALLS)
    if act is Act.GRANT and request.asks is Asks.COMPLAINT:  # the outcome is told
        fields = tuple(replace(each, needed=each.needed or each.name == "reasons") for each in fields)
    if act is Act.TELL_RECIPIENT:
        untold = tuple(sorted(request.untold))
        fields = tuple(replace(each, choices=untold) if each.name == "recipient" else each for each in fields)
    news = kind is LetterKind.PROGRESS and bool(request.without_news(on))
    return Step(act, fields, kind, news or _suggested(request, act, kind))


def _suggested(request: Request, act: Act, kind: LetterKind | None) -> bool:
    commanded = {Act.SEARCH: Do.SEARCH, Act.MAKE_PACK: Do.MAKE_PACK, Act.ERASE: Do.ERASE, Act.RECTIFY: Do.RECTIFY}
    if act in commanded:
        return commanded[act] in request.todo
    if act is Act.LETTER:
        untold = kind is LetterKind.RECIPIENT and bool(request.untold)
        return untold or kind in [LETTER_OF.get(each) for each in request.todo]
    waits = request.state is State.IDENTITY_ASKED
    if act in (Act.VERIFY_IDENTITY, Act.ASK_IDENTITY):
        return request.asks in NEEDS_IDENTITY or waits
    if act is Act.GRANT:
        return Do.SEARCH not in request.todo
    return waits if act is Act.REFUSE else act is not Act.WITHDRAW
