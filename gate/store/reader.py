"""Reading beside the gate: for lists that must not wait for commits, and for commands without a gate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gate.errors import StoreError
from gate.store.connect import UNREADABLE, open_reader
from gate.store.rows import R, Values, dicts_of, structs_of
from gate.store.transaction import require_select
from gate.store.tree import load_frontier


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the database failed: {error}") from error


class Reader:
    """One state of the database, read only, whatever is committed meanwhile. A context manager for the thread it was
    made on; short-lived, or at ``rest``: else the write-ahead log cannot be cut."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ``StoreError``."""
        self._connection = open_reader(path)
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it is one state
        except UNREADABLE as error:
            self._connection.close()
            raise StoreError(f"cannot read {path}: {error}") from error

    @property
    def connection(self) -> sqlite3.Connection:
        """For what reads the tree."""
        return self._connection

    def query(self, sql: str, parameters: Values = ()) -> list[dict[str, Any]]:
        """Rows of a SELECT as dictionaries. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            return dicts_of(self._connection, sql, parameters)

    def rows(self, kind: type[R], sql: str, parameters: Values = ()) -> list[R]:
        """Rows of a SELECT as Structs. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            return structs_of(self._connection, kind, sql, parameters)

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a SELECT as tuples, one by one: for a million of them. Raises ``StoreError``."""
        require_select(sql)
        with _failing():
            yield from self._connection.execute(sql, parameters)

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
