"""Pages that can be turned both ways: by key, never by offset, so that a million rows cost what fifty do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from gate.core.rows import Page
from gate.errors import UsageError

T = TypeVar("T")

LIMIT = 1000
"""Rows in a page, at most."""
END = "end"
"""As ``before``: the last page of all."""


class Way(NamedTuple):
    """Which rows, and in which order, a page asks for. ``{key}`` in its texts stands for the columns of the key."""

    newest_first: bool
    cursor: tuple[str, ...] | None
    """Only rows beyond this key, in that direction; None: from the beginning."""
    most: int
    """Rows: one more than are shown: so it is known whether there are more."""

    @property
    def sign(self) -> str:
        """How a row's key compares with the cursor."""
        return "<" if self.newest_first else ">"

    @property
    def direction(self) -> str:
        """For ORDER BY."""
        return "DESC" if self.newest_first else "ASC"


def window(
    read: Callable[[Way], list[T]], key: tuple[str, ...], after: str | None, before: str | None, limit: int
) -> Page[T]:
    """A page by ``key`` (columns, the time first). ``read`` gives at most ``most`` rows of a way, in its order.

    Raises ``UsageError`` for a cursor that no page has given, and where both ways are asked for at once.
    """
    if after is not None and before is not None:
        raise UsageError("a page follows another or comes before it, not both", hint="give `after` or `before`")
    limit = max(1, min(limit, LIMIT))
    newest_first = before is None
    given = after if newest_first else before
    cursor = None if given is None or given == END else parts(given, len(key))
    rows = read(Way(newest_first, cursor, limit + 1))
    more, rows = len(rows) > limit, rows[:limit]
    if not newest_first:
        rows.reverse()
    there = cursor is not None
    older, newer = (more, there) if newest_first else (there, more)
    if not rows:
        return Page(items=[])
    following, earlier = _cursor(rows[-1], key) if older else None, _cursor(rows[0], key) if newer else None
    return Page(items=rows, next=following, prev=earlier)


def _cursor(row: object, key: tuple[str, ...]) -> str:
    return " ".join(str(row[name] if isinstance(row, dict) else getattr(row, name)) for name in key)


def parts(cursor: str, count: int) -> tuple[str, ...]:
    """What a cursor is made of. Raises ``UsageError``."""
    found = tuple(cursor.split(" ", count - 1))
    if len(found) != count or not all(found):
        raise no_place(cursor)
    return found


def no_place(cursor: str) -> UsageError:
    """The error of a cursor that no page has given."""
    return UsageError(f"not a place in a list: {cursor!r}", hint="give `next` or `prev` of a page, unchanged")
