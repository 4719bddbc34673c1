"""Which packets a socket of RTPProxy's takes: a packet filter of the kernel's, in front of RTPProxy itself.

RTPProxy takes a leg's peer for whoever sends first, from anywhere, where it does not know an address yet; and a port of
the loopback interface takes from every account of the machine. So a port is shut before anything can pass on from it,
and let in is exactly who is expected: an address, or an address with its ports. What does not pass is dropped and
counted by the kernel.

RTPProxy's sockets are this process's, so they are found by the port that it names. They are borrowed by number, never
duplicated: closing a copy of a descriptor that has meanwhile become a database file would drop that file's locks.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
_INSTRUCTION = struct.Struct("@HBBI")
_LOAD_WORD, _LOAD_HALF, _IF_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_IP_HEADER = 0xFFF00000
"""``SKF_NET_OFF`` (linux/filter.h): what is loaded from here on is the IP header; else it is the UDP header, which
begins with the source port."""
_SOURCE = {4: (12,), 6: (8, 12, 16, 20)}
"""Where the words of the source address lie (RFC 791 section 3.1, RFC 8200 section 3)."""
_WHOLE, _NOTHING = 0xFFFFFFFF, 0
_NEAR = 256
"""New descriptors have the lowest free numbers: looked at first, from the lowest that was free."""

_Instruction = tuple[int, int, int, int]


class Sieve:
    """The filter of an RTP socket and of the RTCP socket on the port above it. Until it is told, it lets all in."""

    def __init__(self, address: str, port: int, lowest: int = 0) -> None:
        """``address`` is what the sockets are bound to; ``lowest`` the number from which to look for them. Raises
        ``MediaError`` where they are not found."""
        self._address = address
        self._sockets = list(zip(_descriptors(address, port, lowest), (port, port + 1), strict=True))

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
        with suppress(MediaError), _borrowed(number, self._address, port) as found:
            return int(_MEMINFO.unpack(found.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1])
        return 0

    def _put(self, programs: Sequence[Sequence[_Instruction]]) -> None:
        for (number, port), program in zip(self._sockets, programs, strict=True):
            code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*step) for step in program))
            with _borrowed(number, self._address, port) as found:
                found.setsockopt(
                    socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(program), ctypes.addressof(code))
                )


def lowest_free() -> int:
    """The number that the next descriptor of this process will have, unless another thread is quicker."""
    number = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.close(number)
    return number


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


def _descriptors(address: str, port: int, lowest: int) -> tuple[int, int]:
    """The numbers of the sockets of this port and of the one above it. Others come and go meanwhile."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found: dict[int, int] = {}
    everywhere = (int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    for number in chain(range(lowest, lowest + _NEAR), everywhere):
        try:
            each = socket.socket(family, socket.SOCK_DGRAM, fileno=number)
        except OSError:
            continue
        try:
            name = each.getsockname()[:2]
        except OSError:
            continue
        finally:
            each.detach()
        if name in ((address, port), (address, port + 1)):
            found[name[1]] = number
            if len(found) == 2:
                return found[port], found[port + 1]
    raise MediaError(f"RTPProxy's socket of port {port} is not in this process", hint="it must run inside the gate")


@contextmanager
def _borrowed(number: int, address: str, port: int) -> Iterator[socket.socket]:
    """The socket of a descriptor, not closed afterwards; ``MediaError`` where it is another one than that of this
    address and port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        found = socket.socket(family, socket.SOCK_DGRAM, fileno=number)
    except OSError as error:
        raise MediaError(f"the socket of port {port} is gone") from error
    try:
        if found.getsockname()[:2] != (address, port):
            raise MediaError(f"the socket of port {port} is gone")
        yield found
    except OSError as error:
        raise MediaError(f"the socket of port {port} fails ({error})") from error
    finally:
        found.detach()
