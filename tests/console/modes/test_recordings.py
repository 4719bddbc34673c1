"""Recordings in the console: a key, a purpose, a waveform, sound, a file, a hold; a passphrase stays nowhere."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from console.widgets.wave import Wave
from tests.console.conftest import app_of, screen_text, shows, typed, undone, until
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served


async def opened_list(pilot: Any, *keys: str) -> None:
    await pilot.press("5")
    await until(pilot, shows(pilot, "closed", "rows"))
    await pilot.press(*"jjjjj", "enter")
    await until(pilot, shows(pilot, "Sealed to", "Holds"))
    await pilot.press(*keys)


async def test_a_key_is_tried_again_and_a_purpose_is_asked_for_once(shared: Served, tmp_path: Path) -> None:
    opener = MadeUpOpener(tmp_path)
    app = app_of(shared, opener=opener)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened_list(pilot, "o")
        await until(pilot, shows(pilot, "What is it opened for?", "Passphrase"))
        await typed(pilot, "complaint 17")
        await typed(pilot, "wrong")
        await until(pilot, shows(pilot, "does not open ann.key", "complaint 17"))
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.password)
        await typed(pilot, PASSPHRASE)
        await until(pilot, lambda: app.screen.query_one(Wave).envelope)
        await pilot.press("p")
        await until(pilot, opener.playing.is_set)
        await pilot.press("p")
        await until(pilot, shows(pilot, "Stopped"))
        recording = app.screen.recording_id  # type: ignore[attr-defined]
        assert opener.asked[-2:] == [
            ("envelope", recording, "complaint 17"),
            ("play", recording, "complaint 17"),
        ]


async def test_a_passphrase_is_on_no_screen_and_in_no_widget(shared: Served, tmp_path: Path) -> None:
    app = app_of(shared, opener=MadeUpOpener(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await opened_list(pilot, "o")
        await until(pilot, shows(pilot, "Passphrase"))
        await typed(pilot, "complaint 17")
        for sign in PASSPHRASE:
            await pilot.press("space" if sign == " " else sign)
            assert PASSPHRASE[:4] not in screen_text(app)
        assert PASSPHRASE not in app.export_screenshot() and "correct" not in app.export_screenshot()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query(Wave) and app.screen.query_one(Wave).envelope)
        gc.collect()
        kept = [each for each in gc.get_objects() if isinstance(each, Input) and PASSPHRASE in str(each.value)]
        assert kept == []


async def test_an_export_goes_where_one_says(shared: Served, tmp_path: Path) -> None:
    app = app_of(shared, opener=MadeUpOpener(tmp_path), exports=tmp_path)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened_list(pilot, "e")
        await until(pilot, shows(pilot, "Passphrase"))
        await typed(pilot, "complaint 17")
        await typed(pilot, PASSPHRASE)
        await until(pilot, shows(pilot, "Export as a WAV"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Written:"))
        assert len(list(tmp_path.glob("*.wav"))) == 1


async def test_a_hold_is_put_and_taken_back(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened_list(pilot, "h")
        await until(pilot, shows(pilot, "Hold this recording"))
        await typed(pilot, "a claim")
        await typed(pilot, "case 99/2026")
        await pilot.press("c", "enter")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "hold case 99/2026: a claim"))
        await undone(pilot)
        await until(pilot, shows(pilot, "none on this recording or its call"))
        assert [fact["kind"] for fact in served.facts()[-2:]] == ["hold", "hold_released"]


async def test_without_a_key_of_ones_own_nothing_can_be_opened(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened_list(pilot, "o", "p", "e")
        await pilot.pause(0.2)
        assert "Passphrase" not in screen_text(app)


@pytest.mark.parametrize("key", ["o", "p", "e"])
async def test_a_passphrase_that_is_typed_in_one_burst_lands_in_no_other_field(
    shared: Served, tmp_path: Path, key: str
) -> None:
    opener = MadeUpOpener(tmp_path)
    app = app_of(shared, opener=opener, exports=tmp_path)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened_list(pilot)
        for letter in f"{key}complaint 17\r{PASSPHRASE}\r":
            app.post_message(events.Key({" ": "space", "\r": "enter"}.get(letter, letter), letter))
        await until(pilot, lambda: ("unlock", "ann.key") in opener.asked)
        await until(pilot, lambda: opener.holder() == "Ann Example")
        assert not [each for each in opener.asked if PASSPHRASE in " ".join(each)]
        assert not [field for field in app.screen.query(Input) if PASSPHRASE in field.value]
        assert PASSPHRASE not in screen_text(app)


async def test_how_long_a_key_stays_open_is_counted_down_and_its_end_is_said(shared: Served, tmp_path: Path) -> None:
    opener = MadeUpOpener(tmp_path)
    app = app_of(shared, opener=opener)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened_list(pilot)
        assert "key open" not in screen_text(app)
        opener.unlock(tmp_path / "ann.key", PASSPHRASE)
        await until(pilot, lambda: "key open 15:00" in screen_text(app))
        opener.seconds = 42.0
        await until(pilot, lambda: "key open 0:42" in screen_text(app))
        opener.lock()
        await until(pilot, lambda: "No private key is open any more." in screen_text(app))
        await until(pilot, lambda: "key open" not in screen_text(app))
