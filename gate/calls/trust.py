"""Whether the evidence can be relied on: is it the state that was signed last, and can it be signed?

An objection that is not in the store cannot stop a call. So marketing calls are refused while the store is behind a
checkpoint that lies anywhere (``evidence_rolled_back``), while the journal in a second place cannot be compared with it
(``memory_unavailable``), once nothing could be signed for an hour (``evidence_unsigned``), and while the machine's
clock is behind the log, by which a register is younger than it is (``clock_behind``). All end by themselves when the
cause does; the first and the last also when somebody accepts it knowingly (``gate.operations.audit.checkpoints``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from gate.audit.heads import Standing
from gate.core.terms import Reason
from gate.errors import GateError
from gate.log import Logger

log = Logger()

LONGEST: Final = timedelta(hours=1)
"""Marketing goes on for so long while nothing can be signed."""
STEP: Final = timedelta(minutes=10)
"""How far a clock that is set right may go back: registers, hours and pauses are counted in days and hours."""


class Trust:
    """Whether the evidence can be trusted. Any thread; ``look`` waits for the store, so never on the store's own."""

    def __init__(
        self,
        compare: Callable[[], Standing],
        unsigned_since: Callable[[], datetime | None],
        now: Callable[[], datetime],
        memory: Callable[[], str] = lambda: "",
        newest: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """``memory``: why the second place that remembers objections cannot be relied on, empty where it can.
        ``unsigned_since``: when the oldest entry without a signature over it was kept. ``newest``: the latest time that
        an entry of the log bears. All raise ``GateError``."""
        self._compare = compare
        self._unsigned_since = unsigned_since
        self._now = now
        self.memory = memory
        self._newest = newest
        self._latest: datetime | None = None
        self._lock = threading.Lock()
        self._looked = False
        self._failing: tuple[datetime, str] | None = None
        """Since when nothing can be signed, and why."""
        self._missed: tuple[str, ...] = ()
        self.why_behind = ""
        """A sentence where the store is behind what was signed."""
        self.unread: tuple[str, ...] = ()

    def look(self) -> str:
        """Compare now; why the store is behind, empty where it is not. Raises ``GateError``."""
        with self._lock:
            try:
                found = self._compare()
            except GateError as error:
                self.unread = (str(error),)
                raise
            self._latest = self._newest()
            for each in found.unread:
                log.warning("checkpoint_not_compared", why=each)
            if found.why and found.why != self.why_behind:
                log.error("evidence_rolled_back", why=found.why, hint="put the newest gate.db back")
            self.why_behind, self.unread, self._looked = found.why, tuple(found.unread), True
            return found.why

    def look_once(self) -> None:
        """Compare where that was not done yet."""
        if not self._looked:
            self.look()

    def signed(self, missed: Sequence[str] = ()) -> None:
        """The log was signed, and had grown from what lies in the folders; ``missed``: where its checkpoint could not
        be put, and why."""
        self._failing, self._missed = None, tuple(missed)
        if not self.clock_behind:  # what a gate without calls has seen of the time is in no entry
            self._latest = max(self._newest() or self._now(), self._now())

    def not_signed(self, why: str) -> None:
        """Note that the log could not be signed."""
        if self._failing is None:
            since = self._unsigned_since()
            now = self._now()
            self._failing = (min(since or now, now), why)
        else:
            self._failing = (self._failing[0], why)

    @property
    def clock_behind(self) -> datetime | None:
        """The latest time in the log, where the machine's clock is behind it; None where it is not."""
        return self._latest if self._latest is not None and self._now() < self._latest - STEP else None

    @property
    def unsigned_seconds(self) -> float:
        """Seconds since a checkpoint could last be signed; 0 while signing works."""
        return max((self._now() - self._failing[0]).total_seconds(), 0.0) if self._failing else 0.0

    @property
    def reason(self) -> Reason | None:
        """The reason that forbids marketing calls now."""
        if self.why_behind:
            return Reason.EVIDENCE_ROLLED_BACK
        if self.memory():
            return Reason.MEMORY_UNAVAILABLE
        if self.clock_behind:
            return Reason.CLOCK_BEHIND
        if self.unsigned_seconds > LONGEST.total_seconds():
            return Reason.EVIDENCE_UNSIGNED
        return None

    def warnings(self) -> Iterator[str]:
        """Warnings for the operator, a sentence each."""
        if self.why_behind:
            yield (
                f"The evidence is older than what was signed: {self.why_behind}. Marketing calls are refused until the "
                "newest gate.db is put back, or an admin accepts this one: dialgate audit restore"
            )
        elif self._failing:
            since, why = self._failing
            stop = "Marketing calls are refused." if self.reason else "After an hour marketing calls are refused."
            yield f"The log has not been signed since {since:%Y-%m-%d %H:%M} UTC: {why}. {stop}"
        if latest := self.clock_behind:
            yield (
                f"The machine's clock is behind the log, which has an entry of {latest:%Y-%m-%d %H:%M} UTC. Marketing "
                "calls are refused until it is set right: registers would look younger than they are. Where it was "
                "ahead before, and is right now: dialgate audit clock"
            )
        yield from (f"A checkpoint could not be compared with the log: {each}." for each in self.unread)
        yield from (f"The newest checkpoint could not be kept in the second place: {each}." for each in self._missed)
