"""How the database is opened: for the one thread that writes, and for those who only read beside it: lists that must
not wait for commits, and commands without a gate. One process at a time owns a data folder.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from gate.errors import ConfigError, StoreError
from gate.sqlite_thread import Connection
from gate.store.projections import number_hash
from gate.store.rows import R, V, Values, structs_of, values_of
from gate.store.schema import Difference, bring_up_to_date, refuse_newer
from gate.store.transaction import require_select
from gate.store.tree import keys, load_frontier

if TYPE_CHECKING:
    from gate.config import Config
    from gate.store.store import EvidenceStore

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
"""A function of the GNU C library (malloc_trim(3))."""


class Database(Protocol):
    """A database that is no file: ``gate.store.postgresql``."""

    def open_writer(self) -> Connection:
        """A connection whose tables are up to date. Raises ``StoreError``."""
        ...

    def open_reader(self) -> Connection:
        """A connection that only reads, and sees one state in each transaction. Raises ``StoreError``."""
        ...

    @property
    def schemas(self) -> tuple[str, str]:
        """Of the tables of a log as this gate sees them, and of every gate's."""
        ...

    def open_past(self) -> Connection:
        """A connection whose own views and tables hide those of the store. Raises ``StoreError``."""
        ...

    def open_store(self, pepper: bytes) -> EvidenceStore:
        """The store that is there. Raises ``StoreError`` or ``AuditError``."""
        ...

    def differences(self, connection: Connection, number_proof: bytes | None = None) -> Iterable[Difference]:
        """As ``gate.store.schema.differences``."""
        ...

    def tables(self, connection: Connection) -> set[str]:
        """Names of the tables that there are."""
        ...

    def of_log(self, log: int) -> Database:
        """The same, as the gate of another log sees it."""
        ...

    def as_words(self) -> dict[str, str | int]:
        """What another process needs to find it; nothing secret."""
        ...


Place = Path | Database
"""Where a store is: the file of SQLite's, or another database."""


def place_of(config: Config) -> Place:
    """Where the evidence of this gate is: ``gate.db`` in its data folder, or the database of ``[store]``. Everything
    that opens a store asks here.

    Raises ``ConfigError`` where the database's library is not installed, or the data folder has a ``gate.db`` besides.
    """
    file = config.data / "gate.db"
    if not config.store.dsn:
        return file
    if file.exists():
        raise ConfigError(
            f"{file} holds evidence, and [store] names a database",
            hint="take it over with: dialgate store move --to DSN; or take [store] out of the configuration",
        )
    return database_of(config)


def database_of(config: Config) -> Database:
    """The database of ``[store]``. Raises ``ConfigError`` where its library is not installed."""
    store = config.store
    words = {"dsn": store.dsn, "log": store.log, "password_file": store.password_file}
    if store.password_file and not store.password_file.startswith("env:"):
        words["password_file"] = str(config.path(store.password_file))
    return _database(words | {"ca_file": str(config.path(store.ca_file)) if store.ca_file else ""})


def _database(words: Mapping[str, Any]) -> Database:
    try:
        server = importlib.import_module("gate.store.postgresql")  # with psycopg, an extra
    except ImportError as error:
        raise ConfigError(
            f"psycopg is not installed, which [store] needs: {error}", hint='pip install "dialgate[postgresql]"'
        ) from None
    found: Database = server.Postgresql(**words)
    return found


def place_in_words(place: Place) -> str:
    """A place as text, for a process of the gate's own; ``place_from_words`` reads it."""
    return json.dumps({"file": str(place)} if isinstance(place, Path) else place.as_words())


def place_from_words(text: str) -> Place:
    """The place that ``place_in_words`` wrote. Raises ``ConfigError`` as ``place_of``."""
    words = json.loads(text)
    return Path(words["file"]) if "file" in words else _database(words)


def open_writer(place: Place) -> Connection:
    """Open (or make) the database and bring its tables up to date. The connection belongs to the calling thread.

    No transaction begins by itself: the store says BEGIN. SQLite's file is readable by its owner only, and so are those
    SQLite puts beside it. Raises ``StoreError``.
    """
    return _make_file(place) if isinstance(place, Path) else place.open_writer()


def _make_file(path: Path) -> sqlite3.Connection:
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


def open_reader(place: Place) -> Connection:
    """Open the database to read only, beside a gate that writes to it. Raises ``StoreError``."""
    return open_file(place) if isinstance(place, Path) else place.open_reader()


def open_file(path: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """SQLite's file to read only. Raises ``StoreError``."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_SECONDS, factory=kind
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        refuse_newer(connection)
    except UNREADABLE as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    return connection


def each(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """The rows of a SELECT, one by one, beside others of this connection: for a million of them. In a transaction."""
    found: Iterable[tuple[Any, ...]] = getattr(connection, "each", connection.execute)(sql, parameters)
    return iter(found)


def check_pepper(connection: Connection, pepper: bytes) -> None:
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


def forget(connection: Connection) -> None:
    """Let go of what a connection has in memory: the statements that it keeps hold what was bound to them last, and its
    pages what stood in them. What this process has freed goes back to the system, so that no answer that was given is
    left there; a few that share a page with something in use stay until that is written over. Raises
    ``sqlite3.Error``."""
    for number in range(_STATEMENTS):  # there is no other way to have them let go
        connection.execute(f"SELECT {number}").fetchall()
    connection.execute("PRAGMA shrink_memory").fetchall()
    if _trim is not None:
        _trim(0)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the database failed: {error}") from error


class Reader:
    """One state of the database, read only, whatever is committed meanwhile. A context manager for the thread it was
    made on; short-lived, or at ``rest``: else the write-ahead log cannot be cut."""

    def __init__(self, place: Place) -> None:
        """Open it. Raises ``StoreError``."""
        self._connection = open_reader(place)
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM number_key").fetchone()  # from here on it is one state
        except UNREADABLE as error:
            self._connection.close()
            raise StoreError(f"cannot read {place}: {error}") from error

    @property
    def own(self) -> range:
        """The keys of the leaves of this gate's log."""
        return keys(self._connection)

    @property
    def connection(self) -> Connection:
        """For what reads the tree."""
        return self._connection

    def rows(self, kind: type[R], sql: str, parameters: Values = ()) -> list[R]:
        """Rows of a SELECT as Structs. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            return structs_of(self._connection, kind, sql, parameters)

    def values(self, kind: type[V], sql: str, parameters: Values = ()) -> list[V]:
        """Rows of a SELECT as tuples, or as the values of their only column. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            return values_of(self._connection, kind, sql, parameters)

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a SELECT as tuples, one by one: for a million of them. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            yield from each(self._connection, sql, parameters)

    def head(self) -> tuple[int, bytes]:
        """Size and root of the log."""
        frontier = load_frontier(self._connection)
        return frontier.size, frontier.root

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves. Raises ``AuditError`` where they are not all there."""
        return load_frontier(self._connection, size).root

    def rest(self) -> None:
        """Let go of that state, with no other one yet: the next query begins with what is committed by then.

        Raises ``StoreError``.
        """
        with _failing():
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")

    def close(self) -> None:
        """Let go of that state."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


PAUSE: Final = 0.05
"""Seconds between two tries."""


class DataLock:
    """The lock on a data folder: the file ``gate.lock`` in it, held by ``flock`` until ``release`` or the process ends.

    A context manager. The file is never deleted, and holds the process id of the one who has it. A child made by fork
    without exec keeps the lock of its parent: start children by exec.
    """

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        """Take the lock, after so many seconds at most; raises ``StoreError`` naming the process that has it."""
        self.path = folder / "gate.lock"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot open {self.path}: {error.strerror}", hint="does the data folder exist?"
            ) from error
        try:
            _take(handle, patience)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            os.close(handle)
            raise StoreError(
                f"the data folder {folder} is in use by process {holder or 'unknown'}",
                hint="where that is a gate, let the command go through it, or stop it first; where it is another "
                "command, wait until it has ended",
            ) from error
        with suppress(OSError):  # on a full disk the lock holds all the same, without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        self._handle: int | None = handle

    def release(self) -> None:
        """Let go; harmless twice."""
        if self._handle is not None:
            with suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _take(handle: int, patience: float) -> None:
    """Raises ``BlockingIOError`` where somebody else has it still."""
    for left in range(math.ceil(patience / PAUSE), -1, -1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise
        time.sleep(PAUSE)
