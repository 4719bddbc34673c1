"""RTPProxy inside the process (rtp.io), started with the gate's addresses and ports.

What has to be known of it:

- Its module ``acct_csv``, loaded by default, writes call ids to a file in the working directory: no modules.
- ``-R``: no RTCP in the copies, for it would go to the port beside a tap, which may be another call's.
- A session whose RTP stops for ``-T`` seconds is deleted and cannot come back, on hold too; before its answer ``-W``
  counts. Both are longer than the longest call, and silence is watched in ``relay``, where a hold is known.
- The sockets of a deleted session are closed by threads that sleep until a packet or a new session wakes them. Where
  no call has RTP and all ports are used up, neither comes: ``pulse`` wakes them.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import time
from collections.abc import Callable, Hashable
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import structlog

from gate import ports
from gate.config import Config
from gate.config.rules import PORTS_PER_CALL
from gate.errors import MediaError
from gate.media.addresses import Addresses
from gate.media.worker import Job, T, Worker, asked

_log = structlog.get_logger("gate.media")

_FILES_PER_CALL, _FILES_BESIDE = PORTS_PER_CALL + 2, 512
"""Open files that a call takes, and all the rest together."""
_PULSE_AFTER = 0.05
_PULSE_RENEWED = 1800.0


class Proxy:
    """The running RTPProxy. Built and used on the line thread; ``MediaError`` where it does not start."""

    def __init__(self, config: Config, addresses: Addresses, loop: ports.Loop) -> None:
        _raise_file_limit(config.limits.max_calls + sum(each.sessions for each in config.siprec))
        self._loop = loop
        self._library = _start(config, addresses)
        self._worker = Worker(self._library.rtpp_sock, loop.post)
        self._pulse_to = _Pulse(self, addresses)
        self._pulse_due = False
        self._numbers = count()
        self._asked: dict[int, float] = {}
        """Jobs whose result is waited for, the oldest first: when each was asked for."""
        self._renew()

    def run(self, call: Hashable, job: Job[T], done: Callable[[T | None], None] | None = None) -> None:
        """Have a job done by the worker, after those of the same call before it; ``done`` gets its result on the line
        thread, None where it could not be done."""
        if done is None:
            self._worker.put(call, job)
            return
        if self._library is None:
            self._loop.post(lambda: done(None))
            return
        number = next(self._numbers)
        self._asked[number] = time.monotonic()

        def answered(result: T | None) -> None:
            del self._asked[number]
            done(result)

        self._worker.put(call, job, answered)

    @property
    def late(self) -> float:
        """Seconds that the oldest job has waited for its answer; 0.0 where there is none."""
        first = next(iter(self._asked.values()), None)
        return 0.0 if first is None else time.monotonic() - first

    def freed(self) -> None:
        """A session was deleted: have its ports freed soon."""
        if not self._pulse_due:
            self._pulse_due = True
            self._loop.after(_PULSE_AFTER, self._pulse)

    def shutdown(self) -> None:
        """End it; every session with it."""
        self._pulse_to.close()
        self._worker.stop()
        self._library = None

    def _pulse(self) -> None:
        self._pulse_due = False
        self._pulse_to.send()

    def _renew(self) -> None:
        self._pulse_to.open()
        self._loop.after(_PULSE_RENEWED, self._renew)


class _Pulse:
    """A session of RTPProxy's that carries nothing: a datagram to its ports wakes both of RTPProxy's threads."""

    def __init__(self, proxy: Proxy, addresses: Addresses) -> None:
        family = socket.AF_INET6 if ":" in addresses.named else socket.AF_INET
        loopback = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._proxy = proxy
        self._name = f"pulse-{token_hex(8)}"
        self._option = "6" if family == socket.AF_INET6 else ""
        self._to = loopback if addresses.translated else addresses.named
        self._port = 0
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def open(self) -> None:
        """Make the session, or restart its timer."""

        def job() -> Job[int]:
            (answer,) = yield from asked(f"U{self._option} {self._name} {self._to} 9 {self._name}")
            return int(answer[0])

        def made(port: int | None) -> None:
            self._port = port or self._port

        self._proxy.run(self, job(), made)

    def send(self) -> None:
        for port in (self._port, self._port + 1):
            try:
                self._socket.sendto(b"\0", (self._to, port))
            except OSError:
                return  # a full buffer, or no session: the next one will do

    def close(self) -> None:
        self._socket.close()


def speakable(folder: Path) -> str:
    """The folder in a form that fits a command, whose words end at a space."""
    text = str(folder.resolve())
    if not re.search(r"\s", text):
        return text
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # stays open as long as the process
    return f"/proc/self/fd/{handle}"


def _start(config: Config, addresses: Addresses) -> Any:
    from rtp.io import rtpproxy

    longest = str(config.limits.max_call_seconds + config.sip.no_answer_seconds + 3600)
    arguments = ["-d", "CRIT", "-F", "-R", *addresses.listen]
    arguments += ["-m", str(config.media.port_min), "-M", str(config.media.port_max), "-T", longest, "-W", longest]
    try:
        return rtpproxy(extra_args=arguments, modules=())
    except (RuntimeError, OSError) as error:
        hint = "check [media] address and ports, and how much memory the process may have"
        raise MediaError(f"RTPProxy does not start ({error})", hint=hint) from error


def _raise_file_limit(calls: int) -> None:
    """Allow as many open sockets as that many calls need, as far as the hard limit goes. Raises ``MediaError`` where
    that is not far enough for one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted, most = calls * _FILES_PER_CALL + _FILES_BESIDE, float("inf") if hard == resource.RLIM_INFINITY else hard
    if most < wanted:
        hint = "raise it: ulimit -Hn in a shell, LimitNOFILE= in a unit of systemd"
        if most < _FILES_PER_CALL + _FILES_BESIDE:
            raise MediaError(f"this process may open {hard} files, too few for one call", hint=hint)
        _log.warning("few_open_files", limit=hard, calls=(hard - _FILES_BESIDE) // _FILES_PER_CALL, hint=hint)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
