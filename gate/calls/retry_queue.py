"""Facts that must not be lost: kept now, or as soon as there is room again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from gate.core.facts.calls import Abandoned, Decision
from gate.core.facts.gate import NotKept
from gate.core.facts.lists import Objection
from gate.core.terms import Reason
from gate.errors import StoreError
from gate.ports import Fact, Loop, Timer
from gate.store import queries
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction, last_word

log = structlog.get_logger()

RETRY_SECONDS = 1.0


class TakenBack(Exception):
    """The facts may no longer be kept; ``str`` gives the reason code."""


Unless = Callable[[StoreTransaction], str]
"""Why facts may not be kept, as of their own transaction; empty where they may."""
Judge = Callable[[StoreTransaction, Fact], None]
"""What follows for a campaign from an abandoned call, kept with it (``Screener.judge``)."""


def _append_all(
    facts: Sequence[Fact], asked_before: Callable[[], None], judge: Judge, unless: Unless | None, happened: bool
) -> Callable[[StoreTransaction], str]:
    """As ``RetryQueue.attempt``; the reason that ``unless`` gave, where the facts are kept all the same."""

    def work(tx: StoreTransaction) -> str:
        why = unless(tx) if unless is not None else ""
        if why and not happened:
            raise TakenBack(why)
        for fact in facts:
            kept = queries.of_help(tx, last_word(tx, fact))
            tx.append(kept)
            if isinstance(kept.body, Decision) and kept.body.question:
                asked_before()
            if isinstance(kept.body, Abandoned):
                judge(tx, kept)
        return why

    return work


class RetryQueue:
    """Keeps facts in the store from the line thread, where nothing may wait. The gate has one: what waits in it forbids
    new calls and holds back those that are about to be connected, for it may be an objection."""

    def __init__(
        self,
        store: EvidenceStore,
        loop: Loop,
        asked_before: Callable[[], None] = lambda: None,
        judge: Judge = lambda _tx, _fact: None,
    ) -> None:
        """``asked_before`` is called of each call that a phone system had asked about."""
        self._asked_before = asked_before
        self._judge = judge
        self._store = store
        self._loop = loop
        self.on_settled: list[Callable[[], None]] = []
        """Called whenever the last fact that was to be kept is."""
        self._numbers = count()
        self._going = 0
        self._behind: set[int] = set()
        """Groups that have found no room, or came after one that had not, until they are kept: on their way too."""
        self._waiting: dict[int, Sequence[Fact]] = {}
        """The waiting facts that are not being written."""
        self._objecting: Counter[str] = Counter()
        """Numbers of the objections that are on their way."""
        self._then: dict[int, Callable[[], None]] = {}
        """Callbacks that wait until a group is kept."""
        self._retry: Timer | None = None

    @property
    def behind(self) -> int:
        """How many groups of facts wait to be stored."""
        return len(self._behind)

    def may_object(self, number: str) -> bool:
        """True where an objection of this number may be on its way to the store: it holds already, and no decision so
        far knows of it."""
        return bool(self._behind) or number in self._objecting

    def may_go_elsewhere(self, reason: Reason) -> bool:
        """True where another gate may take a call that is refused so: no evidence can be kept here, and no objection
        waits here that the other one does not know of."""
        waits = (fact for facts in self._waiting.values() for fact in facts)
        objecting = bool(self._objecting) or any(isinstance(fact.body, Objection) for fact in waits)
        return reason is Reason.EVIDENCE_UNAVAILABLE and not objecting

    @property
    def settled(self) -> bool:
        """True where everything that was to be kept is."""
        return not self._behind and not self._going

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
        again behind an objection on its way. What has ``happened`` is kept in any case, and ``TakenBack`` given.
        """
        objecting = [str(fact.body.number) for fact in facts if isinstance(fact.body, Objection)]

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
        self._store.submit(_append_all(facts, self._asked_before, self._judge, unless, happened), answered)

    def _kept_objection(self, number: str) -> None:
        """Kept, or waiting among those that are behind."""
        self._objecting[number] -= 1
        if not self._objecting[number]:
            del self._objecting[number]

    def keep(self, *facts: Fact, then: Callable[[], None] | None = None) -> None:
        """Keep facts of what has already happened: in one transaction, tried again each second until it holds. In the
        order in which they came. ``then`` is called, on the line thread, once they are durable."""
        number = next(self._numbers)
        if then is not None:
            self._then[number] = then
        if self._behind:
            self._wait(number, facts)
        else:
            self._submit(number, facts)

    def _submit(self, number: int, facts: Sequence[Fact]) -> None:
        def done(error: Exception | None) -> None:
            self._going -= 1
            if isinstance(error, StoreError):
                kinds = [fact.kind for fact in facts]
                log.error("evidence_waits_for_room", facts=len(facts), kinds=kinds, error=str(error))
                self._wait(number, facts)
            else:
                then = self._then.pop(number, None)
                if error is not None:
                    self._part(number, facts, error)
                elif then is not None:
                    then()
                self._behind.discard(number)
            if self.settled:
                for settled in self.on_settled:
                    settled()

        self._going += 1
        self.attempt(facts, done)

    def _wait(self, number: int, facts: Sequence[Fact]) -> None:
        self._behind.add(number)
        self._waiting[number] = facts
        if self._retry is None:
            self._retry = self._loop.after(RETRY_SECONDS, self._try_again)

    def _part(self, number: int, facts: Sequence[Fact], error: Exception) -> None:
        """Retrying will not help these: each is stored by itself, and the log says of which it could not keep."""
        if len(facts) > 1:
            for fact in facts:
                part = next(self._numbers)
                if number in self._behind:
                    self._behind.add(part)
                self._submit(part, [fact])
            return
        (fact,) = facts
        log.error("evidence_cannot_be_kept", kind=fact.kind, subject=fact.subject, error=str(error))
        if fact.kind != NotKept.kind:
            kept = NotKept(lost=fact.kind, error=type(error).__name__)
            self._submit(next(self._numbers), [kept.fact("gate", fact.at, "gate")])

    def _try_again(self) -> None:
        self._retry = None
        waiting, self._waiting = sorted(self._waiting.items()), {}
        for number, facts in waiting:
            self._submit(number, facts)
