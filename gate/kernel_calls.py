"""System calls that never wait, made without letting go of the interpreter's lock.

Python lets go of the lock around every system call. On a busy gate another thread takes it meanwhile, and getting it
back takes up to a millisecond; what is called here takes microseconds. Each raises ``OSError`` as Python's own does.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from functools import lru_cache

_kernel = ctypes.PyDLL(None, use_errno=True)
_AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def send(number: int, data: bytes) -> int:
    """``socket.send`` on a connected socket's descriptor; ``BlockingIOError`` where there is no room."""
    return _done(_kernel.send(number, data, len(data), _AT_ONCE))


def send_to(sock: socket.socket, data: bytes, host: str, port: int) -> int:
    """``socket.sendto`` a literal address; ``BlockingIOError`` where there is no room."""
    name = _name(sock.family, host, port)
    if not name:
        return sock.sendto(data, _AT_ONCE, (host, port))
    return _done(_kernel.sendto(sock.fileno(), data, len(data), _AT_ONCE, name, len(name)))


def random_hex(size: int) -> str:
    """``secrets.token_hex`` of up to 256 bytes."""
    drawn = ctypes.create_string_buffer(size)
    if _kernel.getrandom(drawn, size, 0) != size:
        return os.urandom(size).hex()
    return drawn.raw.hex()


def _done(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


@lru_cache(maxsize=4096)
def _name(family: int, host: str, port: int) -> bytes:
    """``sockaddr_in`` or ``sockaddr_in6``; empty for what is no plain literal of the family."""
    try:
        start, address = family.to_bytes(2, sys.byteorder) + struct.pack("!H", port), socket.inet_pton(family, host)
    except (OSError, struct.error):
        return b""
    return start + address + bytes(8) if family == socket.AF_INET else start + bytes(4) + address + bytes(4)
