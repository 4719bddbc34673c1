"""What is due for erasure, what is held, and why.

A recording is kept for so many calendar months from the day of its call, counted in London and clamped at the end of a
month (29 Feb -> 28 Feb), and is erased by the end of the day that this comes to (LAW 5.3). A class (what a call was
about, who made it) may keep it for years instead; never shorter. A hold or a restriction stops the erasure for as long
as it is in force (LAW 4.7). Nothing here knows a clock: ``today`` is the day in London.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple

MONTHS: Final = 12
"""The policy's term, in calendar months."""


class Target(StrEnum):
    """What a hold is put on."""

    RECORDING = "recording"
    CALL = "call"
    NUMBER = "number"


class Kind(StrEnum):
    """Both stop every erasure; a restriction stops playback and export too (LAW 4.7)."""

    HOLD = "hold"
    RESTRICTION = "restriction"


class HoldGround(StrEnum):
    """Why a hold may stop an erasure that a person asks for (Article 17(3) UK GDPR, LAW 7.2): a closed list."""

    CLAIM = "claim"
    """To establish, exercise or defend a legal claim (17(3)(e))."""
    LEGAL_OBLIGATION = "legal_obligation"
    """A law has the firm keep it, and the hold names that law (17(3)(b)): SYSC 10A, say."""
    INVESTIGATION = "investigation"
    """An authority investigates, and the hold names it (17(3)(b))."""
    NONE = "none"
    """It keeps recordings from the sweep, and stops nothing that a person asks for: a good sample for training."""


NAMED: Final = frozenset({HoldGround.LEGAL_OBLIGATION, HoldGround.INVESTIGATION})
"""Grounds that name a law, or an authority."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, as far as the rules need to know it."""

    id: str
    at: datetime
    """When the call was made, timezone-aware."""
    call_id: str = ""
    number: str = ""
    """E.164; empty where it is erased."""
    joined: frozenset[str] = frozenset()
    """Numbers of others who are heard in it: they were transferred to the call."""
    classes: frozenset[str] = frozenset()
    """Classes it belongs to, e.g. ``topic:pensions``, ``account:alice``."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason not to erase. Raises ``ValueError`` where it names no reason, reference or target."""

    id: str
    target: Target
    value: str
    """Id of the recording or the call, or the E.164 number."""
    kind: Kind
    reason: str
    reference: str
    """Where the matter is kept: a case, a claim, a request."""
    by: str
    at: datetime
    released_at: datetime | None = None
    ground: HoldGround | None = None
    """None: of a restriction, which is its own ground; or it was put on before grounds were asked for."""

    def __post_init__(self) -> None:
        missing = [name for name in ("id", "value", "reason", "reference") if not getattr(self, name).strip()]
        if missing:
            raise ValueError(f"a hold without {', '.join(missing)} holds nothing")

    @property
    def name(self) -> str:
        """What people know it by."""
        return f"{self.kind} {self.reference} ({self.id})"

    @property
    def in_force(self) -> bool:
        """Nobody has released it."""
        return self.released_at is None

    @property
    def stops_requests(self) -> bool:
        """It stops an erasure that a person asks for, too. One of which no ground is known does until somebody has said
        it: what is gone does not come back."""
        return self.ground is not HoldGround.NONE

    @property
    def undecided(self) -> bool:
        """Nobody has said its ground: no letter can say why it keeps something."""
        return self.kind is Kind.HOLD and self.ground is None

    def covers(self, recording: Recording) -> bool:
        """It is put on this recording, on its call, or on the number of somebody in it."""
        return (self.target, self.value) in _targets(recording)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long recordings are kept; an illegal term raises ``ValueError`` when made."""

    timezone: tzinfo
    """Where days are counted (Europe/London)."""
    months: int = MONTHS
    years: Mapping[str, int] = field(default_factory=dict)
    """Class -> years; the longest of a recording's classes counts, where it is longer than ``months``."""

    def __post_init__(self) -> None:
        if self.months < 1 or any(years < 1 for years in self.years.values()):
            raise ValueError("a term is at least one month, that of a class at least one year")

    def last_day(self, recording: Recording) -> date:
        """The day by whose end the recording is erased."""
        day = recording.at.astimezone(self.timezone).date()
        years = [count for name, count in self.years.items() if name in recording.classes]
        return add_months(day, max([self.months, *(12 * count for count in years)]))

    def horizon(self, today: date) -> datetime:
        """No recording of a call from this time on is due on ``today``: where a search in the order of time may end."""
        # The first of its days that may fall in a clamped month is at most three days later than counting back says.
        day = add_months(today, -self.months) + timedelta(days=4)
        return datetime.combine(day, time(), self.timezone)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """When calls may have been made whose recordings have their last day on ``day``: where to search, in the order
        of time, none over another. A day longer than the rule needs: a recording opens after its call began."""
        found: list[tuple[date, date]] = []
        for months in sorted({self.months, *(12 * count for count in self.years.values())}, reverse=True):
            start = add_months(day, -months)
            end = start + timedelta(days=5)  # clamped, the end of a month stands for up to three days more
            if found and found[-1][1] >= start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return [
            (datetime.combine(start, time(), self.timezone), datetime.combine(end, time(), self.timezone))
            for start, end in found
        ]


class Sorted(NamedTuple):
    """Recordings by what is to be done with them."""

    due: list[Recording]
    held: list[tuple[Recording, Hold]]
    """Due but for the hold named."""
    not_yet: list[Recording]


class Day(NamedTuple):
    """What a day brings."""

    day: date
    due: int
    held: int
    """Would go, but is held as things stand."""


def add_months(day: date, months: int) -> date:
    """The corresponding date so many calendar months later (earlier where negative); where there is none, the month's
    last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def due(recordings: Iterable[Recording], holds: Iterable[Hold], today: date, terms: Terms) -> Sorted:
    """Which of these recordings are erased on ``today``: their last day has come, and nothing holds them."""
    index = _in_force(holds)
    found = Sorted([], [], [])
    for recording in recordings:
        if terms.last_day(recording) > today:
            found.not_yet.append(recording)
        elif (hold := _held_by(index, recording)) is not None:
            found.held.append((recording, hold))
        else:
            found.due.append(recording)
    return found


def asked(recordings: Iterable[Recording], holds: Iterable[Hold], but: Collection[str] = ()) -> Sorted:
    """Which of these recordings may be erased because the person asks for it: all that nothing holds on a ground in
    law. ``but``: ids of restrictions that are the person's own, and so do not stand in their way (Article 18(2))."""
    index = _in_force(hold for hold in holds if hold.stops_requests and hold.id not in but)
    found = Sorted([], [], [])
    for recording in recordings:
        if (hold := _held_by(index, recording)) is not None:
            found.held.append((recording, hold))
        else:
            found.due.append(recording)
    return found


def forecast(recordings: Iterable[Recording], holds: Iterable[Hold], today: date, days: int, terms: Terms) -> list[Day]:
    """What goes when, from ``today`` on for so many days, the days that bring nothing left out. What should have gone
    before is today's."""
    index = _in_force(holds)
    going: Counter[date] = Counter()
    held: Counter[date] = Counter()
    for recording in recordings:
        day = max(today, terms.last_day(recording))
        if (day - today).days <= days:
            (going if _held_by(index, recording) is None else held)[day] += 1
    return [Day(day, going[day], held[day]) for day in sorted({*going, *held})]


def merge(*forecasts: Iterable[Day]) -> list[Day]:
    """Forecasts of parts as that of the whole."""
    going: Counter[date] = Counter()
    held: Counter[date] = Counter()
    for part in forecasts:
        for day, due_, held_ in part:
            going[day] += due_
            held[day] += held_
    return [Day(day, going[day], held[day]) for day in sorted({*going, *held})]


def _targets(recording: Recording) -> tuple[tuple[Target, str], ...]:
    return (
        (Target.RECORDING, recording.id),
        (Target.CALL, recording.call_id),
        (Target.NUMBER, recording.number),
        *((Target.NUMBER, number) for number in sorted(recording.joined)),
    )


def _in_force(holds: Iterable[Hold]) -> dict[tuple[Target, str], Hold]:
    """The oldest hold on each target."""
    index: dict[tuple[Target, str], Hold] = {}
    for hold in holds:
        if hold.in_force:
            index.setdefault((hold.target, hold.value), hold)
    return index


def _held_by(index: Mapping[tuple[Target, str], Hold], recording: Recording) -> Hold | None:
    return next((index[target] for target in _targets(recording) if target in index), None)
