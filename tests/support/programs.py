"""``python -m MODULE ARGUMENTS``, in a process of its own that need not import Dialgate anew.

Importing the gate takes a second of processor; the suite starts hundreds of them, and more commands. So one process for
each worker imports it once (``fork_server``), and forks for each program: its own process, arguments, environment,
folder, descriptors and end, as if it had been started by ``subprocess``. What is tested about the start itself (how
long it takes, what is imported, an interpreter's own options) is started by ``subprocess``.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
_ROOM = "-" * 4000
"""For a program's command line."""
_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "OPENBLAS_", "OMP_")
"""Variables that an interpreter or a library reads once, when it starts."""


class Program:
    """A process, with what tests use of ``subprocess.Popen``."""

    stdout: IO[str] | None = None
    """What it writes, where that is a pipe."""

    def __init__(self, arguments: Sequence[str], line: socket.socket) -> None:
        self.args, self._line, self._lock = list(arguments), line, threading.Lock()
        self.returncode: int | None = None
        self.pid = int(self._told())

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; ``None`` while it runs."""
        if self._lock.acquire(blocking=False):  # else another thread waits for it
            try:
                self._look(0.0)
            finally:
                self._lock.release()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same once it has ended. Raises ``TimeoutExpired``."""
        with self._lock:
            self._look(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> None:
        if self.returncode is None:
            self._line.settimeout(timeout)
            with suppress(TimeoutError, BlockingIOError):
                self.returncode = int(self._told())
                self._line.close()

    def _told(self) -> bytes:
        told = self._line.recv(100)
        if not told:
            raise RuntimeError("the fork server has gone")
        return told


class _Server:
    """A process that forks: of this one, or the one that others are forked from."""

    def __init__(self, first: _Server | None = None) -> None:
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = read_at_start(os.environ)
        with theirs:
            if first is None or first.environment != self.environment:
                self._process: Program | subprocess.Popen[bytes] = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno()), _ROOM],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd=ROOT,
                )
            else:
                with Path("/proc/self/ns/net").open() as network:
                    self._process = first.fork([], {"server": True}, [theirs.fileno(), network.fileno(), 2])

    def close(self) -> None:
        """End it; its programs go on."""
        self._door.close()
        self._process.wait()

    def fork(self, arguments: Sequence[str], asked: Mapping[str, Any], descriptors: Sequence[int]) -> Program:
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._door, [json.dumps(asked).encode()], [*descriptors, theirs.fileno()])
        return Program(arguments, line)


def adapt(arguments: Sequence[str]) -> None:
    """What is done before a program is started with these; see ``tests.support.databases.use_postgresql``."""


_servers: list[_Server] = []
_first: list[_Server] = []
_lock = threading.Lock()


def share() -> None:
    """For a process that becomes workers: let their servers be forked from one, which ends with the last of them."""
    _first.append(_Server())


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that an interpreter or a library reads once, when it starts."""
    return {name: value for name, value in environment.items() if name.startswith(_AT_START)}


def start(
    module: str,
    *arguments: str,
    stdout: IO[Any],
    stderr: IO[Any],
    stdin: IO[Any] | socket.socket | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    session: bool = False,
    account: str | None = None,
) -> Program | subprocess.Popen[bytes]:
    """Start it; nothing stands at its standard input where none is given. ``session``: in one of its own.
    ``account``: as somebody else, with their groups and nothing of this process's rights; needs root."""
    environment = dict(os.environ if env is None else env)
    adapt(arguments)
    with _lock:
        if not _servers:
            _servers.append(_Server(*_first))
            atexit.register(_servers[0].close)
    if read_at_start(environment) != _servers[0].environment:
        become = ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups"] if account else []
        command = [*become, sys.executable, "-m", module, *arguments]
        return subprocess.Popen(
            command,
            stdin=stdin or subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment, cwd=cwd,
            start_new_session=session,
        )  # fmt: skip
    asked = {
        "module": module,
        "arguments": arguments,
        "environment": environment,
        "folder": str(cwd),
        "umask": int(Path("/proc/self/status").read_text().partition("Umask:")[2].split()[0], 8),
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
        "session": session,
        "account": account,
    }
    with Path(os.devnull).open("rb") as nothing:
        files = [(stdin or nothing).fileno(), stdout.fileno(), stderr.fileno()]
        return _servers[0].fork([module, *arguments], asked, files)


def told(module: str, *arguments: str) -> Program | subprocess.Popen[str]:
    """Start one whose standard output is read while it runs; its errors go where this process's own go."""
    reading, writing = os.pipe()
    with open(writing, "wb") as out, open(2, "wb", closefd=False) as err:  # noqa: PTH123 - descriptors
        program = start(module, *arguments, stdout=out, stderr=err)
    program.stdout = open(reading, encoding="utf-8")  # noqa: PTH123, SIM115 - closed with the program
    return program


def run(
    module: str,
    *arguments: str,
    input: str = "",
    timeout: float = PATIENCE,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    account: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with this at its standard input; what it wrote. Raises ``TimeoutExpired``, having ended it."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as given,
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        given.write(input)
        given.seek(0)
        program = start(module, *arguments, stdin=given, stdout=out, stderr=err, env=env, cwd=cwd, account=account)
        try:
            code = program.wait(timeout)
        except BaseException:
            program.kill()
            program.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([module, *arguments], code, out.read(), err.read())
