"""A list saved as it is shown: its rows with filter, order and columns, and no number in full."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from console.modes.listing import as_file
from console.widgets.rows import Column
from gate.client.files import OutputFiles
from tests.console.conftest import LARGE, app_of, screen_text, shows, typed, until
from tests.console.served import Served


async def test_a_filtered_list_is_saved_as_it_is_shown(shared: Served, tmp_path: Path) -> None:
    app = app_of(shared, mode="calls", files=OutputFiles(), exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "182 rows"))
        await pilot.press("slash")
        await typed(pilot, "tps")
        await until(pilot, lambda: "182 rows" not in screen_text(app) and " rows" in screen_text(app))
        total = app.screen.table.total
        assert 0 < total < 182
        for name in ("calls.csv", "calls.json"):
            await pilot.press("E")
            await until(pilot, shows(pilot, "Save this list"))
            await pilot.press("ctrl+u")
            await typed(pilot, str(tmp_path / name))
            await until(pilot, lambda name=name: (tmp_path / name).exists())
            await until(pilot, shows(pilot, "Written:"))
        await pilot.press("E")
        await until(pilot, shows(pilot, "Save this list"))
        await pilot.press("ctrl+u")
        await typed(pilot, str(tmp_path / "calls.xlsx"))
        await until(pilot, shows(pilot, "a list is .csv or .json"))
    saved = json.loads((tmp_path / "calls.json").read_text(encoding="utf-8"))
    with (tmp_path / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(saved) == total and rows == saved
    assert {row["Reason"] for row in saved} <= {"listed tps", "listed ctps"}
    numbers = {fact["body"]["number"] for fact in shared.facts("decision")} - {""}
    written = (tmp_path / "calls.csv").read_text() + (tmp_path / "calls.json").read_text()
    assert not [number for number in numbers if number[1:] in written or number[3:] in written.replace(" ", "")]


def test_no_cell_is_a_formula() -> None:
    columns = [Column("Note", 10, lambda row: (row, ""))]
    assert b"'=1+1" in as_file(columns, ["=1+1"], "csv")
    assert json.loads(as_file(columns, ["=1+1"], "json")) == [{"Note": "=1+1"}]
