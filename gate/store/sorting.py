"""Lists in the order of one of their columns, in pages both ways; rows with the same value in the order of time.

A cursor names the row alone, by time and id: what the column holds is looked up there, so that no page tells a value
that is hidden in its rows. Rows without a value come last, in either direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gate.core.rows import Page
from gate.errors import UsageError
from gate.store.paging import Way, window
from gate.store.queries import Source
from gate.store.rows import R

LENGTHS: Final = """
CREATE INDEX calls_seconds ON calls (seconds, at, call_id) WHERE seconds IS NOT NULL;
CREATE INDEX recordings_seconds ON recordings (seconds, opened_at, recording_id) WHERE seconds IS NOT NULL;
"""
"""Of a migration: the indexes of lists by how long something took."""


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
    found = tx.query(f"SELECT {column} AS value FROM {table} WHERE {ident} = ?", [key])  # noqa: S608 - the code's own
    return found[0]["value"] if found else None
