"""How late the line is, and whether it has more to do than it can do in time.

Five queues are measured, none of them by a rate: datagrams (from their arrival in the kernel to their turn), those
inside a call by themselves, for they come first, timers (from when they are due), decisions (the oldest INVITE that
waits for one), media (the oldest command to the relay). A queue that is long for a moment is a burst and drains; one in
which everything has waited long for a whole second stands, and grows. While one stands, new calls are refused before
anything is done for them, and those under way get what the line can do. For a while after it has drained new calls are
refused as soon as it is late again, or each recovery would let in a second's worth too many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LATE = 0.25
"""Seconds that nothing should wait: half of T1, after which peers send again (RFC 3261 17.1.1.1)."""
STANDS = 1.0
"""So long everything was late: the queue stands."""
WARY = 10.0
"""Seconds after that in which being late once is enough."""
FORGOTTEN = 1.0
"""What was measured so long ago says nothing."""
RETRY_SECONDS = 5
"""When a caller who was sent away may come again."""


@dataclass(slots=True)
class _QueueDelay:
    since: float | None = None
    """When everything began to be late."""
    stands: bool = False
    seen: float = 0.0
    stood: float = float("-inf")
    """When it last stood."""

    def note(self, late: float, now: float) -> None:
        if self.stands:
            self.stood = now
        if late < LATE:
            self.since, self.stands = None, False
        else:
            self.since = now if self.since is None else self.since
            self.stands = now - self.since >= STANDS or now - self.stood < WARY
        self.seen = now


class OverloadControl:
    """The measures of one line; on its thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._queues = {name: _QueueDelay() for name in ("datagrams", "inside", "timers", "decisions", "media")}
        self.shed = 0
        """Calls sent away since the start."""

    def note(self, queue: str, late: float) -> None:
        """Something of a queue has waited ``late`` seconds."""
        self._queues[queue].note(late, self._monotonic())

    @property
    def overloaded(self) -> bool:
        """True where a new call could not be served in time."""
        now = self._monotonic()
        return any(queue.stands and now - queue.seen < FORGOTTEN for queue in self._queues.values())
