"""An erasure carried out: recordings, then what the log says of the person, then the receipt that proves it.

The order, and what a kill at each point leaves. The objection that keeps the person uncallable was kept with the grant.

1. ``request_carrying`` names the calls (random ids): from here on it is decided, and whoever finds it without its
   receipt carries it out again. Every further step may be done twice;
2. recordings go, but for what is held (``gate.operations.erasure.recordings``): key, file, receipt;
3. facts of the calls are emptied, a few hundred in a transaction, once nothing of their recordings is left, and what
   people wrote about them; where the whole of a person was searched for, so is every other fact that holds one of their
   numbers, contacts too (``gate.store.erasure``);
4. the write-ahead log is cut, so that no file holds an older page; in PostgreSQL the tables are written anew. Where
   one is too large for that the request stays open, until somebody has them written (``store_rewrite``);
5. ``request_carried`` is the receipt: what went, what is held by which hold, until when backups may hold ciphertext.
   Where something is held the request is partly done; once a hold has ended all of it is carried out again, from 1 on.

People ask for it (``request_carry_out``, ``store_rewrite``): what would go, and carrying it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import UNSET

from gate.converting import convert
from gate.core import request_words as events
from gate.core.facts import requests as kinds
from gate.core.facts.gate import StoreRewritten
from gate.core.facts.retention import HoldReleased
from gate.core.request_words import Asks, State
from gate.core.requests import why_not
from gate.core.rows.audit import CopyRow
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import RequestRow
from gate.errors import GateError, RefusedError, StoreError
from gate.log import Logger
from gate.operations.erasure.plan import GONE, Carried, Plan, own_restrictions, plan_again, plan_of
from gate.operations.operation import (
    ADMINS,
    KEEPERS,
    Caller,
    Line,
    Note,
    Proposed,
    Request,
    Response,
    SecondPerson,
    about,
    operation,
    plan_changed,
)
from gate.operations.requests.standing import bodies, last
from gate.operations.requests.steps import load, same_name
from gate.operations.requests.telling import to_tell
from gate.showing import many
from gate.store import contacts, erasure, kept
from gate.store import requests as book
from gate.store.handed_out import copies_about, emptied, handed_out, in_bundles, leaves_about, open_copies
from gate.store.queries import SLICE
from gate.store.transaction import StoreTransaction
from gate.types import Progress

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


log = Logger()

CALLS: Final = 100
"""Calls whose facts are emptied in one transaction: what a call's decision may have to wait for."""
LEAVES: Final = 20_000
"""Facts that are looked through at a time, beside whatever is written."""
SCRUBS: Final = 10
"""How often cutting the write-ahead log is tried, half a second apart: a reader may hold an older state."""
ROUNDS: Final = 5
"""How often recordings are gone through: holds come and go meanwhile."""
_LIVE: Final = ("dialling", "answered", "talking")


class TablesWait(StoreError):
    """Tables of PostgreSQL hold in their free room what was erased, and are too large to be written anew unasked."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"it is emptied, and still stands in the free room of {' and '.join(tables)}, too large to be written anew"
            " while calls are decided",
            hint="at a quiet hour: dialgate store rewrite; that ends the erasure, too",
        )


class Eraser:
    """Blocking and thread-safe; not for the line thread."""

    def __init__(self, folder: DataFolder) -> None:
        self._store = folder.store
        self._retention = folder.retention
        self._read = folder.read
        self._scrub = folder.store.scrub
        self._unscrubbed = folder.store.unscrubbed
        self._clock = folder.clock

    # --- asked for ------------------------------------------------------------------------------------------------

    def plan(self, request: str) -> Carried:
        """What would go now, as a dry run, with the copies in clear of it that are not destroyed. Nothing is changed.
        Raises ``RefusedError`` where it neither is granted nor can be."""

        def work(tx: StoreTransaction) -> Carried:
            plan = plan_of(tx, _granted(tx, request, soon=True))
            return plan.shown(_copies(tx, plan, _leaves(tx, plan)))

        return self._store.call(work)

    def begun(self, request: str) -> bool:
        """True where it was decided already: what is left of it needs nobody's word. Raises as ``carry_out``."""
        return self._store.call(lambda tx: _begun(tx, _granted(tx, request)))

    def plan_to_carry_out(self, request: str, digest: str = "") -> Plan:
        """What would go now, of an erasure that could be carried out now. Nothing is changed. Raises as
        ``carry_out``."""
        return self._store.call(lambda tx: _ready(tx, _granted(tx, request), digest))

    def carry_out(
        self, request: str, actor: str, progress: Progress | None = None, *, digest: str = "", reason: str = ""
    ) -> kinds.Carried:
        """Erase what a granted request asks for; its receipt. Harmless twice. With ``digest``, only what the plan of
        that digest showed; ``reason`` is kept until the request forgets the person.

        Raises ``RefusedError`` (``request_not_ready``, ``call_in_progress``; ``plan_changed`` where now it would be
        something else), and what erasing raises: then it goes on where it stopped when it is asked for again, or when
        the gate starts.
        """
        begun = self._store.call(lambda tx: self._begin(tx, request, actor, digest, reason))
        if isinstance(begun, kinds.Carried):
            return begun
        plan, left = self._recordings(begun, lambda tx: plan_of(tx, _granted(tx, begun.request_id)), actor)
        if left:
            raise StoreError(
                f"{plan.reference}: {left}", hint=f"see to it, then again: dialgate request fulfil {plan.reference}"
            )
        facts = sum(self._empty(plan, actor, progress))
        self._cut()
        return self._store.call(lambda tx: self._receipt(tx, plan, facts, actor))

    def resume(self, actor: str = "gate") -> int:
        """Carry out what was begun and has no receipt; returns how many. Errors are logged: the next start tries
        again."""
        done = 0
        for request_id in self._store.call(book.unfinished):
            try:
                self.carry_out(request_id, actor)
                done += 1
            except GateError as error:
                log.error("request_not_carried_out", request=request_id, error=str(error), hint=error.hint)
        if done:
            log.warning("requests_resumed", requests=done)
        self._scrub()  # a gate that died after the last commit had not cut the log
        return done

    def finish(self) -> None:
        """Erase what other gates have decided of this gate's recordings, then do the erasures that waited for it.
        Raises ``GateError``."""
        if self._store.call(kept.erasing) and self._retention.at_start().erased:
            self.resume()

    def again(
        self,
        request: str,
        numbers: list[str],
        calls: list[str],
        since: str | None = None,
        until: str | None = None,
        left: Collection[str] = (),
        *,
        whole: bool,
        actor: str,
    ) -> int:
        """Erase once more what an erasure took that the store knows no more of; how many facts. What is held stays, and
        what is somebody else's: from before or after the days on which the numbers were the person's, and ``left``.
        Raises as ``carry_out``."""

        def planned(tx: StoreTransaction) -> Plan:
            return plan_again(tx, request, numbers, calls, (since, until), left, whole=whole)

        plan, left = self._recordings(self._store.call(planned), planned, actor)
        if left:
            log.error("request_not_erased_again", request=request, error=left)
        facts = sum(self._empty(plan, actor, None))
        with suppress(TablesWait):  # no receipt says that they are done with, and the status says that they are not
            self._cut()
        return facts

    # --- steps ----------------------------------------------------------------------------------------------------

    def _begin(self, tx: StoreTransaction, name: str, actor: str, digest: str, reason: str) -> Plan | kinds.Carried:
        """What goes, decided from here on; the receipt where all of it has gone."""
        row = _granted(tx, name)
        course, now = book.course(tx, row.id), self._clock.now()
        receipt = last(course, kinds.Carried)
        if receipt and row.carried_at and _begun(tx, row):
            return receipt
        plan = _ready(tx, row, digest)
        if reason.strip():
            tx.append(kinds.SaidAt(step="erasing", text=reason.strip()).fact(row.id, now, actor))
        if plan.whole:  # their own restrictions end with it: that is their consent (Article 18(2))
            for hold in own_restrictions(tx, plan):
                ended = HoldReleased(reason=f"the person asked for their erasure ({plan.reference})")
                tx.append(ended.fact(hold, now, actor))
        if row.carrying_at is None or _partly(row):
            calls, leaves = [each.call_id for each in plan.calls], _leaves(tx, plan)
            recordings = [each.recording_id for each in plan.calls if each.recording_id]
            # named while it is still known what went to whom
            recipients = handed_out(tx, recordings, plan.lines) + in_bundles(tx, [*leaves, *emptied(course)])
            copies = [each.id for each in _copies(tx, plan, leaves)]
            body = kinds.Carrying(calls=calls, recipients=recipients, copies=copies or UNSET)
            tx.append(body.fact(row.id, now, actor))
        return plan

    def _recordings(self, plan: Plan, planned: Callable[[StoreTransaction], Plan], actor: str) -> tuple[Plan, str]:
        """Recordings go; returns the plan as it is after them, and why some stay that should not.

        What was put on hold since the plan was made is judged again: nothing of it is emptied; nor of a call that has
        come since, whose recording is there. What was held and is no more goes as well: facts are emptied only where
        no recording of theirs opens.
        """
        decided = {each.call_id for each in plan.calls}
        for _ in range(ROUNDS):
            own = self._store.call(partial(own_restrictions, plan=plan))
            outcome = self._retention.erase_asked(plan.recordings, basis=plan.why, actor=actor, own=own)
            plan = self._store.call(planned)
            plan.calls = [each for each in plan.calls if each.call_id in decided]
            if outcome.faults:
                locked, fault = many(len(outcome.faults), "recording", "has"), outcome.faults[0].fault
                return plan, f"{locked} no key any more, but the files would not go: {fault}"
            if not plan.standing:
                return plan, ""
        here = self._store.call(partial(kept.here_among, recording_ids=plan.standing[:SLICE]))
        if there := len({*plan.standing[:SLICE]} - here):
            return plan, f"{many(there, 'recording', 'waits')} for another gate, which has file and keys, to be erased"
        return plan, f"{many(len(plan.standing), 'recording', 'was')} held when the turn came, and no hold is there now"

    def _empty(self, plan: Plan, actor: str, progress: Progress | None) -> Iterator[int]:
        """Facts of the calls, then whatever else holds a number of theirs, then contacts; how many at a time."""
        going = plan.going
        for start in range(0, len(going), CALLS):
            part = going[start : start + CALLS]
            yield self._store.call(partial(self._empty_calls, plan=plan, call_ids=part, actor=actor))
            if progress is not None:
                progress(0.5 * (start + len(part)) / len(going), "calls")
        place, size = 0, self._store.call(lambda tx: tx.values(int, "SELECT max(leaf_index) FROM facts"))[0]
        while free := plan.free_lines:
            found, place = self._read(partial(erasure.mentions, numbers=free, first=place, count=LEAVES))
            if found:
                yield self._store.call(partial(self._empty_mentions, plan=plan, found=found, actor=actor))
            if plan.free_lines != free:
                place = 0  # a number was put on hold meanwhile: again, without it
            elif not place:
                break
            if progress is not None:
                progress(0.5 + 0.5 * min(1.0, place / max(1, size)), "everything else")
        yield self._store.call(partial(self._empty_contacts, plan=plan, actor=actor))

    def _empty_calls(self, tx: StoreTransaction, plan: Plan, call_ids: list[str], actor: str) -> int:
        """Facts of these calls, but for what somebody has put on hold since the plan was made."""
        calls = book.calls(tx, call_ids)
        plan.hold(tx, calls)
        going = [each.call_id for each in calls if each.call_id not in plan.held and each.recording in GONE]
        words = erasure.words_about_calls(tx, set(going) - plan.others, plan.names)
        facts = self._emptied(tx, plan, words, "words", actor)
        return facts + self._emptied(tx, plan, erasure.call_leaves(tx, going, plan.lines, plan.others), "calls", actor)

    def _empty_mentions(
        self, tx: StoreTransaction, plan: Plan, found: list[tuple[int, str, str, str | None]], actor: str
    ) -> int:
        """Facts that hold one of these numbers, as far as the plan does not spare them."""
        if plan.hold(tx, []):
            return 0
        leaves = {leaf for each in found for leaf in plan.spares(tx, *each)}
        return self._emptied(tx, plan, leaves, "numbers", actor)

    def _empty_contacts(self, tx: StoreTransaction, plan: Plan, actor: str) -> int:
        """Contacts with these numbers, what was written about them, and reasons and purposes that name the person."""
        words = plan.words(tx)
        for number in plan.free_lines:
            contacts.forget_number(tx, number)
        return self._emptied(tx, plan, words, "words", actor)

    def _emptied(self, tx: StoreTransaction, plan: Plan, leaves: Collection[int], what: str, actor: str) -> int:
        now = self._clock.now()
        return erasure.empty(tx, leaves, subject=plan.request_id, at=now, actor=actor, basis="request", what=what)

    def _cut(self) -> None:
        for _ in range(SCRUBS):
            if self._scrub():
                return
            if large := self._unscrubbed():
                raise TablesWait(large)
            time.sleep(0.5)
        raise StoreError(
            "what was erased still stands in the write-ahead log: somebody reads the database",
            hint="end what reads it (an export, a console), then again",
        )

    def _receipt(self, tx: StoreTransaction, plan: Plan, facts: int, actor: str) -> kinds.Carried:
        course, row = book.course(tx, plan.request_id), book.find(tx, plan.request_id)
        kept = last(course, kinds.Carried)
        if kept and row and row.carried_at:
            return kept
        calls = book.calls(tx, [each.call_id for each in plan.calls])
        erased = [each for each in calls if each.recording == "erased"]
        copies = [each.id for each in copies_left(tx, course)]
        # who asked is forgotten with the confirmation
        leaves = [*emptied(course), *erasure.personal_leaves(tx, plan.request_id)]
        body = kinds.Carried(
            calls=len(plan.going),
            recordings=len(erased),
            shared=sum(each.call_id in plan.shared for each in erased),
            facts=facts,
            whole=plan.whole,
            held_back=sum(each.recording not in GONE for each in calls),
            held_calls=len(plan.held),
            held_by=plan.held_by,
            held=plan.held_count,
            open_requests=_still_open(tx, plan),
            mentions=sorted(plan.mentions),
            backups_until=self._retention.backups_until().isoformat(),
            tell=to_tell(tx, course, [each.recording_id for each in erased if each.recording_id], leaves),
            copies=copies or UNSET,
        )
        tx.append(body.fact(plan.request_id, self._clock.now(), actor))
        return body


# --- copies in clear ----------------------------------------------------------------------------------------------


def _leaves(tx: StoreTransaction, plan: Plan) -> list[int]:
    others = {each.id for each in plan.whose.entries_of_others(tx, plan.lines, plan.request_id)}
    return leaves_about(tx, [each.call_id for each in plan.calls], plan.lines, whole=plan.whole, but=others)


def _copies(tx: StoreTransaction, plan: Plan, leaves: Collection[int]) -> list[CopyRow]:
    return copies_about(tx, plan.going, plan.lines if plan.whole else (), leaves)


def copies_left(tx: StoreTransaction, course: list[FactRow]) -> list[CopyRow]:
    """Copies in clear of what an erasure took, by its course, that are not destroyed."""
    named = {each for begun in bodies(course, kinds.Carrying) for each in begun.copies or ()}
    return [each for each in open_copies(tx) if each.id in named]


# --- how far it is ------------------------------------------------------------------------------------------------


def _granted(tx: StoreTransaction, name: str, *, soon: bool = False) -> RequestRow:
    """The row of an erasure that is granted (``soon``: or can be now); raises ``RefusedError`` for any other."""
    row, _, request = load(tx, name)
    granted = request.state in (State.GRANTED, State.PARTLY_DONE)  # carried out already, too: there is its receipt
    ready = granted or (soon and not why_not(request, events.Granted(request.received)))
    if request.asks is not Asks.ERASURE or not ready:
        raise RefusedError(
            f"{row.reference} is for {request.asks} and {request.state}: there is nothing to erase",
            reason="request_not_ready",
            hint=f"dialgate request show {row.reference}",
        )
    return row


def _partly(row: RequestRow) -> bool:
    """True where a hold kept a part, and nothing has been begun since."""
    return row.state == State.PARTLY_DONE and row.carried_at is not None


def _begun(tx: StoreTransaction, row: RequestRow) -> bool:
    """It was decided already, and nothing that a hold kept is free since."""
    if not _partly(row):
        return row.carrying_at is not None
    plan = plan_of(tx, row)
    return not plan.standing and plan.held_count >= (row.held or 0)


def _ready(tx: StoreTransaction, row: RequestRow, digest: str) -> Plan:
    plan = plan_of(tx, row)
    live = [each.call_id for each in plan.calls if each.state in _LIVE or each.recording == "open"]
    if live:
        raise RefusedError(
            f"{row.reference}: call {live[0]} with this person is not over",
            reason="call_in_progress",
            hint="Wait until it is, then again.",
        )
    if plan.undecided:
        raise RefusedError(
            f"{row.reference}: nobody has said on what ground {plan.undecided[0]} keeps something",
            reason="hold_without_ground",
            hint="Say it, or release the hold: dialgate hold ground ID --ground … (what has none stops no erasure)",
        )
    plan_changed(f"the erasure {row.reference}", digest, plan.digest)
    return plan


def _still_open(tx: StoreTransaction, plan: Plan) -> list[str]:
    """References of other requests of the person that are not over: they keep their numbers until they are."""
    open_ = {each.id for each in book.open_ones(tx)} - {plan.request_id}
    theirs = [each for each in book.requests_of_numbers(tx, plan.free_lines) if same_name(each.name or "", plan.name)]
    return sorted({each.reference for each in theirs if each.id in open_} | plan.open_requests)


class CarryOut(Request[Carried], frozen=True):
    """Erase what a granted request asks for; without ``execute`` only say what would go, also before it is granted."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    execute: Annotated[bool, about("Erase; else only say what would go.")] = False
    digest: Annotated[Line, about("That of a dry run: what it showed goes, or nothing does (plan_changed).")] = ""
    reason: Annotated[Note, about("Why; kept until the request forgets the person.", "Why")] = ""


def _erasure_waits(folder: DataFolder, asked: CarryOut, caller: Caller) -> Proposed[CarryOut] | None:
    """Bound to what would go now. One that was begun goes on without being asked for again."""
    eraser = folder.one(Eraser)
    if eraser.begun(asked.request):
        return None
    plan = eraser.plan_to_carry_out(asked.request, asked.digest)
    bound = CarryOut(request=plan.reference, execute=True, digest=plan.digest, reason=asked.reason.strip())
    takes = f"{many(len(plan.going), 'call')}, {many(len(plan.standing), 'recording')}"
    return Proposed(bound, plan.request_id, takes, plan.shown([]))


@operation(
    CarryOut,
    "request_carry_out",
    roles=KEEPERS,
    streams=True,
    final=True,
    second_person=SecondPerson(
        lambda asked: f"the erasure {asked.request}", _erasure_waits, needed=lambda asked: asked.execute
    ),
)
def request_carry_out(folder: DataFolder, asked: CarryOut, caller: Caller) -> Carried:
    """Erase what a granted request asks for, and keep the receipt.

    Without ``execute`` it says what would go, also before it is granted. With ``digest``, that of such an answer, only
    what was shown goes. One that was begun goes on.
    """
    eraser = folder.one(Eraser)
    if not asked.execute:
        return eraser.plan(asked.request)
    receipt = eraser.carry_out(asked.request, caller.actor, caller.progress, digest=asked.digest, reason=asked.reason)
    left = receipt.copies or ()
    copies = folder.store.call(lambda tx: [each for each in open_copies(tx) if each.id in left])
    return convert(receipt.values() | {"dry_run": False, "copies": copies}, Carried)


class Rewritten(Response, frozen=True, kw_only=True):
    """Tables that were written anew."""

    bytes: int
    """How large they were, with their indexes; 0 where nothing was left in them, and in SQLite."""
    requests: int
    """Erasures that are done by that."""


class StoreRewrite(Request[Rewritten], frozen=True):
    """Write the tables of PostgreSQL anew, so that what was erased is in none of their files."""


@operation(StoreRewrite, "store_rewrite", roles=ADMINS, streams=True, final=True)
def store_rewrite(folder: DataFolder, asked: StoreRewrite, caller: Caller) -> Rewritten:
    """Write every table with personal data anew, however large, and do the erasures that wait for that.

    While one is written no call is decided: new calls are refused, emergency calls pass, talks go on.
    """
    size = folder.store.rewrite(caller.progress)
    if size:
        folder.keep(StoreRewritten(bytes=size), "gate", caller.actor)
    return Rewritten(bytes=size, requests=folder.one(Eraser).resume(caller.actor))
