"""What is in force when an import begins, and what the import is refused for by comparison with it (LAW 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from gate.core.numbers import DRAMA_THOUSANDS
from gate.core.showing import LONDON
from gate.errors import RegisterError
from gate.handed_over_file import HandedOverFile
from gate.registers import build, snapshot_store
from gate.registers.coverage import FULL, key_ranges
from gate.registers.lines import Keys
from gate.registers.plausible import LEAST, CountWithin, too_few, without_numbers
from gate.registers.snapshot import Snapshot

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
            f"the {name.upper()} as of {as_of} lies in the future: today is {today}",
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
    odd = f"of {there.count:,} numbers {came} since {since}, and {wanted:,} do at least: it is the list of that day"
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
        what = f"from {held:,} to {count:,} numbers" if shrunk else f"by {removed:,} of its {held:,} numbers"
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


def sample(keys: Keys) -> str:
    """What is odd (``plausible.too_few``) about a list of numbers that nobody has. ``keys`` rise."""
    bounds = np.array([(block * 1000, block * 1000 + 1000) for block in sorted(DRAMA_THOUSANDS)], np.int64)
    drama = int(np.diff(np.searchsorted(keys, bounds)).sum())
    if drama * _DRAMA_PART < keys.size:
        return ""
    return f"{drama:,} of its {keys.size:,} numbers are kept for films and samples: it is a sample list"


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
            return f"{shared:,} of its {keys.size:,} numbers are those of the {other.upper()} in force: it is that one"
    return ""


def judged(folder: Path, name: str, coverage: Sequence[str], keys: Keys) -> tuple[str, bool]:
    """What is odd about a file for a live gate, empty where nothing is; and whether it is its size alone."""
    if odd := sample(keys) or same_as_other(folder, name, keys):
        return odd, False
    return too_few(name, coverage, keys.size, counter(keys)), True


def counter(keys: Keys) -> CountWithin:
    """Counts among numbers that rise."""
    return lambda first, behind: int(keys.searchsorted(behind) - keys.searchsorted(first))
