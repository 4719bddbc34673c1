"""What both ends of the control interface share: Unix sockets by paths of any length, and errors as JSON and back.

The kernel takes 107 bytes for the path of a socket; a data folder may lie deeper. Both ends go through
``/proc/self/fd/N/name``, N being the folder, so that only the file's name counts. The folder is opened once, so it
cannot be changed between check and use.

An error is ``{"error": {"kind", "message", "hint", "exit_code", "reason"?}}``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate import errors
from gate.errors import NOT_PERMITTED, GateError, RefusedError


@contextmanager
def _short(path: Path) -> Iterator[str]:
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout: float | None) -> socket.socket:
    """A stream connected to the Unix socket at ``path``; raises ``OSError``."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        with _short(path) as name:
            connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


def listen(path: Path, mode: int) -> socket.socket:
    """A socket bound to ``path``, with these permissions from its first moment; raises ``OSError``.

    Permissions are set on the descriptor before ``bind``, which on Linux makes the file with them: the umask, which
    belongs to every thread, is left alone.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), mode)
        with _short(path) as name:
            listener.bind(name)
        path.chmod(mode)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def answers(path: Path) -> bool:
    """True where a process listens at ``path``; raises ``OSError`` where that cannot be told (permission denied)."""
    try:
        connect(path, 1.0).close()
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return False
    return True


_STATUS: dict[str, int] = {
    "UsageError": 400,
    "ConfigError": 400,
    "RefusedError": 409,
    "StoreError": 503,
    "RecorderError": 503,
    "ControlError": 502,
}


def fault(error: GateError) -> dict[str, Any]:
    """The body of an answer that says what went wrong; a room's own error goes as its base in ``gate.errors``."""
    body = {
        "kind": _kind(error),
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, RefusedError):
        body["reason"] = error.reason
    return {"error": body}


def status(error: GateError) -> int:
    """The HTTP status that fits an error."""
    if isinstance(error, RefusedError) and error.reason == NOT_PERMITTED:
        return 403
    return _STATUS.get(_kind(error), 500)


def revived(body: Mapping[str, Any]) -> GateError:
    """The error that a body from ``fault`` speaks of, to be raised on this side."""
    error = body.get("error")
    if not isinstance(error, Mapping):
        return errors.ControlError("the gate answered with an error that says nothing")
    message, hint = str(error.get("message", "")), str(error.get("hint", ""))
    kind = getattr(errors, str(error.get("kind")), GateError)
    if not (isinstance(kind, type) and issubclass(kind, GateError)):
        kind = GateError
    if issubclass(kind, RefusedError):
        return RefusedError(message, reason=str(error.get("reason", "")), hint=hint)
    made: GateError = kind(message, hint=hint)
    exit_code = error.get("exit_code")
    if isinstance(exit_code, int) and 1 <= exit_code <= 3:
        made.exit_code = exit_code
    return made


def _kind(error: GateError) -> str:
    """The nearest class that both sides know."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == errors.__name__)
