"""One of a few rows, picked in a dialog: what is long goes on in the next line, ``/`` finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static

from console import keys
from console.widgets.dialog import DIALOG_CSS, Dialog
from console.widgets.filter import FilterLine
from console.widgets.pages import fits
from console.widgets.report import ReportScroll
from console.widgets.rows import GAP, Column, LocalTable, Row, RowsTable


class WrappedRows(LocalTable):
    """Cells of the columns that grow are shown whole, in as many lines as they need."""

    def __init__(self, columns: Sequence[Column[Any]], **extra: Any) -> None:
        super().__init__(columns, **extra)
        self._lines: list[tuple[int, list[str]]] = []
        """Each line below the heading: its row, and its cells."""
        self._firsts: list[int] = []
        """The first line of each row."""

    def changed(self) -> None:
        """Lay the rows out in lines."""
        self._wrap()
        super().changed()
        self.virtual_size = Size(1, len(self._lines) + 1)

    def _wrap(self) -> None:
        self._lines, self._firsts = [], []
        for index in range(self.total):
            self._firsts.append(len(self._lines))
            cells = [self._cell_lines(column, size, self.row_at(index)) for column, size in self._sized]
            for place in range(max(map(len, cells), default=1)):
                self._lines.append((index, [lines[place] if place < len(lines) else "" for lines in cells]))

    def _cell_lines(self, column: Column[Any], size: int, row: Row) -> list[str]:
        shown, _ = self._cell(column, row)
        if not column.grows or size < 1:
            return [shown]
        return [line.plain.rstrip() for line in Text(shown).wrap(self.app.console, size)] or [""]

    @property
    def height(self) -> int:
        """Lines, with the heading."""
        return len(self._lines) + 1

    def render_line(self, y: int) -> Strip:
        """The heading, then the lines of rows."""
        width = self.scrollable_content_region.width
        if width != self._laid_out:
            self._lay_out()
            self._wrap()
        line = int(self.scroll_offset.y) + y - 1
        if y == 0 or not 0 <= line < len(self._lines):
            return super().render_line(y) if y == 0 or self.total == 0 else Strip.blank(width, self._even)
        index, cells = self._lines[line]
        base = self.get_component_rich_style("rows--cursor") if index == self.cursor else self._even
        segments: list[Segment] = []
        for place, ((column, size), text) in enumerate(zip(self._sized, cells, strict=True)):
            tone = self._cell(column, self.row_at(index))[1]
            if place:
                segments.append(Segment(" " * GAP, base))
            style = base + self._tone(tone, index == self.cursor) if tone else base
            segments.append(Segment(_cut(text, size, column.right), style))
        return Strip(segments).adjust_cell_length(width, base)

    @property
    def _even(self) -> Any:
        return self.get_component_rich_style("rows--even")

    def _draw_row(self, index: int) -> None:
        self.refresh()

    def _show_cursor(self) -> None:
        if not 0 <= self.cursor < len(self._firsts):
            return
        height = max(1, self.scrollable_content_region.height - 1)
        first, top = self._firsts[self.cursor], int(self.scroll_offset.y)
        end = self._firsts[self.cursor + 1] if self.cursor + 1 < len(self._firsts) else len(self._lines)
        if first < top or end - first >= height:
            self.scroll_to(y=first, animate=False, force=True)
        elif end > top + height:
            self.scroll_to(y=end - height, animate=False, force=True)

    def row_index(self, line: int) -> int:
        """The row whose line this is; ``total`` for none."""
        return self._lines[line][0] if 0 <= line < len(self._lines) else self.total


def _cut(text: str, width: int, right: bool) -> str:
    if len(text) > width:
        text = set_cell_size(text, max(0, width - 1)) + "…" if width else ""
    return text.rjust(width) if right else set_cell_size(text, width)


class _Rows(WrappedRows):
    """Enter picks at once: what is typed next is for what comes then."""

    def action_open(self) -> None:
        """Pick the row under the cursor."""
        if self.row is not None and isinstance(self.screen, Pick):
            self.screen.dismiss(self.row)


class Pick(Dialog[Row | None]):
    """Its answer is the row; None where it was left."""

    AUTO_FOCUS = "LocalTable"
    BINDINGS: ClassVar[list[BindingType]] = keys.PICK
    ENDS: ClassVar[str] = "Enter picks, / finds, Esc leaves."
    DEFAULT_CSS = f"""
    Pick {{ {DIALOG_CSS} }}
    Pick > Vertical {{ width: 76; max-width: 98%; height: auto; max-height: 94%; background: $surface;
        border: round $primary; padding: 0 1; }}
    Pick .dialog-title {{ text-style: bold; color: $primary; }}
    Pick .said {{ height: auto; max-height: 50%; }}
    Pick LocalTable {{ height: auto; max-height: 16; background: $surface; padding: 0; }}
    Pick LocalTable .rows--heading, Pick LocalTable .rows--even {{ background: $surface; }}
    """

    def __init__(
        self, title: str, columns: Sequence[Column[Any]], rows: Sequence[Row], *, key_of: str, said: str = "", none: str
    ) -> None:
        """``none``: what is said where there is no row."""
        super().__init__()
        self._title = title
        self._said = said
        self._rows = rows
        self._none = none
        self._table = _Rows(columns, key_of=key_of, none=none)

    def compose(self) -> ComposeResult:
        """Title, what is said, the rows."""
        with Vertical():
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._said:
                with ReportScroll(classes="said"):
                    yield Static(self._said, markup=False)
            yield self._table
            yield FilterLine("finds what stands in a row")
            yield Static(self.ENDS, markup=False)

    def on_mount(self) -> None:
        """Show them."""
        self._table.set_rows(self._rows)
        self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        """Of another width the rows have other lines."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self._table.changed()
        self._table.styles.height = max(3, self._table.height)

    @on(RowsTable.Opened)
    def _picked(self, message: RowsTable.Opened) -> None:
        self.dismiss(message.table.row)

    def action_leave(self) -> None:
        """Pick none."""
        self.dismiss(None)

    def action_filter(self) -> None:
        """Type what is to be found."""
        self.query_one(FilterLine).open()

    @on(FilterLine.Changed)
    def _found(self, message: FilterLine.Changed) -> None:
        words = message.text.casefold().split()
        self._table.none = f"Nothing fits “{message.text}”." if words else self._none
        self._table.cursor = 0
        self._table.set_rows([row for row in self._rows if fits(row, self._table.columns, words)])

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self._table.focus()
