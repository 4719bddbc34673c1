"""A call step by step in the console: drawn from its facts, each step proven here, saved as a page that verifies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from console.app import ConsoleApp
from gate.client.files import OutputFiles
from gate.client.pages import ReportPages
from gate.config import load
from gate.control.client import ControlClient
from gate.operations.calls import calls
from tests.console.conftest import SMALL, app_of, screen_text, shows, steps, typed, until
from tests.console.opener import PASSPHRASE, MadeUpOpener
from tests.console.served import Served
from tests.console.test_told import become
from tests.exports.test_ladder import verified

WIDE = (200, 50)
SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "200x50"])


def a_talk(served: Served) -> str:
    """A call of the day that was talked and recorded with a pause."""
    closed = [each for each in served.facts("recording_closed") if each["body"]["gaps"]]
    return str(closed[0]["body"]["call_id"])


def console_of(served: Served, **setup: Any) -> ConsoleApp:
    path = served.folder / "config.toml"
    return app_of(served, papers=ReportPages(load(path, secrets=False), path), files=OutputFiles(), **setup)


async def to_ladder(pilot: Pilot[Any], call_id: str) -> None:
    await steps("4", "~182 rows", "slash")(pilot)
    await typed(pilot, call_id[:12])
    await until(pilot, shows(pilot, "1 row", "ended"))
    await pilot.press("enter")
    await until(pilot, shows(pilot, "Registers as they were"))
    await pilot.press("l")
    await until(pilot, shows(pilot, "INVITE", "BYE", "packets"))


@SIZES
def test_the_ladder(shared: Served, snap_compare: Any, size: tuple[int, int], tmp_path: Path) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await to_ladder(pilot, a_talk(shared))
        await pilot.press("o")
        await until(pilot, shows(pilot, "Passphrase"))
        await typed(pilot, "complaint 17")
        await typed(pilot, PASSPHRASE)
        await until(pilot, shows(pilot, "88 lost, jitter 12.6 ms", "pauses: 1"))
        pilot.app.clear_notifications()
        await pilot.pause()

    app = console_of(shared, opener=MadeUpOpener(tmp_path))
    assert snap_compare(app, terminal_size=size, run_before=opened)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_enter_proves_a_step_against_the_checkpoint(served: Served, size: tuple[int, int]) -> None:
    app = console_of(served)
    async with app.run_test(size=size, notifications=True) as pilot:
        await to_ladder(pilot, a_talk(served))
        await pilot.press("j", "j", "enter")
        await until(
            pilot, shows(pilot, "PROVEN: it stands in the signed log", "200 OK PCMU", "as the leaf commits to it")
        )
        assert '"kind":"answered"' in screen_text(app).replace("\n", "").replace(" ", "")
        await pilot.press("escape", "g", "enter")
        await until(
            pilot, shows(pilot, "PROVEN: it stands in the signed log", "INVITE", "left out: it may name somebody")
        )
    assert len(served.facts("number_shown")) == 0


async def test_a_gate_that_gives_a_value_of_another_leaf_is_found_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = calls._leaf

    def forged(row: Any, *arguments: Any, **named: Any) -> Any:
        found = true(row, *arguments, **named)
        return msgspec.structs.replace(found, body='{"codec":"PCMA"}') if row.kind == "answered" else found

    monkeypatch.setattr(calls, "_leaf", forged)
    app = console_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_ladder(pilot, a_talk(served))
        await pilot.press("j", "j", "enter")
        await until(pilot, shows(pilot, "NOT PROVEN", "NOT what the leaf commits to"))


async def test_it_is_saved_as_a_page_that_verifies_and_as_text(served: Served, tmp_path: Path) -> None:
    call_id, out = a_talk(served), tmp_path / "out"
    out.mkdir()
    app = console_of(served, exports=out)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_ladder(pilot, call_id)
        for path in (out / f"{call_id[:12]}.html", out / "call.txt"):
            await pilot.press("s")
            await until(pilot, shows(pilot, "Save this ladder"))
            await typed(pilot, "")
            await pilot.press("ctrl+u")
            await typed(pilot, str(path))
            await until(pilot, lambda path=path: path.exists())
            await until(pilot, shows(pilot, "Written:"))
    leaves = verified((out / f"{call_id[:12]}.html").read_text(encoding="utf-8"))
    shown = ControlClient(served.socket).call("calls_show", call_id=call_id)
    assert sorted(leaves) == [each["leaf_index"] for each in shown["facts"]]
    assert "BYE" in (out / "call.txt").read_text(encoding="utf-8")


async def test_a_viewer_sees_the_ladder_and_is_given_no_proof(served: Served) -> None:
    app = console_of(served)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_ladder(pilot, a_talk(served))
        become(app, "viewer")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "viewer"))
    assert "calls_prove" not in [name for name, _ in served.asked]
