"""What a number is and what a call to it costs, by name: for people, and for ``calling.block``.

Source: Ofcom's national telephone numbering plan. The gate knows no tariff: a cost is a class, and what a carrier asks
for is in its price list.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gate.core.numbers import Kind, Number

BLOCKABLE: Final = {
    "personal": "Personal numbers (070) can cost as much as a call abroad, and lead anywhere",
    "pager": "Nobody speaks on a pager (076)",
    "084": "084 numbers carry a service charge, and businesses answer on them",
    "087": "087 numbers carry a service charge, and businesses answer on them",
    "helpline": "Helplines (0800 1111, 0808 80…) are kept free for people in need",
}
"""Kinds that a firm may keep its marketing calls from (``calling.block``) -> why. 116… and the other short numbers are
refused to everybody."""


class Cost(StrEnum):
    """What sort of charge a call is."""

    FREE = "free"
    STANDARD = "standard"
    """As to a landline: 01, 02, 03."""
    MOBILE = "mobile"
    SERVICE_CHARGE = "service_charge"
    """An access charge and a service charge: 084, 087."""
    PREMIUM = "premium"
    VARIES = "varies"
    """070, 076 and mobiles of the Crown dependencies: outside of most tariffs."""
    INTERNATIONAL = "international"


def named(number: Number) -> str:
    """The one of ``BLOCKABLE`` that a number is; empty where it is none."""
    if number.kind is Kind.PERSONAL:
        return "personal"
    if number.kind is Kind.PAGER:
        return "pager"
    national = number.e164[3:] if number.e164.startswith("+44") else ""
    if national == "8001111" or national.startswith("80880"):
        return "helpline"
    return f"0{national[:2]}" if national.startswith(("84", "87")) else ""


_COSTS: Final = {
    Kind.GEOGRAPHIC: Cost.STANDARD,
    Kind.NON_GEOGRAPHIC: Cost.STANDARD,
    Kind.MOBILE: Cost.MOBILE,
    Kind.FREEPHONE: Cost.FREE,
    Kind.REVENUE_SHARE: Cost.SERVICE_CHARGE,
    Kind.PREMIUM: Cost.PREMIUM,
}


def cost(number: Number) -> Cost:
    """What sort of charge a call to this number is."""
    if not number.e164.startswith("+44"):
        return Cost.INTERNATIONAL
    if number.kind is Kind.MOBILE and number.jurisdiction != "GB":
        return Cost.VARIES
    return _COSTS.get(number.kind, Cost.VARIES)
