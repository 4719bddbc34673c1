"""What is typed to find calls, as one line: ``25/11 14:00-14:30 alice listed``. Pure.

Days and times make a period; what is left finds by number, reason, who called or id (``gate.store.search``).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from gate.core.days import LONDON, day_of, time_of_day

_SPAN = re.compile(r"\b(last|this) (week|month)\b", re.IGNORECASE)
ABOUT: Final = 15
"""Minutes: a single time is looked for so long before and after it."""


class Sought(NamedTuple):
    """A period in London, open where None, and what is left of the line."""

    since: datetime | None
    until: datetime | None
    text: str

    @property
    def said(self) -> str:
        """How it was understood: ``25 Nov 2026 14:00 to 14:30, alice listed``."""
        period = ""
        if self.since and self.until:
            first, last = self.since.date(), self.until.date() - timedelta(days=1)
            if self.since.time() == self.until.time() == time():
                period = f"{first:%d %b %Y}" + f" to {last:%d %b %Y}" * (last > first)
            elif self.since.date() == self.until.date():
                period = f"{self.since:%d %b %Y %H:%M} to {self.until:%H:%M}"
            else:
                period = f"{self.since:%d %b %Y %H:%M} to {self.until:%d %b %Y %H:%M}"
        elif self.since:
            period = f"from {self.since:%d %b %Y %H:%M}"
        elif self.until:
            period = f"before {self.until:%d %b %Y %H:%M}"
        return ", ".join(filter(None, (period, self.text)))


def sought(line: str, today: date) -> Sought:
    """Read a line. What is no day and no time is left as it was typed. Never raises."""
    days: tuple[date | None, date | None] | None = None
    times: tuple[time, time] | None = None
    rest: list[str] = []
    for word in _SPAN.sub(lambda found: _span(found[1], found[2], today), line).split():
        if days is None and (found := _days(word, today)) is not None:
            days = found
        elif times is None and (between := _times(word)) is not None:
            times = between
        else:
            rest.append(word)
    text = " ".join(rest)
    if days is None and times is None:
        return Sought(None, None, text)
    first, last = days or (today, today)
    if times is not None and first is not None and last is not None:
        since = datetime.combine(first, times[0], LONDON)
        until = datetime.combine(last, times[1], LONDON)
        if until <= since:  # over midnight
            until += timedelta(days=1)
        return Sought(since, until, text)
    return Sought(
        datetime.combine(first, time(), LONDON) if first else None,
        datetime.combine(last + timedelta(days=1), time(), LONDON) if last else None,
        text,
    )


def _span(which: str, what: str, today: date) -> str:
    """``last week``, ``this month`` as days; weeks begin on Monday, and this one ends today."""
    this = today - timedelta(days=today.weekday()) if what.casefold() == "week" else today.replace(day=1)
    if which.casefold() == "this":
        return f"{this}-{today}"
    before = this - timedelta(days=1)
    first = before - timedelta(days=6) if what.casefold() == "week" else before.replace(day=1)
    return f"{first}-{before}"


def _days(word: str, today: date) -> tuple[date | None, date | None] | None:
    """``25/11``, ``25/11-27/11``, ``25/11-`` (from then on)."""
    first = _day(word, today)
    if first is not None:
        return first, first
    for cut in [found.start() for found in re.finditer("-", word)]:
        begins, ends = word[:cut], word[cut + 1 :]
        since = _day(begins, today)
        if since is None:
            continue
        if not ends:
            return since, None
        until = _day(ends, today)
        if until is not None and since <= until:
            return since, until
    return None


def _day(word: str, today: date) -> date | None:
    """Words of a reason or an agent are not: three letters of a weekday alone are left as they are."""
    if word.isalpha() and len(word) <= 3:
        return None
    try:
        return day_of(word, today)
    except ValueError:
        return None


def _times(word: str) -> tuple[time, time] | None:
    """``14:00-14:30``; ``14:30`` is a quarter of an hour before and after."""
    begins, dash, ends = word.partition("-")
    try:
        since = time_of_day(begins)
        if dash:
            return since, time_of_day(ends)
    except ValueError:
        return None
    minutes = since.hour * 60 + since.minute
    first, last = max(0, minutes - ABOUT), min(23 * 60 + 59, minutes + ABOUT)
    return time(first // 60, first % 60), time(last // 60, last % 60)


_DIGITS = re.compile(r"\+?[0-9()./-]+").fullmatch


def terms(text: str) -> list[str]:
    """The words of a text, each to be found by itself; a number that is written with spaces is one of them."""
    found: list[str] = []
    before = False
    for word in text.split():
        digits = _DIGITS(word) is not None
        if digits and before:
            found[-1] += f" {word}"
        else:
            found.append(word)
        before = digits
    return found
