"""How late the line is, and what share of new calls it lets in.

Five queues are measured, none of them by a rate: datagrams (from their arrival in the kernel to their turn), those
inside a call by themselves, for they come first, timers (from when they are due), decisions (``PendingCalls.look``),
media (the oldest command to the relay). Each counts with the least that anything in it has waited
lately. A queue that is long for a moment is a burst and drains, and nobody is sent away for it; one that has been late
for a while stands, and grows.

From then on a share of new calls is let in, and the rest is sent away before anything is done for it. The share is
steered by the delay as in RFC 8033 (PIE): it falls while the delay grows, and while it is above its goal; it rises
while the delay falls, and while it is below. It is multiplied, never stepped, so the same numbers serve at a little
above the capacity and at eight times that. So the line stays busy with as many calls as it can carry in time. Where
nothing waits any more it opens within half a second.

What is let in is shared out by caller (an account, a PBX, a carrier; who has proven nothing is one of them), as in
max-min fairness: each is let in up to the same number of calls, and what one does not need is the others'. So who calls
as ever is let in, and whoever calls more than anybody else is sent away first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import exp

LATE = 0.25
"""Seconds that nothing should wait: half of T1, after which peers send again (RFC 3261 17.1.1.1)."""
STANDS = 0.3
"""So many seconds everything was late: the queue stands."""
GOAL = LATE / 2
"""Seconds of delay that are steered for: enough that the line never runs dry, and calls are answered in time."""
SPAN = 0.05
"""Seconds between two looks at the delay."""
LONGEST = 5 * SPAN
"""Seconds that a look counts for, where the line did not get to the next one in time."""
BY_GROWTH, BY_EXCESS = 6.0, 6.0
"""How strongly the share answers: to the growth of the delay, per second; to what is above the goal, per second of it
and second that it lasts. The two together settle within about a second and do not swing."""
NOTHING = 0.02
"""Seconds of delay at which nothing waits: the share grows by ``OPENS`` a look."""
OPENS = 1.5
REMEMBERED = 2.0
"""Seconds over which it is counted how often somebody calls."""
LEAST = 0.05
"""Share that is always let in: by these it is seen that there is room again."""
RETRY_SECONDS = 5
"""When a caller who was sent away may come again."""


class OverloadControl:
    """The measures of one line; on its thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._least: dict[str, float] = {}
        """By queue, since the last look."""
        self._looked = monotonic()
        self._late_since: float | None = None
        self._before = 0.0
        """The delay at the last look."""
        self._share = 1.0
        self._asked: dict[str, int] = {}
        """New calls since the last look, by caller."""
        self._often: dict[str, float] = {}
        """How often each has called lately; the numbers mean something beside each other alone."""
        self._fair = 0.0
        """As often anybody is let in."""
        self._due: dict[str, float] = {}
        """What is owed to the next call of a caller: at one whole it is let in. So the first one always is."""
        self.shed = 0
        """Calls sent away since the start."""

    def note(self, queue: str, late: float) -> None:
        """Something of a queue has waited ``late`` seconds."""
        least = self._least.get(queue)
        if least is None or late < least:
            self._least[queue] = late
        now = self._monotonic()
        if now - self._looked >= SPAN:
            self._look(now)

    def _look(self, now: float) -> None:
        late = max(self._least.values())
        elapsed, grown = min(now - self._looked, LONGEST), late - self._before
        self._looked, self._before = now, late
        self._least.clear()
        if late < LATE:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        stands = self._late_since is not None and now - self._late_since >= STANDS
        if stands or self.sheds:
            change = OPENS if late < NOTHING else exp(-BY_GROWTH * grown - BY_EXCESS * (late - GOAL) * elapsed)
            self._share = min(1.0, max(LEAST, self._share * change))
        self._share_out(elapsed)

    @property
    def sheds(self) -> bool:
        """True while some new calls are sent away."""
        return self._share < 1.0

    def _share_out(self, elapsed: float) -> None:
        kept = exp(-elapsed / REMEMBERED)
        often = {who: self._often.get(who, 0.0) * kept + self._asked.get(who, 0) for who in self._often | self._asked}
        self._often = {who: times for who, times in often.items() if times >= NOTHING}
        self._asked.clear()
        room, left = self._share * sum(self._often.values()), len(self._often)
        for times in sorted(self._often.values()):
            self._fair = room / left
            if times > self._fair:
                break
            room, left = room - times, left - 1

    def lets_in(self, caller: str = "") -> bool:
        """Whether the next new call of a caller is: of any number of them, its share, evenly."""
        self._asked[caller] = self._asked.get(caller, 0) + 1
        if not self.sheds:
            self._due.clear()
            return True
        times = self._often.get(caller, 0.0)
        share = min(1.0, self._fair / times) if times else 1.0 if self._often else self._share
        due = self._due.get(caller, 1.0 - share) + share
        self._due[caller] = due - (due >= 1.0)
        return due >= 1.0
