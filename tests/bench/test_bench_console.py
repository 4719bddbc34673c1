"""The measurement of the console in small: it answers keys while snapshots come in; and the terminal in which it is
measured paints what is written."""

from __future__ import annotations

from pathlib import Path

from tests.bench.bench_console import flooded
from tests.support.example import make_example
from tests.support.painted import Picture


def test_keys_are_answered_while_snapshots_come_in(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    rows = {row["name"]: row for row in flooded(tmp_path / "gate", 1.0)}
    assert rows["a key among 30 calls in hand"]["note"].endswith("of 10")
    assert all(row["value"] > 0 for row in rows.values())


def test_a_picture_is_what_was_written_where_and_how() -> None:
    picture = Picture(20, 4)
    picture.paint("\x1b[?2026h\x1b[2;3Hab\x1b[1;48;2;1;2;3mcd\x1b[0m\r\n界x\x1b[4;1")
    assert picture.text == "\n  abcd\n界 x\n"
    picture.paint("Hend")
    assert picture.line(3) == "end"
    picture.paint("\x1b[1;3H\x1b[38;2;9;9;9;48;2;1;2;3mx\x1b[m")
    assert picture.marked(range(4)) == 0
    assert picture.marked(range(4), x=4) == 1
