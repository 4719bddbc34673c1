"""CSV as it leaves and comes in: a writer, and cells that no spreadsheet takes for a formula.

A spreadsheet evaluates a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end, wherever the text came
from: a note that somebody typed, a caller's name. Such a cell leaves with an apostrophe before it, which makes it text
(OWASP, CSV Injection), and comes back without it. So does one with white space at an end, which a reader of hand-made
files strips. A sign with digits and nothing else, as in +442079460000, is a number and stays.

A column in which a CRM keeps that somebody does not want calls is an objection made to the firm (PECR reg 21(1)(a)). A
firm that has such a field set has been told, whatever list the number is on. What the field holds is read so that doubt
blocks: every value that does not plainly say no is an objection."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Final

MARK: Final = "'"
LINE_END: Final = "\r\n"
_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With the full-width forms, which some spreadsheets read as the plain ones."""
_NUMBER: Final = re.compile(r"[+-][0-9]+")


def guarded(text: str) -> str:
    """A text as it leaves in a cell. ``plain`` of it is the text again, whatever it is."""
    return MARK + text if _marked(text) else text


def is_formula(cell: str) -> bool:
    """A spreadsheet takes it for more than text or a number."""
    return cell.startswith(_SIGNS) and not _NUMBER.fullmatch(cell)


def plain(cell: str) -> str:
    """What a cell means: ``guarded`` undone, else without the white space around it."""
    cell = cell.strip() if not cell.lstrip().startswith(MARK) else cell.lstrip()
    if cell.startswith(MARK) and _marked(cell[1:]):
        return cell[1:]
    return cell.strip()


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV (RFC 4180, comma, CR LF), every cell ``guarded``."""
    lines: list[str] = []
    csv.writer(_Lines(lines), lineterminator=LINE_END).writerows([guarded(cell) for cell in row] for row in rows)
    return "".join(lines)


def _marked(text: str) -> bool:
    """It needs the mark: it would be evaluated or stripped, or it looks like what was marked."""
    core = text.lstrip(MARK)
    if not core:
        return False
    return (core.startswith(_SIGNS) and not _NUMBER.fullmatch(text)) or core != core.strip()


class _Lines:
    """A file for the csv module."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.write = list.append.__get__(lines)


KNOWN: Final = frozenset({
    *("donotcall", "donotcallc", "donotcallme", "dontcall", "dnc", "dncflag", "donotcallflag"),  # Salesforce, Zoho
    *("donotphone", "donotallowphonecalls", "donotallowphonecall", "phonecallsnotallowed"),  # Dynamics
    *("hsdonotcall", "optedoutofcalls", "optedoutofphonecalls", "calloptout", "callsoptout", "phoneoptout"),  # HubSpot
    *("donotcontact", "phonedonotcall", "phonecalloptout", "telephoneoptout", "optoutphone", "optoutcalls"),
})  # fmt: skip
"""Names without case, blanks and signs."""

_NO: Final = frozenset({
    *("", "false", "no", "n", "f", "0", "off", "none", "null", "nil", "n/a", "-", "unchecked"),
    *("allow", "allowed", "ok", "may call", "can call", "opted in", "opt in", "opt-in"),
})  # fmt: skip
"""What such a field holds of somebody who has not objected. Dynamics writes ``Allow``."""


def opt_out_columns(names: Sequence[str], more: Iterable[str] = ()) -> list[int]:
    """The places of the columns that say so: those known, and those with one of the names in ``more``."""
    wanted = KNOWN | {_plain(each) for each in more}
    return [place for place, name in enumerate(names) if _plain(name) in wanted]


def opts_out(value: str) -> bool:
    """Whether a field of such a column is an objection."""
    return " ".join(value.split()).casefold() not in _NO


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
