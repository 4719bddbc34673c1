"""What one account or PBX may use of the gate: calls a minute, calls at once, seconds of talk a day; and how large a
share of its calls may be claimed to be service calls before somebody is told.

They bound what a stolen password, a phone system that has gone wrong or a claim that is made too easily can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from gate.core.rows.calls import UsageRow
from gate.core.terms import Reason

FEWEST_FOR_A_SHARE = 20
"""Calls of a day below which a share says nothing."""
FEWEST_LISTED = 20
"""Service calls of a day to listed numbers below which no share of them is told."""
DAYS_BEFORE = 28
ENDLESS = 10**9
"""Where there is no bound."""
JUMP = 2
"""How many times the share of the days before is told."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of one account or PBX, by the configuration."""

    calls_a_minute: int
    calls_at_once: int
    seconds_a_day: int
    service_percent: int
    """Of the day's calls; 100: nobody is told."""


def asking(a_minute: int, service_percent: int = 100) -> Allowance:
    """Of who asks by HTTP before it dials: questions a minute. None of them is a call in hand, or talk."""
    return Allowance(a_minute, ENDLESS, ENDLESS, service_percent)


@dataclass(frozen=True, slots=True)
class Before:
    """What one account or PBX did on a day, or on the ``DAYS_BEFORE`` days before today."""

    calls: int = 0
    """Let through."""
    listed: int = 0
    """Of them, service calls to numbers that are on a register or have objected to marketing."""

    @property
    def listed_percent(self) -> int:
        """Of these calls, rounded down."""
        return 100 * self.listed // self.calls if self.calls else 0


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
    listed_today: int = 0
    """Of these, to numbers that are on a register or have objected to marketing."""
    days: tuple[tuple[date, Before], ...] = ()
    """The days before today, where they are known."""

    @property
    def service_percent(self) -> int:
        """Of today's calls, rounded down."""
        return 100 * self.service_today // self.calls_today if self.calls_today else 0

    @property
    def listed_percent(self) -> int:
        """Of today's calls, rounded down."""
        return 100 * self.listed_today // self.calls_today if self.calls_today else 0


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


RESERVED = 10
"""One place in so many is kept for callers that have less than their share."""


def no_place(calls: int, most: int, mine: int, callers: int) -> bool:
    """There is no place for one more call of a caller who has ``mine`` in hand, of ``calls`` of all, where there are
    ``most`` at once. Of several ``callers`` none takes all: the last tenth of the places, one at least, is for those
    that have less than their share (``most`` by ``callers``, one at least)."""
    if calls >= most:
        return True
    reserved = max(1, most // RESERVED) if callers > 1 else 0
    return calls >= most - reserved and mine >= max(1, most // max(1, callers))


def too_much_service(allowance: Allowance, used: Used) -> bool:
    """The share of service calls is larger than somebody expected."""
    return used.calls_today >= FEWEST_FOR_A_SHARE and used.service_percent > allowance.service_percent


def listed_service_jumps(used: Used, before: Before) -> bool:
    """The share of service calls to numbers that no marketing call may reach is more than ``JUMP`` times that of the
    days before: somebody may claim to be service what is not. Of too few calls, today or before, nothing is said."""
    if used.listed_today < FEWEST_LISTED or before.calls < FEWEST_FOR_A_SHARE:
        return False
    return used.listed_today * before.calls > JUMP * before.listed * used.calls_today


def jumps(usage: Iterable[UsageRow]) -> Iterator[str]:
    """A sentence for each account or PBX of which that is so."""
    for each in usage:
        if each.many_listed_service_calls:
            today, before = each.listed_percent_today, each.listed_percent_before
            yield (
                f"{each.claimed_by}: {each.listed_service_today:,} service calls today to numbers that are "
                f"listed or have objected, {today} % of its calls, and {before} % in the {DAYS_BEFORE} days before: "
                "dialgate calls list --reason service_call"
            )
