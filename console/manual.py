"""A page of the manual, with its table of contents; opened from the help (``?``).

Its tables are drawn as one text each: Textual's have a widget for each cell, hundreds of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Markdown, MarkdownViewer, Static, Tree
from textual.widgets._markdown import MarkdownTable
from textual.widgets.markdown import MarkdownBlock, MarkdownTableOfContents

from console import keys
from console.widgets.footer import KeyLine
from console.widgets.pick import Pick
from console.widgets.rows import Column
from gate import manual

_BETWEEN: Final = 3
"""Cells between two columns."""
_NARROWEST: Final = 8


class Table(MarkdownTable):
    """A table of a page."""

    def compose(self) -> ComposeResult:
        """Its lines."""
        yield Lines(*self._get_headers_and_rows())


class Lines(Widget):
    """Headings, and rows whose cells are wrapped; links can be followed."""

    DEFAULT_CSS = """
    Lines { width: 1fr; height: auto; padding: 0 1; }
    """

    def __init__(self, headers: list[Content], rows: list[list[Content]]) -> None:
        super().__init__()
        self._cells = [[each.stylize("bold $primary") for each in headers], *rows]
        self._drawn: tuple[int, Content] = (0, Content.empty())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines at a width."""
        return self._at(width).plain.count("\n") + 1

    def render(self) -> Content:
        """The whole table."""
        return self._at(self.content_size.width)

    async def action_link(self, href: str) -> None:
        """Follow a link."""
        self.post_message(Markdown.LinkClicked(self.query_ancestor(Markdown), href))

    def _at(self, width: int) -> Content:
        if self._drawn[0] != width:
            self._drawn = width, drawn(self._cells, width)
        return self._drawn[1]


def drawn(rows: list[list[Content]], width: int) -> Content:
    """A table, its headings first, in so many cells."""
    sizes = shared([max(cell.cell_length for cell in column) for column in zip_longest(*rows, fillvalue=_NONE)], width)
    tall = [_row(row, sizes) for row in rows]
    line = Content("─" * (sum(sizes) + _BETWEEN * (len(sizes) - 1)))
    rule = line.stylize("$muted")
    between = [line.stylize("$foreground 20%")] if any(len(lines) > 1 for lines in tall[1:]) else []
    said = [*tall[0], rule]
    for place, lines in enumerate(tall[1:]):
        said += [*(between if place else ()), *lines]
    return Content("\n").join(said)


def shared(wanted: list[int], width: int) -> list[int]:
    """Cells of each column: what it wants, or where there is no room an equal share of what the narrow ones leave."""
    left, sizes = width - _BETWEEN * (len(wanted) - 1), list(wanted)
    rest = sorted(range(len(wanted)), key=lambda column: wanted[column])
    while rest:
        column = rest.pop(0)
        sizes[column] = max(1, min(wanted[column], max(_NARROWEST, left // (len(rest) + 1))))
        left -= sizes[column]
    return sizes


def _row(row: list[Content], sizes: list[int]) -> list[Content]:
    cells = [cell.wrap(size) for cell, size in zip(row, sizes, strict=False)]
    gap = Content(" " * _BETWEEN)
    return [
        gap.join([part.pad_right(size - part.cell_length) for part, size in zip(line, sizes, strict=False)])
        for line in zip_longest(*cells, fillvalue=_NONE)
    ]


_NONE: Final = Content.empty()


class Page(Markdown):
    """A page."""

    BLOCKS: dict[str, type[MarkdownBlock]] = {**Markdown.BLOCKS, "table_open": Table}  # noqa: RUF012 - as Textual has it


class Viewer(MarkdownViewer):
    """Pages, beside their contents."""

    def compose(self) -> ComposeResult:
        """As Textual's, with such tables."""
        page = Page(parser_factory=self._parser_factory, open_links=self._open_links)
        page.can_focus = True
        yield page
        yield MarkdownTableOfContents(page)


_WIDE = 100
"""Columns from which the table of contents stands beside the page at first."""
_COLUMNS: Sequence[Column[Any]] = (
    Column("Page", 20, lambda row: (row.title, "")),
    Column("", 52, lambda row: (row.about, "")),
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
        row = await self.app.push_screen_wait(
            Pick("Pages", _COLUMNS, manual.pages(), key_of="name", none="There are no pages.")
        )
        if row is not None:
            self._show(row.name)

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
