"""The legs of running calls, kept so that the next start can hang up what a killed gate left.

A file of its own, ``legs.journal``: a line of JSON for each change of a call, the last one of a call counts, and one
that says ``over`` forgets it. It is no evidence and holds nothing that outlives its call: it is cut to nothing whenever
no call is left, and written anew without the calls that are over where it has grown.

A line that was written survives the death of the process; after a second that of the machine.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gate.durable import DiskProbe

log = structlog.get_logger()

SYNC_SECONDS = 1.0
WRITTEN_SECONDS = 0.05
"""How long an INVITE waits for its line."""
STALLED_SECONDS = 3.0
CLOSE_SECONDS = 5.0
LONGEST = 1 << 20
"""Bytes that it may have before it is written anew, and as many for each that its running calls need."""


class LegFile:
    """The file, and the thread that writes it: nobody waits for its disk. Nothing here raises: without room the call
    goes on, and only a crash would leave its legs to themselves.

    Where nothing is to be written the disk is asked to take a few bytes each second: whether it answers is known
    (``stalled``) before anybody needs it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._live: dict[str, bytes] = {}
        """Call -> its last line."""
        self._left = _read(path)
        self._size = 0
        self._written = self._synced = 0
        self._handle = -1
        self._failing = False
        self._attempt(self._begin)
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._since: float | None = None
        """When what is under way began, monotonic seconds."""
        self._thread = threading.Thread(target=self._run, name="legs", daemon=True)
        self._thread.start()

    def left(self) -> Mapping[str, Any]:
        """The calls that an earlier run did not end, as they were kept; they stay in the file until ``over``."""
        return self._left

    def keep(self, call_id: str, legs: Mapping[str, Any]) -> None:
        """How the legs of a call stand now."""

        def job() -> None:
            line = self._live[call_id] = _line(call_id, legs)
            self._append(line)

        self._jobs.put(job)

    def over(self, call_id: str) -> None:
        """Nothing of this call is left to end."""

        def job() -> None:
            if self._live.pop(call_id, None) is None:
                return
            if self._live:
                self._append(_encoded({"call": call_id, "over": True}))
            else:
                self._empty()

        self._jobs.put(job)

    def clear(self) -> None:
        """Every call is over."""

        def job() -> None:
            self._live.clear()
            self._empty()

        self._jobs.put(job)

    def written(self, seconds: float = WRITTEN_SECONDS) -> bool:
        """Wait until what was kept so far is written, so that it survives the death of the process; False where that is
        not so in time, or the disk is known not to answer."""
        if self.waits > seconds:
            return False
        done = threading.Lock()
        done.acquire()  # until the job has run
        self._jobs.put(done.release)
        return done.acquire(timeout=seconds)

    @property
    def waits(self) -> float:
        """Seconds for which the disk has been waited for; 0.0 where it is not."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def stalled(self) -> bool:
        """True where the disk does not answer."""
        return self.waits >= STALLED_SECONDS

    def close(self) -> None:
        """Write what is kept, as far as the disk answers, and let go of the file."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        probe = DiskProbe(self._path.with_suffix(".probe"))
        next_sync = time.monotonic() + SYNC_SECONDS
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, next_sync - time.monotonic()))
            except queue.Empty:
                job = partial(self._sync, probe)
            if job is None:
                break
            self._since = time.monotonic()
            self._attempt(job)
            self._since = None
            if time.monotonic() >= next_sync:
                next_sync = time.monotonic() + SYNC_SECONDS
        probe.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _sync(self, probe: DiskProbe) -> None:
        """Bring what was written to the disk; nothing, where nothing was."""
        if self._synced != self._written and self._handle >= 0:
            self._synced = self._written
            os.fdatasync(self._handle)
        else:
            with suppress(OSError):
                probe.touch()

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
            if self._failing:  # what could not be written meanwhile
                self._anew()
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("legs_not_kept", error=str(error), hint="a crash now would leave the far ends hanging")
            self._failing = True

    def _begin(self) -> None:
        self._live = {call: _line(call, legs) for call, legs in self._left.items()}
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._anew()

    def _append(self, data: bytes) -> None:
        if os.write(self._handle, data) != len(data):
            raise OSError(28, "no room for a whole line")
        self._size += len(data)
        self._written += 1
        if self._size > LONGEST + 2 * sum(map(len, self._live.values())):
            self._anew()

    def _empty(self) -> None:
        os.ftruncate(self._handle, 0)
        self._size = 0
        self._written += 1

    def _anew(self) -> None:
        """The running calls alone, in one step: a kill leaves the old file or the new one."""
        data = b"".join(self._live.values())
        if data:
            fresh = self._path.with_suffix(".new")
            handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if os.write(handle, data) != len(data):
                os.close(handle)
                raise OSError(28, "no room for the running calls")
            fresh.replace(self._path)
            old, self._handle = self._handle, handle
            os.close(old)
            self._size = len(data)
        else:
            self._empty()


def _line(call_id: str, legs: Any) -> bytes:
    return _encoded({"call": call_id, "legs": legs})


def _encoded(entry: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(entry) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _read(path: Path) -> dict[str, Any]:
    """The calls of a file that are not over. A line that was cut off is passed over."""
    found: dict[str, Any] = {}
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                if entry.get("over"):
                    found.pop(entry["call"], None)
                else:
                    found[str(entry["call"])] = entry["legs"]
            except (ValueError, KeyError, AttributeError, TypeError):
                log.warning("a line of the legs' journal cannot be read", bytes=len(line))
    return found
