"""The client of a running gate, for the command line, the console and Python diallers: blocking, thread-safe, small."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from gate.control import sockets
from gate.control.faults import revived
from gate.control.messages import OPERATIONS, arguments
from gate.errors import ControlError

Progress = Callable[[float, str], None]
_LARGEST_LINE = 64 << 20


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
                f"the gate at {self.socket} cannot be reached: {_said(error)}",
                hint="run as the gate's account, or set control.socket to a path that your group may open",
            ) from None

    def call(self, op: str, /, *, progress: Progress | None = None, **fields: Any) -> Any:
        """Ask for an operation of ``gate.control.messages.OPERATIONS`` and return its answer.

        Raises what the gate raised (a ``GateError``), ``UsageError`` for a field that does not exist, and
        ``ControlError`` where the gate is away or its answer is no answer. ``progress(fraction, text)`` is called on
        this thread.
        """
        body = msgspec.json.encode(arguments(op, fields))
        streams = OPERATIONS[op].streams
        connection = _Connection(self.socket, self.timeout * (10 if streams else 1))
        try:
            connection.request("POST", f"/v1/op/{op}", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if streams and response.status == 200:
                return _stream(response, progress)
            return _answer(response.status, response.read(_LARGEST_LINE))
        except TimeoutError:
            raise ControlError(
                f"the gate did not answer {op} in time", hint="see its log; it may still be at work"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise ControlError(
                f"the gate at {self.socket} cannot be reached: {_said(error)}", hint="is it running? dialgate serve"
            ) from None
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock: socket.socket = sockets.connect(self._path, self.timeout)


def _said(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return text or type(error).__name__


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise ControlError(
            "the gate's answer is not JSON", hint="is something else listening at this socket?"
        ) from None


def _answer(status: int, raw: bytes) -> Any:
    body = _decoded(raw)
    if status == 200:
        return body
    raise revived(body) if isinstance(body, dict) else ControlError(f"the gate answered with status {status}")


def _stream(response: http.client.HTTPResponse, progress: Progress | None) -> Any:
    """Lines of ``{"progress": …, "text": …}``, and at last ``{"result": …}`` or ``{"error": …}``."""
    while raw := response.readline(_LARGEST_LINE):
        line = _decoded(raw)
        if not isinstance(line, dict):
            break
        if "result" in line:
            return line["result"]
        if "error" in line:
            raise revived(line)
        if progress:
            progress(float(line.get("progress", 0.0)), str(line.get("text", "")))
    raise ControlError(
        "the gate stopped in the middle of its answer", hint="see its log, then look before trying again"
    )
