"""Rows: one frozen Struct each, from the SELECT to the widget.

A row is declared here once. The store reads it (``tx.rows(CallRow, sql, values)``), an operation answers with it, the
control client gives it to the command line and the console, and their tables take its fields by name. A field has the
name of its column, and what a column keeps as JSON or as 0 and 1 is decoded by the type of the field. What is personal
is None where it was erased.

- ``calls``  calls, their recordings, and the facts about them
- ``lists``  objections, consents, and the registers in force
- ``keys``  the register of recipients
- ``audit``  the evidence log, and copies in clear
- ``month``  a month's report, and its parts
- ``requests``  requests of data subjects, and what is held of a person
- ``retention``  what is erased when, and holds
"""

from __future__ import annotations

from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar, get_type_hints

import msgspec

R = TypeVar("R")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every row."""


class Page(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A page of a list."""

    items: list[R]
    next: str | None = None
    """Give it as ``after`` for the page that follows; None at the end."""
    prev: str | None = None
    """Give it as ``before`` for the page that comes first, where the list can go back; None at the beginning."""


class Heading(NamedTuple):
    """A mark in a field's ``Annotated``: what stands above it in a table, where its name is not that."""

    text: str


@lru_cache(maxsize=512)
def heading(row: type[msgspec.Struct], name: str) -> str:
    """What stands above a field in a table: its ``Heading``, else its name in words. ``call_id``: ``Call``;
    ``opened_at``: ``Opened``; ``days_left``: ``Days left``. Raises ``KeyError`` for a field that the row has not."""
    hint = get_type_hints(row, include_extras=True)[name]
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Heading):
            return mark.text
    words = name.removesuffix("_id").removesuffix("_at").replace("_", " ")
    return words[:1].upper() + words[1:]
