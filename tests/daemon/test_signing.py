"""A gate that cannot sign its log says so: in status, metrics and its exit code."""

from __future__ import annotations

import shutil
import socket
import urllib.request
from pathlib import Path

from tests.support import programs
from tests.support.gatehouse import Gatehouse, free_port
from tests.support.waiting import PATIENCE


def metric(house: Gatehouse, name: str, token: str) -> float:
    asked = urllib.request.Request(f"http://{house.http}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310 - our own address
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def test_a_gate_that_cannot_sign_says_so(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path / "gate")
    house.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    house.set("control", http=house.http)
    token = house.add_token("prometheus", metrics=True)
    shutil.rmtree(house.data / "checkpoints", ignore_errors=True)
    (house.data / "checkpoints").write_text("in the way")
    house.start()
    try:
        status = house.client.call("status")
        assert any("has not been signed since" in each for each in status["warnings"]), status["warnings"]
        assert status["evidence"]["rolled_back"] == ""
        house.wait(lambda: metric(house, "dialgate_unsigned_seconds", token) > 0, PATIENCE, "the gauge stays at 0")
        assert metric(house, "dialgate_evidence_rolled_back", token) == 0
        done = programs.run("gate.cli.main", "status", "-c", str(house.config))
        assert done.returncode == 1 and "has not been signed since" in done.stdout
        assert house.client.call("decide", number="02079460123")["verdict"] == "allow", "for an hour"
    finally:
        code = house.stop()
    assert code == 1
    (house.data / "checkpoints").unlink()
    house.start()
    try:
        assert not any("signed" in each for each in house.client.call("status")["warnings"])
    finally:
        assert house.stop() == 0
    house.verified()
