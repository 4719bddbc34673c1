"""A table whose rows are marked with the space bar, to be acted on together. A mark stays when the list is filtered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.message import Message

from console import keys
from console.widgets.pages import Fetch, PagedTable
from console.widgets.rows import Column, Row, field_of


class MarkedTable(PagedTable):
    """``marked``: the rows that are marked, by their key, in the order in which they were."""

    BINDINGS: ClassVar[list[BindingType]] = keys.MARKS

    class Marked(Message):
        """Others are marked than before."""

    def __init__(self, columns: Sequence[Column[Any]], fetch: Fetch, **extra: Any) -> None:
        super().__init__(columns, fetch, **extra)
        self.marked: dict[str, Row] = {}

    @property
    def chosen(self) -> Sequence[Row]:
        """What is acted on: the marked rows; where none is, the one under the cursor."""
        return list(self.marked.values()) or ([self.row] if self.row else [])

    @property
    def spoken(self) -> str:
        """The row as it is read aloud, and whether it is marked."""
        return f"{'Marked: ' if self.row and self.is_marked(self.row) else ''}{super().spoken}"

    def beside(self, row: Row) -> str:
        """A mark."""
        return "●" if self.is_marked(row) else ""

    def is_marked(self, row: Row) -> bool:
        """It is acted on with the others."""
        return str(field_of(row, self.key_of)) in self.marked

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away; on to the next."""
        row = self.row
        if row is None:
            return
        key = str(field_of(row, self.key_of))
        if self.marked.pop(key, None) is None:
            self.marked[key] = row
        self._changed()
        self.cursor += 1

    def unmark(self) -> None:
        """Take all marks away."""
        if self.marked:
            self.marked.clear()
            self._changed()

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Marked())
