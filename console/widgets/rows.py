"""A table that draws only the lines that are seen: columns that give way to a narrow terminal, one cursor, vim keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console import keys
from console.theme import DIM, TONES

R = TypeVar("R")
Row: TypeAlias = Any
"""A row: a Struct of ``gate.core.rows``, or a named tuple or data class of the screen's own."""
GAP = 1
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column of a table."""

    heading: str
    width: int
    show: Callable[[R], tuple[str, str]]
    """The text of a row's cell, and its tone (see ``console.theme``)."""
    grows: bool = False
    """It takes what room the others leave."""
    most: int = 1000
    """Cells to which it grows: beyond them the row is hard to follow."""
    rank: int = 0
    """Where the terminal is narrow those of the highest rank go first; 0 stays."""
    right: bool = False
    """Aligned to the right."""


def field_of(row: Row, name: str) -> Any:
    """A field of a row by its name; None where it has none."""
    return getattr(row, name, None)


def fitting(columns: Sequence[Column[Any]], width: int) -> tuple[list[tuple[Column[Any], int]], list[str]]:
    """The columns that fit into ``width`` cells, each with its width; and the headings of those that do not."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width + GAP for column in kept) - GAP > width:
        droppable = [column for column in kept if column.rank]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda column: column.rank))
    while len(kept) > 1 and sum(column.width + GAP for column in kept) - GAP > width:
        kept.pop()  # what would be cut is left out, and said to be
    for column in sorted((each for each in columns if each not in kept), key=lambda each: each.rank):
        if sum(each.width + GAP for each in (*kept, column)) - GAP <= width:  # narrower than one that went after it
            kept = [each for each in columns if each in kept or each is column]
    spare = max(0, width - sum(column.width + GAP for column in kept) + GAP)
    growing = sum(column.grows for column in kept)
    sized = [(each, min(each.most, each.width + spare // growing) if each.grows else each.width) for each in kept]
    return sized, [column.heading for column in columns if column not in kept]


def sized(text: str, width: int) -> str:
    """Exactly ``width`` cells; what was cut says so."""
    return _placed(text, width, False)


def message_line(text: str, y: int, width: int) -> str:
    """The line at ``y`` of a message that stands in place of rows, from the second below the heading."""
    lines = wrap(text, max(20, width))
    return lines[y - 2] if 0 <= y - 2 < len(lines) else ""


class RowsTable(ScrollView, can_focus=True):
    """Base of tables: ``total`` and ``row_at`` say what there is, ``key_of`` by which field a row is known again."""

    BINDINGS: ClassVar[list[BindingType]] = keys.TABLE
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--heading",
        "rows--cursor",
        "rows--even",
        *(f"rows--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    RowsTable { height: 1fr; padding: 0 1; background: $background; scrollbar-size-vertical: 1; overflow-x: hidden; }
    RowsTable .rows--heading { color: $muted; text-style: bold; background: $background; }
    RowsTable .rows--cursor { background: $panel; }
    RowsTable:focus .rows--cursor { background: $cursor; text-style: bold; }
    RowsTable .rows--ok { color: $success; }
    RowsTable .rows--bad { color: $error; text-style: bold; }
    RowsTable .rows--warn { color: $warning; }
    RowsTable .rows--dim { color: $muted; }
    RowsTable .rows--loud { color: $accent; text-style: bold; }
    RowsTable.-old .rows--even, RowsTable.-old .rows--ok, RowsTable.-old .rows--bad, RowsTable.-old .rows--warn,
    RowsTable.-old .rows--loud { color: $muted; text-style: none; }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    old: reactive[bool] = reactive(False)
    """What it shows is not known to be true any more: greyed."""

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, table: RowsTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> RowsTable:
            """The table."""
            return self.table

    class Fitted(Message):
        """Other columns have no room."""

    class HeadingClicked(Message):
        """The heading of a column was clicked on."""

        def __init__(self, heading: str) -> None:
            super().__init__()
            self.heading = heading

    class Opened(Moved):
        """Enter, or a second click."""

    def __init__(
        self, columns: Sequence[Column[Any]], *, key_of: str, none: str = "Nothing here.", **extra: Any
    ) -> None:
        """``none``: what is said where there is no row."""
        super().__init__(**extra)
        self.columns = tuple(columns)
        self.key_of = key_of
        self.none = none
        self.missed: list[str] = []
        """Headings of columns that this terminal is too narrow for."""
        self._sized: list[tuple[Column[Any], int]] = []
        self._laid_out = 0

    # --- what there is --------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Rows known of."""
        raise NotImplementedError

    def row_at(self, index: int) -> Row | None:
        """The row at ``index``; None where it is on its way."""
        raise NotImplementedError

    def shown_at(self, index: int) -> Row | None:
        """The row at ``index`` as it is drawn; ``row_at`` is as it came."""
        return self.row_at(index)

    def beside(self, row: Row) -> str:
        """Override: a sign between a row's first column and its second."""
        return ""

    @property
    def row(self) -> Row | None:
        """The row under the cursor, as it came."""
        return self.row_at(self.cursor) if 0 <= self.cursor < self.total else None

    @property
    def saying(self) -> str:
        """What stands in place of rows where there is none."""
        return self.none

    @property
    def spoken(self) -> str:
        """The row under the cursor as it is read aloud; what is said where there is none."""
        row = self.shown_at(self.cursor) if self.total else None
        if row is None:
            return "" if self.total else self.saying
        cells = ((column.heading, self._cell(column, row)[0].strip()) for column, _ in self._sized)
        return ", ".join(f"{heading} {text}".strip() for heading, text in cells if text not in ("", "-"))

    # --- drawing --------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """There are other rows than before."""
        self.virtual_size = Size(1, self.total + 1)
        self.cursor = max(0, min(self.cursor, self.total - 1))
        self.refresh()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._lay_out()
        self.changed()
        self._show_cursor()

    def set_columns(self, columns: Sequence[Column[Any]]) -> None:
        """Show other columns."""
        self.columns = tuple(columns)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        self._laid_out = self.scrollable_content_region.width
        beside_bar = 1 if self.show_vertical_scrollbar else 0
        before = self.missed
        self._sized, self.missed = fitting(self.columns, self._laid_out - beside_bar)
        if self.missed != before:
            self.post_message(self.Fitted())

    def render_line(self, y: int) -> Strip:
        """The heading, then rows from where the table is scrolled to."""
        width = self.scrollable_content_region.width
        if width != self._laid_out:  # the scrollbar came or went
            self._lay_out()
        if y == 0:
            return self._heading(width)
        index = int(self.scroll_offset.y) + y - 1
        plain = self.get_component_rich_style("rows--even")
        if index >= self.total:
            if self.total == 0:
                dim = self.get_component_rich_style("rows--dim")
                return Strip([Segment(set_cell_size(message_line(self.saying, y, width), width), dim)], width)
            return Strip.blank(width, plain)
        on_cursor = index == self.cursor
        base = self.get_component_rich_style("rows--cursor") if on_cursor else plain
        row = self.shown_at(index)
        if row is None:
            return Strip([Segment(set_cell_size("  …", width), base)], width)
        return self._line(row, base, on_cursor).adjust_cell_length(width, base)

    def _heading(self, width: int) -> Strip:
        style = self.get_component_rich_style("rows--heading")
        texts = [_placed(column.heading, size, column.right) for column, size in self._sized]
        return Strip([Segment(set_cell_size((" " * GAP).join(texts), width), style)], width)

    def _cell(self, column: Column[Any], row: Row) -> tuple[str, str]:
        try:
            return column.show(row)
        except Exception:  # noqa: BLE001 - a row that is not as promised is shown as such; the rest goes on
            return "?", DIM

    def _line(self, row: Row, base: Style, on_cursor: bool) -> Strip:
        segments: list[Segment] = []
        for place, (column, size) in enumerate(self._sized):
            shown, tone = self._cell(column, row)
            style = base + self._tone(tone, on_cursor) if tone else base
            if place:
                segments.append(Segment(self.beside(row).ljust(GAP) if place == 1 else " " * GAP, base))
            segments.append(Segment(_placed(shown, size, column.right), style))
        return Strip(segments)

    def _tone(self, tone: str, on_cursor: bool) -> Style:
        """The colour of a tone; on the cursor its background shows through."""
        style = self.get_component_rich_style(f"rows--{tone}", partial=True)
        return Style(color=style.color, bold=style.bold) if on_cursor else style

    # --- the cursor -----------------------------------------------------------------------------------------------

    def validate_cursor(self, value: int) -> int:
        """Within the rows."""
        return max(0, min(value, max(0, self.total - 1)))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw both lines anew and keep the cursor in sight."""
        if old == new:
            return
        self._draw_row(old)
        self._draw_row(new)
        self._show_cursor()
        self.post_message(self.Moved(self))

    def _draw_row(self, index: int) -> None:
        """Draw this row anew, and no other: a key is answered in the time that one line takes."""
        y = index - int(self.scroll_offset.y) + 1
        if 0 < y < self.scrollable_content_region.height:
            self.refresh(Region(0, y, self.scrollable_content_region.width, 1))

    def watch_old(self, old: bool) -> None:
        """Grey, or not."""
        self.set_class(old, "-old")

    def _show_cursor(self) -> None:
        height = max(1, self.scrollable_content_region.height - 1)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - 2)

    def action_move(self, by: int) -> None:
        """Rows down, or up."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Screens down, or up."""
        self.cursor += by * self._page

    def action_first(self) -> None:
        """To the first row."""
        self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """To the last row known of."""
        self.cursor = self.total - 1

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.row is not None:
            self.post_message(self.Opened(self))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click opens. Of a heading its column is told."""
        index = self.row_index(int(self.scroll_offset.y) + event.y - 1 - self.gutter.top)
        if event.y == self.gutter.top:
            end = self.gutter.left
            for column, size in self._sized:
                end += size + GAP
                if event.x < end:
                    self.post_message(self.HeadingClicked(column.heading))
                    return
        if event.y - self.gutter.top < 1 or index >= self.total:
            return
        self.cursor = index
        if event.chain == 2:
            self.action_open()

    def row_index(self, line: int) -> int:
        """The row at a line below the heading, from the top of all; ``total`` or more for none."""
        return line

    def visible_rows(self) -> range:
        """Indexes of what is on the screen."""
        top = int(self.scroll_offset.y)
        return range(top, min(self.total, top + self.scrollable_content_region.height))

    def cursor_region(self) -> Region:
        """Where the cursor's line is."""
        return Region(0, self.cursor + 1 - int(self.scroll_offset.y), self.size.width, 1)


def _placed(text: str, width: int, right: bool) -> str:
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(0, width - 1)) + "…" if width else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


class LocalTable(RowsTable):
    """A table of rows that are all here."""

    def __init__(self, columns: Sequence[Column[Any]], **extra: Any) -> None:
        super().__init__(columns, **extra)
        self._rows: Sequence[Row] = ()

    @property
    def total(self) -> int:
        """How many."""
        return len(self._rows)

    def row_at(self, index: int) -> Row | None:
        """One of them."""
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these; the cursor stays on the row that it was on, wherever that is now."""
        known = field_of(self.row, self.key_of) if self.row else None
        self._rows = rows
        if known is not None:
            found = next((index for index, row in enumerate(rows) if field_of(row, self.key_of) == known), None)
            if found is not None and found != self.cursor:
                self.set_reactive(RowsTable.cursor, found)
        self.changed()


__all__ = ["Binding", "Column", "LocalTable", "Row", "RowsTable", "fitting"]
