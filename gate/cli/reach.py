"""The way from a command to the gate: through the one that runs, else the data folder itself, under its lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import msgspec

from gate.config import Config
from gate.control.actors import user
from gate.control.client import ControlClient
from gate.control.messages import OPERATIONS, arguments, response
from gate.control.perform import perform
from gate.errors import ControlError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.catalogue import operation_of
from gate.operations.operation import Request
from gate.types import Progress

R = TypeVar("R")


class Gate(Protocol):
    """What both ways offer: an operation of ``gate.control.messages`` by name."""

    def call(
        self, op: str, /, *, progress: Progress | None = None, given: HandedOverFile | None = None, **fields: Any
    ) -> Any:
        """The operation's answer; raises ``GateError``."""
        ...

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """The response to a request; raises ``GateError``."""
        ...


class DeskHere:
    """A desk opened in this process; the actor is whoever runs the command."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk

    def call(
        self, op: str, /, *, progress: Progress | None = None, given: HandedOverFile | None = None, **fields: Any
    ) -> Any:
        """As ``ControlClient.call``."""
        values = arguments(op, fields)
        if OPERATIONS[op].streams:
            values["progress"] = progress
        if largest := OPERATIONS[op].file:
            path = values.pop("path")
            values["file"] = given or open_file(path, largest)
        if OPERATIONS[op].running:
            raise ControlError(f"{op} is asked of a running gate, and none runs here", hint="start it: dialgate serve")
        return perform(self._desk, op, user(os.getuid()), values)

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """As ``ControlClient.ask``."""
        operation = operation_of(request)
        answer = self.call(operation.name, progress=progress, given=given, **msgspec.to_builtins(request))
        found: R = response(operation, answer)
        return found


@contextmanager
def reach(config: Config) -> Iterator[Gate]:
    """The running gate where one answers on its control socket; else the data folder, locked for as long.

    Raises ``ControlError`` where the socket may not be asked, and what opening the folder raises.
    """
    client = ControlClient(config.control_socket)
    if client.answers():
        yield client
        return
    from gate.daemon import open_desk

    with open_desk(config) as desk:
        yield DeskHere(desk)
