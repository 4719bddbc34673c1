"""Random bit flips over a whole small evidence database: each is found, or changes nothing that the database says."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from gate.audit.checkpoints import Checkpointer
from gate.errors import AuditError
from gate.store.projections import TABLES
from tests.support.evidence import START, fill, open_store
from tests.support.tamper import KEY, audit

FLIPS = 1_500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = open_store(tmp_path)
    fill(store, 2)
    Checkpointer(store, KEY.sign, origin=KEY.name, folder=tmp_path / "checkpoints").write(START)
    store.close()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it
        connection.execute("VACUUM")
    connection.close()
    return tmp_path


def said(folder: Path) -> list[object]:
    """All that the database says, but for the time beside a checkpoint, which is signed by nobody."""
    connection = sqlite3.connect(f"file:{folder}/gate.db?mode=ro", uri=True)
    names = ["facts", "leaves", "tiles", *(table.name for table in TABLES)]
    try:
        rows: list[object] = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in names]  # noqa: S608
        return [*rows, connection.execute("SELECT size, root, note FROM checkpoints").fetchall()]
    finally:
        connection.close()


def test_every_flip_is_found_or_changes_nothing(folder: Path) -> None:
    whole, chance, found = said(folder), random.Random(20260304), 0
    assert audit(folder).ok
    with (folder / "gate.db").open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for _ in range(FLIPS):
            place, bit = chance.randrange(size), 1 << chance.randrange(8)
            (byte,) = os.pread(file.fileno(), 1, place)
            os.pwrite(file.fileno(), bytes([byte ^ bit]), place)
            try:
                ok = audit(folder).ok
            except AuditError:
                ok = False
            assert not ok or said(folder) == whole, (place, bit)
            found += not ok
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert audit(folder).ok
    assert found > 100  # most of a small database is empty pages
