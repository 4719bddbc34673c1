"""Telephone numbers that a spreadsheet has changed: what happened, and the repair to propose. Never dialled by itself.

A column of numbers loses its leading 0, becomes a decimal (``2079460123.0``) or a power of ten (``4.42079E+11``). The
repair is made in the CRM: a guess of ours must not become the number that is screened and called.
"""

from __future__ import annotations

import re
from contextlib import suppress

from gate.core.numbers import NumberRefused, parse

_DECIMAL = re.compile(r"\+?([0-9]{7,15})[.,]0+").fullmatch
_POWER = re.compile(r"([0-9])[.,]?([0-9]*)E\+?([0-9]{1,2})", re.IGNORECASE).fullmatch
_BARE = re.compile(r"[1-9][0-9]{8,9}").fullmatch
_KEEP = "and keep the column as text"


def likely(raw: str) -> str:
    """The E.164 number that this text was before a spreadsheet changed it; empty where that cannot be told.

    To block it alone: a guess may keep somebody from being called, and nobody is called by a guess.
    """
    text = raw.strip()
    if power := _POWER(text):
        digits = (power[1] + power[2]).ljust(int(power[3]) + 1, "?")
    elif decimal := _DECIMAL(text):
        digits = decimal[1]
    else:
        digits = text if _BARE(text) else ""
    for spelled in (f"+{digits}", f"0{digits}"):
        with suppress(NumberRefused):
            return parse(spelled).e164
    return ""


def repair(raw: str) -> str:
    """What a spreadsheet did to this text, and how to put it right; empty where it did nothing. Holds no number."""
    text = raw.strip()
    if power := _POWER(text):
        digits = power[1] + power[2]
        if len(digits) < int(power[3]) + 1:
            return "a spreadsheet has cut its digits off (E+): they are lost; export the list again with them as text"
        return f"a spreadsheet has made a power of ten of it (E+): write out its digits, {_KEEP}"
    if _DECIMAL(text):
        return f"a spreadsheet has made a decimal of it: take the .0 off, write its leading 0 or + again, {_KEEP}"
    if _BARE(text):
        try:
            parse("0" + text)
        except NumberRefused:
            return ""
        return f"a spreadsheet has eaten its leading 0: write 0 before it, {_KEEP}"
    return ""
