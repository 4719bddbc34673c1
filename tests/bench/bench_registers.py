"""Registers at national scale, beside what one would use instead. ``python -m tests.bench.bench_registers [SIZE …]``

Import: against SQLite's own command line and ``sqlite-utils insert``. Membership: against a SQLite table, a Python set
and a sorted numpy array. Every figure comes from a process of its own, so that memory is its own too; all files come
from the page cache. What would take minutes (``sqlite-utils`` on 18 million lines) is measured on a million and
multiplied, and says so; it gets large batches, so that syncing the disk is not what is measured.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import registers_gen

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
ASKED = 300_000
LARGEST_SET = 20_000_000
SCALED_FROM = 1_000_000

Row = dict[str, Any]
"""``size``, ``what``, ``tool``, ``figure``, ``unit``, ``ratio`` (to Dialgate's figure of the same size and kind)."""


def run(sizes: Sequence[int] = (1_000_000, 18_000_000, 50_000_000)) -> list[Row]:
    """All rows for registers of these sizes."""
    rows: list[Row] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
            rows += _one_size(size, Path(place))
    return rows


def _one_size(size: int, place: Path) -> list[Row]:
    source = place / "tps_ns.txt"
    numbers = registers_gen.make(size, seed=1)
    registers_gen.write(source, numbers)
    np.save(place / "sorted.npy", np.sort(_e164(numbers)))
    dice = np.random.default_rng(2)
    asked = dice.choice(numbers, ASKED)
    asked[::2] += dice.integers(-500, 500, len(asked[::2]))
    np.save(place / "asked.npy", asked)
    del numbers

    rows: list[Row] = []
    ours = _measure("import", place)
    again = _measure("import", place)
    rows += [
        _row(size, "import", "dialgate", ours["seconds"], "s"),
        _row(size, "import, compared with one in force", "dialgate", again["seconds"], "s"),
        _row(size, "import", "dialgate", max(ours["mb"], again["mb"]), "MB peak"),
    ]
    if shutil.which("sqlite3"):
        rows.append(_row(size, "import", "sqlite3 .import", _sqlite_cli(source, place), "s", ours["seconds"]))
    else:
        _fill_sqlite(place)
    seconds, scale = _sqlite_utils(source, place, size)
    note = f" (1 M × {scale:g})" if scale != 1 else ""
    rows.append(_row(size, "import", f"sqlite-utils insert{note}", seconds * scale, "s", ours["seconds"]))

    kinds = ["snapshot", "library", "sqlite", "numpy", *(["set"] if size <= LARGEST_SET else [])]
    found = {kind: _measure(kind, place) for kind in kinds}
    if len({each["listed"] for each in found.values()}) != 1:
        raise AssertionError(f"the tools disagree: {found}")
    for what, key, unit in (
        ("look-up", "us", "µs"),
        ("first look-ups", "cold_us", "µs"),
        ("open", "open_ms", "ms"),
        ("private memory", "mb", "MB"),
    ):
        base = found["snapshot"][key]
        rows += [_row(size, what, NAMES[kind], found[kind][key], unit, base) for kind in kinds]
    return rows


NAMES = {
    "snapshot": "dialgate",
    "library": "dialgate, full view",
    "sqlite": "SQLite",
    "numpy": "sorted numpy",
    "set": "Python set",
}


def _e164(national: registers_gen.Numbers) -> registers_gen.Numbers:
    """National numbers of nine or ten digits as the integers of their E.164 digits."""
    return national + np.where(national < 1_000_000_000, 44_000_000_000, 440_000_000_000)


def _row(size: int, what: str, tool: str, figure: float, unit: str, base: float | None = None) -> Row:
    ratio = figure / base if base and base > 0.1 else None
    return {"size": size, "what": what, "tool": tool, "figure": figure, "unit": unit, "ratio": ratio}


def _measure(kind: str, place: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bench_registers", "--measure", kind, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{kind}: {done.stderr}")
    return dict(json.loads(done.stdout))


def _sqlite_cli(source: Path, place: Path) -> float:
    database = place / "sqlite.db"
    script = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE tps(number INTEGER PRIMARY KEY);\n"
    script += f".mode csv\n.import {source} tps\n"
    begun = time.perf_counter()
    subprocess.run(["sqlite3", str(database)], input=script, text=True, check=True, capture_output=True)
    return time.perf_counter() - begun


def _fill_sqlite(place: Path) -> None:
    connection = sqlite3.connect(place / "sqlite.db")
    connection.execute("CREATE TABLE tps(number INTEGER PRIMARY KEY)")
    lines = (place / "tps_ns.txt").read_text().split()
    connection.executemany("INSERT INTO tps VALUES (?)", ((int(line),) for line in lines))
    connection.commit()


def _sqlite_utils(source: Path, place: Path, size: int) -> tuple[float, float]:
    """Seconds for at most a million lines, and by how much to multiply them."""
    lines = min(size, SCALED_FROM)
    part = place / "part.txt"
    with source.open("rb") as whole:
        part.write_bytes(whole.read(lines * registers_gen.RECORD))
    tool = Path(sys.executable).parent / "sqlite-utils"
    begun = time.perf_counter()
    command = [str(tool), "insert", str(place / "utils.db"), "tps", str(part), "--csv", "--no-headers", "--silent"]
    command += ["--batch-size", "10000"]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun, size / lines


# --- in the measuring process -----------------------------------------------------------------------------------------


def _private_mb() -> float:
    """Memory that is this process's alone: anonymous pages, resident."""
    return _status_mb("RssAnon")


def _peak_mb() -> float:
    """The most that this process had in memory. Not ``ru_maxrss``: that one starts from its parent's."""
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _measure_import(place: Path) -> dict[str, float]:
    from gate.registers.importer import import_file

    begun = time.perf_counter()
    import_file(place / "registers", "tps", place / "tps_ns.txt", as_of=date(2026, 2, 10), now=NOW)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "mb": _peak_mb()}


def _measure_look_ups(kind: str, place: Path) -> dict[str, float]:
    national = np.load(place / "asked.npy")
    asked: list[Any] = (national if kind == "sqlite" else _e164(national)).tolist()
    if kind == "library":
        asked = [f"+{number}" for number in asked]
    opener = {
        "snapshot": _open_snapshot,
        "library": _open_library,
        "sqlite": _open_sqlite,
        "numpy": _open_numpy,
        "set": _open_set,
    }[kind]
    import gate.registers.library  # noqa: F401 - modules are not what is measured

    before = _private_mb()
    begun = time.perf_counter()
    contains = opener(place)
    opened = time.perf_counter() - begun
    times = []
    listed = 0
    for turn in range(4):
        begun = time.perf_counter()
        if turn == 0:
            listed = sum(map(bool, map(contains, asked)))
        else:
            for number in asked:
                contains(number)
        times.append(time.perf_counter() - begun)
    return {
        "us": min(times[1:]) / len(asked) * 1e6,
        "cold_us": times[0] / len(asked) * 1e6,
        "open_ms": opened * 1e3,
        "mb": max(0.0, _private_mb() - before),
        "listed": listed,
    }


def _open_snapshot(place: Path) -> Callable[[Any], object]:
    from gate.registers.snapshot_store import open_in_force

    found = open_in_force(place / "registers", "tps")
    assert found is not None
    return found[1].__contains__


def _open_library(place: Path) -> Callable[[Any], object]:
    from gate.registers.library import RegisterLibrary

    library = RegisterLibrary(place / "registers", ("tps",))
    return lambda number: library.view(number)[0].listed


def _open_sqlite(place: Path) -> Callable[[Any], object]:
    execute = sqlite3.connect(place / "sqlite.db").execute
    return lambda number: execute("SELECT 1 FROM tps WHERE number = ?", (number,)).fetchone()


def _open_numpy(place: Path) -> Callable[[Any], object]:
    keys = np.load(place / "sorted.npy")
    last = len(keys) - 1
    search = keys.searchsorted
    return lambda number: keys[min(search(number), last)] == number


def _open_set(place: Path) -> Callable[[Any], object]:
    return set(np.load(place / "sorted.npy").tolist()).__contains__


def main() -> None:
    """Print the rows as a table; sizes as arguments."""
    if sys.argv[1:2] == ["--measure"]:
        kind, place = sys.argv[2], Path(sys.argv[3])
        print(json.dumps(_measure_import(place) if kind == "import" else _measure_look_ups(kind, place)))
        return
    sizes = [int(argument) for argument in sys.argv[1:]]
    print("| numbers | what | tool | figure | ratio |\n|--:|---|---|--:|--:|")
    for row in run(sizes) if sizes else run():
        ratio = f"{row['ratio']:.1f}" if row["ratio"] is not None else ""
        print(f"| {row['size']:,} | {row['what']} | {row['tool']} | {row['figure']:,.2f} {row['unit']} | {ratio} |")


if __name__ == "__main__":
    main()
