"""What has happened and is not in the store yet, on the disk of the data folder.

A file of its own, ``evidence.spool``, 0600: one line for each group of facts that the store has not taken at once. The
line is the first half of the SHA-256 of the rest, a space, and JSON ``{"log": origin, "facts": [{id, kind, subject, at,
actor, body}, …]}``, so that a line that was cut off or spoilt is recognised, and one of another gate's log. The file is
emptied as soon as the log has all that is in it, and written anew without what the log has where it has grown.

The ``id`` of a fact is the salt of its leaf, drawn before the store first sees it. By it the log itself knows whether
it has the fact, also where the process died between the store's commit and the emptying.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gate.core.evidence import EvidenceError, canonical, stamp
from gate.core.facts.fact import CATALOGUE
from gate.core.facts.lists import Objection
from gate.durable import read_regular, sync_folder, whole_file
from gate.errors import StoreError
from gate.log import Logger
from gate.ports import Fact

log = Logger()

NAME = "evidence.spool"
LONGEST = 64 << 20
"""Bytes of the file, at most: what comes then waits in memory alone."""
REWRITE = 1 << 20
"""Bytes from which it is written anew, where the log has most of it."""
CLOSE_SECONDS = 5.0
_DIGITS = 32
_LOOK = -1
"""In place of a group's number: something was kept."""


class Kept(NamedTuple):
    """A fact on its way to the store."""

    fact: Fact
    id: bytes
    """The salt of its leaf: 16 random bytes."""

    @property
    def objects(self) -> bool:
        """True for an objection."""
        return isinstance(self.fact.body, Objection)


class Left(NamedTuple):
    """What an earlier run has left in the file."""

    groups: list[list[Kept]]
    damaged: int = 0
    """Lines that cannot be read, but for a last one that was cut off."""


def left_in(path: Path, origin: Callable[[], str]) -> Left:
    """Read what is left in a spool of the log of this ``origin``. Raises ``StoreError``: it cannot be read, or is
    another log's."""
    try:
        lines = read_regular(path, LONGEST).split(b"\n")
    except FileNotFoundError:
        return Left([])
    except OSError as error:
        raise _unusable(path, error) from error
    groups: list[list[Kept]] = []
    damaged = 0
    for line in lines[:-1]:
        try:
            of, group = _group(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            damaged += 1
            log.error("spool_line_damaged", path=str(path), bytes=len(line))
            continue
        if of != origin():
            raise StoreError(
                f"{path} has evidence of another log, {of[:200]!r}: the one here is {origin()!r}",
                hint="put the file back into the data folder of its own gate; nothing is decided here before that",
            )
        groups.append(group)
    if lines[-1]:
        log.warning("spool_cut_off", path=str(path), bytes=len(lines[-1]), hint="it was being written at the end")
    return Left(groups, damaged)


def empty(path: Path) -> None:
    """The log has what was left. Raises ``StoreError``."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.ftruncate(handle, 0)
            os.fdatasync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"cannot empty {path}: {error.strerror}", hint="is its disk writable?") from error


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot open {path}: {error.strerror}",
        hint="evidence that the log lacks may be in it: give it back to the gate's account, 0600",
    )


class Spool:
    """The file, and the thread that writes it: the line waits for no disk. The caller holds the ``DataLock``.

    ``put``, ``kept`` and ``close`` are one thread's. Nothing raises there: what cannot be written waits in memory, as
    the store's facts do without it.
    """

    def __init__(self, path: Path, origin: str, *, at_once: bool = False) -> None:
        """``origin``: the log's name, as its checkpoints have it. ``at_once``: the store is not on this machine, and
        each group goes into the file before the store has answered. Raises ``StoreError`` where the file cannot be
        made, or where something is left in it (``left_in``)."""
        self.path = path
        self.at_once = at_once
        self._origin = origin
        try:
            self._handle = self._open()
            os.fchmod(self._handle, 0o600)
            sync_folder(path.parent)
            self._size = os.fstat(self._handle).st_size
        except OSError as error:
            raise _unusable(path, error) from error
        if self._size:
            os.close(self._handle)
            raise StoreError(f"evidence in {path} was not appended to the log", hint="start the gate again")
        self._asked: dict[int, Sequence[Kept]] = {}
        """Groups that were put, and are not kept yet."""
        self._written: dict[int, int] = {}
        """Those of them that are in the file, durably: bytes of their line."""
        self._used = False
        """Something was put since the file was last to be emptied. The line thread's."""
        self._failing = False
        self._news: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self.path, flags, 0o600)

    # --- on the line thread

    def put(self, number: int, group: Sequence[Kept]) -> None:
        """Write a group; harmless where that was asked already, and asked again where it failed."""
        if number not in self._asked:
            self._asked[number] = group
            self._used = True
            self._news.put(number)

    def kept(self, number: int) -> None:
        """The store has committed this group, or it never will be kept."""
        self._asked.pop(number, None)
        self._written.pop(number, None)
        if not self._asked and self._used:
            self._used = False
            self._news.put(_LOOK)

    def holds(self, number: int) -> bool:
        """True where a group is in the file, durably."""
        return number in self._written

    def close(self) -> None:
        """Write what was put, as far as the disk answers, and let go of the file; harmless twice."""
        if self._thread.is_alive():
            self._news.put(None)
            self._thread.join(CLOSE_SECONDS)

    # --- the spool's thread

    def _run(self) -> None:
        """All that was put meanwhile is brought to the disk at once."""
        going = True
        while going:
            news = [self._news.get()]
            with suppress(queue.Empty):
                while True:
                    news.append(self._news.get_nowait())
            going = None not in news
            try:
                self._write(number for number in news if number is not None)
                self._shorten()
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.error("spool_not_written", path=str(self.path), error=str(error), hint="a kill would lose it")
                self._failing = True
        os.close(self._handle)

    def _write(self, numbers: Iterable[int]) -> None:
        lines: dict[int, bytes] = {}
        size, why = self._size, None
        for number in numbers:
            try:
                line = _line(self._origin, self._asked[number])
                if size + len(line) > LONGEST:
                    raise OSError(errno.EFBIG, f"it would have more than {LONGEST:,} bytes")
            except KeyError:
                continue  # kept meanwhile
            except (OSError, EvidenceError) as error:
                self._asked.pop(number, None)
                why = OSError(str(error))
                continue
            lines[number] = line
            size += len(line)
        if lines:
            self._append(lines)
        if why is not None:
            raise why

    def _append(self, lines: Mapping[int, bytes]) -> None:
        data = b"".join(lines.values())
        try:
            if self._handle < 0:  # it could not be opened after it was written anew
                self._handle = self._open()
            if os.write(self._handle, data) != len(data):
                raise OSError(errno.ENOSPC, "no room for a whole line")
            os.fdatasync(self._handle)
        except OSError:
            for number in lines:
                self._asked.pop(number, None)
            os.ftruncate(self._handle, self._size)
            raise
        self._size += len(data)
        for number, line in lines.items():
            self._written[number] = len(line)
            if number not in self._asked:  # kept meanwhile
                self._written.pop(number, None)

    def _shorten(self) -> None:
        """Empty the file where the log has all of it; leave out what it has where that is most of a long one."""
        if not self._asked:
            if self._size:
                os.ftruncate(self._handle, 0)
                os.fdatasync(self._handle)
                self._size = 0
        elif self._size > REWRITE and 2 * sum(list(self._written.values())) < self._size:
            groups = [group for number, group in list(self._asked.items()) if number in self._written]
            data = b"".join(_line(self._origin, group) for group in groups)
            with whole_file(self.path) as file:
                file.write(data)
            self._size = len(data)
            os.close(self._handle)
            self._handle = -1
            self._handle = self._open()


def _line(origin: str, group: Sequence[Kept]) -> bytes:
    """Raises ``EvidenceError`` where it cannot be written as JSON."""
    facts = [
        {
            "id": each.id.hex(),
            "kind": each.fact.kind,
            "subject": each.fact.subject,
            "at": stamp(each.fact.at),
            "actor": each.fact.actor,
            "body": each.fact.values(),
        }
        for each in group
    ]
    text = canonical({"log": origin, "facts": facts})
    return _checksum(text) + b" " + text + b"\n"


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_DIGITS].encode()


def _group(line: bytes) -> tuple[str, list[Kept]]:
    """The log that a line is of, and its facts."""
    checksum, text = line[:_DIGITS], line[_DIGITS + 1 :]
    if _checksum(text) != checksum:
        raise ValueError("another checksum")
    read = json.loads(text)
    return str(read["log"]), [Kept(_fact(each), bytes.fromhex(each["id"])) for each in read["facts"]]


def _fact(read: dict[str, Any]) -> Fact:
    """Its body as its kind's own type, where that writes the same bytes again."""
    kind, body = str(read["kind"]), read["body"]
    at = datetime.fromisoformat(read["at"])
    fact = Fact(kind, str(read["subject"]), at, str(read["actor"]), body)
    if kind in CATALOGUE:
        try:
            typed = CATALOGUE[kind].read(body)
        except msgspec.ValidationError:
            return fact
        if canonical(typed.values()) == canonical(body):
            return Fact(kind, fact.subject, at, fact.actor, typed)
    return fact
