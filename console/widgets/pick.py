"""One of a few rows, picked in a dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from console.widgets.dialog import DIALOG_CSS, Dialog
from console.widgets.rows import Column, LocalTable, Row, RowsTable


class _Rows(LocalTable):
    """Enter picks at once: what is typed next is for what comes then."""

    def action_open(self) -> None:
        """Pick the row under the cursor."""
        if self.row is not None and isinstance(self.screen, Pick):
            self.screen.dismiss(self.row)


class Pick(Dialog[Row | None]):
    """Its answer is the row; None where it was left."""

    AUTO_FOCUS = "LocalTable"
    DEFAULT_CSS = f"""
    Pick {{ {DIALOG_CSS} }}
    Pick > Vertical {{ width: 76; max-width: 98%; height: auto; max-height: 94%; background: $surface;
        border: round $primary; padding: 0 1; }}
    Pick .dialog-title {{ text-style: bold; color: $primary; }}
    Pick LocalTable {{ height: auto; max-height: 16; background: $surface; padding: 0; }}
    Pick LocalTable .rows--heading {{ background: $surface; }}
    """

    def __init__(
        self, title: str, columns: Sequence[Column[Any]], rows: Sequence[Row], *, key_of: str, said: str = "", none: str
    ) -> None:
        """``none``: what is said where there is no row."""
        super().__init__()
        self._title = title
        self._said = said
        self._rows = rows
        self._table = _Rows(columns, key_of=key_of, none=none)

    def compose(self) -> ComposeResult:
        """Title, what is said, the rows."""
        with Vertical():
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._said:
                yield Static(self._said, markup=False)
            yield self._table
            yield Static("Enter picks, Esc leaves.", markup=False)

    def on_mount(self) -> None:
        """Show them."""
        self._table.styles.height = max(3, len(self._rows) + 1)
        self._table.set_rows(self._rows)

    @on(RowsTable.Opened)
    def _picked(self, message: RowsTable.Opened) -> None:
        self.dismiss(message.table.row)

    def action_leave(self) -> None:
        """Pick none."""
        self.dismiss(None)
