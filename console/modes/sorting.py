"""The order of a list: asked for, and said in the heading of its column and above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from console.theme import DIM, PLAIN
from console.widgets.pick import Pick
from console.widgets.rows import Column

if TYPE_CHECKING:
    from console.modes.base import GateScreen


class _Way(NamedTuple):
    """An order that is offered."""

    sort: str
    heading: str
    way: str


COLUMNS: Sequence[Column[_Way]] = (
    Column("Column", 16, lambda row: (row.heading, PLAIN)),
    Column("", 20, lambda row: (row.way, DIM), grows=True),
)
Sorts = Mapping[str, str]
"""Heading of a column -> ``sort`` of the operation, in the direction that is offered first: ``-seconds``."""


async def picked(screen: GateScreen, sorts: Sorts) -> str | None:
    """Column and direction, as the operation has them; None where it was left. Call it in a worker."""
    rows = [
        _Way(sort, heading, "▼ down" if sort.startswith("-") else "▲ up")
        for heading, first in sorts.items()
        for sort in (first, first[1:] if first.startswith("-") else f"-{first}")
    ]
    row = await screen.app.push_screen_wait(Pick("Sort by", COLUMNS, rows, key_of="sort", none="Nothing."))
    return row.sort if row is not None else None


def named(sorts: Sorts, sort: str) -> str:
    """``Talk▼``."""
    name = sort.removeprefix("-")
    heading = next((heading for heading, first in sorts.items() if first.removeprefix("-") == name), name)
    return f"{heading}{'▼' if sort.startswith('-') else '▲'}"


def clicked(sorts: Sorts, heading: str, now: str) -> str:
    """The order that a click on a heading asks for, ``now`` the one in force; empty: it is not sorted by that."""
    first = sorts.get(heading.rstrip("▼▲"), "")
    return (first[1:] if first.startswith("-") else f"-{first}") if first and first == now else first


def headed(columns: Sequence[Column[Any]], said: str) -> list[Column[Any]]:
    """The columns, the one that the list is sorted by with its arrow."""
    return [replace(each, heading=said) if each.heading == said[:-1] else each for each in columns]
