"""From one trunk to the next, before anything can have rung.

A call goes on to the next of its routes where its trunk fails by itself (5xx, 403, credentials that it does not take),
or says nothing at all for so long. It never does so after an 18x, a 2xx, or an answer about the callee or the number:
nobody is rung twice for one call. A trunk that has been silent may still ring its callee later, so that INVITE is
followed to its end:

- it is not sent again; at its first sign of life it is cancelled, and an answer is acknowledged and hung up on
- the journal of legs knows it, so that the next start does that, should this be the last that is done
- where it rings or is answered after all, the call is over at the next trunk too, unless that one rings already

A trunk by TCP or TLS may lose its connection in between. Where it had said nothing at all it counts as silent, at
once. Where it had, the INVITE goes again by the next connection, as the same transaction, decided anew (RFC 3261 18.4):
what is not heard of then within six seconds goes on at the next trunk, or has rung, and is taken back (480).

An answer from somewhere else than the trunk is not believed, but something may ring: nothing else is tried. An
emergency call goes on wherever it can (LAW 3.5), and nothing that is late stops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import structlog

from gate.core import sdp
from gate.core.bridging import Stage
from gate.sip.failure_mapping import UNAVAILABLE, UNREACHABLE
from gate.sip.identity import headers_for_trunk, quotable
from gate.sip.routes import OutgoingForm, Route
from gate.sip.sippy_adapter.classes import CCEventTry, MsgBody, SipCallId
from gate.sip.sippy_adapter.leg import Leg, reason

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_log = structlog.get_logger("gate.sip")

LATE_SECONDS = 150.0
"""How long a trunk that was silent may yet answer."""
LOST_SECONDS = 6.0
"""Seconds from the loss of a connection until the trunk has to be heard again."""
_LOST = "connection_lost"
_ITS_OWN = frozenset({401, 402, 403, 407, *range(500, 600)}) - {504}
"""What a trunk says of itself; a 504, as a 408, may come of a callee who has rung."""


class _Try(CCEventTry):  # type: ignore[misc]  # sippy has no types
    """The INVITE to the trunk, with our identity on it."""

    mark = ""
    form = OutgoingForm()

    def onUacSetupComplete(self, uac: Any) -> None:
        if self.form.from_domain:
            uac.lUri.getUri().url.host = self.form.from_domain
        self.extra_headers = headers_for_trunk(uac, self.mark, self.form.identity)


class TrunkFailover:
    """The routes of one call: the bridge's own, and those that are left."""

    def __init__(self, bridge: Bridge, routes: Sequence[Route]) -> None:
        self._bridge = ref(bridge)
        self._left = list(routes[1:])
        self._offer: Any = None
        self._hops = 0
        self._asked: Any = None
        """The transaction of the INVITE that is listened for."""
        self._lost: Leg | None = None
        """Its trunk has lost its connection, and has not been heard of since."""
        self.given_up: list[tuple[Leg, Route]] = []
        """Legs whose trunk was silent, and may yet answer."""

    def dial(self, offer: Any, hops: int) -> None:
        """The INVITE to the bridge's trunk, and to the next ones with the same offer."""
        self._offer, self._hops = offer, hops
        self._invite("")

    def next_after(self, code: int) -> bool:
        """Handle the trunk's answer ``code``; True where the call goes on at another trunk."""
        bridge = self._bridge()
        if bridge is None or bridge.progress.rung or not self._any_left(bridge):
            return False
        flow = bridge.callee.flow
        unsent = code == 408 and not bridge.progress.heard and flow is not None and not flow.up
        if not (300 <= code < 600 if bridge.route.emergency else code in _ITS_OWN or unsent):
            return False
        self._next(bridge, str(code))
        return True

    def _any_left(self, bridge: Bridge) -> bool:
        """Another one is left that is not known to be down. An emergency call tries them all."""
        if not bridge.route.emergency:
            self._left = [route for route in self._left if not bridge.engine.is_down(route)]
        return bool(self._left)

    def _next(self, bridge: Bridge, why: str) -> None:
        before = bridge.route.name
        bridge.engine.passed_over += 1
        bridge.take(self._left.pop(0))
        _log.warning("trunk_passed_over", call_id=bridge.id, trunk=before, why=why, next=bridge.route.name)
        self._invite(why)

    def _invite(self, after: str) -> None:
        """The INVITE to the trunk of the moment. One that is not the call's first (``after`` what became of that) is
        decided anew: whoever has objected meanwhile is not rung."""
        bridge = self._bridge()
        if bridge is None:
            return
        body = self._offered(bridge)
        if body is not None:
            send = partial(self._send, bridge, body)
            bridge.ask_again(after, send) if after else send()
        elif self._any_left(bridge):
            self._next(bridge, "no_codec")
        else:
            bridge.give_up(488, "no_codec", passed=bridge.not_acceptable("no_codec"))

    def _send(self, bridge: Bridge, body: Any) -> None:
        if bridge.caller_gone and not bridge.route.emergency:
            bridge.hung_up("caller", "cancelled")
            return
        name, form = quotable(bridge.display_name), bridge.route.form
        leg, sip_call_id = bridge.callee, SipCallId()
        number, shown = form.number(bridge.number), form.number(bridge.presentation)
        invite = _Try((sip_call_id, shown, number, body, None, name))
        invite.form, leg.auth_enalgs = form, form.digests
        leg.hops = invite.max_forwards = max(0, self._hops - 1)
        invite.mark = bridge.engine.loops.mark(bridge.id, str(sip_call_id))
        leg.good_local = body.getCopy()
        leg.before_invite = partial(bridge.invite_leaves, leg, bridge.route)
        leg.recvEvent(invite)
        if self._left:
            self._listen(bridge)

    def _offered(self, bridge: Bridge) -> Any:
        """What this trunk is offered; None where it takes none of the caller's codecs. An emergency call is offered as
        it came."""
        body, codecs = self._offer.getCopy(), bridge.route.form.codecs
        if codecs and not bridge.route.emergency:
            text = sdp.preferring(str(body), codecs)
            body = MsgBody(text) if text else None
        if body is not None:
            body.needs_update = False
        return body

    # --- silence ------------------------------------------------------------------------------------------------------

    def _listen(self, bridge: Bridge) -> None:
        self._asked = bridge.callee.tr
        bridge.later(bridge.route.silent_seconds, partial(self._heard, bridge.callee))

    def _heard(self, leg: Leg) -> None:
        bridge = self._bridge()
        if bridge is None or bridge.stage is not Stage.DIALLING or bridge.callee is not leg or bridge.progress.heard:
            return
        if leg.told_from_elsewhere and not bridge.route.emergency:
            _log.warning("not_from_the_trunk", call_id=bridge.id, trunk=bridge.route.name)
            bridge.give_up(bridge.pending.refusal, "answer_not_from_trunk")
        elif leg.tr is not self._asked or bridge.asks_again:  # sent again, with credentials
            self._listen(bridge)
        elif self._any_left(bridge):
            bridge.engine.unheard(bridge.route)
            self._give_up(bridge, leg)
            self._next(bridge, "silent")

    def _give_up(self, bridge: Bridge, leg: Leg) -> None:
        """Stop waiting for this trunk, and follow what it still sends."""
        self.given_up.append((leg, bridge.route))
        leg.give_up(partial(self._late, bridge, leg), reason("trunk_silent", 408), LATE_SECONDS)

    def _late(self, bridge: Bridge, leg: Leg, code: int) -> None:
        """A leg that was given up has had an answer; 408: none, to the end."""
        if leg.settled:
            self.given_up = [(each, route) for each, route in self.given_up if each is not leg]
        bridge.engine.legs_changed(bridge)
        if not 100 < code < 300 or bridge.stage is not Stage.DIALLING or bridge.progress.rung or bridge.route.emergency:
            return
        _log.warning("silent_trunk_rings", call_id=bridge.id, code=code)
        bridge.give_up(bridge.pending.refusal, "answered_late" if code >= 200 else "rang_late")

    # --- connections --------------------------------------------------------------------------------------------------

    def lost(self) -> None:
        """The connection of the bridge's trunk is lost."""
        bridge = self._bridge()
        if bridge is None or bridge.asks_again or bridge.callee.tr is None or bridge.callee.over:
            return
        leg = bridge.callee
        if not bridge.engine.transactions.has_answer(leg.tr):
            self._pass_over(bridge, leg)
        elif self._lost is not leg:
            self._lost = leg
            bridge.later(LOST_SECONDS, partial(self._not_heard, leg))

    def back(self) -> None:
        """There is one again: the INVITE goes by it, where it may still leave."""
        bridge, leg = self._bridge(), self._lost
        if bridge is not None and leg is bridge.callee and not bridge.asks_again:
            bridge.ask_again(_LOST, partial(bridge.engine.transactions.send_again, leg.tr))

    def heard(self) -> None:
        """Note that the trunk has answered."""
        self._lost = None

    def _not_heard(self, leg: Leg) -> None:
        bridge = self._bridge()
        if bridge is None or bridge.stage is not Stage.DIALLING or bridge.callee is not leg or self._lost is not leg:
            return
        if not bridge.progress.rung:
            self._pass_over(bridge, leg)
        elif not bridge.route.emergency:
            bridge.give_up(480, _LOST, passed=(480, "Temporarily Unavailable"))

    def _pass_over(self, bridge: Bridge, leg: Leg) -> None:
        """Go on to the next trunk; an emergency call that has none left waits."""
        self._lost = None
        if self._any_left(bridge):
            self._give_up(bridge, leg)
            self._next(bridge, _LOST)
        elif not bridge.route.emergency:
            self._give_up(bridge, leg)
            bridge.give_up(408, UNREACHABLE, passed=UNAVAILABLE)
