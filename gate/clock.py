"""The one place that reads the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where ``now`` comes from."""

    def now(self) -> datetime:
        """The time, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, timezone-aware, in UTC."""
        return datetime.now(UTC)


def unix_seconds() -> float:
    """Seconds since 1970, for stamps that must be cheap (packet arrival times, nonces)."""
    return time.time()
