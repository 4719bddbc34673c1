"""Pages that can be turned both ways: by key, never by offset, so that a million rows cost what fifty do.

A list may be in the order of one of its columns: rows with the same value stand in the order of time, and rows without
a value come last, in either direction. A cursor names the row alone, by time and id: what the column holds is looked up
there, so that no page tells a value that is hidden in its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from gate.core.finding import Term
from gate.core.rows import Page
from gate.errors import UsageError
from gate.store.rows import R

if TYPE_CHECKING:
    from gate.store.queries import Source


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
    return " ".join(str(getattr(row, name)) for name in key)


def parts(cursor: str, count: int) -> tuple[str, ...]:
    """What a cursor is made of. Raises ``UsageError``."""
    found = tuple(cursor.split(" ", count - 1))
    if len(found) != count or not all(found):
        raise no_place(cursor)
    return found


def no_place(cursor: str) -> UsageError:
    """The error of a cursor that no page has given."""
    return UsageError(f"not a place in a list: {cursor!r}", hint="give `next` or `prev` of a page, unchanged")


LENGTHS: Final = """
CREATE INDEX calls_seconds ON calls (seconds, at, call_id) WHERE seconds IS NOT NULL;
CREATE INDEX recordings_seconds ON recordings (seconds, opened_at, recording_id) WHERE seconds IS NOT NULL;
"""
"""The indexes of lists by duration, for a migration."""


class Order(NamedTuple):
    """A column, and the direction."""

    column: str
    up: bool


def order_of(sort: str | None, columns: Mapping[str, str]) -> Order | None:
    """``seconds``: the smallest first; ``-seconds``: the largest. None for nothing. Raises ``UsageError``.

    ``columns``: what may be asked for -> column of the table.
    """
    if not sort:
        return None
    name = sort.removeprefix("-")
    if name not in columns:
        raise UsageError(
            f"a list is not sorted by {name!r}", hint=f"by one of: {', '.join(columns)}; - before it: down"
        )
    return Order(columns[name], not sort.startswith("-"))


class _Part:
    """The rows that have a value, or those that have none."""

    def __init__(self, condition: str, by: list[str]) -> None:
        self.conditions = [condition]
        self.by = by
        self.values: tuple[Any, ...] = ()

    def begin(self, sign: str, cursor: tuple[Any, ...]) -> None:
        """Beyond a row."""
        self.conditions.append(f"({', '.join(self.by)}) {sign} ({', '.join('?' * len(cursor))})")
        self.values = cursor


def sorted_window(
    tx: Source,
    kind: type[R],
    table: str,
    key: tuple[str, str],
    order: Order,
    filters: Mapping[str, tuple[Any, ...]],
    after: str | None,
    before: str | None,
    limit: int,
) -> Page[R]:
    """A page of a table by ``order``, ``key`` (time, id) behind it. ``filters``: conditions, each with its values.

    Without filters an index gives the order, (column, time, id) or, of rows that have a value, a partial one. What is
    filtered is found first and then sorted.
    """
    at, ident = key
    plus = "+" if filters else ""  # what was found by a filter is not walked in the column's order
    timed = [f"{plus}{at}", ident]
    by = [f"{plus}{order.column}", *timed] if order.column != at else timed
    where, given = [*filters], [value for values in filters.values() for value in values]

    def read(way: Way) -> list[R]:
        up = order.up == way.newest_first
        sign, direction = (">", "ASC") if up else ("<", "DESC")
        valued, without = _Part(f"{order.column} IS NOT NULL", by), _Part(f"{order.column} IS NULL", timed)
        parts = [valued] if by is timed else [valued, without] if way.newest_first else [without, valued]
        if way.cursor is not None:
            value = _value(tx, table, ident, order.column, way.cursor[1])
            here = valued if value is not None or by is timed else without
            parts = parts[parts.index(here) :]
            here.begin(sign, way.cursor if here.by is timed else (value, *way.cursor))
        rows: list[R] = []
        for part in parts:
            behind = ", ".join(f"{name} {direction}" for name in part.by)
            conditions = " AND ".join([*where, *part.conditions])
            sql = f"SELECT * FROM {table} WHERE {conditions} ORDER BY {behind} LIMIT ?"  # noqa: S608 - the code's own
            rows += tx.rows(kind, sql, [*given, *part.values, way.most - len(rows)])
            if len(rows) >= way.most:
                break
        return rows

    return window(read, key, after, before, limit)


def _value(tx: Source, table: str, ident: str, column: str, key: str) -> Any:
    found = tx.values(tuple[Any], f"SELECT {column} FROM {table} WHERE {ident} = ?", [key])  # noqa: S608 - the code's own
    return found[0][0] if found else None


# --- filtered, and counted ----------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """A condition on rows, with its values."""

    condition: str
    values: tuple[Any, ...]


def any_of(each: Sequence[Kept], *, denied: bool = False) -> Kept:
    """The condition that one of these holds (where there is none, nothing fits), or with ``denied`` that none does."""
    condition = " OR ".join(f"({one.condition})" for one in each) or "FALSE"
    values = tuple(value for one in each for value in one.values)
    return Kept(f"NOT coalesce({condition}, FALSE)" if denied and each else f"({condition})", values)


def where_of(kept: Sequence[Kept]) -> tuple[str, list[Any]]:
    """All of them as one condition, with its values."""
    return " AND ".join(each.condition for each in kept) or "TRUE", [value for each in kept for value in each.values]


MOST_COUNTED: Final = 10_000
"""Rows that are counted at most: whoever types wants to know whether there is one, or many."""
Counts = list[tuple[Term | None, int]]
"""How many rows fit each word alone, and (the last, None) all of them; at most one more than ``MOST_COUNTED``."""


def counted(tx: Source, table: str, words: Sequence[Term], span: Sequence[Kept], each: Sequence[Kept]) -> Counts:
    """How many rows of a table within ``span`` fit each word, and all words. ``each``: the words' conditions. A word
    that is not known fits none."""

    def many(kept: Sequence[Kept]) -> int:
        where, values = where_of(kept)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT ?)"  # noqa: S608 - the code's own
        return tx.values(int, sql, [*values, MOST_COUNTED + 1])[0]

    alone = [(word, many([*span, one]) if word.known else 0) for word, one in zip(words, each, strict=True)]
    return [*alone, (None, many([*span, *each]) if all(word.known for word in words) else 0)]
