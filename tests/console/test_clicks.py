"""What is clicked on, what a list of recordings offers, and colours where there are none."""

from __future__ import annotations

from typing import Any

import pytest
from textual.color import Color

from console.attention import placed
from console.modes.recordings import RecordingDetail
from console.theme import THEMES
from console.widgets.ask import Ask
from console.widgets.footer import KeyLine
from console.widgets.pick import Pick
from console.widgets.rows import RowsTable
from console.widgets.status import StatusLine
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, until
from tests.console.opener import MadeUpOpener
from tests.console.served import Served

LONG = "The trunk t1 does not answer: " + "what to do about it is said at some length, " * 3 + "and this is its end."


async def test_a_heading_is_clicked_to_sort_and_again_to_turn_round(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, "182 rows"))
        for said in ("by Asked▼", "by Asked▲"):
            await pilot.click(RowsTable, offset=(2, 0))
            await until(pilot, shows(pilot, said))


async def test_the_names_of_lists_are_clicked(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "[leaves]"))
        await pilot.click(".views", offset=(13, 0))
        await until(pilot, shows(pilot, "[checkpoints]"))
        await pilot.click(".views", offset=(2, 0))
        await until(pilot, shows(pilot, "[leaves]"))


async def test_what_must_be_seen_to_is_clicked_and_read_whole(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.attended)
        app.attention = [placed(LONG)]
        line = app.screen.query_one(StatusLine)
        line.look()
        await until(pilot, shows(pilot, "! trunk t1"))
        await pilot.click(StatusLine, offset=(line.said.index("! ") + 2, 1))
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await until(pilot, shows(pilot, "and this is its end."))


async def test_the_list_of_recordings_offers_play_export_and_hold_and_plays(shared: Served, tmp_path: Any) -> None:
    app = app_of(shared, opener=MadeUpOpener(tmp_path))
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("5")
        await until(pilot, shows(pilot, "89 rows"))
        text = app.screen.query_one(KeyLine).text
        assert all(word in text for word in ("p play", "e export", "h hold")) and len(text) <= 80, text
        await pilot.press(*"jjjjj", "p")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert isinstance(app.screen_stack[-2], RecordingDetail)


async def test_a_key_that_opens_nothing_in_the_list_of_recordings_says_why(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await pilot.press("5")
        await until(pilot, shows(pilot, "89 rows"))
        await pilot.press("o")
        await until(pilot, shows(pilot, "It is still being recorded"))
        await pilot.press("j", "j", "o")
        await until(pilot, shows(pilot, "No key can be opened in this console"))


@pytest.mark.parametrize("theme", [each.name for each in THEMES])
async def test_without_colour_an_alarm_stands_out_more_than_text(
    shared: Served, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_of(shared, theme=theme)
    async with app.run_test(size=SMALL):
        has = app.get_css_variables()
        behind = Color.parse(has["background"]).monochrome
        alarm, text = (abs(Color.parse(has[name]).monochrome.r - behind.r) for name in ("error", "foreground"))
        assert alarm > text
        assert screen_text(app)
