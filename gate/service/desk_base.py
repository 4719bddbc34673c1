"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gate.clock import Clock
from gate.config import Config, secret_files
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

    def _given(self, path: str) -> Path:
        """A file that somebody asks the gate to read with the rights of its own account. Raises ``UsageError`` for the
        gate's own files: whoever may import a list may not have the gate read them out."""
        given, data = Path(path), self._config.data
        real, watched = given.resolve(), self._config.registers.watch
        dropped = bool(watched) and real.is_relative_to(self._config.path(watched))
        if (real.is_relative_to(data) and not dropped) or real in secret_files(self._config):
            raise UsageError(f"{path} is a file of the gate's own, and no list", hint="name the list that was sent")
        return given

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
