"""Rows as Structs: each field is a column of its table, by name and type, and is decoded by its type."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import pytest

from gate import types
from gate.core.rows import Heading, Row, heading
from gate.core.rows.calls import CallRow, ListedRecording, ReceiptRow, RecordingRow
from gate.errors import StoreError
from gate.store import schema
from gate.store.queries import Source
from gate.store.rows import structs_of, values_of

pytestmark = pytest.mark.engine("sqlite")

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


ROW = (
    "SELECT 'a' AS id, '2026-03-02T10:00:00Z' AS made_at, 3 AS days_left,"
    " '[[1, 2.5]]' AS lost, NULL AS more, 1 AS heard"
)


def test_what_a_column_keeps_is_decoded_by_the_type_of_the_field() -> None:
    with closing(database()) as connection:
        (found,) = structs_of(connection, Thing, f"{ROW}, 7 AS another", ())
    assert found == Thing("a", "2026-03-02T10:00:00Z", 3, [(1.0, 2.5)], None, True)


@pytest.mark.parametrize("bad", ["'x' AS days_left", "'{' AS more", "NULL AS id", "2 AS heard", "'[1]' AS lost"])
def test_a_row_that_is_not_as_promised_is_an_error_of_the_store(bad: str) -> None:
    with closing(database()) as connection, pytest.raises(StoreError, match="is no Thing"):
        structs_of(connection, Thing, f"SELECT *, {bad} FROM ({ROW})", ())  # noqa: S608


def test_values_are_those_of_the_only_column_or_tuples() -> None:
    with closing(database()) as connection:
        assert values_of(connection, str, f"SELECT id FROM ({ROW})", ()) == ["a"]  # noqa: S608
        assert values_of(connection, tuple[str, bool | None], f"SELECT id, heard FROM ({ROW})", ()) == [("a", True)]  # noqa: S608
        (named,) = values_of(connection, Pair, f"SELECT lost, made_at FROM ({ROW})", ())  # noqa: S608
    assert named == Pair([(1.0, 2.5)], datetime(2026, 3, 2, 10, tzinfo=UTC))


class Pair(NamedTuple):
    lost: list[tuple[float, float]]
    at: datetime


@pytest.mark.parametrize(
    ("kind", "columns"),
    [(int, "id"), (str, "more"), (tuple[str, int], "id, more"), (tuple[str], "id, heard"), (tuple[dict], "id")],
)  # type: ignore[type-arg]
def test_a_value_that_is_not_as_promised_is_an_error_of_the_store(kind: type[object], columns: str) -> None:
    with closing(database()) as connection, pytest.raises(StoreError, match="is no "):
        values_of(connection, kind, f"SELECT {columns} FROM ({ROW})", ())  # noqa: S608


def test_what_stands_above_a_field() -> None:
    assert [heading(Thing, name) for name in ("id", "made_at", "days_left")] == ["Id", "Since", "Days left"]
    assert [heading(CallRow, name) for name in ("call_id", "at", "answered_at")] == ["Call", "At", "Answered"]
    assert heading(ListedRecording, "opened_at") == "Recorded"


# --- rows stay typed, from the SELECT to the widget ---------------------------------------------------------------

ROOT = Path(__file__).parents[2]
GENERIC = frozenset({"Operation", "Request", "Proposed"})
"""Of any operation: ``Request[Any]`` says no less of a value than the registry of operations can."""
MOST_BUILTINS = 4
"""Where Structs become JSON values: a request that is proposed, what the door answers, a body, ``--json``.
Lower it with each that goes."""


def loose(hint: ast.expr) -> bool:
    """Whether an annotation says nothing of what a value has: ``Any``, a bare dictionary, ``dict[str, object]``."""
    if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
        return loose(ast.parse(hint.value, mode="eval").body)
    if isinstance(hint, ast.Subscript):
        name = hint.value.id if isinstance(hint.value, ast.Name) else ""
        bare = name in ("dict", "Mapping") and ast.unparse(hint.slice) in ("(str, object)", "(str, Any)")
        return name not in GENERIC and (bare or loose(hint.slice))
    if isinstance(hint, ast.Name):
        return hint.id in ("Any", "Row", "dict", "Mapping")
    return any(loose(each) for each in ast.iter_child_nodes(hint) if isinstance(each, ast.expr))


def signatures(source: str) -> Iterator[tuple[str, ast.expr]]:
    """Function, and each annotation of its parameters and of what it returns."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            several = [each for each in (given.vararg, given.kwarg) if each is not None]
            for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, *several):
                if each.annotation is not None:
                    yield node.name, each.annotation
            if node.returns is not None:
                yield node.name, node.returns


@pytest.mark.parametrize(
    ("hint", "is_loose"),
    [
        ("Any", True), ("list[Row]", True), ("Row | None", True), ("Mapping[str, Any]", True),
        ("dict[str, object]", True), ("Callable[..., dict[str, Any]]", True),
        ("dict", True), ("tuple[str, Any]", True), ("'list[Any]'", True),
        ("Operation[Any, Any]", False), ("type[Request[Any]]", False), ("dict[str, str]", False), ("CallRow", False),
    ],
)  # fmt: skip
def test_what_says_nothing_of_a_value_is_found(hint: str, is_loose: bool) -> None:
    ((name, found),) = signatures(f"def work(given: {hint}): ...")
    assert (name, loose(found)) == ("work", is_loose)


def test_no_operation_takes_or_gives_rows_that_are_no_structs() -> None:
    files = sorted((ROOT / "gate" / "operations").rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)}: {name}: {ast.unparse(hint)}"
        for path in files
        for name, hint in signatures(path.read_text(encoding="utf-8"))
        if loose(hint)
    ]
    assert files and found == []


def test_nobody_reads_rows_as_dictionaries() -> None:
    """A row of the store is a Struct, a tuple or a value of a promised type."""
    sources = ((path, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "gate").rglob("*.py")))
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, source in sources
        if "query" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "query"
    ]
    assert not hasattr(Source, "query") and not hasattr(types, "Row") and found == []


def test_structs_become_json_values_in_few_places() -> None:
    sources = (path.read_text(encoding="utf-8") for room in ("gate", "console") for path in (ROOT / room).rglob("*.py"))
    assert sum(source.count("msgspec.to_builtins(") for source in sources) == MOST_BUILTINS
