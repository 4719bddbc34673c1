"""One question to a running gate and its answer: HTTP over the Unix socket. And watching a gate: its snapshots as they
come, until whoever watches has enough.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Self

import msgspec

from gate.control import sockets
from gate.control.sockets import revived
from gate.converting import decode
from gate.core.rows.calls import LiveNow
from gate.errors import ControlError, UnansweredError
from gate.operations.operation import Request

_LARGEST_LINE = 64 << 20


def exchange(
    path: Path,
    op: str,
    request: Request[Any],
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
        connection.connect()
    except OSError as error:  # nothing was asked yet
        raise ControlError(
            f"the gate at {path} cannot be reached: {reason_of(error)}", hint="is it running? dialgate serve"
        ) from None
    try:
        connection.request("POST", f"/v1/op/{op}", msgspec.json.encode(request), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if streams and response.status == 200:
            return _stream(response, progress)
        return _answer(response.status, response.read(_LARGEST_LINE))
    except TimeoutError:
        raise UnansweredError(
            f"the gate did not answer {op} in time", hint="see its log; it may still be at work"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise UnansweredError(
            f"the gate at {path} gave no answer to {op}: {reason_of(error)}", hint="look before you ask again"
        ) from None
    finally:
        connection.close()


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect, when the library calls it."""
        self.sock: socket.socket = sockets.connect(self._path, self.timeout)


def reason_of(error: Exception) -> str:
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
    raise UnansweredError(
        "the gate stopped in the middle of its answer", hint="see its log, then look before trying again"
    )


SILENT_SECONDS = 10.0
"""A gate that says nothing for this long, though it has something to say each second, is away."""
_LARGEST = 64 << 20


class Watching(Iterator[LiveNow]):
    """The snapshots, newest as they come: one that is not taken in time is left out by the gate.

    Iterate on one thread; ``close`` from any, which ends the iteration. A gate that goes away raises ``ControlError``,
    an account that may not watch ``RefusedError``.
    """

    def __init__(self, path: Path, *, silent_seconds: float = SILENT_SECONDS) -> None:
        self._closed = False
        self._path = path
        self._connection = Connection(path, silent_seconds)
        self._response: http.client.HTTPResponse | None = None

    def __next__(self) -> LiveNow:
        """The next snapshot, waited for."""
        try:
            if self._closed:
                raise StopIteration
            raw = self._begun().readline(_LARGEST)
        except TimeoutError:
            self._end("the gate is silent")
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two: the response was closed by another thread while it was read.
            self._end(f"the gate at {self._path} cannot be reached: {reason_of(error)}")
        if not raw.endswith(b"\n"):
            self._end("the gate has stopped")
        try:
            return decode(raw, LiveNow)
        except msgspec.DecodeError:
            line = decoded(raw)
        if not isinstance(line, dict) or "error" not in line:
            self._end("the gate's answer is no snapshot")
        self.close()
        raise revived(line)

    def _begun(self) -> http.client.HTTPResponse:
        if self._response is None:
            self._connection.request("POST", "/v1/op/watch", b"{}", {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            if response.status != 200:
                body = decoded(response.read(_LARGEST))
                raise revived(body) if isinstance(body, dict) else ControlError(f"status {response.status}")
            self._response = response
        return self._response

    def _end(self, why: str) -> NoReturn:
        if self._closed:
            raise StopIteration from None
        self.close()
        raise ControlError(why, hint="is it running? dialgate serve") from None

    def close(self) -> None:
        """Watch no more; harmless twice, from any thread."""
        self._closed = True
        connection = self._connection.sock
        if connection is not None:
            with suppress(OSError):  # it was gone already
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._connection.close()
