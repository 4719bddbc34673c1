"""Is the far end still there? Both peers of an answered call are asked from time to time (OPTIONS inside the dialog).

A peer that does not answer, or says that it knows no such call (481), is dead: the call ends on both sides
(RFC 3261 12.2.1.2). Any other answer, 405 and 501 too, is a sign of life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import proxy

import structlog

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_log = structlog.get_logger("gate.sip")


class Alive:
    """The watch over one call. A dead peer is noticed ``sip.dead_peer_seconds`` after its last sign of life."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge: Bridge = proxy(bridge)  # a call that is over goes at once, not when the collector comes
        self._interval = max(1.0, bridge.engine.config.sip.dead_peer_seconds / 2)
        self._timers: dict[str, Any] = {}

    def start(self) -> None:
        """The callee has answered; the caller is asked once it is connected."""
        for side in ("caller", "callee"):
            self._later(side)

    def stop(self) -> None:
        """The call is over."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _later(self, side: str) -> None:
        self._timers[side] = self._bridge.engine.after(self._interval, lambda: self._ask(side))

    def _ask(self, side: str) -> None:
        leg = self._bridge.caller if side == "caller" else self._bridge.callee
        if not leg.can_update():
            self._later(side)
            return
        overdue = self._timers[side] = self._bridge.engine.after(self._interval, lambda: self._dead(side))

        def answered(code: int) -> None:
            if not overdue.running:
                return
            overdue.cancel()
            if code in (408, 481):
                self._dead(side)
            else:
                self._later(side)

        leg.ask_alive(answered)

    def _dead(self, side: str) -> None:
        _log.warning("a peer answers no more", call_id=self._bridge.id, side=side)
        self._bridge.hung_up(side)
