"""Files of a folder handed in, one after the other: by a running gate, which watches it, or by a command.

Whose call a file is of is said by its name, or by ``NAME.json`` beside it: ``{"call_id": "…"}``, or ``{"number": "…",
"at": "2026-11-29T16:24:36Z"}``. What is refused stays where it is, in clear, and is told: nobody but the firm knows
what it is. It is tried again when it has changed, and each ``AGAIN`` seconds.

A clear file is removed once its recording is sealed and in the log, and not before. It is renamed first: from then on
its name alone says that it is sealed, so that whoever is killed in the middle leaves nothing that could be taken for
another recording, and the next look goes on. Then it is overwritten, brought to the disk, unlinked, and the folder
synced. What a copying file system or a flash disk keeps of it is out of reach from here."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gate.config import Ingest
from gate.core.recording_names import CallName, call_named
from gate.durable import sync_folder
from gate.errors import GateError, UsageError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.ingest.ingesting import LARGEST, RecordingIngest, RecordingIngested
from gate.operations.operation import Moment

SEALED: Final = ".dialgate-sealed-"
"""Beginning of the name of a clear file whose recording is sealed."""
BESIDE: Final = ".json"
"""``NAME.json`` beside ``NAME`` names the call, and is handed in with it."""
_ZEROS: Final = bytes(1 << 20)


class NotRemoved(GateError):
    """A file that is sealed is still there in clear."""


def removable(folder: Path) -> bool:
    """Files in this folder can be removed by this account."""
    return os.access(folder, os.W_OK | os.X_OK)


def remove(path: Path, file: HandedOverFile) -> None:
    """Remove the file that was handed in, if ``path`` is still that one. Raises ``NotRemoved``."""
    sealed = path.with_name(f"{SEALED}{path.name}")
    try:
        seen = path.lstat()
        if (seen.st_dev, seen.st_ino) != (file.seen.st_dev, file.seen.st_ino) or file.changed:
            raise NotRemoved(
                f"{path.name} is sealed, and has been replaced or written to since: it was left",
                hint="see whether it is complete, and hand it in again",
            )
        path.rename(sealed)
        sync_folder(path.parent)
        path.with_name(path.name + BESIDE).unlink(missing_ok=True)
        _wipe(sealed, (seen.st_dev, seen.st_ino))
    except OSError as error:
        raise NotRemoved(
            f"{path.name} is sealed, and cannot be removed: {error.strerror}", hint="remove it: it is audio in clear"
        ) from error


def go_on(folder: Path) -> int:
    """Remove what an earlier run had sealed and not yet removed; how many. Raises ``NotRemoved``."""
    count = 0
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(SEALED):
                path.with_name(path.name.removeprefix(SEALED) + BESIDE).unlink(missing_ok=True)
                _wipe(path)
                count += 1
    except OSError as error:
        raise NotRemoved(
            f"what is sealed cannot be removed from {folder}: {error.strerror}", hint="remove it: it is audio in clear"
        ) from error
    return count


def _wipe(path: Path, only: tuple[int, int] | None = None) -> None:
    """``only``: device and inode of the one that may be overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        seen = os.fstat(descriptor)
        overwritten = stat.S_ISREG(seen.st_mode) and only in (None, (seen.st_dev, seen.st_ino))
        left = seen.st_size if overwritten else 0
        while left > 0:
            left -= os.write(descriptor, _ZEROS[:left])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


AGAIN: Final = 600.0
MOST: Final = 50
"""Files in one look."""
_LARGEST_NOTE: Final = 4096

Ask = Callable[[RecordingIngest, HandedOverFile], RecordingIngested]
"""Seals a file; raises ``GateError``."""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies beside a file."""

    call_id: str = ""
    number: str = ""
    at: Moment | None = None
    swap: bool | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file."""

    name: str
    """Without folder; it may hold a number."""
    sealed: RecordingIngested | None = None
    why: str = ""
    """Why it is still there in clear; empty where it is gone."""


def hand_in(path: Path, call: CallName, swap: bool, ask: Ask) -> RecordingIngested:
    """Seal one file, and then remove it. Raises ``GateError``; ``NotRemoved`` where it is sealed and still there."""
    with open_file(path, LARGEST) as file:
        asked = RecordingIngest(path=str(path)[-4096:], call_id=call.call_id, number=call.number, at=call.at, swap=swap)
        # Whoever asks closes the file that it is given: another descriptor, of the same open file.
        with HandedOverFile(os.dup(file.fileno()), str(path), LARGEST) as given:
            sealed = ask(asked, given)
        remove(path, file)
    return sealed


def note_of(path: Path, section: Ingest) -> tuple[CallName, bool]:
    """Find whose call a file is of, and whether its channels are swapped. Raises ``UsageError``."""
    beside = path.with_name(path.name + BESIDE)
    try:
        with open_file(beside, _LARGEST_NOTE) as file, file.reader() as reader:
            note = msgspec.json.decode(reader.read(), type=Note)
        return CallName(note.call_id, note.number, note.at), section.swap if note.swap is None else note.swap
    except UsageError:
        if beside.exists():
            raise
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"what lies beside it is not understood: {error}", hint="see ingest.names") from None
    if (call := call_named(path.name, section.names)) is None:
        raise UsageError("its name says of no call", hint='see ingest.names, or write NAME.json: {"call_id": "…"}')
    return call, section.swap


class IngestFolder:
    """One folder; looked at from one thread."""

    def __init__(self, folder: Path | None, section: Ingest) -> None:
        """``folder``: None: none."""
        self.folder = folder
        self._section = section
        self._since: dict[str, tuple[tuple[int, int, int], float]] = {}
        self._stays: dict[str, tuple[tuple[int, int, int], float, str]] = {}
        self._wrong = ""

    def warnings(self) -> list[str]:
        """What somebody must see to, a sentence each; without names, which hold numbers."""
        found = [f"Recordings from elsewhere: {self._wrong}"] if self._wrong else []
        reasons = Counter(why for _, _, why in list(self._stays.values()))
        found += [f"Recordings in clear, not sealed: {count}: {why}" for why, count in reasons.most_common(5)]
        return found

    def look(self, tick: float, ask: Ask, *, settle: float | None = None) -> Iterator[Outcome]:
        """Hand in what has landed; ``tick`` is ``time.monotonic()``. Raises ``GateError`` where the folder cannot be
        used."""
        if self.folder is None:
            return
        try:
            found = self._landed(self.folder, tick, self._section.settle_seconds if settle is None else settle)
        except GateError as error:
            self._wrong = error.message
            raise
        self._wrong = ""
        for path, stamp in found[:MOST]:
            outcome = self._one(path, ask)
            if outcome.why:
                self._stays[path.name] = (stamp, tick + AGAIN, outcome.why)
            else:
                self._stays.pop(path.name, None)
            yield outcome

    def _landed(self, folder: Path, tick: float, settle: float) -> list[tuple[Path, tuple[int, int, int]]]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise UsageError(f"the folder cannot be read: {error.strerror}", hint=f"see {folder}") from None
        if not removable(folder):
            raise UsageError("nothing is taken: files could not be removed", hint=f"let this account write in {folder}")
        go_on(folder)
        found, there = [], set()
        for path in entries:
            if path.name.startswith(".") or path.suffix.lower() != ".wav":
                continue
            try:
                seen = path.lstat()
            except OSError:
                continue
            if not stat.S_ISREG(seen.st_mode):
                continue
            there.add(path.name)
            stamp = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
            known, since = self._since.get(path.name, (None, tick))
            if known != stamp:
                since = tick
                self._since[path.name] = (stamp, tick)
            stays = self._stays.get(path.name)
            waits = stays is not None and stays[0] == stamp and tick < stays[1]
            if tick - since >= settle and not waits:
                found.append((path, stamp))
        for gone in (self._since.keys() | self._stays.keys()) - there:
            self._since.pop(gone, None)
            self._stays.pop(gone, None)
        return found

    def _one(self, path: Path, ask: Ask) -> Outcome:
        try:
            call, swap = note_of(path, self._section)
            return Outcome(path.name, hand_in(path, call, swap, ask))
        except NotRemoved as error:
            return Outcome(path.name, why=error.message.replace(path.name, "it"))
        except GateError as error:
            return Outcome(path.name, why=error.message.replace(str(path), "it"))
