"""How the database is opened."""

from __future__ import annotations

import ctypes
import sqlite3
import stat
from pathlib import Path

import pytest

from gate.errors import StoreError
from gate.store.reader import CACHE, open_reader, open_writer
from gate.store.store import EvidenceStore
from gate.vault import keystore
from gate.vault.keystore import KeyStoreDb
from tests.support.documents import page
from tests.support.evidence import decision, open_store, put

pytestmark = pytest.mark.engine("sqlite")


def test_files_are_for_their_owner_alone(store):
    put(store, decision("c1"))
    files = sorted(store.path.parent.glob("gate.db*"))
    assert [file.name for file in files] == ["gate.db", "gate.db-shm", "gate.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_evidence_is_durable_by_the_databases_own_rules(store):
    pragmas = ("journal_mode", "synchronous", "secure_delete")
    asked = store._wait(lambda c: [c.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas], 5, alone=True)
    assert asked == ["wal", 2, 1]


def memory_of_sqlite():
    """Bytes that SQLite has allocated in this process."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "/libsqlite3.so" in line:
            library = ctypes.CDLL(line.split()[-1])
            library.sqlite3_memory_used.restype = ctypes.c_int64
            return library.sqlite3_memory_used()
    return pytest.skip("this Python has SQLite inside, where it cannot be asked")


def _key_store(folder):
    return KeyStoreDb(folder / "keys.db")


def _fill(connection, size):
    connection.execute("CREATE TABLE filling (content BLOB)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO filling VALUES (zeroblob(?))", [(3900,)] * (size // 4096))
    connection.execute("COMMIT")


@pytest.mark.parametrize(("opened", "cache"), [(open_store, CACHE), (_key_store, keystore.CACHE)])
def test_what_is_written_stays_in_memory_up_to_a_bound_only(tmp_path, opened, cache):
    database = opened(tmp_path)
    before = memory_of_sqlite()
    database._wait(lambda c: _fill(c, 3 * cache), 30, alone=True)
    kept = memory_of_sqlite() - before
    database.close()
    assert cache / 2 < kept < 1.25 * cache, f"{kept / 2**20:.1f} MiB of pages are kept"


def test_the_manual_says_how_much_that_is():
    told = f"Of the pages of `gate.db` the gate keeps {CACHE >> 20} MiB in memory, and {keystore.CACHE >> 20} MiB of"
    assert told in page("operations").text


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
