"""Session timers (RFC 4028): each side of a call says again, before a time that both agreed on, that it goes on.

The gate asks for one of each peer that knows them (``Supported: timer``), each side of a call by itself, and refreshes
where the peer does not: by UPDATE where the peer allows it, else by a re-INVITE with the SDP that was agreed last. A
call whose time has run out is ended (``session_expired``); one that the gate refreshes and whose audio goes on is not,
for phones that answer nothing and talk are common (``gate.sip.liveness``). Nothing of this ends an emergency call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import proxy

import structlog

from gate.core.bridging import Stage
from gate.core.sdp import whole
from gate.sip.header_fields import parameters, split_list

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge

_log = structlog.get_logger("gate.sip")

LEAST_SECONDS = 90
"""The shortest time there is (RFC 4028 section 5)."""
OPTION = "timer"
MOST_RAISED = 8
"""How often a session timer may be too short for the far end: each hop of the way may want more, once."""
REFRESH_AT = (0.4, 0.5, 0.6)
"""When a session is refreshed, as parts of its time: until one is taken, which starts the time anew."""


def interval(value: str | None) -> tuple[int, str] | None:
    """Seconds and refresher (``uac``, ``uas``, empty) of a Session-Expires value; None where there is none."""
    number, _, params = (value or "").partition(";")
    seconds = whole(number.strip(), 7)
    return None if seconds is None else (seconds, parameters(params).get("refresher", "").lower())


def has_option(values: list[str]) -> bool:
    """The ``timer`` option is among these values of Supported or Require."""
    return any(option.lower() == OPTION for value in values for option in split_list(value))


def longer(value: str | None, supported: list[str]) -> int:
    """What has to be asked for in place of this Session-Expires (RFC 4028 section 9); 0 where it will do, and where the
    peer would not know the answer."""
    asked = interval(value)
    return LEAST_SECONDS if asked is not None and asked[0] < LEAST_SECONDS and has_option(supported) else 0


@dataclass(frozen=True, slots=True)
class TimerHeaders:
    """The session timer headers of a peer's message."""

    interval: tuple[int, str] | None
    supported: bool
    least: int
    """Min-SE; 0 for none."""
    updates: bool
    """It allows UPDATE."""


class SessionTimer:
    """The timer of one leg."""

    def __init__(self) -> None:
        self.wanted = 0
        """Seconds to ask for; 0: none is asked for, and one is kept where the peer asks."""
        self.seconds = 0
        """As agreed; 0: there is none."""
        self.ours = False
        """The gate refreshes."""
        self.least = 0
        """Min-SE that was heard on the way (422)."""
        self._raised = 0
        """How often that was."""
        self.updates = False
        self._next: tuple[int, bool] | None = None
        """What the answer to the peer's request says, until it is said."""
        self._begun = False
        self.on_begin: Callable[[], None] = lambda: None

    # --- the peer asks, we answer -------------------------------------------------------------------------------------

    def asked(self, headers: TimerHeaders) -> None:
        """An INVITE, re-INVITE or UPDATE of the peer: what our 2xx will say (RFC 4028 section 9)."""
        self.updates = headers.updates or self.updates
        least = max(LEAST_SECONDS, headers.least)
        seconds, refresher = headers.interval or (0, "")
        if headers.interval is None and headers.supported and self.wanted:
            seconds = max(self.wanted, least)
        elif seconds < LEAST_SECONDS:  # of a proxy's, for a peer that knows no 422
            seconds = 0
        elif self.wanted:
            seconds = max(min(seconds, self.wanted), least)
        self._next = (seconds, not (headers.supported and refresher == "uac"))

    def answer_headers(self) -> list[tuple[str, str]]:
        """The headers of our 2xx to it."""
        seconds, ours = self._next or (0, False)
        headers = [("supported", OPTION)]
        if seconds:
            headers.append(("session-expires", f"{seconds};refresher={'uas' if ours else 'uac'}"))
            headers += [] if ours else [("require", OPTION)]
        return headers

    def answered(self) -> None:
        """Our 2xx has left."""
        agreed, self._next = self._next, None
        if agreed is not None:
            self._begin(*agreed)

    # --- we ask, the peer answers -------------------------------------------------------------------------------------

    def request_headers(self) -> list[tuple[str, str]]:
        """The headers of our INVITE, re-INVITE or UPDATE."""
        headers = [("supported", OPTION)]
        if seconds := self.seconds or (0 if self._begun else self.wanted):
            seconds = max(seconds, self.least, LEAST_SECONDS)
            who = f";refresher={'uac' if self.ours else 'uas'}" if self._begun else ""
            headers.append(("session-expires", f"{seconds}{who}"))
            headers += [("min-se", str(self.least))] if self.least else []
        return headers

    def taken(self, headers: TimerHeaders) -> None:
        """Its 2xx (RFC 4028 section 7.2). Less than the least is not believed: it would be a storm of refreshes."""
        self.updates = headers.updates or self.updates
        seconds, refresher = headers.interval or (0, "")
        self._begin(max(seconds, LEAST_SECONDS) if seconds else 0, refresher != "uas")

    def too_brief(self, least: int) -> bool:
        """Its 422, with Min-SE; True where the same request is to be sent again with so much."""
        self._raised += 1
        if self._raised > MOST_RAISED or not max(self.least, LEAST_SECONDS) < least < 10**7:
            return False
        self.least = least
        return True

    def _begin(self, seconds: int, ours: bool) -> None:
        self.seconds, self.ours, self._begun = seconds, ours, True
        self.on_begin()


class SessionTimers:
    """The timers of one call."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge: Bridge = proxy(bridge)  # a call that is over goes at once, not when the collector comes
        self._timers: dict[str, tuple[Any, ...]] = {}
        self._over = False

    def attend(self, side: str) -> None:
        """Keep the timer of the leg that ``side`` has now."""
        leg = self._leg(side)
        if not self._bridge.route.emergency:
            leg.session.wanted = self._bridge.session_seconds(side)
        leg.session.on_begin = lambda: self._begin(side)

    def goes_on(self, side: str) -> None:
        """Take over a side from another call, with what it has agreed on."""
        self._begin(side)

    def left(self, side: str) -> None:
        """Forget a side that has gone."""
        self._cancel(side)

    def stop(self) -> None:
        """The call is over."""
        self._over = True
        for side in list(self._timers):
            self._cancel(side)

    def _leg(self, side: str) -> Any:
        return self._bridge.caller if side == "caller" else self._bridge.callee

    def _cancel(self, side: str) -> None:
        for timer in self._timers.pop(side, ()):
            timer.cancel()

    def _begin(self, side: str) -> None:
        """The time runs from now on."""
        self._cancel(side)
        session = self._leg(side).session
        if self._over or not session.seconds:
            return
        seconds, after, safely = session.seconds, self._bridge.engine.after, self._bridge.safely
        timers = [after(seconds - min(32, seconds / 3), safely(lambda: self._expired(side)))]
        if session.ours:
            timers += [after(seconds * part, safely(lambda: self._refresh(side))) for part in REFRESH_AT]
        self._timers[side] = tuple(timers)

    def _refresh(self, side: str) -> None:
        def answered(code: int) -> None:
            if code == 481 and self._bridge.stage is not Stage.OVER:
                _log.warning("a peer knows no such call", call_id=self._bridge.id, side=side)
                self._bridge.hung_up(side, "call_unknown")

        self._leg(side).refresh(self._bridge.safely(answered))

    def _expired(self, side: str) -> None:
        bridge, session = self._bridge, self._leg(side).session
        if bridge.route.emergency or (session.ours and bridge.liveness.talking):
            _log.warning("a session timer has run out in a call that goes on", call_id=bridge.id, side=side)
            self._begin(side)
            return
        _log.warning("a session timer has run out", call_id=bridge.id, side=side, refresher=session.ours)
        bridge.hung_up("gate", "session_expired")
