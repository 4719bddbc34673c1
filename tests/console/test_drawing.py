"""How much is drawn: no more than what has changed. What is drawn for nothing is the time of a processor."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any, ClassVar

import pytest
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from console.theme import THEMES
from console.widgets.rows import RowsTable
from console.widgets.status import StatusLine
from tests.console.conftest import LARGE, SMALL, app_of, steps, until
from tests.console.served import Served


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, drawn_at_once: None) -> dict[str, list[Any]]:
    """What is laid out, and which status lines are drawn."""
    done: dict[str, list[Any]] = {"laid out": [], "drawn": []}
    layout, render = Screen._refresh_layout, StatusLine.render

    def laid_out(self: Screen[Any], *rest: Any, **more: Any) -> None:
        done["laid out"].append(self)
        layout(self, *rest, **more)

    def drawn(self: StatusLine) -> Any:
        done["drawn"].append(self)
        return render(self)

    monkeypatch.setattr(Screen, "_refresh_layout", laid_out)
    monkeypatch.setattr(StatusLine, "render", drawn)
    return done


@pytest.fixture
def parsed_anew(monkeypatch: pytest.MonkeyPatch) -> list[Stylesheet]:
    """Style sheets that are parsed from their first to their last line."""
    sheets: list[Stylesheet] = []
    reparse = Stylesheet.reparse

    def parsed(self: Stylesheet) -> None:
        sheets.append(self)
        reparse(self)

    monkeypatch.setattr(Stylesheet, "reparse", parsed)
    return sheets


async def test_a_mode_is_shown_without_parsing_all_style_sheets_anew(
    shared: Served, parsed_anew: list[Stylesheet]
) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await steps()(pilot)
        parsed_anew.clear()
        for key in "401440":
            await pilot.press(key)
            await pilot.pause()
        assert parsed_anew == []
        before = app.screen.query_one(RowsTable).styles.background
        dark, light = app.theme, next(theme.name for theme in THEMES if not theme.dark)
        app.theme = light
        await pilot.press("4")
        await until(pilot, lambda: app.screen.query_one(RowsTable).styles.background != before)
        assert dark != light and parsed_anew


async def test_a_dialog_and_a_detail_are_styled_once_and_follow_the_theme(
    shared: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[DOMNode] = []
    update = App.update_styles

    def updated(self: App[Any], node: DOMNode, animate: bool = True) -> None:
        again.append(node)
        update(self, node, animate)

    monkeypatch.setattr(App, "update_styles", updated)
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await steps("4", "~dialling", "enter", "question_mark", then=("Keys here",))(pilot)
        detail, dialog = app.screen_stack[-2:]
        assert not any(node is screen for screen in app.screen_stack for node in again)
        before = [screen.styles.background for screen in (detail, dialog)]
        app.theme = next(theme.name for theme in THEMES if not theme.dark)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is detail
        assert all(was != screen.styles.background for was, screen in zip(before, (detail, dialog), strict=True))


class Two(App[None]):
    """As Textual comes, with a theme of its own choice and two modes."""

    MODES: ClassVar[dict[str, Any]] = {"one": Screen, "two": Screen}
    DEFAULT_MODE = "one"

    def __init__(self) -> None:
        super().__init__()
        self.theme = "nord"


async def test_textual_parses_all_style_sheets_anew_for_each_mode(parsed_anew: list[Stylesheet]) -> None:
    """Where this fails ``as_the_app_is`` of ``console.widgets.dialog`` need not say so of a screen."""
    app = Two()
    async with app.run_test() as pilot:
        await pilot.pause()
        parsed_anew.clear()
        await app.switch_mode("two")
        assert len(parsed_anew) == 2


async def test_a_key_in_a_form_lays_nothing_out(shared: Served, counted: dict[str, list[Any]]) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await steps("2", "shift+tab", "~9 rows", "a", then=("Who gave it",))(pilot)
        field, typed = app.screen.focused, "0207946000" * 8
        assert isinstance(field, Input)
        counted["laid out"].clear()
        await pilot.press(*typed, "backspace")
        await pilot.pause()
        assert field.value == typed[:-1]
        assert counted["laid out"] == []
        shown, _ = field.scroll_offset
        assert shown > 0, "the end of a long text is in sight"
        await pilot.press("home")
        await until(pilot, lambda: field.scroll_offset.x == 0)


async def test_a_status_line_that_says_the_same_is_not_drawn_again(
    shared: Served, counted: dict[str, list[Any]]
) -> None:
    app, day = app_of(shared), shared.clock.time
    async with app.run_test(size=SMALL) as pilot:
        await steps()(pilot)
        line = app.screen.query_one(StatusLine)
        counted["drawn"].clear()
        for _ in range(5):
            line.look()
            await pilot.pause()
        assert line not in counted["drawn"]
        app.feed.now = lambda: day + timedelta(seconds=42)
        line.look()
        await until(pilot, lambda: line in counted["drawn"] and "42 s" in line.said)


async def test_a_key_in_a_list_draws_two_lines_and_makes_no_thread(
    shared: Served, counted: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[int] = []
    drawn = RowsTable._line

    def line(self: RowsTable, *given: Any) -> Any:
        lines.append(1)
        return drawn(self, *given)

    made: list[str] = []
    start = Thread.start

    def started(self: Thread) -> None:
        made.append(self.name)
        start(self)

    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await steps("4", "~listed", "j", "j")(pilot)
        table = app.screen.query_one("#view-0", RowsTable)
        await until(pilot, lambda: table.cursor == 2)
        monkeypatch.setattr(RowsTable, "_line", line)
        monkeypatch.setattr(Thread, "start", started)
        counted["laid out"].clear()
        for key in "jjkjjkkjjj":
            await pilot.press(key)
        await until(pilot, lambda: table.cursor == 6)
        assert 10 < len(lines) <= 2 * 10, "the row that is left, and the one that is come to"
        assert (made, counted["laid out"]) == ([], [])
