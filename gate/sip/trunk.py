"""A carrier outside of calls: is it there (OPTIONS), does it know us (REGISTER). Lives on the line thread alone.

Both are written on sippy's transactions: its own registration agent answers a 407 in the wrong header and renews only
when the registration has run out.

What is known of a carrier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from gate.sip.header_fields import whole
from gate.sip.sippy_adapter.classes import (
    SipAddress,
    SipCallId,
    SipContact,
    SipFrom,
    SipHeader,
    SipRequest,
    SipTo,
    SipURL,
)
from gate.sip.sippy_adapter.patches import guarded

if TYPE_CHECKING:
    from gate.config import Trunk
    from gate.sip.engine import Engine
    from gate.sip.routes import Route


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """A carrier, as last seen. None: not asked (``trunk.options_seconds = 0``), not answered yet, or not
    configured."""

    name: str = ""
    up: bool | None = None
    """It answers OPTIONS."""
    registered: bool | None = None
    """It has accepted our REGISTER."""
    code: int = 0
    """Its last answer to OPTIONS."""


_log = structlog.get_logger("gate.sip")

OVERDUE_SECONDS = 8.0
"""No answer to OPTIONS in this time: the trunk is down."""
DOWN_SECONDS = 5.0
"""Longest interval of OPTIONS while it is: the first call after its return goes through."""
UNHEARD_SECONDS = 60.0
"""So long an INVITE that had no answer counts for a trunk that answers no OPTIONS either."""
REGISTER_SECONDS = 600
RETRY_SECONDS = (30.0, 60.0, 120.0, 300.0)
_ANSWERS = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}


@dataclass
class _Dialogue:
    """What stays the same from one request to the next: RFC 3261 10.2 wants one Call-ID and a rising CSeq."""

    method: str
    call_id: Any
    tag: str
    cseq: int = 0


class TrunkMonitor:
    """Monitors one carrier. ``status`` is what is known now; ``on_change`` is called when it changes."""

    def __init__(self, engine: Engine, trunk: Trunk, route: Route, on_change: Callable[[TrunkStatus], None]) -> None:
        self._engine = engine
        self._config = trunk
        self._route = route
        self._on_change = on_change
        self.status = TrunkStatus(trunk.name)
        self._timers: dict[str, Any] = {}
        self._options = self._registration = _Dialogue("", None, "")
        self._asked: object = None
        """The OPTIONS that was sent last."""
        self._failures = 0
        self._answers = False
        """It has answered OPTIONS since the start: silence means something."""
        self._unheard_until = 0.0
        self._stopped = False
        self._flow = engine.flow_of(route)
        if self._flow is not None:
            self._flow.on_change = self._connected

    def _connected(self, up: bool) -> None:
        """The connection has come, or is lost: a carrier without one is down."""
        for name in ("OPTIONS", "REGISTER", "overdue"):
            if name in self._timers:
                self._timers.pop(name).cancel()
        if up:
            self._failures = 0
            if not self._config.options_seconds:
                self._change(up=True)
            self._begin()
        else:
            self._change(up=False, registered=False if self._config.register else None)

    @property
    def down(self) -> bool:
        """It is known that a call would have no answer. A trunk by TCP or TLS: there is no connection. Another one
        answers no OPTIONS: though it has, or lately no INVITE either, for some carriers never answer them. One that is
        sent none answers no REGISTER. Of a domain with several servers one alone is asked, so it is down where it has
        none."""
        if self._flow is not None:
            return bool(self._flow.why_down)
        servers = self._engine.names.servers(self._config.name)
        if servers is not None and len(servers) != 1:
            return not servers
        return self.status.up is False and (self._answers or time.monotonic() < self._unheard_until)

    def unheard(self) -> None:
        """An INVITE had no answer at all: it is asked now."""
        self._unheard_until = time.monotonic() + UNHEARD_SECONDS
        if self._flow is None and self.status.up:
            if self._config.options_seconds:
                self._ask_in(0.0)
            elif self._config.register:
                self._register_in(0.0)

    def start(self) -> None:
        """Ask, and register where that is configured; by a connection, once there is one."""
        if self._flow is None:
            self._begin()

    def _begin(self) -> None:
        if self._config.options_seconds:
            self._options = self._dialogue("OPTIONS")
            self._ask()
        if self._config.register:
            self._registration = self._dialogue("REGISTER")
            self._register()

    def stop(self) -> None:
        """No more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        if self._flow is not None:
            self._flow.stop()

    # --- OPTIONS ----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        seconds = float(self._config.options_seconds)
        asked = self._asked = object()

        def silent() -> None:
            self._change(up=False)
            self._ask_in(0.0)

        def answered(code: int, _: Any) -> None:
            up = code not in (408, 503)
            if asked is self._asked:
                overdue.cancel()
                self._ask_in(seconds if up else min(seconds, DOWN_SECONDS))
            elif code == 408:  # of one that is asked again by now
                return
            self._answers = self._answers or code != 408
            self._change(up=up, code=code)

        overdue = self._timers["overdue"] = self._engine.after(OVERDUE_SECONDS, silent)
        self._send(self._options, answered)

    def _ask_in(self, seconds: float) -> None:
        if not self._stopped:
            for name in ("OPTIONS", "overdue"):
                if name in self._timers:
                    self._timers[name].cancel()
            self._timers["OPTIONS"] = self._engine.after(seconds, self._ask)

    # --- REGISTER ---------------------------------------------------------------------------------------------------

    def _register(self) -> None:
        def answered(code: int, response: Any) -> None:
            if not self._config.options_seconds and self._flow is None:
                self._answers = True
                self._change(up=code != 408)
            if 200 <= code < 300:
                self._failures = 0
                granted = _granted(response)
                again = max(granted - 30.0, granted * 0.5)
                self._change(registered=True)
            else:
                again = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)] if code != 408 else DOWN_SECONDS
                self._failures += 1
                _log.warning("the trunk does not register us", code=code, again_in=again)
                self._change(registered=False)
            self._register_in(again)

        self._send(self._registration, answered)

    def _register_in(self, seconds: float) -> None:
        if "REGISTER" in self._timers:
            self._timers["REGISTER"].cancel()
        self._timers["REGISTER"] = self._engine.after(seconds, self._register)

    # --- both ---------------------------------------------------------------------------------------------------------

    def _dialogue(self, method: str) -> _Dialogue:
        sender = SipFrom()
        sender.genTag()
        return _Dialogue(method, SipCallId(), sender.getTag())

    def _send(self, dialogue: _Dialogue, answered: Callable[[int, Any], None], answer: Any = None) -> None:
        """Send the next request; a challenge is answered once (and once more where only its nonce was too old)."""
        if self._stopped:
            return
        at = self._engine.address_of(self._route)
        if at is None:  # its domain names no server now
            self._engine.after(0.0, lambda: answered(408, None))
            return
        host, port = at
        user = self._config.username or None
        party = SipAddress(url=SipURL(username=user, host=host, port=None), hadbrace=True)
        sender = SipFrom(address=party.getCopy())
        sender.setTag(dialogue.tag)
        contact = SipAddress(url=SipURL(username=user), hadbrace=True)
        if dialogue.method == "REGISTER":
            contact.setParam("expires", str(REGISTER_SECONDS))
        dialogue.cseq += 1
        request = SipRequest(
            method=dialogue.method, ruri=SipURL(host=host, port=port), to=SipTo(address=party), fr0m=sender,
            cseq=dialogue.cseq, callid=dialogue.call_id.getCopy(), contact=SipContact(address=contact),
            target=((host, port), "udp"),
        )  # fmt: skip
        if answer is not None:
            request.appendHeader(SipHeader(body=answer))

        def got(response: Any) -> None:
            code = response.getSCode()[0]
            if code < 200 or self._stopped:
                return
            credentials = self._credentials(dialogue.method, request, response, tried=answer is not None)
            if credentials is not None:
                self._send(dialogue, answered, credentials)
            else:
                answered(code, response)

        self._engine.transactions.newTransaction(
            request, guarded(f"answer to {dialogue.method}", got), userv=self._flow
        )

    def _credentials(self, method: str, request: Any, response: Any, tried: bool) -> Any:
        """The answer to a challenge, or None where there is none to give."""
        names = _ANSWERS.get(response.getSCode()[0])
        if names is None or not self._config.username:
            return None
        for challenge in response.getHFBodys(names[0]):
            stale = any(
                name.lower() == "stale" and str(value).strip('"').lower() == "true"
                for name, value in challenge.otherparams
            )
            supported, qop = challenge.supportedAlgorithm()
            taken = self._route.form.digests is None or challenge.algorithm in self._route.form.digests
            if supported and taken and (not tried or stale):
                uri = str(request.getRURI())
                return challenge.genAuthHF(self._config.username, self._route.password, method, uri, None, qop)
        return None

    def _change(self, up: bool | None = None, registered: bool | None = None, code: int = 0) -> None:
        before = self.status
        after = replace(before, code=code or before.code)
        if up is not None:
            after = replace(after, up=up)
        if registered is not None:
            after = replace(after, registered=registered)
        self.status = after
        if (before.up, before.registered) != (after.up, after.registered):
            _log.info("trunk", name=self._config.name, up=after.up, registered=after.registered, code=after.code)
            self._on_change(after)


def _granted(response: Any) -> float:
    """Seconds that the registrar gave: of our contact, else of Expires, else what was asked for."""
    for contact in response.getHFBodys("contact"):
        seconds = whole(str(contact.address.params.get("expires", "")))
        if seconds is not None:
            return float(seconds)
    if response.countHFs("expires"):
        return float(response.getHFBody("expires").getNum())
    return float(REGISTER_SECONDS)
