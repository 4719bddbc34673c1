"""Takes a licensee's register file: all of it or none of it.

``import_file`` reads and validates every line, compares the outcome with the snapshot in force and swaps atomically. A
file that is refused, an import that is killed, a disk that is full: the old snapshot stays in force, whole, and its age
goes on counting (LAW 2.2, 2.3). ``import_in_child`` does the same in a process of its own;
``python -m gate.registers.importer`` is that process, and tells how far it is as JSON lines on standard output:
``{"progress": 0.4, "stage": "reading"}``, and at the end ``{"report": {…}}`` or ``{"error": "…", "hint": "…"}``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gate.errors import RegisterError
from gate.registers import shelf
from gate.registers.child import import_in_child
from gate.registers.coverage import FULL, checked_coverage, key_ranges, parse_coverage
from gate.registers.report import ImportReport
from gate.registers.snapshot import Metadata, Snapshot

if TYPE_CHECKING:
    from gate.registers.lines import Keys
    from gate.registers.source import Progress, Source

__all__ = ["ImportReport", "guess_as_of", "import_file", "import_in_child", "parse_coverage", "prune"]

SHRINK = 20
"""An import that lets more than one in so many numbers vanish needs the operator's word (LAW 2.3: 5 %)."""

EXCHANGE_GUARD = 100_000
"""From this size on, vanished numbers count against that limit even where others took their place: that is how the
CTPS file looks when it is imported as the TPS, or the other way round."""

_LONDON = ZoneInfo("Europe/London")
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def guess_as_of(source: Path, now: datetime) -> date:
    """The day a file speaks of where nobody says: the earliest of a date in its name (``tps_ns_20260131.txt``,
    ``2026-01-31``), the day it was last written, and today. Too early refuses calls, too late would let them through.
    ``RegisterError`` where there is no such file."""
    try:
        written = source.stat().st_mtime
    except OSError as error:
        raise RegisterError(f"{source} cannot be read: {error.strerror}") from error
    days = [now.astimezone(_LONDON).date(), datetime.fromtimestamp(written, _LONDON).date()]
    for year, _, month, day in _DATE_IN_NAME.findall(source.name):
        with suppress(ValueError):
            days.append(date(int(year), int(month), int(day)))
    return min(days)


def import_file(
    folder: Path,
    name: str,
    source: Path,
    *,
    as_of: date,
    now: datetime,
    coverage: tuple[str, ...] = (FULL,),
    accept_shrink: bool = False,
    accept_older: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Put the register file ``source`` in force as the register ``name`` (``tps``, ``ctps``) in ``folder``.

    ``as_of`` is the day it speaks of (Europe/London), ``now`` aware, ``coverage`` what the licence covers.
    ``accept_shrink`` takes a file in which more than 5 % of the numbers in force are gone, ``accept_older`` one that is
    older than what is in force. Waits for another import of the same register. Raises ``RegisterError`` only; then the
    register in force has stayed.
    """
    covered = checked_coverage(coverage)
    if not _NAME.fullmatch(name):
        raise RegisterError(f"{name!r} cannot be the name of a register", hint="the registers are tps and ctps")
    tell = progress or (lambda _fraction, _stage: None)
    try:
        shelf.make_folder(folder)
        with shelf.locked(folder, name, lambda: tell(0.0, "waiting for another import")):
            before = _before(folder, name)
            shelf.clean(folder, name, before.pointer)
            _check_date(name, as_of, now, None if accept_older else before.as_of)
            return _Import(folder, name, source, as_of, now, covered, accept_shrink, before, tell).run()
    except (OSError, MemoryError) as error:
        why = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
        raise RegisterError(
            f"{source} could not be imported: {why or 'out of memory'}",
            hint="the register in force stays; put right what is said and import again",
        ) from error


def prune(folder: Path, name: str, now: datetime) -> None:
    """Delete superseded snapshots that have had their time (LAW 2.5), for a timer: imports do it by themselves.
    ``RegisterError`` where the folder cannot be read or written."""
    try:
        if not folder.is_dir():
            return
        with shelf.locked(folder, name, lambda: None):
            pointer = shelf.read_pointer(folder, name)
            if pointer is not None:
                kept = shelf.superseded(folder, pointer.kept, now)
                shelf.clean(folder, name, shelf.with_kept(pointer, kept))
    except OSError as error:
        raise RegisterError(f"superseded snapshots in {folder} could not be deleted: {error}") from error


@dataclass(frozen=True, slots=True)
class _Before:
    """What is in force when an import begins."""

    pointer: shelf.Pointer | None = None
    snapshot: Snapshot | None = None
    """Verified as a whole; None where there is none or it is damaged."""
    count: int = 0
    as_of: date | None = None
    """Count and date are known for a damaged one too, as long as anything can be read of it."""

    def worth_keeping(self) -> tuple[str, ...]:
        """The files that a new snapshot supersedes, newest first; not one that is damaged."""
        if self.pointer is None:
            return ()
        return (self.pointer.file, *self.pointer.kept) if self.snapshot else self.pointer.kept


def _before(folder: Path, name: str) -> _Before:
    pointer = None
    with suppress(RegisterError):
        pointer = shelf.read_pointer(folder, name)
        if pointer is None and not shelf.pointer_path(folder, name).exists():
            return _Before()
        if found := shelf.open_in_force(folder, name):
            pointer, snapshot, _ = found
            snapshot.verify(pointer.sha256)
            return _Before(pointer, snapshot, snapshot.count, snapshot.metadata.as_of)
    if pointer is not None:
        return _Before(pointer, None, pointer.count, pointer.as_of)
    for path in shelf.snapshots(folder, name):
        with suppress(RegisterError):
            snapshot = Snapshot(path)
            return _Before(None, None, snapshot.count, snapshot.metadata.as_of)
    return _Before()


def _check_date(name: str, as_of: date, now: datetime, in_force: date | None) -> None:
    today = now.astimezone(_LONDON).date()
    if as_of > today:
        raise RegisterError(
            f"the {name.upper()} as of {as_of} lies in the future: today is {today}",
            hint="give the day the file was made for",
        )
    if in_force is not None and as_of < in_force:
        raise RegisterError(
            f"the {name.upper()} as of {as_of} is older than the one in force, as of {in_force}",
            hint="fetch the licensee's newest file",
        )


@dataclass(frozen=True, slots=True)
class _Import:
    """One import, under the lock."""

    folder: Path
    name: str
    source: Path
    as_of: date
    now: datetime
    coverage: tuple[str, ...]
    accept_shrink: bool
    before: _Before
    tell: Progress

    def run(self) -> ImportReport:
        # numpy is imported here and not above: whoever only names the import does not pay for it
        from gate.registers import build
        from gate.registers.source import read_source

        source = read_source(self.source, lambda done, stage: self.tell(0.7 * done, stage))
        self.tell(0.7, "sorting")
        keys, duplicates = build.sorted_unique(source.keys)
        self.tell(0.8, "comparing")
        added, removed = keys.size, 0
        if self.before.snapshot is not None:
            in_force = build.snapshot_keys(self.before.snapshot)
            shared = build.common(in_force, keys)
            added, removed = keys.size - shared, in_force.size - shared
            del in_force
            self._check_widened(keys)
        shrunk = self._check_shrink(keys.size, removed)
        sha256 = self._put_in_force(keys, source)
        self.tell(1.0, "done")
        return ImportReport(
            name=self.name,
            as_of=self.as_of,
            sha256=sha256,
            count=keys.size,
            coverage=self.coverage,
            added=added,
            removed=removed,
            lines=source.tally.lines,
            duplicates=duplicates,
            bad=source.tally.bad,
            bad_lines=tuple((fault.number, fault.fault) for fault in source.tally.faults),
            source_name=source.name,
            source_sha256=source.sha256,
            accepted_shrink=shrunk,
            previous_sha256=self.before.pointer.sha256 if self.before.pointer and self.before.snapshot else "",
        )

    def _check_shrink(self, count: int, removed: int) -> bool:
        """Refuse a file in which too much has vanished; True where it has and the operator accepted it."""
        held = self.before.count
        shrunk = (held - count) * SHRINK > held
        exchanged = held >= EXCHANGE_GUARD and removed * SHRINK > held
        if (shrunk or exchanged) and not self.accept_shrink:
            what = f"from {held:,} to {count:,} numbers" if shrunk else f"by {removed:,} of its {held:,} numbers"
            raise RegisterError(
                f"{self.source} is refused: the {self.name.upper()} would shrink {what}, more than 5 %",
                hint="see that it is the whole file and the right register; --accept-shrink takes it all the same",
            )
        return shrunk or exchanged

    def _check_widened(self, keys: Keys) -> None:
        """Refuse to call a file complete that holds no number outside of the dialling codes in force: a partial
        licence's file imported without its coverage would turn every number it does not speak of into a cleared one."""
        import numpy as np

        in_force = self.before.snapshot.metadata.coverage if self.before.snapshot else (FULL,)
        if self.coverage != (FULL,) or in_force == (FULL,):
            return
        bounds = np.array(key_ranges(in_force), np.int64)
        inside = int(np.diff(np.searchsorted(keys, bounds)).sum())
        if inside == keys.size:
            codes = ",".join(in_force)
            raise RegisterError(
                f"{self.source} is refused: all of its numbers lie in {codes}, so it does not cover the whole country",
                hint=f"give the licence's coverage: --coverage {codes}",
            )

    def _put_in_force(self, keys: Keys, source: Source) -> str:
        """Write the snapshot, read it back, swap. Returns its SHA-256."""
        self.tell(0.85, "writing")
        kept = shelf.superseded(self.folder, self.before.worth_keeping(), self.now)
        metadata = Metadata(self.name, self.as_of, self.coverage, source.name, source.sha256, self.now.astimezone(UTC))
        sha256, path = self._write(keys, metadata)
        try:
            seal = shelf.seal_of(path)
            self.tell(0.95, "verifying")
            self._read_back(path, sha256, keys)
            pointer = shelf.Pointer(path.name, sha256, self.as_of, keys.size, seal, kept)
            shelf.put_in_force(self.folder, self.name, pointer)
        except BaseException:
            if self.before.pointer is None or path.name != self.before.pointer.file:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        # From here on the new snapshot is in force, whatever happens; what cannot be deleted now goes next time.
        with suppress(OSError):
            shelf.sync_folder(self.folder)
            shelf.clean(self.folder, self.name, pointer)
        return sha256

    def _write(self, keys: Keys, metadata: Metadata) -> tuple[str, Path]:
        from gate.registers import build

        part = shelf.new_part(self.folder, self.name)
        try:
            with os.fdopen(shelf.create(part), "wb") as out:
                sha256 = build.write_snapshot(out, keys, metadata)
                out.flush()
                os.fsync(out.fileno())
            path = self.folder / shelf.snapshot_name(self.name, self.as_of, sha256)
            part.replace(path)
            shelf.sync_folder(self.folder)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return sha256, path

    def _read_back(self, path: Path, sha256: str, keys: Keys) -> None:
        """See the file as a reader will: the same bytes, and in them the same numbers."""
        import numpy as np

        from gate.registers import build

        snapshot = Snapshot(path)
        snapshot.verify(sha256)
        if not np.array_equal(build.snapshot_keys(snapshot), keys):
            raise RegisterError(f"the register snapshot {path} does not hold what was written", hint="check the disk")


def main(arguments: Sequence[str] | None = None) -> int:
    """The child process of ``import_in_child``."""
    parser = argparse.ArgumentParser(prog="python -m gate.registers.importer", description=import_file.__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    parser.add_argument("--coverage", default=FULL)
    parser.add_argument("--accept-shrink", action="store_true")
    parser.add_argument("--accept-older", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        report = import_file(
            asked.folder,
            asked.name,
            asked.source,
            as_of=asked.as_of,
            now=asked.now,
            coverage=parse_coverage(asked.coverage),
            accept_shrink=asked.accept_shrink,
            accept_older=asked.accept_older,
            progress=lambda done, stage: _say({"progress": round(done, 4), "stage": stage}),
        )
    except RegisterError as error:
        _say({"error": error.message, "hint": error.hint})
        return 1
    _say({"report": report.as_dict()})
    return 0


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
