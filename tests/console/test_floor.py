"""The floor under Live: agents as a table and as tiles, what they may do next, the trend of day and week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from console.feed import Session
from console.modes import floor
from gate.core.call_words import HangUpAsked
from gate.core.rows.calls import AgentRow, TrendHour
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, steps, until
from tests.console.served import Served


def line_of(app: Any, word: str) -> str:
    """The line of the screen with this word."""
    return next(line for line in screen_text(app).splitlines() if word in line)


async def test_agents_are_shown_with_what_they_do_and_may_do_next(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        await pilot.press("tab")
        await until(pilot, shows(pilot, "[agents]", "In a row", "may dial"))
        (alice,) = [row for row in served_agents(served) if row["ident"] == "account:alice"]
        shown = line_of(app, "alice")
        assert "talking" in shown and str(alice["attempts"]) in shown and str(alice["refused"]) in shown
        served.calls.clear()
        await until(pilot, lambda: "idle" in line_of(app, "alice"))


def served_agents(served: Served) -> list[dict[str, Any]]:
    """Of the log: attempts and refusals of today."""
    counts: dict[str, list[int]] = {}
    for fact in served.facts("decision"):
        row = counts.setdefault(fact["body"]["claimed_by"], [0, 0])
        row[0] += 1
        row[1] += fact["body"]["verdict"] != "allow"
    return [{"ident": name, "attempts": row[0], "refused": row[1]} for name, row in counts.items()]


async def test_an_agents_call_is_hung_up_from_the_floor_and_enter_shows_their_calls(served: Served) -> None:
    asked: list[str] = []

    def hang_up(call_id: str, wanted: HangUpAsked) -> str:
        asked.append(call_id)
        return ""

    served.hang_up = hang_up
    app = app_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        await pilot.press("tab", "tab")
        await until(pilot, shows(pilot, "[tiles]", "may dial", "calls,"))
        here = app.screen.table.row
        await pilot.press("l")
        assert app.screen.table.row is not here, "a tile on"
        await pilot.press("h", "H")
        await until(pilot, shows(pilot, "Hang up this call?"))
        await pilot.press(*"shouting", "enter")
        await until(pilot, lambda: asked)
        longest = max((call for call in served.calls if call["claimed_by"] == here.ident), key=lambda it: it["seconds"])
        assert asked == [longest["call_id"]]
        await pilot.press("enter")
        await until(pilot, shows(pilot, f"filter: today {here.ident.partition(':')[2]}"))


async def test_the_trend_counts_each_agent_and_reason_by_hour_and_day(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        await pilot.press("shift+tab")
        await until(pilot, shows(pilot, "[trend]", "listed tps", "alice"))
        told = {row.ident: row for row in app.screen.table._rows}
        for each in served_agents(served):
            row = told[f"agent {each['ident']}"]
            assert (row.attempts, row.refused, row.week) == (each["attempts"], each["refused"], each["attempts"])
            assert sum(row.hours) == each["refused"] == row.days[-1]
        await pilot.press("slash", *"objected", "enter")
        await until(pilot, lambda: app.screen.table.total == 1)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "filter: today objected"))


async def test_whoever_may_not_see_the_trend_is_told_for_whom_it_is(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "4 calls in hand"))
        app.feed.session = Session("user:vic(1004)", "viewer", frozenset({"status", "watch", "calls_agents"}))
        await pilot.press("shift+tab")
        await until(pilot, shows(pilot, "An account that is viewer may not see this"))
    assert not served.rows("calls_trend")


def test_hours_of_utc_stand_in_the_hours_and_days_of_london() -> None:
    day = date(2026, 7, 2)
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # half past midnight in London
    hours = [
        TrendHour(hour=f"{at:%Y-%m-%dT%H}", name="account:alice", attempts=5, refused=count)
        for at, count in ((late, 2), (late - timedelta(hours=1), 3), (late - timedelta(days=9), 7))
    ]
    (row,) = floor.trends(hours, [], day)
    assert (row.hours[0], sum(row.hours)) == (2, 2)
    assert list(row.days) == [0, 0, 0, 0, 0, 3, 2]
    assert (row.attempts, row.refused, row.week) == (5, 2, 10)
    assert floor.trend_columns(day)[-1].heading == "FSSMTWT"


@pytest.mark.parametrize(("in_a_row", "tone"), [(0, "dim"), (3, "warn"), (5, "bad")])
def test_refusals_in_a_row_are_noticed_then_an_alarm(in_a_row: int, tone: str) -> None:
    agent = AgentRow(claimed_by="account:alice", streak=in_a_row, reason="listed_tps", next="register_stale")
    row = floor.OnFloor("account:alice", agent, ())
    assert floor.streak(row)[1] == tone
    assert floor.follows(row) == ("register stale", "bad")
    lines = [text for text, _ in floor.tile(row)]
    assert ("in a row: listed tps" in lines[2]) is bool(in_a_row)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
def test_tiles(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), run_before=steps("tab", "tab", then=("may dial",)), terminal_size=size)
