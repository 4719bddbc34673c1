"""Whether the parties are still there: by audio first, and by SIP only where there is no audio.

While RTP comes from a party it is there, whatever its peer answers: phones that ignore OPTIONS inside a dialog,
re-INVITEs or an ACK are common. Where nothing has come from both for half of ``sip.dead_peer_seconds``, both peers are
asked (OPTIONS). The call is ended where audio stays away so long and a peer does not answer either; on hold, where
silence is meant, only a peer that has answered before in this call and now does not for so long.

One of whom alone nothing has come for ``sip.dead_peer_seconds`` may be on mute, or a phone system that was killed and
cannot say so. It is asked by OPTIONS, and where it answers nothing to that, by what every phone answers: a refresh of
the session (UPDATE, or a re-INVITE with what was agreed last). Without an answer to either it is gone.

Nothing at all from a side in the first seconds of a talk is no end but an alarm (``one_sided``): a NAT, a firewall or a
wrong address keeps one from being heard, and from being recorded.

A peer that knows no such call (481) is gone (RFC 3261 12.2.1.2); one whose BYE came by a connection that is not its own
is asked at once. Every request of a peer inside the dialog, a refresh
of its session timer (RFC 4028) among them, is a sign of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import proxy

import structlog

from gate.core import sdp
from gate.core.bridging import Stage

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_log = structlog.get_logger("gate.sip")

CHECKS = 4
"""How often audio is looked at in ``sip.dead_peer_seconds``."""
ACK_WAITS = 1.0
"""Seconds in which audio must come from a caller that never acknowledged our answer."""
ONE_SIDED_SECONDS = 5.0
"""How long after the parties were joined it is looked whether both have sent audio since."""
Counts = tuple[int, int] | None
"""RTP packets so far from the caller and from the callee; None where the relay cannot tell."""


@dataclass(slots=True)
class _PeerState:
    """The state of one side."""

    asked: bool = False
    """A question is under way."""
    missed: int = 0
    """Checks since then without an answer or another sign."""
    speaks: bool = False
    """It has answered such a question in this call."""
    quiet: int = 0
    """Checks in a row in which no audio came from this side."""
    deaf: bool = False
    """It has answered nothing to OPTIONS."""
    refreshing: bool = False
    """It is asked by a refresh."""


class LivenessCheck:
    """The watch over one call."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge: Bridge = proxy(bridge)  # a call that is over goes at once, not when the collector comes
        self._interval = max(0.25, bridge.engine.config.sip.dead_peer_seconds / CHECKS)
        self._timers: dict[str, Any] = {}
        self._seen: Counts = None
        self._silent = 0
        """Checks in a row in which no audio came from either side."""
        self._peers = {"caller": _PeerState(), "callee": _PeerState()}

    def start(self) -> None:
        """The callee has answered."""
        for side in self._peers:
            self._leg(side).on_request = lambda side=side: self.heard(side)
            self._leg(side).on_doubt = lambda side=side: self._ask(side)
        self._bridge.caller.on_no_ack = self._unacknowledged
        self._later()

    def joined(self) -> None:
        """The parties hear each other from now on, or others do: both are to be heard, as soon as none is on hold."""
        self._bridge.engine.relay.packets(self._bridge.id, self._bridge.safely(self._talk_begins))

    def _talk_begins(self, before: Counts) -> None:
        def counted(now: Counts) -> None:
            if self._bridge.stage is Stage.OVER or before is None or now is None:
                return
            silent = [side for side, was, there in zip(self._peers, before, now, strict=True) if was == there]
            if silent and self._held:
                self.joined()
            elif silent:
                self._bridge.one_sided(silent)

        def look() -> None:
            self._bridge.engine.relay.packets(self._bridge.id, self._bridge.safely(counted))

        if (earlier := self._timers.get("one-sided")) is not None:
            earlier.cancel()
        self._timers["one-sided"] = self._bridge.engine.after(ONE_SIDED_SECONDS, self._bridge.safely(look))

    def stop(self) -> None:
        """The call is over."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def heard(self, side: str) -> None:
        """A sign of life by SIP."""
        peer = self._peers[side]
        peer.missed, peer.refreshing = 0, False
        if peer.quiet > CHECKS:
            peer.quiet = 0  # the time begins anew

    def unanswered(self, side: str) -> None:
        """A refresh had no answer."""
        if self._peers[side].refreshing and self._bridge.stage is not Stage.OVER:
            _log.warning("no sign of life", call_id=self._bridge.id, side=side, cause="peer_silent")
            self._bridge.hung_up("gate", "peer_silent")

    @property
    def talking(self) -> bool:
        """Audio came from somebody when it was looked at last."""
        return self._seen is not None and not self._silent

    def _leg(self, side: str) -> Any:
        return self._bridge.caller if side == "caller" else self._bridge.callee

    def _later(self) -> None:
        self._timers["check"] = self._bridge.engine.after(self._interval, self._bridge.safely(self._look))

    def _look(self) -> None:
        self._bridge.engine.relay.packets(self._bridge.id, self._bridge.safely(self._counted))

    def _counted(self, now: Counts) -> None:
        if self._bridge.stage is Stage.OVER:
            return
        self._silent = self._silent + 1 if now is None or now == self._seen else 0
        for place, peer in enumerate(self._peers.values()):
            heard = now is not None and (self._seen is None or now[place] != self._seen[place])
            peer.quiet = 0 if heard else peer.quiet + 1
        self._seen = now
        for peer in self._peers.values():
            peer.missed = peer.missed + 1 if peer.asked and self._silent else 0
        if dead := self._dead():
            _log.warning("no sign of life", call_id=self._bridge.id, cause=dead)
            self._bridge.hung_up("gate", dead)
            return
        if self._silent >= CHECKS // 2:
            for side in self._peers:
                self._ask(side)
        elif not self._held:
            for side, peer in self._peers.items():
                if peer.quiet >= CHECKS:
                    (self._refresh if peer.deaf else self._ask)(side)
        self._later()

    @property
    def _held(self) -> bool:
        return any(sdp.held(body) for body in (self._bridge.caller_sdp, self._bridge.callee_sdp))

    def _dead(self) -> str:
        """Why the call is to be ended; empty where it is not."""
        if self._held:
            gone = any(peer.speaks and peer.missed >= CHECKS for peer in self._peers.values())
            return "peer_silent" if gone and self._silent >= CHECKS else ""
        return "media_timeout" if self._silent >= CHECKS and any(each.missed for each in self._peers.values()) else ""

    def _ask(self, side: str) -> None:
        peer, leg = self._peers[side], self._leg(side)
        if peer.asked or not leg.can_update():
            return
        peer.asked = True

        def answered(code: int) -> None:
            if self._bridge.stage is Stage.OVER:
                return
            peer.asked = False
            if code == 481:
                _log.warning("a peer knows no such call", call_id=self._bridge.id, side=side)
                self._bridge.hung_up(side, "call_unknown")
            elif code != 408:  # that is our own word for silence
                peer.speaks, peer.deaf = True, False
                self.heard(side)
            else:
                peer.deaf = True

        leg.ask_alive(self._bridge.safely(answered))

    def _refresh(self, side: str) -> None:
        """Ask a last time, by a re-INVITE: its outcome is reported to ``heard`` and ``unanswered``."""
        peer, leg = self._peers[side], self._leg(side)
        if peer.refreshing or not leg.can_update() or self._bridge.offer_answer.from_side:
            return
        peer.refreshing = True

        def answered(code: int) -> None:
            if self._bridge.stage is Stage.OVER:
                return
            if code == 481:
                _log.warning("a peer knows no such call", call_id=self._bridge.id, side=side)
                self._bridge.hung_up(side, "call_unknown")
            else:
                (self.unanswered if code == 408 else self.heard)(side)

        leg.refresh(self._bridge.safely(answered))

    # --- an answer of ours that was not acknowledged ------------------------------------------------------------------

    def _unacknowledged(self) -> None:
        """Some phones send an ACK that fits no dialog: one that talks is there."""
        self._bridge.engine.relay.packets(self._bridge.id, self._bridge.safely(self._count_after))

    def _count_after(self, before: Counts) -> None:
        def counted(now: Counts) -> None:
            if self._bridge.stage is Stage.OVER:
                return
            if before is None or now is None or now[0] <= before[0]:
                self._bridge.hung_up("gate", "no_ack")
            else:
                _log.warning("a phone that talks never acknowledged our answer", call_id=self._bridge.id)

        def look() -> None:
            self._bridge.engine.relay.packets(self._bridge.id, self._bridge.safely(counted))

        self._timers["ack"] = self._bridge.engine.after(ACK_WAITS, self._bridge.safely(look))
