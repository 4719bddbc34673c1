"""Texts as people read them, wherever they are shown: one line without control characters, times of London."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")
LONGEST_NAME: Final = 80
"""Of the name that a callee's phone is sent, in characters."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def clean(text: str) -> str:
    """One line without control characters and direction marks: nothing in it moves a cursor or paints."""
    return _CONTROL.sub(" ", text)


def shown_name(name: str) -> str:
    """A firm's name as it is sent to the callee's phone: printable, at most ``LONGEST_NAME`` characters."""
    return "".join(sign for sign in name if sign.isprintable())[:LONGEST_NAME]


def london_day(stamp: str) -> date:
    """The day of a stamp in London."""
    return datetime.fromisoformat(stamp).astimezone(LONDON).date()


def midnight(day: date) -> datetime:
    """When a day of London begins."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def brief(stamp: str, today: date) -> str:
    """An ISO 8601 day or time, for a column: ``02 Mar 2026``; ``02 Mar 10:00:05``, of another year
    ``02 Mar 2025 10:00``; London. Raises ``ValueError``."""
    if len(stamp) == len("2026-03-02"):
        return f"{date.fromisoformat(stamp):%d %b %Y}"
    at = datetime.fromisoformat(stamp).astimezone(LONDON)
    return f"{at:%d %b %H:%M:%S}" if at.year == today.year else f"{at:%d %b %Y %H:%M}"


def local(stamp: str) -> str:
    """An ISO 8601 time as it was in London: ``2026-03-02 10:00:05 GMT``; other text as it is."""
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(LONDON):%Y-%m-%d %H:%M:%S %Z}"
    except ValueError:
        return stamp


def many(number: int, thing: str) -> str:
    """``1 call``, ``2,000 calls``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
