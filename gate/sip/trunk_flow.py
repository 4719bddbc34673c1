"""The connection to a carrier by TCP or TLS: opened at the start, opened again whenever it is lost.

What goes to that carrier goes by it or not at all, never by UDP. While it is not there an INVITE fails at once, as
where a carrier does not answer; what ends a call waits for the next connection. What becomes of an INVITE that had left
when the connection was lost is a matter of its call (``trunk_failover``).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.config import Config, Trunk
from gate.sip.connection import Connection
from gate.sip.endpoint import Endpoint
from gate.sip.message import Address
from gate.sip.routes import Route
from gate.sip.streams import CARRIER, StreamEndpoint, Streams
from gate.sip.udp import local_towards

if TYPE_CHECKING:
    from gate.sip.engine import Engine

_log = structlog.get_logger("gate.sip")

AGAIN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""From a connection that is lost, or did not come about, to the next attempt."""


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
        """What came by our own connection to it, or by one on which it has shown its certificate."""
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
                told = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
                found = [(family, str(name[0]), port) for family, _, _, _, name in told if family in _FAMILIES]
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
