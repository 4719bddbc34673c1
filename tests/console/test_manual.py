"""From ``?`` to the page of the manual of where one is: its links, its contents, and back."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import MarkdownViewer, Tree
from textual.widgets.markdown import MarkdownBlock

from console.app import ConsoleApp
from console.manual import ManualScreen
from console.widgets.rows import RowsTable
from gate import manual
from tests.console.conftest import LARGE, SMALL, app_of, shows, steps, until
from tests.console.served import Served


def viewer(app: ConsoleApp) -> MarkdownViewer:
    return app.screen.query_one(MarkdownViewer)


async def opened(pilot: Pilot[None], app: ConsoleApp) -> None:
    """The manual, at the page of the place."""
    await pilot.press("question_mark")
    await until(pilot, shows(pilot, "m: manual"))
    await pilot.press("m")
    await until(pilot, lambda: isinstance(app.screen, ManualScreen) and len(app.screen.query(MarkdownBlock)) > 1)


async def test_a_detail_leads_to_the_page_of_its_mode(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await steps("4", "~rows", "enter", then=("Registers as they were",))(pilot)
        await opened(pilot, app)
        assert app.screen.page == "reason-codes"


async def test_help_finds_a_key_and_presses_it(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await steps("4", "~rows", "question_mark", "~Keys here", "slash", *"sort col", "~S ", "enter", "enter")(pilot)
        await until(pilot, shows(pilot, "Sort by"))


async def test_help_says_why_a_key_does_nothing_here(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await steps("5", "~89 rows", "question_mark", "~Keys here", "slash", *"recordings.export")(pilot)
        await until(pilot, lambda: app.screen.query_one(RowsTable).total == 1)
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "No key can be opened"))


async def test_links_and_the_list_lead_to_pages_and_esc_back(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("6")
        await opened(pilot, app)
        await until(pilot, shows(pilot, "Manual: retention", "See what is due"))
        await viewer(app).go("accounts.md#two-people")
        await until(pilot, shows(pilot, "Manual: accounts"))
        await pilot.press("l")
        await until(pilot, shows(pilot, *(each.title for each in manual.pages()[:12])))
        await pilot.press("j", "enter")
        await until(pilot, shows(pilot, f"Manual: {manual.pages()[1].name}"))
        for page in ("accounts", "retention"):
            await pilot.press("escape")
            await until(pilot, shows(pilot, f"Manual: {page}"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.MODE == "retention")


async def test_the_contents_stand_beside_the_page_where_there_is_room(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("6")
        await opened(pilot, app)
        assert viewer(app).show_table_of_contents
        await pilot.press("t")
        tree = viewer(app).query_one(Tree)
        assert app.focused is tree
        await pilot.press("down", "down", "down", "down", "enter")
        await until(pilot, lambda: viewer(app).scroll_y > 0)
        await pilot.press("t")
        assert app.focused is viewer(app).document and not viewer(app).show_table_of_contents


async def test_in_a_small_terminal_the_page_has_all_the_room(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("6")
        await opened(pilot, app)
        assert not viewer(app).show_table_of_contents
        await pilot.press("G")
        await until(pilot, lambda: viewer(app).scroll_y == viewer(app).max_scroll_y > 0)
        await pilot.press("g")
        await until(pilot, lambda: viewer(app).scroll_y == 0)


async def test_help_in_the_manual_is_of_the_manual(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await opened(pilot, app)
        await pilot.press("question_mark")
        await until(pilot, shows(pilot, "manual.pages"))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ManualScreen))
        assert sum(isinstance(screen, ManualScreen) for screen in app.screen_stack) == 1
