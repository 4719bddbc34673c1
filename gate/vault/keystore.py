"""Wrapped recording keys on disk, apart from the audio. Losing the wraps is the erasure, so they must be losable.

One SQLite database, ``keys.db``, on a thread of its own. What keeps a deleted wrap from staying somewhere:

- ``secure_delete = ON`` overwrites deleted rows and freed pages with zeros, in the database file;
- the write-ahead log still holds the pages as they were: after each shredding all of it is carried into the database
  and the file is cut to nothing, and the same when the database is opened, for a gate that died in between. A rollback
  journal would hold the deleted rows' pages in a second file during every commit, and cost another sync;
- ``locking_mode = EXCLUSIVE``: nobody else can hold an older state open, so that cutting the log cannot fail for that,
  and there is no shared-memory file beside it;
- ``temp_store = MEMORY``: no temporary file ever has a row in it.

``synchronous = FULL``: a ``put`` is answered after its commit is on the disk; puts that wait share one commit.

The SQL stands in functions of a statement or two, each inside a transaction of this thread. A wrap's first byte is its
kind (see ``wrap``): the whole key, or a share of it. Wraps of one recording stand for each other only where they are of
one kind."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from gate.core.rows.keys import Worth
from gate.errors import KeyStoreError
from gate.sqlite_thread import Piece, SqliteThread
from gate.types import batched
from gate.vault.files import make_folder, trouble

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS wraps (
    id INTEGER PRIMARY KEY,
    recording_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wrap BLOB NOT NULL,
    proven INTEGER NOT NULL DEFAULT 0, -- 1: its recipient has shown that it opens
    UNIQUE (recording_id, recipient_id)
) STRICT;
CREATE INDEX IF NOT EXISTS wraps_of_recipient ON wraps (recipient_id, recording_id);
PRAGMA user_version = 2;
"""
VERSION: Final = 2
OLDER: Final = "ALTER TABLE wraps ADD COLUMN proven INTEGER NOT NULL DEFAULT 0"
"""What a key store of version 1 lacks."""
_SLICE: Final = 500

_HELD: Final = """
SELECT mine.recording_id, mine.key_id, mine.wrap, other.recording_id IS NOT NULL, coalesce(other.proven, 0)
FROM wraps AS mine LEFT JOIN wraps AS other ON other.recording_id = mine.recording_id AND other.recipient_id = ?
    AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1)
WHERE mine.recipient_id = ? AND mine.recording_id > ? ORDER BY mine.recording_id LIMIT ?
"""
_ALONE: Final = """
SELECT recording_id, substr(wrap, 1, 1), NOT EXISTS (
    SELECT 1 FROM wraps AS other WHERE other.recording_id = mine.recording_id
        AND other.recipient_id <> mine.recipient_id
        AND (? OR other.recipient_id IN (SELECT value FROM json_each(?)))
        AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1))
FROM wraps AS mine WHERE recipient_id = ? AND recording_id > ? ORDER BY recording_id LIMIT ?
"""
_UNPROVEN: Final = """
SELECT recording_id, key_id, wrap FROM wraps
WHERE recipient_id = ? AND recording_id > ? AND NOT proven ORDER BY recording_id LIMIT ?
"""
_ADD: Final = "INSERT OR IGNORE INTO wraps (recording_id, recipient_id, key_id, wrap) VALUES (?, ?, ?, ?)"
_PROVE: Final = "UPDATE wraps SET proven = 1 WHERE recording_id = ? AND recipient_id = ? AND wrap = ? AND NOT proven"
_DROP: Final = """
DELETE FROM wraps AS mine WHERE recording_id = ? AND recipient_id = ? AND EXISTS (
    SELECT 1 FROM wraps AS other WHERE other.recording_id = mine.recording_id AND other.recipient_id = ?
        AND other.proven AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1))
"""


class KeptWrap(NamedTuple):
    """A wrapped key of one recipient."""

    recording_id: str
    key_id: str
    wrap: bytes


class Held(NamedTuple):
    """A recording that a recipient can open, on the way to another one."""

    recording_id: str
    key_id: str
    wrap: bytes
    there: bool
    """The other one has a wrap of it already."""
    proven: bool
    """And has shown that it opens."""


def insert(db: sqlite3.Connection, rows: list[tuple[str, str, str, bytes]]) -> None:
    """(recording, recipient, key, wrap) of one recording. Raises ``KeyStoreError`` where it has keys already."""
    if not rows:
        raise KeyStoreError("a recording without wraps could never be opened")
    (found,) = db.execute("SELECT count(*) FROM wraps WHERE recording_id = ?", (rows[0][0],)).fetchone()
    if found:
        raise KeyStoreError(f"recording {rows[0][0]} has keys already")
    db.executemany("INSERT INTO wraps (recording_id, recipient_id, key_id, wrap) VALUES (?, ?, ?, ?)", rows)


def shred(db: sqlite3.Connection, ids: list[str]) -> int:
    """Delete the wraps of recordings; how many had any."""
    shredded = 0
    for part in batched(dict.fromkeys(ids), _SLICE):
        marks = ",".join("?" * len(part))
        where = f"FROM wraps WHERE recording_id IN ({marks})"  # question marks only
        shredded += db.execute(f"SELECT count(DISTINCT recording_id) {where}", part).fetchone()[0]
        db.execute(f"DELETE {where}", part)
    return shredded


def held(db: sqlite3.Connection, recipient_id: str, other: str, after: str, limit: int) -> list[Held]:
    """Recordings that a recipient can open, by id, each with whether ``other`` can too."""
    rows = db.execute(_HELD, (other, recipient_id, after, limit))
    return [Held(name, key, wrap, bool(there), bool(proven)) for name, key, wrap, there, proven in rows]


def unproven(db: sqlite3.Connection, recipient_id: str, after: str, limit: int) -> list[KeptWrap]:
    """A recipient's wraps that nobody has shown to open, by recording id."""
    return [KeptWrap(*row) for row in db.execute(_UNPROVEN, (recipient_id, after, limit))]


def alone(
    db: sqlite3.Connection, recipient_id: str, others: Collection[str] | None, after: str, limit: int
) -> list[tuple[str, bytes, int]]:
    """(recording, kind, 1 where nobody else, or none of ``others``, could stand for this recipient), by id."""
    anybody, whom = others is None, json.dumps(list(others or ()))
    return db.execute(_ALONE, (anybody, whom, recipient_id, after, limit)).fetchall()


def give(db: sqlite3.Connection, source: str, target: str, wraps: Mapping[str, bytes]) -> int:
    """Add wraps for ``target`` where ``source`` has one; how many. What is gone or there already is passed over."""
    added = 0
    for recording_id, wrap in wraps.items():
        sql = "SELECT key_id, wrap FROM wraps WHERE recording_id = ? AND recipient_id = ?"
        row = db.execute(sql, (recording_id, source)).fetchone()
        if row is None:
            continue  # erased meanwhile: it must not come back to life
        if len(wrap) != len(row[1]) or wrap[:1] != row[1][:1]:
            raise KeyStoreError(f"what is to be kept for recording {recording_id} is no wrap of the same kind")
        added += db.execute(_ADD, (recording_id, target, row[0], wrap)).rowcount
    return added


def prove(db: sqlite3.Connection, recipient_id: str, wraps: Mapping[str, bytes]) -> int:
    """Note that these wraps open; how many were not known to. One that is another by now is passed over."""
    return sum(db.execute(_PROVE, (recording, recipient_id, wrap)).rowcount for recording, wrap in wraps.items())


def drop(db: sqlite3.Connection, source: str, target: str, recording_ids: Iterable[str]) -> int:
    """Delete the wraps of ``source`` for these recordings where ``target`` has one of the same kind that is proven to
    open; how many."""
    return sum(db.execute(_DROP, (recording, source, target)).rowcount for recording in recording_ids)


Wraps = Sequence[tuple[str, bytes]]

T = TypeVar("T")
BUSY_SECONDS: Final = 5.0
CALL_SECONDS: Final = 60.0
CACHE: Final = 2 * 1024 * 1024
"""Bytes of the database's pages that SQLite keeps."""
_PAGE: Final = 2000
_HINT: Final = "Is there room on the disk of the data folder, and is no other program using keys.db?"

_PRAGMAS: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA cache_size = -{CACHE // 1024}",  # KiB
    "PRAGMA mmap_size = 0",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


class KeyStoreDb(SqliteThread):
    """Wrapped keys by recording. Every method may be called from any thread but the key store's own.

    Opening raises ``KeyStoreError`` where the database cannot be used, e.g. because another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__("keystore", "the key store", KeyStoreError, _HINT)

    # --- from any thread

    def put(self, recording_id: str, key_id: str, wraps: Wraps, done: Callable[[Exception | None], None]) -> None:
        """Keep a recording's wraps durably, then ``done(None)`` on the key store's thread, which must only post.

        ``done(KeyStoreError)`` where they could not be kept: no room, or the recording has wraps already. After
        ``close`` it comes at once on the calling thread.
        """
        rows = [(recording_id, recipient_id, key_id, wrap) for recipient_id, wrap in wraps]
        self._enqueue(Piece(lambda db: insert(db, rows), lambda _result, error: done(error)))

    def wraps(self, recording_id: str) -> list[tuple[str, bytes]]:
        """(recipient id, wrap) pairs of a recording; empty where they were shredded or never were."""
        sql = "SELECT recipient_id, wrap FROM wraps WHERE recording_id = ? ORDER BY recipient_id"
        return self._select(sql, (recording_id,))

    def key_id(self, recording_id: str) -> str:
        """The id of a recording's key; empty where it has no wraps."""
        rows = self._select("SELECT key_id FROM wraps WHERE recording_id = ? LIMIT 1", (recording_id,))
        return str(rows[0][0]) if rows else ""

    def recording_ids(self, after: str = "", limit: int = 1000) -> list[str]:
        """Recordings that have wraps, in the order of their ids, from the first one after ``after``."""
        sql = "SELECT DISTINCT recording_id FROM wraps WHERE recording_id > ? ORDER BY recording_id LIMIT ?"
        return [recording for (recording,) in self._select(sql, (after, limit))]

    def page(self, after: int, limit: int) -> list[tuple[int, str, str, str, bytes, int]]:
        """(row, recording, recipient, key, wrap, proven) of all recordings, from the first row after ``after``."""
        sql = "SELECT id, recording_id, recipient_id, key_id, wrap, proven FROM wraps WHERE id > ? ORDER BY id LIMIT ?"
        return self._select(sql, (after, limit))

    def held(self, recipient_id: str, other: str, after: str = "", limit: int = 500) -> list[Held]:
        """Recordings that a recipient can open, by id, each with whether ``other`` can too."""
        return self._call(lambda db: held(db, recipient_id, other, after, limit))

    def tally(self, recipient_id: str, others: Collection[str] | None = None) -> Worth:
        """What a recipient can open, and what nobody could without that private key: where ``others`` are given, none
        of them. A page at a time, so that no recording's key waits long."""
        after, counted = "", Counter[bytes]()
        lost = 0
        while page := self._call(partial(alone, recipient_id=recipient_id, others=others, after=after, limit=_PAGE)):
            counted.update(kind for _, kind, _ in page)
            lost += sum(sole for *_, sole in page)
            after = page[-1][0]
        return Worth(recordings=counted.total(), alone=lost, first=counted[b"\2"], second=counted[b"\3"])

    def unproven(self, recipient_id: str, after: str = "", limit: int = 500) -> list[KeptWrap]:
        """A recipient's wraps that have not been shown to open, by recording id."""
        return self._call(lambda db: unproven(db, recipient_id, after, limit))

    def give(self, source: str, target: str, wraps: Mapping[str, bytes]) -> int:
        """Keep new wraps of old keys for ``target``, all in one commit; returns how many.

        Twice is harmless, and what was erased meanwhile stays so. Raises ``KeyStoreError``: then nothing has changed.
        """
        return self._call(lambda db: give(db, source, target, wraps))

    def prove(self, recipient_id: str, wraps: Mapping[str, bytes]) -> int:
        """Note that these wraps, as they are, open with the recipient's private key; returns how many were not known
        to. The caller has checked the proof (``wrap.holds``)."""
        return self._call(lambda db: prove(db, recipient_id, wraps))

    def drop(self, source: str, target: str, recording_ids: Collection[str]) -> int:
        """Shred the wraps of ``source`` for these recordings, where ``target`` has one that is proven to open; returns
        how many. Twice is harmless. Raises as ``shred``."""
        return self._erase(lambda db: drop(db, source, target, recording_ids))

    def shred(self, recording_ids: Iterable[str]) -> int:
        """Remove the wraps of recordings; returns how many recordings had any. Twice is harmless.

        When it returns, no byte of them is in any file of the key store. Raises ``KeyStoreError``: then it must be
        asked for again, though the rows may be gone already.
        """
        ids = list(recording_ids)
        return self._erase(lambda db: shred(db, ids))

    def _select(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        return self._call(lambda db: db.execute(sql, parameters).fetchall())

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._wait(work, CALL_SECONDS)

    def _erase(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work in a transaction of its own, after which the write-ahead log is cut to nothing."""

        def erase(db: sqlite3.Connection) -> T:
            db.execute("BEGIN IMMEDIATE")
            result = work(db)
            db.execute("COMMIT")
            _scrub(db)
            return result

        return self._wait(erase, CALL_SECONDS, alone=True)

    def _open(self) -> None:
        self._connection = _connect(self.path)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise trouble(error, f"cannot open {path}") from error
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        for pragma in _PRAGMAS:
            db.execute(pragma).fetchall()
        if db.execute("PRAGMA secure_delete").fetchone() != (1,) or db.execute("PRAGMA journal_mode").fetchone() != (
            "wal",
        ):
            raise KeyStoreError(f"{path} cannot be kept so that keys can be shredded", hint="Use a local disk.")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise KeyStoreError(
                f"{path} is of a newer version of Dialgate ({version}, this one knows {VERSION})",
                hint="Run that version, or restore the backup from before it was first started.",
            )
        if version == 1:
            db.execute(OLDER)
        db.executescript(SCHEMA)
        _scrub(db)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite quotes damaged names in its messages
        db.close()
        raise KeyStoreError(f"cannot open {path}: {error}", hint=_HINT) from error
    except KeyStoreError:
        db.close()
        raise
    return db


def _scrub(db: sqlite3.Connection) -> None:
    """Carry the write-ahead log into the database, synced, and cut it to nothing. Raises ``KeyStoreError``."""
    try:
        busy, _frames, _carried = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise KeyStoreError(f"shredded keys may still be in the write-ahead log: {error}", hint=_HINT) from error
    if busy:
        raise KeyStoreError("shredded keys may still be in the write-ahead log: it is in use", hint=_HINT)
