"""Many spellings of UK numbers read at once: what ``gate.core.numbers.parse`` makes of them, in a tenth of its time.

Only what is plainly digits and separators, and of a length that nearly every UK number has, is read here; whatever else
there is says so, and is left to ``parse``. No rule stands here a second time: which numbers exist, of what kind and
where, is asked of ``parse`` once for every block of a hundred or a thousand numbers (its first seven national digits),
which is as far as it ever looks at a number of nine or ten digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gate.core.numbers import MAX_RAW, Kind, Number, NumberRefused, is_decimal, is_drama, parse
from gate.core.rules import named
from gate.core.terms import Reason

Integers = npt.NDArray[np.int64]

_WIDTH: Final = 16
"""The longest spelling read here, ``00440`` and ten digits, has 15 characters."""
_BLOCKS: Final = 10**7
_SEPARATORS: Final = b" -.("
"""Of ``gate.core.numbers``, without the closing bracket."""


class Sort(NamedTuple):
    """All that a decision can see of a number but for its own digits."""

    kind: Kind | None
    """None: refused, with code and explanation."""
    jurisdiction: str = ""
    drama: bool = False
    code: Reason | None = None
    explanation: str = ""
    named: str = ""
    """What ``calling.block`` calls it."""


def sort_of(number: Number | NumberRefused) -> Sort:
    """The sort of what ``parse`` returned or raised."""
    if isinstance(number, Number):
        return Sort(number.kind, number.jurisdiction, is_drama(number.e164), named=named(number))
    return Sort(None, code=number.code, explanation=number.explanation)


def read(raw: str) -> Number | NumberRefused:
    """``parse``, its refusal returned."""
    try:
        return parse(raw)
    except NumberRefused as refused:
        # A traceback holds its frames, and through them all that was in hand: a block of rows for every refusal.
        return refused.with_traceback(None)


class NumberReader:
    """Reads many, and remembers the sorts that it has met."""

    def __init__(self) -> None:
        self.sorts: list[Sort] = []
        """By their number in what ``read_many`` returns."""
        self._index: dict[Sort, int] = {}
        # By number of digits and first seven of them: 1 + number of the sort, 0 where it was not yet asked for. Virtual
        # memory: what is never met takes none.
        self._blocks = {digits: np.zeros(_BLOCKS, dtype=np.int32) for digits in (9, 10)}

    def read_many(self, raws: Sequence[str]) -> tuple[Integers, Integers]:
        """For each text the integer of its E.164 digits and the number of its sort; the latter -1 where the text is
        left to ``parse``."""
        national, digits = spelled(raws)
        sorts = np.full(len(raws), -1, dtype=np.int64)
        keys = np.zeros(len(raws), dtype=np.int64)
        for length, known in self._blocks.items():
            rows = np.flatnonzero(digits == length)
            numbers = national[rows]
            blocks = numbers // 10 ** (length - 7)
            new = known[blocks] == 0
            for number in dict(zip(blocks[new].tolist(), numbers[new].tolist(), strict=True)).values():
                known[number // 10 ** (length - 7)] = 1 + self.number_of(sort_of(read(f"0{number}")))
            sorts[rows] = known[blocks] - 1
            keys[rows] = numbers + 44 * 10**length
        return keys, sorts

    def number_of(self, sort: Sort) -> int:
        """The place of a sort in ``sorts``."""
        place = self._index.get(sort)
        if place is None:
            place = self._index[sort] = len(self.sorts)
            self.sorts.append(sort)
        return place


def spelled(raws: Sequence[str]) -> tuple[Integers, Integers]:
    """National number, without its 0, and how many digits it has (9 or 10; 0 where the text is not read here)."""
    table = _table(raws)
    values = table - np.uint8(ord("0"))
    is_digit = values < 10
    length = np.count_nonzero(table, axis=1)
    plus = table[:, 0] == ord("+")
    whole = np.zeros(len(raws), dtype=np.int64)
    for column in range(_WIDTH - 1):
        whole = np.where(is_digit[:, column], whole * 10 + values[:, column], whole)
    count = length - plus
    sound = (np.count_nonzero(is_digit, axis=1) == count) & (length < _WIDTH)
    zero = ~plus & (values[:, 0] == 0)
    zeros = zero & (values[:, 1] == 0)
    abroad = plus | (values[:, 0] == 4) | zeros
    count -= 2 * zeros  # 0044…: as if it were +44…

    ten, nine = whole % 10**10, whole % 10**9
    first, stray = whole // 10**10, whole // 10**9
    digits = np.zeros(len(raws), dtype=np.int64)
    at_home = sound & zero & ~zeros
    digits[at_home & (count == 11) & (whole >= 10**9)] = 10
    digits[at_home & (count == 10) & (whole >= 10**8)] = 9
    in_full = sound & abroad & ((values[:, 2] != 0) | ~zeros)
    long = ((count == 12) & (first == 44)) | ((count == 13) & (first == 440))
    short = ((count == 11) & (stray == 44)) | ((count == 12) & (stray == 440))
    digits[in_full & long & (ten >= 10**9)] = 10
    digits[in_full & short & (nine >= 10**8)] = 9
    return np.where(digits == 10, ten, nine), digits


def _table(raws: Sequence[str]) -> npt.NDArray[np.uint8]:
    """The texts without separators, each in a row of 16 bytes, zeros behind it; one that is not to be read here holds a
    byte that is no digit."""
    joined = "\n".join(raws)
    if joined.count("\n") != len(raws) - 1 or len(max(raws, key=len)) > MAX_RAW:
        joined = "\n".join("x" if "\n" in raw or len(raw) > MAX_RAW else raw for raw in raws)
    if ".0" in joined:
        joined = "\n".join("x" if is_decimal(raw.strip()) else raw for raw in joined.split("\n"))
    plain = joined.encode("ascii", "replace").translate(None, _SEPARATORS).replace(b"\0", b"x")
    if b")" in plain:
        # ``parse`` refuses a text that ends with a bracket; elsewhere brackets are separators.
        plain = (plain + b"\n").replace(b")\n", b"x\n").replace(b")", b"")[:-1]
    cells = np.array(plain.split(b"\n"), dtype=f"S{_WIDTH}")
    return cells.view(np.uint8).reshape(len(raws), _WIDTH)
