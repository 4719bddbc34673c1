"""Several gates on one machine, from one configuration: a process that starts them, and starts again what crashed.

Each is a ``dialgate serve`` of its own, which reads the configuration as its number says
(``gate.config.load.of_node``): its own folder, log, ports, relay and recorder. What it says goes to the same standard
error. One that crashed is started again after ``AGAIN`` seconds, longer each time it does not run for long; one that
has left, whose log is another gate's, or whose configuration is wrong, is not. Where one is lost so before all of them
run, none does.

TERM and INT are passed on, and each gate lets its calls end. Where this process is killed, the kernel tells them.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final

import structlog

from gate.config.load import NODE, load
from gate.daemon.opening import OWN_FILES
from gate.daemon.process import configure_logs
from gate.daemon.running import notify_systemd
from gate.errors import ConfigError, StoreError
from gate.vault.signing import CheckpointKey

log = structlog.get_logger()

AGAIN: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
LONG: Final = 60.0
"""Seconds after which a gate has run for long: the next crash counts as its first."""
LOOK: Final = 0.1
STOP_SECONDS: Final = 60.0
"""Beside ``limits.drain_seconds``: how long a gate may take to end."""
FOR_GOOD: Final = frozenset({0, 2, 3})
"""Exit codes after which a gate is not started again: it has left, is set wrongly, or has lost its log to another."""
SHARED: Final = ("registers", "recipients")
OWN: Final = ("recordings", "prompts", "checkpoints")


class _Node:
    """One gate, and its process."""

    def __init__(self, number: int, count: int, path: Path) -> None:
        self.number = number
        self._command = [sys.executable, "-P", "-m", "gate.cli.main", "serve", "-c", str(path)]
        self._environment = {**os.environ, NODE: f"{number}/{count}"}
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        name = f"dialgate-{secrets.token_hex(8)}"
        self._link.bind(f"\0{name}")
        self._environment["NOTIFY_SOCKET"] = f"@{name}"
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.ended: int | None = None
        """Its exit code, where it is not started again."""
        self._crashes = 0
        self._began = 0.0
        self.due: float | None = 0.0
        """When it is started, monotonic seconds; None: it runs, or is not."""

    def start(self) -> None:
        """Start its process."""
        self.due, self.ready, self._began = None, False, time.monotonic()
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=_ends_with_its_parent,  # noqa: PLW1509 - this process has one thread
        )
        log.info("node_started", node=self.number, pid=self.process.pid)

    def look(self) -> None:
        """Take note of what it has become."""
        with suppress(BlockingIOError):
            while True:
                self.ready |= b"READY=1" in self._link.recv(4096)
        if self.process is None or (code := self.process.poll()) is None:
            return
        self.process = None
        if code in FOR_GOOD:
            self.ended = code
            (log.info if code == 0 else log.error)("node_ended", node=self.number, code=code)
            return
        now = time.monotonic()
        self._crashes = 1 if now - self._began >= LONG else self._crashes + 1
        seconds = AGAIN[min(self._crashes, len(AGAIN)) - 1]
        self.due = now + seconds
        log.error("node_crashed", node=self.number, code=code, again_in_seconds=seconds)


def _ends_with_its_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def serve_nodes(path: Path, count: int, today: date) -> int:
    """Run so many gates until TERM or INT, or until each has ended for good; returns the highest exit code of theirs.
    Raises ``GateError`` where the configuration does not fit one of them."""
    os.umask(OWN_FILES)
    configs = [load(path, today=today, node=(number, count)) for number in range(count)]
    folders, config = [each.data for each in configs], configs[0]
    configure_logs(config.log)
    told: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: told.append(number))
    nodes = [_Node(number, count, path) for number in range(count)]
    begun, running = nodes[:1], False
    while not told:
        first_runs = nodes[0].ready or (folders[0] / "number.key").exists()
        if len(begun) < count and first_runs:  # it makes the key of the number hashes, which all have
            for data in folders[1:]:
                _make_folder(folders[0], data)
            begun = nodes
        for node in begun:
            if node.due is not None and time.monotonic() >= node.due:
                node.start()
            node.look()
        if not running and len(begun) == count and all(node.ready for node in nodes):
            running = True
            notify_systemd("READY=1")
            log.info("nodes_run", nodes=count)
        failed = [node for node in begun if node.ended]
        if all(node.ended is not None for node in begun) or (failed and not running):
            break
        time.sleep(LOOK)
    notify_systemd("STOPPING=1")
    return _stop(nodes, float(config.limits.drain_seconds) + STOP_SECONDS)


def _stop(nodes: list[_Node], seconds: float) -> int:
    """End them, each as TERM does; the highest exit code."""
    codes = [node.ended or 0 for node in nodes]
    running = [node.process for node in nodes if node.process is not None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    until = time.monotonic() + seconds
    for process in running:
        try:
            codes.append(process.wait(max(0.0, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            log.error("node_killed", pid=process.pid, hint="it did not end in time")
            process.kill()
            codes.append(process.wait())
    return max(code if code >= 0 else 1 for code in codes)


def _make_folder(first: Path, data: Path) -> None:
    """The data folder of a further gate, where there is none: keys of its own but for that of the number hashes, and
    the registers and recipients of the first. Raises ``StoreError`` or ``ConfigError``."""
    try:
        for folder in (data.parent, data, *(data / name for name in OWN)):
            folder.mkdir(mode=0o700, exist_ok=True)
        for name in SHARED:
            with suppress(FileExistsError):
                (data / name).symlink_to(first / name)
        if not (data / "number.key").exists():
            shutil.copyfile(first / "number.key", data / "number.key.part")
            (data / "number.key.part").replace(data / "number.key")
        elif (data / "number.key").read_bytes() != (first / "number.key").read_bytes():
            raise StoreError(
                f"{data / 'number.key'} is not that of the first gate",
                hint="each gate must have the same: copy it from the first, if nothing was written with the other",
            )
        if not (data / "gate.key").exists():
            CheckpointKey.create(data / "gate.key", f"dialgate-{secrets.token_hex(4)}")
    except OSError as error:
        raise ConfigError(f"{error.filename or data}: {error.strerror}", hint="may this account write there?") from None
