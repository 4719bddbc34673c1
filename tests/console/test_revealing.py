"""A number that was asked for in full is hidden again after its time, wherever it is shown, gate or no gate."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from console.modes import revealing
from console.modes.calls import CallDetail
from console.modes.row import RowDetail
from gate.control.client import ControlClient
from gate.showing import grouped
from tests.console.conftest import app_of, screen_text, shows, typed, until
from tests.console.served import Served

SECONDS = 1.5
CALLED = "+447700900123"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown in full is hidden after a moment."""
    monkeypatch.setattr(revealing, "REVEALED_SECONDS", SECONDS)


async def asked_for(pilot: Pilot[Any]) -> None:
    """Ask for what is under the eyes."""
    await pilot.press("u")
    await until(pilot, shows(pilot, "Show this number in full?"))
    await typed(pilot, "complaint 17")


async def test_a_call_hides_its_number_again(served: Served) -> None:
    app = app_of(served)
    number = grouped(served.calls[-1]["number"])
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("4")
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Decision", "Verdict"))
        await asked_for(pilot)
        await until(pilot, shows(pilot, number))
        await until(pilot, lambda: number not in screen_text(app), SECONDS + 3)
        assert isinstance(app.screen, CallDetail) and "Verdict" in screen_text(app)


async def test_a_contact_hides_its_number_though_the_gate_is_away(served: Served) -> None:
    path = served.folder / "crm.csv"
    path.write_text(f"id,phone\nC-1,{CALLED}\n", encoding="utf-8")
    ControlClient(served.socket).call("contacts_import", path=str(path), reference="id", columns=["phone"])
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("3")
        await until(pilot, shows(pilot, "C-1"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "As it was screened"))
        await asked_for(pilot)
        await until(pilot, shows(pilot, grouped(CALLED)))
        served.stop()
        await until(pilot, lambda: grouped(CALLED) not in screen_text(app), SECONDS + 3)
        assert "As it was screened" in screen_text(app)


async def test_who_asks_is_hidden_again(served: Served) -> None:
    who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": [CALLED]}
    reference = str(
        ControlClient(served.socket).call("request_open", asks="complaint", channel="post", **who)["reference"]
    )
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, reference))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What may be done now"))
        await asked_for(pilot)
        await until(pilot, shows(pilot, "Pat Person", grouped(CALLED)))
        await until(pilot, lambda: "Pat Person" not in screen_text(app), SECONDS + 3)
        assert grouped(CALLED) not in screen_text(app) and "What may be done now" in screen_text(app)


async def test_a_number_that_is_shown_in_a_list_goes_on_to_no_other_screen(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("2", "tab", "tab")
        await until(pilot, shows(pilot, "14 rows"))
        number = grouped(ControlClient(served.socket).call("objection_list", limit=1)["items"][0]["number"])
        assert number not in screen_text(app)
        await asked_for(pilot)
        await until(pilot, shows(pilot, number))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RowDetail))
        await until(pilot, shows(pilot, "told"))
        assert number not in screen_text(app)
        await pilot.press("escape", "d")
        await until(pilot, shows(pilot, "Remove this objection?"))
        await asyncio.sleep(SECONDS)
        assert number not in screen_text(app)
