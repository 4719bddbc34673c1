"""What the gate says to its recorder, in order, without ever waiting for it.

A recorder that has no processor for a moment does not read, and its socket fills up: what is said then waits here until
the client's thread finds the socket writable. It is bounded in number and, by ``stuck_seconds``, in time.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections import deque

import structlog

from gate.recorder import messages as m

SEND_BUFFER = 1 << 20
"""Asked for; the kernel grants up to ``net.core.wmem_max`` (208 KiB by default: about two hundred messages)."""
MOST_WAITING = 20_000
"""Messages; beyond it the recorder counts as hung at once."""

log = structlog.get_logger("recorder")


class Outbox:
    """The sending half of one control socket. Any thread may ``put``; the client's thread calls ``flush``."""

    def __init__(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._control = control
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._progress = 0.0
        self._overflown = False
        self._asked = False
        self._ending = False

    @property
    def waiting(self) -> int:
        """Messages that the socket has not taken yet."""
        return len(self._waiting) + self._asked

    @property
    def stuck_seconds(self) -> float:
        """For how long something waits and the socket has taken nothing; endless where too much waits."""
        if self._overflown:
            return float("inf")
        return time.monotonic() - self._progress if self._waiting else 0.0

    def put(self, message: m.ToRecorder) -> bool:
        """Send now, or behind what waits. False where there is nobody to take it."""
        data = m.encode(message)
        with self._lock:
            return self._put(data)

    def pause(self, call_id: str) -> bool:
        """As ``put`` of a pause, which holds from this instant however long it waits."""
        with self._lock:
            return self._put(m.encode(m.Pause(call_id, time.monotonic_ns())))

    def say_in_step(self) -> None:
        """The recorder asks: tell it the next instant at which nothing waits here."""
        with self._lock:
            self._asked = True
            self._flush()

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        with self._lock:
            self._flush()

    def end(self) -> None:
        """Say no more after what waits."""
        with self._lock:
            self._ending = True
            self._flush()

    def _put(self, data: bytes) -> bool:
        if self._ending or self._overflown:
            return False
        if self._waiting:
            self._overflown = len(self._waiting) >= MOST_WAITING
            if not self._overflown:
                self._waiting.append(data)
            return not self._overflown
        try:
            self._control.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._progress = time.monotonic()
            self._waiting.append(data)
        except OSError:
            return False
        return True

    def _flush(self) -> None:
        while self._waiting:
            try:
                self._control.send(self._waiting[0], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    self._waiting.clear()
                    break
                log.error("message_too_long", size=len(self._waiting[0]))
            self._waiting.popleft()
            self._progress = time.monotonic()
        if self._asked:
            self._asked = False
            with contextlib.suppress(OSError):
                try:
                    self._control.send(m.encode(m.InStep(time.monotonic_ns())), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    self._asked = True
        if self._ending:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
