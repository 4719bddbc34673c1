"""Every cell of a busy store, and bits all over its file: each change is found, or it is one of those that cannot
matter."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from gate.errors import AuditError
from tests.attack.cells import cells, change_cells, flat, flip_bits
from tests.support.busy import busy_store, verified

pytestmark = pytest.mark.deep

FLIPS = 180

_CRM = "a copy of what the CRM holds, and made again by the next import or screening: no call is decided by it"
CANNOT_MATTER = {
    "_sqlite_migrations.id": "numbers the rows; only set and name are read, and they are compared",
    "_sqlite_migrations.applied_at": "when a change of the tables was made; nothing reads it",
    **{
        f"memory.{column}": "how far the journal in the second place goes: no evidence, and compared at each start"
        for column in ("number", "digest", "size", "leaf")
    },
    **{
        f"attempts.{column}": "an INVITE of the last hour, for other gates of the database: one gate alone writes none"
        for column in ("attempt", "at")
    },
    **{
        f"nodes.{column}": "what a gate says of itself to the others of its database: each writes its row anew"
        for column in ["gate", "address", "version", "state", "wanted", "calls", "used", "seen_at"]
    },
    **{
        f"{table}.{column}": _CRM
        for table, columns in {
            "contact_lists": "list state on_behalf_of imported_at actor source_name sha256 topic contacts bad_rows"
            " screened_at registers leaf",
            "contacts": "list number reference outcome since was",
            "contact_outcomes": "outcome verdict reason",
            "contact_faults": "list line field reference fault",
            "contact_forgotten": "list number",
        }.items()
        for column in columns.split()
    },
}
"""Reviewed: each cell that verification passes over, and why whoever changes it gains nothing. That the contacts are
not evidence is said by ``audit verify`` itself."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = busy_store(tmp_path / "busy")
    with sqlite3.connect(made / "gate.db") as connection:
        connection.execute("INSERT INTO attempts VALUES ('of an INVITE', '2026-03-02T10:00:00Z')")
        node = "0, '127.0.0.1:5060', '0.2.0', 'open', '', 0, '{}', '2026-03-02T10:00:00Z'"
        connection.execute(f"INSERT INTO nodes VALUES ({node})")  # noqa: S608
    connection.close()
    flat(made / "gate.db")
    return made


def noticed(folder: Path) -> bool:
    try:
        return not verified(folder).ok
    except AuditError:
        return True


def said(path: Path) -> list[object]:
    """All that the database says, but for what cannot matter."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        schema = [
            (*row[:3], re.sub(r"--[^\n]*", "", row[3] or ""))  # a comment in the SQL cannot matter either
            for row in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")
            if (row[0], row[2])
            != ("index", "_sqlite_migrations")  # sqlite-utils' own: nothing asks for it, by name or else
        ]
        kept: dict[str, list[str]] = {}
        for cell in cells(path):
            if str(cell) not in CANNOT_MATTER and cell.column not in kept.setdefault(cell.table, []):
                kept[cell.table].append(cell.column)
        rows = [
            connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()  # noqa: S608
            for table, columns in kept.items()
            if columns
        ]
        return [schema, *rows]
    finally:
        connection.close()


def test_every_changed_cell_is_found_or_cannot_matter(folder: Path) -> None:
    assert not noticed(folder), verified(folder).faults
    tables = {cell.table for cell in cells(folder / "gate.db")}
    connection = sqlite3.connect(folder / "gate.db")
    assert tables == {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    tried, missed = change_cells(folder / "gate.db", lambda: noticed(folder), rows=1)
    assert tried > 400
    assert {str(cell) for cell in missed} == set(CANNOT_MATTER)


def test_every_flip_is_found_or_changes_nothing_that_matters(folder: Path) -> None:
    path = folder / "gate.db"
    before, whole = path.read_bytes(), said(path)
    missed = flip_bits(path, lambda: noticed(folder), FLIPS, seed=20260304)
    assert path.read_bytes() == before
    assert len(missed) < FLIPS - 100  # some of a small database is empty
    for place, bit in missed:
        path.write_bytes(before[:place] + bytes([before[place] ^ bit]) + before[place + 1 :])
        assert said(path) == whole, (place, bit)
