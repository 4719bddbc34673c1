"""What a phone system dials -> a number in full: the prefix of an outside line cut off, the home area code put before.

A call for help is never lost here and never made (LAW 3.5). What spells an emergency or short number as it stands stays
as it is, and one that comes with the prefix loses that. Nothing else becomes one: a second outside-line digit (the
``9`` of ``9999``) counts only where nothing was cut off before it.
"""

from __future__ import annotations

import re

from gate.core.numbers import NumberRefused, is_emergency_or_short, parse
from gate.core.spelling import compact, plain

_SHORT_IN_FULL = re.compile(r"(?:(?:\+|00)44)?(?:999|911|1[0-9]{2,5})").fullmatch
_LOCAL = re.compile(r"(?!99)[2-9][0-9]+").fullmatch
"""No local number starts with 0, 1 or 99: those belong to trunk calls, short codes and 999 (Ofcom's numbering plan)."""
_NATIONAL = 11
"""Digits of a number with its leading 0. Areas with shorter ones have both lengths: there it is dialled in full."""


def in_full(raw: str, strip: str, area_code: str) -> str:
    """``raw`` as ``numbers.parse`` and ``numbers.emergency_number`` read it: without ``strip`` (digits that begin
    with 2 to 9, not with 44), and where a local number is left, with ``area_code`` (``01632``) before it. Both may be
    empty.

    A number that is whole as it stands stays as it is; any other one that begins with ``strip`` is taken to have it.
    What is no number stays none. Never raises.
    """
    if not (strip or area_code) or is_emergency_or_short(raw) or _whole(raw):
        return raw
    head, semicolon, parameters = raw.partition(";")
    digits, tail = _digits(head), semicolon + parameters
    if not strip or digits == strip or not digits.startswith(strip):
        found = _with_area(digits, area_code)
        return found + tail if found != digits else raw
    rest = digits[len(strip) :].lstrip(" -.")
    if is_emergency_or_short(rest + tail):
        return rest + tail if _SHORT_IN_FULL(compact(rest)) else raw
    return _with_area(rest, area_code) + tail


def _whole(raw: str) -> bool:
    try:
        parse(raw)
    except NumberRefused:
        return False
    return True


def _digits(head: str) -> str:
    """Digits alone where it is a number; else (``9+44…``, ``9#31#…``) the text."""
    try:
        return plain(head)
    except NumberRefused:
        return head.strip()


def _with_area(digits: str, area_code: str) -> str:
    """A local number with its area code; anything else as it is."""
    local = bool(area_code) and len(area_code) + len(digits) == _NATIONAL and _LOCAL(digits) is not None
    return area_code + digits if local else digits
