"""One SIP connection, TCP or TLS: its state, and how long each of its states may last."""

from __future__ import annotations

import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from gate.sip.connection_bounds import source_of
from gate.sip.framing import Framed, Framer
from gate.sip.message import Address

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
