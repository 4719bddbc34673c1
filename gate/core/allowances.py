"""What one account or PBX may use of the gate: calls a minute, calls at once, seconds of talk a day; and how large a
share of its calls may be claimed to be service calls before somebody is told. Spikes of all calls: of refusals, and of
one caller's share.

They bound what a stolen password, a phone system that has gone wrong or a claim that is made too easily can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from gate.core.rows.calls import ReasonCount, UsageRow
from gate.core.terms import Reason, Verdict, many

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
    """The allowance of one account or PBX, by the configuration."""

    calls_a_minute: int
    calls_at_once: int
    seconds_a_day: int
    service_percent: int
    """The allowed share of service calls of the day's calls; 100: nobody is told."""


def asking(a_minute: int, service_percent: int = 100) -> Allowance:
    """The allowance of who asks by HTTP before it dials: questions a minute. None is a call in hand, or talk."""
    return Allowance(a_minute, ENDLESS, ENDLESS, service_percent)


@dataclass(frozen=True, slots=True)
class Before:
    """What one account or PBX did on a day, or on the ``DAYS_BEFORE`` days before today."""

    calls: int = 0
    """Let through."""
    listed: int = 0
    """The service calls among them, to numbers that are on a register or have objected to marketing."""

    @property
    def listed_percent(self) -> int:
        """Their share of these calls, rounded down."""
        return 100 * self.listed // self.calls if self.calls else 0


@dataclass(frozen=True, slots=True)
class Used:
    """By one account or PBX, as of now."""

    calls_last_minute: int = 0
    calls_at_once: int = 0
    seconds_today: float = 0.0
    """Seconds of talk, since midnight in London; running calls too."""
    calls_today: int = 0
    """Let through since then."""
    service_today: int = 0
    """Those of them that are claimed to be service calls."""
    listed_today: int = 0
    """Those of these to numbers that are on a register or have objected to marketing."""
    days: tuple[tuple[date, Before], ...] = ()
    """The days before today, where they are known."""

    @property
    def service_percent(self) -> int:
        """Their share of today's calls, rounded down."""
        return 100 * self.service_today // self.calls_today if self.calls_today else 0

    @property
    def listed_percent(self) -> int:
        """Their share of today's calls, rounded down."""
        return 100 * self.listed_today // self.calls_today if self.calls_today else 0

    def beside(self, other: Used) -> Used:
        """At two gates; the days before are this one's."""
        return Used(
            self.calls_last_minute + other.calls_last_minute,
            self.calls_at_once + other.calls_at_once,
            self.seconds_today + other.seconds_today,
            self.calls_today + other.calls_today,
            self.service_today + other.service_today,
            self.listed_today + other.listed_today,
            self.days,
        )


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
                f"{each.claimed_by}: {many(each.listed_service_today, 'service call')} today to numbers that are "
                f"listed or have objected, {today} % of its calls, and {before} % in the {DAYS_BEFORE} days before: "
                "dialgate calls list --reason service_call"
            )


# --- spikes -----------------------------------------------------------------------------------------------------------

SPIKE_MINUTES = 5
"""The attempts of so long are compared with what was usual in the day before."""
FEWEST_IN_SPIKE = 40
"""Attempts of these minutes below which a share says nothing."""
MOSTLY = 0.5
"""A share above which refusals, or the attempts of one caller of several, may be a spike."""


def spikes(now: Iterable[ReasonCount], usual: Iterable[ReasonCount]) -> Iterator[str]:
    """A sentence where more than ``MOSTLY`` of the attempts of the last minutes are refused, or come from one of
    several callers, and that share is more than ``JUMP`` times the usual one, or more than half way from it to all."""
    counts, before = list(now), list(usual)
    total, was = sum(each.attempts for each in counts), sum(each.attempts for each in before)
    if total < FEWEST_IN_SPIKE:
        return

    def share(of: Iterable[ReasonCount], whole: int, key: Callable[[ReasonCount], bool]) -> float:
        return sum(each.attempts for each in of if key(each)) / whole if whole else 0.0

    def jumps_to(key: Callable[[ReasonCount], bool]) -> tuple[float, float] | None:
        part, usually = share(counts, total, key), share(before, was, key)
        return (part, usually) if part > MOSTLY and part > min(JUMP * usually, (1 + usually) / 2) else None

    def refused(each: ReasonCount) -> bool:
        return each.verdict != Verdict.ALLOW

    if found := jumps_to(refused):
        reason, caller = (_most(filter(refused, counts), key) for key in (_reason_of, _caller_of))
        yield (
            f"Refusals jump: {found[0]:.0%} of {many(total, 'attempt')} in {SPIKE_MINUTES} minutes, "
            f"usually {found[1]:.0%}; most of them {reason.replace('_', ' ')}, by {caller}: "
            "dialgate calls reasons --since today"
        )
    caller = _most(counts, _caller_of)
    several = len({_caller_of(each) for each in (*counts, *before)}) > 1
    if several and (found := jumps_to(lambda each: _caller_of(each) == caller)):
        yield (
            f"One caller jumps: {caller} makes {found[0]:.0%} of {many(total, 'attempt')} in {SPIKE_MINUTES} minutes, "
            f"usually {found[1]:.0%}: dialgate calls agents"
        )


def _reason_of(row: ReasonCount) -> str:
    return row.reason


def _caller_of(row: ReasonCount) -> str:
    return row.claimed_by or "erased"


def _most(rows: Iterable[ReasonCount], key: Callable[[ReasonCount], str]) -> str:
    """The name that has most of the attempts."""
    sums: dict[str, int] = {}
    for each in rows:
        sums[key(each)] = sums.get(key(each), 0) + each.attempts
    return max(sums, key=lambda name: (sums[name], name))
