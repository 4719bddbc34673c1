"""Details: one thing, told in sections, that may show something in full for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Static

from console import keys
from console.modes import revealing
from console.modes.base import GateScreen
from console.widgets.footer import KeyLine
from console.widgets.report import Report, ReportScroll, Section
from console.widgets.status import StatusLine


class DetailScreen(GateScreen):
    """One thing, told in sections; Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = keys.DETAIL

    def __init__(self, mode: str, title: str) -> None:
        super().__init__()
        self._mode = mode
        self._title = title
        self._hides: Timer | None = None

    def compose(self) -> ComposeResult:
        """Status, title, what stands above, the report, footer."""
        yield StatusLine(self._mode)
        note = Static("", id="small", classes="note", markup=False)
        note.display = False
        yield note
        yield Static(self._title, classes="title", markup=False)
        yield from self.above()
        with ReportScroll():
            yield Report([Section("", lines=[("Loading…", "dim")])])
        yield KeyLine()

    def above(self) -> ComposeResult:
        """Override: what stands above the report."""
        yield from ()

    def on_mount(self) -> None:
        """Ask for it."""
        self.query_one(ReportScroll).focus()
        self._load()

    @work(exclusive=True, group="detail")
    async def _load(self) -> None:
        self._show(await self.sections())

    async def sections(self) -> Sequence[Section] | None:
        """Override: what to show; None where it could not be had (and that was said)."""
        return ()

    # --- numbers in full ------------------------------------------------------------------------------------------

    def revealed(self) -> None:
        """Something is shown in full: for ``REVEALED_SECONDS`` from now."""
        if self._hides is not None:
            self._hides.stop()
        self._hides = self.set_timer(revealing.REVEALED_SECONDS, self._hide)
        self._draw_again()

    def _hide(self) -> None:
        """First here, of what is known: the gate may be away. Then look again."""
        self.hidden()
        self._draw_again()
        self.returned()

    def _draw_again(self) -> None:
        self._show(self.drawn())

    def _show(self, sections: Sequence[Section] | None) -> None:
        if sections is not None:
            for report in self.query(Report):  # none is there where it was left meanwhile
                report.show(sections)

    def hidden(self) -> None:
        """Override: nothing is shown in full any more."""

    def drawn(self) -> Sequence[Section] | None:
        """Override, where ``revealed`` is called: what to show, of the gate's last answer; None where there is none."""
        return None

    # --- asking, and leaving --------------------------------------------------------------------------------------

    def returned(self) -> None:
        """Ask for it again."""
        self._load()

    def action_back(self) -> None:
        """To the list."""
        self.leave()
