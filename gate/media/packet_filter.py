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
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from gate.errors import MediaError

_SO_ATTACH_FILTER, _SO_MEMINFO = 26, 55
"""Linux values (asm-generic/socket.h) that the ``socket`` module does not name."""
_MEMINFO = struct.Struct("@9I")
"""``SK_MEMINFO_…`` (linux/sock_diag.h); the last of these is what was dropped."""
_PROGRAM = struct.Struct("@HP")
_INT = struct.Struct("@i")
_SOL_SOCKET, _SO_TYPE, _SO_REUSEADDR = int(socket.SOL_SOCKET), int(socket.SO_TYPE), int(socket.SO_REUSEADDR)
_ON, _OFF = _INT.pack(1), _INT.pack(0)
_DATAGRAMS = _INT.pack(socket.SOCK_DGRAM)
_LONGEST_NAME = 28
"""``sockaddr_in6``."""
_IPV4 = socket.AF_INET.to_bytes(2, sys.byteorder)
_INSTRUCTION = struct.Struct("@HBBI")
_LOAD_WORD, _LOAD_HALF, _IF_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_IP_HEADER = 0xFFF00000
"""``SKF_NET_OFF`` (linux/filter.h): what is loaded from here on is the IP header; else it is the UDP header, which
begins with the source port."""
_SOURCE = {4: (12,), 6: (8, 12, 16, 20)}
"""Where the words of the source address lie (RFC 791 section 3.1, RFC 8200 section 3)."""
_AHEAD = 12
"""New descriptors have the lowest free numbers. So many are looked at first: what the legs of two sessions take, and as
many again that other threads may take between."""

_BESIDE = 64
"""So many above the highest known are looked at, too."""

_MOST_SEEN = 4096

_step = _INSTRUCTION.pack
_REFUSE, _TAKE = _step(_RETURN, 0, 0, 0), _step(_RETURN, 0, 0, 0xFFFFFFFF)

_kernel = ctypes.PyDLL(None, use_errno=True)

_MOST_WAITING = 65536
"""More datagrams than a socket holds."""

_filtered: set[int] = set()
"""The numbers of sockets with a filter."""
_seen: dict[bytes, int] = {}
"""Sockets that were met while another was looked for, by name: those of several calls are made at once. May be out of
date."""


class _Room(threading.local):
    """Where the kernel writes its answers; each thread has its own."""

    def __init__(self) -> None:
        self.name = ctypes.create_string_buffer(_LONGEST_NAME)
        self.kind = ctypes.create_string_buffer(_INT.size)
        self.counts = ctypes.create_string_buffer(_MEMINFO.size)
        self.size = ctypes.c_uint32()
        self.at = ctypes.byref(self.size)


_room = _Room()


class PacketFilter:
    """The filter of an RTP socket and of the RTCP socket on the port above it. Until it is told, it lets all in."""

    def __init__(self, address: str, port: int, likely: Sequence[int] = ()) -> None:
        """``address`` is what the sockets are bound to; ``likely`` the numbers to look at first (``next_numbers``).
        Raises ``MediaError`` where they are not found."""
        self._bound = address, port
        names = _named(address, port), _named(address, port + 1)
        self._sockets = list(zip(_descriptors(names, port, likely), names, (port, port + 1), strict=True))
        _filtered.update(number for number, _, _ in self._sockets)
        self.port = port
        self._refused = 0

    def release(self) -> None:
        """The sockets are to be closed."""
        _filtered.difference_update(number for number, _, _ in self._sockets)

    def shut(self) -> None:
        """Let nothing in."""
        self._put([_REFUSE, _REFUSE])

    def drain(self) -> None:
        """Drop what came before ``shut`` and waits to be read."""
        for number, name, _ in self._sockets:
            if _is_bound(number, name):
                for _ in range(_MOST_WAITING):
                    if _kernel.recv(number, None, 0, socket.MSG_DONTWAIT) < 0:
                        break

    def only(self, address: str, *ports: int, also: tuple[str, ...] = ()) -> None:
        """Let in what comes from this address or one of ``also``, and where ``ports`` are named from one of these (RTCP
        from the one above it); nothing else."""
        addresses = (address, *also)
        self._put([_program(addresses, [port + above for port in ports]) for above in (0, 1)])

    def refused(self) -> int:
        """How many packets the RTP socket has dropped; what a queue had no room for is counted among them.

        Every party is asked four times a second: whose socket it is, is looked at where that count has changed alone.
        """
        number, name, _ = self._sockets[0]
        room = _room
        room.size.value = _MEMINFO.size
        if _kernel.getsockopt(number, _SOL_SOCKET, _SO_MEMINFO, room.counts, room.at):
            return 0
        count = int(_MEMINFO.unpack_from(room.counts)[-1])
        if count != self._refused and not _is_bound(number, name):
            return 0
        self._refused = count
        return count

    def stand_in(self, address: str) -> socket.socket:
        """A socket in the place of the RTP socket: while it is open, it gets what comes to the port from this address,
        and the RTP socket gets nothing (of sockets with one name Linux gives a datagram to the newest)."""
        number, name, port = self._sockets[0]
        made = socket.socket(socket.AF_INET6 if ":" in self._bound[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            _attach(made.fileno(), port, _program((address,), ()))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not _is_bound(number, name):
                raise MediaError(f"the socket of port {port} is gone")
            _kernel.setsockopt(number, _SOL_SOCKET, _SO_REUSEADDR, _ON, len(_ON))
            made.bind(self._bound)
            _kernel.setsockopt(number, _SOL_SOCKET, _SO_REUSEADDR, _OFF, len(_OFF))  # for nobody else
        except OSError as error:
            made.close()
            raise MediaError(f"port {port} cannot be listened to ({error.strerror})") from error
        except MediaError:
            made.close()
            raise
        return made

    def _put(self, programs: Sequence[bytes]) -> None:
        for (number, name, port), program in zip(self._sockets, programs, strict=True):
            if not _is_bound(number, name):
                raise MediaError(f"the socket of port {port} is gone")
            _attach(number, port, program)


def _attach(number: int, port: int, program: bytes) -> None:
    code = ctypes.create_string_buffer(program)
    option = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    if _kernel.setsockopt(number, _SOL_SOCKET, _SO_ATTACH_FILTER, option, len(option)):
        raise MediaError(f"the socket of port {port} fails ({os.strerror(ctypes.get_errno())})")


def next_numbers() -> list[int]:
    """The numbers that the next descriptors of this process will have, unless other threads are quicker."""
    null = _null()
    opened = [_kernel.fcntl(null, fcntl.F_DUPFD_CLOEXEC, 0) for _ in range(_AHEAD)]
    for number in opened:
        if number >= 0:
            _kernel.close(number)
    return opened


@lru_cache(maxsize=1)
def _null() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _program(addresses: Sequence[str], ports: Sequence[int]) -> bytes:
    """A block for each address, which takes or refuses what comes from it; what comes from none is refused."""
    tests = (_step(_IF_EQUAL, len(ports) - place, 0, port) for place, port in enumerate(ports))
    block = b"".join((_step(_LOAD_HALF, 0, 0, 0), *tests, _REFUSE, _TAKE)) if ports else _TAKE
    return b"".join((*(_address_test(each, len(block) // _INSTRUCTION.size) + block for each in addresses), _REFUSE))


@lru_cache(maxsize=1024)
def _address_test(address: str, block: int) -> bytes:
    """Goes on to the steps of its block, or past so many of them where a word of the address differs."""
    source = ip_address(address)
    offsets = _SOURCE[source.version]
    steps = b""
    for place, offset in enumerate(offsets):
        word = int.from_bytes(source.packed[4 * place : 4 * place + 4], "big")
        steps += _step(_LOAD_WORD, 0, 0, _IP_HEADER + offset)
        steps += _step(_IF_EQUAL, 0, 2 * (len(offsets) - place - 1) + block, word)
    return steps


def _descriptors(names: tuple[bytes, bytes], port: int, likely: Sequence[int]) -> list[int]:
    """The numbers of the sockets with these names. Others come and go meanwhile. There are thousands on a busy gate:
    those that have a filter are passed over, and what is met on the way is remembered."""
    if len(_seen) > _MOST_SEEN:
        _seen.clear()
    for numbers in ((), likely, _without_filter(max(likely, default=0)), _all_numbers()):
        _look_at(numbers, names)
        if all(_is_bound(_seen.get(name, -1), name) for name in names):
            return [_seen.pop(name) for name in names]
    hint = "it must run inside the gate"
    raise MediaError(f"RTPProxy's socket of port {port} is not in this process", hint=hint)


def _look_at(numbers: Iterable[int], names: Sequence[bytes]) -> None:
    """Remember what these numbers are bound to, up to where all of ``names`` were met."""
    missing = set(names)
    for number in numbers:
        name = _name(number)
        if name in missing:
            if not _is_bound(number, name):
                continue
            missing.remove(name)
        if name:
            _seen[name] = number
        if not missing:
            return


def _without_filter(highest: int) -> Iterator[int]:
    """Numbers of descriptors without a filter, and some more."""
    for number in range(max(highest, max(_filtered, default=0)) + _BESIDE):
        if number not in _filtered:
            yield number


def _all_numbers() -> Iterator[int]:
    """Those of this process; its folder is read when the first is asked for."""
    yield from (int(entry.name) for entry in Path("/proc/self/fd").iterdir())


def _name(number: int) -> bytes:
    """Family, port and address that a socket is bound to; empty for any other descriptor."""
    room = _room
    room.size.value = _LONGEST_NAME
    return b"" if _kernel.getsockname(number, room.name, room.at) else _plain(room.name.raw)


def _plain(raw: bytes) -> bytes:
    return raw[:8] if raw[:2] == _IPV4 else raw[:4] + raw[8:24]


def _is_bound(number: int, name: bytes) -> bool:
    """True for a UDP socket that is bound to this; a TCP socket may have the same name."""
    if _name(number) != name:
        return False
    room = _room
    room.size.value = _INT.size
    return not _kernel.getsockopt(number, _SOL_SOCKET, _SO_TYPE, room.kind, room.at) and room.kind.raw == _DATAGRAMS


def _named(address: str, port: int) -> bytes:
    """What ``_name`` gives for it (``sockaddr_in``, ``sockaddr_in6``)."""
    family, packed = _address(address)
    return family + port.to_bytes(2, "big") + packed


@lru_cache(maxsize=64)
def _address(address: str) -> tuple[bytes, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family.to_bytes(2, sys.byteorder), ip_address(address).packed
