"""When a call was, as people say it: a day, about what time, give or take; days from and to. All in London."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from gate.core.showing import LONDON

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
