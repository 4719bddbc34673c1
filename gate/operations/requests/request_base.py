"""What all of the desk does with data-subject requests: find one, take a step, show how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gate.core.deadlines import Clock
from gate.core.request_words import ACTS, NEEDS_IDENTITY, Asks, Do, Event, Searched, State
from gate.core.requests import Request, UnexpectedEvent, handle, misdated
from gate.core.showing import LONDON
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.desk_base import DeskBase
from gate.operations.parsing import number_of
from gate.operations.requests.request_due import letters_due
from gate.operations.requests.request_facts import CARRIED, KINDS, PACK, PERSON, WORDS, body_of, last, replay
from gate.operations.requests.request_reads import RequestReads, Tx
from gate.ports import Fact
from gate.service.objecting import last_word
from gate.store.transaction import StoreTransaction
from gate.types import Row

log = Logger()

WARNINGS = ("", "20 days have passed", "25 days have passed", "overdue")
READY = "request_not_ready"


class RequestBase(DeskBase):
    """Steps of a request, taken inside the store's transaction: no two people take the same one."""

    @property
    def _book(self) -> RequestReads:
        return self._offers.requests

    def _today(self) -> date:
        return self._clock.now().astimezone(LONDON).date()

    def _day(self, on: date | None, request: Request | None = None) -> date:
        """The day of a step: not in the future, and not before the request came."""
        today = self._today()
        if on is None:
            return today
        if on > today:
            raise UsageError(f"{on} is in the future", hint="give the day on which it happened")
        if request is not None and on < request.received:
            raise UsageError(f"{on} is before the request came ({request.received})", hint="check the date")
        return on

    def _load(self, tx: StoreTransaction, name: str) -> tuple[Row, list[Row], Request]:
        """Row, course and state of a request; raises ``UsageError`` where there is none."""
        row = self._book.find(tx, name)
        if row is None:
            raise UsageError(f"there is no request {name}", hint="See: dialgate request list --all")
        course = self._book.course(tx, row["id"])
        return row, course, replay(course)

    def _take(self, tx: StoreTransaction, row: Row, request: Request, event: Event, actor: str, **more: Any) -> Request:
        """Take a step where the rules allow it, and keep its fact; ``more`` goes into the fact, nothing personal.

        Raises ``RefusedError`` where it cannot be taken now, and ``UsageError`` where not on that day.
        """
        after, _ = allowed(row, request, event)
        if why := misdated(request, event):
            raise UsageError(f"{row['reference']}: {why}", hint="check the date")
        tx.append(self._fact(KINDS[type(event)], actor, body_of(event) | more, row["id"]))
        return after

    def _say(self, tx: StoreTransaction, row: Row, actor: str, step: str, text: str) -> None:
        """Keep what was said at a step, in a fact that can be erased."""
        if text.strip():
            tx.append(self._fact(WORDS, actor, {"step": step, "text": text.strip()}, row["id"]))

    def _amend(
        self,
        tx: StoreTransaction,
        row: Row,
        course: list[Row],
        actor: str,
        numbers: Sequence[str],
        chosen: Sequence[str] = (),
    ) -> None:
        """Add numbers to what is known of the person; ``chosen``: those of calls that a search chose."""
        told = list(dict.fromkeys([*told_of(row, course), *numbers]))
        found = [each for each in dict.fromkeys(chosen) if each not in told]
        lines = [*told, *found]
        if lines != row["numbers"] or found != last(course, PERSON).get("chosen", []):
            body = {name: row[name] for name in ("name", "contact", "about", "since", "until")}
            tx.append(self._fact(PERSON, actor, body | {"lines": lines, "chosen": found}, row["id"]))
            row["numbers"] = lines

    def _keep_objections(self, tx: StoreTransaction, row: Row, actor: str) -> None:
        """The person's numbers are uncallable from the next attempt on (LAW 1.2, 4.6). Harmless twice."""
        for place, number in enumerate(row["numbers"]):
            objection_id = f"{row['id']}-o{place}"
            if tx.query("SELECT id FROM objections WHERE id = ?", (objection_id,)):
                continue
            body = {"number": number, "source": "request"} | _OF_NO_CALL
            tx.append(last_word(tx, Fact("objection", objection_id, self._clock.now(), actor, body)))

    def _step(self, name: str, on: date | None, actor: str, make: Any, *, words: Mapping[str, str], **more: Any) -> Row:
        """A step that does no more than be taken."""

        def work(tx: StoreTransaction) -> tuple[Row, bool]:
            row, _, request = self._load(tx, name)
            after = self._take(tx, row, request, make(self._day(on, request)), actor, **more)
            for step, text in words.items():
                self._say(tx, row, actor, step, text)
            return self._shown(tx, row["id"]), self._let_go(tx, row, after, actor)

        shown, forgotten = self._store.call(work)
        self._cut_log(forgotten)
        return dict(shown)

    def _cut_log(self, forgotten: bool) -> None:
        """Leave no older page of what a request forgot, at the latest when nobody reads one any more."""
        if forgotten and not self._offers.scrub():
            log.warning("request_still_in_log", hint="somebody reads the database; the log is cut when they are done")

    def _let_go(self, tx: StoreTransaction, row: Row, request: Request, actor: str) -> bool:
        """Forget who asked, now that the request is over, where it need not be known any more: the person was told of
        their erasure, or another request of theirs erased them while this one was open. True where something went."""
        if request.state not in (State.DONE, State.CLOSED):
            return False
        erased = request.asks is Asks.ERASURE and request.state is State.DONE
        if not erased and not self._book.outlived(tx, row["reference"]):
            return False
        leaves, now = self._book.personal_leaves(tx, row["id"]), self._clock.now()
        self._book.erase_leaves(tx, leaves, request=row["id"], what="request", at=now, actor=actor)
        return True

    def _shown(self, tx: StoreTransaction, name: str) -> Row:
        row, course, request = self._load(tx, name)
        return shown(row, course, request, self._today())


_OF_NO_CALL: Row = {"note": "", "call_id": None}


def allowed(row: Row, request: Request, event: Event) -> tuple[Request, list[Do]]:
    """What ``gate.core.requests.handle`` says. Raises ``RefusedError`` where the step cannot be taken now."""
    try:
        return handle(request, event)
    except UnexpectedEvent as error:
        unproven = request.asks in NEEDS_IDENTITY and not request.identified
        state = request.state.value.replace("_", " ")
        why = f": {error.why}" if error.why else f" while it is {state}"
        raise RefusedError(
            f"{row['reference']}: {ACTS[type(event).__name__]}{why}{_proof(unproven, event)}",
            reason="identity_not_proven" if unproven and request.state is not State.CLOSED else READY,
            hint=f"Now: {'; '.join(next_steps(row, request)) or 'it is over'}.",
        ) from None


def _proof(unproven: bool, event: Event) -> str:
    return ": the identity is not proven" if unproven and isinstance(event, Searched) else ""


def told_of(row: Row, course: list[Row]) -> list[str]:
    """The person's numbers, without those of calls that the last search chose: somebody may have chosen wrongly."""
    chosen = last(course, PERSON).get("chosen", [])
    return [each for each in row["numbers"] if each not in chosen]


def numbers_of(numbers: Sequence[str]) -> list[str]:
    """E.164 values of numbers in any spelling, each once; raises ``UsageError``."""
    return list(dict.fromkeys(number_of(number) for number in numbers))


def shown(row: Row, course: list[Row], request: Request, today: date) -> Row:
    """A request as it stands on a day."""
    clock = request.clock_on(today)
    carried = last(course, CARRIED)
    return {
        "id": row["id"],
        "reference": row["reference"],
        "asks": request.asks.value,
        "state": request.state.value,
        "channel": row["channel"],
        "received": request.received.isoformat(),
        "opened_at": row["opened_at"],
        "written": row["written"],
        "name": row["name"],
        "contact": row["contact"],
        "lines": row["numbers"],
        "about": row["about"],
        "since": row["since"],
        "until": row["until"],
        **clocks(request, clock, today),
        "identified": request.identified,
        "checked": row["checked"],
        "searched": request.searched,
        "found": row["found"],
        "ground": request.ground.value if request.ground else None,
        "told": sorted(request.told),
        "carried_out": carried or None,
        "pack": last(course, PACK) or None,
        "letters": letters_due(row, course, request, done=not undone(row, request, course)),
        "next": next_steps(row, request, course),
    }


def open_standings(reads: RequestReads, tx: Tx, today: date, text: str = "") -> list[Row]:
    """Every request that is not over (and fits ``text``) as it stands, the one due first at the top."""
    found = []
    for row in reads.open_ones(tx, text):
        course = reads.course(tx, row["id"])
        found.append(shown(row, course, replay(course), today))
    return sorted(found, key=lambda each: (each["due"] or each["acknowledge_by"] or "9999", each["reference"]))


def counted(standings: list[Row]) -> Row:
    """How many are open, warned of and overdue."""
    return {
        "open": len(standings),
        "warned": sum(bool(each["warning"]) for each in standings),
        "overdue": sum(each["warning"] == WARNINGS[-1] for each in standings),
    }


def something_held(course: list[Row]) -> bool:
    """The newest search found a call or an entry of a list."""
    found = last(course, KINDS[Searched])
    return bool(found.get("found") or found.get("entries"))


def clocks(request: Request, clock: Clock | None, today: date) -> Row:
    """Due date, the regulator's beside it, days left, and what to warn of."""
    acknowledge = request.acknowledge_by() if request.state not in (State.DONE, State.CLOSED) else None
    warning = WARNINGS[clock.warned(today)] if clock else ""
    if acknowledge is not None and today > acknowledge:
        warning = WARNINGS[-1]
    return {
        "started": clock.started.isoformat() if clock else None,
        "due": clock.due.isoformat() if clock else None,
        "ico_due": clock.ico_date.isoformat() if clock else None,
        "days_left": (clock.due - today).days if clock else None,
        "warning": warning,
        "paused_on": request.paused_on.isoformat() if request.paused_on else None,
        "extended": bool(clock and clock.extended),
        "acknowledge_by": acknowledge.isoformat() if acknowledge else None,
    }


def next_steps(row: Row, request: Request, course: list[Row] | None = None) -> list[str]:
    """What can be done now, in the words of the command line."""
    unproven = request.asks in NEEDS_IDENTITY
    steps = {
        State.RECEIVED: ["verify-identity", "ask-identity"] if unproven else ["decide"],
        State.IDENTITY_ASKED: ["verify-identity", "decide --refuse identity_not_proven"],
        State.IN_HAND: ["decide", "clarify", "extend"] if request.searched else ["search", "clarify", "extend"],
        State.CLARIFYING: ["clarified"],
        State.GRANTED: ["fulfil" if undone(row, request, course or []) else "told person"],
        State.REFUSED: [f"told {who}" for who in ("person", "authority") if who not in request.told],
    }.get(request.state, [])
    if request.acknowledge_by() is not None and request.state not in (State.DONE, State.CLOSED, State.GRANTED):
        steps = [*steps, "acknowledge"]
    return [f"dialgate request {step.split(' ')[0]} {row['reference']}{_rest(step)}" for step in steps]


def undone(row: Row, request: Request, course: list[Row]) -> bool:
    """What was granted is still to be done: an erasure to be carried out, a pack to be made."""
    if request.asks is Asks.ACCESS:
        return something_held(course) and not last(course, PACK)
    return request.asks is Asks.ERASURE and row["carried_at"] is None


def _rest(step: str) -> str:
    _, space, rest = step.partition(" ")
    return space + rest
