"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gate.clock import Clock
from gate.config import Config
from gate.operations.offers import Offers
from gate.operations.retention.erasing import KeptReads
from gate.ports import Fact
from gate.registers.library import RegisterLibrary
from gate.service.reads import Reads
from gate.service.screener import Screener
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.types import Row


class DeskBase:
    """The rooms, and the few steps that all use cases share."""

    folder: Any = None
    """The data folder, for operations that are declared (``gate.operations.catalogue``)."""

    def __init__(
        self,
        *,
        config: Config,
        store: EvidenceStore,
        reads: Reads,
        kept: KeptReads,
        registers: RegisterLibrary,
        screener: Screener,
        offers: Offers,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._store = store
        self._registers = registers
        self._screener = screener
        self._clock = clock
        self._new_id = new_id
        self._reads = reads
        self._kept = kept
        self._offers = offers

    def _fact(self, kind: str, actor: str, body: Row, subject: str) -> Fact:
        return Fact(kind=kind, subject=subject, at=self._clock.now(), actor=actor, body=body)

    def _keep(self, kind: str, actor: str, body: Row, subject: str) -> None:
        fact = self._fact(kind, actor, body, subject)
        self._store.call(lambda tx: tx.append(fact))

    def _page(self, read: Callable[[StoreTransaction], tuple[list[Row], str | None]]) -> Row:
        items, after = self._store.call(read)
        return {"items": items, "next": after}
