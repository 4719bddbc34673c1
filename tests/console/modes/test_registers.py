"""Registers in the console: an import with its progress, one that is stopped, one that is refused; a look-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gate.registers.snapshot_store import locked
from tests.console.conftest import app_of, screen_text, shows, typed, until
from tests.console.served import ROOT, Served
from tests.support.waiting import PATIENCE


async def import_asked(pilot: Any, path: Path, as_of: str) -> None:
    await pilot.press("2")
    await until(pilot, shows(pilot, "2 rows", "14 Jul 2026"))
    await pilot.press("i")
    await until(pilot, shows(pilot, "Import a register"))
    await typed(pilot, str(path))
    await typed(pilot, as_of)
    await typed(pilot, "")
    await typed(pilot, "")
    await typed(pilot, "")


def lines(path: Path, count: int) -> Path:
    """A register file of so many numbers."""
    path.write_text(
        "".join(f"{f'0{1 + n // 10**9}{n % 10**9:09}':<12}\r\n" for n in range(2 * 10**8, 2 * 10**8 + count))
    )
    return path


async def test_an_import_is_followed_to_its_end(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await import_asked(pilot, ROOT / "sample_lists" / "tps_ns.txt", "2026-07-15")
        await until(pilot, shows(pilot, "15 Jul 2026", "is in force"), seconds=PATIENCE)
        assert served.facts()[-1]["kind"] == "register_imported"


async def test_an_import_is_stopped_and_the_register_stays(served: Served) -> None:
    app = app_of(served)
    path = lines(served.folder / "tps.txt", 2_000)
    busy = locked(served.config.data / "registers", "tps", lambda: None)  # else it is over before anybody stops it
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        with busy:
            await import_asked(pilot, path, "2026-07-15")
            await until(pilot, shows(pilot, "Importing TPS", "waiting for another import"))
            await pilot.press("escape")
            await until(pilot, shows(pilot, "was stopped by"), seconds=PATIENCE)
        assert "14 Jul 2026" in screen_text(app)
        assert "register_imported" not in [fact["kind"] for fact in served.facts()[-1:]]


async def test_a_refused_file_is_told_with_what_to_do(served: Served) -> None:
    app = app_of(served)
    path = served.folder / "empty.txt"
    path.write_text("")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await import_asked(pilot, path, "2026-07-15")
        await until(pilot, shows(pilot, "Not taken:"), seconds=PATIENCE)
        await pilot.press("escape")
        await until(pilot, shows(pilot, "TPS      ok       14 Jul 2026"))


async def test_a_number_is_looked_up_without_a_leaf(served: Served) -> None:
    app = app_of(served)
    before = len(served.facts())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("2")
        await until(pilot, shows(pilot, "2 rows"))
        await pilot.press("n")
        await until(pilot, shows(pilot, "May a number be dialled?"))
        await typed(pilot, "020 7946 0101")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "The gate would answer", "listed tps", "block"))
        await pilot.press("escape")
        await until(pilot, shows(pilot, "[registers]"))
        await pilot.press("n")
        await until(pilot, shows(pilot, "May a number be dialled?"))
        await typed(pilot, "hello")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "number invalid", "none was read"))
        assert "erased" not in screen_text(app), "nothing was there that could be"
    assert len(served.facts()) == before


async def test_what_callers_made_by_key_is_taken_back_from_the_list_of_objections(served: Served) -> None:
    app = app_of(served)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("2")
        await until(pilot, shows(pilot, "2 rows"))
        await pilot.press("tab", "tab")
        await until(pilot, shows(pilot, "asked on the phone"))
        await pilot.press("X")
        await until(pilot, shows(pilot, "Take back objections by key?"))
        await typed(pilot, "nobody")
        await typed(pilot, "2026-07-01 09:00")
        await typed(pilot, "")
        await typed(pilot, "forged caller IDs")
        await until(pilot, shows(pilot, "there is no trunk"))
        trunk = served.config.trunk[0].name
        await pilot.press("escape", "X")
        await until(pilot, shows(pilot, "Take back objections by key?"))
        await typed(pilot, trunk)
        await typed(pilot, "soon")
        await typed(pilot, "")
        await typed(pilot, "forged caller IDs")
        await until(pilot, shows(pilot, "this is no time"))
        await pilot.press("escape", "X")
        await until(pilot, shows(pilot, "Take back objections by key?"))
        for text in (trunk, "2026-07-01 09:00", "", "forged caller IDs"):
            await typed(pilot, text)
        await until(pilot, shows(pilot, "0 objections taken back; 0 stand"))
        assert not served.facts("objection_removed")
