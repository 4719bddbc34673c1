"""The client of a running gate, for the command line, the console and Python diallers: blocking, thread-safe, small."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from gate.control import sockets
from gate.control.messages import parsed, response, sound
from gate.errors import ControlError, RefusedError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.operation import Operation, Request, operation_of
from gate.types import Progress

if TYPE_CHECKING:
    from gate.control.exchange import Watching

R = TypeVar("R")


class ControlClient:
    """Speaks to the gate whose control socket is at ``socket``; every call is a connection of its own."""

    def __init__(self, socket: Path, *, timeout: float = 60.0, only: Container[str] | None = None) -> None:
        """``only``: names of the operations that may be asked for; every other is refused here (``read_only``)."""
        self.socket = socket
        self._only = only
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

    def ask(self, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
        """The response to a request.

        Raises what the gate raised (a ``GateError``), ``UsageError`` for a value that is wrong, and ``ControlError``
        where the gate is away or its answer is no answer. ``progress(fraction, text)`` is called on this thread. The
        file of an operation that takes one is opened here, at ``path``, unless it is ``given`` open; it is closed at
        the end.
        """
        operation = operation_of(request)
        found: R = response(operation, self._asked(operation, sound(request), progress, given))
        return found

    def call(self, op: str, /, *, progress: Progress | None = None, **fields: Any) -> Any:
        """Ask for an operation by its name; returns its response as JSON values. Raises as ``ask``."""
        request = parsed(op, fields)
        return self._asked(operation_of(request), request, progress, None)

    def _asked(
        self,
        operation: Operation[Any, Any],
        request: Request[Any],
        progress: Progress | None,
        given: HandedOverFile | None,
    ) -> Any:
        if self._only is not None and operation.name not in self._only:
            raise RefusedError(
                "this console only looks (--read-only)", reason="read_only", hint="Nothing was asked of the gate."
            )
        timeout = self.timeout * (10 if operation.streams else 1)
        from gate.control.exchange import exchange  # HTTP is loaded where a gate answers, not to find that none does

        ask = partial(
            exchange, self.socket, operation.name, timeout=timeout, streams=operation.streams, progress=progress
        )
        if not operation.file:
            return ask(request)
        from gate.control.files import handed

        file = given or open_file(request.path, operation.file)  # type: ignore[attr-defined]  # it takes a file
        with file, handed(self.socket, file, self.timeout) as ticket:
            return ask(replace(request, file=ticket))

    def watch(self) -> Watching:
        """What happens, as snapshots (``gate.control.exchange``): iterate, and ``close`` it from any thread."""
        from gate.control.exchange import Watching

        return Watching(self.socket)
