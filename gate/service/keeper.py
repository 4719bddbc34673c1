"""Facts that must not be lost: kept now, or as soon as there is room again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import structlog

from gate.ports import Fact, Loop, Store, Timer, Transaction

log = structlog.get_logger()

RETRY_SECONDS = 1.0


def _append_all(facts: Sequence[Fact]) -> Callable[[Transaction], None]:
    def work(tx: Transaction) -> None:
        for fact in facts:
            tx.append(fact)

    return work


class Keeper:
    """Keeps facts in the store from the line thread, where nothing may wait."""

    def __init__(self, store: Store, loop: Loop) -> None:
        self._store = store
        self._loop = loop
        self._backlog: deque[Sequence[Fact]] = deque()
        self._retry: Timer | None = None

    @property
    def behind(self) -> int:
        """How many groups of facts wait for room."""
        return len(self._backlog)

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
            if error is None:
                return
            log.error("evidence_waits_for_room", facts=len(facts), kinds=[f.kind for f in facts], error=str(error))
            self._backlog.append(facts)
            self._schedule()

        self.attempt(facts, done)

    def _schedule(self) -> None:
        if self._retry is None:
            self._retry = self._loop.after(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        waiting, self._backlog = list(self._backlog), deque()
        for facts in waiting:
            self._submit(facts)

    def flush(self) -> None:
        """Try what waits once more, at the end of the gate's life."""
        self._try_again()
