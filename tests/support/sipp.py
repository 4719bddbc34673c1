"""SIPp as a peer in tests: one run of a scenario, bounded in time, with its counts and its messages."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE, until

SIPP = shutil.which("sipp")


def need_sipp() -> str:
    """The program, or skip (in CI: fail) with the reason."""
    if SIPP is None:
        if os.environ.get("CI"):
            pytest.fail("sipp is missing (Debian package sip-tester)")
        pytest.skip("sipp is missing (Debian package sip-tester)")
    return SIPP


def free_port(host: str = "127.0.0.1") -> int:
    """A UDP port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@dataclass
class Result:
    """How a run ended."""

    code: int
    successful: int
    failed: int
    retransmissions: int
    messages: str
    """All messages sent and received (empty without ``trace``)."""
    errors: str
    stats: dict[str, str] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    """Milliseconds from request to answer of each call that was answered (empty without ``-trace_rtt``)."""


class Sipp:
    """A SIPp process. ``scenario`` is a stock name (``uac``, ``uas``) or a file."""

    def __init__(
        self, scenario: str | Path, *, remote: tuple[str, int] | None = None, host: str = "127.0.0.1", port: int = 0,
        calls: int = 1, rate: float = 10, service: str = "02079460000", timeout: float = PATIENCE, trace: bool = True,
        extra: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        program = need_sipp()
        self.host, self.port = host, port or free_port(host)
        self.timeout = timeout
        self.folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        self.trace = trace
        which = ["-sf", str(scenario)] if str(scenario).endswith(".xml") else ["-sn", str(scenario)]
        command = [program, *which, "-i", host, "-p", str(self.port), "-m", str(calls), "-r", str(rate), "-s", service]
        command += ["-timeout", f"{timeout:.0f}s", "-timeout_error", "-nostdin", "-trace_stat", "-fd", "1"]
        command += ["-stf", str(self.folder / "stat.csv"), "-trace_err", "-error_file", str(self.folder / "errors.log")]
        command += ["-mp", str(free_port(host)), "-mi", host, "-recv_timeout", str(int(timeout * 1000))]
        if trace:
            command += ["-trace_msg", "-message_file", str(self.folder / "messages.log")]
        command += extra
        if remote:
            command.append(f"[{remote[0]}]:{remote[1]}" if ":" in remote[0] else f"{remote[0]}:{remote[1]}")
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "dumb"},
        )  # fmt: skip

    def wait_listening(self, seconds: float = PATIENCE) -> None:
        """Until the port is taken."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET

        def taken() -> bool:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((self.host, self.port))
                except OSError:
                    return True
            return False

        until(taken, "sipp does not listen", seconds)

    def result(self, seconds: float | None = None) -> Result:
        """Wait for the end (killed when it takes longer) and read what it wrote."""
        try:
            _, errors = self.process.communicate(timeout=seconds or self.timeout + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
        stats = self._stats()
        outcome = Result(
            self.process.returncode,
            int(stats.get("SuccessfulCall(C)", "0") or 0),
            int(stats.get("FailedCall(C)", "0") or 0),
            int(stats.get("Retransmissions(C)", "0") or 0),
            self._read("messages.log"),
            errors.decode(errors="replace") + self._read("errors.log"),
            stats,
            [float(row.split(";")[1]) for file in self.folder.glob("*_rtt.csv") for row in _lines(file)[1:]],
        )
        shutil.rmtree(self.folder, ignore_errors=True)
        return outcome

    def stop(self) -> Result:
        """End it now and read what it wrote."""
        self.process.terminate()
        return self.result(5)

    def _stats(self) -> dict[str, str]:
        path = self.folder / "stat.csv"
        if not path.exists():
            return {}
        rows = list(csv.reader(_lines(path), delimiter=";"))
        return dict(zip(rows[0], rows[-1], strict=False)) if len(rows) > 1 else {}

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()
