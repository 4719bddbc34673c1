"""Requests asked of a data folder in this process, in anybody's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from gate.control.messages import carry_out
from gate.operations.catalogue import OPERATIONS
from gate.operations.data_folder import DataFolder
from gate.operations.operation import Caller, Request, operation_of

R = TypeVar("R")


class Asking:
    """As ``gate.cli.asking.Gate``, for one actor."""

    def __init__(self, folder: DataFolder, actor: str) -> None:
        self.folder = folder
        self.actor = actor

    def ask(self, request: Request[R], **_: Any) -> R:
        """The response to a request; raises what its handler raises."""
        response: R = operation_of(request)(self.folder, request, Caller(self.actor))
        return response


class ByName:
    """Operations of a data folder by name, with JSON values for answers, checked as they are for the interface."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*, actor: str, progress: Any = None, file: Any = None, **fields: Any) -> Any:
            caller = Caller(actor, file=file)
            if progress is not None:
                caller = replace(caller, progress=progress)
            if file is not None:
                fields["path"] = file.said
            request = msgspec.convert(fields, OPERATIONS[name].request)
            return carry_out(self._folder, request, caller)

        return call
