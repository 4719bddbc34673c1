"""A carrier outside of calls: is it there (OPTIONS), does it know us (REGISTER). Lives on the line thread alone.

What is known of a carrier.

The connection to a carrier by TCP or TLS: opened at the start, opened again whenever it is lost.

What goes to that carrier goes by it or not at all, never by UDP. While it is not there an INVITE fails at once, as
where a carrier does not answer; what ends a call waits for the next connection. What becomes of an INVITE that had left
when the connection was lost is a matter of its call (``trunk_failover``).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import structlog
from msgspec.structs import replace

from gate.config import Config, Trunk
from gate.core.rows.calls import TrunkHealth
from gate.core.sdp import whole
from gate.sip.auth import answers_to
from gate.sip.connection import Connection
from gate.sip.header_fields import parameters_of, split_list
from gate.sip.message import Address, SipMessage
from gate.sip.peers import Endpoint
from gate.sip.routes import Route
from gate.sip.streams import CARRIER, StreamEndpoint, Streams
from gate.sip.udp import local_towards

if TYPE_CHECKING:
    from gate.sip.engine import Engine


_log = structlog.get_logger("gate.sip")

OVERDUE_SECONDS = 8.0
"""No answer to OPTIONS in this time: the trunk is down."""
DOWN_SECONDS = 5.0
"""Longest interval of OPTIONS while it is: the first call after its return goes through."""
UNHEARD_SECONDS = 60.0
"""So long an INVITE that had no answer counts for a trunk that answers no OPTIONS either."""
REGISTER_SECONDS = 600
RETRY_SECONDS = (30.0, 60.0, 120.0, 300.0)


@dataclass
class _Dialogue:
    """What stays the same from one request to the next: RFC 3261 10.2 wants one Call-ID and a rising CSeq."""

    method: str
    call_id: str
    tag: str
    cseq: int = 0


class TrunkMonitor:
    """Monitors one carrier. ``status`` is what is known now; ``on_change`` is called when it changes."""

    def __init__(self, engine: Engine, trunk: Trunk, route: Route, on_change: Callable[[TrunkHealth], None]) -> None:
        self._engine = engine
        self._config = trunk
        self._route = route
        self._on_change = on_change
        self.status = TrunkHealth(trunk.name)
        self._timers: dict[str, Any] = {}
        self._options = self._registration = _Dialogue("", "", "")
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

        def answered(code: int, _: SipMessage | None) -> None:
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
        def answered(code: int, response: SipMessage | None) -> None:
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
        return _Dialogue(method, token_hex(16), token_hex(8))

    def _send(
        self, dialogue: _Dialogue, answered: Callable[[int, SipMessage | None], None], credentials: str = ""
    ) -> None:
        """Send the next request; a challenge is answered once (and once more where only its nonce was too old)."""
        if self._stopped:
            return
        at = self._engine.address_of(self._route)
        if at is None:  # its domain names no server now
            self._engine.after(0.0, lambda: answered(408, None))
            return
        dialogue.cseq += 1
        uri = f"sip:{at[0]}{f':{at[1]}' if at[1] != 5060 else ''}"

        def got(response: SipMessage | None) -> None:
            code = 408 if response is None else response.code
            if code < 200 or self._stopped:
                return
            again = self._credentials(dialogue.method, uri, response, tried=bool(credentials))
            if again:
                self._send(dialogue, answered, again)
            else:
                answered(code, response)

        text = partial(self._text, dialogue, uri, at[0], dialogue.cseq, credentials)
        self._engine.transactions.ask(text, dialogue.method, at, self._flow, got)

    def _text(
        self, dialogue: _Dialogue, uri: str, domain: str, cseq: int, credentials: str, way: Endpoint, branch: str
    ) -> bytes:
        """A request as it leaves by this way."""
        (host, port), transport = way.getSIPaddr()
        user = f"{self._config.username}@" if self._config.username else ""
        by = f";transport={transport}" if transport != "udp" else ""
        expires = f";expires={REGISTER_SECONDS}" if dialogue.method == "REGISTER" else ""
        return (
            f"{dialogue.method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}{domain}>;tag={dialogue.tag}\r\nTo: <sip:{user}{domain}>\r\n"
            f"Call-ID: {dialogue.call_id}\r\nCSeq: {cseq} {dialogue.method}\r\n"
            f"Contact: <sip:{user}{host}:{port}{by}>{expires}\r\n{credentials}Content-Length: 0\r\n\r\n"
        ).encode("latin-1", "replace")

    def _credentials(self, method: str, uri: str, response: SipMessage | None, *, tried: bool) -> str:
        """The header that answers a challenge; empty where there is none to give."""
        if response is None or response.code not in (401, 407) or not self._config.username:
            return ""
        digests, password = self._route.form.digests, self._route.password
        found, stale = answers_to(response, self._config.username, password, method, uri, digests, body="")
        return found if not tried or stale else ""

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


def _granted(response: SipMessage | None) -> float:
    """Seconds that the registrar gave: of our contact, else of Expires, else what was asked for."""
    if response is not None:
        contacts = [each for value in response.all("contact") for each in split_list(value)]
        for expires in [parameters_of(each).get("expires", "") for each in contacts] + response.all("expires"):
            if (seconds := whole(expires.strip())) is not None:
                return float(seconds)
    return float(REGISTER_SECONDS)


AGAIN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds from a lost or failed connection to the next attempt."""


class TrunkFlow(Endpoint):
    """The way to one carrier. Line thread. ``on_change(up, why)`` when the connection comes and goes."""

    reliable = True
    fails_at_once = True

    def __init__(self, engine: Engine, config: Config, trunk: Trunk, route: Route, streams: Streams) -> None:
        self._engine = engine
        self._streams = streams
        self.transport = trunk.transport
        self._trunk = trunk
        self._peer = route.address
        self._path = config.path
        self._closed = False
        self._attempts = 0
        self.connection: Connection | None = None
        self.up = False
        self.why_down = ""
        """Why there is no connection; empty where there is one, or none was tried yet."""
        self.on_change: Callable[[bool], None] = lambda up: None
        listening = streams.addresses(trunk.transport)
        self._port = listening[0][1] if listening else 0
        self.address: Address = (local_towards(route.address[0]), self._port or 5060)

    # --- what sippy calls ---------------------------------------------------------------------------------------------

    def send_to(self, data: bytes | str, address: Address, delayed: bool = False) -> None:
        """Send by the connection, or when the one under way has come about."""
        way = self.way()
        if way is None:
            _log.debug("no connection to the trunk; a message is dropped", trunk=self._trunk.name)
        else:
            self._streams.io.send(way, data if isinstance(data, bytes) else data.encode("utf-8", "replace"))

    def way(self) -> Connection | None:
        """The connection there is, or that is under way."""
        return None if self.connection is None or self.connection.closed else self.connection

    def same_peer(self, other: Endpoint) -> bool:
        """Whether it came by our own connection to the trunk, or by one with the certificate of the trunk."""
        if self._trunk.peer_certificate and other.pbx == f"{CARRIER}{self._trunk.name}":
            return True
        return isinstance(other, StreamEndpoint) and other.connection is self.connection is not None

    @property
    def _believes_others(self) -> bool:
        """Connections that the carrier opens may be its own: it may be sent to the gate's listener. Otherwise its
        requests shall come by ours."""
        return bool(self._trunk.peer_certificate or (self.transport == "tcp" and self._trunk.addresses))

    # --- the connection -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, now."""
        if not self._closed:
            self._attempts += 1
            threading.Thread(target=self._look_up, name="sip-trunk", daemon=True).start()

    def stop(self) -> None:
        """No more connections; the one there is ends with the line."""
        self._closed = True

    def _look_up(self) -> None:
        """On a thread of its own: the carrier's addresses, and the files of certificates."""
        host, port = self._peer
        found: list[tuple[int, str, int]] = []
        context, why = None, ""
        try:
            if self.transport == "tls":
                context = self._context()
            servers = self._engine.names.servers(self._trunk.name)
            if servers is not None:
                found = [(socket.AF_INET, *server) for server in servers]
                why = "" if servers else "its domain names no server that is known"
            else:
                infos = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
                found = [(family, str(name[0]), port) for family, _, _, _, name in infos if family in _FAMILIES]
        except (OSError, ValueError) as error:
            why = str(error)
        self._streams.post(partial(self._dial, found, context, why))

    def _context(self) -> ssl.SSLContext:
        trunk = self._trunk
        context = ssl.create_default_context(cafile=str(self._path(trunk.ca)) if trunk.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if trunk.certificate:
            key = self._path(trunk.key) if trunk.key else None
            context.load_cert_chain(self._path(trunk.certificate), key, password="")
        return context

    def _dial(self, found: list[tuple[int, str, int]], context: ssl.SSLContext | None, why: str) -> None:
        if self._closed:
            return
        if not found:
            self._lost(None, why or "the name has no address")
            return
        family, host, port = found[(self._attempts - 1) % len(found)]
        address = (f"[{host}]" if family == socket.AF_INET6 else host, port)
        name = self._peer[0].strip("[]")
        try:
            self.connection = self._streams.io.dial(
                address, family, context, name,
                lambda connection: self._streams.post(partial(self._came, connection)),
                lambda connection, why: self._streams.post(partial(self._lost, connection, why)),
            )  # fmt: skip
        except OSError as error:
            self._lost(None, str(error))

    def _came(self, connection: Connection) -> None:
        if connection is not self.connection or connection.closed:
            return
        self._attempts = 0
        self.up, self.why_down = True, ""
        self.address = self._streams.here(connection) if self._believes_others else connection.local
        _log.info("connected to the trunk", trunk=self._trunk.name, transport=self.transport)
        self.on_change(True)
        self._engine.connection_changed(self)

    def _lost(self, connection: Connection | None, why: str) -> None:
        if connection is not self.connection and connection is not None:
            return
        self.up, self.why_down = False, why or "the carrier closed it"
        if self._closed:
            return
        self._engine.connection_changed(self)
        again = AGAIN_SECONDS[min(self._attempts, len(AGAIN_SECONDS) - 1)]
        _log.warning("no connection to the trunk", trunk=self._trunk.name, why=self.why_down, again_in=again)
        self._engine.transactions.lost(self)
        self._engine.after(again, self.start)
        self.on_change(False)


_FAMILIES = (socket.AF_INET, socket.AF_INET6)
