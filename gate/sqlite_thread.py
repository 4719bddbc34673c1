"""A SQLite database that one thread owns: work queues up, and what waits is committed together, durably.

``gate.store.store`` (evidence) and ``gate.vault.keystore`` (wrapped keys) are such threads. An answer comes after the
COMMIT. Each piece of work has a savepoint: one that raises leaves nothing behind and does not touch the others. Where
the database itself fails, every piece of the commit that wrote is answered with the owner's error, and the thread goes
on; what has only read is done again by itself, for nothing of it depends on the disk's room.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeVar

from gate.errors import GateError
from gate.log import Logger

log = Logger()

T = TypeVar("T")
Work = Callable[[Any], Any]
Done = Callable[[Any, Exception | None], None]
Answer = tuple[Any, Exception | None]

BATCH = 256
"""Pieces of work in one commit, at most."""
BATCH_SECONDS = 0.05
"""No more work joins a commit once it has taken this long."""
STALLED_SECONDS = 3.0
"""Who comes to a thread that has been at one piece of work for longer need not wait for an answer."""


class Cursor(Protocol):
    """What a statement found."""

    @property
    def description(self) -> Any:
        """A tuple for each column, its name first."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row as a tuple; None after the last."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What the store needs of a database: that of ``sqlite3``, and ``gate.store.postgresql``'s. Failures of either are
    a ``sqlite3.Error``."""

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Do a statement with its values, in order (``?``) or by name (``:name``)."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Do it once for each of these."""
        ...

    @property
    def in_transaction(self) -> bool:
        """False where the database has given it up."""
        ...

    @property
    def total_changes(self) -> int:
        """Rows that were changed, in all."""
        ...

    def rollback(self) -> None:
        """Give up the transaction."""

    def close(self) -> None:
        """Let go of the database; harmless twice."""


class Piece(NamedTuple):
    """One piece of work."""

    work: Work
    done: Done
    alone: bool = False
    """Outside of a transaction, and given the connection itself."""
    asks: Callable[[], Any] | None = None
    """What the work will look up, as its owner knows it; such work may be done a second time."""


class SqliteThread:
    """The queue, the thread and the group commit. An owner says how its database is opened (``_open``), and may change
    what surrounds a piece (``_do``), a commit (``_begin``, ``_recover``) and quiet time (``_idle``)."""

    def __init__(self, name: str, called: str, error: type[GateError], hint: str) -> None:
        """Open the database in a thread of its own. Raises what ``_open`` raises.

        ``name`` is the thread's; ``called`` names the owner in messages; ``error`` with ``hint`` is raised where the
        database fails.
        """
        self._called = called
        self._error = error
        self._hint = hint
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._entry = threading.Lock()
        self._closed = False
        self._put_back: list[Piece | None] = []
        """Taken from the queue, and to be taken again; at most one."""
        self._whole = False
        """The commit under way has all of its pieces in it, and may have been made."""
        self._since: float | None = None
        """When the work under way began, monotonic seconds."""
        self._connection: Connection
        """Set by ``_open``."""
        ready: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(ready,), name=name, daemon=True)
        self._thread.start()
        if (failure := ready.get()) is not None:
            self._closed = True
            self._thread.join()
            raise failure

    # --- from any thread

    def close(self) -> None:
        """Finish what is queued and close the database; harmless twice."""
        with self._entry:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def stalled(self) -> bool:
        """True where what is under way has been for so long that the disk does not answer, or is of no use."""
        since = self._since
        return since is not None and time.monotonic() - since >= STALLED_SECONDS

    def _enqueue(self, piece: Piece) -> None:
        """Queue it; after ``close`` it is answered at once, on the calling thread."""
        with self._entry:
            if not self._closed:
                self._queue.put(piece)
                return
        piece.done(None, self._error(f"{self._called} is closed"))

    def _wait(self, work: Callable[[Any], T], timeout: float, *, alone: bool = False) -> T:
        """Queue work and wait: its result, or its error raised."""
        if threading.current_thread() is self._thread:
            raise self._error(f"{self._called}'s thread cannot wait for itself")
        answer: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._enqueue(Piece(work, lambda result, error: answer.put((result, error)), alone))
        try:
            result, error = answer.get(timeout=timeout)
        except queue.Empty:
            raise self._error(f"{self._called} gave no answer in {timeout:g} s", hint=self._hint) from None
        if error is not None:
            raise error
        found: T = result
        return found

    # --- what an owner says; on the thread

    def _open(self) -> None:
        """Set ``_connection``. Raises ``GateError``."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Before a commit."""

    def _joined(self, first: Piece) -> list[Piece]:
        """The pieces that are performed with this one (``_perform_all``)."""
        return [first]

    def _do(self, work: Work) -> Any:
        """Do a piece of work inside its savepoint. Raises what it raises."""
        return work(self._connection)

    def _committed(self) -> None:
        """After a commit, before its pieces are answered. Raises nothing."""

    def _recover(self, *, whole: bool = False) -> bool:
        """After a commit that failed: nothing of it may stay. ``whole``: it was lost while it was being made durable,
        with all of its pieces in it. True where it turns out to be there, whole, all the same."""
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()
        return False

    def _idle(self) -> None:
        """After ``_idle_seconds`` without work."""

    @property
    def _idle_seconds(self) -> float | None:
        """None: quiet time is not waited for."""
        return None

    def _after(self) -> None:
        """After each commit, and after each piece alone."""

    def _finish(self) -> None:
        """Before the database is closed."""

    # --- the thread

    def _run(self, ready: queue.SimpleQueue[Exception | None]) -> None:
        try:
            self._open()
        except Exception as error:  # noqa: BLE001 - raised again where the thread was started
            ready.put(error)
            return
        ready.put(None)
        try:
            self._serve()
        finally:
            self._shut()

    def _serve(self) -> None:
        while True:
            try:
                piece = self._put_back.pop() if self._put_back else self._queue.get(timeout=self._idle_seconds)
            except queue.Empty:
                self._idle()
                continue
            if piece is None:
                return
            self._since = time.monotonic()
            if piece.alone:
                self._answer(piece.done, *self._perform_alone(piece.work))
            else:
                self._commit_with(piece)
            self._after()
            self._since = None

    def _shut(self) -> None:
        """Nobody waits for ever: what is still queued, where the thread died of something unforeseen, is answered."""
        with self._entry:
            self._closed = True
        left = self._put_back
        while not self._queue.empty():
            left.append(self._queue.get())
        for piece in left:
            if piece is not None:
                self._answer(piece.done, None, self._error(f"{self._called} is closed"))
        self._finish()
        self._connection.close()

    def _next(self) -> Piece | None:
        """What waits for this commit, if anything does."""
        if not self._put_back:
            with suppress(queue.Empty):
                self._put_back.append(self._queue.get_nowait())
        if not self._put_back or (piece := self._put_back[-1]) is None or piece.alone:
            return None
        return self._put_back.pop()

    def _commit_with(self, first: Piece) -> None:
        """Commit this and whatever else waits, and answer."""
        group: Sequence[Piece] = self._joined(first)
        pieces = list(group)
        answers: list[Answer] = []
        written: list[bool] = []
        self._whole = False
        try:
            self._begin()
            self._connection.execute("BEGIN IMMEDIATE")
            deadline = time.monotonic() + BATCH_SECONDS
            while group:
                before = self._connection.total_changes
                self._perform_all(group, answers)
                written += [self._connection.total_changes != before] * len(group)
                more = not self._whole and len(pieces) < BATCH and time.monotonic() <= deadline
                group = self._joined(piece) if more and (piece := self._next()) is not None else []
                pieces += group
            self._whole = True
            self._connection.execute("COMMIT")
            self._committed()
        except Exception as error:  # noqa: BLE001 - a guarded boundary: whatever it was, nobody is left without answer
            log.error("not_committed", owner=self._called, pieces=len(pieces), error=str(error))
            failure = self._error(f"{self._called} could not commit: {error}", hint=self._hint)
            written += [True] * (len(pieces) - len(written))
            if self._recover(whole=self._whole):
                self._committed()
            else:
                answers = [
                    (None, failure) if wrote else self._read_again(piece.work, failure)
                    for piece, wrote in zip(pieces, written, strict=True)
                ]
        for piece, (result, refusal) in zip(pieces, answers, strict=True):
            self._answer(piece.done, result, refusal)

    def _perform_all(self, group: Sequence[Piece], answers: list[Answer]) -> None:
        """Those that have joined, one after another; their answers come behind those of this commit so far. Raises as
        ``_perform``."""
        for piece in group:
            answers.append(self._perform(piece.work, first=not answers))

    def _perform(self, work: Work, *, first: bool) -> Answer:
        """One piece of work under its savepoint, which is the transaction itself for the ``first``. Raises
        ``sqlite3.Error`` where the whole transaction is lost."""
        if not first:
            self._connection.execute("SAVEPOINT piece")
        try:
            result = self._do(work)
        except BaseException as raised:
            if not self._connection.in_transaction:  # SQLite has rolled back all of it (disk full, I/O error)
                raise sqlite3.OperationalError(str(raised)) from raised
            if first:
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
            else:
                self._connection.execute("ROLLBACK TO piece")
                self._connection.execute("RELEASE piece")
            return None, self._as_error(raised)
        if not first:
            self._connection.execute("RELEASE piece")
        return result, None

    def _read_again(self, work: Work, failure: Exception) -> Answer:
        """What has only read in a commit that failed; ``failure`` where it would write now, or fails, too."""
        try:
            self._connection.execute("BEGIN")
            before = self._connection.total_changes
            result = self._do(work)
            return (result, None) if self._connection.total_changes == before else (None, failure)
        except Exception:  # noqa: BLE001 - the same boundary: it is answered with what made the commit fail
            return None, failure
        finally:
            self._recover()

    def _perform_alone(self, work: Work) -> Answer:
        try:
            return work(self._connection), None
        except Exception as raised:  # noqa: BLE001 - the same boundary
            if self._connection.in_transaction:
                self._connection.rollback()
            return None, self._as_error(raised)

    def _as_error(self, raised: BaseException) -> Exception:
        """What is answered to work that raised."""
        if isinstance(raised, sqlite3.Error):
            return self._error(f"{self._called} failed: {raised}", hint=self._hint)
        if isinstance(raised, Exception):
            return raised
        return self._error(f"the work was cut short: {raised!r}")

    def _answer(self, done: Done, result: Any, error: Exception | None) -> None:
        try:
            done(result, error)
        except Exception:  # a guarded boundary: nobody's callback ends the thread
            log.exception("answer_failed", owner=self._called)
