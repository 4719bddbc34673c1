"""Tables of the manual: whole at every width, with links that lead on, and no widget for each cell."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.content import Content
from textual.widgets import MarkdownViewer

from console.manual import Lines, ManualScreen, drawn
from console.manual import shared as widths
from gate import manual
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, until
from tests.console.served import Served


def test_a_narrow_column_has_what_it_wants_and_wide_ones_share_the_rest() -> None:
    assert widths([3, 200, 300], 80) == [3, 35, 36]
    assert widths([3, 20, 30], 80) == [3, 20, 30]
    assert widths([10, 20], 5) == [8, 8]  # narrower than any terminal that shows a page


@pytest.mark.parametrize("width", [40, 80, 200])
def test_each_word_of_a_table_is_there_and_no_line_is_too_wide(width: int) -> None:
    rows = [
        ["key", "default", "what it is"],
        ["firm.address", "–", "where the firm can be reached " * 4],
        ["a", "b", ""],
    ]
    text = drawn([[Content(cell) for cell in row] for row in rows], width).plain
    assert all(cell_len(line) <= width for line in text.splitlines())
    for word in " ".join(" ".join(row) for row in rows).split():
        assert text.count(word) >= sum(cell.split().count(word) for row in rows for cell in row), word


async def test_a_page_of_tables_has_a_widget_for_each_and_their_links_lead_on(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, lambda: app.attended)
        await app.push_screen(ManualScreen("configuration"))
        tables = manual.read("configuration").count("\n|--")
        await until(pilot, lambda: len(app.screen.query(Lines)) == tables >= 5)
        await until(pilot, shows(pilot, "Manual: configuration"))
        assert len(app.screen.query("*")) < 300, "there are more than 600 cells"
        for size in (SMALL, LARGE):
            await pilot.resize_terminal(*size)
            for table in app.screen.query(Lines):
                said = table.render().plain.splitlines()
                assert table.content_size.height == len(said)
                assert max(map(cell_len, said)) <= table.content_size.width
        viewer = app.screen.query_one(MarkdownViewer)
        await viewer.go("calls.md")
        await until(pilot, shows(pilot, "Manual: calls", "the callee, after the talk"))
        lines = screen_text(app).splitlines()
        y = next(y for y, line in enumerate(lines) if "the callee, after the talk" in line)
        await pilot.click(offset=(lines[y].index("receipt"), y))
        await until(pilot, shows(pilot, "Manual: receipts"))
