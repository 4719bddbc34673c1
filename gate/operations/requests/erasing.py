"""An erasure that was granted, carried out: recordings, then what the log says of the person, then the receipt.

The order, and what a kill at each point leaves. The objection that keeps the person uncallable was kept with the grant.

1. ``request_carrying`` names the calls (random ids): from here on it is decided, and whoever finds it without its
   receipt carries it out again. Every further step may be done twice;
2. recordings go, but for what is held (``gate.operations.retention.erasing``): key, file, receipt;
3. facts of the calls are emptied, a few hundred in a transaction, once nothing of their recordings is left, and what
   people wrote about them (``gate.store.said``); where the whole of a person was searched for, so is every other fact
   that holds one of their numbers, contacts too;
4. the write-ahead log is cut, so that no file holds an older page;
5. ``request_carried`` is the receipt: what went, what is held by which hold, until when backups may hold ciphertext.
   Where something is held the request is partly done; once a hold has ended all of it is carried out again, from 1 on.

What a hold keeps stays whole: its recording, the facts of its call, and everything of a number that is held. So does
what is about somebody else and mentions one of the numbers: the receipt says where, by ids, for a person to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gate.clock import Clock
from gate.core import request_words as events
from gate.core.facts import requests as kinds
from gate.core.facts.retention import HoldReleased
from gate.core.request_words import Asks, State
from gate.core.requests import why_not
from gate.errors import GateError, RefusedError, StoreError
from gate.log import Logger
from gate.operations.operation import plan_changed
from gate.operations.requests.executor import OWN_RESTRICTION
from gate.operations.requests.facts import last
from gate.operations.requests.free_words import naming, spares
from gate.operations.requests.plan import GONE, Plan
from gate.operations.requests.proofs import nameless, same_name
from gate.operations.requests.steps import load
from gate.operations.requests.telling import MOST, to_tell
from gate.operations.retention.erasing import hold_of
from gate.operations.retention.sweeper import Retention
from gate.store import requests as book
from gate.store import said, transfers
from gate.store.handed_out import emptied, handed_out, in_bundles, leaves_about
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.types import Progress, Row

log = Logger()

CALLS = 100
"""Calls whose facts are emptied in one transaction: what a call's decision may have to wait for."""
LEAVES = 20_000
"""Facts that are looked through at a time, beside whatever is written."""
SCRUBS = 10
"""How often cutting the write-ahead log is tried, half a second apart: a reader may hold an older state."""
ROUNDS = 5
"""How often recordings are gone through: holds come and go meanwhile."""
_LIVE = ("dialling", "answered", "talking")


class RequestEraser:
    """Blocking and thread-safe; not for the line thread."""

    def __init__(
        self,
        store: EvidenceStore,
        retention: Retention,
        read: Callable[[Callable[[Any], Any]], Any],
        scrub: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """``read`` reads the store without holding it up; ``scrub`` cuts its write-ahead log
        (``EvidenceStore.scrub``)."""
        self._store = store
        self._retention = retention
        self._read = read
        self._scrub = scrub
        self._clock = clock

    def plan(self, request: str) -> Row:
        """What would go now. Nothing is changed. Raises ``RefusedError`` where it neither is granted nor can be."""
        plan = self._store.call(partial(self._planned, name=request, soon=True))
        return plan.as_row()

    def begun(self, request: str) -> bool:
        """True where it was decided already: what is left of it needs nobody's word. Raises as ``carry_out``."""
        return self._store.call(lambda tx: self._begun(tx, self._granted(tx, request)))

    def plan_to_carry_out(self, request: str, digest: str = "") -> Plan:
        """What would go now, of an erasure that could be carried out now. Nothing is changed. Raises as
        ``carry_out``."""
        return self._store.call(lambda tx: self._ready(tx, self._granted(tx, request), digest))

    def carry_out(
        self, request: str, actor: str, progress: Progress | None = None, *, digest: str = "", reason: str = ""
    ) -> Row:
        """Erase what a granted request asks for; its receipt. Harmless twice. With ``digest``, only what the plan of
        that digest showed; ``reason`` is kept until the request forgets the person.

        Raises ``RefusedError`` (``request_not_ready``, ``call_in_progress``; ``plan_changed`` where now it would be
        something else), and what erasing raises: then it goes on where it stopped when it is asked for again, or when
        the gate starts.
        """
        begun, receipt = self._store.call(lambda tx: self._begin(tx, request, actor, digest, reason))
        if begun is None:
            return receipt
        plan = self._erase(begun, actor)
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

    def again(self, request: str, numbers: list[str], calls: list[str], *, whole: bool, actor: str) -> int:
        """Erase once more what an erasure took that the store knows no more of; how many facts. What is held stays.
        Raises as ``carry_out``."""
        plan = self._store.call(lambda tx: self._plan_again(tx, request, numbers, calls, whole=whole))
        own = self._store.call(partial(_own_restrictions, plan=plan))
        self._retention.erase_asked(plan.recordings, basis="memory journal", actor=actor, own=own)
        plan = self._store.call(lambda tx: self._plan_again(tx, request, numbers, calls, whole=whole))
        facts = sum(self._empty(plan, actor, None))
        self._cut()
        return facts

    # --- steps

    def _plan_again(
        self, tx: StoreTransaction, request: str, numbers: list[str], call_ids: list[str], *, whole: bool
    ) -> Plan:
        calls = book.calls_of(tx, numbers, limit=MOST) if whole and numbers else book.calls(tx, call_ids)
        known = book.find(tx, request) or {}  # of a store from before the erasure: who asked
        company, name = _company(tx, numbers, calls), known.get("name") or ""
        held, held_lines = self._holds(tx, numbers, name, calls)
        return Plan(request, request, numbers, whole, calls, *company, held, held_lines, name=name)

    def _granted(self, tx: StoreTransaction, name: str, *, soon: bool = False) -> Row:
        """The row of an erasure that is granted (``soon``: or can be now); raises for any other."""
        row, _, request = load(tx, name)
        granted = request.state in (State.GRANTED, State.PARTLY_DONE)  # carried out already, too: there is its receipt
        ready = granted or (soon and not why_not(request, events.Granted(request.received)))
        if request.asks is not Asks.ERASURE or not ready:
            raise RefusedError(
                f"{row['reference']} is for {request.asks} and {request.state}: there is nothing to erase",
                reason="request_not_ready",
                hint=f"dialgate request show {row['reference']}",
            )
        return row

    def _begin(self, tx: StoreTransaction, name: str, actor: str, digest: str, reason: str) -> tuple[Plan | None, Row]:
        row = self._granted(tx, name)
        receipt = last(book.course(tx, row["id"]), kinds.Carried)
        if receipt and row["carried_at"] and self._begun(tx, row):
            return None, receipt.values()
        plan = self._ready(tx, row, digest)
        if reason.strip():
            said_at = kinds.SaidAt(step="erasing", text=reason.strip())
            tx.append(said_at.fact(row["id"], self._clock.now(), actor))
        if plan.whole:
            self._lift_own(tx, plan, actor)
        if row["carrying_at"] is None or _again(row):
            recordings = [each["recording_id"] for each in plan.calls if each["recording_id"]]
            calls = [each["call_id"] for each in plan.calls]
            # named while it is still known what went to whom
            course = book.course(tx, row["id"])
            leaves = leaves_about(tx, calls, plan.lines, whole=plan.whole)
            recipients = handed_out(tx, recordings, plan.lines)
            recipients += in_bundles(tx, [*leaves, *emptied(course)])
            body = kinds.Carrying(calls=calls, recipients=recipients)
            tx.append(body.fact(row["id"], self._clock.now(), actor))
        return plan, {}

    def _lift_own(self, tx: StoreTransaction, plan: Plan, actor: str) -> None:
        """Restrictions that the person asked for themselves end with the erasure of all that is theirs: that is their
        consent (Article 18(2)). Where they ask for some calls alone, they stand for the others."""
        for hold in _own_restrictions(tx, plan):
            reason = f"the person asked for their erasure ({plan.reference})"
            tx.append(HoldReleased(reason=reason).fact(hold, self._clock.now(), actor))

    def _begun(self, tx: StoreTransaction, row: Row) -> bool:
        """It was decided already, and nothing that a hold kept is free since."""
        if not _again(row):
            return row["carrying_at"] is not None
        plan = self._plan(tx, row)
        return not plan.standing and plan.held_count >= row["held"]

    def _ready(self, tx: StoreTransaction, row: Row, digest: str) -> Plan:
        plan = self._plan(tx, row)
        live = [each["call_id"] for each in plan.calls if each["state"] in _LIVE or each["recording"] == "open"]
        if live:
            raise RefusedError(
                f"{row['reference']}: call {live[0]} with this person is not over",
                reason="call_in_progress",
                hint="Wait until it is, then again.",
            )
        if plan.undecided:
            raise RefusedError(
                f"{row['reference']}: nobody has said on what ground {plan.undecided[0]} keeps something",
                reason="hold_without_ground",
                hint="Say it, or release the hold: dialgate hold ground ID --ground … (what has none stops no erasure)",
            )
        plan_changed(f"the erasure {row['reference']}", digest, plan.digest)
        return plan

    def _planned(self, tx: StoreTransaction, name: str, *, soon: bool = False) -> Plan:
        return self._plan(tx, self._granted(tx, name, soon=soon))

    def _plan(self, tx: StoreTransaction, row: Row) -> Plan:
        course = book.course(tx, row["id"])
        scope, carrying = last(course, kinds.Searched), last(course, kinds.Carrying)
        if scope is None:
            raise StoreError(
                f"{row['reference']}: the log has no search for what it erases", hint="dialgate audit verify"
            )
        whole, lines = bool(scope.whole), row["numbers"]
        calls = book.calls(tx, (carrying and carrying.calls) or scope.calls or [])
        known = {each["call_id"] for each in calls}
        if whole and lines:
            later = book.calls_of(tx, lines, limit=MOST)
            calls += [each for each in later if each["call_id"] not in known]
        undecided: list[str] = []
        held, held_lines = self._holds(tx, lines, row["name"] or "", calls, undecided)
        company = _company(tx, lines, calls)
        plan = Plan(row["id"], row["reference"], lines, whole, calls, *company, held, held_lines)
        plan.name, plan.undecided = row["name"] or "", undecided
        return plan

    def _holds(
        self, tx: StoreTransaction, lines: list[str], name: str, calls: list[Row], undecided: list[str] | None = None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Call -> name of the hold that keeps it, and number -> name of the hold on it; names of those without a ground
        go into ``undecided``."""
        held: dict[str, str] = {}
        held_lines: dict[str, str] = {}
        recorded = {each["recording_id"]: each["call_id"] for each in calls if each["recording_id"]}
        ids = {each["call_id"] for each in calls}
        came = transfers.before(tx, ids)
        inside = {each["call_id"]: [each, *came.get(each["call_id"], ())] for each in calls}
        of_others = {each["number"] for call in came for each in inside[call] if each["number"]}.difference(lines)
        held_others: dict[str, str] = {}
        for hold in book.holds_of(tx, [*lines, *sorted(of_others)], ids):
            known = hold_of(hold)
            if not known.stops_requests or _own(tx, hold, lines, name):
                continue
            if known.undecided and undecided is not None:
                undecided.append(known.name)
            if hold["target"] == "number":
                (held_others if hold["number"] in of_others else held_lines).setdefault(hold["number"], known.name)
            else:
                held.setdefault(recorded.get(hold["recording_id"]) or hold["call_id"], known.name)
        for each in calls:
            unread = next(iter(held_lines.values()), "") if not each["number"] else ""
            names = (held_lines.get(one["number"]) or held_others.get(one["number"]) for one in inside[each["call_id"]])
            if keeper := next(filter(None, names), unread):  # no number: its spelling was refused
                held.setdefault(each["call_id"], keeper)
        return held, held_lines

    def _erase(self, plan: Plan, actor: str) -> Plan:
        """Recordings go; returns the plan as it is after them.

        What was put on hold since the plan was made is judged again: nothing of it is emptied; nor of a call that has
        come since, whose recording is there. What was held and is no more goes as well: facts are emptied only where
        no recording of theirs opens.
        """
        decided = {each["call_id"] for each in plan.calls}
        for _ in range(ROUNDS):
            own = self._store.call(partial(_own_restrictions, plan=plan))
            basis = f"request {plan.reference}"
            outcome = self._retention.erase_asked(plan.recordings, basis=basis, actor=actor, own=own)
            if outcome.faults:
                first = outcome.faults[0]
                raise StoreError(
                    f"{plan.reference}: {len(outcome.faults)} recordings have lost their key, but their files would "
                    f"not go: {first['fault']}",
                    hint=f"see to the disk, then again: dialgate request fulfil {plan.reference}",
                )
            plan = self._store.call(partial(self._planned, name=plan.request_id))
            plan.calls = [each for each in plan.calls if each["call_id"] in decided]
            if not plan.standing:
                return plan
        raise StoreError(
            f"{plan.reference}: {len(plan.standing)} recordings were held when their turn came and are not now",
            hint=f"again: dialgate request fulfil {plan.reference}",
        )

    def _empty(self, plan: Plan, actor: str, progress: Progress | None) -> Iterator[int]:
        """Facts of the calls, then whatever else holds a number of theirs; how many at a time."""
        going = plan.going
        for start in range(0, len(going), CALLS):
            part = going[start : start + CALLS]
            yield self._store.call(partial(self._empty_calls, plan=plan, call_ids=part, actor=actor))
            if progress is not None:
                progress(0.5 * (start + len(part)) / len(going), "calls")
        place, size = 0, self._store.call(lambda tx: tx.query("SELECT max(leaf_index) AS last FROM facts"))[0]["last"]
        while free := plan.free_lines:
            found, place = self._read(partial(book.mentions, numbers=free, first=place, count=LEAVES))
            if found:
                yield self._store.call(partial(self._empty_mentions, plan=plan, found=found, actor=actor))
            if plan.free_lines != free:
                place = 0  # a number was put on hold meanwhile: again, without it
            elif not place:
                break
            if progress is not None:
                progress(0.5 + 0.5 * min(1.0, place / max(1, size)), "everything else")
        yield self._store.call(partial(self._forget_contacts, plan=plan, actor=actor))

    def _forget_contacts(self, tx: StoreTransaction, plan: Plan, actor: str) -> int:
        """Contacts with these numbers, what was written about them, and reasons and purposes that name the person."""
        words = said.about_contacts(tx, {each["reference"] for each in book.contacts_of(tx, plan.free_lines)})
        words += naming(tx, plan) if plan.free_lines else []
        book.forget_contacts(tx, plan.free_lines)
        now = self._clock.now()
        return book.erase_leaves(tx, words, request=plan.request_id, what="words", at=now, actor=actor)

    def _empty_calls(self, tx: StoreTransaction, plan: Plan, call_ids: list[str], actor: str) -> int:
        """Facts of these calls, but for what somebody has put on hold since the plan was made."""
        calls = book.calls(tx, call_ids)
        self._hold(tx, plan, calls)
        going = [each["call_id"] for each in calls if each["call_id"] not in plan.held and each["recording"] in GONE]
        now, name = self._clock.now(), plan.name
        words = said.about_calls(tx, set(going) - plan.others, lambda text: not nameless(text, name))
        facts = book.erase_leaves(tx, words, request=plan.request_id, what="words", at=now, actor=actor)
        return facts + book.erase_calls(
            tx, going, plan.lines, request=plan.request_id, at=now, actor=actor, others=plan.others
        )

    def _hold(self, tx: StoreTransaction, plan: Plan, calls: list[Row]) -> bool:
        """Note what has been put on hold since the plan was made; True where a number was."""
        free = plan.free_lines
        held, lines = self._holds(tx, plan.lines, plan.name, calls)
        plan.held |= held
        plan.held_lines |= lines
        return plan.free_lines != free

    def _empty_mentions(
        self, tx: StoreTransaction, plan: Plan, found: list[tuple[int, str, str, str | None]], actor: str
    ) -> int:
        """Facts that hold one of these numbers; of the person's own records all facts, and of others' none.

        Requests that are not over keep what they need until they are; this one until the person has been told.
        """
        if self._hold(tx, plan, []):
            return 0
        leaves: set[int] = set()
        for leaf, kind, subject, call_id in found:
            if subject == plan.request_id or call_id in plan.held:
                continue
            record = book.record_of(tx, kind, subject)
            if record is None:
                leaves |= set() if spares(tx, plan, leaf, kind, call_id) else {leaf}
            elif not plan.spares(record):
                of_request = record["record"] == "request"
                leaves |= set(book.personal_leaves(tx, subject) if of_request else book.leaves_of(tx, [subject]))
        now = self._clock.now()
        return book.erase_leaves(tx, leaves, request=plan.request_id, what="numbers", at=now, actor=actor)

    def _cut(self) -> None:
        for _ in range(SCRUBS):
            if self._scrub():
                return
            time.sleep(0.5)
        raise StoreError(
            "what was erased still stands in the write-ahead log: somebody reads the database",
            hint="end what reads it (an export, a console), then again",
        )

    def _receipt(self, tx: StoreTransaction, plan: Plan, facts: int, actor: str) -> Row:
        kept = last(book.course(tx, plan.request_id), kinds.Carried)
        row = book.find(tx, plan.request_id)
        if kept and row and row["carried_at"]:
            return kept.values()
        calls, course = book.calls(tx, [each["call_id"] for each in plan.calls]), book.course(tx, plan.request_id)
        # who asked is forgotten with the confirmation
        leaves = [*emptied(course), *book.personal_leaves(tx, plan.request_id)]
        body = kinds.Carried(
            calls=len(plan.going),
            recordings=sum(each["recording"] == "erased" for each in calls),
            shared=sum(each["recording"] == "erased" and each["call_id"] in plan.shared for each in calls),
            facts=facts,
            whole=plan.whole,
            held_back=sum(each["recording"] not in GONE for each in calls),
            held_calls=len(plan.held),
            held_by=plan.held_by,
            held=plan.held_count,
            open_requests=self._still_open(tx, plan),
            mentions=sorted(plan.mentions),
            backups_until=self._retention.backups_until().isoformat(),
            tell=to_tell(tx, course, [each["recording_id"] for each in calls if each["recording"] == "erased"], leaves),
        )
        tx.append(body.fact(plan.request_id, self._clock.now(), actor))
        return body.values()

    def _still_open(self, tx: StoreTransaction, plan: Plan) -> list[str]:
        """References of other requests of the person that are not over: they keep their numbers until they are."""
        open_ = {each["id"] for each in book.open_ones(tx)} - {plan.request_id}
        lines = plan.free_lines
        theirs = [each for each in book.of_numbers(tx, lines) if same_name(each["name"] or "", plan.name)]
        known = {each["reference"] for each in theirs if each["id"] in open_}
        return sorted(known | plan.open_requests)


def _company(tx: StoreTransaction, lines: list[str], calls: list[Row]) -> tuple[set[str], set[str]]:
    """Calls of a person that are to others, and those in which another person is heard."""
    ids = [each["call_id"] for each in calls]
    return transfers.of_others(tx, ids, lines), transfers.shared(tx, ids, lines)


def _again(row: Row) -> bool:
    """True where a hold kept a part, and nothing has been begun since."""
    return row["state"] == State.PARTLY_DONE and row["carried_at"] is not None


def _own_restrictions(tx: StoreTransaction, plan: Plan) -> list[str]:
    """Ids of the restrictions in force that the person of a plan asked for."""
    return [hold["id"] for hold in book.holds_of(tx, plan.lines, ()) if _own(tx, hold, plan.lines, plan.name)]


def _own(tx: StoreTransaction, hold: Row, lines: list[str], name: str) -> bool:
    """Whether a hold is a restriction that a person of this name, with these numbers, asked for by a request."""
    request, by_request, _ = hold["id"].rpartition(OWN_RESTRICTION)
    if hold["kind"] != "restriction" or hold["number"] not in lines or not by_request:
        return False
    return same_name((book.find(tx, request) or {}).get("name") or "", name)
