"""How the database is opened: for the one thread that writes, and for those who only read."""

from __future__ import annotations

import ctypes
import os
import sqlite3
from pathlib import Path
from typing import Final

from gate.errors import StoreError
from gate.store.fold import number_hash
from gate.store.schema import bring_up_to_date, refuse_newer

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file brings about: SQLite quotes damaged names in its messages, and Python cannot always read them."""
BUSY_SECONDS = 5.0
"""How long a lock of another process (a backup, a maintenance shell) is waited for."""
WAL_LIMIT = 64 * 1024 * 1024
"""Bytes that the write-ahead log is cut back to once it has grown beyond them."""
CACHE = 4 * 1024 * 1024
"""Bytes of the database's pages that SQLite keeps for the writer. A call fills a page and a half: a large cache grows
for hours, by calls that are over. What is not in it is read from the kernel's own, which costs next to nothing."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # every commit is on the disk before it is answered for
    "PRAGMA secure_delete = ON",  # what is erased is overwritten, in free pages too
    "PRAGMA wal_autocheckpoint = 0",  # the store does it when it has answered, not before
    f"PRAGMA journal_size_limit = {WAL_LIMIT}",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",  # sorting never puts a number into a file
    f"PRAGMA cache_size = -{CACHE // 1024}",  # KiB
    "PRAGMA mmap_size = 0",  # a write error must come as an error, not as a signal
)


_STATEMENTS: Final = 512
"""Statements that a writer keeps, ready to be asked again."""
_trim: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of the GNU C library (malloc_trim(3))."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open (or make) the database and bring its tables up to date. The connection belongs to the calling thread.

    No transaction begins by itself: the store says BEGIN. The file is readable by its owner only, and so are those
    SQLite puts beside it. Raises ``StoreError``.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror}", hint="does the data folder exist, for us?") from error
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=_STATEMENTS)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            raise StoreError(f"{path} cannot have a write-ahead log", hint="a network file system cannot hold it")
        bring_up_to_date(connection)
    except UNREADABLE as error:
        connection.close()
        raise StoreError(f"cannot open {path}: {error}", hint="is the disk full, or the file damaged?") from error
    except StoreError:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database to read only, beside a gate that writes to it. Raises ``StoreError``."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        refuse_newer(connection)
    except UNREADABLE as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    return connection


def check_pepper(connection: sqlite3.Connection, pepper: bytes) -> None:
    """With another key no objection would be found, and whoever objected would be called. Raises ``StoreError``."""
    proof = number_hash(pepper, "")
    if connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is None:
        connection.execute("DELETE FROM number_key")
        connection.execute("INSERT INTO number_key (proof) VALUES (?)", (proof,))
    if connection.execute("SELECT proof FROM number_key").fetchall() != [(proof,)]:
        raise StoreError(
            "the key of the number hashes is not the one that this evidence was kept with",
            hint="restore the key that belongs to this database: without it nobody can tell who objected",
        )


def forget(connection: sqlite3.Connection) -> None:
    """Let go of what a connection has in memory: the statements that it keeps hold what was bound to them last, and its
    pages what stood in them. What this process has freed goes back to the system, so that no answer that was given is
    left there; a few that share a page with something in use stay until that is written over. Raises
    ``sqlite3.Error``."""
    for number in range(_STATEMENTS):  # there is no other way to have them let go
        connection.execute(f"SELECT {number}").fetchall()
    connection.execute("PRAGMA shrink_memory").fetchall()
    if _trim is not None:
        _trim(0)
