"""Rows of a SELECT: as Structs (``gate.core.rows``), decoded once by the types of their fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from gate.converting import convert
from gate.errors import StoreError

R = TypeVar("R", bound=msgspec.Struct)
Values = Mapping[str, Any] | Sequence[Any]
"""What a statement is asked with."""
_JSON: Final = (list, tuple, dict)
"""Fields of these types, and Structs, stand in their column as JSON."""


def dicts_of(connection: sqlite3.Connection, sql: str, values: Values) -> list[dict[str, Any]]:
    """Rows by name of column."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def structs_of(connection: sqlite3.Connection, kind: type[R], sql: str, values: Values) -> list[R]:
    """Rows by name of field; a column that the Struct has not is passed over. Raises ``StoreError`` for a row that is
    not as its Struct promises."""
    rows = dicts_of(connection, sql, values)
    try:
        for name in _json_fields(kind):
            for row in rows:
                if isinstance(text := row.get(name), str):
                    row[name] = msgspec.json.decode(text)
        wanted: Any = list[kind]  # type: ignore[valid-type]
        found: list[R] = convert(rows, wanted, strict=False)  # 0 and 1 are False and True
    except msgspec.DecodeError as error:
        raise StoreError(f"a row of the database is no {kind.__name__}: {error}") from error
    return found


@lru_cache(maxsize=256)
def _json_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(kind).items() if any(map(_is_json, _types(hint))))


def _types(hint: Any) -> Iterator[Any]:
    """The plain types that a field may be of."""
    if get_origin(hint) in (Annotated, Union, UnionType):
        for each in get_args(hint)[: 1 if get_origin(hint) is Annotated else None]:
            yield from _types(each)
    else:
        yield get_origin(hint) or hint


def _is_json(kind: Any) -> bool:
    return kind in _JSON or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
