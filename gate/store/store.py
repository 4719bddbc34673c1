"""The evidence store: one thread, one connection, one durable commit for everything that waits."""

from __future__ import annotations

import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from gate.errors import AuditError, StoreError
from gate.log import Logger
from gate.sqlite_thread import Connection, Done, Piece, SqliteThread, Work
from gate.store.memory import Memory
from gate.store.reader import BUSY_SECONDS, UNREADABLE, Place, check_pepper, forget, open_writer
from gate.store.schema import differences
from gate.store.transaction import Known, LookUps, Salts, StoreTransaction
from gate.store.tree import check_start, keys, load_frontier
from gate.types import Progress

log = Logger()

T = TypeVar("T")

CHECKPOINT_CHANGES = 4000
"""Changed rows after which the write-ahead log is carried into the database file."""
IDLE_SECONDS = 2.0
"""Quiet time after which it is carried over in any case."""
CUT_SECONDS = 10.0
"""How often it is tried to cut a log that a reader kept from being cut, while there is no quiet time."""
SCRUB_SECONDS = 30.0
"""How long whoever asks for the cut waits for its turn."""
SCRUB_PAUSES = (0.1, 0.3)
"""Seconds before whoever asks for the cut tries again: most readers are gone by then."""
PROMPT_SECONDS = 8.0
"""How long whoever may not wait for a disk waits for an answer at most."""
LOOK_SECONDS = 0.25
"""How often it looks whether the disk still answers."""
SALT_SIZE = 16
ROOM_HINT = "evidence cannot be kept: is there room on the disk of the data folder?"


def _fresh_salt() -> bytes:
    return secrets.token_bytes(SALT_SIZE)


def store_at(place: Place, pepper: bytes) -> EvidenceStore:
    """The store that is there, opened. Raises ``StoreError`` or ``AuditError``."""
    return EvidenceStore(place, pepper=pepper) if isinstance(place, Path) else place.open_store(pepper)


class EvidenceStore(SqliteThread):
    """The evidence store on SQLite.

    Durability: ``done(result, None)`` comes after a COMMIT with ``synchronous=FULL``. Isolation: each piece of work has
    a savepoint of its own, so that one that raises leaves nothing behind and does not touch the others of its commit.
    Where the database itself fails, everything of the commit gets ``StoreError``, the tree in memory goes back to what
    is on the disk, and the store goes on: it works again as soon as there is room.
    """

    shared = False
    """Other gates may keep what they decide in it."""
    stopped = ""
    """Why nothing is written any more; empty while it is."""
    on_stopped: Callable[[], None] = staticmethod(lambda: None)
    """Called on the store thread, once; it must only post."""

    def __init__(self, path: Place, *, pepper: bytes, salts: Salts = _fresh_salt) -> None:
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
        self.memory: Memory | None = None
        """The journal in a second place that is written before an act is answered; set once it was compared."""
        self._acted = False
        """The commit under way has an act in it. The store thread's."""
        self._mine = threading.local()
        self._cut_due: float | None = None
        """When the log that still is to be cut is tried again; None where it is cut. The store thread's."""
        super().__init__("store", "the evidence store", StoreError, ROOM_HINT)

    # --- from any thread

    def submit(self, work: Work, done: Done, asks: Callable[[], LookUps] | None = None) -> None:
        """Run ``work`` in a transaction; after the durable commit call ``done(result, None)``, or ``done(None, error)``
        where it was rolled back (``StoreError``: disk full and the like; or what ``work`` raised).

        ``done`` runs on the store thread and must only post. Several submissions share one commit.

        ``asks``, of a decision: what it will look up first. It keeps nothing but the fact of a decision then, and may
        be made a second time where the first came to nothing.

        After ``close`` the answer is ``StoreError``, given at once on the calling thread.
        """
        self._enqueue(Piece(work, done, asks=asks))

    def call(self, work: Callable[[StoreTransaction], T], timeout: float = 30.0) -> T:
        """``submit`` and wait: the result, or the error raised. Neither from the line nor from the store thread.

        Raises ``StoreError`` where no answer came within ``timeout`` seconds: the work may still be committed then.
        """
        acted: list[bool] = []

        def noticed(tx: StoreTransaction) -> T:
            result = work(tx)
            acted.append(tx.acted)
            return result

        result = self._wait(noticed, timeout)
        if any(acted) and self.memory is not None and self.memory.debt is not None:
            self._mine.owes = self.memory.debt.why
        return result

    def promptly(self, work: Callable[[StoreTransaction], T], asks: Callable[[], LookUps] | None = None) -> T:
        """``call`` for whoever waits for no disk that does not answer (``stalled``), and ``PROMPT_SECONDS`` at most.

        Raises ``StoreError`` then: what had not begun is not done any more, what had may be committed all the same.
        """
        answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()
        given_up = threading.Event()

        def wanted(tx: StoreTransaction) -> T:
            if given_up.is_set():
                raise StoreError("nobody waits for this any more")
            return work(tx)

        self.submit(wanted, lambda *answer: answers.put(answer), asks)
        until = time.monotonic() + PROMPT_SECONDS
        while True:
            with suppress(queue.Empty):
                result, error = answers.get(timeout=LOOK_SECONDS)
                break
            if self.stalled or time.monotonic() > until:
                given_up.set()
                raise StoreError("the disk of the data folder does not answer", hint=ROOM_HINT)
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # as above

    def take_owed(self) -> str:
        """Why an act that this thread has waited for (``call``) is not in the second place; empty where it is. Asked
        once: then it is forgotten."""
        why, self._mine.owes = getattr(self._mine, "owes", ""), ""
        return str(why)

    def alone(self, work: Callable[[Connection], T]) -> T:
        """Do work on the connection itself, in a transaction of its own making: what is no evidence. Raises
        ``StoreError``."""
        return self._wait(work, 30.0, alone=True)

    def pay(self) -> bool:
        """Write what the second place lacks; False where it cannot be. Raises ``StoreError``."""
        return self._wait(self._pay, 30.0, alone=True)

    def scrub(self) -> bool:
        """Carry the write-ahead log into the database and cut it to nothing, so that no copy of what was erased stays,
        and let go of what this process has read of it (``gate.store.reader.forget``).

        False where a reader still holds an older state: the store cuts it by itself once that is let go, at the next
        quiet moment. Whoever writes waits for no reader; the caller does, between tries. Raises ``StoreError``.
        """
        cut = self._wait(self._cut, SCRUB_SECONDS, alone=True)
        for pause in SCRUB_PAUSES:
            if cut:
                break
            time.sleep(pause)
            cut = self._wait(self._cut, SCRUB_SECONDS, alone=True)
        self._wait(forget, SCRUB_SECONDS, alone=True)
        return cut

    def unscrubbed(self) -> list[str]:
        """The tables for which ``scrub`` is not enough: ``rewrite`` is. Raises ``StoreError``."""
        return []

    def rewrite(self, progress: Progress) -> int:
        """``scrub`` where decisions may wait for as long as it takes; returns how many bytes the tables had. Raises
        ``StoreError``, also where somebody reads."""
        return 0

    def rewritable(self, connection: Connection) -> int:
        """How many bytes the tables have that ``rewrite`` would write anew now, asked on this connection."""
        return 0

    # --- the store thread

    def _open(self) -> None:
        """A connection, and the tree as the disk has it. Raises ``StoreError`` or ``AuditError``."""
        connection = open_writer(self.path)
        try:
            self._frontier = check_start(connection, differences(connection))
            check_pepper(connection, self._pepper)
        except (AuditError, StoreError):
            connection.close()
            raise
        except UNREADABLE as error:
            connection.close()
            raise StoreError(f"cannot read {self.path}: {error}", hint="is the file damaged?") from error
        self._connection = connection
        self.own = keys(connection)
        self._carried = connection.total_changes
        self._doubtful = False
        self._before = self._frontier

    def _begin(self) -> None:
        if self._doubtful:
            self._connection.close()
            self._open()
        self._before = self._frontier

    def _do(self, work: Work, known: Known | None = None) -> Any:
        tx = StoreTransaction(self._connection, self._frontier, self._salts, self._pepper, known, self.own)
        try:
            result = work(tx)
            if tx.freed:
                self._note_freed(tx)
        finally:
            tx.over = True
        if tx.failure is not None:
            raise StoreError(f"the database failed: {tx.failure}", hint=ROOM_HINT) from tx.failure
        self._frontier = tx.frontier
        self._acted = self._acted or tx.acted
        return result

    def _note_freed(self, tx: StoreTransaction) -> None:
        """``tx`` has erased something: what ``scrub`` needs to know of that, in the same commit."""

    def _committed(self) -> None:
        if self._acted:
            self._acted = False
            self._pay(self._connection)

    def _pay(self, connection: Connection) -> bool:
        return self.memory is None or self.memory.pay(connection)

    def _recover(self, *, whole: bool = False) -> bool:
        """After a failure of the database: nothing of the commit is kept, and the tree is what the disk says.

        Where that cannot be made sure, the connection is doubtful and the next commit begins with a new one.
        """
        self._frontier = self._before
        self._acted = False
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._doubtful = load_frontier(self._connection) != self._before
        except (sqlite3.Error, AuditError) as error:
            log.error("evidence_not_readable", error=str(error))
            self._doubtful = True
        return False

    @property
    def _idle_seconds(self) -> float:
        return IDLE_SECONDS

    def _idle(self) -> None:
        self._finish()
        self._cut_again(quiet=True)

    def _after(self) -> None:
        self._carry_over(CHECKPOINT_CHANGES)
        self._cut_again(quiet=False)

    def _finish(self) -> None:
        self._carry_over(1)

    def _carry_over(self, changes: int) -> None:
        """Carry the write-ahead log into the database file, where at least so many rows were changed since."""
        try:
            total = self._connection.total_changes
            if total - self._carried >= changes:
                self._carried = total
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("write_ahead_log_waits", error=str(error))

    def _cut(self, connection: Connection) -> bool:
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
