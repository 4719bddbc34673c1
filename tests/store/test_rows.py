"""Rows as Structs: each field is a column of its table, by name and type, and is decoded by its type."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Annotated, Any, get_args, get_type_hints

import pytest

from gate.core.rows import Heading, Row, heading
from gate.core.rows.calls import CallRow, ReceiptRow, RecordingRow
from gate.errors import StoreError
from gate.store import schema
from gate.store.rows import structs_of

TABLES: dict[type[Row], tuple[str, frozenset[str]]] = {
    CallRow: ("calls", frozenset({"kept", "silent"})),
    RecordingRow: ("recordings", frozenset()),
    ReceiptRow: ("receipts", frozenset()),
}
"""Row -> its table, and the fields that are no column of it."""


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for step in schema.STEPS:
        connection.executescript(step.sql)
    return connection


def stored(hint: Any) -> str:
    types = set(get_args(hint) or (hint,)) - {type(None)}
    if types <= {bool, int}:
        return "INTEGER"
    return "REAL" if types == {float} else "TEXT"


@pytest.mark.parametrize("row", TABLES, ids=lambda row: row.__name__)
def test_fields_are_the_columns_of_the_table(row: type[Row]) -> None:
    table, besides = TABLES[row]
    with closing(database()) as connection:
        columns = {name: (kind, not_null) for _, name, kind, not_null, *_ in connection.execute(
            f"PRAGMA table_xinfo({table})")}  # fmt: skip
    hints = {name: hint for name, hint in get_type_hints(row).items() if name not in besides}
    assert {name: stored(hint) for name, hint in hints.items()} == {name: columns[name][0] for name in hints}
    key = {name for name in hints if name == "leaf_index"}
    for name in hints.keys() - key:
        assert (type(None) in get_args(hints[name])) is not bool(columns[name][1]), f"{table}.{name} may be NULL or not"


class Thing(Row, frozen=True):
    id: str
    made_at: Annotated[str, Heading("Since")]
    days_left: int
    lost: list[tuple[float, float]] | None
    more: dict[str, int] | None
    heard: bool | None


ROW = "SELECT 'a' AS id, '2026-03-02' AS made_at, 3 AS days_left, '[[1, 2.5]]' AS lost, NULL AS more, 1 AS heard"


def test_what_a_column_keeps_is_decoded_by_the_type_of_the_field() -> None:
    with closing(database()) as connection:
        (found,) = structs_of(connection, Thing, f"{ROW}, 7 AS another", ())
    assert found == Thing("a", "2026-03-02", 3, [(1.0, 2.5)], None, True)


@pytest.mark.parametrize("bad", ["'x' AS days_left", "'{' AS more", "NULL AS id", "2 AS heard", "'[1]' AS lost"])
def test_a_row_that_is_not_as_promised_is_an_error_of_the_store(bad: str) -> None:
    with closing(database()) as connection, pytest.raises(StoreError, match="is no Thing"):
        structs_of(connection, Thing, f"SELECT *, {bad} FROM ({ROW})", ())  # noqa: S608


def test_what_stands_above_a_field() -> None:
    assert [heading(Thing, name) for name in ("id", "made_at", "days_left")] == ["Id", "Since", "Days left"]
    assert [heading(CallRow, name) for name in ("call_id", "at", "answered_at")] == ["Call", "At", "Answered"]
