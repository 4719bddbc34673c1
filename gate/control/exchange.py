"""One question to a running gate and its answer: HTTP over the Unix socket."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gate.control import sockets
from gate.control.faults import revived
from gate.errors import ControlError

_LARGEST_LINE = 64 << 20


def exchange(
    path: Path,
    op: str,
    fields: Mapping[str, Any],
    *,
    timeout: float,
    streams: bool,
    progress: Callable[[float, str], None] | None,
) -> Any:
    """The answer to ``op`` from the gate at ``path``; ``streams``: lines of progress come before it.

    Raises as ``gate.control.client.ControlClient.call``.
    """
    connection = Connection(path, timeout)
    try:
        connection.request("POST", f"/v1/op/{op}", msgspec.json.encode(fields), {"Content-Type": "application/json"})
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
            f"the gate at {path} cannot be reached: {said(error)}", hint="is it running? dialgate serve"
        ) from None
    finally:
        connection.close()


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """As the library calls it."""
        self.sock: socket.socket = sockets.connect(self._path, self.timeout)


def said(error: Exception) -> str:
    """An error of the connection in a few words."""
    text = error.strerror if isinstance(error, OSError) else str(error)
    return text or type(error).__name__


def decoded(raw: bytes) -> Any:
    """JSON that came from the gate. Raises ``ControlError``."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise ControlError(
            "the gate's answer is not JSON", hint="is something else listening at this socket?"
        ) from None


def _answer(status: int, raw: bytes) -> Any:
    body = decoded(raw)
    if status == 200:
        return body
    raise revived(body) if isinstance(body, dict) else ControlError(f"the gate answered with status {status}")


def _stream(response: http.client.HTTPResponse, progress: Callable[[float, str], None] | None) -> Any:
    """Lines of ``{"progress": …, "text": …}``, and at last ``{"result": …}`` or ``{"error": …}``."""
    while raw := response.readline(_LARGEST_LINE):
        line = decoded(raw)
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
