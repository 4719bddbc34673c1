"""The client of a running gate, for the command line, the console and Python diallers: blocking, thread-safe, small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from gate.control import sockets
from gate.control.messages import OPERATIONS, arguments, response
from gate.errors import ControlError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.catalogue import operation_of
from gate.operations.operation import Request
from gate.types import Progress

if TYPE_CHECKING:
    from gate.control.watching import Watching

R = TypeVar("R")


class ControlClient:
    """Speaks to the gate whose control socket is at ``socket``; every call is a connection of its own."""

    def __init__(self, socket: Path, *, timeout: float = 60.0) -> None:
        self.socket = socket
        self.timeout = timeout
        """Seconds to wait for an answer; operations that stream may be silent for ten times as long."""

    def answers(self) -> bool:
        """True where a gate listens. Raises ``ControlError`` where this account may not ask."""
        try:
            return sockets.answers(self.socket)
        except OSError as error:
            raise ControlError(
                f"the gate at {self.socket} cannot be reached: {error.strerror or type(error).__name__}",
                hint="it is for accounts with a role ([roles]) that are in control.group, and may look into its folder",
            ) from None

    def call(
        self, op: str, /, *, progress: Progress | None = None, given: HandedOverFile | None = None, **fields: Any
    ) -> Any:
        """Ask for an operation of ``gate.control.messages.OPERATIONS`` and return its answer.

        Raises what the gate raised (a ``GateError``), ``UsageError`` for a field that does not exist, and
        ``ControlError`` where the gate is away or its answer is no answer. ``progress(fraction, text)`` is called on
        this thread. The file of an operation that takes one is opened here, at ``path``, unless it is ``given`` open;
        it is closed at the end.
        """
        checked = arguments(op, fields)
        streams = OPERATIONS[op].streams
        timeout = self.timeout * (10 if streams else 1)
        from gate.control.exchange import exchange  # HTTP is loaded where a gate answers, not to find that none does

        if not (largest := OPERATIONS[op].file):
            return exchange(self.socket, op, checked, timeout=timeout, streams=streams, progress=progress)
        from gate.control.files import handed

        with given or open_file(checked["path"], largest) as file, handed(self.socket, file, self.timeout) as ticket:
            checked["file"] = ticket
            return exchange(self.socket, op, checked, timeout=timeout, streams=streams, progress=progress)

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """The response to a request; raises as ``call``."""
        operation = operation_of(request)
        answer = self.call(operation.name, progress=progress, given=given, **msgspec.to_builtins(request))
        found: R = response(operation, answer)
        return found

    def watch(self) -> Watching:
        """What happens, as snapshots (``gate.control.watching``): iterate, and ``close`` it from any thread."""
        from gate.control.watching import Watching

        return Watching(self.socket)
