"""The thread that waits for disks: it syncs what was written and closes what is over, so that the loop never waits.

Bounded by its shape: one sync at a time, each file at most once a round, a round a second at most. A slow disk makes
rounds longer (``unsynced_seconds`` tells), never a queue. Closings come before syncs, because a call waits for them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.recorder.seal import SealedFile

ROUND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """A file to close."""

    call_id: str
    file: SealedFile
    path: Path
    trailer: Mapping[str, Any]
    chunks: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A file that is closed, or was given up: then ``problem`` says why, and digest and size are of what lies there."""

    ending: Ending
    sha256: str = ""
    size: int = 0
    chunks: int = 0
    problem: str = ""


@dataclass(slots=True)
class _Dirty:
    file: SealedFile
    since: float
    call_id: str = field(default="")


class Finisher(threading.Thread):
    """``ended`` and ``sync_failed(call_id, message)`` are called on this thread and must only post."""

    def __init__(self, ended: Callable[[Ended], None], sync_failed: Callable[[str, str], None]) -> None:
        super().__init__(name="finisher", daemon=True)
        self._on_ended = ended
        self._on_sync_failed = sync_failed
        self._wake = threading.Condition()
        self._endings: deque[Ending] = deque()
        self._dirty: dict[int, _Dirty] = {}
        self._round: deque[_Dirty] = deque()
        self._syncing: _Dirty | None = None
        self._stopping = False

    def written(self, call_id: str, file: SealedFile) -> None:
        """A chunk was written; it will be on the disk within about a second."""
        with self._wake:
            self._dirty.setdefault(id(file), _Dirty(file, time.monotonic(), call_id))

    def finish(self, ending: Ending) -> None:
        """Close this file. The caller does not touch it again."""
        with self._wake:
            self._endings.append(ending)
            self._wake.notify()

    def stop(self) -> None:
        """Close what is queued, then end; returns when that is done."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.join()

    def unsynced_seconds(self) -> float:
        """Age of the oldest write that is not known to be on the disk."""
        with self._wake:
            waiting = [*self._dirty.values(), *self._round]
            if self._syncing is not None:
                waiting.append(self._syncing)
            oldest = min((dirty.since for dirty in waiting), default=None)
        return 0.0 if oldest is None else max(0.0, time.monotonic() - oldest)

    def run(self) -> None:
        """Until ``stop``."""
        next_round = time.monotonic() + ROUND_SECONDS
        while True:
            with self._wake:
                if not self._endings and not self._round:
                    if self._stopping:
                        return
                    self._wake.wait(max(0.0, next_round - time.monotonic()))
                ending = self._endings.popleft() if self._endings else None
                if ending is not None:
                    self._forget(ending.file)
                elif self._round:
                    self._syncing = self._round.popleft()
                elif time.monotonic() >= next_round:
                    self._round.extend(self._dirty.values())
                    self._dirty.clear()
                    next_round = time.monotonic() + ROUND_SECONDS
            if ending is not None:
                self._on_ended(_close(ending))
            elif self._syncing is not None:
                self._sync(self._syncing)

    def _forget(self, file: SealedFile) -> None:
        self._dirty.pop(id(file), None)
        self._round = deque(dirty for dirty in self._round if dirty.file is not file)

    def _sync(self, dirty: _Dirty) -> None:
        try:
            dirty.file.sync()
        except Exception as error:  # noqa: BLE001 - one file's trouble is told to its call and must not end the thread
            self._on_sync_failed(dirty.call_id, describe(error))
        with self._wake:
            self._syncing = None


def _close(ending: Ending) -> Ended:
    try:
        summary = ending.file.close(ending.trailer)
    except Exception as error:  # noqa: BLE001 - whatever happened, the chunks that were sealed are still evidence
        return _given_up(ending, describe(error))
    return Ended(ending, summary.sha256, summary.size, summary.chunks)


def _given_up(ending: Ending, problem: str) -> Ended:
    try:
        with ending.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        return Ended(ending, problem=f"{problem}; and cannot be read: {describe(error)}")
    return Ended(ending, sha256, size, ending.chunks, problem)


def describe(error: BaseException) -> str:
    """What went wrong, in the system's words where it was the system: without a path (paths are for logs)."""
    for one in (error, error.__cause__):
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return str(error) or type(error).__name__
