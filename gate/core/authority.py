"""The supervisory authority: a record with dates, for the office changes its name and its address (LAW 7.5).

A firm's ``[authority]`` says when section 119 of the Data (Use and Access) Act 2025 was commenced, and goes before what
stands here, field by field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Authority:
    """A supervisory authority: whom a person can complain to (Art 77) and whom the firm tells of a refusal."""

    name: str
    address: str
    """Postal, lines separated by newlines."""
    web: str = ""
    email: str = ""
    phone: str = ""
    """As people write it."""
    source: str = ""
    """Where the record comes from, and of which day it is."""


_REACHED: Final = {
    "address": "Wycliffe House\nWater Lane\nWilmslow\nCheshire\nSK9 5AF",
    "web": "https://ico.org.uk/make-a-complaint/",
    "phone": "0303 123 1113",
}
COMMISSIONER: Final = Authority(
    "Information Commissioner's Office", **_REACHED, source="Data Protection Act 2018 s.114, as of 1 December 2026"
)
COMMISSION: Final = Authority(
    "Information Commission", **_REACHED, source="Data (Use and Access) Act 2025 s.119, as of 1 December 2026"
)
"""At the address of its predecessor, for want of a published one: the office moves from Wilmslow to Manchester."""


def authority_on(day: date, commencement: date | None) -> Authority:
    """The authority of a day. ``commencement``: the day on which s.119 is in force; None while there is none."""
    return COMMISSION if commencement is not None and day >= commencement else COMMISSIONER
