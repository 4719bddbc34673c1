"""What a licence covers (LAW 2.4), and what no register can be, on a gate that dials real people (LAW 2.3).

A coverage is ``("full",)``, or dialling codes in national form: ``("01632", "020")``. Outside of it a number's absence
from the register says nothing.

A first file has no forerunner to be compared with, so it is held against what is known of the registers: how many
numbers they hold at least, that TPS and CTPS are different lists, and that neither holds numbers kept for drama.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from gate.errors import RegisterError
from gate.showing import many

FULL = "full"
ASKED = "asked"
"""The coverage of a register that is made of a provider's answers: the numbers that it was asked."""
_CODE = re.compile(r"0[0-9]{1,9}")


def parse_coverage(text: str) -> tuple[str, ...]:
    """A coverage from ``full`` or ``020,01632``; ``RegisterError`` where it is neither."""
    return checked_coverage([part.strip() for part in text.split(",")])


def checked_coverage(coverage: Sequence[str]) -> tuple[str, ...]:
    """The coverage in order and without repetition; ``RegisterError`` where it is not one."""
    parts = tuple(sorted(set(coverage)))
    if parts == (FULL,):
        return parts
    wrong = next((part for part in parts if not _CODE.fullmatch(part) or not part.isascii()), None)
    if wrong is not None or not parts:
        raise RegisterError(
            f"the coverage {','.join(coverage)!r} is wrong"
            + (f" at {wrong!r}" if wrong is not None else ": it is empty"),
            hint="give 'full' alone, or dialling codes as they are dialled within the country: 020,01632",
        )
    return parts


def narrowed(coverage: Sequence[str], in_force: Sequence[str]) -> str:
    """What a register covers that is in force, in words, where a file with this coverage would cover less; else
    empty. A provider's answers are no coverage that could be narrowed."""
    lost = [code for code in in_force if code != ASKED and not any(code.startswith(wider) for wider in coverage)]
    if tuple(coverage) == (FULL,) or not lost:
        return ""
    return covers(in_force)


def covers(coverage: Sequence[str]) -> str:
    """A coverage in words."""
    return "the whole country" if tuple(coverage) == (FULL,) else ", ".join(coverage)


class Coverage:
    """Asks whether a number is covered. Only numbers of the country code 44 ever are: the registers hold no others."""

    def __init__(self, parts: Sequence[str], asked: Iterable[int] = ()) -> None:
        """``asked``: with ``ASKED``, the numbers that are covered, as integers of their E.164 digits."""
        self.parts = tuple(parts)
        self.asked = frozenset(asked)
        self._full = self.parts == (FULL,)
        self._codes = frozenset(part[1:] for part in parts if part != ASKED)
        self._lengths = sorted({len(code) for code in self._codes})

    def __contains__(self, number: str) -> bool:
        """``number`` is E.164 with its plus."""
        if not number.startswith("+44"):
            return False
        if self.asked:
            return int(number[1:]) in self.asked
        if self._full:
            return True
        return any(number[3 : 3 + length] in self._codes for length in self._lengths)


def key_ranges(parts: Sequence[str]) -> list[tuple[int, int]]:
    """The numbers that dialling codes cover as ranges (first, behind the last) of integers of E.164 digits, without
    overlap; numbers have ten or nine digits behind the 44."""
    codes = [part[1:] for part in sorted(parts)]
    outer = [code for code in codes if not any(code != other and code.startswith(other) for other in codes)]
    ranges = []
    for code in outer:
        for digits in (9, 10):
            if len(code) <= digits:
                unit = 10 ** (digits - len(code))
                first = int("44" + code) * unit
                ranges.append((first, first + unit))
    return ranges


def numbers_of(code: str) -> list[tuple[int, int]]:
    """The ranges of one part of a coverage (``key_ranges``): a dialling code, or ``full`` for the whole country."""
    return [(44 * unit, 45 * unit) for unit in (10**9, 10**10)] if code == FULL else key_ranges((code,))


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
            return f"it holds {many(held, 'number')} of {where}, and the {name.upper()} holds {wanted:,} there at least"
    if tuple(coverage) == (FULL,) and name in LEAST and (none := without_numbers(MAJOR, count)):
        return f"it holds no number of {', '.join(none)}: it is not the {name.upper()} of the whole country"
    return ""
