"""Which of the firm's own numbers a call shows, where its PBX may ask for one (LAW 3.1, 3.2).

Nothing that a PBX sends is shown as it came: a call shows a number of the configuration, or is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gate.core.numbers import NumberRefused, mask, parse
from gate.core.spelling import compact

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
