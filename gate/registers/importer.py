"""Takes a licensee's register file: all of it or none of it.

``import_file`` reads and validates every line, compares the outcome with the snapshot in force and swaps atomically. A
file that is refused, an import that is killed, a disk that is full: the old snapshot stays in force, whole, and its age
goes on counting (LAW 2.2, 2.3). ``import_process`` does the same in a process of its own;
``python -m gate.registers.importer`` is that process, and tells how far it is as JSON lines on standard output:
``{"progress": 0.4, "stage": "reading"}``, and at the end ``{"report": {…}}``
or ``{"error": "…", "hint": "…", "again": false}`` (true: ``RegisterFailed``).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from gate.core.days import LONDON, short_day
from gate.core.numbers import DRAMA_THOUSANDS
from gate.core.rules import days_left
from gate.core.terms import many
from gate.durable import sync_folder
from gate.errors import RegisterError, RegisterFailed
from gate.handed_over_file import HandedOverFile
from gate.registers import build, snapshot_store
from gate.registers.coverage import (
    ASKED,
    FULL,
    LEAST,
    CountWithin,
    checked_coverage,
    key_ranges,
    narrowed,
    parse_coverage,
    too_few,
    without_numbers,
)
from gate.registers.import_process import ImportReport, aside, end_with
from gate.registers.packing import opened
from gate.registers.snapshot import Asked, Metadata, Snapshot
from gate.registers.source import Keys, LineCounts, RegisterFile, read_source

if TYPE_CHECKING:
    from gate.types import Progress


_DRAMA_PART = 10
"""One number in so many of those kept for drama makes a file a sample."""


SHRINK = 20
"""An import that lets more than one in so many numbers vanish needs the operator's word (LAW 2.3: 5 %)."""

WEEK = 7
UNCHANGED_IN_A_WEEK = 10_000
"""One number in so many comes or goes in a week at the least (LAW 2.3: a few thousand of 17 million each day)."""

EXCHANGE_GUARD = 100_000
"""From this size on, vanished numbers count against that limit even where others took their place: that is how the
CTPS file looks when it is imported as the TPS, or the other way round."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is in force when an import begins."""

    pointer: snapshot_store.Pointer | None = None
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


def look(folder: Path, name: str) -> Before:
    """See what is in force. Damage is no error here: an import is what mends it."""
    pointer = None
    with suppress(RegisterError):
        found = snapshot_store.open_in_force(folder, name)
        if found is None:
            return Before()
        pointer, snapshot, _ = found
        snapshot.verify(pointer.sha256)
        return Before(pointer, snapshot, snapshot.count, snapshot.metadata.as_of)
    with suppress(RegisterError):
        pointer = snapshot_store.read_pointer(folder, name)
    if pointer is not None:
        return Before(pointer, None, pointer.count, pointer.as_of)
    for path in snapshot_store.snapshots(folder, name):
        with suppress(RegisterError):
            snapshot = Snapshot(path)
            return Before(None, None, snapshot.count, snapshot.metadata.as_of)
    return Before()


def check_date(name: str, as_of: date, now: datetime, in_force: date | None) -> None:
    """``RegisterError`` where a file is of the future, or older than what is in force (None: that does not matter)."""
    today = now.astimezone(LONDON).date()
    if as_of > today:
        raise RegisterError(
            f"the {name.upper()} as of {short_day(as_of)} lies in the future: today is {short_day(today)}",
            hint="give the day the file was made for",
        )
    if in_force is not None and as_of < in_force:
        raise RegisterError(
            f"the {name.upper()} as of {as_of} is older than the one in force, as of {in_force}",
            hint="fetch the licensee's newest file; --accept-older takes this one all the same",
        )


def old_list(before: Before, as_of: date, coverage: tuple[str, ...], changes: int) -> tuple[str, bool]:
    """What is odd about a file of a later day with (nearly) the numbers in force, as words that follow "although ",
    empty where nothing is; and whether that makes it the old list beyond doubt. Some thousands come and go each day, so
    it is the old list in other bytes, and it must not support calls for four weeks more (LAW 1.4, 2.3, 7.3)."""
    there = before.snapshot
    if there is None or there.count < EXCHANGE_GUARD or there.metadata.coverage != coverage:
        return "", False
    since = there.metadata.as_of
    days = min((as_of - since).days, WEEK)
    wanted = -(-there.count * max(days, 1) // (WEEK * UNCHANGED_IN_A_WEEK))
    if days < 0 or changes >= wanted:
        return "", False
    if days == 0:  # what is doubtful stays so when it is imported again
        return "" if there.metadata.accepted else there.metadata.implausible, False
    came = f"{changes:,} came or went" if changes else "none came or went"
    least = f"{wanted:,} {'does' if wanted == 1 else 'do'} at least"
    odd = f"of {many(there.count, 'number')} {came} since {short_day(since)}, and {least}: it is the list of that day"
    return odd, not changes or days == WEEK


def check_codes(source: HandedOverFile, coverage: tuple[str, ...], keys: Keys) -> None:
    """``RegisterError`` where the file holds no number of a dialling code that it is said to cover."""
    if none := without_numbers(coverage, counter(keys)):
        raise RegisterError(
            f"{source} is refused: it holds no number of {', '.join(none)}, so it does not cover it",
            hint="give the codes of which the licence has numbers; calls to others are refused as outside_coverage",
        )


def check_shrink(source: HandedOverFile, name: str, held: int, count: int, removed: int, *, accepted: bool) -> bool:
    """``RegisterError`` where too many of the ``held`` numbers have vanished; True where they have, and the operator
    accepted it."""
    shrunk = (held - count) * SHRINK > held
    exchanged = held >= EXCHANGE_GUARD and removed * SHRINK > held
    if (shrunk or exchanged) and not accepted:
        fewer = f"from {held:,} to {many(count, 'number')}"
        what = fewer if shrunk else f"by {removed:,} of its {many(held, 'number')}"
        raise RegisterError(
            f"{source} is refused: the {name.upper()} would shrink {what}, more than 5 %",
            hint="see that it is the whole file and the right register; --accept-shrink takes it all the same",
        )
    return shrunk or exchanged


def check_widened(source: HandedOverFile, coverage: tuple[str, ...], in_force: tuple[str, ...], keys: Keys) -> None:
    """``RegisterError`` where a file is called complete and holds no number outside of the dialling codes in force: a
    partial licence's file imported without its coverage would clear every number that it does not speak of."""
    if coverage != (FULL,) or in_force == (FULL,):
        return
    bounds = np.array(key_ranges(in_force), np.int64)
    inside = int(np.diff(np.searchsorted(keys, bounds)).sum())
    if inside == keys.size:
        codes = ",".join(in_force)
        raise RegisterError(
            f"{source} is refused: all of its numbers lie in {codes}, so it does not cover the whole country",
            hint=f"give the licence's coverage: --coverage {codes}",
        )


def check_narrowed(source: HandedOverFile, name: str, coverage: tuple[str, ...], in_force: tuple[str, ...]) -> None:
    """``RegisterError`` where the register in force speaks of numbers that it would no longer speak of."""
    if not (had := narrowed(coverage, in_force)):
        return
    raise RegisterError(
        f"{source} is refused: the {name.upper()} in force covers {had}, and would cover {', '.join(coverage)} alone: "
        "marketing calls to other numbers would all be refused (outside_coverage)",
        hint="--coverage is for a licence of some dialling codes: leave it out, or give all of the licence's; "
        "--accept-narrower takes it all the same",
    )


def sample(keys: Keys) -> str:
    """What is odd (``plausible.too_few``) about a list of numbers that nobody has. ``keys`` rise."""
    bounds = np.array([(block * 1000, block * 1000 + 1000) for block in sorted(DRAMA_THOUSANDS)], np.int64)
    drama = int(np.diff(np.searchsorted(keys, bounds)).sum())
    if drama * _DRAMA_PART < keys.size:
        return ""
    return f"{_of_all(drama, keys)} kept for films and samples: it is a sample list"


def _of_all(part: int, keys: Keys) -> str:
    """``1 of its 5 numbers is``, ``4 of its 5 numbers are``."""
    return f"{part:,} of its {many(keys.size, 'number')} {'is' if part == 1 else 'are'}"


def same_as_other(folder: Path, name: str, keys: Keys) -> str:
    """The same about a file that is, or nearly is, the other register."""
    for other in LEAST.keys() - {name}:
        try:
            found = snapshot_store.open_in_force(folder, other)
        except RegisterError:
            continue  # it is damaged, and supports no calls
        if found is None:
            continue
        shared = build.common(build.snapshot_keys(found[1]), keys)
        if shared * 2 > max(found[1].count, keys.size):
            those = "that" if shared == 1 else "those"
            return f"{_of_all(shared, keys)} {those} of the {other.upper()} in force: it is that one"
    return ""


def judged(folder: Path, name: str, coverage: Sequence[str], keys: Keys) -> tuple[str, bool]:
    """What is odd about a file for a live gate, empty where nothing is; and whether it is its size alone."""
    if odd := sample(keys) or same_as_other(folder, name, keys):
        return odd, False
    return too_few(name, coverage, keys.size, counter(keys)), True


def counter(keys: Keys) -> CountWithin:
    """Counts among numbers that rise."""
    return lambda first, behind: int(keys.searchsorted(behind) - keys.searchsorted(first))


_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
MEMORY: Final = 8 << 30
"""Bytes that the process of an import may have: a register of 100 million numbers takes some half of it."""


def import_file(
    folder: Path,
    name: str,
    source: HandedOverFile | Path,
    *,
    as_of: date,
    now: datetime,
    coverage: tuple[str, ...] = (FULL,),
    accept_shrink: bool = False,
    accept_older: bool = False,
    accept_narrower: bool = False,
    source_sha256: str = "",
    live: bool = False,
    accept_implausible: str = "",
    progress: Progress | None = None,
) -> ImportReport:
    """Put the register file ``source`` in force as the register ``name`` (``tps``, ``ctps``) in ``folder``.

    ``as_of`` is the day it speaks of (Europe/London), ``now`` aware, ``coverage`` what the licence covers.
    ``accept_shrink`` takes a file in which more than 5 % of the numbers in force are gone, ``accept_older`` one that is
    older than what is in force, ``accept_narrower`` one that covers less of the country.
    ``source_sha256``: of the bytes that were judged; others are refused. ``live``: the file is judged by itself too
    (``judged``), and ``accept_implausible`` is the reason for which one that fails is taken all the same.
    Waits for another import of the same register. Raises ``RegisterError`` only (``RegisterFailed`` where trying again
    may help); then the register in force has stayed.
    """
    covered = checked_coverage(coverage)
    if not _NAME.fullmatch(name):
        raise RegisterError(f"{name!r} cannot be the name of a register", hint="the registers are tps and ctps")
    tell = progress or (lambda _fraction, _stage: None)
    given = opened(source)
    try:
        snapshot_store.make_folder(folder)
        with snapshot_store.locked(folder, name, lambda: tell(0.0, "waiting for another import")):
            before = look(folder, name)
            snapshot_store.clean(folder, name, before.pointer)
            if before.snapshot is not None and before.snapshot.metadata.asked:
                before = replace(before, snapshot=None, count=0, as_of=None)  # a provider's answers are no list
            check_date(name, as_of, now, None if accept_older else before.as_of)
            if before.snapshot is not None and not accept_narrower:
                check_narrowed(given, name, covered, before.snapshot.metadata.coverage)
            return _Import(
                folder=folder,
                name=name,
                source=given,
                as_of=as_of,
                now=now,
                coverage=covered,
                accept_shrink=accept_shrink,
                source_sha256=source_sha256,
                live=live,
                accept_implausible=accept_implausible,
                before=before,
                tell=tell,
            ).run()
    except (OSError, MemoryError) as error:
        why = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
        raise RegisterFailed(
            f"{source} could not be imported: {why or 'out of memory'}",
            hint="the register in force stays; put right what is said and import again",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swap:
    """Puts numbers in force, under the lock."""

    folder: Path
    name: str
    as_of: date
    now: datetime
    coverage: tuple[str, ...]
    before: Before
    tell: Progress
    asked: tuple[Asked, ...] = ()

    def put_in_force(self, keys: Keys, source: RegisterFile, implausible: str, accepted: str) -> str:
        """Write the snapshot, read it back, swap. Returns its SHA-256."""
        self.tell(0.85, "writing")
        kept = snapshot_store.superseded(self.folder, self.before.worth_keeping(), self.now)
        metadata = Metadata(
            self.name,
            self.as_of,
            self.coverage,
            source.name,
            source.sha256,
            self.now.astimezone(UTC),
            implausible,
            accepted,
            self.asked,
        )
        sha256, path = self._write(keys, metadata)
        try:
            seal = snapshot_store.seal_of(path)
            self.tell(0.95, "verifying")
            self._read_back(path, sha256, keys)
            pointer = snapshot_store.Pointer(path.name, sha256, self.as_of, keys.size, seal, kept)
            snapshot_store.put_in_force(self.folder, self.name, pointer)
        except BaseException:
            if self.before.pointer is None or path.name != self.before.pointer.file:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        # From here on the new snapshot is in force, whatever happens; what cannot be deleted now goes next time.
        with suppress(OSError):
            sync_folder(self.folder)
            snapshot_store.clean(self.folder, self.name, pointer)
        return sha256

    def _write(self, keys: Keys, metadata: Metadata) -> tuple[str, Path]:
        part = snapshot_store.new_part(self.folder, self.name)
        try:
            with os.fdopen(snapshot_store.create(part), "wb") as out:
                sha256 = build.write_snapshot(out, keys, metadata)
                out.flush()
                os.fsync(out.fileno())
            path = self.folder / snapshot_store.snapshot_name(self.name, self.as_of, sha256)
            part.replace(path)
            sync_folder(self.folder)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return sha256, path

    def _read_back(self, path: Path, sha256: str, keys: Keys) -> None:
        """See the file as a reader will: the same bytes, and in them the same numbers."""
        snapshot = Snapshot(path)
        snapshot.verify(sha256)
        if not np.array_equal(build.snapshot_keys(snapshot), keys):
            raise RegisterError(f"the register snapshot {path} does not hold what was written", hint="check the disk")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import(_Swap):
    """One import, under the lock."""

    source: HandedOverFile
    accept_shrink: bool
    source_sha256: str
    live: bool
    accept_implausible: str

    def run(self) -> ImportReport:
        source = read_source(self.source, lambda done, stage: self.tell(0.7 * done, stage))
        if self.source_sha256 not in ("", source.sha256):
            raise RegisterFailed(
                f"{self.source} changed while it was read", hint="import it when its upload is complete"
            )
        self.tell(0.7, "sorting")
        keys, duplicates = build.sorted_unique(source.keys)
        self.tell(0.8, "comparing")
        check_codes(self.source, self.coverage, keys)
        added, removed = keys.size, 0
        if self.before.snapshot is not None:
            in_force = build.snapshot_keys(self.before.snapshot)
            shared = build.common(in_force, keys)
            added, removed = keys.size - shared, in_force.size - shared
            del in_force
            check_widened(self.source, self.coverage, self.before.snapshot.metadata.coverage, keys)
        shrunk = check_shrink(
            self.source, self.name, self.before.count, keys.size, removed, accepted=self.accept_shrink
        )
        implausible, accepted = self._judged(keys, added + removed) if self.live else ("", "")
        sha256 = self.put_in_force(keys, source, implausible, accepted)
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
            implausible=implausible,
            accepted=accepted,
            previous_sha256=self.before.pointer.sha256 if self.before.pointer and self.before.snapshot else "",
        )

    def _judged(self, keys: Keys, changes: int) -> tuple[str, str]:
        """What is odd about the file for a live gate, and why it is taken all the same; raises ``RegisterError``.
        Without a reason it is taken only where few numbers came or went in less than a week."""
        odd, size_alone = judged(self.folder, self.name, self.coverage, keys)
        if not odd:
            odd, refused = old_list(self.before, self.as_of, self.coverage, changes)
            if not refused:
                return odd, ""
        why = self.accept_implausible.strip()
        before = self.before.snapshot.metadata if self.before.snapshot else None
        if not why and size_alone and before is not None and before.coverage == self.coverage:
            why = before.accepted  # small as the one before it, which somebody took by name
        if not why:
            raise RegisterError(
                f"{self.source} is refused as the {self.name.upper()} of a live gate: {odd}",
                hint='see that it is the whole file and the right register; --accept-implausible "WHY" takes it all '
                "the same, and is a warning as long as it is in force",
            )
        return odd, why


def import_answers(folder: Path, name: str, listed: Collection[int], asked: Asked, now: datetime) -> Snapshot:
    """Put a provider's answers in force as the register ``name``: it speaks of the numbers that were asked, alone.

    ``listed``: those of them that are on it. Answers of earlier runs about other numbers stay as long as they support
    calls, each with its day; the register's day is the earliest of all. Raises ``RegisterError`` where a licensee's
    file is in force that still supports calls (``RegisterFailed`` where trying again may help).
    """
    try:
        snapshot_store.make_folder(folder)
        with snapshot_store.locked(folder, name, lambda: None):
            before, today = look(folder, name), now.astimezone(LONDON).date()
            snapshot_store.clean(folder, name, before.pointer)
            held = before.snapshot
            if held and not held.metadata.asked and days_left(held.metadata.as_of, today) >= 0:
                raise RegisterError(
                    f"a file of the {name.upper()} is in force, as of {held.metadata.as_of}",
                    hint="a provider is asked where there is no licence for the files: leave --via out",
                )
            check_date(name, asked.as_of, now, None)
            keys, runs = _merged(held, listed, asked, today)
            digest = hashlib.sha256("".join(asked.sha256).encode()).hexdigest()
            swap = _Swap(
                folder=folder,
                name=name,
                as_of=min(each.as_of for each in runs),
                now=now,
                coverage=(ASKED,),
                before=before,
                tell=lambda _fraction, _stage: None,
                asked=runs,
            )
            swap.put_in_force(keys, RegisterFile(asked.provider, digest, keys, LineCounts()), "", "")
            found = snapshot_store.open_in_force(folder, name)
            if found is None:
                raise RegisterFailed(f"the {name.upper()} went while it was put in force", hint="check the disk")
            return found[1]
    except (OSError, MemoryError) as error:
        raise RegisterFailed(f"the answers could not be kept: {error}", hint="check the disk, and try again") from error


def _merged(
    held: Snapshot | None, listed: Collection[int], asked: Asked, today: date
) -> tuple[Keys, tuple[Asked, ...]]:
    """The numbers that are listed, and the runs whose answers count: the newest of each number."""
    new, runs = frozenset(asked.numbers), [asked]
    keys = np.array(sorted(listed), np.int64)
    for each in held.metadata.asked if held else ():
        left = tuple(number for number in each.numbers if number not in new)
        if left and days_left(each.as_of, today) >= 0:
            runs.append(msgspec.structs.replace(each, numbers=left))
    if held and len(runs) > 1:
        kept = np.array(sorted(number for each in runs[1:] for number in each.numbers), np.int64)
        keys = np.union1d(keys, np.intersect1d(build.snapshot_keys(held), kept))
    return keys, tuple(runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """The child process of ``import_in_process``."""
    parser = argparse.ArgumentParser(prog="python -m gate.registers.importer", description=import_file.__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--source", required=True, help="what the file is called, or its path where none is handed over"
    )
    parser.add_argument("--descriptor", type=int, help="the open file")
    parser.add_argument("--parent", type=int, help="the process to end with")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    parser.add_argument("--coverage", default=FULL)
    parser.add_argument("--accept-shrink", action="store_true")
    parser.add_argument("--accept-older", action="store_true")
    parser.add_argument("--accept-narrower", action="store_true")
    parser.add_argument("--source-sha256", default="")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--accept-implausible", default="")
    asked = parser.parse_args(arguments)
    if asked.parent is not None:
        end_with(asked.parent)
        aside(MEMORY)
    try:
        report = import_file(
            asked.folder,
            asked.name,
            Path(asked.source) if asked.descriptor is None else HandedOverFile(asked.descriptor, asked.source),
            as_of=asked.as_of,
            now=asked.now,
            coverage=parse_coverage(asked.coverage),
            accept_shrink=asked.accept_shrink,
            accept_older=asked.accept_older,
            accept_narrower=asked.accept_narrower,
            source_sha256=asked.source_sha256,
            live=asked.live,
            accept_implausible=asked.accept_implausible,
            progress=lambda done, stage: _write_message({"progress": round(done, 4), "stage": stage}),
        )
    except MemoryError:
        message = f"{asked.source} is too large: reading it takes more than {MEMORY >> 30} GiB of memory"
        _write_message({"error": message, "hint": "is it the licensee's file, unpacked?", "again": True})
        return 1
    except RegisterError as error:
        _write_message({"error": error.message, "hint": error.hint, "again": isinstance(error, RegisterFailed)})
        return 1
    _write_message({"report": report})
    return 0


def _write_message(message: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
