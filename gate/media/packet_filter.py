"""Which packets a socket of RTPProxy's takes: a packet filter of the kernel's, in front of RTPProxy itself.

RTPProxy takes a leg's peer for whoever sends first, from anywhere, where it does not know an address yet; and a port of
the loopback interface takes from every account of the machine. So a port is shut before anything can pass on from it,
and let in is exactly who is expected: an address, or an address with its ports. What does not pass is dropped and
counted by the kernel.

RTPProxy's sockets are this process's, so they are found by the port that it names. They are used by number, never
duplicated: closing a copy of a descriptor that has meanwhile become a database file would drop that file's locks.

The calls to the kernel are made through ``ctypes.PyDLL``, which keeps the interpreter's lock: each takes a microsecond,
and on a busy gate getting the lock back takes a thousand.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

from gate.errors import MediaError

_SO_ATTACH_FILTER, _SO_MEMINFO = 26, 55
"""Linux values (asm-generic/socket.h) that the ``socket`` module does not name."""
_MEMINFO = struct.Struct("@9I")
"""``SK_MEMINFO_…`` (linux/sock_diag.h); the last of these is what was dropped."""
_PROGRAM = struct.Struct("@HP")
_INT = struct.Struct("@i")
_LONGEST_NAME = 28
"""``sockaddr_in6``."""
_INSTRUCTION = struct.Struct("@HBBI")
_LOAD_WORD, _LOAD_HALF, _IF_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_IP_HEADER = 0xFFF00000
"""``SKF_NET_OFF`` (linux/filter.h): what is loaded from here on is the IP header; else it is the UDP header, which
begins with the source port."""
_SOURCE = {4: (12,), 6: (8, 12, 16, 20)}
"""Where the words of the source address lie (RFC 791 section 3.1, RFC 8200 section 3)."""
_WHOLE, _NOTHING = 0xFFFFFFFF, 0
_AHEAD = 12
"""New descriptors have the lowest free numbers. So many are looked at first: what the legs of two sessions take, and as
many again that other threads may take between."""

_Instruction = tuple[int, int, int, int]

_kernel = ctypes.PyDLL(None, use_errno=True)


class PacketFilter:
    """The filter of an RTP socket and of the RTCP socket on the port above it. Until it is told, it lets all in."""

    def __init__(self, address: str, port: int, likely: Iterable[int] = ()) -> None:
        """``address`` is what the sockets are bound to; ``likely`` the numbers to look at first (``next_numbers``).
        Raises ``MediaError`` where they are not found."""
        self._address = address
        self._sockets = list(zip(_descriptors(address, port, likely), (port, port + 1), strict=True))

    def shut(self) -> None:
        """Let nothing in."""
        self._put([[(_RETURN, 0, 0, _NOTHING)]] * 2)

    def only(self, address: str, *ports: int) -> None:
        """Let in what comes from this address, and where ``ports`` are named from one of these (RTCP from the one above
        it); nothing else."""
        self._put([_program(address, tuple(port + above for port in ports)) for above in (0, 1)])

    def refused(self) -> int:
        """How many packets the RTP socket has dropped; what a queue had no room for is counted among them."""
        number, port = self._sockets[0]
        answer, size = ctypes.create_string_buffer(_MEMINFO.size), ctypes.c_uint32(_MEMINFO.size)
        if _name(number) != _named(self._address, port):
            return 0
        if _kernel.getsockopt(number, socket.SOL_SOCKET, _SO_MEMINFO, answer, ctypes.byref(size)):
            return 0
        return int(_MEMINFO.unpack(answer.raw)[-1])

    def _put(self, programs: Sequence[Sequence[_Instruction]]) -> None:
        for (number, port), program in zip(self._sockets, programs, strict=True):
            code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*step) for step in program))
            told = _PROGRAM.pack(len(program), ctypes.addressof(code))
            if _name(number) != _named(self._address, port):
                raise MediaError(f"the socket of port {port} is gone")
            if _kernel.setsockopt(number, socket.SOL_SOCKET, _SO_ATTACH_FILTER, told, len(told)):
                raise MediaError(f"the socket of port {port} fails ({os.strerror(ctypes.get_errno())})")


def next_numbers() -> list[int]:
    """The numbers that the next descriptors of this process will have, unless other threads are quicker."""
    opened = [_kernel.open(b"/dev/null", os.O_RDONLY | os.O_CLOEXEC) for _ in range(_AHEAD)]
    for number in opened:
        if number >= 0:
            _kernel.close(number)
    return opened


@lru_cache(maxsize=1024)
def _program(address: str, ports: tuple[int, ...]) -> list[_Instruction]:
    source = ip_address(address)
    packed = source.packed
    words = [int.from_bytes(packed[at : at + 4], "big") for at in range(0, len(packed), 4)]
    steps: list[_Instruction] = []
    left = 2 * len(words) + (1 + len(ports) if ports else 0)  # up to the two returns: refuse, then take
    for offset, word in zip(_SOURCE[source.version], words, strict=True):
        steps.append((_LOAD_WORD, 0, 0, _IP_HEADER + offset))
        left -= 2
        steps.append((_IF_EQUAL, 0 if left else 1, left, word))
    if ports:
        steps.append((_LOAD_HALF, 0, 0, 0))
        steps += [(_IF_EQUAL, len(ports) - place, 0, port) for place, port in enumerate(ports)]
    return [*steps, (_RETURN, 0, 0, _NOTHING), (_RETURN, 0, 0, _WHOLE)]


def _descriptors(address: str, port: int, likely: Iterable[int]) -> tuple[int, int]:
    """The numbers of the sockets of this port and of the one above it. Others come and go meanwhile. All of them are
    thousands on a busy gate, and looked at only where the likely ones are not it."""
    wanted = {_named(address, port): port, _named(address, port + 1): port + 1}
    found: dict[int, int] = {}
    for number in chain(likely, _all_numbers()):
        if (which := wanted.get(_name(number))) is not None:
            found[which] = number
            if len(found) == 2:
                return found[port], found[port + 1]
    raise MediaError(f"RTPProxy's socket of port {port} is not in this process", hint="it must run inside the gate")


def _all_numbers() -> Iterator[int]:
    """Those of this process; its folder is opened when the first is asked for."""
    yield from (int(entry.name) for entry in Path("/proc/self/fd").iterdir())


def _name(number: int) -> bytes:
    """Family, port and address that a UDP socket is bound to; empty for any other descriptor."""
    kind, size = ctypes.c_int(), ctypes.c_uint32(_INT.size)
    if _kernel.getsockopt(number, socket.SOL_SOCKET, socket.SO_TYPE, ctypes.byref(kind), ctypes.byref(size)):
        return b""
    name, size = ctypes.create_string_buffer(_LONGEST_NAME), ctypes.c_uint32(_LONGEST_NAME)
    if kind.value != socket.SOCK_DGRAM or _kernel.getsockname(number, name, ctypes.byref(size)):
        return b""
    family = int.from_bytes(name.raw[:2], sys.byteorder)
    return name.raw[:8] if family == socket.AF_INET else name.raw[:4] + name.raw[8:24]


@lru_cache(maxsize=4096)
def _named(address: str, port: int) -> bytes:
    """What ``_name`` gives for it (``sockaddr_in``, ``sockaddr_in6``)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + ip_address(address).packed
