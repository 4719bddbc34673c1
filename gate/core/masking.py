"""Telephone numbers hidden in part, wherever they stand in what is shown.

One number is hidden by ``numbers.mask``. Not every screen is for every eye: who wants a number in full asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gate.core import numbers

CURSOR_KEYS: Final = frozenset({"next", "prev"})
"""Where a list goes on: given back as they are, and not for eyes."""
NUMBER_KEYS: Final = frozenset({"number", "raw"})
PROOF_KEYS: Final = frozenset({"vkey", "pem"})
"""Verifier keys: the hash in one can look like a number, and then nobody could verify with it."""
OWN_KEYS: Final = frozenset({"presentation", "numbers", "freephone"})
"""The firm's own numbers: shown in full, they are on every call."""
_IN_FULL: Final = OWN_KEYS | CURSOR_KEYS | PROOF_KEYS
_NO_TEXT: Final = frozenset({int, float, bool, type(None)})

_IN_TEXT = re.compile(
    r"(?<![0-9A-Za-z+])(?!(?=[0-9]*[a-f])[0-9a-f]{16,64}(?![0-9A-Za-z]))(?:"
    r"(?:\+|00[ .-]?)[1-9](?:[ ().-]{0,3}[0-9]){7,14}"
    r"|44(?:[ ().-]{0,3}[0-9]){9,11}"
    r"|0[1-9](?:[ ()./-]{0,3}[0-9]){7,9}"
    r")(?![0-9*])"
)
"""A number within other text: in E.164 or with a country code, spaced or not; or as the British write it. The digits at
the beginning of an id or a digest is not one: who copies it must get it whole."""
_MASKED = re.compile(r"\+[0-9](?: ?[0-9])*(?: ?\*){4} ?[0-9]{2}|\*+").fullmatch
"""What ``numbers.mask`` makes: hidden once by the gate, it is not hidden again by whoever shows it."""


def masked(value: Any, key: str = "") -> Any:
    """A JSON value with the telephone numbers in it hidden in part; ``key`` is the name it stands under. The firm's own
    stay. Never raises."""
    if key in _IN_FULL:
        return value
    if isinstance(value, str):
        if key in NUMBER_KEYS:
            return value if _MASKED(value) else numbers.mask(value)
        return _IN_TEXT.sub(_hidden, value)
    if isinstance(value, dict | Mapping):  # nearly always a dict, which is told at once
        return {name: inner if type(inner) in _NO_TEXT else masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, key) for inner in value]
    return value


VISIBLE: Final = 6
"""Signs at the beginning of an E.164 number that ``numbers.mask`` shows of any number of ten digits and more."""


def blunted(typed: str) -> str:
    """What was typed to look for, for eyes that see numbers in part: of a number, or the beginning of one, no more than
    is shown of it, lest the rest be found by asking. Everything else stays."""
    return _beginning(typed)[:VISIBLE] or typed


def looks_like_number(typed: str) -> bool:
    """True for a number in any spelling, or the beginning of one."""
    return bool(_beginning(typed))


def _beginning(typed: str) -> str:
    try:
        return numbers.parse(typed).e164
    except numbers.NumberRefused:
        return numbers.beginning_of(typed)


def _hidden(found: re.Match[str]) -> str:
    digits = re.sub("[^0-9]", "", found[0])
    if digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0"):
        digits = f"44{digits[1:]}"
    if digits.startswith("440"):  # +44 (0)20 …
        digits = f"44{digits[3:]}"
    return numbers.mask(f"+{digits}")
