"""A crowd of slow connections at both doors of a real gate, and calls beside it."""

from __future__ import annotations

import http.client
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gate.errors import ControlError
from tests.support.phones import Phones
from tests.support.running_gate import ROOT, UNLISTED, RunningGate, dialgate, free_port
from tests.support.waiting import PATIENCE

DESCRIPTORS = 700
"""That the gate may have: a machine's usual bound is 1024."""


@contextmanager
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.set("limits", max_calls=10)
    gate.add_token("dialler", purposes=["marketing"])
    with few_descriptors():
        gate.start()
    assert gate.process is not None
    yield gate
    gate.stop()


def descriptors(gate: RunningGate) -> int:
    assert gate.process is not None
    return len(list(Path(f"/proc/{gate.process.pid}/fd").iterdir()))


def asked(gate: RunningGate, token: str) -> str:
    connection = http.client.HTTPConnection(gate.http, timeout=PATIENCE)
    bearer = {"Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/v1/decision", json.dumps({"number": UNLISTED}), bearer)
        return str(json.loads(connection.getresponse().read())["verdict"])
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def calls(gate: RunningGate) -> Any:
    try:
        return gate.client.call("status")["calls"]
    except ControlError:
        return None


@pytest.mark.parametrize("door", ["http", "socket"])
def test_slow_connections_cost_no_call_and_no_question(door: str, gate: RunningGate) -> None:
    where = gate.http if door == "http" else str(gate.socket)
    command = [sys.executable, "-m", "tests.attack.slowloris", where, "--connections", "1500", "--seconds", "12"]
    attack = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert attack.stdout is not None
        opened = json.loads(attack.stdout.readline())["opened"]
        assert opened >= 100, "there is an attack"
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            talk = near.dial(UNLISTED)
            near.wait([talk], "up", PATIENCE)
            # Whoever asks beside the crowd, from the same machine and account, may have to ask twice.
            gate.wait(
                lambda: asked(gate, gate.tokens["dialler"]) == "allow", PATIENCE, "phone systems are not answered"
            )
            gate.wait(lambda: calls(gate), PATIENCE, "people are not answered")
            assert descriptors(gate) < DESCRIPTORS - 100
            near.hang_up(talk)
        done = json.loads(attack.communicate(timeout=PATIENCE)[0].splitlines()[-1])
        assert done["closed"] > 0
    finally:
        attack.kill()
        attack.wait()
    # They are let go, and the door is as it was.
    gate.wait(lambda: descriptors(gate) < 300, PATIENCE, "connections of nobody are still there")
    assert asked(gate, gate.tokens["dialler"]) == "allow"
    assert "Traceback" not in gate.log.read_text()
    assert dialgate("audit", "verify", config=gate.config)["ok"]
