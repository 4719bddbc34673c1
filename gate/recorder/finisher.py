"""The thread that waits for disks: it syncs what was written and closes what is over, so that the loop never waits.

Bounded by its shape: one sync at a time, each file at most once a round, a round a second at most. A slow disk makes
rounds longer, never a queue. Closings come before syncs, because a call waits for them.

After a write has failed the disk is suspected: free space does not tell of a quota or a dying device. A small file is
then written once a round, and the suspicion ends when that works.

A disk may also not answer at all, without any fault. How long the thread has waited for it is known (``waits``), and in
a round in which nothing else was to be done a few bytes are synced: a call is let through only while that works.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gate.durable import DiskProbe
from gate.vault.sealer import SealedWriter

ROUND_SECONDS = 1.0
PROBE_BYTES = 65536
PROBE_NAME = ".probe"


@dataclass(frozen=True, slots=True)
class Ending:
    """A file to close."""

    call_id: str
    file: SealedWriter
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


class _Dirty(NamedTuple):
    file: SealedWriter
    call_id: str


class Finisher(threading.Thread):
    """``ended`` and ``sync_failed(call_id, message)`` are called on this thread and must only post."""

    def __init__(self, folder: Path, ended: Callable[[Ended], None], sync_failed: Callable[[str, str], None]) -> None:
        super().__init__(name="finisher", daemon=True)
        self.suspected = False
        """A write failed, and none has been seen to work since."""
        self._folder = folder
        self._on_ended = ended
        self._on_sync_failed = sync_failed
        self._wake = threading.Condition()
        self._endings: deque[Ending] = deque()
        self._dirty: dict[int, _Dirty] = {}
        self._round: deque[_Dirty] = deque()
        self._stopping = False
        self._since: float | None = None
        """When what is under way began, monotonic seconds."""
        self._idle = True
        """Nothing was synced in this round."""
        self._probe = DiskProbe(folder / PROBE_NAME)

    @property
    def waits(self) -> float:
        """Seconds for which the disk has been waited for; 0.0 where it is not. On any thread."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def written(self, call_id: str, file: SealedWriter) -> None:
        """A chunk was written; it will be on the disk within about a second."""
        with self._wake:
            self._dirty.setdefault(id(file), _Dirty(file, call_id))

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

    def suspect(self) -> None:
        """A write has failed."""
        self.suspected = True

    def run(self) -> None:
        """Until ``stop``."""
        next_round = time.monotonic() + ROUND_SECONDS
        while (job := self._next(next_round)) is not None:
            self._since = time.monotonic()
            if isinstance(job, Ending):
                ended = _close(job)
                self.suspected = self.suspected or bool(ended.problem)
                self._on_ended(ended)
            elif isinstance(job, _Dirty):
                self._sync(job)
            else:
                next_round = self._since + ROUND_SECONDS
                if self.suspected:
                    self.suspected = not _probe(self._folder / PROBE_NAME)
                elif self._idle:
                    self._touch()
            self._idle = job == "round"
            self._since = None
        self._probe.close()

    def _next(self, next_round: float) -> Ending | _Dirty | Literal["round"] | None:
        """What to do now; waits for it. ``"round"`` begins another round of syncs, None is the end."""
        with self._wake:
            while not self._endings and not self._round and (wait := next_round - time.monotonic()) > 0:
                if self._stopping:
                    return None
                self._wake.wait(wait)
            if self._endings:
                ending = self._endings.popleft()
                self._forget(ending.file)
                return ending
            if self._round:
                return self._round.popleft()
            self._round.extend(self._dirty.values())
            self._dirty.clear()
            return "round"

    def _forget(self, file: SealedWriter) -> None:
        self._dirty.pop(id(file), None)
        self._round = deque(dirty for dirty in self._round if dirty.file is not file)

    def _touch(self) -> None:
        try:
            self._probe.touch()
        except OSError:
            self.suspect()

    def _sync(self, dirty: _Dirty) -> None:
        try:
            dirty.file.sync()
        except Exception as error:  # noqa: BLE001 - one file's failure is reported to its call and must not end the thread
            self._on_sync_failed(dirty.call_id, describe(error))


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


def _probe(path: Path) -> bool:
    """True where a small file can be written, synced and removed."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return True


def describe(error: BaseException) -> str:
    """What went wrong, in the system's words where it was the system: without a path (paths are for logs)."""
    for one in (error, error.__cause__):
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return str(error) or type(error).__name__
