"""Requests asked of a data folder in this process, in anybody's name."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from gate.control.messages import carry_out, response, sound
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.data_folder import DataFolder
from gate.operations.operation import Caller, Request, operation_of
from gate.types import Progress

R = TypeVar("R")


def ask(
    folder: DataFolder,
    request: Request[R],
    actor: str,
    *,
    progress: Progress | None = None,
    file: HandedOverFile | None = None,
) -> R:
    """The response to a request, both checked as they are at the control socket; raises what the handler raises.

    ``file``: what was handed over with it; where none is given, the file at its ``path`` is.
    """
    operation = operation_of(request)
    asked, caller = sound(request), Caller(actor, file=file)
    if operation.file and file is None:
        caller = replace(caller, file=open_file(asked.path, operation.file))  # type: ignore[attr-defined]
    if progress is not None:
        caller = replace(caller, progress=progress)
    answered: R = response(operation, carry_out(folder, asked, caller))
    return answered


class Asking:
    """As ``gate.cli.asking.Gate``, for one actor."""

    def __init__(self, folder: DataFolder, actor: str) -> None:
        self.folder = folder
        self.actor = actor

    def ask(self, request: Request[R], **_: object) -> R:
        """The response to a request; raises what its handler raises."""
        answered: R = operation_of(request)(self.folder, request, Caller(self.actor))
        return answered
