"""The one place that reads the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from gate.core.days import LONDON


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


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """The clock of a moment that is over."""

    at: datetime

    def now(self) -> datetime:
        """That moment, in UTC."""
        return self.at.astimezone(UTC)


def today() -> date:
    """The day in London."""
    return SystemClock().now().astimezone(LONDON).date()


def elapsed(clock: Clock) -> float:
    """Seconds that only grow, whoever sets the machine's clock meanwhile: what a length is measured by. Of a clock that
    a test moves, its own time."""
    return time.monotonic() if isinstance(clock, SystemClock) else clock.now().timestamp()


def unix_seconds() -> float:
    """Seconds since 1970, for stamps that must be cheap (packet arrival times, nonces)."""
    return time.time()
