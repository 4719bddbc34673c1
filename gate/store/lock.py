"""One process at a time owns a data folder."""

from __future__ import annotations

import fcntl
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gate.errors import StoreError

PAUSE: Final = 0.05
"""Seconds between two tries."""


class DataLock:
    """The lock on a data folder: the file ``gate.lock`` in it, held by ``flock`` until ``release`` or the process ends.

    A context manager. The file is never deleted, and holds the process id of the one who has it. A child made by fork
    without exec keeps the lock of its parent: start children by exec.
    """

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        """Take the lock, after so many seconds at most; raises ``StoreError`` naming the process that has it."""
        self.path = folder / "gate.lock"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot open {self.path}: {error.strerror}", hint="does the data folder exist?"
            ) from error
        try:
            _take(handle, patience)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            os.close(handle)
            raise StoreError(
                f"the data folder {folder} is in use by process {holder or 'unknown'}",
                hint="where that is a gate, let the command go through it, or stop it first; where it is another "
                "command, wait until it has ended",
            ) from error
        with suppress(OSError):  # on a full disk the lock holds all the same, without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        self._handle: int | None = handle

    def release(self) -> None:
        """Let go; harmless twice."""
        if self._handle is not None:
            with suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _take(handle: int, patience: float) -> None:
    """Raises ``BlockingIOError`` where somebody else has it still."""
    for left in range(math.ceil(patience / PAUSE), -1, -1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise
        time.sleep(PAUSE)
