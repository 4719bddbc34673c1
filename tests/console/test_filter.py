"""One line to type a filter into, and several lists: each keeps its own."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from console.modes.listing import ListMode
from console.widgets.filter import FilterLine
from tests.console.conftest import SMALL, app_of, screen_text, shows, until
from tests.console.served import Served
from tests.console.test_told import become


def texts(app: Any) -> dict[int, str]:
    """What each list is filtered by."""
    assert isinstance(app.screen, ListMode)
    return {number: text for number, text in app.screen._texts.items() if text}


async def test_a_filter_can_be_taken_away_after_another_list_was_filtered(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        await pilot.press("slash", "q", "q", "enter")
        await until(pilot, shows(pilot, "filter: qq"))
        await pilot.press("tab", "slash", "escape", "shift+tab")
        await until(pilot, shows(pilot, "[objections]", "filter: qq"))
        line = app.screen.query_one(FilterLine)
        assert (line.text, line.query_one(Input).value, line.has_class("-open")) == ("qq", "qq", True)
        await pilot.press("escape")
        await until(pilot, shows(pilot, "14 rows"))
        assert app.screen._texts[2] == "" and not line.has_class("-open")  # type: ignore[attr-defined]


async def test_what_is_typed_just_before_another_list_filters_its_own(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        await pilot.press("slash")
        for key in ("q", "q", "tab"):
            app.post_message(events.Key(key, key if len(key) == 1 else "\t"))
        await until(pilot, shows(pilot, "[consents]"))
        await pilot.pause(0.2)
        assert texts(app) == {2: "qq"}
        await pilot.press("shift+tab")
        await until(pilot, shows(pilot, "[objections]", "filter: qq", "Nothing fits “qq”"))


@pytest.mark.parametrize("mode", ["4", "2", "1"])
async def test_a_filter_typed_in_one_go_is_the_fields_and_does_nothing_else(shared: Served, mode: str) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press(mode)
        await pilot.pause(0.2)
        here = app.screen
        for key in ("slash", *"tpsq1"):  # p, s, q and 1 each do something in a list
            app.post_message(events.Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: app.screen.query_one(FilterLine).text == "tpsq1")
        assert app.screen is here and not getattr(here, "paused", False)


async def test_whoever_sees_numbers_in_part_is_told_that_a_beginning_is_looked_for(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        become(app, "viewer")
        await pilot.press("4", "slash", *"02079460101", "enter")
        await until(pilot, shows(pilot, "filter: 02079460101   only its beginning is looked for: +44207"))
        await pilot.press("slash", *["backspace"] * 11, *"alice", "enter")
        await until(pilot, shows(pilot, "filter: alice"))
        assert "only its beginning" not in screen_text(app)
