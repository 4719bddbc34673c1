"""Rows of a list that the gate cannot look through, compared here with what was typed, by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from console.widgets.pages import LARGEST, Fetch, Rows
from console.widgets.rows import Column, Row

PAGES_AT_ONCE = 20
"""Pages that are looked through for one, before what was found is shown."""


async def compared(
    columns: Sequence[Column[Any]], text: str, fetch: Fetch, after: str | None, limit: int, *, whole: bool = False
) -> Rows:
    """Rows that show every word of ``text``, of a list that the gate cannot look through: from ``after`` on, with
    ``whole`` to its end."""
    words = text.casefold().split()
    found: list[Row] = []
    for looked in count(1):
        page = await fetch(after, None, LARGEST)
        found += [row for row in page.items if fits(row, columns, words)]
        after = page.next
        if after is None or (not whole and (len(found) >= limit or looked >= PAGES_AT_ONCE)):
            break
    return Rows(found, after)


def fits(row: Row, columns: Sequence[Column[Any]], words: Sequence[str]) -> bool:
    """The row shows every one of these words, which are in small letters."""
    shown = " ".join(column.show(row)[0] for column in columns).casefold()
    return all(word in shown for word in words)
