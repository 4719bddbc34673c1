"""Register files of any size, in the licensee's format (LAW 2.1), the same for the same seed.

Numbers stand in blocks of a thousand, some fuller than others, as numbers are allocated; the drama ranges (LAW 6.5)
come first, so that small files hold nothing else. Larger ones need the rest of the numbering plan: such numbers are
random, name nobody and are never dialled. Run it as a program:

    python -m tests.bench.registers_gen FOLDER --tps 16900000 --ctps 1340000 --seed 1 [--spaces] [--days 3]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.support.spellings import DRAMA_PREFIXES

Numbers = npt.NDArray[np.int64]
"""National numbers without their 0 (``2079460000``), ascending, each once."""

RECORD: Final = 14
"""Bytes of a record: 12 characters, CR LF."""

_ROWS: Final = 1 << 20
_BLOCK: Final = 1000
_DRAMA_MOST: Final = len(DRAMA_PREFIXES) * 400

_AREAS: Final[tuple[tuple[str, float], ...]] = (
    *((area, 7.0) for area in ("207", "208", "203")),
    *((area, 2.0) for area in ("238", "239", "247", "289", "292")),
    *((area, 2.5) for area in ("113", "114", "115", "116", "117", "118", "121", "131", "141", "151", "161", "191")),
    *((str(area), 0.25) for area in range(1202, 1990, 3) if str(area)[2] != "1"),
    *((str(area), 0.2) for area in range(7300, 7990, 7) if not 7600 <= area < 7700),
    *(("330", 0.5), ("333", 0.5), ("800", 0.3), ("808", 0.3)),
)
"""National prefixes and how much of the register lies under each: mostly homes' lines, some mobiles, few others."""


def make(size: int, seed: int) -> Numbers:
    """``size`` different numbers. Raises ``ValueError`` for more than the blocks hold (about 60 million)."""
    dice = np.random.default_rng(seed)
    drama = np.concatenate([int(prefix) * _BLOCK + np.arange(_BLOCK, dtype=np.int64) for prefix in DRAMA_PREFIXES])
    first = dice.choice(drama, size=min(size, _DRAMA_MOST), replace=False)
    parts, have = [first], len(first)
    blocks = _blocks(dice)
    for start in range(0, len(blocks), 4096):
        if have >= size:
            break
        some = blocks[start : start + 4096]
        fill = dice.beta(2.0, 2.5, size=len(some)).astype(np.float32)  # how full a block is: 0.44 on average
        listed = dice.random((len(some), _BLOCK), dtype=np.float32) < fill[:, None]
        numbers = (some[:, None] + np.arange(_BLOCK, dtype=np.int64))[listed]
        parts.append(dice.permutation(numbers)[: size - have] if have + len(numbers) > size else numbers)
        have += len(parts[-1])
    if have < size:
        raise ValueError(f"{size:,} numbers are more than there are in the blocks ({have:,})")
    numbers = np.concatenate(parts)
    numbers.sort()
    return numbers


def _blocks(dice: np.random.Generator) -> Numbers:
    """First numbers of blocks of a thousand, shuffled: ten national digits, and nine in a few area codes."""
    taken = {int(prefix) for prefix in DRAMA_PREFIXES}
    chosen: list[Numbers] = []
    for area, weight in _AREAS:
        room = 10 ** (7 - len(area))
        count = min(room, int(weight * 1000))
        lowest = room // 10 if room > 10 else 0  # subscriber numbers do not start with 0
        picks = dice.choice(np.arange(lowest, room, dtype=np.int64), size=min(count, room - lowest), replace=False)
        chosen.append((int(area) * room + picks) * _BLOCK)
    nine = np.array([(int(area) * 100 + n) * _BLOCK for area in ("1204", "1539", "1697") for n in range(20, 60)])
    blocks = np.concatenate([*chosen, nine])
    blocks = blocks[~np.isin(blocks // _BLOCK, list(taken))]
    return dice.permutation(blocks)


def next_day(numbers: Numbers, seed: int, *, added: int = 3000, removed: int = 2000) -> Numbers:
    """Tomorrow's register: some gone, some new (a few thousand a day, LAW 2.3)."""
    dice = np.random.default_rng(seed)
    kept = np.delete(numbers, dice.choice(len(numbers), size=removed, replace=False))
    new = make(len(numbers) + 2 * added, seed)
    new = new[~np.isin(new, numbers)]
    return np.sort(np.concatenate([kept, dice.choice(new, size=added, replace=False)]))


def records(numbers: Numbers, *, spaces: bool) -> bytes:
    """The file's bytes for these numbers, in either variant of LAW 2.1."""
    zero, blank = ord("0"), ord(" ")
    digits = np.full((len(numbers), 11), blank, dtype=np.uint8)  # left-justified: 0 and the national digits
    digits[:, 0] = zero
    for length, group in ((9, numbers < 10**9), (10, numbers >= 10**9)):
        rest = numbers[group]
        columns = np.empty((len(rest), length), dtype=np.uint8)
        for place in range(length - 1, -1, -1):
            rest, digit = np.divmod(rest, 10)
            columns[:, place] = digit + zero
        digits[group, 1 : length + 1] = columns
    table = np.full((len(numbers), RECORD), blank, dtype=np.uint8)
    table[:, 12], table[:, 13] = 13, 10
    if not spaces:
        table[:, :11] = digits
        return table.tobytes()
    # Codes of four characters: 02x, 03x, 08x, 011x and 01x1; of five: 01xxx and 07xxx.
    one, two, three = digits[:, 1], digits[:, 2], digits[:, 3]
    four = np.isin(one, list(b"238")) | ((one == ord("1")) & ((two == ord("1")) | (three == ord("1"))))
    for code, group in ((4, four), (5, ~four)):
        table[group, :code] = digits[group, :code]
        for length in (9, 10):
            rows = np.flatnonzero(group & ((digits[:, 10] == blank) == (length == 9)))
            tail = length + 1 - code
            table[rows, 12 - tail : 12] = digits[rows, code : length + 1]
    return table.tobytes()


def write(path: Path, numbers: Numbers, *, spaces: bool = False, shuffle_seed: int | None = None) -> None:
    """Write a register file, a million records at a time; in ascending order unless shuffled."""
    if shuffle_seed is not None:
        numbers = np.random.default_rng(shuffle_seed).permutation(numbers)
    with path.open("wb") as out:
        for start in range(0, len(numbers), _ROWS):
            out.write(records(numbers[start : start + _ROWS], spaces=spaces))


def main() -> None:
    """Write ``tps_ns.txt`` and ``ctps_ns.txt`` (``tps.txt``, ``ctps.txt`` with spaces), one folder a day."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tps", type=int, default=100_000)
    parser.add_argument("--ctps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spaces", action="store_true")
    parser.add_argument("--days", type=int, default=1)
    options = parser.parse_args()
    for offset, name in enumerate(("tps", "ctps")):
        numbers = make(getattr(options, name), options.seed * 2 + offset)
        for day in range(options.days):
            if day:
                numbers = next_day(numbers, options.seed * 1000 + day)
            folder = options.folder / f"day{day + 1}" if options.days > 1 else options.folder
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / (f"{name}.txt" if options.spaces else f"{name}_ns.txt")
            write(path, numbers, spaces=options.spaces)
            print(f"{path}: {len(numbers):,} numbers")


if __name__ == "__main__":
    main()
