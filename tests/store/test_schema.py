"""The tables and their migrations."""

from __future__ import annotations

import sqlite_utils

from gate.store.connect import open_writer
from gate.store.schema import migrations
from tests.support.evidence import open_store


def test_migrations_are_applied_once(tmp_path):
    open_store(tmp_path).close()
    before = sqlite_utils.Database(tmp_path / "gate.db")
    applied = [each.applied_at for each in migrations.applied(before)]
    assert migrations.pending(before) == []
    open_store(tmp_path).close()
    assert [each.applied_at for each in migrations.applied(before)] == applied
    before.close()


def test_every_table_of_ours_is_strict(tmp_path):
    database = open_writer(tmp_path / "gate.db")
    ours = [table for table in database.tables if not table.name.startswith(("_sqlite", "sqlite_"))]
    assert {table.name for table in ours} >= {"facts", "leaves", "tiles", "checkpoints", "calls"}
    assert [table.name for table in ours if not table.strict] == []
    database.close()
