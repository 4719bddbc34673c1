"""A gate that cannot sign its log says so: in status, metrics and its exit code."""

from __future__ import annotations

import shutil
import socket
import urllib.request
from pathlib import Path

from tests.support import programs
from tests.support.running_gate import RunningGate, free_port
from tests.support.waiting import PATIENCE


def metric(gate: RunningGate, name: str, token: str) -> float:
    asked = urllib.request.Request(f"http://{gate.http}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310 - our own address
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def test_a_gate_that_cannot_sign_says_so(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    gate.set("control", http=gate.http)
    token = gate.add_token("prometheus", metrics=True)
    shutil.rmtree(gate.data / "checkpoints", ignore_errors=True)
    (gate.data / "checkpoints").write_text("in the way")
    gate.start()
    try:
        status = gate.client.call("status")
        assert any("has not been signed since" in each for each in status["warnings"]), status["warnings"]
        assert status["evidence"]["rolled_back"] == ""
        gate.wait(lambda: metric(gate, "dialgate_unsigned_seconds", token) > 0, PATIENCE, "the gauge stays at 0")
        assert metric(gate, "dialgate_evidence_rolled_back", token) == 0
        done = programs.run("gate.cli.main", "status", "-c", str(gate.config))
        assert done.returncode == 1 and "has not been signed since" in done.stdout
        assert gate.client.call("decide", number="02079460123")["verdict"] == "allow", "for an hour"
    finally:
        code = gate.stop()
    assert code == 1
    (gate.data / "checkpoints").unlink()
    gate.start()
    try:
        assert not any("signed" in each for each in gate.client.call("status")["warnings"])
    finally:
        assert gate.stop() == 0
    gate.verified()
