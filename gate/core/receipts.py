"""The callee's receipt: the code that is spoken or sent to them, and what the receipt says.

A code has ten signs: nine that are drawn, about 38 bits, and a check sign, which finds every wrong sign and every two
that were exchanged. No two signs of ``SIGNS`` sound or look alike, and letters that do (O, I, L) are read as digits.

The receipt is a fact of its own, for a decision's fact holds the number: its body has nothing of the callee but what
they may show to anybody, and names the decision by the place of its leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gate.core.days import LONDON
from gate.core.facts.calls import Receipt
from gate.core.terms import Decision, SubscriberKind, date_text

SIGNS: Final = "0123456789CHKMQRWXY"
LENGTH: Final = 10
_PRIME: Final = len(SIGNS)  # 19: a weighted sum modulo a prime finds what a sum of digits does not
_READ: Final = str.maketrans("OIL", "011", " -._\u2010\u2011\u2013\u00a0\t\r\n")

GROUNDS: Final[Mapping[str, str]] = {
    "not_listed": "The number was on none of these registers, and had not objected.",
    "consented": "The firm holds a consent to such calls.",
    "service_call": (
        "The firm stated that this call was about a service and was no marketing. Such a call is not screened: "
        "a register does not stop it."
    ),
}
"""Why the call was let through, for the person called."""


_LINES: Final[Mapping[SubscriberKind, str]] = {
    SubscriberKind.INDIVIDUAL: "The firm had noted that the number is a person's.",
    SubscriberKind.CORPORATE: "The firm had noted that the number is a company's.",
}


def found(decision: Decision) -> list[str]:
    """What was found of the number, a sentence each, as the decision has it: what the firm states, and what speaks
    against it."""
    listed = [
        f"The number was listed by the {view.name.upper()}, in its edition of {view.as_of}."
        for view in decision.registers
        if view.listed
    ]
    known = decision.subscriber
    noted = [_LINES[known.kind]] if known.kind in _LINES else []
    if known.since:
        noted.append(
            f"The firm had noted a new subscriber of the number since {date_text(known.since)}: no consent from before "
            "counted."
        )
    objected = ["The number had objected to marketing calls from this firm."] if decision.objection_id else []
    return [GROUNDS.get(decision.reason.value, decision.reason.value), *listed, *objected, *noted]


def new_code(draw: Callable[[int], int]) -> str:
    """A code; ``draw(n)`` gives a random number below ``n``."""
    drawn = "".join(SIGNS[draw(_PRIME)] for _ in range(LENGTH - 1))
    return drawn + _check(drawn)


def code_of(text: str) -> str:
    """A code as somebody wrote it: small letters, spaces and hyphens make no difference. Raises ``ValueError``."""
    code = text.upper().translate(_READ)
    if len(code) != LENGTH or any(sign not in SIGNS for sign in code) or code[-1] != _check(code[:-1]):
        raise ValueError("not the code of a receipt: a sign is wrong or missing")
    return code


def shown(code: str) -> str:
    """Write a code as people read it: ``4K7 X2Q 9RMR``."""
    return f"{code[:3]} {code[3:6]} {code[6:]}"


def _check(drawn: str) -> str:
    return SIGNS[sum((place + 2) * SIGNS.index(sign) for place, sign in enumerate(drawn)) % _PRIME]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, and how to object, as the firm tells everybody."""

    legal_name: str
    trading_name: str
    address: str
    freephone: str = ""
    email: str = ""


def receipt_fact(
    code: str, call_id: str, leaf: int, decision: Decision, at: datetime, caller: Caller, presentation: str,
    on_behalf_of: str = "",
) -> Receipt:  # fmt: skip
    """What is kept of it. ``leaf``: index of the decision's; ``at``: when it was made, told to the hour of London;
    ``presentation``: the firm's number that the callee was shown; ``on_behalf_of``: the instigator's legal name."""
    instigated = {"on_behalf_of": on_behalf_of} if on_behalf_of else {}
    hour = at.astimezone(LONDON).replace(minute=0, second=0, microsecond=0)
    return Receipt(
        call_id=call_id,
        code=code,
        decision=leaf,
        hour=hour.isoformat(timespec="minutes"),
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        registers=[
            {"name": view.name, "as_of": view.as_of.isoformat() if view.as_of else None, "sha256": view.sha256}
            for view in decision.registers
        ],
        found=found(decision),
        made_by={"legal_name": caller.legal_name, "trading_name": caller.trading_name, "number": presentation}
        | instigated,
        object={"address": caller.address, "freephone": caller.freephone, "email": caller.email},
    )
