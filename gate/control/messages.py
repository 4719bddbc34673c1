"""Every operation of the gate: what is asked, what is answered, and who may ask.

Requests are strict: an unknown field or a wrong type is a ``UsageError``. Times are ISO 8601 with an offset, dates
``YYYY-MM-DD``. Numbers are asked for in any spelling and answered in E.164. What comes back is in
``gate.control.answers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from gate.control import answers, looks
from gate.control.request import Request
from gate.errors import ControlError, UsageError
from gate.operations.catalogue import OPERATIONS as DECLARED
from gate.operations.operation import EVERYBODY
from gate.operations.operation import Operation as Declared

# --- evidence, state ----------------------------------------------------------------------------------------------


# --- the table ----------------------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """One operation."""

    request: type[Request]
    response: type[answers.Response] | None
    roles: frozenset[str]
    """Who may call it."""
    streams: bool = False
    """It takes long: its method has ``progress``."""
    running: bool = False
    """The control interface of a running gate answers it itself; the desk has no method for it."""
    file: int = 0
    """Bytes of the file that is handed over with it, at most; the desk's method has ``file`` in place of ``path``. 0:
    it takes none."""


_BY_DESK: Mapping[str, Operation] = {
    "session": Operation(looks.Session, answers.Session, EVERYBODY, running=True),
    "watch": Operation(looks.Watch, None, EVERYBODY, running=True),
}
OPERATIONS: Mapping[str, Operation | Declared[Any, Any]] = {**_BY_DESK, **DECLARED}


def arguments(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the desk's method ``name``: checked, with defaults, times and dates as such.

    Raises ``UsageError`` for an operation or a field that does not exist, or a value that is wrong.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise UsageError(f"{name} is not an operation of the gate", hint=f"one of: {', '.join(OPERATIONS)}")
    try:
        checked = msgspec.convert(dict(fields), operation.request, strict=True)
        msgspec.json.encode(checked)  # what was typed may be no text at all: bytes that are not UTF-8
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        what = "not UTF-8 text" if isinstance(error, UnicodeEncodeError) else str(error)  # not kept: a cycle
        raise UsageError(f"{name}: {what}", hint=f"fields: {', '.join(operation.request.__struct_fields__)}") from None
    return {field: getattr(checked, field) for field in checked.__struct_fields__}


def conforms(name: str, value: Any) -> None:
    """Raise ``ControlError`` where a desk's (or a gate's) answer lacks what ``OPERATIONS`` promises."""
    operation = OPERATIONS[name]
    if operation.response is None:
        return
    try:
        msgspec.convert(value, operation.response, strict=True)
    except msgspec.ValidationError as error:
        raise ControlError(f"{name} answered something else than it promises: {error}") from None


def response(operation: Declared[Any, Any], answer: Any) -> Any:
    """An answer as the operation's response. Raises ``ControlError`` where it is not one."""
    try:
        return msgspec.convert(answer, operation.response, strict=True)
    except msgspec.ValidationError as error:
        raise ControlError(f"{operation.name} answered something else than it promises: {error}") from None


def plain(value: Any) -> Any:
    """A desk's answer as JSON values: tuples become lists, dates text. Raises ``TypeError`` for what cannot be one."""
    return msgspec.to_builtins(value, enc_hook=_text_of)


def _text_of(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
