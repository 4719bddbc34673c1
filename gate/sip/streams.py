"""SIP over TCP and TLS, as the line thread sees it (RFC 3261 18): connections, and who has proven themselves on which.

An answer leaves by the connection that its request came by, and so do requests to the same peer (RFC 5923). Where that
connection is gone it leaves by the one on which the same account or PBX has proven itself last; a PBX is connected to
(RFC 3261 18.2.2). Where neither can be it waits for the caller to come back, or is dropped: what came by a connection
is never answered by UDP, nor what came by TLS without.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from gate.config import Config
from gate.errors import ConfigError
from gate.sip.connection import Connection, ConnectionBounds, Fault, Framed
from gate.sip.flood_filter import FloodFilter
from gate.sip.message import Address
from gate.sip.peers import Endpoint
from gate.sip.sippy_adapter.event_loop import StepQueue
from gate.sip.stream_io import Certificates, StreamIO
from gate.sip.udp import BACKLOG, split_address

_log = structlog.get_logger("gate.sip")

IDLE_SECONDS = 600.0
"""A connection on which nothing has come for so long is closed, or after the longest registration where that is
longer."""
RETURN_SECONDS = 300.0
"""So long is waited for a caller to come back."""
CARRIER = "carrier:"
"""Before the name of a trunk, where its certificate was shown."""
_BACKLOG = 128
Receiver = Callable[[bytes, Address, Endpoint, Fault | None], None]


class StreamEndpoint(Endpoint):
    """A connection, or the way to a caller by whichever connection it has."""

    reliable = True

    def __init__(
        self, owner: Streams, transport: str, address: Address, connection: Connection | None, claimed_by: str = "",
        back: Address | None = None,
    ) -> None:  # fmt: skip
        self.owner = owner
        self.transport, self.secure = transport, transport == "tls"
        self.address = address
        self.connection = connection
        self.claimed_by = claimed_by
        self.back = back
        self.pbx = connection.pbx if connection else ""

    def send_to(self, data: bytes | str, address: Address, delayed: bool = False) -> None:
        """Send by the connection there is; ``address`` is of no account."""
        self.owner.send(self, data if isinstance(data, bytes) else data.encode("utf-8", "replace"))

    def belonging_to(self, claimed_by: str, back: Address | None = None) -> StreamEndpoint:
        """As ``Endpoint.belonging_to``."""
        return StreamEndpoint(self.owner, self.transport, self.address, self.connection, claimed_by, back)

    def proven(self, claimed_by: str) -> None:
        """Bind this caller to this connection, by which it has proven itself."""
        if self.connection is not None:
            self.connection.proven = True
            self.owner.note(self, claimed_by)

    def is_of(self, claimed_by: str) -> bool:
        """As ``Endpoint.is_of``."""
        return self.connection is not None and self.owner.is_of(self.connection, claimed_by)

    def way(self) -> object:
        """The connection by which something would leave now, or the address that would be connected to."""
        return self.current() or self.back

    def current(self) -> Connection | None:
        """The connection of this caller that there is."""
        if self.connection is not None and not (self.connection.closed or self.connection.half):
            return self.connection
        return self.owner.newest(self.claimed_by, self.transport)

    @property
    def gone(self) -> bool:  # type: ignore[override]
        """As ``Endpoint.gone``."""
        return self.connection is not None and self.connection.half and self.current() is None

    def same_peer(self, other: Endpoint) -> bool:
        """The same connection, or another one of the same caller."""
        if not isinstance(other, StreamEndpoint) or other.transport != self.transport or other.connection is None:
            return False
        return other.connection is self.connection or self.owner.is_of(other.connection, self.claimed_by)

    def kept(self) -> dict[str, Any]:
        """Its caller, and where that one can be connected to; ``Streams.found`` reads it."""
        back = {"back": list(self.back)} if self.back else {}
        return {"way": {"transport": self.transport, "caller": self.claimed_by} | back}

    def hang_up(self) -> None:
        """Close the connection once all is sent."""
        if self.connection is not None:
            self.owner.io.hang_up(self.connection)


class Streams:
    """All connections. ``open`` in any thread; everything else on the line thread."""

    def __init__(self, config: Config, steps: StepQueue, receive: Receiver, flood_filter: FloodFilter) -> None:
        sip = config.sip
        self._listen = {
            transport: [split_address(part) for part in text.split(",") if part.strip()]
            for transport, text in (("tcp", sip.tcp), ("tls", sip.tls))
        }
        self._steps = steps
        self._receive = receive
        self._sockets: list[tuple[socket.socket, str, Address]] = []
        self.certificates = _certificates(config) if sip.tls else None
        self.bounds = ConnectionBounds(sip.connections, sip.connections_each)
        self.io = StreamIO(
            flood_filter, self.bounds, self.certificates, max(IDLE_SECONDS, sip.registration_seconds + 60.0),
            self._take, self._over, lambda: len(steps) > BACKLOG,
        )  # fmt: skip
        self._endpoints: dict[Connection, StreamEndpoint] = {}
        self._of: dict[Connection, dict[str, None]] = {}
        """Connection -> the callers that have proven themselves on it."""
        self._callers: dict[str, dict[Connection, None]] = {}
        """Caller -> its connections, the one that was used last at the end."""
        self._awaited: dict[str, list[tuple[float, Callable[[], None]]]] = {}
        self._dialled: dict[tuple[str, Address], Connection] = {}
        """Our own connections to PBXs, by transport and address."""
        self._under_way: dict[Connection, list[tuple[StreamEndpoint, bytes]]] = {}
        """What was sent by those of them that have not come about yet."""
        self.on_wait: Callable[[float], None] = lambda seconds: None

    # --- start and stop -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Bind every address of ``sip.tcp`` and ``sip.tls``.

        Raises:
            ConfigError: an address is taken or not this machine's.
        """
        for transport, addresses in self._listen.items():
            for host, port in addresses:
                family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
                sock = socket.socket(family, socket.SOCK_STREAM)
                try:
                    if family == socket.AF_INET6:
                        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind((host.strip("[]"), port))
                    sock.listen(_BACKLOG)
                except OSError as error:
                    sock.close()
                    self.close()
                    raise ConfigError(
                        f"cannot listen on {host}:{port} ({transport}): {error.strerror}",
                        hint="Is another program, or another gate, on that port? Is the address this machine's?",
                    ) from error
                self._sockets.append((sock, transport, (host, int(sock.getsockname()[1]))))

    def addresses(self, transport: str) -> list[Address]:
        """The bound addresses, with their real ports."""
        return [address for _, each, address in self._sockets if each == transport]

    def start(self) -> None:
        """Serve, from now on."""
        self.io.start((sock, transport) for sock, transport, _ in self._sockets)

    def close(self) -> None:
        """Write what is left, and end."""
        self.io.close()
        for sock, _, _ in self._sockets:
            sock.close()

    @property
    def fault(self) -> str:
        """The fault of the certificate's files; from any thread."""
        return self.certificates.fault if self.certificates else ""

    def counts(self) -> dict[str, int]:
        """As ``SipLine.counts``; from any thread."""
        return {"turned_away": self.bounds.turned_away, "hung_up_on": self.io.unread}

    def post(self, step: Callable[[], None]) -> None:
        """Run ``step`` on the line thread; from any thread."""
        self._steps.post(step)

    # --- in: called on the I/O thread ---------------------------------------------------------------------------------

    def _take(self, connection: Connection, message: Framed) -> None:
        self._steps.arrived(partial(self._deliver, connection, message, time.monotonic()))

    def _over(self, connection: Connection) -> None:
        self._steps.arrived(partial(self._forget, connection))

    # --- line thread --------------------------------------------------------------------------------------------------

    def _deliver(self, connection: Connection, message: Framed, arrived: float) -> None:
        self.on_wait(time.monotonic() - arrived)
        endpoint = self._endpoints.get(connection)
        if endpoint is None:
            endpoint = StreamEndpoint(self, connection.transport, self.here(connection), connection)
            if not connection.closed:
                self._endpoints[connection] = endpoint
        self._receive(message.data, connection.peer, endpoint, message.fault)
        if message.fault:
            endpoint.hang_up()

    def here(self, connection: Connection) -> Address:
        """Where the peer can reach us: our listener, where there is one of the kind."""
        host, port = connection.local
        listening = self.addresses(connection.transport)
        return (host, listening[0][1] if listening and connection.on_up is not None else port)

    def _forget(self, connection: Connection) -> None:
        if self._dialled.get((connection.transport, connection.peer)) is connection:
            del self._dialled[connection.transport, connection.peer]
        self._endpoints.pop(connection, None)
        for claimed_by in self._of.pop(connection, {}):
            of = self._callers.get(claimed_by, {})
            of.pop(connection, None)
            if not of:
                self._callers.pop(claimed_by, None)

    def note(self, endpoint: StreamEndpoint, claimed_by: str) -> None:
        """``claimed_by`` has proven itself by a connection just now; who waited for it is told."""
        connection = endpoint.connection
        if connection is None or connection.closed or connection.half or connection not in self._endpoints:
            return
        self._of.setdefault(connection, {})[claimed_by] = None
        of = self._callers.setdefault(claimed_by, {})
        of.pop(connection, None)
        of[connection] = None
        for until, step in self._awaited.pop(claimed_by, []):
            if until > time.monotonic():
                self._steps.post(step)

    def newest(self, claimed_by: str, transport: str) -> Connection | None:
        """The connection that a caller has used last."""
        for connection in reversed(self._callers.get(claimed_by, {})):
            if connection.transport == transport and not (connection.closed or connection.half):
                return connection
        return None

    def is_of(self, connection: Connection, claimed_by: str) -> bool:
        """This caller has proven itself on it."""
        return bool(claimed_by) and claimed_by in self._of.get(connection, {})

    def found(self, kept: Mapping[str, Any]) -> StreamEndpoint | None:
        """The way to a caller of an earlier run; None for one without connections."""
        way = kept.get("way")
        if not isinstance(way, dict):
            return None
        transport, back = str(way["transport"]), way.get("back")
        listening = self.addresses(transport)
        address = listening[0] if listening else ("127.0.0.1", 5060)
        to = (str(back[0]), int(back[1])) if back else None
        return StreamEndpoint(self, transport, address, None, str(way["caller"]), to)

    def when_back(self, endpoint: StreamEndpoint, step: Callable[[], None]) -> None:
        """``step`` as soon as a caller can be told something: now, or when it has come again."""
        if endpoint.way() is not None:
            step()
        else:
            until = time.monotonic() + RETURN_SECONDS
            self._awaited.setdefault(endpoint.claimed_by, []).append((until, step))

    # --- out ----------------------------------------------------------------------------------------------------------

    def send(self, endpoint: StreamEndpoint, data: bytes) -> None:
        """Send by the connection there is, or to where a PBX can be connected to."""
        connection = endpoint.current()
        if connection is None and data.startswith(b"SIP/2.0 ") and endpoint.connection is not None:
            half = endpoint.connection.half and not endpoint.connection.closed
            connection = endpoint.connection if half else None
        if connection is None and endpoint.back:
            connection = self._connect_back(endpoint, endpoint.back)
        if connection is None:
            _log.debug("a message has no way to its peer", claimed_by=endpoint.claimed_by)
            return
        if (sent := self._under_way.get(connection)) is not None:
            sent.append((endpoint, data))
        self.io.send(connection, data)

    def _connect_back(self, endpoint: StreamEndpoint, back: Address) -> Connection | None:
        """RFC 3261 18.2.2; one connection to an address, however much is to be said. It is that PBX's: what it answers
        comes by it."""
        key = endpoint.transport, back
        known = self._dialled.get(key)
        if known is not None and not known.closed:
            return known
        family = socket.AF_INET6 if back[0].startswith("[") else socket.AF_INET
        try:
            context = None
            if endpoint.transport == "tls":
                if self.certificates is None:
                    return None
                context = self.certificates.towards(endpoint.claimed_by.removeprefix("trunk:"))
            connection = self.io.dial(
                back, family, context, back[0].strip("[]"),
                lambda made: self._steps.post(partial(self._reached, made)),
                lambda lost, _why: self._steps.post(partial(self._not_reached, lost)),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            _log.warning("a PBX cannot be connected to", claimed_by=endpoint.claimed_by, error=str(error))
            return None
        self._dialled[key], self._under_way[connection] = connection, []
        self._of[connection] = {endpoint.claimed_by: None}
        self._callers.setdefault(endpoint.claimed_by, {})[connection] = None
        return connection

    def _reached(self, connection: Connection) -> None:
        self._under_way.pop(connection, None)

    def _not_reached(self, connection: Connection) -> None:
        """Send what waits when the PBX connects by itself."""
        until = time.monotonic() + RETURN_SECONDS
        for endpoint, data in self._under_way.pop(connection, ()):
            waits = until, partial(self.send, endpoint, data)
            self._awaited.setdefault(endpoint.claimed_by, []).append(waits)


def _certificates(config: Config) -> Certificates:
    """Raises ConfigError where the files cannot be taken at the start."""
    sip = config.sip
    certificate = config.path(sip.tls_certificate)
    key = config.path(sip.tls_key) if sip.tls_key else certificate
    known: dict[str, Path] = {pbx.name: config.path(pbx.certificate) for pbx in config.pbx if pbx.certificate}
    known |= {f"siprec:{each.name}": config.path(each.certificate) for each in config.siprec if each.certificate}
    carriers = (each for each in config.trunk if each.peer_certificate)
    known |= {f"{CARRIER}{each.name}": config.path(each.peer_certificate) for each in carriers}
    try:
        return Certificates(certificate, key, known)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"sip.tls: the certificate cannot be taken: {error}",
            hint="See sip.tls_certificate, sip.tls_key, pbx.certificate and trunk.peer_certificate: PEM files.",
        ) from None
