"""The evidence store on PostgreSQL 17, through psycopg: the same thread, group commit, facts, leaves and tables.

Two engines, one store. What is kept and how it is asked is in the other modules of ``gate.store``, for both: they need
a ``gate.sqlite_thread.Connection``, and their SQL is one text (``gate.store.dialect``). How a database is opened, what
a lost connection means and how freed room is cleaned are an engine's own: ``store`` and ``reader`` have SQLite's, this
module PostgreSQL's.

One log per gate, and any number of gates. Leaves, tiles, checkpoints and the place in the memory journal have a key
(log, index), and a session sees those of its own log alone. Facts, and the rows that are made from them, are every
gate's: lists, calls, requests, limits. Their key is that of the leaf, which has the log in it
(``gate.core.evidence.leaf_key``): in log 0 it is the index itself.
Two gates that write the same log meet at those keys: the second is refused by the database, finds a head that is not
its own, and stops for good. A COMMIT whose answer was lost is looked for by that head, too, before anything is written
again: what is there is answered as done.

Durability: an answer comes after a COMMIT with ``synchronous_commit`` on, which waits for a synchronous standby where
the server has one. A server without ``fsync`` or ``full_page_writes`` is refused. Text is in the order of its bytes, as
in SQLite: a database with another collation is refused.
"""

from __future__ import annotations

import json
import re
import sqlite3
import ssl
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from hashlib import sha256
from itertools import count
from secrets import token_hex
from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from gate.config import read_secret
from gate.config.optional import is_local
from gate.core.evidence import LOG_BITS, Frontier
from gate.errors import AuditError, ConfigError, StoreError
from gate.log import Logger
from gate.sqlite_thread import Answer, Connection, Cursor, Piece, Work
from gate.store.dialect import FUNCTIONS, OWN, Translated, Values, statements, translated
from gate.store.projections import utf8
from gate.store.reader import check_pepper, each
from gate.store.schema import STEPS, Difference, made_by, other_number_key, unknown
from gate.store.store import EvidenceStore
from gate.store.transaction import LOOK_UPS, Known, Salts, StoreTransaction
from gate.store.tree import check_start, keys, load_frontier
from gate.types import Progress, batched

log = Logger()

CONNECT_SECONDS: Final = 3
"""For each host of the DSN."""
SILENT_SECONDS: Final = 10
"""After which a server that does not acknowledge what was sent counts as away."""
_SESSION: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "target_session_attrs": "read-write",
    "tcp_user_timeout": SILENT_SECONDS * 1000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "dialgate",
}
"""What a DSN does not say itself."""
TABLES: Final = "dialgate"
VIEWS: Final = "dialgate_log"
"""Schemas: of the tables, and of those with a column ``log`` as a session sees them: without it, and its own log's."""
REWRITTEN: Final = 256 * 1024 * 1024
"""Bytes of the largest table, with its indexes, that is written anew without being asked for: decisions wait for some
seconds meanwhile."""
REWRITE_SECONDS: Final = 86400.0
"""How long whoever asks for a table to be written anew waits for it."""
LOCK_SECONDS: Final = 3
_LOCKED: Final = "55P03"
"""The state of a statement that did not get its lock in time."""
_NOBODYS: Final = ("leaves", "tiles", "checkpoints", "migrations", "number_key", "attempts")
"""Tables without personal data."""
KEYS: Final = ("leaf_index", "withdrawn_leaf", "leaf")
"""Columns with a leaf's key, where a table is not one of ``OWN``."""
FENCE: Final = "_pkey"
"""The end of the names of the leaves' keys: two writers of one log meet there."""
_MARK: Final = "SELECT pg_logical_emit_message(true, 'dialgate', '')"
"""Something to commit behind what is there: a server that was killed has what no standby was waited for."""
_FREED: Final = f"SELECT obj_description('{TABLES}'::regnamespace, 'pg_namespace')"
"""The note of the last erasure since all tables were written anew, if there was one: it is in their free room. It
stands at the schema, where a commit changes it with what is erased, and one that a kill has left is found again."""
_SIZES: Final = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relnamespace = ?::regnamespace AND relkind = 'r'"
    " ORDER BY relname"
)
_SETTINGS: Final = """SELECT current_setting('server_version_num')::integer >= 170000 AS version,
    pg_encoding_to_char(encoding) = 'UTF8' AS encoding,
    coalesce(datlocale, datcollate) IN ('C', 'POSIX') AS collation,
    current_setting('fsync') = 'on' AS fsync, current_setting('full_page_writes') = 'on' AS full_page_writes
    FROM pg_database WHERE datname = current_database()"""
_WANTED: Final = {
    "version": "the server is older than PostgreSQL 17",
    "encoding": "the database's encoding is not UTF8",
    "collation": "the database sorts by a language",
    "fsync": "the server has fsync = off: evidence would be lost with its power",
    "full_page_writes": "the server has full_page_writes = off: evidence would be lost with its power",
}
_CREATE_HINT: Final = "CREATE DATABASE dialgate OWNER dialgate TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
AWAY_HINT: Final = "is PostgreSQL running and reachable, with a primary among its hosts?"


class PostgresqlFailed(sqlite3.OperationalError):
    """A failure of PostgreSQL, as those who know SQLite's failures meet it."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error).partition("\n")[0] or type(error).__name__)
        self.constraint = error.diag.constraint_name or ""
        """The one that was violated."""
        self.code = error.diag.sqlstate or ""


# --- a connection -------------------------------------------------------------------------------------------------


_ESCAPE: Final = "\ufffe"
_NUL: Final = _ESCAPE + "0"


class _Bare(Dumper):  # type: ignore[misc]  # of an extra, which mypy passes over
    """A number, or yes and no as 1 and 0, as a literal without a type: PostgreSQL takes the one that fits there."""

    def dump(self, obj: Any) -> Buffer:
        return (repr(obj) if isinstance(obj, float) else str(int(obj))).encode()

    def quote(self, obj: Any) -> Buffer:
        return self.dump(obj)


def _held(text: str) -> str:
    """Text as PostgreSQL can hold it: it has no NUL, which a header may have."""
    return text if text.isascii() and "\0" not in text else text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _NUL)


class _Text(Loader):  # type: ignore[misc]  # of an extra, which mypy passes over
    """The other way round."""

    def load(self, data: Buffer) -> str:
        text = str(data, "utf-8")
        return text if text.isascii() else text.replace(_NUL, "\0").replace(_ESCAPE + "1", _ESCAPE)


class _Flag(Loader):  # type: ignore[misc]  # of an extra, which mypy passes over
    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Sum(Loader):  # type: ignore[misc]  # of an extra, which mypy passes over
    """A sum of whole numbers, which PostgreSQL makes a ``numeric``."""

    def load(self, data: Buffer) -> float:
        text = bytes(data)
        return float(text) if b"." in text else int(text)


def _values(statement: Translated, given: Values) -> list[Any]:
    return [
        _held(value) if type(value) is str and not (value.isascii() and "\0" not in value) else value
        for value in statement.values(given)
    ]


_IN_TRANSACTION: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
_SAVEPOINT: Final = "SAVEPOINT piece"
_RELEASE: Final = "RELEASE piece"
_NEXT_PIECE: Final = Translated(f"{_RELEASE}; {_SAVEPOINT}", ())


@cache
def _one_of(statements: tuple[str, ...]) -> str:
    *first, last = statements
    return f"WITH {', '.join(f's{n} AS ({sql})' for n, sql in enumerate(first))} {last}" if first else last


HELD_MS: Final = 2000
_HOLD: Final = (
    f"SELECT set_config('lock_timeout', '{HELD_MS}', true), set_config('idle_in_transaction_session_timeout',"  # noqa: S608 - a constant
    f" '{HELD_MS}', true), pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name"
)
GROUP: Final = 32
"""Decisions that are made together, at most."""
AT_ONCE: Final = 8
"""Rows that one statement writes, at most."""


_OF_A_DECISION: Final = tuple(f"INSERT INTO {table} " for table in ("facts", "leaves", "tiles", "calls", "attempts"))
"""What a decision writes: it changes nothing that is looked up of another number."""


def _in_json(value: str | bytes | int | None) -> str | int | None:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return _held(utf8(value))


@cache
def _rows_of(sql: str, count: int) -> str:
    """An INSERT of one row, ``VALUES (?, …)``, as one of so many."""
    head, _, row = sql.partition(" VALUES ")
    return f"{head} VALUES {', '.join([row] * count)}"


_cursors: Final = count()

_VALUE: Final = re.compile(r"\$(\d+)")


@cache
def _look_ups(types: tuple[tuple[str, str], ...]) -> str:
    """``LOOK_UPS`` as one statement for any number of decisions: an array of names and values in, for each of them its
    place and an array of answers out."""
    names = [name for name, _ in types]
    questions = []
    for sql, given in LOOK_UPS:
        own = "".join(f"given_values.{given[int(part) - 1]}" if n % 2 else part for n, part in enumerate(_pieces(sql)))
        questions.append(f"(SELECT json_agg(t) FROM ({own}) AS t)")  # noqa: S608 - the code's own, here and below
    columns = ", ".join(f"{name} {kind}" for name, kind in types)
    return (
        f"SELECT place, json_build_array({', '.join(questions)})::text FROM ROWS FROM (json_to_recordset($1::json)"  # noqa: S608
        f" AS ({columns})) WITH ORDINALITY AS given_values ({', '.join(names)}, place)"
    )


def _pieces(sql: str) -> list[str]:
    """A statement, cut at its values: every second part is the number of one."""
    return _VALUE.split(translated(sql).sql)


class PostgresqlConnection:
    """A session that takes the store's SQL. Its failures are ``PostgresqlFailed``."""

    def __init__(self, session: psycopg.Connection[Any], log: int = 0) -> None:
        """``log``: the one whose leaves it sees."""
        self.session = session
        self.log = log
        self._held_open = False
        """The last piece's savepoint is not released yet."""
        self._to_begin = self._ended = False
        """BEGIN is to be sent, with the next statement; COMMIT was already, with the last one (``later``)."""
        self._later: dict[str, list[Sequence[Any]]] | None = None
        """Rows that are still to be sent, by their statement; None where each is at once."""
        self.foreign = False
        """Something else than the rows of decisions was written meanwhile."""
        self.holds = False
        """This transaction keeps other gates from counting the calls of an account (``hold``)."""
        self._pipeline: psycopg.Pipeline | None = None
        self._types: tuple[tuple[str, str], ...] = ()
        """The names of the values of ``LOOK_UPS``, and of which type the server takes each to be (``know_types``)."""
        self._nothing: Cursor = session.cursor()
        self.total_changes = 0
        for kind in (int, float, bool):
            session.adapters.register_dumper(kind, _Bare)
        session.adapters.register_loader("bool", _Flag)
        session.adapters.register_loader("text", _Text)
        session.adapters.register_loader("numeric", _Sum)

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """As ``sqlite3``'s."""
        if sql == _RELEASE:  # with what follows: each statement is a way to the server and back
            self._held_open = True
            return self._nothing
        if sql.startswith("BEGIN"):
            self._to_begin = True
            return self._nothing
        if sql in ("COMMIT", "ROLLBACK"):
            self.holds = False
        if (self._ended or self._to_begin) and sql in ("COMMIT", "ROLLBACK"):
            self._to_begin = self._ended = self._held_open = False
            return self._nothing
        statement = translated(sql)
        values = _values(statement, parameters)
        try:
            if self._held_open:
                self._held_open = False
                if sql == _SAVEPOINT:
                    statement = _NEXT_PIECE
                elif sql not in ("COMMIT", "ROLLBACK"):
                    self.session.execute(_RELEASE)
            self._start()
            if self._pipeline is not None:
                self.foreign = self.foreign or not sql.startswith(("SELECT", "WITH"))
                self._send()
            cursor = self.session.execute(statement.sql, values or None)
            if self._pipeline is not None:
                self._pipeline.sync()
        except psycopg.Error as error:
            raise PostgresqlFailed(error) from error
        if cursor.description is None and cursor.rowcount > 0:
            self.total_changes += cursor.rowcount
        found: Cursor = cursor
        return found

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """As ``sqlite3``'s."""
        statement = translated(sql)
        cursor = self.session.cursor()
        try:
            self._start()
            cursor.executemany(statement.sql, [_values(statement, each) for each in parameters])
        except psycopg.Error as error:
            raise PostgresqlFailed(error) from error
        self.total_changes += max(cursor.rowcount, 0)
        found: Cursor = cursor
        return found

    def together(self, writes: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Do statements that each write a row of another table, as one statement."""
        self.total_changes += 1
        if self._later is None:
            sql = _one_of(tuple(sql for sql, _ in writes))
            self.execute(sql, [value for _, values in writes for value in values])
            return
        if not all(sql.startswith(_OF_A_DECISION) for sql, _ in writes):
            self.foreign = True
            self._send()
        for sql, values in writes:
            self._later.setdefault(sql, []).append(values)
        if self.foreign or len(self._later[writes[0][0]]) == AT_ONCE:
            self._send()

    def _start(self) -> None:
        if self._to_begin:
            self._to_begin = False
            self.session.execute("BEGIN")

    @contextmanager
    def later(self, last: Callable[[], bool]) -> Iterator[None]:
        """What ``together`` writes in here is sent some at a time, and whether all of it could be is known at the end,
        where COMMIT is sent with it if it was the ``last``. Raises ``PostgresqlFailed``."""
        self._later, self.foreign = {}, False
        try:
            with self.session.pipeline() as self._pipeline:
                yield
                self._send()
                if ends := last():
                    self.session.execute("COMMIT")
            self._ended = ends
        except psycopg.Error as error:
            raise PostgresqlFailed(error) from error
        finally:
            self._later = self._pipeline = None

    def _send(self) -> None:
        """Send the rows that are still to be sent, and wait for nothing."""
        waiting, self._later = self._later or {}, {}
        count = AT_ONCE
        while waiting:
            most = max(map(len, waiting.values()))
            while count > most:
                count //= 2  # few sizes: a statement is prepared for each
            some = {sql: rows for sql, rows in waiting.items() if len(rows) >= count}
            statement = translated(_one_of(tuple(_rows_of(sql, count) for sql in some)))
            given = [value for rows in some.values() for row in rows[:count] for value in row]
            self.session.execute(statement.sql, _values(statement, given))
            waiting = {sql: rest for sql, rows in waiting.items() if (rest := rows[count:] if sql in some else rows)}

    def ask(self, asked: Sequence[Mapping[str, Any]]) -> list[Known]:
        """What each of these decisions looks up (``LOOK_UPS``), by one statement."""
        self.hold({each["limited"] for each in asked} - {""})
        rows = [{name: _in_json(value) for name, value in each.items()} for each in asked]
        found: list[Known] = [{} for _ in asked]
        for place, text in self.execute(_look_ups(self._types), [json.dumps(rows)]):
            found[place - 1] = {
                (sql, tuple([asked[place - 1][name] for name in given])): [tuple(row.values()) for row in rows or ()]
                for (sql, given), rows in zip(LOOK_UPS, json.loads(text, strict=False), strict=True)
            }
        return found

    def hold(self, claimed: Collection[str]) -> None:
        """Let no other gate count the calls in hand of these accounts and PBXs before this transaction is over. They
        are held in one order at every gate. A gate that stands still in the middle loses its session, and who waits
        for longer than ``HELD_MS`` fails: nobody waits for another's disk or clock. Raises ``PostgresqlFailed``."""
        if not claimed:
            return
        self.holds = True
        try:
            self._start()
            self.session.execute(_HOLD, [sorted(claimed)])
        except psycopg.Error as error:
            raise PostgresqlFailed(error) from error

    def know_types(self) -> None:
        """Ask the server, whose tables are there. Raises ``PostgresqlFailed``."""
        names = [f"look_up_{n}" for n in range(len(LOOK_UPS))]
        try:
            self.session.execute(
                "; ".join(
                    f"PREPARE {name} AS {translated(sql).sql}" for name, (sql, _) in zip(names, LOOK_UPS, strict=True)
                )
            )
            found = self.session.execute(
                "SELECT name, array_to_json(parameter_types::text[])::text FROM pg_prepared_statements"
            ).fetchall()
            self.session.execute("; ".join(f"DEALLOCATE {name}" for name in names))
        except psycopg.Error as error:
            raise PostgresqlFailed(error) from error
        kinds = {name: json.loads(text) for name, text in found if name in names}
        types = {
            name: kind
            for (_, given), each in zip(LOOK_UPS, names, strict=True)
            for name, kind in zip(given, kinds[each], strict=True)
        }
        self._types = tuple(types.items())

    def each(self, sql: str, parameters: Any = (), /) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT, some thousands at a time: the whole answer is never in memory. In a transaction, beside
        others."""
        statement = translated(sql)
        with psycopg.RawServerCursor(self.session, f"each{next(_cursors)}") as cursor:
            cursor.itersize = 5000
            try:
                self._start()
                cursor.execute(statement.sql, _values(statement, parameters) or None)
                yield from cursor
            except psycopg.Error as error:
                raise PostgresqlFailed(error) from error

    @property
    def failed(self) -> bool:
        """The transaction has failed: nothing of it can be kept."""
        return self.session.info.transaction_status is TransactionStatus.INERROR

    @property
    def in_transaction(self) -> bool:
        """False also where the connection is lost."""
        return self._to_begin or self._pipeline is not None or self.session.info.transaction_status in _IN_TRANSACTION

    def rollback(self) -> None:
        """Give up the transaction."""
        self.execute("ROLLBACK")

    def close(self) -> None:
        """End the session."""
        self.session.close()


@dataclass(frozen=True, slots=True)
class Postgresql:
    """Where a store is, and which log is its gate's: what ``gate.db`` is for SQLite."""

    dsn: str = field(repr=False)
    """libpq's: a URI, or words ``host=… dbname=…``."""
    log: int = 0
    password_file: str = ""
    """Absolute, or ``env:NAME``; read for each session."""
    ca_file: str = ""
    """Absolute; the system's authorities where empty."""

    def __str__(self) -> str:
        words = conninfo_to_dict(self.dsn)
        return f"the database {words.get('dbname', '')} on {words.get('host', 'this machine')}"

    def _given(self) -> dict[str, Any]:
        """What the DSN does not say. Where it leads over a network the server proves by its certificate who it is."""
        words = conninfo_to_dict(self.dsn)
        given = {name: value for name, value in _SESSION.items() if name not in words}
        if self.password_file:
            given["password"] = read_secret("/", self.password_file)
        if not all(map(is_local, f"{words.get('host', '')},{words.get('hostaddr', '')}".split(","))):
            given |= {"sslmode": "verify-full", "gssencmode": "disable"}
        if self.ca_file or "sslmode" in given:
            given["sslrootcert"] = self.ca_file or _system_authorities()
        return given

    def connect(self) -> PostgresqlConnection:
        """A session. Raises ``StoreError``."""
        try:
            session = psycopg.connect(
                make_conninfo(self.dsn, **self._given()),
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                prepare_threshold=3,
            )
        except psycopg.Error as error:
            raise StoreError(f"cannot reach {self}: {_plain(error)}", hint=_hint(error)) from error
        except ConfigError as error:
            raise StoreError(f"cannot reach {self}: {error.message}", hint=error.hint) from error
        session.prepared_max = 512
        connection = PostgresqlConnection(session, self.log)
        try:
            session.execute(
                f"SET search_path = {VIEWS}, {TABLES}; SET dialgate.log = {self.log:d}; SET synchronous_commit = on;"
                " SET DateStyle = ISO; SET TimeZone = UTC; SET default_transaction_isolation = 'read committed'"
            )
            self._check(connection)
        except psycopg.Error as error:
            session.close()
            raise StoreError(f"cannot open {self}: {_plain(error)}", hint=AWAY_HINT) from error
        except StoreError:
            session.close()
            raise
        return connection

    def _check(self, connection: PostgresqlConnection) -> None:
        cursor = connection.execute(_SETTINGS)
        found = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
        for name, message in _WANTED.items():
            if not found[name]:
                raise StoreError(f"{self} cannot hold evidence: {message}", hint=_CREATE_HINT)

    def open_writer(self) -> PostgresqlConnection:
        """A session whose tables are up to date. Raises ``StoreError``."""
        connection = self.connect()
        try:
            bring_up_to_date(connection)
            connection.know_types()
            connection.execute("SET enable_seqscan = off")  # plans made of an empty table hold when it is full
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"cannot make the tables of {self}: {error}", hint="may its user make schemas?") from error
        except StoreError:
            connection.close()
            raise
        return connection

    def open_reader(self) -> PostgresqlConnection:
        """A session that only reads; each of its transactions sees one state. Raises ``StoreError``."""
        connection = self.connect()
        try:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            refuse_newer(connection)
        except (sqlite3.Error, StoreError) as error:
            connection.close()
            raise StoreError(f"cannot read {self}: {error}", hint=getattr(error, "hint", "")) from error
        return connection

    @property
    def schemas(self) -> tuple[str, str]:
        """Of the tables of a log as this gate sees them, and of every gate's."""
        return VIEWS, TABLES

    def open_past(self) -> PostgresqlConnection:
        """A session of one state, whose own views and tables hide those of the store. Raises ``StoreError``."""
        connection = self.connect()
        try:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            refuse_newer(connection)
        except (sqlite3.Error, StoreError) as error:
            connection.close()
            raise StoreError(f"cannot read {self}: {error}", hint=getattr(error, "hint", "")) from error
        return connection

    def open_store(self, pepper: bytes) -> PostgresqlStore:
        """The store that is there. Raises ``StoreError`` or ``AuditError``."""
        return PostgresqlStore(self, pepper=pepper)

    def differences(self, connection: Connection, number_proof: bytes | None = None) -> Iterator[Difference]:
        """What is not as a gate of this version makes it."""
        yield from differences(connection)
        if number_proof is not None:
            yield from other_number_key(connection, number_proof)

    def tables(self, connection: Connection) -> set[str]:
        """Names of the tables that there are."""
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", [TABLES])
        return {name for (name,) in rows}

    def of_log(self, log: int) -> Postgresql:
        """The same, as the gate of another log sees it."""
        return replace(self, log=log)

    def as_words(self) -> dict[str, str | int]:
        """What another process needs to find it; nothing secret."""
        return {"dsn": self.dsn, "log": self.log, "password_file": self.password_file, "ca_file": self.ca_file}


def _plain(error: psycopg.Error) -> str:
    return str(error).replace("\n", " ").strip()


def _hint(error: psycopg.Error) -> str:
    text = str(error)
    if "certificate" in text or "SSL" in text:
        return "the server must show a certificate for the name in [store] dsn, by an authority of [store] ca_file"
    if "authentication failed" in text or "no password supplied" in text:
        return "see the user in [store] dsn and its password in [store] password_file"
    return AWAY_HINT


def _system_authorities() -> str:
    """The file of this machine's certificate authorities: the wheel of libpq looks for its own builder's."""
    return ssl.get_default_verify_paths().cafile or "system"


# --- the tables ---------------------------------------------------------------------------------------------------


def bring_up_to_date(connection: PostgresqlConnection) -> None:
    """Make the tables, or apply the changes that they lack: those of ``gate.store.schema``. One gate at a time does.

    Raises ``sqlite3.Error``, or ``StoreError`` as ``refuse_newer`` does.
    """
    names = {step.name for step in STEPS}
    if names <= refuse_newer(connection):
        return
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('dialgate'))")
        applied = refuse_newer(connection)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {TABLES}")
        connection.execute(f"DROP SCHEMA IF EXISTS {VIEWS} CASCADE")
        connection.execute(f"CREATE SCHEMA {VIEWS}")
        connection.execute(f"SET LOCAL search_path = {TABLES}")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLES}.migrations (name text PRIMARY KEY)")
        for sql in statements(FUNCTIONS):
            connection.session.execute(sql)  # PostgreSQL's own
        fresh = [sql for _, _, sql in made_by(STEPS).values() if sql]
        late = [sql for step in STEPS if step.name not in applied for sql in statements(step.sql)]
        for sql in late if applied else fresh:
            connection.execute(sql)
        old = [each for each in _tables() if each not in OWN and "log" in _columns(connection, each)]
        for table in old:
            _key_by_leaf(connection, table)
        if old:
            connection.session.execute(
                "UPDATE contact_lists SET leaf = leaf"  # noqa: S608 - a constant
                f" + (SELECT coalesce(max(log), 0)::bigint << {LOG_BITS} FROM leaves)"
            )
        for table in OWN:
            columns = ", ".join(name for name in _columns(connection, table) if name != "log")
            connection.execute(
                f"CREATE VIEW {VIEWS}.{table} AS SELECT {columns} FROM {TABLES}.{table}"  # noqa: S608 - a constant
                " WHERE log = current_setting('dialgate.log')::integer"
            )
        for name in sorted(names - applied):
            connection.execute("INSERT INTO migrations (name) VALUES (?)", [name])
        connection.execute("COMMIT")
    except psycopg.Error as error:
        connection.rollback()
        raise PostgresqlFailed(error) from error
    except (sqlite3.Error, StoreError):
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def _key_by_leaf(connection: PostgresqlConnection, table: str) -> None:
    """Key the rows of all logs by their leaves, in a table that was made with a column ``log``."""
    kept = [name for name in KEYS if name in _columns(connection, table)]
    keys = ", ".join(f"{name} = {name} + (log::bigint << {LOG_BITS})" for name in kept)
    connection.session.execute(f"UPDATE {table} SET {keys} WHERE log <> 0")  # noqa: S608 - the code's names
    connection.session.execute(f"ALTER TABLE {table} DROP COLUMN log, ADD PRIMARY KEY (leaf_index)")


def refuse_newer(connection: Connection) -> set[str]:
    """The names of the changes that the tables have had. Raises ``StoreError`` where one of them is not known here, but
    for what only adds: gates are replaced one by one, and those of the version before run until it is their turn."""
    (there,) = connection.execute(f"SELECT to_regclass('{TABLES}.migrations') IS NOT NULL").fetchone()
    rows = connection.execute(f"SELECT name FROM {TABLES}.migrations").fetchall() if there else []  # noqa: S608
    return unknown({name for (name,) in rows}, beside=True)


def _columns(connection: PostgresqlConnection, table: str) -> list[str]:
    """The names of a table's columns, in order."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [f"{TABLES}.{table}"],
    )
    return [name for (name,) in rows]


def differences(connection: Connection) -> Iterator[Difference]:
    """What is not as a gate of this version makes it: triggers, rules, tables and indexes. Where a newer version has
    added to the tables, further tables and indexes are its own."""
    newer = refuse_newer(connection) - {step.name for step in STEPS}
    wanted = {name: made for name, made in made_by(STEPS).items() if made[2]}
    relations = dict(
        connection.execute(
            "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = ?::regnamespace AND relkind <> 'S'",
            [TABLES],
        ).fetchall()
    )
    kinds = {"table": "r", "index": "i"}
    for name, (kind, *_) in wanted.items():
        if relations.get(name) != kinds[kind]:
            yield "foreign_object", f"the database has no {kind} {name}"
    for name, kind in relations.items():
        if newer and kind in ("r", "i"):
            continue
        if name not in wanted and name != "migrations" and not (kind == "i" and name.endswith(("_pkey", "_key"))):
            yield "foreign_object", f"the database holds something that is not the gate's: {name}"
    for sql in (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN"
        " (SELECT oid FROM pg_class WHERE relnamespace IN (?::regnamespace, ?::regnamespace))",
        "SELECT rulename FROM pg_rewrite WHERE rulename <> '_RETURN' AND ev_class IN"
        " (SELECT oid FROM pg_class WHERE relnamespace IN (?::regnamespace, ?::regnamespace))",
    ):
        for (name,) in connection.execute(sql, [TABLES, VIEWS]).fetchall():
            yield "foreign_object", f"the database holds a trigger that is not the gate's: {name}"


# --- from one database to another ---------------------------------------------------------------------------------


def copy_rows(source: Connection, target: Connection) -> int:
    """Every row of every table into a database whose tables are empty, in one transaction; how many leaves there are.

    ``source`` is in a transaction, so that it is one state. Between SQLite and PostgreSQL, either way. Raises
    ``StoreError`` where the target has evidence of any gate, ``AuditError`` where what was copied is not the source's,
    leaf by leaf and row by row, and ``sqlite3.Error``.
    """
    if logs_of(target):
        raise StoreError("there is evidence in the database already", hint="name one that no gate has written to")
    target.execute("BEGIN IMMEDIATE")
    try:
        for table in _tables():
            target.execute(f"DELETE FROM {table}")  # noqa: S608 - the code's names, here and below
            columns = plain_columns(table)
            marks = ", ".join(_placed(target, table, name, "?", "+") for name in columns)
            rows = each(source, _in_its_log(source, table))
            for some in batched(rows, COPIED_AT_ONCE):
                target.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", some)  # noqa: S608
        kept, copied = load_frontier(source), load_frontier(target)
        if kept != copied:
            raise AuditError(
                "the leaves that were copied are not those of the log", hint="nothing was changed; try again"
            )
        if other := unlike(source, target):
            raise AuditError(
                f"the rows that were copied into {other[0]} are not those of the source", hint="nothing was changed"
            )
        target.execute("COMMIT")
    except BaseException:
        if target.in_transaction:
            target.rollback()
        raise
    return copied.size


def logs_of(connection: Connection) -> list[int]:
    """The logs that have an entry in a database; 0 for SQLite's."""
    if isinstance(connection, PostgresqlConnection):
        found = connection.execute(f"SELECT DISTINCT log FROM {TABLES}.leaves ORDER BY log").fetchall()  # noqa: S608
        return [log for (log,) in found]
    return [0] if connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone() else []


def unlike(one: Connection, other: Connection) -> list[str]:
    """The tables whose rows are not byte for byte the same in two databases, both in a transaction."""
    return [table for table in _tables() if _digest(one, table) != _digest(other, table)]


def _digest(connection: Connection, table: str) -> tuple[int, int]:
    """How many rows there are, and a sum over them, in whatever order they come."""
    count = whole = 0
    for row in each(connection, _in_its_log(connection, table)):
        count += 1
        whole += int.from_bytes(sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest())
    return count, whole % (1 << 256)


def _in_its_log(connection: Connection, table: str) -> str:
    """A SELECT of the rows of a table of one gate, leaves by their index."""
    columns = (_placed(connection, table, name, name, "-") for name in plain_columns(table))
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - the code's names


def _placed(connection: Connection, table: str, name: str, value: str, way: str) -> str:
    first = keys(connection).start
    return f"{value} {way} {first}" if first and name in KEYS and table not in OWN else value


def _tables() -> list[str]:
    return [name for name, (kind, *_) in made_by(STEPS).items() if kind == "table"]


def put_aside(place: Postgresql, name: str) -> None:
    """Give the tables another name, under which no gate finds them. Raises ``StoreError``."""
    with closing(place.connect()) as connection:
        try:
            connection.execute(f"DROP SCHEMA {VIEWS} CASCADE")
            connection.execute(f"ALTER SCHEMA {TABLES} RENAME TO {name}")
        except sqlite3.Error as error:
            raise StoreError(f"the tables of {place} keep their name: {error}", hint="drop that database") from error


COPIED_AT_ONCE: Final = 1000


@cache
def plain_columns(table: str) -> list[str]:
    """The columns that a row of a table is written with: those that are not computed from the others."""
    with closing(sqlite3.connect(":memory:")) as made:
        made.execute(made_by(STEPS)[table][2])
        return [name for _, name, *_ in made.execute(f"PRAGMA table_info({table})")]


# --- erased ---------------------------------------------------------------------------------------------------------


def _noted(connection: Connection) -> str:
    (noted,) = connection.execute(_FREED).fetchone()
    return noted or ""


def _sizes(connection: Connection) -> dict[str, int]:
    """Bytes of each table that may hold personal data, with its indexes."""
    rows = connection.execute(_SIZES, [TABLES]).fetchall()
    return {name: size for name, size in rows if name not in _NOBODYS}


def _vacuum(connection: Connection, table: str) -> bool:
    """False where somebody reads it."""
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        connection.execute(f"VACUUM FULL {TABLES}.{table}")
        return True
    except PostgresqlFailed as error:
        if error.code != _LOCKED:
            raise
        return False
    finally:
        if not connection.in_transaction:
            connection.execute("SET lock_timeout = 0")


def _clear(connection: Connection, noted: str) -> None:
    """Take the note away, unless another gate has erased something meanwhile."""
    if _noted(connection) == noted:
        connection.execute(f"COMMENT ON SCHEMA {TABLES} IS NULL")


def _let_go(connection: Connection) -> None:
    """Cut the write-ahead log, where the gate may."""
    may, recycles = connection.execute(
        "SELECT has_function_privilege('pg_switch_wal()', 'execute') AND pg_has_role('pg_checkpoint', 'member'),"
        " current_setting('wal_recycle') = 'on'"
    ).fetchone()
    if recycles:
        log.warning("write_ahead_log_recycled", hint="set wal_recycle = off, or its files keep what was erased")
    if may:  # else the server does both by itself, by and by
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")


# --- the store ----------------------------------------------------------------------------------------------------


class PostgresqlStore(EvidenceStore):
    """``EvidenceStore`` on PostgreSQL; ``path`` is a ``Postgresql``.

    Where the server is away every piece of work gets ``StoreError``, and the next one asks again for a primary.
    """

    _connection: PostgresqlConnection
    shared = True

    def __init__(self, place: Postgresql, *, pepper: bytes, salts: Salts | None = None) -> None:
        """As ``EvidenceStore``. Raises ``StoreError`` or ``AuditError``."""
        self.place = place
        self._heads: list[Frontier] = []
        """Heads that the log may have: what was last known to be kept, and what was sent after it and not answered."""
        super().__init__(place, pepper=pepper, **({} if salts is None else {"salts": salts}))

    def scrub(self) -> bool:
        """Write the tables anew without what was erased, and let go of their files. VACUUM alone would leave its bytes
        in the gaps of pages. Nothing is done where nothing was erased since. False where somebody reads them still, or
        where one is larger than ``REWRITTEN``, for nobody could decide meanwhile: see ``unscrubbed``. Raises
        ``StoreError``.

        What is in the write-ahead log, its archive and base backups goes within ``retention.backup_days``.
        """
        return self._write_anew(REWRITTEN)[1]

    def unscrubbed(self) -> list[str]:
        """As ``EvidenceStore``'s."""
        sizes = self.alone(_sizes) if self.alone(_noted) else {}
        return [f"{TABLES}.{name}" for name, size in sizes.items() if size > REWRITTEN]

    def rewrite(self, progress: Progress) -> int:
        """As ``EvidenceStore``'s. Each table by itself, however large; between two of them decisions are made."""
        count, all_of_them = self._write_anew(None, progress)
        if not all_of_them:
            raise StoreError(
                f"tables of {self.place} are read by somebody, and were not written anew",
                hint="end what reads them (an export, pg_dump), then again",
            )
        return count

    def rewritable(self, connection: Connection) -> int:
        """As ``EvidenceStore``'s."""
        return sum(_sizes(connection).values()) if _noted(connection) else 0

    def _write_anew(self, largest: int | None, progress: Progress = lambda done, what: None) -> tuple[int, bool]:
        """The tables up to so many bytes, or all: how many bytes they had, and whether nothing is left of what was
        erased by now."""
        noted = self.alone(_noted)
        if not noted:
            return 0, True
        sizes, done = self.alone(_sizes), 0
        large = [f"{TABLES}.{name}" for name, size in sizes.items() if largest is not None and size > largest]
        whole = not large
        for name, size in sizes.items():
            if f"{TABLES}.{name}" not in large:
                whole = self._wait(partial(_vacuum, table=name), REWRITE_SECONDS, alone=True) and whole
                done += size
                progress(done / sum(sizes.values()), f"{TABLES}.{name}")
        if large:
            log.warning("tables_to_be_rewritten", tables=large, hint="at a quiet hour: dialgate store rewrite")
        elif whole:
            self.alone(partial(_clear, noted=noted))
        self._wait(_let_go, REWRITE_SECONDS, alone=True)
        return done, whole

    def _note_freed(self, tx: StoreTransaction) -> None:
        self._connection.execute(f"COMMENT ON SCHEMA {TABLES} IS 'something was erased: {token_hex(8)}'")

    def _open(self) -> None:
        connection = self.place.open_writer()
        try:
            found = check_start(connection, differences(connection)) if not self._heads else load_frontier(connection)
            connection.execute("BEGIN")
            self._check_number_key(connection)
            connection.execute("COMMIT")
        except (AuditError, StoreError):
            connection.close()
            raise
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"cannot read {self.place}: {error}", hint=AWAY_HINT) from error
        self._connection = connection
        self.own = keys(connection)
        if self._heads and found not in self._heads:
            self.stopped = f"another gate has written to log {self.place.log} of {self.place}"
            log.error("log_of_another_gate", log=self.place.log, size=found.size)
            self.on_stopped()
        self._heads = [*self._heads, found] if self.stopped else [found, *self._heads]
        self._frontier = self._before = found
        self._doubtful = False

    def _check_number_key(self, connection: Connection) -> None:
        """In a transaction: of gates that begin at once with other keys, one is refused. Raises ``StoreError``."""
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('dialgate'))")
        check_pepper(connection, self._pepper)

    def _begin(self) -> None:
        if self.stopped:
            raise StoreError(self.stopped, hint="each gate has a log of its own: see [store] log")
        super()._begin()
        if self.stopped:
            raise StoreError(self.stopped, hint="each gate has a log of its own: see [store] log")

    def _joined(self, first: Piece) -> list[Piece]:
        """Decisions that wait are made together: their look-ups are one statement, and few write their rows."""
        group = [first]
        while group[-1].asks is not None and len(group) < GROUP and (piece := self._next()) is not None:
            group.append(piece)
        if group[-1].asks is None and len(group) > 1:
            self._put_back.append(group.pop())
        return group

    def _perform_all(self, group: Sequence[Piece], answers: list[Answer]) -> None:
        """Where one of a group fails the database, each is made again by itself: none takes another with it."""
        if group[0].asks is None:
            super()._perform_all(group, answers)
            return
        before, acted, first, given = self._frontier, self._acted, not answers, len(answers)
        if not first:
            self._connection.execute("SAVEPOINT piece")
        try:
            self._together(group, answers)
        except BaseException as error:  # made again, each is answered as it deserves
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError(str(error)) from error
            log.warning("decided_one_by_one", pieces=len(group), error=str(error))
            self._frontier, self._acted, self._whole = before, acted, False
            self._connection.execute("ROLLBACK" if first else "ROLLBACK TO piece")
            self._connection.execute("BEGIN IMMEDIATE" if first else "RELEASE piece")
            del answers[given:]
            super()._perform_all(group, answers)
            return
        if not first:
            self._connection.execute("RELEASE piece")

    def _together(self, group: Sequence[Piece], answers: list[Answer]) -> None:
        """Raises what makes it worth nothing."""
        connection = self._connection
        decided: set[str] = set()
        with connection.later(self._last):
            asked = [piece.asks().values(self._pepper, self.own) for piece in group if piece.asks is not None]
            for piece, values, known in zip(group, asked, connection.ask(asked), strict=True):
                changes, fresh = connection.total_changes, not connection.foreign and values["number"] not in decided
                try:
                    answers.append((self._do(piece.work, known if fresh else None), None))
                except Exception as error:
                    if connection.total_changes != changes or connection.failed:
                        raise
                    answers.append((None, self._as_error(error)))
                decided.add(values["number"])

    def _next(self) -> Piece | None:
        """One group of decisions a commit, where it holds accounts: two gates that hold more of them one after another
        could wait for each other."""
        piece = super()._next()
        if piece is not None and piece.asks is not None and self._connection.holds:
            self._put_back.append(piece)
            return None
        return piece

    def _last(self) -> bool:
        """True where nothing waits that could join the commit."""
        if (more := self._next()) is not None:
            self._put_back.append(more)
        self._whole = more is None
        return self._whole

    def _do(self, work: Work, known: Known | None = None) -> Any:
        if not self._frontier.size:
            self._check_number_key(self._connection)
        try:
            return super()._do(work, known)
        except StoreError as error:
            if getattr(error.__cause__, "constraint", "").endswith(FENCE):
                self._doubtful = True  # somebody was at our place of the log: the head tells who
            raise

    def _committed(self) -> None:
        self._heads = [self._frontier]
        super()._committed()

    def _recover(self, *, whole: bool = False) -> bool:
        """As ``EvidenceStore``'s; where the connection went while it committed, a new one tells whether it did."""
        sent, acted = self._frontier, self._acted
        super()._recover(whole=whole)
        if not whole or not self._doubtful or sent == self._before:
            return False
        self._heads.append(sent)
        try:
            self._connection.close()
            self._open()
            if self._frontier != sent or self.stopped:
                return False
            self._connection.execute("BEGIN")
            self._connection.execute(_MARK)
            self._connection.execute("COMMIT")
        except (StoreError, AuditError, sqlite3.Error) as error:
            log.error("commit_not_known", error=str(error))
            self._doubtful = True
            return False
        self._acted = acted
        return True

    def _carry_over(self, changes: int) -> None:
        """PostgreSQL does that by itself."""

    def _cut_again(self, *, quiet: bool) -> None:
        """Likewise."""
