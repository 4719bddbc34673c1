"""A page of the manual, its tables drawn as one text each: Textual's have a widget for each cell, hundreds of them."""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Markdown, MarkdownViewer
from textual.widgets._markdown import MarkdownTable
from textual.widgets.markdown import MarkdownBlock, MarkdownTableOfContents

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
