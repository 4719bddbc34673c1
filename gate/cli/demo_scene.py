"""What the demo stands on: a test UAS that plays the carrier, this program's own commands, and waiting."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from gate.cli.main import cli
from gate.errors import GateError

CUSTOMER_HERTZ = 1000.0
DIALGATE = [sys.executable, "-m", "gate.cli.main"]


class CarrierUas:
    """The test UAS that plays the carrier, in a process of its own; what it tells is read by a thread."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.address = ""
        self.invites = 0
        self._calls: list[dict[str, Any]] = []
        self._process = process
        self._told = threading.Condition()
        threading.Thread(target=self._read, name="test UAS", daemon=True).start()
        with self._told:
            if not self._told.wait_for(lambda: self.address, 20.0):
                raise GateError("the test UAS did not start")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            told = json.loads(line)
            with self._told:
                match told["event"]:
                    case "listening":
                        self.address = str(told["address"])
                    case "invite":
                        self.invites += 1
                    case "call":
                        self._calls.append(told)
                self._told.notify_all()

    def call(self) -> dict[str, Any]:
        """The next call that has ended there."""
        with self._told:
            if not self._told.wait_for(lambda: self._calls, 15.0):
                raise GateError("the test UAS did not see the end of the call")
            return self._calls.pop(0)


@contextmanager
def carrier_uas() -> Iterator[CarrierUas]:
    """The carrier, with the customer's tone."""
    command = [sys.executable, "-m", "gate.cli.test_uas", "--listen", "127.0.0.1:0", "--tone", str(CUSTOMER_HERTZ)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield CarrierUas(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def run(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """A command of this program, with ``--json``; ``GateError`` where it fails."""
    told = ask(*arguments, cwd=cwd)
    if "error" in told:
        raise GateError(f"dialgate {' '.join(arguments)}: {told['error']['message']}", hint=told["error"]["hint"])
    return told


def ask(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """What a command of this program answers with ``--json``, an error's too; ``GateError`` where that is no JSON.

    It runs in this process: a dozen interpreters would each take a second to import what this one has.
    """
    said, complained = io.StringIO(), io.StringIO()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DIALGATE_")}
    here = chdir(cwd or Path.cwd())
    with _environment(bare), here, redirect_stdout(said), redirect_stderr(complained), suppress(SystemExit):
        cli.main([*arguments, "--json"], prog_name="dialgate")
    try:
        told: dict[str, Any] = json.loads(said.getvalue())
    except ValueError:
        raise GateError(f"dialgate {' '.join(arguments)} failed: {complained.getvalue().strip()}") from None
    return told


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def until(
    true: Callable[[], Any], seconds: float, otherwise: str, process: subprocess.Popen[bytes] | None = None
) -> Any:
    """Wait until something is so, and return it; ``GateError`` where it does not come, or the process ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := true():
            return value
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    raise GateError(otherwise)


def free_port() -> int:
    """A UDP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
