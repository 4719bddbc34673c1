"""What a licence covers: the whole country, or some dialling codes (LAW 2.4).

A coverage is ``("full",)``, or dialling codes in national form: ``("01632", "020")``. Outside of it a number's absence
from the register says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gate.errors import RegisterError

FULL = "full"
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


class Coverage:
    """Asks whether a number is covered. Only numbers of the country code 44 ever are: the registers hold no others."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._full = tuple(parts) == (FULL,)
        self._codes = frozenset(part[1:] for part in parts)
        self._lengths = sorted({len(code) for code in self._codes})

    def __contains__(self, number: str) -> bool:
        """``number`` is E.164 with its plus."""
        if not number.startswith("+44"):
            return False
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
