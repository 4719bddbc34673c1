"""What the erasure of a person takes and leaves: planned before anything goes, judged again in each transaction.

What a hold keeps stays whole: its recording, the facts of its call, and everything of a number that is held. So does
what is about somebody else and mentions one of the numbers, and what something else rests on (``Rests`` of the marks):
the plan notes where, by ids, for the receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from gate.core.evidence import leaf_name
from gate.core.facts.derived import ALONE, OF_A_RECORD, STANDING_WORDS, STANDS
from gate.core.facts.requests import Carrying, Searched
from gate.core.rows.audit import CopyRow
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import HeldAttempt, RequestRow
from gate.core.rows.retention import HoldRow, RecordKept
from gate.errors import StoreError
from gate.operations.erasure.recordings import hold_of
from gate.operations.operation import MayWait, plan_digest
from gate.operations.requests.standing import last
from gate.operations.requests.steps import (
    OWN_RESTRICTION,
    Whose,
    nameless,
    same_name,
    searched_since,
    whose,
    whose_from,
)
from gate.store import erasure, transfers
from gate.store import requests as book
from gate.store.transaction import StoreTransaction

ELSEWHERE: Final = " on another matter ("
"""In the name of a hold that is about somebody else and mentions the person."""
GONE: Final = (None, "erased")
"""States of the recording of a call that has none to open."""
MOST: Final = 1_000_000
"""Calls of one person: all there are."""


class Carried(MayWait, frozen=True, kw_only=True):
    """What would go (``dry_run``), or what went."""

    dry_run: bool
    calls: int
    recordings: int
    shared: int = 0
    """Recordings of them in which another person is heard."""
    whole: bool
    """All of the person, not only some calls."""
    held_calls: int
    held_by: list[str]
    """Names of the holds that keep something."""
    copies: list[CopyRow] = msgspec.field(default_factory=list)
    """Copies in clear of it that are not destroyed: nobody but people can destroy them."""
    digest: str | UnsetType = UNSET
    """Digest of what would go and what stays; not of what went."""
    facts: int | UnsetType = UNSET
    """Facts that were emptied; this and what follows is of what went."""
    held_back: int | UnsetType = UNSET
    """Recordings that stay."""
    open_requests: list[str] | UnsetType = UNSET
    """References of the person's other requests, which keep their numbers until they are over."""
    mentions: list[str] | UnsetType = UNSET
    """What else of others a number stands in."""
    backups_until: str | UnsetType = UNSET
    """Until when backups may hold ciphertext."""


@dataclass(slots=True)
class Plan:
    """What goes and what stays."""

    request_id: str
    reference: str
    why: str
    """The ground in the receipts of the recordings: no personal data."""
    lines: list[str]
    whole: bool
    """All of the person, not only some calls."""
    calls: list[HeldAttempt]
    whose: Whose
    """Who asks, where it is known, and since when the lines are theirs."""
    before: set[str] = field(default_factory=set)
    """Calls of the lines from another time: somebody else's."""
    left: Collection[str] = ()
    """Ids of entries that are somebody else's, as an erasure from before a restore has found."""
    others: set[str] = field(default_factory=set)
    """Calls of them to somebody else, to which the person was transferred: their recordings go, and of what the log
    says what is about the person."""
    shared: set[str] = field(default_factory=set)
    """Calls in whose recordings another person is heard."""
    held: dict[str, str] = field(default_factory=dict)
    """Call -> name of the hold that keeps it."""
    held_lines: dict[str, str] = field(default_factory=dict)
    """Number -> name of the hold on it."""
    undecided: list[str] = field(default_factory=list)
    """Names of holds that keep something, and nobody has said on what ground."""
    holds_elsewhere: set[str] = field(default_factory=set)
    """Names of holds in force on others in which a number stands; their words are others', so they are not in it."""
    open_requests: set[str] = field(default_factory=set)
    """References of the person's requests that are not over, as they were passed."""
    mentions: set[str] = field(default_factory=set)
    """What else of others a number stands in: ``consent <id>``, ``request <reference>``."""

    @property
    def going(self) -> list[str]:
        """Calls that nothing holds."""
        return [each.call_id for each in self.calls if each.call_id not in self.held]

    @property
    def recordings(self) -> list[str]:
        """Recordings that are not erased yet, held ones too: what holds them is judged when they go."""
        return [each.recording_id for each in self.calls if each.recording_id and each.recording not in GONE]

    @property
    def standing(self) -> list[str]:
        """Those of them that nothing holds."""
        return [each.recording_id for each in self.calls if each.recording_id and self._stands(each)]

    @property
    def free_lines(self) -> list[str]:
        """Numbers of which everything goes."""
        return [line for line in self.lines if line not in self.held_lines] if self.whole else []

    @property
    def held_by(self) -> list[str]:
        """Names of all holds that keep something."""
        return sorted({*self.held.values(), *self.held_lines.values(), *self.holds_elsewhere})

    @property
    def held_count(self) -> int:
        """Calls and numbers of theirs of which a hold keeps something."""
        return len(self.held) + (len(self.held_lines) if self.whole else 0)

    @property
    def digest(self) -> str:
        """Stands for what would go and what stays: another plan has another one."""
        calls, recordings = sorted(self.going), sorted(self.recordings)
        return plan_digest([self.request_id, calls, recordings, self.free_lines, sorted(self.held.items())])

    def shown(self, copies: list[CopyRow]) -> Carried:
        """The plan as a dry run; ``copies``: its copies in clear that are not destroyed."""
        return Carried(
            copies=copies,
            dry_run=True,
            calls=len(self.going),
            recordings=len(self.standing),
            shared=sum(each.call_id in self.shared and self._stands(each) for each in self.calls),
            whole=self.whole,
            held_calls=len(self.held),
            held_by=self.held_by,
            digest=self.digest,
        )

    @property
    def name(self) -> str:
        """Who asks, where it is known."""
        return self.whose.name

    def names(self, text: str) -> bool:
        """Whether a text names the person."""
        return not nameless(text, self.name)

    def hold(self, tx: StoreTransaction, calls: list[HeldAttempt]) -> bool:
        """Note what holds something of these calls, and of the numbers; True where a number is held that was free."""
        free = self.free_lines
        kept = keepers(tx, self.lines, calls, lambda hold: not stands_aside(tx, hold, self.lines, self.name))
        unread = next(iter(kept.lines.values()), "")
        for each in calls:  # no number: its spelling was refused
            if unread and not each.number:
                kept.calls.setdefault(each.call_id, unread)
        self.held |= kept.calls
        self.held_lines |= kept.lines
        self.undecided += kept.undecided
        return self.free_lines != free

    def spares(self, tx: StoreTransaction, leaf: int, kind: str, subject: str, call_id: str | None) -> set[int]:
        """The leaves that go for a fact in which a free number stands: of the person's own records all, of others'
        none. What stays is noted for the receipt: a hold in force, a request that is not over, and whatever is about
        somebody else, who would lose it by a mention."""
        if subject == self.request_id or call_id in self.held or call_id in self.before:
            return set()  # until the person has been told; until the hold has ended; not of the person
        record = erasure.record_of(tx, kind, subject)
        if record is None:
            (fact,) = tx.rows(FactRow, "SELECT * FROM facts WHERE leaf_index = ?", [leaf])
            another = kind in OF_A_RECORD and not self._own_statement(tx, fact, call_id)
            if kind in STANDS or another or not self.whose.theirs(fact.at):
                self.mentions.add(_entry(leaf, kind))
                return set()
            return {leaf}
        if record.call_id in self.held or self.held_lines.keys() & set(record.numbers or ()):
            return set()  # and what keeps it is named already
        if record.in_force and record.record == "hold":
            self.holds_elsewhere.add(f"{record.kind}{ELSEWHERE}{record.id})")
        elif record.id in self.left or not self._theirs(record):
            self.mentions.add(f"{record.record} {record.name}")
        elif record.in_force and record.record == "request":
            self.open_requests.add(record.name)
        elif record.record == "request":
            return set(erasure.personal_leaves(tx, subject))
        else:
            return set(erasure.leaves_of(tx, [subject]))
        return set()

    def words(self, tx: StoreTransaction) -> list[int]:
        """The leaves of reasons and purposes that name the person and are words alone, and of what was written about
        the contacts that go. Where something rests on such words, it is noted for the receipt."""
        if not self.free_lines:
            return []
        references = {each.reference for each in book.contacts_of(tx, self.free_lines)}
        leaves = erasure.words_about_contacts(tx, references)
        if self.name:
            named = erasure.words_naming(tx, ALONE | STANDING_WORDS, self.names)
            leaves += [leaf for leaf, kind in named if kind in ALONE]
            self.mentions |= {_entry(leaf, kind) for leaf, kind in named if kind in STANDING_WORDS}
        return leaves

    def _own_statement(self, tx: StoreTransaction, fact: FactRow, call_id: str | None) -> bool:
        """Whether a fact is of a call, a consent or an objection of the person."""
        body = fact.body or {}
        if call_id is not None:
            return (body.get("talk") or call_id) in {each.call_id for each in self.calls}
        record = erasure.record_of(tx, str(body.get("record")), fact.subject)
        return record is not None and self._theirs(record)

    def _theirs(self, record: RecordKept) -> bool:
        if record.numbers is None:
            return True  # erased before: nothing is left in it that somebody else could lose
        if not self.whose.theirs(record.at, record.person):
            return False  # of another person on the same line
        if record.numbers:
            return not set(self.free_lines).isdisjoint(record.numbers)
        if record.record == "request":
            return True  # its words alone say whose it is
        return record.call_id in {each.call_id for each in self.calls}

    def _stands(self, call: HeldAttempt) -> bool:
        return call.recording not in GONE and call.call_id not in self.held


def _entry(leaf: int, kind: str) -> str:
    return f"entry {leaf_name(leaf)} of the log ({kind})"


# --- made ---------------------------------------------------------------------------------------------------------


def plan_of(tx: StoreTransaction, row: RequestRow) -> Plan:
    """What would go now of a request for erasure: the calls that its search found, and where all of the person was
    searched for, those since. Raises ``StoreError``."""
    course = book.course(tx, row.id)
    scope, carrying = last(course, Searched), last(course, Carrying)
    if scope is None:
        raise StoreError(f"{row.reference}: the log has no search for what it erases", hint="dialgate audit verify")
    if carrying is None:
        searched_since(tx, row, course)
    whole, lines, of = bool(scope.whole), row.lines, whose(row, course)
    calls = book.calls(tx, (carrying and carrying.calls) or scope.calls or [])
    if whole and lines:
        known = {each.call_id for each in calls}
        later = book.calls_of(tx, lines, of.since, of.until, limit=MOST)
        calls += [each for each in later if each.call_id not in known]
    plan = Plan(row.id, row.reference, f"request {row.reference}", lines, whole, calls, of)
    _note_before(tx, plan)
    return _judged(tx, plan)


def plan_again(
    tx: StoreTransaction,
    request: str,
    lines: list[str],
    call_ids: list[str],
    days: tuple[str | None, str | None],
    left: Collection[str],
    *,
    whole: bool,
) -> Plan:
    """What an erasure took that the store, put back from before it, knows no more of. ``days``: the first and the last
    on which the lines were the person's; ``left``: entries that it left, as somebody else's."""
    known = book.find(tx, request)  # of a store from before the erasure: who asked
    of = whose_from((known and known.name) or "", days)
    calls = book.calls_of(tx, lines, of.since, of.until, limit=MOST) if whole and lines else book.calls(tx, call_ids)
    plan = Plan(request, request, "memory journal", lines, whole, calls, of, left=left)
    _note_before(tx, plan)
    return _judged(tx, plan)


def _note_before(tx: StoreTransaction, plan: Plan) -> None:
    if plan.whole and plan.lines and (plan.whose.since or plan.whose.until):
        known = {each.call_id for each in plan.calls}
        plan.before = {each.call_id for each in book.calls_of(tx, plan.lines, limit=MOST)} - known


def _judged(tx: StoreTransaction, plan: Plan) -> Plan:
    ids = [each.call_id for each in plan.calls]
    plan.others, plan.shared = transfers.of_others(tx, ids, plan.lines), transfers.shared(tx, ids, plan.lines)
    plan.hold(tx, plan.calls)
    return plan


# --- what is kept -------------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """What holds keep, each by the name of its hold."""

    calls: dict[str, str]
    lines: dict[str, str]
    undecided: list[str]
    """Names of those of which nobody has said the ground."""


def keepers(tx: StoreTransaction, lines: list[str], calls: list[HeldAttempt], stops: Callable[[HoldRow], bool]) -> Kept:
    """What holds in force keep of these numbers and calls: those that ``stops`` says stop this erasure. A call is kept
    by a hold on it, on its recording, on its number and on that of whoever was transferred to it."""
    kept = Kept({}, {}, [])
    recorded = {each.recording_id: each.call_id for each in calls if each.recording_id}
    came = transfers.before(tx, {each.call_id for each in calls})
    inside = {each.call_id: [each.number, *(talk.number for talk in came.get(each.call_id, ()))] for each in calls}
    others = {number for call in came for number in inside[call] if number}.difference(lines)
    on_others: dict[str, str] = {}
    for hold in book.holds_of(tx, [*lines, *sorted(others)], list(inside)):
        if not stops(hold):
            continue
        known = hold_of(hold)
        kept.undecided.extend([known.name] if known.undecided else [])
        if hold.target == "number":
            (on_others if known.value in others else kept.lines).setdefault(known.value, known.name)
        elif call := recorded.get(hold.recording_id or "") or hold.call_id:
            kept.calls.setdefault(call, known.name)
    for call, numbers in inside.items():
        names = (kept.lines.get(number) or on_others.get(number) for number in numbers if number)
        if keeper := next(filter(None, names), ""):
            kept.calls.setdefault(call, keeper)
    return kept


def stands_aside(tx: StoreTransaction, hold: HoldRow, lines: list[str], name: str) -> bool:
    """Whether a hold stops no erasure that a person of this name, with these numbers, asks for: it has no ground in
    law, or it is their own restriction (Article 18(2))."""
    return not hold_of(hold).stops_requests or _own(tx, hold, lines, name)


def own_restrictions(tx: StoreTransaction, plan: Plan) -> list[str]:
    """Ids of the restrictions in force that the person of a plan asked for."""
    return [hold.id for hold in book.holds_of(tx, plan.lines, ()) if _own(tx, hold, plan.lines, plan.name)]


def _own(tx: StoreTransaction, hold: HoldRow, lines: list[str], name: str) -> bool:
    request, by_request, _ = hold.id.rpartition(OWN_RESTRICTION)
    if hold.kind != "restriction" or hold.number not in lines or not by_request:
        return False
    own = book.find(tx, request)
    return same_name((own and own.name) or "", name)
