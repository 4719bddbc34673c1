"""Values that fit a declared type: what a stub answers with, and what a request can be made of."""

from __future__ import annotations

from typing import Any

from msgspec import inspect as types


def example(kind: Any) -> Any:
    """A JSON value that converts to ``kind``; what may be absent or None is."""
    return _example(types.type_info(kind))


def _example(kind: types.Type) -> Any:
    match kind:
        case types.Metadata():
            return _example(kind.type)
        case types.UnionType():
            plain = [each for each in kind.types if not isinstance(each, types.CustomType)]
            empty = [each for each in plain if isinstance(each, types.NoneType)]
            return _example((empty or plain)[0])
        case types.StructType():
            return {field.encode_name: _example(field.type) for field in kind.fields if field.required}
        case types.LiteralType():
            return kind.values[0]
        case types.EnumType():
            return next(iter(kind.cls)).value
        case types.StrType():
            return "x" * (kind.min_length or 1)
        case types.IntType() | types.FloatType():
            return int(kind.ge or 0)
        case types.BoolType():
            return True
        case types.DateTimeType():
            return "2026-03-02T10:00:00Z"
        case types.DateType():
            return "2026-03-02"
        case types.TupleType():
            return [_example(each) for each in kind.item_types]
        case types.DictType():
            return {}
        case types.ListType() | types.VarTupleType() | types.SetType() | types.FrozenSetType():
            return [_example(kind.item_type) for _ in range(kind.min_length or 0)]
        case _:
            return None
