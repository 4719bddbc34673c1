"""Columns in which a CRM keeps that somebody does not want calls: an objection made to the firm (PECR reg 21(1)(a)).

A firm that has such a field set has been told, whatever list the number is on. What the field holds is read so that
doubt blocks: every value that does not plainly say no is an objection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

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
