"""Unix sockets by paths of any length.

The kernel takes 107 bytes; a data folder may lie deeper. Both ends go through ``/proc/self/fd/N/name``, N being the
folder, so that only the file's name counts. The folder is opened once, so it cannot be changed between check and use.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
