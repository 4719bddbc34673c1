"""One SIP connection, TCP or TLS: its state, and how long each of its states may last.

How many SIP connections there are, and of whom: strangers leave phones their places and calls their descriptors.

A source (an address, an IPv6 /64) has so many at once, all together have a bound. Where one is met, the oldest of its
connections on which nobody has proven anything makes room; where all have, the new one is not taken. Connections of
PBXs and carriers have no bound of their own source. The highest descriptors are kept back for calls.
"""

from __future__ import annotations

import resource
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol

from gate.sip.framing import Framed, Framer
from gate.sip.message import Address

_KEPT = 256
"""Descriptors kept back for calls; an eighth where there are few."""


class Bounded(Protocol):
    """A connection, as the bounds see it."""

    proven: bool
    source: str


class ConnectionBounds:
    """The connections of all listeners. One thread's alone."""

    def __init__(self, most: int, each: int) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = 1 << 20 if soft == resource.RLIM_INFINITY else soft
        self._most = max(1, min(most, spare // 4))
        self._each = min(each, self._most)
        self._highest = spare - min(_KEPT, spare // 8)
        self._open: dict[Bounded, None] = {}
        """In the order in which they came."""
        self.turned_away = 0
        """Connections not taken, or closed to make room."""

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Bounded, descriptor: int, *, trusted: bool) -> tuple[bool, Bounded | None]:
        """Whether a new connection may stay, and the one that has to go for it."""
        goes: Bounded | None = None
        if descriptor >= self._highest:
            self.turned_away += 1
            return False, None
        mine = [] if trusted else [each for each in self._open if each.source == connection.source]
        crowd = mine if len(mine) >= self._each else list(self._open) if len(self._open) >= self._most else []
        if crowd:
            self.turned_away += 1
            goes = next((each for each in crowd if not each.proven), None)
            if goes is None:
                return False, None
            self.gone(goes)
        self._open[connection] = None
        return True, goes

    def gone(self, connection: Bounded) -> None:
        """It is over."""
        self._open.pop(connection, None)


def source_of(host: str) -> str:
    """Who counts as one: an address of IPv4, a /64 of IPv6."""
    address = ip_address(host.strip("[]").partition("%")[0])
    return address.packed[:8].hex() if address.version == 6 else str(address)


READS, WRITES = selectors.EVENT_READ, selectors.EVENT_WRITE
HANDSHAKE_SECONDS = 10.0
MESSAGE_SECONDS = 10.0
"""From the first byte of a message to its last."""
STRANGER_SECONDS = 30.0
"""A connection on which nobody has proven anything is closed after this."""
TAKE_SECONDS = 10.0
"""A peer that takes nothing of what is written to it for so long is let go."""
CONNECT_SECONDS = 5.0
HALF_SECONDS = 10.0
"""A peer that sends no more is told its answers for so long: a decision may take eight seconds."""


class Connection:
    """One connection. The I/O thread's alone, but for ``proven``, ``half`` and ``closed``, which anybody may look
    at."""

    def __init__(self, sock: socket.socket, transport: str, peer: Address, now: float) -> None:
        self.sock = sock
        self.transport = transport
        self.peer = peer
        self.local = address_of(sock.getsockname(), sock.family)
        self.source = source_of(peer[0])
        self.proven = False
        """Somebody has proven themselves on it, or it is ours; set by the line thread too."""
        self.trusted = False
        """Of a PBX or a carrier."""
        self.pbx = ""
        """Whose certificate was shown."""
        self.closed = False
        self.half = False
        """The peer sends nothing more (TCP's half-close), and waits for its answers."""
        self.owed = 0
        """Requests of the peer's that have no final answer yet."""
        self.connecting = False
        self.shaking = transport == "tls"
        self.broken = False
        """Nothing more can be read of it."""
        self.ending = False
        """It is closed when all is written."""
        self.framer = Framer()
        self.unread: deque[Framed] = deque()
        """Messages that the flood filter did not let through yet."""
        self.unsent = bytearray()
        self.since = self.heard = self.written = now
        self.begun = now
        """When what is not whole, or waits, began."""
        self.look_again = 0.0
        self.context: ssl.SSLContext | None = None
        """Of a TLS connection that we open, and the name that the peer's certificate has to have."""
        self.name = ""
        self.wants_write = False
        self.on_up: Callable[[Connection], None] | None = None
        self.on_down: Callable[[Connection, str], None] | None = None

    @property
    def events(self) -> int:
        """What to wait for; 0 where only the clock moves it."""
        if self.connecting:
            return WRITES
        if self.shaking:
            return WRITES if self.wants_write else READS
        reads = 0 if self.unread or self.broken or self.ending or self.half else READS
        return reads | (WRITES if self.unsent or self.wants_write else 0)

    def late(self, now: float, idle_seconds: float) -> str:
        """Why its time is over; empty where it is not."""
        if self.connecting or self.shaking:
            return "late" if now - self.since > (CONNECT_SECONDS if self.connecting else HANDSHAKE_SECONDS) else ""
        if self.half and now - self.heard > HALF_SECONDS:
            return "the peer closed it"
        if self.unsent and now - self.written > TAKE_SECONDS:
            return "the peer does not take what is sent"
        if (self.framer.within or self.unread or self.broken) and now - self.begun > MESSAGE_SECONDS:
            return "late"
        if not self.proven and now - self.since > STRANGER_SECONDS:
            return "nobody has proven anything"
        return "silence" if now - self.heard > idle_seconds else ""


def address_of(name: tuple[Any, ...], family: int) -> Address:
    """As sockets write it -> (host, port), IPv6 in brackets."""
    return (f"[{name[0]}]" if family == socket.AF_INET6 else str(name[0]), int(name[1]))


def prepare(sock: socket.socket) -> None:
    """Small messages at once; a peer that is gone is noticed."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
        sock.setsockopt(socket.IPPROTO_TCP, name, value)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
