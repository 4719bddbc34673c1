"""The callee of one call becomes the caller's side of another: its leg, its SDP, its timers.

Nothing is said to it where it is not on hold and speaks what the other party speaks: its audio is led elsewhere in the
media relay alone. Else it is offered the talk anew (re-INVITE), and then the other party is, one at a time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.core.bridging import Stage
from gate.sip import sdp
from gate.sip.peers import DialogPeer
from gate.sip.sippy_adapter.classes import CCEventFail, CCEventUpdate, MsgBody
from gate.sip.sippy_adapter.leg import Leg

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge
    from gate.sip.engine import Engine

_log = structlog.get_logger("gate.sip")

AGAIN_SECONDS = 0.2
TRIES = 100
"""How often it is looked whether a party can be offered the talk: an offer of its own may be under way."""


class Nobody(Leg):
    """The leg of a side where nobody is yet, or any more: there is nothing to end."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.transactions, lambda _: None, DialogPeer())

    def end(self, *_: object, **__: object) -> None:
        """Nobody is there."""

    def answer_and_end(self, *_: object, **__: object) -> None:
        """Nobody is there."""


def codecs_of(bridge: Bridge) -> tuple[str, ...]:
    """The codec in which the callee talks."""
    return tuple(name for name in sdp.codecs(bridge.callee_sdp) if name in sdp.KEPT)[:1]


def fits(first: Bridge, other: Bridge) -> bool:
    """The callees of two calls can talk: they have a codec in common, and nothing is being changed just now."""
    common = set(codecs_of(first)) & set(sdp.codecs(other.callee_sdp))
    return bool(common) and not (first.offer_answer.from_side or other.offer_answer.from_side)


def leg(first: Bridge, after: Bridge) -> Leg:
    """Put the callee of ``first`` in the place of the caller of ``after``; the leg that was there before."""
    taken, before = first.callee, after.caller
    taken.trunk = first.route.name
    first.callee = Nobody(first.engine)
    after.caller, after.caller_sdp = taken, first.callee_sdp
    taken.event_cb = lambda event, _: after.safely(after.on_caller)(event)
    taken.on_request = lambda: after.liveness.heard("caller")
    wanted = taken.session.wanted  # its trunk's
    after.offer_answer.attend("caller")
    taken.session.wanted = wanted
    after.offer_answer.timers.goes_on("caller")
    if taken.offered:  # its offer went to the other party: it comes again (RFC 3261 14.1)
        taken.recvEvent(CCEventFail((491, "Request Pending")))
    after.tell_media()
    _offer(after, frozenset(), TRIES)
    return before


def _offer(bridge: Bridge, asked: frozenset[str], tries: int) -> None:
    """Offer the talk to whoever was told to be silent, or something else; each once."""
    side = next((each for each in ("caller", "callee") if each not in asked and _waits(bridge, each)), "")
    if not side or bridge.stage is not Stage.CONNECTED:
        return
    if not tries:
        _log.warning("a party could not be taken off hold", call_id=bridge.id, side=side)
        return
    to = bridge.caller if side == "caller" else bridge.callee
    if to.can_update() and not bridge.offer_answer.from_side:
        told = bridge.callee_sdp if side == "caller" else bridge.caller_sdp
        body = MsgBody(sdp.only(sdp.resumed(told), codecs_of(bridge)[0]))
        bridge.offer_answer.offered("callee" if side == "caller" else "caller", CCEventUpdate(body), wants_answer=False)
        asked |= {side}
    bridge.engine.after(AGAIN_SECONDS, bridge.safely(partial(_offer, bridge, asked, tries - 1)))


def _waits(bridge: Bridge, side: str) -> bool:
    """What this party was told last is not the talk as it is now."""
    to = bridge.caller if side == "caller" else bridge.callee
    theirs = bridge.caller_sdp if side == "caller" else bridge.callee_sdp
    spoken = sdp.codecs(theirs)[:1] == codecs_of(bridge)
    return not spoken or (to.good_local is not None and sdp.held(str(to.good_local)))
