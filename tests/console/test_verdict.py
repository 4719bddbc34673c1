"""The dial under a look-up: the verdict on a number at other times, each asked of the gate."""

from __future__ import annotations

from datetime import timedelta

from textual.pilot import Pilot

from console.modes.verdict import DAYS, Dial, Verdict
from gate.core.days import LONDON
from tests.console.conftest import SMALL, app_of, screen_text, shows, until
from tests.console.served import Served
from tests.console.test_dialogs import at_once


async def looked_up(pilot: Pilot[None], number: str) -> Dial:
    await pilot.press("2")
    await until(pilot, shows(pilot, "tps_ns.txt"))
    await pilot.press("n", *number.replace(" ", ""), "enter", "enter", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Verdict))
    dial = pilot.app.screen.query_one(Dial)
    await until(pilot, lambda: len(dial.days) == DAYS and len(dial.hours) == 48)
    return dial


async def test_the_dial_shows_when_a_number_may_be_called(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        dial = await looked_up(pilot, "020 7946 0000")
        await until(pilot, shows(pilot, "The gate would answer now", "Verdict"))
        now = shared.clock.time.astimezone(LONDON)
        assert dial.at is not None and dial.at.date() == now.date()
        allowed = [each.at.astimezone(LONDON).hour for each in dial.hours if each.verdict == "allow"]
        assert allowed and 3 not in allowed, "nobody is called at night"
        assert {each.reason for each in dial.hours if each.verdict == "block"} == {"outside_hours"}
        text = screen_text(app)
        assert "▼" in text and "█" in text and "·" in text
        await pilot.press("right_square_bracket")
        tomorrow = now.date() + timedelta(days=1)
        await until(pilot, shows(pilot, f"The gate would answer on {tomorrow:%a}"))
        asked, before = len(shared.rows("check")), dial.at
        at_once(app, "h", "h", "h", "h")  # a burst is one question for the days, and the day itself is known
        earlier = before - timedelta(hours=2)
        await until(pilot, lambda: dial.at == earlier and dial.days and dial.days[1].at.astimezone(LONDON) == earlier)
        assert sum(len(row["times"]) == DAYS for row in shared.rows("check")[asked:]) == 1
        await pilot.press("t")
        await until(pilot, shows(pilot, "The gate would answer now"))


async def test_the_dial_stops_at_its_ends_and_turns_the_edition(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        dial = await looked_up(pilot, "020 7946 0000")
        await pilot.press(*["right_square_bracket"] * 60)
        last = shared.clock.time.astimezone(LONDON).date() + timedelta(days=DAYS - 1)
        await until(pilot, lambda: dial.at is not None and dial.at.date() == last)
        await until(pilot, shows(pilot, "register stale", "too old: no marketing", "14 Jul 2026, too old"))
