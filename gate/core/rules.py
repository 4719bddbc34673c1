"""The rules that a firm sets within the law: checked when they are made, constant while calls are decided.

What a number is and what a call to it costs has a name, for people and for ``calling.block``. Source: Ofcom's national
telephone numbering plan. The gate knows no tariff: a cost is a class, and what a carrier asks for is in its price list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from gate.core.hours import Hours
from gate.core.numbers import Kind, Number, may_be_routed, presentable
from gate.core.terms import REGISTER_TITLES, Reason, Topic

BLOCKABLE: Final = {
    "personal": "Personal numbers (070) can cost as much as a call abroad, and lead anywhere",
    "pager": "Nobody speaks on a pager (076)",
    "084": "084 numbers carry a service charge, and businesses answer on them",
    "087": "087 numbers carry a service charge, and businesses answer on them",
    "helpline": "Helplines (0800 1111, 0808 80…) are kept free for people in need",
}
"""Kinds that a firm may keep its marketing calls from (``calling.block``) -> why. 116… and the other short numbers are
refused to everybody."""


class Cost(StrEnum):
    """What sort of charge a call is."""

    FREE = "free"
    STANDARD = "standard"
    """As to a landline: 01, 02, 03."""
    MOBILE = "mobile"
    SERVICE_CHARGE = "service_charge"
    """An access charge and a service charge: 084, 087."""
    PREMIUM = "premium"
    VARIES = "varies"
    """070, 076 and mobiles of the Crown dependencies: outside of most tariffs."""
    INTERNATIONAL = "international"


def named(number: Number) -> str:
    """The one of ``BLOCKABLE`` that a number is; empty where it is none."""
    if number.kind is Kind.PERSONAL:
        return "personal"
    if number.kind is Kind.PAGER:
        return "pager"
    national = number.e164[3:] if number.e164.startswith("+44") else ""
    if national == "8001111" or national.startswith("80880"):
        return "helpline"
    return f"0{national[:2]}" if national.startswith(("84", "87")) else ""


_COSTS: Final = {
    Kind.GEOGRAPHIC: Cost.STANDARD,
    Kind.NON_GEOGRAPHIC: Cost.STANDARD,
    Kind.MOBILE: Cost.MOBILE,
    Kind.FREEPHONE: Cost.FREE,
    Kind.REVENUE_SHARE: Cost.SERVICE_CHARGE,
    Kind.PREMIUM: Cost.PREMIUM,
}


def cost(number: Number) -> Cost:
    """What sort of charge a call to this number is."""
    if not number.e164.startswith("+44"):
        return Cost.INTERNATIONAL
    if number.kind is Kind.MOBILE and number.jurisdiction != "GB":
        return Cost.VARIES
    return _COSTS.get(number.kind, Cost.VARIES)


_OF_EVIDENCE: Final = (
    Reason.EVIDENCE_ROLLED_BACK,
    Reason.EVIDENCE_UNAVAILABLE,
    Reason.EVIDENCE_UNSIGNED,
    Reason.MEMORY_UNAVAILABLE,
    Reason.CLOCK_BEHIND,
)

MAX_AGE_DAYS: Final = 27
"""PECR reg 21(3), LAW 1.4: a snapshot as of day D supports calls up to and including D+27."""

DAY: Final = timedelta(days=1)
"""The longest time in which attempts are counted."""
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)

TEST_NUMBER: Final = "+441632960999"
"""One that Ofcom keeps for drama (LAW 6.5): where a phone system passes the gate with it, nobody is reached."""

LONGEST_CONSENT: Final = 120
"""Months; nobody remembers longer what they agreed to."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How often the firm may try one number, on marketing and on service calls: answered or not (LAW 3.6). 0: no
    bound."""

    at_once: int = 1
    """Attempts at it that are not over."""
    a_minute: int = 2
    an_hour: int = 3
    a_day: int = 6
    a_week: int = 0

    @property
    def windows(self) -> tuple[tuple[int, timedelta, str], ...]:
        """The bounds that there are in a time, each with that time and its name."""
        every = (
            *((self.a_minute, _MINUTE, "a minute"), (self.an_hour, _HOUR, "an hour")),
            *((self.a_day, DAY, "a day"), (self.a_week, 7 * DAY, "a week")),
        )
        return tuple(each for each in every if each[0])

    @property
    def longest(self) -> timedelta:
        """How far back attempts are counted: a day, or as long as a bound reaches."""
        return max((span for _, span, _ in self.windows), default=DAY)

    @property
    def any(self) -> bool:
        """There is a bound: attempts need to be counted."""
        return bool(self.at_once or self.windows)


@dataclass(frozen=True, slots=True)
class AbandonedLimits:
    """How many who answer a campaign may find nobody (LAW 7.8)."""

    alarm_percent: float = 2.5
    """The share of the answered calls of a day; 0: nobody is told."""
    stop_percent: float = 0.0
    """0: no campaign is stopped."""
    least: int = 100
    """Answered calls from which on the rate counts as it is (``abandoned.Tally.reaches``)."""
    brief_seconds: float = 2.0
    """A caller who hangs up sooner after being put through was nobody."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that the firm has set; an illegal rule raises ``ValueError`` when made, so that no call meets it."""

    own_numbers: frozenset[str]
    """E.164 numbers that the firm owns and answers; each must be presentable (LAW 3.1)."""
    hours: Hours
    timezone: tzinfo
    """Where the firm calls: dates of registers and hours are counted there (Europe/London)."""
    registers: tuple[str, ...] = ("tps", "ctps")
    """Registers that a marketing call needs (LAW 1.3: both)."""
    max_age_days: int = MAX_AGE_DAYS
    """May be stricter than the law, never looser."""
    consent_months: int = 24
    """How long a consent holds from the day it was given, in calendar months (LAW 1.5)."""
    authorised: frozenset[Topic] = frozenset()
    """Topics for an authorised firm alone of which the firm says what authorises it (``gate.core.terms.TOPICS``)."""
    instigators: Mapping[str, str] = field(default_factory=dict)
    """Those on whose behalf the firm calls: name -> legal name; on anybody else's it calls nobody."""
    redial: timedelta = timedelta(hours=72)
    """No redial so long after a call that was answered without an agent (LAW 3.4)."""
    attempts: AttemptLimits = AttemptLimits()
    """How often one number may be tried."""
    abandoned: AbandonedLimits = AbandonedLimits()
    """How many answered calls of a campaign may find nobody."""
    dedicated_agents: frozenset[str] = frozenset()
    """Callers each of whose calls has an agent at hand: ``account:alice``."""
    agent_claims: frozenset[str] = frozenset()
    """Callers that may say so of a single call."""
    allowed_countries: frozenset[str] = frozenset({"GB", "JE", "GG", "IM"})
    test_number: str = TEST_NUMBER
    """E.164; always refused."""
    live: bool = True
    """A live gate refuses the drama ranges (LAW 6.5)."""
    emergency_numbers: frozenset[str] = frozenset()
    """Short numbers that have a route of their own; all others are refused with advice (LAW 3.5)."""
    objection_stops_service: bool = False
    """Reg 21(1)(a) speaks of marketing calls; a firm may let an objection stop its service calls too."""
    block: frozenset[str] = frozenset(BLOCKABLE)
    """Kinds of numbers, by name, that no marketing call goes to (``gate.core.rules``)."""
    evidence: Reason | None = None
    """Why the firm's own lists cannot be relied on just now (``evidence_rolled_back``, ``memory_unavailable``,
    ``evidence_unavailable``), or no marketing call may be made all the same (``evidence_unsigned``, ``clock_behind``);
    None: they can. The one rule that the machine sets, and not the firm."""

    def __post_init__(self) -> None:
        for number in self.own_numbers:
            if not presentable(number):
                raise ValueError(
                    f'own number "{number}" may not be presented: write +44 and a number in 01, 02, 03, 07 or 080'
                )
        for short in self.emergency_numbers:
            if not may_be_routed(short):
                raise ValueError(f'"{short}" is no emergency number that may have a route of its own')
        if not self.registers or not set(self.registers) <= REGISTER_TITLES.keys():
            raise ValueError(f"registers must name tps, ctps or both, not {list(self.registers)}")
        if not self.block <= BLOCKABLE.keys():
            raise ValueError(f"kinds to block are {', '.join(BLOCKABLE)}, not {sorted(self.block - BLOCKABLE.keys())}")
        if not 0 <= self.max_age_days <= MAX_AGE_DAYS:
            raise ValueError(f"a register supports calls for {MAX_AGE_DAYS} days at most, not {self.max_age_days}")
        if self.evidence not in (None, *_OF_EVIDENCE):
            raise ValueError(f"{self.evidence} is nothing that can be wrong with the evidence")
        if not 1 <= self.consent_months <= LONGEST_CONSENT:
            raise ValueError(f"a consent holds for 1 to {LONGEST_CONSENT} months, not {self.consent_months}")
        if self.redial < timedelta(0):
            raise ValueError("the redial pause cannot be negative")
        limits = self.attempts
        if min(limits.at_once, limits.a_minute, limits.an_hour, limits.a_day, limits.a_week) < 0:
            raise ValueError("the bounds of attempts cannot be negative")


def days_left(as_of: date, today: date, max_age_days: int = MAX_AGE_DAYS) -> int:
    """How many days a snapshot still supports calls: 0 on its last day, negative when stale (LAW 1.4)."""
    return max_age_days - (today - as_of).days
