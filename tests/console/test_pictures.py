"""Pictures of the modes, fed by the recorded day. Look at each: ``python -m tests.console.look``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import LARGE, SMALL, app_of, shows, steps, typed, until
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
def test_live(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps(then=("4 calls in hand",)))


@SIZES
def test_calls(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps("4", then=("dialling", "rows")))


@SIZES
def test_a_call_explained(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("4", "~182 rows", *"jjjjj", "enter", then=("Registers as they were", "LISTED"))
    assert snap_compare(app_of(shared), terminal_size=size, run_before=before)


@SIZES
def test_registers(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps("2", then=("2 rows", "tps_ns.txt")))


@SIZES
def test_objections(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("2", "tab", "tab", then=("[objections]", "14 rows"))
    assert snap_compare(app_of(shared), terminal_size=size, run_before=before)


def test_consents(shared: Served, snap_compare: Any) -> None:
    before = steps("2", "shift+tab", then=("[consents]", "9 rows"))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_imports(shared: Served, snap_compare: Any) -> None:
    before = steps("2", "tab", then=("[imports]", "2 rows"))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_help(shared: Served, snap_compare: Any) -> None:
    before = steps("2", "~tps_ns.txt", "question_mark", then=("Keys here",))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_adding_a_consent(shared: Served, snap_compare: Any) -> None:
    before = steps("2", "shift+tab", "~9 rows", "a", then=("Who gave it",))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_high_contrast(shared: Served, snap_compare: Any) -> None:
    app = app_of(shared, theme="dialgate-contrast")
    assert snap_compare(app, terminal_size=SMALL, run_before=steps("4", then=("dialling", "rows")))


def test_without_colour(shared: Served, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=steps("4", then=("dialling", "rows")))


@SIZES
def test_recordings(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps("5", then=("closed", "rows")))


@SIZES
def test_a_recording_opened(shared: Served, snap_compare: Any, size: tuple[int, int], tmp_path: Path) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await steps("5", "~89 rows", *"jjjjj", "enter", then=("Sealed to", "Notice"))(pilot)
        await pilot.press("o")
        await until(pilot, shows(pilot, "Passphrase"))
        await typed(pilot, "complaint 17")
        await typed(pilot, PASSPHRASE)
        await until(pilot, shows(pilot, "customer", "pauses: 1"))
        pilot.app.clear_notifications()
        await pilot.pause(0.1)

    app = app_of(shared, opener=MadeUpOpener(tmp_path))
    assert snap_compare(app, terminal_size=size, run_before=opened)


def test_the_gate_is_away(served: Served, snap_compare: Any) -> None:
    async def away(pilot: Pilot[Any]) -> None:
        await steps("4", then=("182 rows",))(pilot)
        await until(pilot, lambda: not pilot.app.screen.table._on_the_way)
        served.stop()
        await until(pilot, shows(pilot, "gate AWAY"))
        served.clock.time += timedelta(seconds=42)
        await until(pilot, shows(pilot, "AWAY 42 s", "data 42 s"))

    assert snap_compare(app_of(served), terminal_size=SMALL, run_before=away)


def test_a_small_terminal(shared: Served, snap_compare: Any) -> None:
    before = steps("4", then=("182 rows", "is small"))
    assert snap_compare(app_of(shared), terminal_size=(60, 16), run_before=before)


def test_a_number_is_asked_for(shared: Served, snap_compare: Any) -> None:
    before = steps("4", "~182 rows", "u", then=("Show this number in full?",))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_the_palette(shared: Served, snap_compare: Any) -> None:
    before = steps("2", "~tps_ns.txt", "ctrl+p", *"look", then=("registers.look_up",))
    assert snap_compare(app_of(shared), terminal_size=SMALL, run_before=before)


def test_a_wide_window_in_the_light(shared: Served, snap_compare: Any) -> None:
    app = app_of(shared, theme="dialgate-light")
    before = steps("4", "~182 rows", "j", "j", then=("Registers as they were", "Facts, each with its leaf"))
    assert snap_compare(app, terminal_size=(200, 50), run_before=before)
