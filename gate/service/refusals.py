"""Refusals that cannot each have a leaf: those of strangers, and those for which there was no room.

A stranger who floods the gate with bad passwords must not be able to fill the log: the first refusal of a source each
minute is kept, the rest are counted. What was refused while no evidence could be kept is counted too, and the count is
kept as soon as there is room: the log says that it has a gap, and how wide it is.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from gate.clock import Clock
from gate.ports import Fact
from gate.service.keeper import Keeper

SOURCES = 4096
"""Sources remembered; the oldest is forgotten first, which costs a leaf and never a refusal."""
QUIET = timedelta(minutes=1)


class Refusals:
    """Counts what has no leaf of its own. Line thread."""

    def __init__(self, keeper: Keeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._seen: OrderedDict[str, datetime] = OrderedDict()
        self._strangers = 0
        self._unwitnessed = 0
        self._since: datetime | None = None

    def worth_a_leaf(self, source: str, now: datetime) -> bool:
        """True for the first refusal of a source (an address; its port does not count) in a minute."""
        address = source.rsplit(":", 1)[0]
        last = self._seen.get(address)
        if last is not None and now - last < QUIET:
            self._strangers += 1
            return False
        self._seen[address] = now
        self._seen.move_to_end(address)
        if len(self._seen) > SOURCES:
            self._seen.popitem(last=False)
        if self._strangers:
            self._keep("refused_strangers", {"count": self._strangers}, now)
            self._strangers = 0
        return True

    def unwitnessed(self, now: datetime) -> None:
        """A call was refused and the refusal could not be kept."""
        if not self._unwitnessed:
            self._since = now
        self._unwitnessed += 1

    def room_again(self, now: datetime) -> None:
        """Evidence could be kept: what could not be is told now."""
        if self._unwitnessed and self._since is not None:
            body = {"count": self._unwitnessed, "first": self._since.isoformat(), "until": now.isoformat()}
            self._unwitnessed = 0
            self._keep("refused_without_evidence", body, now)

    def flush(self) -> None:
        """Keep the counts at the end of the gate's life."""
        now = self._clock.now()
        if self._strangers:
            self._keep("refused_strangers", {"count": self._strangers}, now)
            self._strangers = 0
        self.room_again(now)

    def _keep(self, kind: str, body: dict[str, object], now: datetime) -> None:
        self._keeper.keep(Fact(kind=kind, subject="gate", at=now, actor="gate", body=body))
