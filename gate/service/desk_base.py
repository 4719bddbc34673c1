"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable

from gate.clock import Clock
from gate.config import Config
from gate.core import numbers
from gate.core.numbers import NumberRefused
from gate.errors import UsageError
from gate.ports import Fact, Registers, Store, Transaction
from gate.service.deciding import LONDON as LONDON
from gate.service.deciding import NO_LINE, AtTheLine, Deciding
from gate.service.erasing import KeptReads
from gate.service.reads import Offers, Reads, Row
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


def number_of(raw: str) -> str:
    """The E.164 value of a number in any spelling; raises ``UsageError``."""
    try:
        return numbers.parse(raw).e164
    except NumberRefused as refused:
        raise UsageError(
            f"{raw!r} is not a number the gate can keep: {refused.explanation}", hint="Example: 020 7946 0000"
        ) from refused
