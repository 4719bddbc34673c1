"""Offers inside a call, by re-INVITE, UPDATE or ACK: hold, resume, codec change (RFC 3264, 3311, RFC 3261 section 14).

One at a time and end to end: an offer from one side is sent to the other, and its answer comes back. While one is under
way, another gets 491. Before the caller is answered it cannot be asked, so the gate answers the callee's offer itself,
where the announcement can still be heard under it. The relay follows an offer at once; one that comes to nothing is
taken back there, too, or that side would neither be heard nor recorded any more. Codecs in which a recording could not
be heard again are cut out of it; one that has no other is refused. Nothing of this holds an emergency call back.

An INVITE without SDP (RFC 3261 13.2.1): the caller asks for an offer, and answers it in its ACK.

The trunk gets an offer of the gate's own in its place, with the codecs that announcements are made in, and the callee
hears the announcement as in any call. What they chose is offered to the caller in the 200, which waits for the evidence
as any 200 does; nothing is offered before. A caller who acknowledges it without an answer cannot be heard: the call
ends (``no_sdp``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import proxy

import structlog

from gate.core import sdp
from gate.core.bridging import Stage
from gate.sip.failure_mapping import PASSED
from gate.sip.session_timers import SessionTimers
from gate.sip.sippy_adapter.classes import CCEventConnect, CCEventUpdate, MsgBody
from gate.sip.sippy_adapter.refreshing import relayed

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge
    from gate.sip.sippy_adapter.leg import Leg


_log = structlog.get_logger("gate.sip")

UPDATE_SECONDS = 20.0
"""How long an offer in an UPDATE waits for the other side: its own transaction ends after 32 s."""


class OfferAnswer:
    """The offers of one call."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge: Bridge = proxy(bridge)  # a call that is over goes at once, not when the collector comes
        self.from_side = ""
        """The side whose offer is under way; empty: none."""
        self.wants_answer = True
        """False where that side's request is already answered (its offer came in an ACK)."""
        self._offer = ""
        self._overdue: Any = None
        self.timers = SessionTimers(bridge)
        self.attend("caller")
        self.attend("callee")

    def attend(self, side: str) -> None:
        """Hear where the leg that ``side`` has now takes its offer back."""
        self._leg(side).on_reinvite_cancelled = lambda: self._cancelled(side)
        self.timers.attend(side)

    def _leg(self, side: str) -> Leg:
        return self.bridge.caller if side == "caller" else self.bridge.callee

    def offered(self, side: str, event: Any, wants_answer: bool = True) -> None:
        """A re-INVITE with SDP from ``side``."""
        bridge, source = self.bridge, self._leg(side)
        other = self._leg(_other(side))
        if bridge.stage in (Stage.ANSWERED, Stage.ALONE) and side == "callee":
            self._answer_alone(event)
            return
        if bridge.stage is not Stage.CONNECTED or self.from_side or bridge.delayed_offer.due or not other.can_update():
            if wants_answer:
                self._refuse(source, 491, "Request Pending")
            return
        body = event.getData()
        taken = frozenset(bridge.route.form.codecs) if side == "caller" else sdp.KEPT
        if not bridge.route.emergency and (text := sdp.cut(str(body), taken or sdp.KEPT)) != str(body):
            if not text:
                if wants_answer:
                    self._refuse(source, 488, "Not Acceptable Here")
                return
            body = MsgBody(text)
        self.from_side, self.wants_answer, self._offer = side, wants_answer, str(body)
        if wants_answer and source.hurried:
            self._overdue = bridge.engine.after(UPDATE_SECONDS, bridge.safely(lambda: self._no_answer(side)))

        def ready(body: Any, ex: Any = None) -> None:
            if bridge.stage is not Stage.CONNECTED or self.from_side != side:
                return
            if body is None or ex is not None or not other.can_update():
                self._end(488 if ex is not None or body is None else 491, "Not Acceptable Here")
                return
            body.needs_update = False
            if other.lSDP is None:
                other.lSDP = other.good_local
            other.make_offer(body)

        self._translate(side, body, self.bridge.safely(ready))

    def replied(self, side: str, event: Any) -> None:
        """The other side's answer to the offer under way; or SDP in an ACK, which is an offer to the other side."""
        data = event.getData()
        if isinstance(event, CCEventConnect) and data[0] == "ACK":
            if data[2] is not None and not self.from_side:
                self.offered(side, CCEventUpdate(data[2]), wants_answer=False)
            return
        if not self.from_side:
            self._refreshed(side, event)
        if not self.from_side or side == self.from_side:
            return
        if not isinstance(event, CCEventConnect):
            self._end(data[0] if data[0] in PASSED or data[0] == 491 else 488, "Not Acceptable Here")
            return
        body, asker = data[2], self.from_side
        answer = str(body) if body is not None else ""
        if body is not None and not self.bridge.route.emergency and (text := sdp.cut(answer)) != answer:
            body, answer = MsgBody(text) if text else None, text  # it was not offered

        def ready(body: Any, ex: Any = None) -> None:
            if self.bridge.stage is not Stage.CONNECTED or self.from_side != asker:
                return
            if ex is not None or body is None:
                self._end(488, "Not Acceptable Here")
                return
            self._settle(asker, body, answer)

        if body is None:
            self._end(488, "Not Acceptable Here")
        else:
            self._translate(side, body, self.bridge.safely(ready))

    def _refreshed(self, side: str, event: Any) -> None:
        """The answer to a refresh of the gate's own: that side may have moved in it."""
        bridge, leg = self.bridge, self._leg(side)
        (bridge.liveness.unanswered if leg.unanswered else bridge.liveness.heard)(side)
        if leg.lSDP is None:  # sippy's, where it failed
            leg.lSDP = leg.good_local
        body = event.getData()[2] if isinstance(event, CCEventConnect) else None
        if body is None or str(body) == (bridge.caller_sdp if side == "caller" else bridge.callee_sdp):
            return
        answer = str(body)

        def ready(body: Any, ex: Any = None) -> None:
            if body is None or ex is not None or bridge.stage is Stage.OVER:
                return
            if side == "caller":
                bridge.caller_sdp = answer
            else:
                bridge.callee_sdp = answer
            bridge.tell_media()

        self._translate(side, body, bridge.safely(ready))

    def _settle(self, asker: str, body: Any, answer: str) -> None:
        """Offer and answer are done: remember them, answer the asker, tell the codec maps."""
        bridge, offer = self.bridge, self._offer
        source, other = self._leg(asker), self._leg(_other(asker))
        body.needs_update = False
        if other.lSDP is not None:
            other.good_local = other.lSDP.getCopy()
        self._over()
        if self.wants_answer:
            source.good_local = body.getCopy()
            source.connect(body)
        bridge.caller_sdp, bridge.callee_sdp = (offer, answer) if asker == "caller" else (answer, offer)
        bridge.tell_media()

    def _end(self, code: int, phrase: str) -> None:
        """The offer came to nothing; the call stays as it was (RFC 3261 14.1)."""
        side = self._over()
        self._take_back(side)
        other = self._leg(_other(side))
        if other.lSDP is None:
            other.lSDP = other.good_local
        if self.wants_answer:
            self._refuse(self._leg(side), code, "Request Pending" if code == 491 else phrase)

    def _refuse(self, leg: Leg, code: int, phrase: str) -> None:
        if leg.offered:
            leg.refuse_offer(code, phrase)

    def stop(self) -> None:
        """The call is over."""
        self._over()
        self.timers.stop()

    def _over(self) -> str:
        """No offer is under way any more; whose it was."""
        side, self.from_side = self.from_side, ""
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        return side

    def _no_answer(self, side: str) -> None:
        """The other side takes longer than an UPDATE may wait (RFC 3311 5.2)."""
        if self.from_side == side:
            self._refuse(self._leg(side), 504, "Server Time-out")
            self._cancelled(side)

    def _cancelled(self, side: str) -> None:
        """The asker took its offer back."""
        if self.from_side != side:
            return
        self._over()
        self._take_back(side)
        other = self._leg(_other(side))
        if other.offering:
            other.take_offer_back()

    def _answer_alone(self, event: Any) -> None:
        """The callee's offer while it hears the announcement: what it may send stays what the caller offered."""
        bridge, callee = self.bridge, self.bridge.callee
        body = event.getData()
        offer = str(body)
        mine = sdp.answer_to(offer, str(callee.good_local))
        if sdp.codecs(bridge.callee_sdp)[0] not in sdp.codecs(mine):  # the announcement plays on in it
            self._refuse(callee, 488, "Not Acceptable Here")
            return

        def ready(body: Any, ex: Any = None) -> None:
            if bridge.stage not in (Stage.ANSWERED, Stage.CONNECTED, Stage.ALONE) or not callee.offered:
                return
            if body is None or ex is not None:
                self._refuse(callee, 488, "Not Acceptable Here")
                return
            bridge.callee_sdp, bridge.answer = offer, body
            answer = callee.good_local.getCopy()
            answer.content, answer.parsed, answer.needs_update = mine, False, False
            callee.connect(answer)
            bridge.tell_media()

        self._translate("callee", body, self.bridge.safely(ready))

    def _take_back(self, side: str) -> None:
        """The relay takes this side's audio from where it was agreed last, and sends it there."""
        bridge = self.bridge
        agreed = bridge.caller_sdp if side == "caller" else bridge.callee_sdp
        self._translate(side, MsgBody(agreed), lambda body, ex=None: None)

    def _translate(self, side: str, body: Any, done: Any) -> None:
        relay = self.bridge.engine.relay
        if self.bridge.unrelayed:
            done(body)
            return
        relayed(relay.caller_sdp if side == "caller" else relay.callee_sdp, self.bridge.id, body, done)


def _other(side: str) -> str:
    return "callee" if side == "caller" else "caller"


class DelayedOffer:
    """That of one call."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge: Bridge = proxy(bridge)  # a call that is over goes at once, not when the collector comes
        self.asked = False
        """The caller sent no SDP."""
        self.due = False
        """The caller has our offer, and has not answered it."""

    def begin(self) -> Any:
        """What is offered to the trunk in the caller's place. Its audio is taken from where it signals from until it
        says otherwise, and goes to the discard port there."""
        self.asked = True
        return MsgBody(sdp.own_offer(self._bridge.pending.source[0].strip("[]")))

    def connect(self, body: Any) -> None:
        """200 with our offer."""
        caller, self.due = self._bridge.caller, True
        caller.on_answer = self._bridge.safely(self._answered)
        caller.offer_in_answer(body)

    def _answered(self, body: Any) -> None:
        """The ACK has come."""
        bridge, self.due = self._bridge, False
        if bridge.stage is Stage.OVER:
            return
        text = str(body) if body is not None else ""
        if not set(sdp.codecs(text)) & set(sdp.codecs(bridge.callee_sdp)):
            self._unanswered()
            return

        def ready(body: Any, ex: Any = None) -> None:
            if bridge.stage is Stage.OVER:
                return
            if body is None or ex is not None:
                self._unanswered()
                return
            bridge.caller_sdp = text
            bridge.tell_media()

        relayed(bridge.engine.relay.caller_sdp, bridge.id, body, bridge.safely(ready))

    def _unanswered(self) -> None:
        if self._bridge.route.emergency:  # LAW 3.5: no fault of a phone's ends an emergency call
            _log.warning("an emergency call's offer was not answered", call_id=self._bridge.id)
        else:
            self._bridge.hung_up("gate", "no_sdp")
