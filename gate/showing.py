"""Texts as people read them, wherever they are shown: one line without control characters, times of London, numbers as
people in the UK write them and numbers hidden in part.

For eyes alone. What a machine reads is E.164, and so is what is kept. Source of the groups of a number: Ofcom's
national numbering plan; the lengths of area codes are those of libphonenumber, which a test holds them to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from gate.core import numbers
from gate.core.days import LONDON, short_day, spoken_day
from gate.core.terms import many as many

LONGEST_NAME: Final = 80
"""Longest name that a callee's phone is sent, in characters."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def clean(text: str) -> str:
    """One line without control characters and direction marks: nothing in it moves a cursor or paints."""
    return _CONTROL.sub(" ", text)


def shown_name(name: str) -> str:
    """A firm's name as it is sent to the callee's phone: printable, at most ``LONGEST_NAME`` characters."""
    return (name if name.isprintable() else "".join(filter(str.isprintable, name)))[:LONGEST_NAME]


def brief(stamp: str, today: date) -> str:
    """An ISO 8601 day or time, for a column: ``02 Mar 2026``; ``02 Mar 10:00:05``, of another year
    ``02 Mar 2025 10:00``; London. Raises ``ValueError``."""
    if len(stamp) == len("2026-03-02"):
        return short_day(date.fromisoformat(stamp))
    at = datetime.fromisoformat(stamp).astimezone(LONDON)
    return f"{at:%d %b %H:%M:%S}" if at.year == today.year else f"{at:%d %b %Y %H:%M}"


def local(stamp: str) -> str:
    """An ISO 8601 time as it was in London: ``2026-03-02 10:00:05 GMT``; other text as it is."""
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(LONDON):%Y-%m-%d %H:%M:%S %Z}"
    except ValueError:
        return stamp


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


_ADDRESS: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")


def names_somebody(text: str) -> str:
    """The first telephone number or e-mail address in a text; empty where there is none."""
    found = _IN_TEXT.search(text) or _ADDRESS.search(text)
    return found[0] if found else ""


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


def spoken_time(at: datetime) -> str:
    """``Tuesday 3 March 2026, 10:00:05``, in London."""
    local = at.astimezone(LONDON)
    return f"{spoken_day(local.date())}, {local:%H:%M:%S}"


def spoken_number(number: str) -> str:
    """``020 7946 0123`` for an E.164 number of the UK; another country's in its international form, and what is no
    number as it is."""
    if number.startswith("+44"):
        return grouped(number)
    return numbers.written_abroad(number)
