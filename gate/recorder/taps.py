"""The two UDP ports of a call, where copies of its packets arrive.

A port of the loopback interface is open to every account of the machine, so a tap takes packets from the one port that
the relay sends its copies from, which nobody else can send from while the relay has it; until that is known it takes
none.

Packets wait in the kernel until the loop comes round; each carries the time at which the kernel had it, so that a
loop that comes late does not move the audio.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from gate.clock import unix_seconds

HOST = "127.0.0.1"
RECEIVE_BUFFER = 1 << 20
"""Asked for; the kernel grants up to ``net.core.rmem_max`` (208 KiB by default: about ten seconds of one direction)."""
MAX_PACKET = 4096
"""A datagram that fills this is not RTP of a telephone call."""
MOST_WAITING = 4096
"""Packets that are looked at in one go; more than a receive buffer holds."""
PER_ROUND = 64
"""Packets taken from one port before the others have their turn."""
BUSY_NS = 15_000_000
"""A port that had something this short a time ago had it in the round before."""

_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_SO_PEEK_OFF = 42
_SO_MEMINFO = 55
"""Linux values (asm-generic/socket.h) that the ``socket`` module does not name."""
_MEMINFO = struct.Struct("@9I")
"""``SK_MEMINFO_…`` (linux/sock_diag.h); the last of these is what was dropped."""
_TIMESPEC = struct.Struct("@ll")
_COUNT = struct.Struct("@I")
_STAMP_SIZE = _TIMESPEC.size
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNT.size)
_LONGEST_WAIT = 60_000_000_000
_LONGEST_HOLD = 5_000_000_000
"""A stamp further ahead than this is no later packet, but a wall clock that was set back."""
_TOGETHER = 100_000


class Instant(NamedTuple):
    """One instant on two clocks, nanoseconds. Kernel stamps are wall time; what is kept is counted on the other."""

    monotonic: int
    wall: int

    def back_to(self, monotonic: int) -> Instant:
        """The earlier instant of that monotonic time (this one, where it is not earlier)."""
        earlier = max(0, self.monotonic - monotonic)
        return Instant(self.monotonic - earlier, self.wall - earlier)


def instant() -> Instant:
    """This instant. Read again where the process was put aside between the two clocks."""
    for _ in range(5):
        before, wall, after = time.monotonic_ns(), int(unix_seconds() * 1e9), time.monotonic_ns()
        if after - before < _TOGETHER:
            break
    return Instant(after, wall)


class Tap:
    """One bound port. ``dropped`` counts what the kernel had no room for."""

    def __init__(self) -> None:
        """Bind a free loopback port. Raises ``OSError``."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            for option in (_SO_TIMESTAMPNS, _SO_RXQ_OVFL):
                with contextlib.suppress(OSError):
                    self.socket.setsockopt(socket.SOL_SOCKET, option, 1)
            self.socket.bind((HOST, 0))
        except OSError:
            self.socket.close()
            raise
        self.port: int = self.socket.getsockname()[1]
        self.source = 0
        """The port of loopback that its copies come from; 0 before that is known: nothing is taken."""
        self._sender = (HOST, 0)
        self.dropped = 0
        self._held: tuple[int, bytes] | None = None
        self._visited = 0
        self._burst = 1

    def take_from(self, source: int) -> None:
        """Take packets from this port alone: the kernel lets no others in, and what is already there is looked at."""
        self.socket.connect((HOST, source))
        self.source, self._sender = source, (HOST, source)

    def packets(self, at: Instant) -> Iterator[tuple[int, bytes]]:
        """What had arrived by ``at``, or the beginning of it: (arrival in monotonic nanoseconds, datagram). Nothing
        only where nothing is there. A stamp that the wall clock's adjustment has made absurd gives way to ``at``.

        Asking an empty port costs as much as reading a packet. A port that has one packet in every other round is
        therefore asked once; one that has more in every round is asked for twice as many each time.
        """
        if not self.source:
            return
        receive, unpack = self.socket.recvmsg, _TIMESPEC.unpack
        now, wall = at
        behind, oldest, latest = now - wall, now - _LONGEST_WAIT, now + _LONGEST_HOLD
        self._burst = min(2 * self._burst, PER_ROUND) if now - self._visited < BUSY_NS else 1
        self._visited = now
        for _ in range(self._burst):
            if self._held is not None:
                (stamp, data), self._held = self._held, None
            else:
                try:
                    data, ancillary, _, sender = receive(MAX_PACKET, _ANCILLARY)
                except OSError:
                    self._burst = 1
                    return
                if sender != self._sender:
                    continue
                stamp = wall
                for _, kind, value in ancillary:
                    if kind == _SO_TIMESTAMPNS and len(value) == _STAMP_SIZE:
                        seconds, nanoseconds = unpack(value)
                        stamp = seconds * 1_000_000_000 + nanoseconds
                    elif kind == _SO_RXQ_OVFL:
                        self.dropped = _COUNT.unpack(value)[0]
            arrival = stamp + behind
            if now < arrival < latest:
                self._held = stamp, data
                return
            yield (arrival if oldest < arrival < now else now), data

    def count_dropped(self) -> int:
        """``dropped`` as it is now: a packet tells only what was dropped before it came."""
        with contextlib.suppress(OSError, struct.error):
            self.dropped = _MEMINFO.unpack(self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
        return self.dropped

    def close(self) -> None:
        """Free the port."""
        self.socket.close()


class WaitingPackets:
    """What waits in a tap, looked at by another process than the one that takes it: nothing is taken away."""

    def __init__(self, descriptor: int) -> None:
        """``descriptor`` is a copy of a tap's, and closed with this."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
        self.looked_at = 0
        """Packets so far."""

    def look(self) -> Iterator[bytes]:
        """Each datagram that waits and was not looked at before; none before it is known who sends."""
        try:
            source = self._socket.getpeername()
        except OSError:
            return
        for _ in range(MOST_WAITING):
            try:
                data, sender = self._socket.recvfrom(MAX_PACKET, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except OSError:
                return
            self.looked_at += 1
            if sender == source:
                yield data

    def close(self) -> None:
        """Let go of the copy."""
        self._socket.close()
