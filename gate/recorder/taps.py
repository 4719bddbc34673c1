"""The two UDP ports of a call, where copies of its packets arrive.

A port of the loopback interface is open to every account of the machine, so a tap takes packets from the one port that
the relay sends its copies from, which nobody else can send from while the relay has it; until that is known it takes
none.

Packets wait in the kernel until the loop comes round, which takes all that one port has by one call (recvmmsg(2)). Each
carries the time at which the kernel had it, so that a loop that comes late does not move the audio. One port for all
calls would need fewer calls still, and hold the packets of a few milliseconds: a receive buffer is as large for all of
them as for one.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
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
BATCH = 64
"""Packets taken from one port before the others have their turn."""

_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_SO_PEEK_OFF = 42
_SO_MEMINFO = 55
"""Linux values (asm-generic/socket.h) that the ``socket`` module does not name."""
_MEMINFO = struct.Struct("@9I")
"""``SK_MEMINFO_…`` (linux/sock_diag.h); the last of these is what was dropped."""
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


Packet = tuple[int, bytes, int]
"""When it arrived (monotonic nanoseconds), the datagram, and how many the kernel had had no room for before it in this
port since that was bound."""


class _Inbox:
    """Where the kernel puts the datagrams of one port: room for a batch, each with its sender, its stamp and the count
    of what was dropped. For one thread."""

    _VECTOR = struct.Struct("@PN")
    _HEADER = struct.Struct("@PI4xPNPNi4xI4x")
    """``struct mmsghdr``, see recvmmsg(2): name, iovec, ancillary data, flags, and the size of what came."""
    _SIZES = struct.Struct("@40xN8xI4x")
    """The parts of that which the kernel writes and a reader needs: sizes of the ancillary data and of the datagram."""
    _ANCILLARY = struct.Struct("@NiiqqNiiI4x")
    """A stamp as one ``cmsghdr`` with its ``timespec``, then the count as another, which comes where it is not 0."""
    _STAMPED, _COUNTED = socket.CMSG_SPACE(16), socket.CMSG_SPACE(16) + socket.CMSG_SPACE(4)
    _NAME = struct.Struct("@H2s4s8x")
    """``struct sockaddr_in``."""

    def __init__(self) -> None:
        self._data, data = _memory(BATCH * MAX_PACKET)
        self._names, name = _memory(BATCH * self._NAME.size)
        self._ancillary, stamp = _memory(BATCH * self._ANCILLARY.size)
        self._vectors, vector = _memory(BATCH * self._VECTOR.size)
        for place in range(BATCH):
            self._VECTOR.pack_into(self._vectors, place * self._VECTOR.size, data + place * MAX_PACKET, MAX_PACKET)
        self._fresh = b"".join(
            self._HEADER.pack(
                name + place * self._NAME.size, self._NAME.size, vector + place * self._VECTOR.size, 1,
                stamp + place * self._ANCILLARY.size, self._ANCILLARY.size, 0, 0,
            )
            for place in range(BATCH)
        )  # fmt: skip
        self._headers, headers = _memory(len(self._fresh))
        self._at = ctypes.c_void_p(headers)
        self._kernel = ctypes.PyDLL(None)
        """Keeps the interpreter's lock: the call does not wait, and getting the lock back costs more than it."""

    @classmethod
    def name_of(cls, port: int) -> bytes:
        """The sender that a port of loopback is to the kernel."""
        return cls._NAME.pack(socket.AF_INET, port.to_bytes(2, "big"), socket.inet_aton(HOST))

    def take(self, number: int, sender: bytes, behind: int) -> list[Packet]:
        """A batch of this sender's datagrams that wait in a socket; those of others are thrown away. ``behind``:
        monotonic time less wall time; what has no stamp arrived at 0."""
        taken: list[Packet] = []
        count = BATCH
        while not taken and count == BATCH:
            self._headers[:] = self._fresh
            count = self._kernel.recvmmsg(number, self._at, BATCH, socket.MSG_DONTWAIT, None)
            taken = self._sent_by(sender, count, behind) if count > 0 else []
        return taken

    def _sent_by(self, sender: bytes, count: int, behind: int) -> list[Packet]:
        taken, place, data = [], 0, self._data
        sizes = self._SIZES.iter_unpack(memoryview(self._headers)[: count * self._HEADER.size])
        stamps = self._ANCILLARY.iter_unpack(memoryview(self._ancillary)[: count * self._ANCILLARY.size])
        for (length, size), (_, _, kind, seconds, nanoseconds, _, _, _, dropped) in zip(sizes, stamps, strict=True):
            stamped = length >= self._STAMPED and kind == _SO_TIMESTAMPNS
            arrival = seconds * 1_000_000_000 + nanoseconds + behind if stamped else 0
            taken.append((arrival, data[place : place + size], dropped if length >= self._COUNTED else 0))
            place += MAX_PACKET
        if self._names[: count * len(sender)] == sender * count:
            return taken
        names = (self._names[at : at + len(sender)] for at in range(0, count * len(sender), len(sender)))
        return [packet for packet, name in zip(taken, names, strict=True) if name == sender]


def _memory(size: int) -> tuple[mmap.mmap, int]:
    """So many bytes that stay where they are, and where that is."""
    made = mmap.mmap(-1, size)
    return made, ctypes.addressof(ctypes.c_char.from_buffer(made))


_inbox = _Inbox()


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
        self._sender = b""
        self.dropped = 0
        self._held: list[Packet] = []

    def take_from(self, source: int) -> None:
        """Take packets from this port alone: the kernel lets no others in, and what is already there is looked at.
        What waits of the port before is taken first."""
        if self.source not in (0, source):
            now, wall = instant()
            for _ in range(MOST_WAITING // BATCH):
                self._held += _inbox.take(self.socket.fileno(), self._sender, now - wall)
        self.socket.connect((HOST, source))
        self.source, self._sender = source, _Inbox.name_of(source)

    def packets(self, at: Instant) -> list[Packet]:
        """What had arrived by ``at``, or the beginning of it. A stamp that the wall clock's adjustment has made absurd
        gives way to ``at``."""
        if not self.source:
            return []
        now, wall = at
        oldest, latest = now - _LONGEST_WAIT, now + _LONGEST_HOLD
        waiting, self._held = self._held, []
        waiting = waiting or _inbox.take(self.socket.fileno(), self._sender, now - wall)
        for place, (arrival, data, dropped) in enumerate(waiting):
            if now < arrival < latest:
                self._held = waiting[place:]
                del waiting[place:]
                break
            if not oldest < arrival < now:
                waiting[place] = now, data, dropped
        if waiting:
            self.dropped = max(self.dropped, waiting[-1][2])
        return waiting

    def count_dropped(self) -> int:
        """``dropped`` as it is now: a packet tells only what was dropped before it came."""
        with contextlib.suppress(OSError, struct.error):
            self.dropped = _MEMINFO.unpack(self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
        return self.dropped

    def close(self) -> None:
        """Free the port; nothing is taken any more."""
        self.source = 0
        self.socket.close()


class WaitingPackets:
    """What waits in a tap, looked at by another process than the one that takes it."""

    def __init__(self, descriptor: int) -> None:
        """``descriptor`` is a copy of a tap's, and closed with this."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
        self.looked_at = 0
        """Packets so far."""

    def listen_to(self, source: int) -> None:
        """As ``Tap.take_from``, where nobody else takes what comes; 0: as before."""
        if source:
            self._socket.connect((HOST, source))

    def look(self, *, take: bool = False) -> Iterator[bytes]:
        """Each datagram that waits and was not looked at before; none before it is known who sends. ``take``: those
        that were, too, and it is taken away: nobody else does."""
        try:
            source = self._socket.getpeername()
        except OSError:
            return
        flags = socket.MSG_DONTWAIT | (0 if take else socket.MSG_PEEK)
        for _ in range(MOST_WAITING):
            try:
                data, sender = self._socket.recvfrom(MAX_PACKET, flags)
            except OSError:
                return
            self.looked_at += 1
            if sender == source:
                yield data

    def close(self) -> None:
        """Let go of the copy."""
        self._socket.close()
