"""The legs of running calls, kept so that the next start can hang up what a killed gate left.

A file of its own, ``legs.journal``: a line of JSON for each change of a call, the last one of a call counts, and one
that says ``over`` forgets it. It is no evidence and holds nothing that outlives its call: it is cut to nothing whenever
no call is left, and written anew without the calls that are over where it has grown.

A line that was written survives the death of the process; ``sync`` makes it survive that of the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

log = structlog.get_logger()

LONGEST = 1 << 20
"""Bytes that it may have before it is written anew, and as many for each that its running calls need."""


class LegFile:
    """One thread keeps and forgets; any may ``sync``. Nothing here raises: without room the call goes on, and only a
    crash would leave its legs to themselves."""

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

    def left(self) -> Mapping[str, Any]:
        """The calls that an earlier run did not end, as they were kept; they stay in the file until ``over``."""
        return self._left

    def keep(self, call_id: str, legs: Mapping[str, Any]) -> None:
        """How the legs of a call stand now."""
        line = self._live[call_id] = _line(call_id, legs)
        self._attempt(lambda: self._append(line))

    def over(self, call_id: str) -> None:
        """Nothing of this call is left to end."""
        if self._live.pop(call_id, None) is None:
            return
        self._attempt(lambda: self._append(_encoded({"call": call_id, "over": True})) if self._live else self._empty())

    def clear(self) -> None:
        """Every call is over."""
        self._live.clear()
        self._attempt(self._empty)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        if self._synced != self._written and self._handle >= 0:
            self._synced = self._written
            with suppress(OSError):
                os.fdatasync(self._handle)

    def close(self) -> None:
        """Let go of the file; it stays as it is."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

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
