"""How the database is opened."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from gate.errors import StoreError
from gate.store.connect import open_reader, open_writer
from gate.store.store import EvidenceStore
from tests.support.evidence import decision, open_store, put


def test_files_are_for_their_owner_alone(store):
    put(store, decision("c1"))
    files = sorted(store.path.parent.glob("gate.db*"))
    assert [file.name for file in files] == ["gate.db", "gate.db-shm", "gate.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_evidence_is_durable_by_the_databases_own_rules(store):
    pragmas = ("journal_mode", "synchronous", "secure_delete")
    asked = store._wait(lambda c: [c.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas], 5, alone=True)
    assert asked == ["wal", 2, 1]


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path, content):
    (tmp_path / "gate.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"gate\.db"):
        open_store(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(StoreError, match="cannot open"):
        open_store(tmp_path / "nowhere")


def test_a_damaged_name_that_is_no_text_is_a_store_error(tmp_path):
    path = tmp_path / "gate.db"
    open_writer(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    content = bytearray(path.read_bytes())
    name = content.index(b"holdsholds")
    content[name + 2] = 0xD5
    path.write_bytes(content)
    for opened in (open_reader, open_writer, lambda path: EvidenceStore(path, pepper=b"p" * 32)):
        with pytest.raises(StoreError):
            opened(path)
