"""Days and times as the British write them, read with the day that it is: pure functions.

``25/11``, ``25/11/2026``, ``25 Nov``, ``Nov 25``, ``Wed 25 Nov``, ``2026-11-25``, ``today``, ``yesterday``, ``monday``;
``14:30``, ``2.30pm``.

When a call was, as people say it: a day, about what time, give or take; days from and to. All in London.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")


HOW: Final = "write 25/11/2026, 25 Nov, 2026-11-25, today or yesterday"
HOW_WITH_TIME: Final = "write 25/11/2026, or 25/11/2026 14:30, or 25/11 14:30"
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = {
    name: at for at, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
}
_SHORT: Final = {name[:3]: at for name, at in _WEEKDAYS.items()}
_NUMBERS = re.compile(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}|\d{2}))?").fullmatch
_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ -]?([a-z]{3,9})\.?(?:[ -]?(\d{4}))?").fullmatch
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,?((?: \d{4})?)").fullmatch
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))? ?(am|pm)?").fullmatch


def day_of(text: str, today: date, *, ahead: bool = False) -> date:
    """The day that was typed. One without a year is the last such day, with ``ahead`` the next; today is either.

    Raises ``ValueError``.
    """
    typed = " ".join(text.split()).casefold()
    near = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if typed in near:
        return today + timedelta(days=near[typed])
    which, _, name = typed.partition(" ")
    if which in ("last", "next") and name in _WEEKDAYS | _SHORT:  # never today
        if which == "last":
            return day_of(name, today - timedelta(days=1))
        return day_of(name, today + timedelta(days=1), ahead=True)
    if (at := _WEEKDAYS.get(typed, _SHORT.get(typed))) is not None:
        return today + timedelta(days=(at - today.weekday()) % 7 if ahead else -((today.weekday() - at) % 7))
    if name and (at := _WEEKDAYS.get(which.strip(",."), _SHORT.get(which.strip(",.")))) is not None:
        day = day_of(name, today, ahead=ahead)
        if day.weekday() != at:
            raise ValueError(f"{text!r} is no day: {spoken_day(day)} is another day of the week")
        return day
    if (found := _MONTH_FIRST(typed)) and _is_month(found[1]):
        typed = f"{found[2]} {found[1]}{found[3]}"
    if found := _NUMBERS(typed):
        number, month, year = int(found[1]), int(found[2]), found[3]
    elif (found := _NAMED(typed)) and found[2][:3] in _MONTHS and _is_month(found[2]):
        number, month, year = int(found[1]), _MONTHS.index(found[2][:3]) + 1, found[3]
    elif "-" not in typed:  # eight digits are no day: a number may begin so
        raise ValueError(f"{text!r} is no day")
    else:
        return date.fromisoformat(typed)
    if year:
        if len(year) == 4 and year.startswith("0"):  # 0161 is no year
            raise ValueError(f"{text!r} is no day")
        return date(int(year) + (2000 if len(year) == 2 else 0), month, number)
    return _nearest(number, month, today, ahead)


def _is_month(word: str) -> bool:
    full = ("january", "february", "march", "april", "may", "june", "july")
    late = ("august", "september", "october", "november", "december")
    return any(name.startswith(word) or word == "sept" for name in (*full, *late))


def _nearest(number: int, month: int, today: date, ahead: bool) -> date:
    """29 February is looked for as far as the next leap year."""
    for step in range(9):
        try:
            day = date(today.year + (step if ahead else -step), month, number)
        except ValueError:
            continue
        if (day >= today) if ahead else (day <= today):
            return day
    raise ValueError(f"{number}/{month} is no day")


def time_of_day(text: str) -> time:
    """``14:30``, ``14.30``, ``2.30pm``, ``9am``. Raises ``ValueError``."""
    found = _TIME(text.strip().casefold())
    if found is None or not (found[2] or found[4]):
        raise ValueError(f"{text!r} is no time")
    hour = int(found[1])
    if found[4]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{text!r} is no time")
        hour = hour % 12 + (12 if found[4] == "pm" else 0)
    return time(hour, int(found[2] or 0), int(found[3] or 0))


def moment_of(text: str, today: date, *, end: bool = False, ahead: bool = False) -> datetime:
    """A day, or a day with a time, in London; of a bare day its beginning, or with ``end`` that of the day after.
    ``ahead``: as for ``day_of``.

    Raises ``ValueError``.
    """
    typed = " ".join(text.replace("T", " ", 1).split() if re.match(r"\d{4}-\d\d-\d\dT", text.strip()) else text.split())
    try:
        day = day_of(typed, today, ahead=ahead)
    except ValueError:
        first, _, last = typed.rpartition(" ")
        if not first:
            raise
        try:
            return datetime.combine(day_of(first, today, ahead=ahead), time_of_day(last), LONDON)
        except ValueError:
            moment = datetime.fromisoformat(text.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)
    return datetime.combine(day + timedelta(days=1 if end else 0), time(), LONDON)


def once(moment: datetime) -> datetime:
    """A time that is one moment alone. Raises ``ValueError`` for one of London that the clocks make twice, or leave
    out: it has to be written with its offset."""
    if moment.tzinfo is not LONDON:
        return moment
    first, second = (moment.replace(fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return moment
    what = "comes twice" if first.timestamp() < second.timestamp() else "does not come: the clocks go forward"
    raise ValueError(
        f"{moment:%H:%M} {what} on {spoken_day(moment.date())}: write"
        f" {moment:%Y-%m-%dT%H:%M}+01:00 for summer time, or {moment:%Y-%m-%dT%H:%M}+00:00"
    )


AROUND = timedelta(hours=1)
"""Give or take, where nobody says."""


def length_of(text: str) -> timedelta:
    """``45m``, ``2h``, ``1h30m``. Raises ``ValueError``."""
    found = re.fullmatch(r"(?:(\d{1,3})h)?(?:(\d{1,4})m?)?", text)
    if not found or not (found[1] or found[2]):
        raise ValueError(f'"{text}" is not a length of time; write 45m or 2h')
    return timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))


def span(
    day: date | None,
    around: time | None = None,
    within: timedelta = AROUND,
    first: date | None = None,
    last: date | None = None,
) -> tuple[datetime | None, datetime | None]:
    """From and to, aware; ``(None, None)`` where nothing was said: a day, ``within`` a time of it, or days from and to.

    An hour that the clocks make twice is both of them, and one that they leave out is what either clock made of it.

    Raises ``ValueError`` where what was said does not go together.
    """
    if around is not None and day is None:
        raise ValueError("a time of day needs its day")
    if day is not None and (first or last):
        raise ValueError("either a day, or days from and to")
    if day is not None and around is not None:
        read = [datetime.combine(day, around.replace(fold=fold), LONDON).astimezone(UTC) for fold in (0, 1)]
        return (min(read) - within).astimezone(LONDON), (max(read) + within).astimezone(LONDON)
    first, last = (day, day) if day else (first, last)
    since = datetime.combine(first, time(), LONDON) if first else None
    until = datetime.combine(last + timedelta(days=1), time(), LONDON) if last else None
    return since, until


def spoken_day(day: date) -> str:
    """``Tuesday 3 March 2026``."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_day(day: date) -> str:
    """``03 Mar 2026``."""
    return f"{day:%d %b %Y}"


def london_day(stamp: str) -> date:
    """The day of a stamp in London."""
    return datetime.fromisoformat(stamp).astimezone(LONDON).date()


def midnight(day: date) -> datetime:
    """When a day of London begins."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
