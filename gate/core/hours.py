"""Calling hours: when a marketing call may be made, as wall time where the firm calls.

Hours are guidance, not statute; the default is the stricter reading (LAW 3.3): Monday to Friday 08:00-21:00, Saturday
09:00-21:00, none on Sundays and public holidays, the union of those of England, Wales, Scotland and Northern Ireland.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from gate.core.holiday_table import TABLE
from gate.core.terms import day_text

SUBDIVISIONS: Final = ("ENG", "WLS", "SCT", "NIR")
"""Each by name: what the library gives for the whole country omits Easter Monday and the August holiday."""

_WINDOW = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_MINUTES: Final = 24 * 60

Window = tuple[int, int]
"""Minutes of the day, wall time: from the first, included, to the second, excluded."""

_STRICT: Final = (*((8 * 60, 21 * 60),) * 5, (9 * 60, 21 * 60), None)


@lru_cache(maxsize=64)
def public_holidays(year: int) -> frozenset[date]:
    """The public holidays of any part of the UK in a year, observed days included (LAW 3.3).

    Empty where nobody knows them (far past or future): callers must then take every day for a holiday. The years around
    ours are in a table; the first other year loads a library, which takes a tenth of a second, and each year is kept.
    """
    if year in TABLE:
        return tabled(TABLE, year)
    return frozenset(day for part in SUBDIVISIONS for day in holidays_of(part, year))


def holidays_of(part: str, year: int) -> frozenset[date]:
    """The public holidays of one part of the UK, by the library."""
    import holidays  # not at the top: a check of today's calls must not pay for it

    return frozenset(holidays.country_holidays("GB", subdiv=part, years=year))


def tabled(table: Mapping[int, str], year: int) -> frozenset[date]:
    """The days of a year that is in a table of ``gate.core.holiday_table``."""
    return frozenset(date(year, int(day[:2]), int(day[2:])) for day in table[year].split())


@dataclass(frozen=True, slots=True)
class Hours:
    """When calls may be made. ``Hours()`` is the strict default; an illegal window raises ``ValueError``."""

    week: tuple[Window | None, ...] = _STRICT
    """Monday to Sunday; None: no calls on that day."""
    closed_dates: frozenset[date] = frozenset()
    """Local extra dates without calls."""
    holidays_closed: bool = True

    def __post_init__(self) -> None:
        if len(self.week) != 7:
            raise ValueError("calling hours need seven days")
        for window in self.week:
            if window is not None and not 0 <= window[0] < window[1] <= _DAY_MINUTES:
                raise ValueError("calling hours must end after they start, within one day")

    @classmethod
    def always(cls) -> Hours:
        """Every minute of every day: for demos and tests, and firms whose calls are no marketing at all."""
        return cls(week=((0, _DAY_MINUTES),) * 7, holidays_closed=False)

    @classmethod
    def parse(
        cls,
        weekdays: str = "08:00-21:00",
        saturday: str = "09:00-21:00",
        sunday: str = "",
        closed_dates: Iterable[str] = (),
        *,
        always: bool = False,
    ) -> Hours:
        """Hours from the texts of the configuration.

        A window is ``HH:MM-HH:MM``, end excluded, ``24:00`` for midnight, empty for no calls; a date is ``YYYY-MM-DD``.
        With ``always`` the rest is checked and then not used. Raises ``ValueError`` that names the value and the fix.
        """
        week = (*(_window(weekdays, "weekdays"),) * 5, _window(saturday, "saturday"), _window(sunday, "sunday"))
        dates = frozenset(_date(text) for text in closed_dates)
        return cls.always() if always else cls(week=week, closed_dates=dates)

    def why_closed(self, local: datetime) -> str:
        """Empty where calls may be made at this wall time, else why not: ``it is Sunday``, ``it is after 21:00``.

        ``local`` is already in the firm's time zone; its zone is not looked at, so a repeated hour counts both times.
        """
        day = local.date()
        if day in self.closed_dates:
            return "today is one of our closed days"
        if self.holidays_closed and _is_holiday(day):
            return "today is a public holiday in part of the UK"
        window = self.week[day.weekday()]
        if window is None:
            return f"it is {_DAYS[day.weekday()]}"
        minute = local.hour * 60 + local.minute
        if minute < window[0]:
            return f"it is before {_clock(window[0])}"
        if minute >= window[1]:
            return f"it is after {_clock(window[1])}"
        return ""

    def open_at(self, local: datetime) -> bool:
        """True where calls may be made at this wall time in the firm's time zone."""
        return not self.why_closed(local)

    def next_opening(self, local: datetime) -> str:
        """When calls may be made again, e.g. ``Monday 2 March at 08:00``; empty where not within four weeks."""
        try:
            for ahead in range(29):
                day = local.date() + timedelta(days=ahead)
                window = self.week[day.weekday()]
                if window is None or day in self.closed_dates or (self.holidays_closed and _is_holiday(day)):
                    continue
                if ahead or local.hour * 60 + local.minute < window[0]:
                    return f"{_DAYS[day.weekday()]} {day_text(day)} at {_clock(window[0])}"
        except OverflowError:  # the last days of the calendar
            pass
        return ""


def _is_holiday(day: date) -> bool:
    """Fail closed: in a year without known holidays every day is one."""
    known = public_holidays(day.year)
    return not known or day in known


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _window(text: str, name: str) -> Window | None:
    if not text:
        return None
    match = _WINDOW(text)
    if match is None:
        raise ValueError(f'{name} = "{text}": write calling hours as "08:00-21:00", or "" for no calls')
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or not start < end <= _DAY_MINUTES:
        raise ValueError(f'{name} = "{text}": the hours must exist and end after they start, by 24:00 at the latest')
    return start, end


def _date(text: str) -> date:
    try:
        if _DATE(text) is None:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'closed_dates: "{text}" is no date: write it as "2026-12-24"') from None
