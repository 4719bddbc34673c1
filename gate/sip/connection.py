"""One SIP connection, TCP or TLS: its state, and how long each of its states may last.

How many SIP connections there are, and of whom: strangers leave phones their places and calls their descriptors.

A source (an address, an IPv6 /64) has so many at once, all together have a bound. Where one is met, the oldest of its
connections on which nobody has proven anything makes room; where all have, the new one is not taken. Connections of
PBXs and carriers have no bound of their own source. The highest descriptors are kept back for calls.

Messages out of a stream of bytes (RFC 3261 18.3), and the keep-alive between them (RFC 5626 3.5.1).

A stream says where a message ends by Content-Length alone. So one that does not say it, or not clearly, is the last
that is read of its connection: what follows could be another message for one reader and a body for the next.
"""

from __future__ import annotations

import resource
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol

from gate.sip.message import MAX_MESSAGE, MAX_URI, Address, content_length

Fault = tuple[int, str]
"""Code and phrase of the answer."""
_END = b"\r\n\r\n"
_LONGEST_LINE = MAX_URI + 64
_TOKEN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class NotSipError(ValueError):
    """The bytes are no SIP: there is nothing to answer."""


class Framed(NamedTuple):
    """A whole message; with a fault what could be read of it, after which nothing can."""

    data: bytes
    fault: Fault | None = None


class Framer:
    """The bytes of one connection. Costs no more than in proportion to what came, however it was cut up."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        """So far no end of a head was found."""
        self._length = 0
        """The length of the message whose head is whole; 0 where it is not."""
        self._started = False
        """Its first line has been looked at."""
        self._blank = 0
        self.pings = 0
        """Keep-alives that came since somebody set this to 0."""

    @property
    def within(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Framed]:
        """The messages that are whole now.

        Raises:
            NotSipError: the stream cannot be read on.
        """
        self._held += data
        found: list[Framed] = []
        while (message := self._next()) is not None:
            found.append(message)
            if message.fault:
                break
        return found

    def _next(self) -> Framed | None:
        if not self._length:
            fault = self._head()
            if fault is not None:
                return self._take(len(self._held), fault)
        if not self._length or len(self._held) < self._length:
            return None
        return self._take(self._length)

    def _take(self, length: int, fault: Fault | None = None) -> Framed:
        data = bytes(self._held[:length])
        del self._held[:length]
        self._searched = self._length = self._blank = 0
        self._started = False
        return Framed(data, fault)

    def _head(self) -> Fault | None:
        """Look for the end of the head; its fault where there is one."""
        self._skip_blank()
        if not self._held or self._held == b"\r":
            return None
        self._look_at_start()
        end = self._held.find(_END, max(0, self._searched - 3), MAX_MESSAGE)
        if end < 0:
            self._searched = len(self._held)
            return (513, "Message Too Large") if self._searched >= MAX_MESSAGE else None
        end += len(_END)
        try:
            length = content_length(bytes(self._held[: end - len(_END)]))
        except ValueError:
            return 400, "Bad Content-Length"
        if length is None:
            return 400, "Content-Length Required"
        if end + length > MAX_MESSAGE:
            return 513, "Message Too Large"
        self._length = end + length
        return None

    def _skip_blank(self) -> None:
        """Empty lines between messages; two of them ask for one."""
        while self._held.startswith(b"\r\n"):
            del self._held[:2]
            self._blank += 1
            if self._blank == 2:
                self._blank = 0
                self.pings += 1

    def _look_at_start(self) -> None:
        """A request's method or ``SIP/2.0`` at once, and a whole start line once it is there."""
        if self._started:
            return
        if self._held[0] not in _TOKEN:
            raise NotSipError("no SIP")
        end = self._held.find(b"\n", 0, _LONGEST_LINE)
        if end >= 0:
            if b"SIP/" not in bytes(self._held[:end]).upper():
                raise NotSipError("no SIP")
            self._started = True
        elif len(self._held) >= _LONGEST_LINE:
            self._started = True  # too long a URI: answered as such when the head is whole


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
    """The source that limits count: an IPv4 address, or an IPv6 /64."""
    address = ip_address(host.strip("[]").partition("%")[0])
    return address.packed[:8].hex() if address.version == 6 else str(address)


READS, WRITES = selectors.EVENT_READ, selectors.EVENT_WRITE
HANDSHAKE_SECONDS = 10.0
MESSAGE_SECONDS = 10.0
"""Seconds from the first byte of a message to its last."""
STRANGER_SECONDS = 30.0
"""A connection on which nobody has proven anything is closed after this."""
TAKE_SECONDS = 10.0
"""A peer that takes nothing of what is written to it for so long is let go."""
CONNECT_SECONDS = 5.0
HALF_SECONDS = 10.0
"""Seconds for which a peer that has stopped sending still gets answers: a decision may take eight."""


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
        """Whether the peer is a PBX or a carrier."""
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
        """The TLS context of a connection that we open, and the name that the peer's certificate has to have."""
        self.name = ""
        self.wants_write = False
        self.on_up: Callable[[Connection], None] | None = None
        self.on_down: Callable[[Connection, str], None] | None = None

    @property
    def events(self) -> int:
        """Events to wait for; 0 where only the clock moves it."""
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
