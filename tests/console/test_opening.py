"""What a mode asks of the gate when it is opened, and when it is come back to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from textual.pilot import Pilot

from console import keys
from console.attention import placed
from tests.console.conftest import SMALL, answered, app_of, screen_text, shows, until
from tests.console.served import Served

ASKS = {
    "today": "calls_reasons",
    "registers": "register_status",
    "contacts": "contacts_list",
    "calls": "calls_list",
    "recordings": "recording_list",
    "retention": "retention_forecast",
    "requests": "request_list",
    "audit": "audit_leaves",
}
"""Mode -> what its first picture is made of."""


async def test_a_mode_asks_once_when_it_is_opened_and_once_when_it_is_come_back_to(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.link.up and app.attended)
        for time in ("opened", "come back to"):
            for place, mode in enumerate(keys.MODES):
                asked = await asked_for(pilot, served, str(place), ASKS.get(mode, ""))
                assert set(asked.values()) == ({1} if mode in ASKS else set()), f"{mode} is {time}: {asked}"
        await pilot.press("question_mark", "escape")
        await until(pilot, answered(pilot))
        assert Counter(name for name, _ in served.asked)["audit_leaves"] == 2, "another after the help, and no more"


async def asked_for(pilot: Pilot[Any], served: Served, key: str, op: str) -> Counter[str]:
    """How often it was asked for each first page after a key; ``op`` is waited for."""
    served.asked.clear()
    await pilot.press(key)
    await until(pilot, lambda: not op or served.rows(op))
    await until(pilot, answered(pilot))
    return Counter(repr(fields) for fields in served.rows(op) if fields.get("after") is None) if op else Counter()


async def test_what_must_be_seen_to_asks_for_no_list(served: Served) -> None:
    app = app_of(served, mode="calls")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.attended and shows(pilot, "dialling")())
        await until(pilot, answered(pilot))
        app.attention = (wrong := placed("the disk is full"),)
        await pilot.press("question_mark", "escape")
        await until(pilot, shows(pilot, wrong.word))
        served.asked.clear()
        await app._attend()
        await until(pilot, lambda: wrong.word not in screen_text(app))
        await until(pilot, answered(pilot))
        assert not app.attention and served.rows("status") and not served.rows("calls_list")
