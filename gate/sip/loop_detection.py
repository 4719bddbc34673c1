"""Calls that have come back: an INVITE of ours that somebody sends to us again.

A proxy leaves the Call-ID as it is, a back-to-back user agent often leaves headers that it does not know. So both tell
a loop: the Call-ID that our INVITE has, and a mark in a header of its own (``identity.LOOP_HEADER``). The mark is
random, made for one INVITE and forgotten with its call: whoever is shown it learns nothing of the gate or of other
calls, and holds nothing that makes another call look like a loop once this one is over.
"""

from __future__ import annotations

import secrets

from gate.sip.identity import LOOP_HEADER
from gate.sip.message import Address, SipMessage


def passed_through(request: SipMessage, address: Address) -> bool:
    """True for an INVITE of ours that has come back through proxies: our Via is among those it passed."""
    ours = f"{address[0]}:{address[1]}"
    return any(ours in via.replace(" ", "") for via in request.vias[1:])


class LoopDetector:
    """The INVITEs that went to the trunk and whose calls are not over."""

    def __init__(self) -> None:
        self._signs: dict[str, tuple[str, str]] = {}
        """Call -> the Call-ID and the mark of its INVITE."""
        self._known: set[str] = set()

    def mark(self, call_id: str, sip_call_id: str) -> str:
        """The mark for the INVITE that leaves for a call of ours with this Call-ID."""
        self.over(call_id)
        signs = (sip_call_id, secrets.token_hex(16))
        self._signs[call_id] = signs
        self._known.update(signs)
        return signs[1]

    def back(self, request: SipMessage) -> bool:
        """True for an INVITE that is one of these, come back."""
        return request.call_id in self._known or request.get(LOOP_HEADER) in self._known

    def over(self, call_id: str) -> None:
        """The call is over, or never went out."""
        self._known.difference_update(self._signs.pop(call_id, ()))
