"""Carries commands to RTPProxy and its answers back to the line thread; takes the place of sippy's worker.

sippy's waits on a lock written in Python, reads the clock twice and wakes the line a second time for a figure that
nobody asks for; with ten commands a call that is a good part of what a call costs. This one also runs jobs: steps that
ask several things, one upon the answer to the other, and cross to the line once.
"""

from __future__ import annotations

import ctypes
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

import structlog

from gate.errors import MediaError

_log = structlog.get_logger("gate.media")

LONGEST_ANSWER = 8192

_kernel = ctypes.PyDLL(None)
_AT_ONCE = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
"""One command at a time is on its way, a few hundred bytes: there is room for it, or RTPProxy is gone."""

Job = Callable[[Callable[[str], str | None]], Any]
"""Gets what asks RTPProxy; what it returns is its answer."""
_Command = tuple[str | Job, Callable[..., None] | None, tuple[Any, ...]]


class Worker(threading.Thread):
    """One command or job at a time: sent, answered, told. ``client`` is sippy's, whose ``wi`` is where they come
    from."""

    def __init__(self, client: Any) -> None:
        super().__init__(name="rtpproxy", daemon=True)
        self._socket: socket.socket = client.address
        self._commands: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        client.wi = self._commands
        self.start()

    def run(self) -> None:
        """Until ``None`` comes. An answer of None tells that RTPProxy is gone, or that a job could not be done."""
        from sippy.Core.EventDispatcher import ED2

        while (item := self._commands.get()) is not None:
            command, answered, more = item
            answer = self._ask(command) if isinstance(command, str) else self._do(command)
            if answered is not None:
                ED2.callFromThread(answered, answer, *more)

    def _do(self, job: Job) -> Any:
        try:
            return job(lambda command: self._ask(f"{command}\n"))
        except MediaError as error:
            _log.error("a media command failed", error=str(error), hint=error.hint)
        except Exception:  # noqa: BLE001 - whatever one call's job meets, the thread serves the others
            _log.exception("a media command failed")
        return None

    def _ask(self, command: str) -> str | None:
        """One command, or several, a line each: then as many lines come back. What a round costs is mostly the wait for
        the interpreter's lock: so commands that need not wait for one another go together, and sending keeps it."""
        try:
            data = command.encode()
            if _kernel.send(self._socket.fileno(), data, len(data), _AT_ONCE) != len(data):
                raise OSError("its socket takes no command")
            answer = self._socket.recv(LONGEST_ANSWER)
            while answer and answer.count(b"\n") < command.count("\n"):
                answer += self._socket.recv(LONGEST_ANSWER)
        except (OSError, UnicodeError) as error:
            _log.error("RTPProxy does not answer", error=str(error))
            return None
        return answer.decode("ascii", "replace").strip() or None


def take_place() -> None:
    """Have sippy's clients use this worker; before the client is made, on the line thread."""
    from sippy.Rtp_proxy.Client import internal

    vars(internal)["_RTPPLWorker"] = Worker
