"""The memory journal as the store keeps it: written after each commit that has an act in it, before that is answered.

The row of ``memory`` says how far the journal goes, and up to which leaf it holds the store's acts. So nothing that is
owed is kept anywhere else: where the second place is away, the acts after that leaf wait in the store, whatever dies
meanwhile, and go with the next commit or the next try.

A disk that hangs must not hold up decisions: each piece of work on the second place has ``SECONDS``, and while one
hangs the place counts as away.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from gate.batched import batched
from gate.errors import GateError, StoreError
from gate.log import Logger
from gate.store.acts import MOST, BeyondLog, lacking, last_leaf, owed
from gate.store.journal import Head, Journal, JournalAway, JournalWrong
from gate.types import Row

T = TypeVar("T")

log = Logger()

SECONDS: Final = 5.0
"""How long a decision may have to wait for the second place, once."""
AT_ONCE: Final = 20
"""Entries that are written while a decision may have to wait."""
READING_SECONDS: Final = 120.0
"""How long reading all of it may take: the gate's start waits."""


class Kept(NamedTuple):
    """What the store knows of its journal."""

    head: Head
    leaf: int
    """The journal holds the store's acts up to this leaf."""


class Debt(NamedTuple):
    """Acts that are in the store alone."""

    since: datetime
    why: str


def kept(connection: sqlite3.Connection) -> Kept | None:
    """What the store knows of its journal; None where it never had one."""
    row = connection.execute("SELECT number, digest, size, leaf FROM memory").fetchone()
    return None if row is None else Kept(Head(row[0], row[1], row[2]), row[3])


class InTime:
    """Work on the second place, each piece of which has its time; while one hangs, the next is refused at once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._hangs: threading.Thread | None = None

    def __call__(self, work: Callable[[], T], seconds: float = READING_SECONDS) -> T:
        """Do ``work``, in so many seconds. Raises what it raises, or ``JournalAway``."""
        if self._hangs is not None and self._hangs.is_alive():
            raise JournalAway(f"{self._place} does not answer", hint="does the disk or the mount hang?")
        answer: queue.SimpleQueue[tuple[list[T], Exception | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put(([work()], None))
            except GateError as error:
                answer.put(([], error))

        self._hangs = threading.Thread(target=run, name="memory", daemon=True)
        self._hangs.start()
        try:
            result, error = answer.get(timeout=seconds)
        except queue.Empty:
            raise JournalAway(f"{self._place} does not answer", hint="does the disk or the mount hang?") from None
        self._hangs = None  # it has answered, though its thread may live for a moment yet
        if error is not None:
            raise error
        return result[0]


class Memory:
    """The journal of one store. ``pay`` runs on the store's thread; the rest is read from any."""

    def __init__(self, journal: Journal, pepper: bytes, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._pepper = pepper
        self._now = now
        self.in_time = InTime(journal.place)
        """Work on the second place that a decision may have to wait for, or what is done before there are any."""
        self._ends: dict[Head, Head] = {}
        """Where the journal ends that the store knows to end at the key: an entry was written whose writing was given
        up, or that the store could not note."""
        self.debt: Debt | None = None
        """What could not be written, since when and why; None: nothing."""
        self.more = False
        """There is more to write than goes at once: at the first time, of a store that is not new."""
        self.beyond = False
        """The store says that the journal holds more than the log has: all acts are to be compared."""
        self.wrong = ""
        """The journal was cut or changed beside the gate, as a sentence."""

    def pay(self, connection: sqlite3.Connection) -> bool:
        """Write what is owed; False where it could not be, which ``debt`` then says. Raises nothing."""
        try:
            for _ in range(AT_ONCE):
                self.more = self._pay_some(connection)
                if not self.more:
                    break
        except (GateError, sqlite3.Error) as error:
            since = self.debt.since if self.debt is not None else self._now()
            if self.debt is None:
                log.error("memory_not_written", why=str(error), hint="it is tried again; see dialgate memory status")
            self.debt = Debt(since, str(error))
            self.beyond = isinstance(error, BeyondLog)
            if isinstance(error, JournalWrong):
                self.wrong = str(error)
            return False
        if self.debt is not None:
            log.info("memory_written_again")
        self.debt, self.beyond = None, False
        return True

    def complete(self, connection: sqlite3.Connection, held: Collection[tuple[str, str]], upto: int) -> int:
        """Write the acts up to a leaf that are not among those that the journal holds, as (act, id); how many. A leaf
        beyond the log is put right.

        Raises ``JournalAway``, ``JournalWrong``, ``sqlite3.Error``.
        """
        known, last = kept(connection), last_leaf(connection)
        if known is None:
            return 0
        found = lacking(connection, min(upto, last), self._pepper, held)
        known = Kept(known.head, min(known.leaf, last))
        for part in batched(found, MOST):
            end = self._ends.get(known.head, known.head)
            head = self.in_time(partial(self._append, part, known.head, end), SECONDS)
            known = Kept(head, known.leaf)
            _keep(connection, known)
        _keep(connection, known)
        return len(found)

    def _pay_some(self, connection: sqlite3.Connection) -> bool:
        known = kept(connection)
        if known is None:
            raise StoreError("the store has no memory journal yet")
        found = owed(connection, known.leaf, self._pepper)
        if found.acts:
            end = self._ends.get(known.head, known.head)
            head = self.in_time(lambda: self._append(found.acts, known.head, end), SECONDS)
            _keep(connection, Kept(head, found.upto))
        elif found.more:
            _keep(connection, Kept(known.head, found.upto))
        return found.more

    def _append(self, acts: list[Row], known: Head, end: Head) -> Head:
        head = self._journal.append(acts, end)
        self._ends = {known: head}
        return head


def keep_head(connection: sqlite3.Connection, head: Head, leaf: int | None = None) -> None:
    """Note how far the journal goes, in a transaction that is under way; ``leaf`` as it was where None."""
    known = kept(connection)
    upto = leaf if leaf is not None else (known.leaf if known is not None else -1)
    connection.execute("DELETE FROM memory")
    connection.execute("INSERT INTO memory (number, digest, size, leaf) VALUES (?, ?, ?, ?)", (*head, upto))


def _keep(connection: sqlite3.Connection, known: Kept) -> None:
    """In a transaction of its own. Raises ``sqlite3.Error``: then the same acts are written once more, harmlessly."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        keep_head(connection, known.head, known.leaf)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
