"""Who attacks: somebody who may write to ``gate.db`` (an administrator, a restored disk, chance) and has not the key
that the log is signed with. What they want: that one cell, or one bit, says something else and nobody notices.

    python -m tests.attack.cells CONFIG [--rows N] [--tables A,B] [--bits N] [--seed N]

It works on a copy of the gate's folder, while no gate uses it. Each cell of each table (of the first N rows of each
sort, where told) is changed by itself, then bits all over the file are flipped one by one, and
``dialgate audit verify`` is asked each time. Prints one line of JSON: how many were tried, and which were not noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support import programs


class Cell(NamedTuple):
    """One value of one row."""

    table: str
    column: str
    rowid: int | None
    """None where the table has none: then ``key`` finds the row."""
    key: tuple[tuple[str, object], ...]

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def other(value: object) -> object:
    """A value of the same type that is not this one."""
    if value is None:
        return "x"
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1, *value[1:]]) if value else b"x"
    if isinstance(value, str):
        return f"{value}x" if not value[-1:].isdigit() else f"{value[:-1]}{(int(value[-1]) + 1) % 10}"
    assert isinstance(value, int | float)
    return value + 1


def cells(path: Path, rows: int = 0) -> Iterator[Cell]:
    """Every cell of every table; of the first ``rows`` rows of each sort (kind of fact, table) where that is not 0."""
    database = sqlite3.connect(path)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    for table in tables:
        columns = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
        kept = [column[1] for column in columns if column[6] == 0]
        keys = [column[1] for column in columns if column[5]]
        (sql,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [table]).fetchone()
        bare = "WITHOUT ROWID" in sql
        seen: dict[str, int] = {}
        rowid = "NULL" if bare else "rowid"
        for row in database.execute(f"SELECT {rowid}, {', '.join(kept)} FROM {table}").fetchall():  # noqa: S608
            values = dict(zip(kept, row[1:], strict=True))
            sort = str(values.get("kind", "")) + str(values.get("body") is None)
            seen[sort] = seen.get(sort, 0) + 1
            if not rows or seen[sort] <= rows:
                key = tuple((name, values[name]) for name in keys)
                yield from (Cell(table, column, row[0], key) for column in kept)
    database.close()


def changed(path: Path, cell: Cell) -> bool:
    """Change it; False where the table itself allows no other value that could be put there."""
    database = sqlite3.connect(path, isolation_level=None)
    where, key = ("rowid = ?", [cell.rowid]) if cell.rowid is not None else (
        " AND ".join(f"{name} = ?" for name, _ in cell.key), [value for _, value in cell.key])  # fmt: skip
    (value,) = database.execute(f"SELECT {cell.column} FROM {cell.table} WHERE {where}", key).fetchone()  # noqa: S608
    tries = [other(value), *((1, 1.5, b"x", None) if value is None else (10**9,) if isinstance(value, int) else ())]
    try:
        for new in tries:
            try:
                database.execute(f"UPDATE {cell.table} SET {cell.column} = ? WHERE {where}", [new, *key])  # noqa: S608
            except sqlite3.Error:
                continue
            return True
        return False
    finally:
        database.close()


def flat(path: Path) -> None:
    """One file and nothing beside it, without free pages, and pages so small that little of them is empty: nearly each
    bit of it is one that could say something."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = DELETE").fetchall()
    database.execute("PRAGMA page_size = 1024")
    database.execute("VACUUM")
    database.close()


def change_cells(
    path: Path, noticed: Callable[[], bool], rows: int = 0, tables: Collection[str] = ()
) -> tuple[int, list[Cell]]:
    """How many cells could be changed (of these tables, where any is named), and those whose change was not noticed.
    The file is put back after each."""
    whole = path.read_bytes()
    tried, missed = 0, []
    for cell in list(cells(path, rows)):
        if (not tables or cell.table in tables) and changed(path, cell):
            tried += 1
            if not noticed():
                missed.append(cell)
        path.write_bytes(whole)
    return tried, missed


def flip_bits(path: Path, noticed: Callable[[], bool], bits: int, seed: int) -> list[tuple[int, int]]:
    """(byte, bit) of the flips that were not noticed, of so many all over the file."""
    chance, missed = random.Random(seed), []
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for _ in range(bits):
            place, bit = chance.randrange(size), 1 << chance.randrange(8)
            (byte,) = os.pread(file.fileno(), 1, place)
            os.pwrite(file.fileno(), bytes([byte ^ bit]), place)
            if not noticed():
                missed.append((place, bit))
            os.pwrite(file.fileno(), bytes([byte]), place)
    return missed


def main(argv: list[str] | None = None) -> int:
    """Tell what was not noticed; the exit code is 1 where that is anything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--tables", default="")
    parser.add_argument("--bits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    copy = given.config.parent.with_name(given.config.parent.name + ".copy")
    shutil.copytree(given.config.parent, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    path = copy / "data" / "gate.db"

    def noticed() -> bool:
        before = path.read_bytes()
        try:
            done = programs.run("gate.cli.main", "audit", "verify", "-c", str(copy / given.config.name))
            return done.returncode != 0
        finally:
            path.write_bytes(before)  # asking leaves a leaf

    try:
        flat(path)
        tried, missed = change_cells(path, noticed, given.rows, given.tables.split(",") if given.tables else ())
        flips = flip_bits(path, noticed, given.bits, given.seed)
    finally:
        shutil.rmtree(copy)
    told = {"cells": tried, "cells_missed": sorted({str(cell) for cell in missed}), "bits": given.bits}
    print(json.dumps(told | {"bits_missed": flips}))
    return 1 if missed or flips else 0


if __name__ == "__main__":
    sys.exit(main())
