"""An edge in front of a gate: Kamailio and rtpengine as ``dialgate edge config`` configures them, on loopback."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.running_gate import RunningGate, dialgate
from tests.support.sip_peer import Phone
from tests.support.sip_stream import certificate
from tests.support.waiting import until

_PACKAGES = {
    "kamailio": "kamailio",
    "rtpengine": "rtpengine-daemon",
    "tls.so": "kamailio-tls-modules",
    "websocket.so": "kamailio-websocket-modules",
    "stun.so": "kamailio-outbound-modules",
}


def required() -> None:
    """Skip where one of the programs is not installed; fail where the suite must be whole."""
    missing = [
        package
        for name, package in _PACKAGES.items()
        if not (
            any(Path("/usr/lib").glob(f"*/kamailio/modules/{name}")) if name.endswith(".so") else shutil.which(name)
        )
    ]
    if missing:
        assert not os.environ.get("CI"), f"{', '.join(missing)} must be installed"
        pytest.skip(f"{', '.join(missing)} not installed")


class Edge:
    """``Edge(gate)`` writes itself into the gate's configuration; ``start`` needs that to be whole."""

    def __init__(self, gate: RunningGate) -> None:
        self.gate = gate
        self.folder = gate.folder / "edge"
        self.pem, self.key = certificate(self.folder, "127.0.0.1")
        self.inner = random.randrange(5200, 9000, 8)
        self.ports = {"udp": self.inner + 1, "tcp": self.inner + 1, "tls": self.inner + 2, "wss": self.inner + 3}
        gate.set("edge", address=f"127.0.0.1:{self.inner}", public="127.0.0.1", **self.ports)
        gate.set("edge", certificate=str(self.pem), key=str(self.key), port_min=60000, port_max=60999)
        self._processes: list[subprocess.Popen[bytes]] = []

    def at(self, transport: str) -> tuple[str, int]:
        """Where phones find it."""
        return ("127.0.0.1", self.ports[transport])

    def write(self) -> Path:
        """Its files; returns Kamailio's."""
        dialgate("edge", "config", str(self.folder), "--at", str(self.folder), config=self.gate.config)
        return self.folder / "kamailio.cfg"

    def start(self) -> None:
        """Run both, until phones can connect."""
        main = self.write()
        media = ["rtpengine", f"--config-file={self.folder / 'rtpengine.conf'}", "--foreground", "--log-stderr"]
        self._run(media, self._relays)
        sip = ["kamailio", "-f", str(main), "-DD", "-E", "-w", str(self.folder), "-Y", str(self.folder)]
        self._run([*sip, "-P", str(self.folder / "pid")], self._answers)

    def _run(self, command: list[str], ready: Callable[[], bool]) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)
        until(lambda: process.poll() is not None or ready(), self.said)
        assert process.poll() is None, self.said()

    def _relays(self) -> bool:
        return "Startup complete" in self.said()

    def _answers(self) -> bool:
        """Its workers are there: it listens before that."""
        with Phone(self.at("udp")) as phone:
            phone.send(phone.request("OPTIONS", phone.new_dialog()))
            return not phone.quiet(0.2)

    @property
    def pids(self) -> tuple[int, int]:
        """Of rtpengine and of Kamailio, which has children."""
        media, sip = self._processes
        return media.pid, sip.pid

    def stop(self) -> None:
        """End both."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def said(self) -> str:
        """The end of what both have said."""
        return (self.folder / "log").read_text(errors="replace")[-60000:]
