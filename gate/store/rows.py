"""Rows of a SELECT: as Structs (``gate.core.rows``), or as plain values, decoded once by their types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from gate.converting import convert
from gate.errors import StoreError
from gate.sqlite_thread import Connection

R = TypeVar("R", bound=msgspec.Struct)
V = TypeVar("V")
Values = Mapping[str, Any] | Sequence[Any]
"""What a statement is asked with."""
_JSON: Final = (list, tuple, dict)
"""Fields of these types, and Structs, stand in their column as JSON."""


def structs_of(connection: Connection, kind: type[R], sql: str, values: Values) -> list[R]:
    """Rows by name of field; a column that the Struct has not is passed over. Raises ``StoreError`` for a row that is
    not as its Struct promises."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    try:
        for name in _json_fields(kind):
            for row in rows:
                if name in row:
                    row[name] = _decoded(row[name])
        wanted: Any = list[kind]  # type: ignore[valid-type]
        found: list[R] = convert(rows, wanted, strict=False)  # 0 and 1 are False and True
    except msgspec.DecodeError as error:
        raise StoreError(f"a row of the database is no {kind.__name__}: {error}") from error
    return found


def values_of(connection: Connection, kind: type[V], sql: str, values: Values) -> list[V]:
    """Each row as a tuple, ``tuple[str, int | None]`` or a named one; the value of its only column for any other type.
    Raises ``StoreError`` for a row that is none."""
    wanted: Any = kind
    rows: Iterable[Any] = connection.execute(sql, values).fetchall()
    try:
        if not issubclass(get_origin(kind) or kind, tuple):
            rows = [value for (value,) in rows]
        elif json_at := _json_parts(wanted):
            rows = [[_decoded(value) if at in json_at else value for at, value in enumerate(row)] for row in rows]
        found: list[V] = convert(rows, list[wanted], strict=False)
    except msgspec.DecodeError as error:
        raise StoreError(f"a row of the database is no {kind}: {error}") from error
    return found


def _decoded(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str) else value


@lru_cache(maxsize=256)
def _json_parts(kind: Any) -> frozenset[int]:
    hints = get_args(kind) or get_type_hints(kind).values()
    return frozenset(at for at, hint in enumerate(hints) if any(map(_is_json, _types(hint))))


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
