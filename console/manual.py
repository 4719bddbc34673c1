"""A page of the manual, with its table of contents; opened from the help (``?``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import MarkdownViewer, Static, Tree

from console import keys
from console.manual_table import Viewer
from console.widgets.footer import KeyLine
from console.widgets.pick import Pick
from console.widgets.rows import Column, Row
from gate import manual

_WIDE = 100
"""Columns from which the table of contents stands beside the page at first."""
_COLUMNS: Sequence[Column[Any]] = (
    Column("Page", 20, lambda row: (str(row["title"]), "")),
    Column("", 52, lambda row: (str(row["about"]), "")),
)


class ManualScreen(Screen[None]):
    """One page; its links lead to others, and back."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.MANUAL, *keys.REPORT]
    HELP_TEXT = (
        "A page of the manual. In a terminal: dialgate manual. Links are followed with the mouse, or by the list."
    )
    DEFAULT_CSS = """
    ManualScreen .title { width: 1fr; }
    ManualScreen MarkdownTableOfContents { max-width: 40; }
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        """Its name, the page beside its contents, footer."""
        yield Static("", classes="title", markup=False)
        yield Viewer(show_table_of_contents=self.app.size.width >= _WIDE, open_links=False)
        yield KeyLine()

    @property
    def page(self) -> str:
        """The page that is shown."""
        return self._viewer.navigator.location.stem or self._page

    @property
    def _viewer(self) -> MarkdownViewer:
        return self.query_one(MarkdownViewer)

    def on_mount(self) -> None:
        """Show it."""
        self._viewer.document.focus()
        self._show(self._page)

    @work(exclusive=True, group="manual")
    async def _show(self, page: str) -> None:
        await self._viewer.go(manual.FOLDER / f"{page}.md")

    def on_markdown_viewer_navigator_updated(self) -> None:
        """Another page is there: its beginning, and its name."""
        self._viewer.scroll_home(animate=False)
        self.query_one(".title", Static).update(f"Manual: {self.page}")

    def action_back(self) -> None:
        """To the page before, or back to the console."""
        if self._viewer.navigator.start:
            if self.app.screen is self:
                self.app.pop_screen()
        else:
            self.run_worker(self._viewer.back(), group="manual", exclusive=True)

    def action_contents(self) -> None:
        """Into the table of contents, and back to the page."""
        shown = self._viewer.show_table_of_contents
        entered = shown and self.focused is not self._viewer.document
        self._viewer.show_table_of_contents = not entered
        if entered:
            self._viewer.document.focus()
        else:
            self._viewer.table_of_contents.query_one(Tree).focus()

    @work
    async def action_pages(self) -> None:
        """Another page, from the list."""
        rows: list[Row] = [each._asdict() for each in manual.pages()]
        row = await self.app.push_screen_wait(Pick("Pages", _COLUMNS, rows, key_of="name", none="There are no pages."))
        if row is not None:
            self._show(str(row["name"]))

    def action_scroll_down(self) -> None:
        """A line down."""
        self._viewer.scroll_down(animate=False)

    def action_scroll_up(self) -> None:
        """A line up."""
        self._viewer.scroll_up(animate=False)

    def action_page_down(self) -> None:
        """A screen down."""
        self._viewer.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """A screen up."""
        self._viewer.scroll_page_up(animate=False)

    def action_scroll_home(self) -> None:
        """To the beginning."""
        self._viewer.scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """To the end."""
        self._viewer.scroll_end(animate=False)
