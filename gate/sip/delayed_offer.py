"""An INVITE without SDP (RFC 3261 13.2.1): the caller asks for an offer, and answers it in its ACK.

The trunk gets an offer of the gate's own in its place, with the codecs that announcements are made in, and the callee
hears the announcement as in any call. What they chose is offered to the caller in the 200, which waits for the evidence
as any 200 does; nothing is offered before. A caller who acknowledges it without an answer cannot be heard: the call
ends (``no_sdp``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import proxy

import structlog

from gate.core.bridging import Stage
from gate.sip import sdp
from gate.sip.sippy_adapter.classes import CCEventPreConnect, MsgBody

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_log = structlog.get_logger("gate.sip")


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
        caller.recvEvent(CCEventPreConnect((200, "OK", body)))

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

        bridge.engine.relay.caller_sdp(bridge.id, body, bridge.safely(ready))

    def _unanswered(self) -> None:
        if self._bridge.route.emergency:  # LAW 3.5: no fault of a phone's ends a call for help
            _log.warning("an emergency call's offer was not answered", call_id=self._bridge.id)
        else:
            self._bridge.hung_up("gate", "no_sdp")
