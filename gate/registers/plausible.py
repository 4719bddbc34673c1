"""What no register can be, on a gate that dials real people (LAW 2.3).

A first file has no forerunner to be compared with, so it is held against what is known of the registers: how many
numbers they hold at least, that TPS and CTPS are different lists, and that neither holds numbers kept for drama.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from gate.registers.coverage import FULL, key_ranges, numbers_of

if TYPE_CHECKING:
    pass

LEAST: Final = {"tps": 10_000_000, "ctps": 500_000}
"""Numbers of the whole country at least: they have held 16.9 and 1.3 million."""

_SPACE: Final = 3 * 10**9
"""The numbers of 01, 02 and 07, of which nearly all listed ones are; a dialling code's part of ``LEAST`` is its part of
this."""
_TEN_DIGITS: Final = 440_000_000_000


MAJOR: Final = (
    *("0113", "0114", "0115", "0116", "0117", "0118", "0121", "0131", "0141", "0151", "0161", "0191"),
    *("020", "023", "024", "028", "029", "074", "075", "077", "078", "079"),
)
"""Dialling codes of which every register of the whole country holds numbers: a part of it that is called the whole
would clear all the rest."""

CountWithin = Callable[[int, int], int]
"""(first, behind) -> how many numbers from the first on and below the other a register holds."""


def least(name: str, coverage: Sequence[str]) -> int:
    """How many numbers a register of this coverage holds at least; 1 where that is not known."""
    whole = LEAST.get(name, 1)
    if tuple(coverage) == (FULL,):
        return whole
    covered = sum(end - first for first, end in key_ranges(coverage) if first >= _TEN_DIGITS)
    return max(1, whole * min(covered, _SPACE) // _SPACE)


def without_numbers(codes: Iterable[str], count: CountWithin) -> tuple[str, ...]:
    """The codes of which a register holds no number: of them its silence says nothing (LAW 2.4)."""
    return tuple(code for code in codes if not any(count(*each) for each in numbers_of(code)))


def too_few(name: str, coverage: Sequence[str], total: int, count: CountWithin) -> str:
    """What is odd about how many numbers a register holds of what it is said to cover, as words that follow
    "although "; empty where nothing is. Each dialling code is counted by itself: many numbers of one say nothing of
    another. ``total``: of all numbers."""
    for code in coverage:
        wanted = least(name, (code,))
        held = total if code == FULL else sum(count(*each) for each in numbers_of(code))
        if held < wanted:
            where = "the whole country" if code == FULL else code
            numbers = "1 number" if held == 1 else f"{held:,} numbers"
            return f"it holds {numbers} of {where}, and the {name.upper()} holds {wanted:,} there at least"
    if tuple(coverage) == (FULL,) and name in LEAST and (none := without_numbers(MAJOR, count)):
        return f"it holds no number of {', '.join(none)}: it is not the {name.upper()} of the whole country"
    return ""
