"""A witness of the log (C2SP tlog-witness) as other people run one: a program of its own, in a Python of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gate.outgoing import NoAnswer, request
from tests.support.running_gate import free_port
from tests.support.waiting import until

PROGRAM = Path(sys.prefix) / "peers" / "bin" / "aics-witness"


class WitnessServer:
    """Knows one log, or some. Ended by ``close``, and begun again by ``start`` with what it remembers."""

    def __init__(self, folder: Path, log: str, name: str = "witness.example.org/w1", *others: str) -> None:
        """``log``, ``others``: the verifier keys of logs. The test is skipped where the program is not there."""
        if not PROGRAM.exists():
            pytest.skip("needs the witness: make peers, with Python 3.12 or later")
        folder.mkdir()
        self._config = str(folder / "witness.json")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = self._run("init", "--name", name, "--listen", f"127.0.0.1:{self.port}").splitlines()[-1]
        for each in (log, *others):
            self._run("add-log", "--origin", each.partition("+")[0], "--vkey", each)
        self.start()

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [PROGRAM, command, "--config", self._config, *arguments], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        self._process = subprocess.Popen([PROGRAM, "serve", "--config", self._config], stderr=subprocess.DEVNULL)
        until(self._answers, "the witness answers")

    def _answers(self) -> bool:
        try:
            return request("GET", f"{self.url}/healthz", seconds=1, most=100).status == 200
        except NoAnswer:
            return False

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
