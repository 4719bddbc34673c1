"""What the fields of a request are to people, read from its declaration.

A field says it once, by ``gate.operations.operation.about`` and its type: command, form, completion, manual page and
reference are made from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from gate.operations.operation import Request


class Kind(StrEnum):
    """How a value is typed."""

    TEXT = "text"
    FLAG = "flag"
    COUNT = "count"
    DAY = "day"
    MOMENT = "moment"
    CHOICE = "choice"
    OTHER = "other"
    """An object or the like: for programs."""


@dataclass(frozen=True, slots=True)
class RequestField:
    """A field of a request."""

    name: str
    kind: Kind
    description: str
    label: str
    examples: tuple[str, ...]
    choices: tuple[str, ...]
    """The choices of a ``CHOICE``, without the empty one."""
    least: int | None
    most: int | None
    """Bounds of a ``COUNT``."""
    many: bool
    """It takes several values of its kind."""
    needed: bool
    default: Any
    """None where it has none."""
    metavar: str
    ids: tuple[str, ...]
    absent: str
    """What holds where it is not given."""


@cache
def fields_of(request: type[Request[Any]]) -> Mapping[str, RequestField]:
    """The fields by their names, in the order in which they are declared; the day of a step and those of pages
    last."""
    info = inspect.type_info(request)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - every request is one
    kinds = {each.name: each.type for each in msgspec.structs.fields(request)}
    found = {each.name: _field(each, kinds[each.name]) for each in info.fields}
    return {name: found[name] for name in sorted(found, key=_place)}


_LAST = ("on", "sort", "before", "after", "limit")


def _place(name: str) -> int:
    return _LAST.index(name) if name in _LAST else -1


def _field(field: inspect.Field, annotation: object) -> RequestField:
    kind, marks = _unwrapped(field.type)
    many = isinstance(kind, inspect.VarTupleType | inspect.ListType)
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        kind, inner = _unwrapped(kind.item_type)
        marks += inner
    schema: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for each in reversed(marks):
        schema |= each.extra_json_schema or {}
        extra |= each.extra or {}
    choices: tuple[str, ...] = tuple(extra.get("choices", ()))
    if isinstance(kind, inspect.EnumType):
        choices = tuple(str(each.value) for each in kind.cls)
    elif isinstance(kind, inspect.LiteralType):
        choices = tuple(str(each) for each in _literals(annotation) if each)
    count = kind if isinstance(kind, inspect.IntType) else None
    default = None if field.default is msgspec.NODEFAULT else field.default
    return RequestField(
        name=field.name,
        kind=Kind.CHOICE if choices else _KINDS.get(type(kind), Kind.OTHER),
        description=schema.get("description", ""),
        label=schema.get("title") or field.name.replace("_", " ").capitalize(),
        examples=tuple(map(str, schema.get("examples", ()))),
        choices=choices,
        least=count.ge if count else None,
        most=count.le if count else None,
        many=many,
        needed=field.required,
        default=default,
        metavar=extra.get("metavar", ""),
        ids=tuple(extra.get("ids", ())),
        absent=extra.get("absent", ""),
    )


def _literals(annotation: object) -> tuple[object, ...]:
    """What a literal inside a type takes, in its order, which ``msgspec.inspect`` does not keep."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next(filter(None, map(_literals, get_args(annotation))), ())


def _unwrapped(kind: inspect.Type) -> tuple[inspect.Type, list[inspect.Metadata]]:
    """The type without what is said of it and without None, and what is said: of the whole before of its part."""
    marks: list[inspect.Metadata] = []
    while True:
        if isinstance(kind, inspect.Metadata):
            marks.append(kind)
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            rest = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            if len(rest) != 1:
                return kind, marks
            kind = rest[0]
        else:
            return kind, marks


_KINDS: Mapping[type[inspect.Type], Kind] = {
    inspect.StrType: Kind.TEXT,
    inspect.BoolType: Kind.FLAG,
    inspect.IntType: Kind.COUNT,
    inspect.DateType: Kind.DAY,
    inspect.DateTimeType: Kind.MOMENT,
}
