"""A file system in user space (FUSE) with one file, that stops answering when it is told to: as a share whose server is
gone. Needs root and ``/dev/fuse``; what waits for it is let go when it is closed."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDS_FUSE = pytest.mark.skipif(os.getuid() != 0 or not Path("/dev/fuse").exists(), reason="needs root and FUSE")
LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, READDIR = 1, 3, 14, 15, 17, 18, 25, 26, 27, 28
NAME = "list.csv"
_LIBC = ctypes.CDLL(None, use_errno=True)
_ABORT_AND_DETACH = 1 | 2
"""``MNT_FORCE``, ``MNT_DETACH`` (umount2(2))."""


class Frozen:
    """The file system, mounted."""

    def __init__(self, place: Path, content: bytes) -> None:
        self.path = place / NAME
        self.asked: list[int] = []
        """What was asked of it since it stopped answering."""
        self._content = content
        self._still = threading.Event()
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40755,user_id=0,group_id=0,allow_other".encode()
        if _LIBC.mount(b"frozen", str(place).encode(), b"fuse", 0, options):
            raise OSError(ctypes.get_errno(), "mount")
        threading.Thread(target=self._run, daemon=True).start()

    def freeze(self) -> None:
        """Answer nothing any more."""
        self._still.set()

    def close(self, place: Path) -> None:
        """Whoever waits gets an error."""
        _LIBC.umount2(str(place).encode(), _ABORT_AND_DETACH)
        os.close(self._device)

    def _run(self) -> None:
        while True:
            try:
                asked = os.read(self._device, 1 << 20)
            except OSError:
                return
            _, opcode, unique, node = struct.unpack_from("=IIQQ", asked)
            if self._still.is_set():
                self.asked.append(opcode)
                continue
            answer = self._answer(opcode, node, asked[40:])
            error, body = (-answer, b"") if isinstance(answer, int) else (0, answer)
            with contextlib.suppress(OSError):
                os.write(self._device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)

    def _answer(self, opcode: int, node: int, body: bytes) -> bytes | int:
        if opcode == INIT:
            return struct.pack("=IIIIHHIIHHIIHH7I", 7, 31, 1 << 16, 0, 16, 12, 1 << 16, 1, 1, 0, 0, 0, 0, 0, *[0] * 7)[
                :64
            ]
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != NAME.encode():
                return errno.ENOENT
            return struct.pack("=QQQQII", 2, 1, 0, 0, 0, 0) + self._attributes(2)
        if opcode == GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self._attributes(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack("=QII", 1, 0, 0)
        if opcode == READ:
            offset, size = struct.unpack_from("=QI", body, 8)
            return self._content[offset : offset + size]
        if opcode in (FLUSH, RELEASE):
            return b""
        return errno.ENOSYS

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o644
        size = 0 if node == 1 else len(self._content)
        return struct.pack("=QQQQQQIIIIIIIIII", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


@contextlib.contextmanager
def frozen_fs(place: Path, content: bytes = b"telephone\n02079460123\n") -> Iterator[Frozen]:
    """It is mounted at ``place``, a folder that is there, within the block."""
    made = Frozen(place, content)
    try:
        yield made
    finally:
        made.close(place)
