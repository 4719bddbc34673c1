"""A line between a gate and its PostgreSQL server that stalls, breaks, and breaks in the middle of a commit."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

CUTS: Final = ("stall", "break", "before", "within", "after", "answer")
"""``before``: COMMIT is not passed on; ``within``: some bytes of it are; ``after``: all of it, and no answer comes
back; ``answer``: some bytes of the answer do."""
_COMMIT: Final = re.compile(rb"(?:P....(?P<name>_pg3_\d+)\0)?COMMIT", re.DOTALL)
"""In words; from the fifth on psycopg sends it as a prepared statement, which has a name in the session."""


class _Session:
    """One connection of the gate's."""

    def __init__(self) -> None:
        self.cut = threading.Event()
        """The answer to a commit is not to come back."""
        self.names: set[bytes] = set()
        """Of COMMIT, prepared."""

    def commit(self, data: bytes) -> re.Match[bytes] | None:
        """Where COMMIT stands in what the gate sends."""
        found = _COMMIT.search(data)
        if found and found["name"]:  # it is done where it is bound, which may be later
            self.names.add(found["name"])
            found = None
        bound = (re.search(b"B....\\0" + name + b"\\0", data, re.DOTALL) for name in self.names)
        return found or next(filter(None, bound), None)


class CutLine:
    """A TCP port on 127.0.0.1, and behind it the server's socket. ``cut`` and ``heal`` from any thread."""

    def __init__(self, behind: Path) -> None:
        self._behind = behind
        self._lock = threading.Lock()
        self._cut = ""
        self._random = Random(0)
        self._open: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.commits = 0
        """How many were cut."""
        threading.Thread(target=self._accept, name="line", daemon=True).start()

    def close(self) -> None:
        """Nothing passes any more."""
        self._listener.close()
        self._flows.set()
        self._break()

    def cut(self, how: str, random: Random) -> None:
        """One of ``CUTS``: now, or at the next commit. It stays so until ``heal``."""
        with self._lock:
            self._cut, self._random = how, random
        if how == "stall":
            self._flows.clear()
        elif how == "break":
            self._break()

    def heal(self) -> None:
        """Everything passes; what was broken is not mended."""
        with self._lock:
            self._cut = ""
        self._flows.set()

    def _break(self) -> None:
        with self._lock:
            gone, self._open = self._open, set()
        for each in gone:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    if self._cut not in ("", "stall"):
                        raise ConnectionRefusedError
                    far.connect(str(self._behind))
                except OSError:
                    near.close()
                    far.close()
                    continue
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open |= {near, far}
                session = _Session()
                for source, target, asks in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=(source, target, asks, session), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, asks: bool, session: _Session) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                data = self._asked(data, session) if asks else self._answered(data, session)
                target.sendall(data)
                if session.cut.is_set() and (not asks or self._cut in ("before", "within")):
                    self._break()
                    break
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _asked(self, data: bytes, session: _Session) -> bytes:
        commit = session.commit(data)
        with self._lock:
            if commit is None or self._cut not in ("before", "within", "after", "answer"):
                return data
            session.cut.set()
            self.commits += 1
            if self._cut == "before":
                return data[: commit.start()]
            return data[: self._random.randrange(commit.start() + 1, commit.end())] if self._cut == "within" else data

    def _answered(self, data: bytes, session: _Session) -> bytes:
        if not session.cut.is_set():
            return data
        return data[: self._random.randrange(len(data))] if self._cut == "answer" else b""
