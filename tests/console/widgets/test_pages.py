"""A table over a million rows: pages by key, both ways, a window of them held, the place kept when news come."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from textual.app import ComposeResult

from console.widgets.pages import END, PAGE, WINDOW, PagedTable, Rows
from console.widgets.rows import Column
from gate.errors import ControlError
from tests.console.conftest import Themed, screen_text, until

COLUMNS = (Column("Key", 9, lambda row: (str(row.key), "")), Column("Text", 10, lambda row: (row.text, "dim")))


class Source:
    """``count`` rows, the newest first: keys fall. Asked by key as the gate is."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[tuple[str | None, str | None]] = []
        self.fails = False

    async def fetch(self, after: str | None, before: str | None, limit: int) -> Rows:
        self.asked.append((after, before))
        if self.fails:
            raise ControlError("the gate is away")
        if before is None:
            top = int(after) - 1 if after is not None else self.count
            keys = list(range(top, max(0, top - limit), -1))
        else:
            low = 0 if before == END else int(before)
            keys = list(range(min(self.count, low + limit), low, -1))
        return Rows(
            [Line(key, f"row {key}") for key in keys],
            str(keys[-1]) if keys and keys[-1] > 1 else None,
            str(keys[0]) if keys and keys[0] < self.count else None,
        )


class Line(msgspec.Struct, frozen=True):
    key: int
    text: str


class Shown(Themed):
    """The table alone."""

    def __init__(self, source: Source, *, both_ways: bool = True) -> None:
        super().__init__()
        self.source = source
        self.table = PagedTable(COLUMNS, source.fetch, both_ways=both_ways, key_of="key")

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        self.table.load()


def held(table: PagedTable) -> int:
    """Pages whose rows are in memory."""
    return sum(page.rows is not None for page in table._pages)


async def test_the_end_of_a_million_rows_is_one_question_away() -> None:
    source = Source(1_000_000)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        assert app.table.row.key == 1_000_000
        await pilot.press("G")
        await until(pilot, lambda: app.table.row and app.table.row.key == 1)
        assert len(source.asked) <= 5
        await pilot.press("k", "k")
        assert app.table.row.key == 3
        await pilot.press("g")
        await until(pilot, lambda: app.table.row and app.table.row.key == 1_000_000)


async def test_a_list_that_cannot_begin_at_its_end_is_gone_through_to_it() -> None:
    source = Source(12_345)
    app = Shown(source, both_ways=False)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        await pilot.press("G")
        await until(pilot, lambda: app.table.row and app.table.row.key == 1)
        assert app.table.complete and app.table.total == 12_345
        assert len(source.asked) <= 25, "in large pages"
        assert held(app.table) <= WINDOW


async def test_news_on_the_way_to_the_end_do_not_lead_back_to_the_top() -> None:
    source = Source(50_000)
    app = Shown(source, both_ways=False)
    fetch = source.fetch

    async def busy(after: str | None, before: str | None, limit: int) -> Rows:
        """Calls come: the list is looked at anew between any two pages."""
        answer = await fetch(after, before, limit)
        if after is not None:
            app.table.renew()
            await asyncio.sleep(0)
        return answer

    app.table._fetch = busy
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        await pilot.press("G")
        await until(pilot, lambda: app.table.row and app.table.row.key == 1)
        assert app.table.total == 50_000
        app.table.renew()
        await pilot.pause(0.1)
        assert app.table.row.key == 1
        assert held(app.table) <= WINDOW + 2


async def test_every_row_comes_once_on_the_way_down_and_up_again() -> None:
    source = Source(16 * PAGE + 7)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        for expected in range(source.count, 0, -15):
            await until(pilot, lambda: app.table.row)
            assert app.table.row.key == expected
            assert held(app.table) <= WINDOW + 2
            for _ in range(15):
                app.table.action_move(1)
            await pilot.pause()
        await until(pilot, lambda: app.table.complete)
        assert app.table.total == source.count
        app.table.cursor = 0
        await until(pilot, lambda: app.table.row and app.table.row.key == source.count)


async def test_going_up_from_the_end_keeps_the_place_when_pages_come_in_above() -> None:
    source = Source(20 * PAGE)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        await pilot.press("G")
        await until(pilot, lambda: app.table.row and app.table.row.key == 1)
        for expected in range(1, 5 * PAGE, 10):
            assert app.table.row.key == expected
            for _ in range(10):
                app.table.action_move(-1)
            await until(pilot, lambda: app.table.row)


async def test_news_come_in_above_and_the_cursor_stays_on_its_row() -> None:
    source = Source(500)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        source.count += 3
        app.table.renew()
        await until(pilot, lambda: app.table.row and app.table.row.key == 503)
        await pilot.press("j", "j")
        source.count += 5
        app.table.renew()
        await until(pilot, lambda: "508" in screen_text(app) or app.table.cursor == 7)
        assert app.table.row.key == 501
        for _ in range(400):
            app.table.action_move(1)
            await pilot.pause(0)
        await until(pilot, lambda: app.table.row and app.table.row.key == 101)


async def test_more_news_than_a_page_leave_the_place_too() -> None:
    source = Source(500)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: len(app.table._pages) > 1)
        await pilot.press("j", "j", "j")
        source.count += 3 * PAGE
        app.table.renew()
        await until(pilot, lambda: app.table._newer is not None)
        assert app.table.row.key == 497
        app.table.cursor -= 60
        await until(pilot, lambda: app.table.row and app.table.row.key > 500)
        await pilot.press("g")
        await until(pilot, lambda: app.table.row and app.table.row.key == 800)


async def test_a_page_that_cannot_be_had_leaves_what_is_there() -> None:
    source = Source(500)
    app = Shown(source)
    failures: list[Any] = []
    app.on_paged_table_failed = failures.append  # type: ignore[attr-defined]
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        source.fails = True
        app.table.renew()
        await pilot.pause(0.1)
        assert app.table.row.key == 500
        source.fails = False
        app.table.renew()
        await until(pilot, lambda: not app.table.old)


async def test_nothing_is_said_where_nothing_is() -> None:
    app = Shown(Source(0))
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: "Nothing here." in screen_text(app))
        await pilot.press("j", "G", "k", "g", "enter")


async def renewed(pilot: Any, app: Shown, times: int, news: int) -> None:
    """News come, again and again."""
    for _ in range(times):
        app.source.count += news
        asked = len(app.source.asked)
        app.table.renew()
        while len(app.source.asked) == asked or "first" in app.table._on_the_way:
            await pilot.pause(0)


async def test_a_list_that_is_left_open_does_not_grow() -> None:
    app = Shown(Source(5000))
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        most = 0
        for _ in range(50):
            await renewed(pilot, app, 10, 10)
            most = max(most, len(app.table._pages))
            assert sum(len(page.rows) for page in app.table._pages if page.rows is not None) <= WINDOW * PAGE
        assert most <= 2 * WINDOW + 1
        assert app.table.row and app.table.row.key == 10_000
        for expected in range(10_000, 10_000 - 30 * PAGE, -50):
            await until(pilot, lambda: app.table.row)
            assert app.table.row.key == expected, "every row is there on the way down"
            app.table.action_move(50)
            await pilot.pause(0)


async def test_renewals_keep_the_place_of_whoever_has_scrolled() -> None:
    app = Shown(Source(5000))
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        app.table.action_move(40)
        await until(pilot, lambda: len(app.table._pages) > 1)
        for _ in range(60):
            app.source.count += 10
            app.table.renew()
            await pilot.pause(0.01)
            assert app.table.row and app.table.row.key == 4960
        assert len(app.table._pages) <= 2 * WINDOW + 1
        app.table.action_move(-40)
        await until(pilot, lambda: app.table.row)
        assert app.table.row.key == 5000


@pytest.mark.usefixtures("drawn_at_once")
async def test_a_key_draws_two_lines_and_no_other() -> None:
    source = Source(1000)
    app = Shown(source)
    async with app.run_test(size=(40, 20)) as pilot:
        await until(pilot, lambda: app.table.row)
        await pilot.pause(0.1)
        drawn: list[int] = []
        line = app.table.render_line

        def counted(y: int) -> Any:
            drawn.append(y)
            return line(y)

        app.table.render_line = counted
        await pilot.press("j")
        await until(pilot, lambda: drawn)
        await pilot.pause(0.1)
        assert sorted(set(drawn)) == [1, 2], "the row that the cursor was on, and that on which it is"
        assert app.table.row.key == 999
