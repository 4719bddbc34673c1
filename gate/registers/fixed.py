"""The registers as they were at one moment, for a million questions of one run.

A run asks one edition of each register from its first row to its last, whatever is imported meanwhile. Its snapshots
are verified as a whole before the first question. The answers are those of ``RegisterLibrary.view``; many numbers are
looked up at once with numpy, in a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gate.core.numbers import begins_with
from gate.core.terms import RegisterView
from gate.registers.coverage import FULL, Coverage, key_ranges
from gate.registers.library import RegisterLibrary
from gate.registers.snapshot import BLOCK_BITS, BLOCK_SIZE, DIRECTORY, Snapshot

Numbers = npt.NDArray[np.int64]
"""Integers of E.164 digits: 442079460000."""
Flags = npt.NDArray[np.bool_]

_STEPS = 9
"""Halvings that find one of 256 bytes, or that it is not there."""


class FixedRegisters:
    """Editions of the required registers that do not change any more."""

    def __init__(self, folder: Path, names: Sequence[str], today: date, *, live: bool = False) -> None:
        """Reads each snapshot as a whole. Never raises for what is wrong with one: that is a state of its view."""
        library = RegisterLibrary(folder, names, live=live)
        self.identities = [state.identity for state in library.status(today)]
        """What the run rests on, for its evidence."""
        self._editions = library.editions()

    def views(self, code: int) -> tuple[RegisterView, ...]:
        """What the registers say of the numbers with this code."""
        return tuple(each.answers[code >> 2 * place & 3] for place, each in enumerate(self._editions))

    @property
    def codes(self) -> int:
        """Every code is smaller than this."""
        return 1 << 2 * len(self._editions)

    def view(self, number: str) -> tuple[RegisterView, ...]:
        """What they say of one E.164 number."""
        keys = [int(each[1:]) for each in (number, begins_with(number)) if each]
        code = 0
        for place, each in enumerate(self._editions):
            if each.state == "ok" and each.snapshot is not None:
                listed = any(key in each.snapshot for key in keys)
                code |= ((number in each.coverage) + 2 * listed) << 2 * place
        return self.views(code)

    def look_up(self, numbers: Numbers) -> npt.NDArray[np.int64]:
        """The code of each of many UK numbers with nine or ten digits behind the 44.

        Raises ``RegisterError`` where a snapshot was damaged after it was verified: the run must end.
        """
        codes = np.zeros(len(numbers), dtype=np.int64)
        for place, each in enumerate(self._editions):
            if each.state == "ok" and each.snapshot is not None:
                covered = covers_many(each.coverage, numbers)
                listed = reached_many(each.snapshot, numbers)
                codes |= (covered.astype(np.int64) + 2 * listed) << 2 * place
        return codes


def covers_many(coverage: Coverage, numbers: Numbers) -> Flags:
    """Which of many UK numbers with nine or ten digits behind the 44 a coverage holds."""
    if coverage.parts == (FULL,):
        return np.ones(len(numbers), dtype=np.bool_)
    if coverage.asked:
        return np.isin(numbers, np.fromiter(coverage.asked, dtype=np.int64))
    ranges = sorted(key_ranges(coverage.parts))
    if not ranges:
        return np.zeros(len(numbers), dtype=np.bool_)
    first = np.array([start for start, _ in ranges], dtype=np.int64)
    behind = np.array([end for _, end in ranges], dtype=np.int64)
    place = np.searchsorted(first, numbers, side="right") - 1
    return (place >= 0) & (numbers < behind[np.maximum(place, 0)])


def reached_many(snapshot: Snapshot, numbers: Numbers) -> Flags:
    """``contains_many`` for each of many numbers, and for the shorter one that it begins with
    (``gate.core.numbers.begins_with``)."""
    found = contains_many(snapshot, numbers)
    area, freephone = numbers // 10**9, numbers // 10**7
    longer = np.flatnonzero((area == 441) | (freephone == 44800))
    found[longer] |= contains_many(snapshot, numbers[longer] // 10)
    return found


def contains_many(snapshot: Snapshot, numbers: Numbers) -> Flags:
    """``number in snapshot`` for each of many, with the same checks. Raises ``RegisterError`` where it is damaged."""
    found = np.zeros(len(numbers), dtype=np.bool_)
    blocks = _blocks(snapshot, numbers)
    inside = np.flatnonzero(blocks >= 0)
    if not len(inside):
        return found
    _check(snapshot, blocks[inside])
    asked = numbers[inside]
    record = np.frombuffer(snapshot._index, dtype=np.uint32)[blocks[inside]].astype(np.int64)
    words = np.frombuffer(snapshot._words, dtype=np.uint16)
    held = np.frombuffer(snapshot._records, dtype=np.uint8)
    page = record + (asked >> 8 & 0xFF)
    start, end = words[page].astype(np.int64), words[page + 1].astype(np.int64)
    end[start > end] = BLOCK_SIZE  # the last page of a full block
    low_bytes = 2 * record + DIRECTORY
    low, high, wanted = low_bytes + start, low_bytes + end, (asked & 0xFF).astype(np.uint8)
    behind, last = high.copy(), len(held) - 1
    for _ in range(_STEPS):
        middle = low + high >> 1
        smaller = held[np.minimum(middle, last)] < wanted
        open_ = low < high
        low = np.where(open_ & smaller, middle + 1, low)
        high = np.where(open_ & ~smaller, middle, high)
    found[inside] = (low < behind) & (held[np.minimum(low, last)] == wanted)
    return found


def _blocks(snapshot: Snapshot, numbers: Numbers) -> npt.NDArray[np.int64]:
    """The place of each number's block in the index, -1 where there is none."""
    block = numbers >> BLOCK_BITS
    (first_0, blocks_0), (first_1, blocks_1) = snapshot.bands
    in_0 = (block >= first_0) & (block < first_0 + blocks_0)
    in_1 = (block >= first_1) & (block < first_1 + blocks_1)
    return np.where(in_0, block - first_0, np.where(in_1, block - first_1 + blocks_0, -1))


def _check(snapshot: Snapshot, blocks: npt.NDArray[np.int64]) -> None:
    """Verify each block's record before the first answer from it."""
    checked = np.frombuffer(snapshot._checked, dtype=np.uint8)
    met = np.zeros(len(checked), dtype=np.bool_)
    met[blocks] = True
    for block in np.flatnonzero(met & (checked == 0)).tolist():
        snapshot._check(block)
