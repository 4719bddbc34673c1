"""The statutory clocks of a data-subject request (LAW 4.1, 4.2).

The law gives until the corresponding date of the next month (its last day where there is none), moved to the next
working day where that is a weekend or a public holiday. The firm's policy gives 30 days. ``due`` is the earlier of the
two, never moved; ``ico_date`` is shown beside it. The month starts with the request, or when the information on
identity arrives where it had to be asked for and was asked for in time (``identity_by``); a request for clarification
pauses that of an access request from asking until the answer. An extension makes it three months from the start, and
must be told within the first. All dates are London's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

from gate.core.holiday_table import ENGLAND
from gate.core.hours import holidays_of, tabled
from gate.core.retention import add_months

POLICY_DAYS: Final = 30
WARN_DAYS: Final = (20, 25)
"""Days after the start, pauses left out, on which whoever is responsible is warned."""
ACKNOWLEDGE_DAYS: Final = 29
"""DPA 2018 s.164A(3): a complaint is acknowledged within 30 days, that of its receipt being the first (LAW 4.7)."""
IDENTITY_DAYS: Final = 7
"""Days after the receipt within which identity is asked for, or the clock does not wait for the proof (LAW 4.2)."""
EXTENDED_MONTHS: Final = 3
PROOF_DAYS: Final = 20
"""Days after identity was asked for on which a proof that has not come is warned of: ask again, or refuse."""
NEWS_DAYS: Final = 21
"""Days without an answer or a letter on how it is going after which a complaint is warned of (DPA 2018 s.164A(4))."""
TELL_DAYS: Final = 7
"""Days after a refusal on which is warned that it has not been told: it is told without delay (Art 12(4))."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of one request: when it started, and the days for which it stood still."""

    started: date
    paused_days: int = 0
    extended: bool = False

    @property
    def due(self) -> date:
        """The last day for the answer, by law and policy alike."""
        return self._due(EXTENDED_MONTHS if self.extended else 1)

    @property
    def extension_by(self) -> date:
        """The last day on which an extension can be told: that of the first month."""
        return self._due(1)

    @property
    def ico_date(self) -> date:
        """The last day by the regulator's count, on a working day in England."""
        months = EXTENDED_MONTHS if self.extended else 1
        return next_working_day(add_months(self.started, months) + timedelta(days=self.paused_days))

    @property
    def warnings(self) -> tuple[date, ...]:
        """When to warn; an extended request is warned of as many days before its end."""
        return tuple(self.due - timedelta(days=POLICY_DAYS - days) for days in WARN_DAYS)

    def warned(self, today: date) -> int:
        """How many of the warnings have come: 0, 1 or 2; 3 where it is overdue."""
        return len(WARN_DAYS) + 1 if today > self.due else sum(today >= day for day in self.warnings)

    def _due(self, months: int) -> date:
        corresponding = add_months(self.started, months)
        policy = self.started + timedelta(days=POLICY_DAYS)
        last = min(corresponding, policy) if months == 1 else corresponding
        return last + timedelta(days=self.paused_days)


def acknowledge_by(received: date) -> date:
    """The last day for the acknowledgement of a complaint."""
    return received + timedelta(days=ACKNOWLEDGE_DAYS)


def policy_day(received: date) -> date:
    """The policy's 30 days from the receipt, whatever the law allows besides."""
    return received + timedelta(days=POLICY_DAYS)


def identity_by(received: date, days: int = IDENTITY_DAYS) -> date:
    """The last day on which asking for identity makes the clock wait for the proof: never after the due date."""
    return min(received + timedelta(days=days), Clock(received).due)


def next_working_day(day: date) -> date:
    """The day itself, or the first after it that is neither a weekend nor a public holiday in England."""
    while day.weekday() >= 5 or day in _holidays(day.year):
        day += timedelta(days=1)
    return day


@cache
def _holidays(year: int) -> frozenset[date]:
    if year in ENGLAND:
        return tabled(ENGLAND, year)
    return holidays_of("ENG", year)
