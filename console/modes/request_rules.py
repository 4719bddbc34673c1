"""What may be done with a request now, and what not and why, as the gate says (``gate.core.requests.possible``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gate.core.request_steps import Act, Step
from gate.core.request_words import OVER, Asks
from gate.operations.requests.listing import Shown


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be done with a request, and why not now."""

    name: str
    """Name of its action on the screen."""
    op: str
    """What the gate is asked."""
    says: str
    """What it is, in words."""
    why_not: str = ""
    """Empty: it can be done now."""
    step: Step | None = None
    """With the fields of its form, where it can be done now."""


ACTS: Final[dict[Act, tuple[str, str, str]]] = {
    Act.ACKNOWLEDGE: ("acknowledge", "request_acknowledge", "the acknowledgement was sent"),
    Act.ASK_IDENTITY: ("ask_identity", "request_ask_identity", "ask who it is"),
    Act.VERIFY_IDENTITY: ("verify", "request_verify_identity", "the identity is proven"),
    Act.CLARIFY: ("clarify", "request_clarify", "ask what is meant: an access request waits for it"),
    Act.CLARIFIED: ("clarify", "request_clarified", "the answer came: the clock goes on"),
    Act.EXTEND: ("extend", "request_extend", "extend it to three months"),
    Act.SEARCH: ("search", "request_search", "search for what is held"),
    Act.GRANT: ("grant", "request_decide", "grant it"),
    Act.REFUSE: ("refuse", "request_decide", "refuse it on a ground"),
    Act.MAKE_PACK: ("fulfil", "request_contents", "make the pack"),
    Act.ERASE: ("fulfil", "request_carry_out", "erase what was found"),
    Act.RECTIFY: ("fulfil", "request_rectify", "keep what is right beside the record"),
    Act.TELL_PERSON: ("told", "request_told", "the person was told"),
    Act.TELL_AUTHORITY: ("told_authority", "request_told", "the authority was told"),
    Act.TELL_RECIPIENT: ("told_recipient", "request_told", "a recipient of what is erased was told"),
    Act.LETTER: ("letter", "request_letter", "letters"),
    Act.WITHDRAW: ("withdraw", "request_withdraw", "they take it back"),
}
"""Action on the screen, operation, and what it is in words; in the order of a request's life."""


def offers(request: Shown) -> list[Offer]:
    """One for each action, in the order of ``ACTS``."""
    steps: dict[Act, Step] = {}
    for step in request.steps:
        steps.setdefault(step.act, step)
    found: dict[str, Offer] = {}
    for act, (name, op, says) in ACTS.items():
        if act is Act.TELL_RECIPIENT and act not in steps:
            continue  # most requests have none
        if name not in found or act in steps or _meant(request, act):
            found[name] = Offer(name, op, says, request.forbidden.get(act, ""), steps.get(act))
    return [*found.values(), _restrict(request)]


def _meant(request: Shown, act: Act) -> bool:
    """Whether it is the one that would come, of two acts under one key that cannot be done now."""
    of = {Act.ERASE: Asks.ERASURE, Act.RECTIFY: Asks.RECTIFICATION}
    return act in of and request.asks is of[act]


def _restrict(request: Shown) -> Offer:
    """A restriction for the time being is a hold, and no step of the request."""
    why = "it is over" if request.state in OVER else "" if request.lines else "no number of theirs is known"
    return Offer("restrict", "hold_add", "close their recordings to everybody", why)
