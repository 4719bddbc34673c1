"""An operation carried out: the same for the control interface and for a command that opens the data folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gate.control.messages import OPERATIONS, plain
from gate.core.masking import masked
from gate.errors import GateError
from gate.handed_over_file import HandedOverFile
from gate.operations.operation import Caller, Operation


def perform(desk: Any, op: str, actor: str, fields: Mapping[str, Any]) -> Any:
    """The response to the operation, as JSON values; with ``masked`` its numbers are hidden in part.

    A file that was handed over is closed at the end. Raises what the handler raises.
    """
    given = dict(fields)
    hide, file = given.pop("masked", False), given.get("file")
    operation, folder = OPERATIONS[op], getattr(desk, "folder", None)
    try:
        if isinstance(operation, Operation) and folder is not None:
            answer = _carried_out(operation, folder, actor, given)
        else:
            answer = plain(getattr(desk, op)(actor=actor, **given))
    finally:
        if isinstance(file, HandedOverFile):
            file.close()
    return masked(answer) if hide else answer


def _carried_out(operation: Operation[Any, Any], folder: Any, actor: str, fields: dict[str, Any]) -> Any:
    """The handler's response as JSON values, checked against what it promises. Raises ``GateError`` where it is not."""
    progress: Callable[[float, str], None] | None = fields.pop("progress", None)
    file: HandedOverFile | None = fields.pop("file", None) if operation.file else None
    if file is not None:
        fields["path"] = file.said
    caller = Caller(actor, file=file) if progress is None else Caller(actor, progress, file)
    answer = msgspec.to_builtins(operation(folder, operation.request(**fields), caller))
    try:
        msgspec.convert(answer, operation.response, strict=True)
    except msgspec.ValidationError as error:
        raise GateError(f"{operation.name} answered something else than it promises: {error}") from error
    return answer
