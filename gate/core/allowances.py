"""What one account or PBX may use of the gate: calls a minute, calls at once, seconds of talk a day; and how large a
share of its calls may be claimed to be service calls before somebody is told.

They bound what a stolen password, a phone system that has gone wrong or a claim that is made too easily can do.
"""

from __future__ import annotations

from dataclasses import dataclass

from gate.core.terms import Reason

FEWEST_FOR_A_SHARE = 20
"""Calls of a day below which a share says nothing."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of one account or PBX, by the configuration."""

    calls_a_minute: int
    calls_at_once: int
    seconds_a_day: int
    service_percent: int
    """Of the day's calls; 100: nobody is told."""


@dataclass(frozen=True, slots=True)
class Used:
    """By one account or PBX, as of now."""

    calls_last_minute: int = 0
    calls_at_once: int = 0
    seconds_today: float = 0.0
    """Of talk, since midnight in London; running calls too."""
    calls_today: int = 0
    """Let through since then."""
    service_today: int = 0
    """Of them, claimed to be service calls."""

    @property
    def service_percent(self) -> int:
        """Of today's calls, rounded down."""
        return 100 * self.service_today // self.calls_today if self.calls_today else 0


LIMITS = frozenset({Reason.TOO_MANY_CALLS_A_MINUTE, Reason.TOO_MANY_CALLS_AT_ONCE, Reason.TOO_MANY_SECONDS_A_DAY})


def exceeded(allowance: Allowance, used: Used) -> Reason | None:
    """Why one more call is too many; None where it is not."""
    if used.calls_last_minute >= allowance.calls_a_minute:
        return Reason.TOO_MANY_CALLS_A_MINUTE
    if used.calls_at_once >= allowance.calls_at_once:
        return Reason.TOO_MANY_CALLS_AT_ONCE
    if used.seconds_today >= allowance.seconds_a_day:
        return Reason.TOO_MANY_SECONDS_A_DAY
    return None


def too_much_service(allowance: Allowance, used: Used) -> bool:
    """The share of service calls is larger than somebody expected."""
    return used.calls_today >= FEWEST_FOR_A_SHARE and used.service_percent > allowance.service_percent
