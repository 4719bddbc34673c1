"""How the console behaves: keys, filter, numbers, pause, trouble, small terminals, undo."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from textual import events
from textual.widgets import Input

from console import keys
from console.feed import Session
from console.modes.finding import FindDialog
from console.modes.listing import ListMode
from console.theme import THEMES
from console.widgets.footer import KeyLine
from console.widgets.pages import PagedTable
from gate import manual
from gate.core.call_words import HangUpAsked, PauseAsked
from gate.core.rows.calls import TrunkHealth
from gate.showing import grouped
from tests.console.conftest import SMALL, app_of, screen_text, shows, typed, undone, until
from tests.console.served import Served
from tests.support.waiting import PATIENCE


def table(app: Any) -> PagedTable:
    """The list that is shown."""
    assert isinstance(app.screen, ListMode)
    return app.screen.table


async def test_the_number_keys_go_to_the_modes_each_with_a_page_and_a_footer_that_fits(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        for place, name in enumerate(keys.MODES):
            await pilot.press(str(place))
            await pilot.pause()
            assert app.screen.MODE == name  # noqa: SIM300
            assert app.screen.PAGE in [each.name for each in manual.pages()]
            views = len(getattr(app.screen, "VIEWS", "1"))
            for _ in range(views):
                await pilot.press("tab")
                await pilot.pause()
                text = app.screen.query_one(KeyLine).text
                assert text.endswith(("q quit", "q")) and len(text) <= 80, (app.screen.MODE, text)


async def test_live_says_what_somebody_must_see_to_for_as_long_as_it_is_so(served: Served) -> None:
    app, day = app_of(served), served.clock.time
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "calls in hand"))
        assert "ATTENTION" not in screen_text(app)
        served.clock.time = day + timedelta(days=400)
        said = "ATTENTION: the calling policy was last reviewed on 2026-01-15", "set firm.policy_reviewed"
        await until(pilot, shows(pilot, *said, "bilal"))
        firm = msgspec.structs.replace(served.config.firm, policy_reviewed=f"{served.clock.time:%Y-%m-%d}")
        served.config = msgspec.structs.replace(served.config, firm=firm)
        served.clock.time += timedelta(days=1)
        await until(pilot, lambda: "ATTENTION" not in screen_text(app))


async def test_a_calls_recording_is_paused_for_a_reason_and_by_who_may(served: Served) -> None:
    asked: list[tuple[str, PauseAsked]] = []

    def pause(call_id: str, wanted: PauseAsked) -> str:
        asked.append((call_id, wanted))
        for call in served.calls:
            if call["call_id"] == call_id:
                call.update(paused=wanted.pause, paused_by=wanted.by if wanted.pause else "")
                call.update(pause_seconds=wanted.seconds, pause_left=wanted.seconds)
        return ""

    served.pause = pause
    app = app_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand", "alice"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "Pause the recording of this call?", "Nothing is kept until"))
        await typed(pilot, "")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "Why, kept in the log: is needed."))
        await typed(pilot, "a card")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "Paused: alice", "alice paused by user:", "60 s left", "░    60s"))
        served.calls[0].update(pause_left=31)
        await until(pilot, shows(pilot, "31 s left", "░░   31s"))
        served.calls[0].update(pause_left=1)
        await until(pilot, shows(pilot, "1 s left", "░░░░ 1s"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "Record again?", "1 s of 60 are left"))
        await typed(pilot, "still reading")
        await pilot.press("ctrl+u")
        await typed(pilot, "half a minute")
        await until(pilot, shows(pilot, "is no number of seconds"))
        await pilot.press("ctrl+u")
        await typed(pilot, "30")
        await until(pilot, shows(pilot, "Still paused", "30 s left"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "Record again?"))
        await typed(pilot, "paid")
        await typed(pilot, "")
        await until(pilot, lambda: "s left" not in screen_text(app))
        await pilot.press("R")
        await until(pilot, shows(pilot, "Pause the recording of this call?"))
        await typed(pilot, "a card")
        await pilot.press("ctrl+u")
        await typed(pilot, "0")
        await until(pilot, shows(pilot, "alice paused by user:", "paused"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "Resume the recording of this call?"))
        await typed(pilot, "paid")
        await until(pilot, shows(pilot, "Resumed: alice"))
        served.calls[0].update(paused=True, paused_by="agent")
        await until(pilot, shows(pilot, "alice paused by agent"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "The agent has paused it, and resumes it."))
        await pilot.press("G", "R")
        await until(pilot, shows(pilot, "Nothing of this call is recorded now."))
        app.feed.session = Session("user:vic(1004)", "viewer", frozenset({"status", "watch"}))
        await pilot.press("R")
        await until(pilot, shows(pilot, "An account that is viewer may not"))
    assert {call_id for call_id, _ in asked} == {served.calls[0]["call_id"]}
    assert [(each.pause, each.why, each.seconds) for _, each in asked] == [
        (True, "a card", 60),
        (True, "still reading", 30),
        (False, "paid", 0),
        (True, "a card", 0),
        (False, "paid", 0),
    ]


async def test_a_call_is_hung_up_for_a_reason_and_by_who_may(served: Served) -> None:
    asked: list[tuple[str, HangUpAsked]] = []

    def hang_up(call_id: str, wanted: HangUpAsked) -> str:
        asked.append((call_id, wanted))
        return "an emergency call is ended by its parties alone" if len(asked) > 1 else ""

    served.hang_up = hang_up
    app = app_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand", "alice", "H hang up"))
        await pilot.press("H")
        await until(pilot, shows(pilot, "Hang up this call?", "It ends now, for both parties."))
        await typed(pilot, "shouted at")
        await until(pilot, shows(pilot, "Hung up: alice"))
        await pilot.press("H")
        await until(pilot, shows(pilot, "Hang up this call?"))
        await typed(pilot, "again")
        await until(pilot, shows(pilot, "ended by its parties alone"))
        await pilot.press("escape")
        app.feed.session = Session("user:vic(1004)", "viewer", frozenset({"status", "watch"}))
        await pilot.press("H")
        await until(pilot, shows(pilot, "An account that is viewer may not"))
    assert [(call_id == served.calls[0]["call_id"], each.why) for call_id, each in asked] == [
        (True, "shouted at"),
        (True, "again"),
    ]


async def test_a_mode_that_comes_back_has_the_theme_and_the_size_of_now(shared: Served) -> None:
    def looks(app: Any) -> list[Any]:
        strips = app.screen._compositor.render_strips(app.screen.size)
        return [[(segment.text, segment.style) for segment in strip] for strip in strips[3:-1]]

    app, fresh = app_of(shared), app_of(shared, theme=THEMES[1].name)
    async with fresh.run_test(size=(100, 30)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(fresh).complete and shows(pilot, "dialling")())
        wanted = looks(fresh)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        before = looks(app)
        await pilot.press("1")
        app.theme = THEMES[1].name
        await pilot.resize_terminal(100, 30)
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete and looks(app) == wanted)
        assert before != wanted


async def test_vim_keys_move_about(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        await pilot.press("j", "j", "j", "k")
        assert table(app).cursor == 2
        await pilot.press("G")
        await until(pilot, lambda: table(app).cursor == table(app).total - 1)
        await pilot.press("g")
        await until(pilot, lambda: table(app).cursor == 0)


async def test_the_mouse_selects_and_opens(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.click("StatusLine", offset=(37, 0))
        await until(pilot, lambda: app.screen.MODE == "calls" and table(app).complete)
        await pilot.click(PagedTable, offset=(5, 4))
        assert table(app).cursor == 3
        await pilot.click(PagedTable, offset=(5, 4), times=2)
        await until(pilot, shows(pilot, "Decision", "Verdict"))


async def test_a_filter_is_asked_of_the_gate_as_one_types(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        served.asked.clear()
        await pilot.press("slash")
        for sign in "ctps":
            app.post_message(events.Key(sign, sign))
        await until(pilot, lambda: table(app).row and table(app).row.reason == "listed_ctps")
        assert 1 <= len(served.rows("calls_list")) <= 2, "not once for each key"
        assert served.rows("calls_list", text="ctps")
        await pilot.press("enter")
        assert app.focused is table(app)
        await pilot.press("j", "escape")
        await until(pilot, lambda: table(app).total > 100)
        assert app.focused is table(app)


async def test_a_number_is_shown_when_asked_for_and_the_log_keeps_it(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        assert "****" in str(table(app).row.number).replace(" ", "")
        number = grouped(served.calls[-1]["number"])
        assert number not in screen_text(app)
        await pilot.press("u")
        await until(pilot, shows(pilot, "Show this number in full?"))
        await typed(pilot, "complaint 17")
        await until(pilot, shows(pilot, number))
        assert served.rows("reveal")[0]["why"] == "complaint 17"
        kept = served.facts("number_shown")
        assert [fact["body"]["why"] for fact in kept] == ["complaint 17"]


async def test_lists_are_asked_for_with_numbers_hidden(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        for key in "245":
            await pilot.press(key)
            await until(pilot, lambda: table(app).complete)
        assert "0113 496" not in screen_text(app)


async def test_the_live_picture_stands_while_paused(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        await pilot.press("p")
        served.calls.pop()
        served.clock.time += timedelta(seconds=5)
        await pilot.pause(0.6)
        assert "4 calls in hand" in screen_text(app) and "DISPLAY STANDS STILL since" in screen_text(app)
        await pilot.press("p")
        await until(pilot, shows(pilot, "3 calls in hand"))


async def test_a_gate_that_goes_away_leaves_the_data_grey_and_comes_back(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        served.stop()
        await until(pilot, shows(pilot, "gate AWAY"))
        served.clock.time += timedelta(seconds=42)
        await until(pilot, shows(pilot, "data 42 s"))
        assert table(app).has_class("-old") and table(app).total > 100
        await pilot.press("j", "j")
        assert table(app).cursor == 2
        served.start()
        await until(pilot, shows(pilot, "gate up", "data 0 s"), seconds=PATIENCE)
        await until(pilot, lambda: not table(app).has_class("-old"))


async def test_what_was_never_seen_is_not_known_while_the_gate_is_away(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        served.stop()
        await until(pilot, shows(pilot, "gate AWAY", "AS IT WAS at "))
        await pilot.press("4")
        await until(pilot, shows(pilot, "Not known: the gate did not answer."))
        served.start()
        await until(pilot, shows(pilot, "gate up", "182 rows"), seconds=PATIENCE)
        await pilot.press("1")
        assert "AS IT WAS" not in screen_text(app)


async def test_a_slow_gate_does_not_freeze_the_keys(served: Served) -> None:
    held = threading.Event()
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        served.slow = lambda op: held.wait(PATIENCE) and None
        try:
            await pilot.press("slash", *"bilal")
            await pilot.pause(0.4)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await pilot.press("escape", "j", "j")  # meant for the list that is on its way, for ``COMES_SECONDS``
            await until(pilot, lambda: table(app).cursor == 2)
            assert loop.time() - began < PATIENCE / 2, "the keys waited for the gate"
        finally:
            served.slow = lambda op: None
            held.set()


async def test_a_small_terminal_is_told_what_it_misses(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, "60x18 is small", "Not shown:"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "is small" not in screen_text(app))


async def test_an_objection_is_added_and_the_addition_undone(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        await pilot.press("a")
        await until(pilot, shows(pilot, "Somebody does not want calls"))
        await typed(pilot, "020 7946 0777")
        await typed(pilot, "")
        await typed(pilot, "on the phone")
        await typed(pilot, "one day")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "Not taken: 'one day' is no day and no time"))
        form = app.screen
        assert app.focused is form.query_one("#made_at")
        form.query_one("#made_at", Input).value = "2/3/2026 09:30"  # they said so before it is entered
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "15 rows"))
        assert served.facts("objection")[-1]["body"]["made_at"] == "2026-03-02T09:30:00+00:00"
        await undone(pilot)
        await until(pilot, shows(pilot, "14 rows"))
        assert [fact["kind"] for fact in served.facts()[-2:]] == ["objection", "objection_removed"]


async def test_a_removed_objection_comes_back_with_its_own_date(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        row = table(app).row
        await pilot.press("d")
        await until(pilot, shows(pilot, "Remove this objection?"))
        await typed(pilot, "typing mistake")
        await until(pilot, shows(pilot, "13 rows"))
        await undone(pilot)
        await until(pilot, shows(pilot, "14 rows"))
        again = next(fact for fact in reversed(served.facts("objection")))
        assert again["body"]["made_at"][:19] == row.made_at[:19]


async def test_what_is_copied_is_the_rows_id(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == table(app).row.call_id


async def test_keys_are_other_ones_where_the_configuration_says_so(shared: Served) -> None:
    app = app_of(shared, keys={"list.filter": "f", "no.such": "x"})
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "no.such"))
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, FindDialog))
        await pilot.press("escape", "f")
        assert isinstance(app.focused, Input)


async def test_the_palette_offers_every_action_of_the_place(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        offered = {command.help.rpartition(" ")[2] for command in app.get_system_commands(app.screen)}
        assert {"registers.add", "registers.look_up", "list.filter", "app.help", "mode.audit", "app.quit"} <= offered
        await pilot.press("ctrl+p")
        await typed(pilot, "look a num")
        await pilot.pause(0.3)


@pytest.mark.parametrize("where", ["1", "2", "4", "5", "8"])
async def test_help_speaks_of_the_place(shared: Served, where: str) -> None:
    app = app_of(shared)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(where)
        about = app.screen.HELP_TEXT[:30]
        await pilot.press("question_mark")
        await until(pilot, shows(pilot, about, "Keys here"))
        await pilot.press("escape")
        assert app.screen.MODE


async def test_a_narrow_bottom_line_spares_the_words_that_one_knows(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(58, 24)) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, lambda: "a add" in app.screen.query_one(KeyLine).text)
        text = app.screen.query_one(KeyLine).text
        assert len(text) <= 58 and text.endswith("? ^p q"), text


async def test_a_click_on_the_bottom_line_presses_the_key(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: table(app).complete)
        await pilot.click(KeyLine, offset=(app.screen.query_one(KeyLine).text.index("filter"), 0))
        await until(pilot, lambda: isinstance(app.focused, Input))


async def test_a_call_that_goes_on_is_shown_as_it_is(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, shows(pilot, "What happened"))
        await until(pilot, lambda: app.screen._state == "ringing")
        asked = len(served.rows("calls_show"))
        served.calls[3] = {**served.calls[3], "state": "preparing"}
        await until(pilot, lambda: len(served.rows("calls_show")) > asked)


async def test_what_is_down_is_said_in_words(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "trunk up", "recorder up"))
        app.screen.show_live(replace(app.feed.snapshot, trunk_up=False))
        await until(pilot, shows(pilot, "trunk DOWN"))
        trunks = [TrunkHealth(name="first", up=False), TrunkHealth(name="second", up=True)]
        app.screen.show_live(replace(app.feed.snapshot, trunk_up=True, trunks=trunks))
        await until(pilot, shows(pilot, "trunk first DOWN", "recorder up"))
