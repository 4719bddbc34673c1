"""How much the gate answers to addresses that have not proven anything: a bucket of tokens each, in a bounded table."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 60.0
PER_SECOND = 20.0
MAX_KNOWN = 4096


class Strangers:
    """Token buckets by host; a host that proves itself starts full again."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.dropped = 0
        """Requests left unanswered."""

    def allow(self, host: str, cost: float = 1.0) -> bool:
        """Take ``cost`` tokens; False where there are not so many: then the request is dropped without an answer."""
        now = self._monotonic()
        tokens, since = self._buckets.get(host, (BURST, now))
        tokens = min(BURST, tokens + (now - since) * PER_SECOND)
        allowed = tokens >= cost
        self._buckets[host] = (tokens - cost if allowed else tokens, now)
        self._buckets.move_to_end(host)
        while len(self._buckets) > MAX_KNOWN:
            self._buckets.popitem(last=False)
        self.dropped += not allowed
        return allowed

    def trust(self, host: str) -> None:
        """It has proven itself just now."""
        self._buckets.pop(host, None)
