"""Whoever kills the gate leaves no leg behind: the next start hangs up both of every call, with a leaf for each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.running_gate import RunningGate
from tests.support.waiting import PATIENCE

CALLS = 24


@pytest.fixture
def gate(tmp_path):
    gate = RunningGate(tmp_path, announcement=0.5)
    gate.add_pbx(refusal=600)
    gate.start()
    yield gate
    gate.stop()


def killer(gate: RunningGate) -> subprocess.Popen[str]:
    """The program, once it has killed the gate."""
    assert gate.process is not None
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.attack.killed", "--gate", f"127.0.0.1:{gate.port}"),
            *("--trunk-port", str(gate.trunk_port), "--pid", str(gate.process.pid), "--calls", str(CALLS)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert gate.process.wait(PATIENCE) == -9
    gate.process = None
    return program


def nobody_is_left(gate: RunningGate, program: subprocess.Popen[str]) -> None:
    """Both legs of every call were hung up, with a leaf for each, and nothing is kept of them."""
    told = json.loads(program.communicate(timeout=120)[0])
    assert told | {"options": 0} == {"up": CALLS, "near": CALLS, "far": CALLS, "codes": [200], "options": 0}
    assert told["options"] is not None
    calls = {row["call_id"] for row in gate.rows("SELECT call_id FROM calls")}
    gate.wait(lambda: ended(gate) == calls, PATIENCE, "not every call has its leaf")
    assert (gate.data / "legs.journal").read_bytes() == b""
    assert gate.stop() == 0
    gate.verified()


def ended(gate: RunningGate) -> set[str]:
    """Calls of which the log says that their legs were ended."""
    return {row["call_id"] for row in gate.rows("SELECT call_id FROM facts WHERE kind = 'legs_ended'")}


def test_a_killed_gate_hangs_up_at_its_next_start(gate):
    program = killer(gate)
    gate.start()
    nobody_is_left(gate, program)


def test_a_gate_killed_again_while_it_hangs_up_does_so_at_the_start_after(gate):
    """The second kill comes as soon as the gate has begun; and the kill has torn the journal's last line."""
    program = killer(gate)
    with (gate.data / "legs.journal").open("ab") as journal:
        journal.write(b'{"torn')
    before = gate.log.stat().st_size
    gate.spawn()
    gate.wait(lambda: b"legs of an earlier run" in gate.log.read_bytes()[before:], PATIENCE, "it does not begin")
    gate.process.kill()
    gate.process.wait(PATIENCE)
    gate.process = None
    gate.start()
    nobody_is_left(gate, program)
