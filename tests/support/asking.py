"""Requests asked of a data folder in this process, in anybody's name."""

from __future__ import annotations

from typing import Any, TypeVar

from gate.operations.catalogue import operation_of
from gate.operations.data_folder import DataFolder
from gate.operations.operation import Caller, Request

R = TypeVar("R")


class Asking:
    """As ``gate.cli.reach.Gate``, for one actor."""

    def __init__(self, folder: DataFolder, actor: str) -> None:
        self.folder = folder
        self.actor = actor

    def ask(self, request: Request[R], **_: Any) -> R:
        """The response to a request; raises what its handler raises."""
        response: R = operation_of(request)(self.folder, request, Caller(self.actor))
        return response
