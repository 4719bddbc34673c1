"""What a phone system dials -> a number in full, and which of the firm's own numbers the call shows: the prefix of an
outside line cut off, the home area code put before.

An emergency call is never lost here and never made (LAW 3.5). What spells an emergency or short number as it stands is
kept, and one that comes with the prefix loses that. Nothing else becomes one: a second outside-line digit (the
``9`` of ``9999``) counts only where nothing was cut off before it.

A PBX may ask for one of the firm's own numbers to be shown (LAW 3.1, 3.2). Nothing that a PBX sends is shown as it
came: a call shows a number of the configuration, or is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gate.core.numbers import NumberRefused, compact, is_emergency_or_short, mask, parse, plain

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


_LONGEST_EXTENSION: Final = 7
"""Digits. What has more, or begins with + or 0, is meant as a telephone number."""


def presented(asked: Sequence[str], may_present: Sequence[str], own: str) -> str:
    """The number that a call shows, canonical: the one that is asked for where it is in ``may_present``; ``own`` where
    none is asked for, and where nothing may be (``may_present`` is empty). ``own`` itself may always be.

    Any other number comes back with digits hidden: it is the firm's own in no configuration, so the call is refused
    with ``cli_not_owned``, and the evidence does not keep whose number it was. Two numbers at once are another one.
    """
    if not may_present:
        return own
    numbers = {number for each in asked if (number := _number(each))}
    if not numbers:
        return own
    first = min(numbers)
    return first if len(numbers) == 1 and first in (own, *may_present) else mask(first)


def forwarded(passed_on: Sequence[tuple[str, str]], may_present: Sequence[str], own: str) -> tuple[str, str]:
    """The number that a call shows which a PBX passes on for somebody else: the first of the firm's own, canonical, of
    those that it says the call was diverted from, and by which header it says so; both empty where none is.
    ``passed_on``: header and number of each, the newest first."""
    if may_present:
        for header, asked in passed_on:
            if (number := _number(asked)) in (own, *may_present):
                return number, header
    return "", ""


def _number(asked: str) -> str:
    """E.164; empty for what asks for no number: an extension, a name, nothing. What is meant as a number and is none
    stays as it is."""
    try:
        return parse(asked).e164
    except NumberRefused:
        digits = compact(asked.partition(";")[0].strip())
        meant = digits[:1] in ("+", "0") or len(digits) > _LONGEST_EXTENSION
        return digits if digits and meant else ""
