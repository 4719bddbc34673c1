"""The evidence store: one thread, one connection, one durable commit for everything that waits."""

from __future__ import annotations

import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gate.core.evidence import Frontier
from gate.errors import AuditError, StoreError
from gate.log import Logger
from gate.store.connect import BUSY_SECONDS, UNREADABLE, check_pepper, open_writer
from gate.store.transaction import Salts, StoreTransaction
from gate.store.tree import check_start, load_frontier

log = Logger()

Work = Callable[[StoreTransaction], Any]
Done = Callable[[Any, Exception | None], None]
_Answer = tuple[Any, Exception | None]

BATCH = 256
"""Pieces of work in one commit, at most."""
BATCH_SECONDS = 0.05
"""No more work joins a commit once it has taken this long."""
CHECKPOINT_CHANGES = 4000
"""Changed rows after which the write-ahead log is carried into the database file."""
IDLE_SECONDS = 2.0
"""Quiet time after which it is carried over in any case."""
CUT_SECONDS = 10.0
"""How often it is tried to cut a log that a reader kept from being cut, while there is no quiet time."""
SCRUB_PAUSES = (0.1, 0.3)
"""Seconds before whoever asks for the cut tries again: most readers are gone by then."""
SALT_SIZE = 16
ROOM_HINT = "evidence cannot be kept: is there room on the disk of the data folder?"


class _Item(NamedTuple):
    work: Callable[[Any], Any]
    done: Done
    alone: bool = False
    """Not in a transaction, and given the connection itself."""


def _fresh_salt() -> bytes:
    return secrets.token_bytes(SALT_SIZE)


class EvidenceStore:
    """``gate.ports.Store`` on SQLite.

    Durability: ``done(result, None)`` comes after a COMMIT with ``synchronous=FULL``. Isolation: each piece of work has
    a savepoint of its own, so that one that raises leaves nothing behind and does not touch the others of its commit.
    Where the database itself fails, everything of the commit gets ``StoreError``, the tree in memory goes back to what
    is on the disk, and the store goes on: it works again as soon as there is room.
    """

    def __init__(self, path: Path, *, pepper: bytes, salts: Salts = _fresh_salt) -> None:
        """Open the database in a thread of its own and compare the log with its last checkpoint.

        ``pepper`` is the key of the numbers' hashes: losing it loses who objected. The caller holds the ``DataLock``.
        Raises ``StoreError`` (cannot be opened, or another pepper than before) or ``AuditError`` (the log is not what
        was signed).
        """
        if len(pepper) < SALT_SIZE:
            raise StoreError("the key of the number hashes is too short", hint="it has at least 16 random bytes")
        self.path = path
        self._pepper = pepper
        self._salts = salts
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._put_back: _Item | None = None
        self._cut_due: float | None = None
        """When the log that still is to be cut is tried again; None where it is cut. The store thread's."""
        self._ready: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()
        failure = self._ready.get()
        if failure is not None:
            self._closed = True
            self._thread.join()
            raise failure

    # --- from any thread

    def submit(self, work: Work, done: Done) -> None:
        """Run ``work`` in a transaction, then ``done`` on the store thread; see ``gate.ports.Store``.

        After ``close`` the answer is ``StoreError``, given at once on the calling thread.
        """
        self._enqueue(_Item(work, done))

    def call(self, work: Work, timeout: float = 30.0) -> Any:
        """``submit`` and wait: the result, or the error raised. Neither from the line nor from the store thread.

        Raises ``StoreError`` where no answer came within ``timeout`` seconds: the work may still be committed then.
        """
        return self._wait(work, timeout, alone=False)

    def scrub(self, timeout: float = 30.0) -> bool:
        """Carry the write-ahead log into the database and cut it to nothing, so that no copy of what was erased stays.

        False where a reader still holds an older state: the store cuts it by itself once that is let go, at the next
        quiet moment. Whoever writes waits for no reader; the caller does, between tries. Raises ``StoreError``.
        """
        cut = bool(self._wait(self._cut, timeout, alone=True))
        for pause in SCRUB_PAUSES:
            if cut:
                break
            time.sleep(pause)
            cut = bool(self._wait(self._cut, timeout, alone=True))
        return cut

    def _enqueue(self, item: _Item) -> None:
        with self._gate:
            if not self._closed:
                self._queue.put(item)
                return
        item.done(None, StoreError("the evidence store is closed"))

    def _wait(self, work: Callable[[Any], Any], timeout: float, *, alone: bool) -> Any:
        if threading.current_thread() is self._thread:
            raise StoreError("the store thread cannot wait for itself")
        answer: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._enqueue(_Item(work, lambda result, error: answer.put((result, error)), alone))
        try:
            result, error = answer.get(timeout=timeout)
        except queue.Empty:
            raise StoreError(f"the evidence store gave no answer in {timeout:g} s", hint=ROOM_HINT) from None
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """Finish what is queued and close the database; harmless twice."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # --- the store thread

    def _run(self) -> None:
        try:
            self._open()
        except (StoreError, AuditError) as error:
            self._ready.put(error)
            return
        self._ready.put(None)
        try:
            self._serve()
        finally:
            self._shut()

    def _open(self) -> None:
        """A connection, and the tree as the disk has it. Raises ``StoreError`` or ``AuditError``."""
        connection = open_writer(self.path)
        try:
            self._frontier = check_start(connection)
            check_pepper(connection, self._pepper)
        except (AuditError, StoreError):
            connection.close()
            raise
        except UNREADABLE as error:
            connection.close()
            raise StoreError(f"cannot read {self.path}: {error}", hint="is the file damaged?") from error
        self._connection = connection
        self._carried = connection.total_changes
        self._doubtful = False

    def _serve(self) -> None:
        item: _Item | None
        while True:
            try:
                item = self._put_back or self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                self._carry_over(1)
                self._cut_again(quiet=True)
                continue
            self._put_back = None
            if item is None:
                return
            if item.alone:
                self._answer(item.done, *self._perform_alone(item.work))
            elif self._commit_with(item):
                return
            self._carry_over(CHECKPOINT_CHANGES)
            self._cut_again(quiet=False)

    def _shut(self) -> None:
        """Nobody waits for ever: what is still queued (the thread died of something unforeseen) is answered."""
        with self._gate:
            self._closed = True
        left = [self._put_back]
        while not self._queue.empty():
            left.append(self._queue.get())
        for item in left:
            if item is not None:
                self._answer(item.done, None, StoreError("the evidence store is closed"))
        self._carry_over(1)
        self._connection.close()

    def _commit_with(self, first: _Item) -> bool:
        """Commit this and whatever else waits, and answer. True where the end of the queue was met."""
        items = [first]
        answers: list[_Answer] = []
        before, last = self._frontier, False
        try:
            if self._doubtful:
                self._connection.close()
                self._open()
                before = self._frontier
            self._connection.execute("BEGIN IMMEDIATE")
            deadline = time.monotonic() + BATCH_SECONDS
            while True:
                answers.append(self._perform(items[-1].work))
                if len(items) >= BATCH or time.monotonic() > deadline:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None or item.alone:
                    last, self._put_back = item is None, item
                    break
                items.append(item)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - a guarded boundary: whatever it was, nobody is left without answer
            log.error("evidence_not_kept", pieces=len(items), error=str(error))
            failure = StoreError(f"evidence could not be made durable: {error}", hint=ROOM_HINT)
            answers = [(None, failure)] * len(items)
            self._recover(before)
        for item, (result, refusal) in zip(items, answers, strict=True):
            self._answer(item.done, result, refusal)
        return last

    def _perform(self, work: Work) -> _Answer:
        """One piece of work under its savepoint. Raises ``sqlite3.Error`` where the whole transaction is lost."""
        tx = StoreTransaction(self._connection, self._frontier, self._salts, self._pepper)
        self._connection.execute("SAVEPOINT piece")
        result: Any = None
        error: Exception | None = None
        try:
            result = work(tx)
        except BaseException as raised:  # noqa: BLE001 - a guarded boundary: the work is others', its error their answer
            error = raised if isinstance(raised, Exception) else StoreError(f"the work was cut short: {raised!r}")
        tx.over = True
        if tx.failure is not None:
            if not self._connection.in_transaction:  # SQLite has rolled back all of it (disk full, I/O error)
                raise sqlite3.OperationalError(str(tx.failure)) from tx.failure
            error = error or StoreError(f"the database failed: {tx.failure}", hint=ROOM_HINT)
        if error is not None:
            self._connection.execute("ROLLBACK TO piece")
            self._connection.execute("RELEASE piece")
            return None, error
        self._connection.execute("RELEASE piece")
        self._frontier = tx.frontier
        return result, None

    def _recover(self, before: Frontier) -> None:
        """After a failure of the database: nothing of the commit is kept, and the tree is what the disk says.

        Where that cannot be made sure, the connection is doubtful and the next commit begins with a new one.
        """
        self._frontier = before
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._doubtful = load_frontier(self._connection) != before
        except (sqlite3.Error, AuditError) as error:
            log.error("evidence_not_readable", error=str(error))
            self._doubtful = True

    def _perform_alone(self, work: Callable[[sqlite3.Connection], Any]) -> _Answer:
        try:
            return work(self._connection), None
        except sqlite3.Error as error:
            return None, StoreError(f"the database failed: {error}", hint=ROOM_HINT)

    def _answer(self, done: Done, result: Any, error: Exception | None) -> None:
        try:
            done(result, error)
        except Exception:  # a guarded boundary: nobody's callback ends the store
            log.exception("evidence_answer_failed")

    def _carry_over(self, changes: int) -> None:
        """Carry the write-ahead log into the database file, where at least so many rows were changed since."""
        try:
            total = self._connection.total_changes
            if total - self._carried >= changes:
                self._carried = total
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("write_ahead_log_waits", error=str(error))

    def _cut(self, connection: sqlite3.Connection) -> bool:
        """Cut the write-ahead log to nothing; False where it is in use. Waits for nobody: decisions would wait too."""
        self._cut_due = time.monotonic() + CUT_SECONDS
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy, _frames, _carried = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
        if not busy:
            self._cut_due = None
        return not busy

    def _cut_again(self, *, quiet: bool) -> None:
        """Cut what a reader kept from being cut, where there is quiet time or it is due."""
        if self._cut_due is None or not (quiet or time.monotonic() >= self._cut_due):
            return
        try:
            if self._cut(self._connection):
                log.info("write_ahead_log_cut")
        except sqlite3.Error as error:
            log.warning("write_ahead_log_waits", error=str(error))
