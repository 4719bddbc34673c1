"""Facts that must not be lost: kept now, or as soon as there is room again.

What has happened and the store has not taken at once goes into a file (``gate.store.spool``), so that it outlives the
process; whoever next opens the data folder first appends what the log lacks of it (``replay``).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from gate.clock import Clock
from gate.core.facts.calls import Abandoned, Decision
from gate.core.facts.gate import NotKept
from gate.core.facts.lists import Objection
from gate.core.terms import Reason
from gate.errors import StoreError
from gate.log import Logger
from gate.ports import Fact, Loop, Timer
from gate.store import queries
from gate.store.spool import Kept, Spool, empty, left_in
from gate.store.store import SALT_SIZE, EvidenceStore
from gate.store.transaction import StoreTransaction, last_word

log = Logger()

RETRY_SECONDS = 1.0
SPOOL_SECONDS = 0.1
"""What has happened goes into the spool where the store has not kept it in this time, or twice as long at most; an
objection, and whatever goes to a store on another machine, at once."""


class TakenBack(Exception):
    """The facts may no longer be kept; ``str`` gives the reason code."""


Unless = Callable[[StoreTransaction], str]
"""Why facts may not be kept, as of their own transaction; empty where they may."""
Judge = Callable[[StoreTransaction, Fact], None]
"""What follows for a campaign from an abandoned call, kept with it (``Screener.judge``)."""


def _drawn(facts: Sequence[Fact]) -> list[Kept]:
    return [Kept(fact, secrets.token_bytes(SALT_SIZE)) for fact in facts]


def _append_all(
    group: Sequence[Kept],
    asked_before: Callable[[], None],
    judge: Judge,
    unless: Unless | None = None,
    happened: bool = True,
    again: bool = False,
) -> Callable[[StoreTransaction], str]:
    """As ``RetryQueue.attempt``; the reason that ``unless`` gave, where the facts are kept all the same. ``again``:
    what the log has already is passed over. So is, in any case, the end of what the log does not begin."""

    def work(tx: StoreTransaction) -> str:
        why = unless(tx) if unless is not None else ""
        if why and not happened:
            raise TakenBack(why)
        for fact, salt in group:
            if (again and queries.holds(tx, fact, salt)) or queries.ends_nothing(tx, fact):
                continue
            kept = queries.with_question(tx, last_word(tx, fact))
            tx.append(kept, salt)
            if isinstance(kept.body, Decision) and kept.body.question:
                asked_before()
            if isinstance(kept.body, Abandoned):
                judge(tx, kept)
        return why

    return work


def _unkeepable(fact: Fact, error: Exception) -> Fact:
    """What the log has in place of a fact that it can never have; the gate's own log says so too."""
    log.error("evidence_cannot_be_kept", kind=fact.kind, subject=fact.subject, error=str(error))
    return NotKept(lost=fact.kind, error=type(error).__name__).fact("gate", fact.at, "gate")


def replay(
    path: Path, origin: Callable[[], str], store: EvidenceStore, clock: Clock, judge: Judge = lambda _tx, _fact: None
) -> None:
    """Append what an earlier run has left in the spool and the log lacks, objections first; then empty it. Blocking:
    before anything is decided. ``origin``: the log's name. Raises ``StoreError``: nothing is emptied then."""

    def append(group: Sequence[Kept]) -> None:
        try:
            store.call(_append_all(group, lambda: None, judge, again=True))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - retrying will not help these either, as in ``RetryQueue._part``
            if len(group) > 1:
                for each in group:
                    append([each])
            elif group[0].fact.kind != NotKept.kind:
                append([Kept(_unkeepable(group[0].fact, error), group[0].id)])

    left = left_in(path, origin)
    for group in sorted(left.groups, key=lambda group: any(each.objects for each in group), reverse=True):
        append(group)
    if left.damaged:
        append(_drawn([NotKept(lost="spool", error="damaged").fact("gate", clock.now(), "gate")]))
    if left.groups or left.damaged:
        log.warning("evidence_replayed", groups=len(left.groups), damaged=left.damaged)
        empty(path)


class RetryQueue:
    """Keeps facts in the store from the line thread, where nothing may wait. The gate has one: what waits in it forbids
    new calls and holds back those that are about to be connected, for it may be an objection."""

    def __init__(
        self,
        store: EvidenceStore,
        loop: Loop,
        asked_before: Callable[[], None] = lambda: None,
        judge: Judge = lambda _tx, _fact: None,
        spool: Spool | None = None,
    ) -> None:
        """``asked_before`` is called of each call that a phone system had asked about."""
        self._spool = spool
        self._asked_before = asked_before
        self._judge = judge
        self._store = store
        self._loop = loop
        self.on_settled: list[Callable[[], None]] = []
        """Called whenever it has become ``settled``."""
        self._numbers = count()
        self._going = 0
        self._behind: set[int] = set()
        """Groups that have found no room, or came after one that had not, until they are kept: on their way too."""
        self._waiting: set[int] = set()
        """Those of them that are not being written."""
        self._groups: dict[int, Sequence[Kept]] = {}
        """What has happened and is not kept yet, in the order in which it came."""
        self._look: Timer | None = None
        self._seen = -1
        """The newest group of the last look; what is not newer is late at the next."""
        self._late = False
        self._objecting: Counter[str] = Counter()
        """Numbers of the objections that are on their way."""
        self._then: dict[int, Callable[[], None]] = {}
        """Callbacks that wait until a group is kept."""
        self._retry: Timer | None = None

    @property
    def behind(self) -> int:
        """How many groups of facts wait to be stored."""
        return len(self._behind)

    @property
    def lost(self) -> int:
        """How many of those a kill would lose now."""
        return sum(self._spool is None or not self._spool.holds(number) for number in self._behind)

    def may_object(self, number: str) -> bool:
        """True where an objection of this number may be on its way to the store: it holds already, and no decision so
        far knows of it."""
        return bool(self._behind) or number in self._objecting

    def may_go_elsewhere(self, reason: Reason) -> bool:
        """True where another gate may take a call that is refused so: no evidence can be kept here, and no objection
        waits here that the other one does not know of."""
        waits = (fact for number in self._waiting for fact, _ in self._groups[number])
        objecting = bool(self._objecting) or any(isinstance(fact.body, Objection) for fact in waits)
        return reason is Reason.EVIDENCE_UNAVAILABLE and not objecting

    @property
    def settled(self) -> bool:
        """True where everything that was to be kept is, or waits in the spool for the next start: the store takes
        nothing any more."""
        return not self._going and (not self._behind or bool(self._store.stopped))

    def attempt(
        self,
        facts: Sequence[Fact],
        done: Callable[[Exception | None], None],
        unless: Unless | None = None,
        happened: bool = False,
    ) -> None:
        """Keep facts in one transaction, for evidence that something waits for.

        ``done`` is called on the line thread: with None once they are durable, with ``TakenBack`` where ``unless`` says
        why they may not be kept, else with the store's error. Who may be taken back comes after every objection that
        was made before the answer: while facts wait for room that is ``evidence_unavailable``, and ``unless`` is asked
        again behind an objection on its way. What has ``happened`` is kept in any case, as by ``keep`` where there is
        no room now, and ``TakenBack`` or the store's error given.
        """
        if not happened:
            self._send(_drawn(facts), done, unless)
            return
        number = self._hold(_drawn(facts))

        def answered(error: Exception | None) -> None:
            if error is None or isinstance(error, TakenBack):
                self._kept(number)
            else:
                self._failed(number, error)
            done(error)

        self._send(self._groups[number], answered, unless, happened=True)

    def _send(
        self,
        group: Sequence[Kept],
        done: Callable[[Exception | None], None],
        unless: Unless | None = None,
        happened: bool = False,
        again: bool = False,
    ) -> None:
        objecting = [str(fact.body.number) for fact, _ in group if isinstance(fact.body, Objection)]

        def answered(why: str | None, error: Exception | None) -> None:
            self._loop.post(lambda: answer(why, error))

        def answer(why: str | None, error: Exception | None) -> None:
            while objecting:
                self._kept_objection(objecting.pop())
            if error is None and not why and unless is not None:
                if self._behind:
                    why = Reason.EVIDENCE_UNAVAILABLE.value
                elif self._objecting:
                    self._store.submit(unless, answered)
                    return
            done(error or (TakenBack(why) if why else None))

        if unless is not None and self._behind and not happened:
            self._loop.post(lambda: done(TakenBack(Reason.EVIDENCE_UNAVAILABLE.value)))
            return
        self._objecting.update(objecting)
        self._store.submit(_append_all(group, self._asked_before, self._judge, unless, happened, again), answered)

    def _kept_objection(self, number: str) -> None:
        """Kept, or waiting among those that are behind."""
        self._objecting[number] -= 1
        if not self._objecting[number]:
            del self._objecting[number]

    def keep(self, *facts: Fact, then: Callable[[], None] | None = None) -> None:
        """Keep facts of what has already happened: in one transaction, tried again each second until it holds. In the
        order in which they came. ``then`` is called, on the line thread, once they are durable."""
        number = self._hold(_drawn(facts))
        if then is not None:
            self._then[number] = then
        if self._behind:
            self._wait(number)
        else:
            self._submit(number)

    def _hold(self, group: Sequence[Kept]) -> int:
        """Its number, by which it is held until it is kept."""
        number = next(self._numbers)
        self._groups[number] = group
        if self._spool is None:
            return number
        if self._behind or self._late or self._spool.at_once or any(each.objects for each in group):
            self._spool.put(number, group)
        if self._look is None:
            self._look = self._loop.after(SPOOL_SECONDS, self._spool_late)
        return number

    def _spool_late(self) -> None:
        """What the store has not taken at once goes to the disk; what the disk did not take is tried again."""
        self._look = None
        late = [number for number in self._groups if number <= self._seen]
        self._late = bool(late)
        if self._spool is not None:
            for number in self._groups if late else ():
                self._spool.put(number, self._groups[number])
        self._seen = max(self._groups, default=self._seen)
        if self._groups and self._spool is not None:
            self._look = self._loop.after(SPOOL_SECONDS, self._spool_late)

    def _kept(self, number: int) -> None:
        """It is kept, or what stands for it is held."""
        del self._groups[number]
        self._behind.discard(number)
        if self._spool is not None:
            self._spool.kept(number)

    def _submit(self, number: int) -> None:
        def done(error: Exception | None) -> None:
            self._going -= 1
            if error is not None:
                self._failed(number, error)
            else:
                then = self._then.pop(number, None)
                if then is not None:
                    then()
                self._kept(number)
            if self.settled:
                for settled in self.on_settled:
                    settled()

        self._going += 1
        self._send(self._groups[number], done, again=number in self._behind)

    def _failed(self, number: int, error: Exception) -> None:
        """Wait for room; what will never be kept is stored in parts."""
        if isinstance(error, StoreError):
            kinds = [fact.kind for fact, _ in self._groups[number]]
            log.error("evidence_waits_for_room", facts=len(kinds), kinds=kinds, error=str(error))
            self._wait(number)
        else:
            self._then.pop(number, None)
            self._part(number, error)

    def _wait(self, number: int) -> None:
        self._behind.add(number)
        self._waiting.add(number)
        if self._spool is not None:
            self._spool.put(number, self._groups[number])
        if self._retry is None:
            self._retry = self._loop.after(RETRY_SECONDS, self._try_again)

    def _part(self, number: int, error: Exception) -> None:
        """Retrying will not help these: each is stored by itself, and the log says of which it could not keep."""
        group = self._groups[number]
        parts = [[each] for each in group] if len(group) > 1 else []
        if not parts and group[0].fact.kind != NotKept.kind:
            parts = [_drawn([_unkeepable(group[0].fact, error)])]
        for each in parts:
            part = self._hold(each)
            if len(group) > 1 and number in self._behind:
                self._behind.add(part)
            self._submit(part)
        self._kept(number)

    def _try_again(self) -> None:
        self._retry = None
        waiting, self._waiting = sorted(self._waiting), set()
        for number in waiting:
            self._submit(number)
