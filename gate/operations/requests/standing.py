"""How a request stands: what every step answers, and the list and the counts of those that are not over.

In the log a fact stands for each event, and a course of facts makes the request. The state of a request is never kept:
it is what ``gate.core.requests`` makes of the facts, each time it is asked.

The running gate looks at those that are not over: counts for whoever watches it, a reminder each day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from gate.converting import convert
from gate.core import request_words as words
from gate.core.days import london_day
from gate.core.deadlines import Clock, policy_day
from gate.core.facts import Body
from gate.core.facts import requests as facts
from gate.core.facts import requests as kinds
from gate.core.request_steps import Act, Step
from gate.core.request_words import OVER, Asks, Event, Ground, LetterKind, Request, State, missing
from gate.core.requests import opened, possible, replayed
from gate.core.rows import Row
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import RequestRow
from gate.errors import StoreError
from gate.log import Logger
from gate.operations.operation import Response
from gate.showing import many
from gate.store import kept
from gate.store import requests as book
from gate.store.queries import Source

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


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


def body_of(event: Event, **more: object) -> Body:
    """An event as the body of its fact: a day, and at most counts or a code; nothing personal. ``more``: fields of the
    fact that the event does not have."""
    values = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in dataclasses.asdict(event).items()
        if name != "entered"  # the fact's own time
    }
    if isinstance(event, _OF_NOW):
        del values["on"]
    if isinstance(event, words.Granted | words.Rectified):
        del values["tell"]  # whoever takes the step says what each was given
    if isinstance(event, words.LetterMade):
        values["letter"] = values.pop("kind")
    return KINDS[type(event)](**values, **more)


def event_of(fact: FactRow) -> Event:
    """The event that a fact stands for. Raises ``KeyError`` or ``ValueError`` where it is none."""
    event, body = EVENTS[fact.kind], fact.body or {}
    entered = london_day(fact.at)
    values: dict[str, Any] = {"on": date.fromisoformat(body["on"]) if body.get("on") else entered, "entered": entered}
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


def replay(course: Iterable[FactRow]) -> Request:
    """The request as its facts make it, in the order of the log."""
    request: Request | None = None
    for fact in course:
        kind, body = fact.kind, fact.body
        if kind == facts.Opened.kind and body is not None:
            asks, received = Asks(body["asks"]), date.fromisoformat(body["received"])
            request, _ = opened(asks, received, written=bool(body["written"]))
        elif kind == facts.AskedBy.kind and request is not None:
            known = body and (body["name"] is not None or body["contact"] is not None)
            request = dataclasses.replace(request, forgotten=not known)
        elif kind in EVENTS and body is not None and request is not None:
            request = replayed(request, event_of(fact))
    if request is None:
        raise ValueError("no fact opens this request")
    return request


def bodies(course: Iterable[FactRow], kind: type[B]) -> list[B]:
    """The bodies of the facts of a kind, oldest first, but for erased ones. Raises ``StoreError``."""
    return [_read(kind, fact) for fact in course if fact.kind == kind.kind and fact.body]


def last(course: Iterable[FactRow], kind: type[B]) -> B | None:
    """The body of the newest fact of a kind; None where there is none, or it is erased. Raises ``StoreError``."""
    found = [fact for fact in course if fact.kind == kind.kind]
    return _read(kind, found[-1]) if found and found[-1].body else None


def _read(kind: type[B], fact: FactRow) -> B:
    try:
        return kind.read(fact.body or {})
    except msgspec.ValidationError as error:
        raise StoreError(f"a fact {kind.kind} holds what none does: {error}", hint="dialgate audit verify") from error


def statements(course: Iterable[FactRow]) -> list[str]:
    """What was put right, as it was said, oldest first; nothing of what is erased."""
    return [body.text for body in bodies(course, facts.SaidAt) if body.step == STATEMENT]


def words_at(course: Iterable[FactRow], step: str) -> str:
    """The words of the newest step of this name (``question``, ``reasons``, …); empty where erased."""
    return next((body.text for body in reversed(bodies(course, facts.SaidAt)) if body.step == step), "")


FREED: Final = "a hold has ended: erase the rest"
UNTOLD: Final = "over for the person: recipients are to be told"
WARNINGS: Final = ("", "20 days have passed", "25 days have passed", "overdue")


class Receipt(Row, frozen=True, kw_only=True):
    """What an erasure came to."""

    calls: int
    """Calls that were emptied."""
    recordings: int
    shared: int = 0
    """Recordings of them in which another person is heard."""
    facts: int
    whole: bool
    """All of the person, not only some calls."""
    held_back: int
    """Recordings that stay."""
    held_calls: int
    held_by: list[str]
    """Names of the holds that keep something."""
    held: int = 0
    """Calls and numbers of theirs of which a hold keeps something: the erasure is done in part."""
    open_requests: list[str] = msgspec.field(default_factory=list)
    """References of the person's other requests, which keep their numbers until they are over."""
    mentions: list[str] = msgspec.field(default_factory=list)
    """What else of others a number stands in."""
    backups_until: date
    """Until when backups may hold ciphertext."""


class Pack(Row, frozen=True):
    """A pack that was made."""

    sha256: str
    calls: int
    recordings: int
    left_out: int


class Standing(Row, frozen=True):
    """A request as it stands. What is personal is None where the person is forgotten."""

    id: str
    reference: str
    asks: Asks
    state: State
    channel: str
    received: date
    opened_at: str
    written: bool | None
    name: str | None
    contact: str | None
    lines: list[str]
    """Numbers, E.164."""
    about: str | None
    since: str | None
    """The call that it is about was made from here …"""
    until: str | None
    """… to here."""
    started: date | None
    due: date | None
    ico_due: date | None
    """The regulator's date."""
    policy_due: date | None
    """30 days from the receipt, whatever moved the others; None where it is over."""
    days_left: int | None
    warning: str
    stuck: bool
    """It has waited too long for what no clock counts: the proof of identity, the telling of a refusal."""
    paused_on: date | None
    """Since when the clock stands still."""
    late: bool
    """A last day has passed, or had when a step was taken: whatever came after."""
    extended: bool
    acknowledge_by: date | None
    identified: bool
    checked: str | None
    """What was looked at."""
    searched: bool
    found: int | None
    outside: int
    """Calls of the same numbers at other times than those that were searched for."""
    missing: list[str]
    """What the person is to be asked for, so that their calls can be found."""
    ground: Ground | None
    told: list[str]
    untold: list[str]
    """Ids of recipients of what is erased who are to be told of it."""
    freed: list[str]
    """Names of holds that kept a part of the erasure and have ended: the rest can go."""
    carried_out: Receipt | None
    pack: Pack | None
    letters: list[str]
    """Kinds of letters that it needs now and that nobody has made."""
    next: list[str]
    """What is to be done now, as commands."""
    marketing_waits: str
    """Until when marketing to the number of an open complaint waits, and what ends that."""


def standing_of(
    row: RequestRow, course: list[FactRow], request: Request, today: date, freed: Sequence[str] = (), waits: str = ""
) -> Standing:
    """A request as it stands on a day; ``freed``: what ``freed_of`` says, ``waits``: what ``waits_for`` says."""
    clock = request.clock_on(today)
    steps = possible(request, today)
    acknowledge = request.acknowledge_by() if request.state not in OVER else None
    carried, pack = last(course, kinds.Carried), last(course, kinds.PackMade)
    return Standing(
        id=row.id,
        reference=row.reference,
        asks=request.asks,
        state=request.state,
        channel=row.channel,
        received=request.received,
        opened_at=row.opened_at,
        written=row.written,
        name=row.name,
        contact=row.contact,
        lines=row.lines,
        about=row.about,
        since=row.since,
        until=row.until,
        started=clock.started if clock else None,
        due=clock.due if clock else None,
        ico_due=clock.ico_date if clock else None,
        policy_due=policy_day(request.received) if request.state not in OVER else None,
        days_left=(clock.due - today).days if clock else None,
        warning=warning_of(request, clock, acknowledge, today) or (FREED if freed else waits),
        stuck=bool(request.stuck(today)),
        paused_on=request.stands_still,
        late=_late(request, acknowledge, today),
        extended=bool(clock and clock.extended),
        acknowledge_by=acknowledge,
        identified=request.identified,
        checked=row.checked,
        searched=request.searched,
        found=row.found,
        outside=request.outside,
        missing=_missing(row, request),
        ground=request.ground,
        told=sorted(request.told),
        untold=sorted(request.untold),
        freed=list(freed),
        carried_out=convert(carried.values(), Receipt) if carried else None,
        pack=convert(pack.values(), Pack) if pack else None,
        letters=[each.letter.value for each in steps if each.letter and each.suggested],
        next=command_lines(row.reference, steps, complete=bool(freed)),
        marketing_waits=_marketing_waits(row, request),
    )


def _marketing_waits(row: RequestRow, request: Request) -> str:
    """LAW 1.7a. A form lets anybody name anybody's number: that blocks, which harms nobody but the firm, until somebody
    here decides otherwise."""
    if request.asks is not Asks.COMPLAINT or request.state in OVER or not row.lines:
        return ""
    whose = " (a form named it, and nobody has proven whose number it is)" if row.channel == "web" else ""
    ends = "until the person is told" if request.state in (State.GRANTED, State.REFUSED) else "until it is decided"
    return f"{ends}{whose}; --calls resume with its reasons lets it go on"


def _missing(row: RequestRow, request: Request) -> list[str]:
    if request.searched or request.state in (*OVER, State.GRANTED, State.REFUSED):
        return []
    return list(missing(request.asks, row.lines, row.since))


def read(tx: Source, row: RequestRow, today: date) -> Standing:
    """A request as the store has it."""
    course = book.course(tx, row.id)
    request = replay(course)
    return standing_of(row, course, request, today, freed_of(tx, request, course), waits_for(tx, row, course))


def waits_for(tx: Source, row: RequestRow, course: list[FactRow]) -> str:
    """In words, for which gates an erasure waits that was begun; empty where it waits for none."""
    begun = last(course, kinds.Carrying) if row.carrying_at and not row.carried_at else None
    if begun is None:
        return ""
    calls = {*begun.calls}
    waiting = [log for call_id, log in kept.waiting_elsewhere(tx) if call_id in calls]
    gates = " and ".join(f"{log}" for log in sorted(set(waiting)))
    if not waiting:
        return ""
    return f"{many(len(waiting), 'recording')} to be erased by the gate of log {gates}: is it running?"


def freed_of(tx: Source, request: Request, course: list[FactRow]) -> list[str]:
    """Names of the holds that kept a part of an erasure and have ended."""
    if request.state is not State.PARTLY_DONE:
        return []
    carried = last(course, kinds.Carried)
    ids = {name.rpartition("(")[2].rstrip(")"): name for name in (carried.held_by if carried else ())}
    return [ids[each] for each in book.ended_holds(tx, ids)]


def _late(request: Request, acknowledge: date | None, today: date) -> bool:
    unacknowledged = acknowledge is not None and today > acknowledge
    over = request.state in OVER
    return request.late or unacknowledged or (not over and request.was_late(today))


def warning_of(request: Request, clock: Clock | None, acknowledge: date | None, today: date) -> str:
    """What whoever is responsible is warned of on a day; empty where of nothing."""
    if request.state in OVER:
        return UNTOLD if request.untold else ""
    if request.answered:
        return ""
    if _late(request, acknowledge, today):
        return WARNINGS[-1]
    return request.stuck(today) or (WARNINGS[clock.warned(today)] if clock else "")


_COMMANDS: Final = {
    Act.VERIFY_IDENTITY: "verify-identity {}",
    Act.ASK_IDENTITY: "ask-identity {}",
    Act.SEARCH: "search {}",
    Act.GRANT: "decide {}",
    Act.REFUSE: "decide {} --refuse identity_not_proven",
    Act.CLARIFY: "clarify {}",
    Act.CLARIFIED: "clarified {}",
    Act.EXTEND: "extend {}",
    Act.MAKE_PACK: "fulfil {}",
    Act.ERASE: "fulfil {}",
    Act.RECTIFY: "rectify {} --statement TEXT",
    Act.TELL_PERSON: "told {} person",
    Act.TELL_AUTHORITY: "told {} authority --reference REFERENCE",
    Act.TELL_RECIPIENT: "told {} recipient --recipient ID --how HOW",
    Act.ACKNOWLEDGE: "acknowledge {}",
}
"""Commands of the command line; letters are told apart."""


def command_lines(reference: str, steps: Iterable[Step], *, complete: bool = False) -> list[str]:
    """What brings a request forward, as commands; ``complete``: what a hold kept can go now."""
    return [
        f"dialgate request {_COMMANDS[each.act].format(reference)}"
        for each in steps
        if (each.suggested or (complete and each.act is Act.ERASE)) and each.act in _COMMANDS
    ]


def open_standings(
    tx: Source, today: date, text: str = "", between: tuple[date | None, date | None] = book.NO_DAYS
) -> list[Standing]:
    """Every request that is not over, or of which recipients are to be told, (and fits ``text``) as it stands, the one
    due first at the top. ``between``: received on this day or later, and before that one."""
    found = [read(tx, row, today) for row in book.open_ones(tx, text, between=between, untold=True)]
    return sorted(found, key=lambda each: (str(each.due or each.acknowledge_by or "9999"), each.reference))


class OpenRequests(Response, frozen=True):
    """How many requests are not over."""

    open: int
    warned: int
    overdue: int
    stuck: int


def counted(standings: Sequence[Standing]) -> OpenRequests:
    """How many are open, warned of, overdue and stuck."""
    return OpenRequests(
        open=len(standings),
        warned=sum(bool(each.warning) for each in standings),
        overdue=sum(each.warning == WARNINGS[-1] for each in standings),
        stuck=sum(each.stuck for each in standings),
    )


log = Logger()


class RequestWatch:
    """Blocking; one thread at a time."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._reminded: date | None = None

    def look(self) -> OpenRequests:
        """How many are open, warned of and overdue; once a day (London) each that is due soon is logged."""
        today = self._folder.today()
        standings = self._folder.read(lambda tx: open_standings(tx, today))
        if self._reminded != today:
            self._reminded = today
            for each in standings:
                if each.warning:
                    log.warning(
                        "request_due",
                        request=each.reference,
                        asks=each.asks.value,
                        state=each.state.value,
                        due=each.due.isoformat() if each.due else None,
                        days_left=each.days_left,
                        warning=each.warning,
                        ended_holds=each.freed,
                    )
        return counted(standings)
