"""Facts that must not be lost: kept now, or as soon as there is room again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import structlog

from gate.errors import StoreError
from gate.ports import Fact, Loop, Store, Timer, Transaction

log = structlog.get_logger()

RETRY_SECONDS = 1.0
NOT_KEPT = "not_kept"
"""Kind of the fact that stands for one that could not be written at all."""


def _append_all(facts: Sequence[Fact]) -> Callable[[Transaction], None]:
    def work(tx: Transaction) -> None:
        for fact in facts:
            tx.append(fact)

    return work


class Keeper:
    """Keeps facts in the store from the line thread, where nothing may wait."""

    def __init__(self, store: Store, loop: Loop, settled: Callable[[], None] = lambda: None) -> None:
        """``settled`` is called whenever the last fact that was to be kept is."""
        self._store = store
        self._loop = loop
        self._tell_settled = settled
        self._going = 0
        self._backlog: deque[Sequence[Fact]] = deque()
        self._retry: Timer | None = None

    @property
    def behind(self) -> int:
        """How many groups of facts wait for room."""
        return len(self._backlog)

    @property
    def settled(self) -> bool:
        """True where everything that was to be kept is."""
        return not self._backlog and not self._going

    def attempt(self, facts: Sequence[Fact], done: Callable[[Exception | None], None]) -> None:
        """Keep facts in one transaction, for evidence that something waits for.

        ``done`` tells, on the line thread, whether they are durable.
        """

        def stored(_result: object, error: Exception | None) -> None:
            self._loop.post(lambda: done(error))

        self._store.submit(_append_all(facts), stored)

    def keep(self, *facts: Fact) -> None:
        """Keep facts of what has already happened: in one transaction, tried again each second until it holds. In the
        order in which they came."""
        if self._backlog:
            self._backlog.append(facts)
        else:
            self._submit(facts)

    def _submit(self, facts: Sequence[Fact]) -> None:
        def done(error: Exception | None) -> None:
            self._going -= 1
            if isinstance(error, StoreError):
                kinds = [fact.kind for fact in facts]
                log.error("evidence_waits_for_room", facts=len(facts), kinds=kinds, error=str(error))
                self._backlog.append(facts)
                self._schedule()
            elif error is not None:
                self._part(facts, error)
            if self.settled:
                self._tell_settled()

        self._going += 1
        self.attempt(facts, done)

    def _part(self, facts: Sequence[Fact], error: Exception) -> None:
        """No room will help these: each goes by itself, and of one that cannot be kept the log says that it is not."""
        if len(facts) > 1:
            for fact in facts:
                self._submit([fact])
            return
        (fact,) = facts
        log.error("evidence_cannot_be_kept", kind=fact.kind, subject=fact.subject, error=str(error))
        if fact.kind != NOT_KEPT:
            body = {"kind": fact.kind, "error": type(error).__name__}
            self._submit([Fact(kind=NOT_KEPT, subject="gate", at=fact.at, actor="gate", body=body)])

    def _schedule(self) -> None:
        if self._retry is None:
            self._retry = self._loop.after(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        waiting, self._backlog = list(self._backlog), deque()
        for facts in waiting:
            self._submit(facts)
