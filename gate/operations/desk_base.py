"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable

from gate.clock import Clock
from gate.config import Config
from gate.operations.calls.deciding import LONDON as LONDON
from gate.operations.calls.deciding import NO_LINE, AtTheLine, Deciding
from gate.operations.offers import Offers
from gate.operations.retention.erasing import KeptReads
from gate.ports import Fact, Registers, Store, Transaction
from gate.service.reads import Reads, Row
from gate.service.screener import Screener


class DeskBase(Deciding):
    """The rooms, and the few steps that all use cases share."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        reads: Reads,
        kept: KeptReads,
        registers: Registers,
        screener: Screener,
        offers: Offers,
        clock: Clock,
        new_id: Callable[[], str],
        line: AtTheLine = NO_LINE,
    ) -> None:
        super().__init__(
            config=config, store=store, registers=registers, screener=screener, clock=clock, new_id=new_id, line=line
        )
        self._reads = reads
        self._kept = kept
        self._offers = offers

    def _fact(self, kind: str, actor: str, body: Row, subject: str) -> Fact:
        return Fact(kind=kind, subject=subject, at=self._clock.now(), actor=actor, body=body)

    def _keep(self, kind: str, actor: str, body: Row, subject: str) -> None:
        fact = self._fact(kind, actor, body, subject)
        self._store.call(lambda tx: tx.append(fact))

    def _page(self, read: Callable[[Transaction], tuple[list[Row], str | None]]) -> Row:
        items, after = self._store.call(read)
        return {"items": items, "next": after}
