"""Requests read from what came, and responses read back; carried out between the two (``carry_out``).

The operations, their requests and responses are declared in ``gate.operations``; all are in its ``catalogue``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from gate.converting import convert, decode
from gate.errors import ControlError, GateError, MemoryOwed, UsageError
from gate.operations.operation import Caller, Operation, Request, operation_of
from gate.showing import masked

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

R = TypeVar("R")
CarryOut = Callable[[Request[Any], Caller], Any]
"""``carry_out`` on one data folder: blocking, thread-safe."""


def every_operation() -> Mapping[str, Operation[Any, Any]]:
    """Every operation by its name. Loads all of their modules: who has a request needs its own alone."""
    from gate.operations.catalogue import OPERATIONS

    return OPERATIONS


def parsed(name: str, fields: Mapping[str, Any]) -> Request[Any]:
    """The request that an operation is asked with, by its name.

    Raises ``UsageError`` for an operation or a field that does not exist, or a value that is wrong.
    """
    operation = every_operation().get(name)
    if operation is None:
        raise UsageError(f"{name} is not an operation of the gate", hint=f"one of: {', '.join(every_operation())}")
    return checked(operation, fields)


def sound(request: Request[R]) -> Request[R]:
    """The request again, its values looked at. Raises as ``checked``."""
    operation = operation_of(request)
    try:
        found: Request[R] = decode(msgspec.json.encode(request), operation.request)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise _wrong(operation, error) from None
    return found


def checked(operation: Operation[Any, Any], fields: Mapping[str, Any]) -> Request[Any]:
    """The request with these fields. Raises ``UsageError`` for one that does not exist, or a value that is wrong."""
    try:
        request: Request[Any] = convert(dict(fields), operation.request)
        msgspec.json.encode(request)  # what was typed may be no text at all: bytes that are not UTF-8
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise _wrong(operation, error) from None
    return request


def _wrong(operation: Operation[Any, Any], error: Exception) -> UsageError:
    what = "not UTF-8 text" if isinstance(error, UnicodeEncodeError) else str(error)  # not kept: a cycle
    return UsageError(f"{operation.name}: {what}", hint=f"fields: {', '.join(operation.request.__struct_fields__)}")


def carry_out(folder: DataFolder, request: Request[Any], caller: Caller) -> Any:
    """The response to a request as JSON values; with ``masked`` its numbers are hidden in part.

    The response is checked against what the operation promises. A file that was handed over is closed at the end.
    Raises what the handler raises, and ``GateError`` where it answers something else than it promises.
    """
    operation = operation_of(request)
    folder.store.take_owed()  # of somebody else's request, on this thread before
    try:
        answer = msgspec.to_builtins(operation(folder, request, caller))
    finally:
        if caller.file is not None:
            caller.file.close()
    if owes := folder.store.take_owed():
        raise MemoryOwed(
            f"{operation.name} is done and holds, but the second place does not have it: {owes}",
            hint="it is written there when the place is back: see dialgate memory status",
        )
    try:
        convert(answer, operation.response)
    except msgspec.ValidationError as error:
        raise GateError(f"{operation.name} answered something else than it promises: {error}") from error
    return masked(answer) if getattr(request, "masked", False) else answer


def response(operation: Operation[Any, Any], answer: Any) -> Any:
    """An answer as the operation's response. Raises ``ControlError`` where it is not one."""
    try:
        return convert(answer, operation.response)
    except msgspec.ValidationError as error:
        raise ControlError(f"{operation.name} answered something else than it promises: {error}") from None
