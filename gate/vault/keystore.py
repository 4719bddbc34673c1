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
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from gate.errors import VaultError
from gate.log import Logger
from gate.vault.errors import KeyStoreError
from gate.vault.files import make_folder, trouble
from gate.vault.keyrows import OLDER, SCHEMA, Held, Kept, alone, drop, give, held, insert, prove, shred, unproven

log = Logger()

Wraps = Sequence[tuple[str, bytes]]
Done = Callable[[Any, Exception | None], None]
_Answer = tuple[Any, Exception | None]

BATCH: Final = 256
"""Pieces of work in one commit, at most."""
BUSY_SECONDS: Final = 5.0
CALL_SECONDS: Final = 60.0
_PAGE: Final = 2000
_HINT: Final = "Is there room on the disk of the data folder, and is no other program using keys.db?"

_PRAGMAS: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 0",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


class Tally(NamedTuple):
    """What one recipient's private key is worth."""

    recordings: int
    """Recordings that it opens, or helps to open."""
    alone: int
    """Of these: recordings that nobody could open without it."""
    first: int
    second: int
    """Of these: recordings that take two people, of which this key holds the first or the second share."""


class _Item(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    done: Done
    erases: bool = False


class KeyStoreDb:
    """``gate.ports.KeyStore``. Every method may be called from any thread but the key store's own.

    Opening raises ``KeyStoreError`` where the database cannot be used, e.g. because another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._entry = threading.Lock()
        self._closed = False
        ready: queue.SimpleQueue[VaultError | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="keystore", daemon=True)
        self._thread.start()
        if (failure := ready.get()) is not None:
            self._closed = True
            self._thread.join()
            raise failure

    # --- from any thread

    def put(self, recording_id: str, key_id: str, wraps: Wraps, done: Callable[[Exception | None], None]) -> None:
        """Keep a recording's wraps durably, then ``done(None)`` on the key store's thread, which must only post.

        ``done(KeyStoreError)`` where they could not be kept: no room, or the recording has wraps already. After
        ``close`` it comes at once on the calling thread.
        """
        rows = [(recording_id, recipient_id, key_id, wrap) for recipient_id, wrap in wraps]
        self._enqueue(_Item(lambda db: insert(db, rows), lambda _result, error: done(error)))

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

    def recordings_for(self, recipient_id: str, after: str = "", limit: int = -1) -> list[str]:
        """Recordings that a recipient can open, in the order of their ids, from the first one after ``after``."""
        sql = "SELECT recording_id FROM wraps WHERE recipient_id = ? AND recording_id > ? ORDER BY recording_id LIMIT ?"
        return [recording for (recording,) in self._select(sql, (recipient_id, after, limit))]

    def held(self, recipient_id: str, other: str, after: str = "", limit: int = 500) -> list[Held]:
        """Recordings that a recipient can open, by id, each with whether ``other`` can too."""
        found: list[Held] = self._call(lambda db: held(db, recipient_id, other, after, limit))
        return found

    def tally(self, recipient_id: str, others: Collection[str] | None = None) -> Tally:
        """What a recipient can open, and what nobody could without that private key: where ``others`` are given, none
        of them. A page at a time, so that no recording's key waits long."""
        after, counted = "", Counter[bytes]()
        lost = 0
        while page := self._call(partial(_alone_page, recipient_id, others, after)):
            counted.update(kind for _, kind, _ in page)
            lost += sum(sole for *_, sole in page)
            after = page[-1][0]
        return Tally(counted.total(), lost, counted[b"\2"], counted[b"\3"])

    def unproven(self, recipient_id: str, after: str = "", limit: int = 500) -> list[Kept]:
        """A recipient's wraps that have not been shown to open, by recording id."""
        found: list[Kept] = self._call(lambda db: unproven(db, recipient_id, after, limit))
        return found

    def give(self, source: str, target: str, wraps: Mapping[str, bytes]) -> int:
        """Keep new wraps of old keys for ``target``, all in one commit; returns how many.

        Twice is harmless, and what was erased meanwhile stays so. Raises ``KeyStoreError``: then nothing has changed.
        """
        return int(self._call(lambda db: give(db, source, target, wraps)))

    def prove(self, recipient_id: str, wraps: Mapping[str, bytes]) -> int:
        """Note that these wraps, as they are, open with the recipient's private key; returns how many were not known
        to. The caller has checked the proof (``proof.holds``)."""
        return int(self._call(lambda db: prove(db, recipient_id, wraps)))

    def drop(self, source: str, target: str, recording_ids: Collection[str]) -> int:
        """Shred the wraps of ``source`` for these recordings, where ``target`` has one that is proven to open; returns
        how many. Twice is harmless. Raises as ``shred``."""
        return int(self._call(lambda db: drop(db, source, target, recording_ids), erases=True))

    def shred(self, recording_ids: Iterable[str]) -> int:
        """Remove the wraps of recordings; returns how many recordings had any. Twice is harmless.

        When it returns, no byte of them is in any file of the key store. Raises ``KeyStoreError``: then it must be
        asked for again, though the rows may be gone already.
        """
        ids = list(recording_ids)
        return int(self._call(lambda db: shred(db, ids), erases=True))

    def close(self) -> None:
        """Finish what is queued and close the database; harmless twice."""
        with self._entry:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _select(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        rows: list[Any] = self._call(lambda db: db.execute(sql, parameters).fetchall())
        return rows

    def _call(self, work: Callable[[sqlite3.Connection], Any], *, erases: bool = False) -> Any:
        if threading.current_thread() is self._thread:
            raise KeyStoreError("the key store's thread cannot wait for itself")
        answer: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._enqueue(_Item(work, lambda result, error: answer.put((result, error)), erases))
        try:
            result, error = answer.get(timeout=CALL_SECONDS)
        except queue.Empty:
            raise KeyStoreError(f"the key store gave no answer in {CALL_SECONDS:g} s", hint=_HINT) from None
        if error is not None:
            raise error
        return result

    def _enqueue(self, item: _Item) -> None:
        with self._entry:
            if not self._closed:
                self._queue.put(item)
                return
        item.done(None, KeyStoreError("the key store is closed"))

    # --- the key store's thread

    def _run(self, ready: queue.SimpleQueue[VaultError | None]) -> None:
        try:
            db = _connect(self.path)
        except VaultError as error:
            ready.put(error)
            return
        ready.put(None)
        open_ = True
        while open_:
            items: list[_Item] = []
            open_ = self._gather(items)
            if items:
                self._commit(db, items)
        db.close()

    def _gather(self, items: list[_Item]) -> bool:
        """Wait for work and take what else is there; false where the end of the queue was met."""
        item = self._queue.get()
        while item is not None:
            items.append(item)
            if len(items) >= BATCH:
                return True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return True
        return False

    def _commit(self, db: sqlite3.Connection, items: list[_Item]) -> None:
        answers: list[_Answer]
        try:
            db.execute("BEGIN IMMEDIATE")
            answers = [_perform(db, item.work) for item in items]
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.rollback()
            answers = [(None, KeyStoreError(f"keys could not be kept: {error}", hint=_HINT))] * len(items)
        if any(item.erases for item in items) and (unclean := _scrub(db)) is not None:
            answers = [
                (None, unclean) if item.erases and answer[1] is None else answer
                for item, answer in zip(items, answers, strict=True)
            ]
        for item, (result, failed) in zip(items, answers, strict=True):
            try:
                item.done(result, failed)
            except Exception:  # a guarded boundary: nobody's callback ends the key store
                log.exception("key_store_answer_failed")


def _alone_page(
    recipient_id: str, others: Collection[str] | None, after: str, db: sqlite3.Connection
) -> list[tuple[str, bytes, int]]:
    return alone(db, recipient_id, others, after, _PAGE)


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
        if db.execute("PRAGMA user_version").fetchone() == (1,):
            db.execute(OLDER)
        db.executescript(SCHEMA)
        if (failure := _scrub(db)) is not None:
            raise failure
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite quotes damaged names in its messages
        db.close()
        raise KeyStoreError(f"cannot open {path}: {error}", hint=_HINT) from error
    except KeyStoreError:
        db.close()
        raise
    return db


def _scrub(db: sqlite3.Connection) -> KeyStoreError | None:
    """Carry the write-ahead log into the database, synced, and cut it to nothing; what went wrong, if anything."""
    try:
        busy, _frames, _carried = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        return KeyStoreError(f"shredded keys may still be in the write-ahead log: {error}", hint=_HINT)
    return (
        KeyStoreError("shredded keys may still be in the write-ahead log: it is in use", hint=_HINT) if busy else None
    )


def _perform(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], Any]) -> _Answer:
    """One piece of work under a savepoint of its own. Raises ``sqlite3.Error`` where the whole commit is lost."""
    db.execute("SAVEPOINT piece")
    try:
        result = work(db)
    except Exception as error:  # a guarded boundary: one piece's trouble is its own, and has an answer
        if not db.in_transaction:  # SQLite has rolled back all of it (disk full, I/O error)
            raise sqlite3.OperationalError(str(error)) from error
        db.execute("ROLLBACK TO piece")
        db.execute("RELEASE piece")
        failure = (
            error if isinstance(error, KeyStoreError) else KeyStoreError(f"the key store failed: {error}", hint=_HINT)
        )
        return None, failure
    db.execute("RELEASE piece")
    return result, None
