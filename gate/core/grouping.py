"""Telephone numbers as people in the UK write them: ``0113 496 0000``, ``020 7946 0000``, ``01632 960000``.

For eyes alone. What a machine reads is E.164, and so is what is kept. Source: Ofcom's national numbering plan; the
lengths of area codes are those of libphonenumber, which a test holds them to.
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER = re.compile(r"(?<![0-9A-Za-z+])\+44((?: ?[0-9]){3,10}(?:(?: ?\*){4} ?[0-9]{2})?)(?![0-9*])")
"""A UK number in E.164, whole or as ``numbers.mask`` hides a part of it."""
_LENGTHS: Final = frozenset({7, 9, 10})
_BY_NAME: Final = {"8001111": "0800 1111", "8454647": "0845 46 47"}
_CODE_OF_FIVE = re.compile(r"1(?:3873|5242|539[456]|697[347]|768[347]|9467)").match
"""Area codes of five digits after the 0."""
_CODE_OF_TWO = re.compile(r"[25]|7(?:0|6(?:[03-9]|2[356]))").match
_CODE_OF_THREE = re.compile(r"1(?:[01]|[2-69]1)|[389]").match


def grouped(number: str) -> str:
    """A number in E.164, hidden in part or not, as it is read aloud; what is no UK number comes back as it is."""
    found = _NUMBER.fullmatch(number)
    return _national(found) if found else number


def grouped_in(text: str) -> str:
    """A text with the numbers in it grouped."""
    return _NUMBER.sub(_national, text)


def _national(found: re.Match[str]) -> str:
    digits = found[1].replace(" ", "")
    if len(digits) not in _LENGTHS:
        return found[0]
    if name := _BY_NAME.get(digits):
        return name
    if len(digits) == 9 and digits[0] != "1":
        cuts: tuple[int, ...] = (3,)
    elif _CODE_OF_TWO(digits):
        cuts = (2, 6)
    elif _CODE_OF_THREE(digits):
        cuts = (3, 6)
    else:
        cuts = (5,) if _CODE_OF_FIVE(digits) else (4,)
    parts = (digits[start:end] for start, end in zip((0, *cuts), (*cuts, None), strict=True))
    return "0" + " ".join(parts)
