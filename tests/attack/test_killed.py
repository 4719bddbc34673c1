"""Whoever kills the gate leaves no leg behind: the next start hangs up both of every call, with a leaf for each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.gatehouse import Gatehouse
from tests.support.waiting import PATIENCE

CALLS = 24


@pytest.fixture
def house(tmp_path):
    house = Gatehouse(tmp_path, announcement=0.5)
    house.add_pbx(refusal=600)
    house.start()
    yield house
    house.stop()


def killer(house: Gatehouse) -> subprocess.Popen[str]:
    """The program, once it has killed the gate."""
    assert house.process is not None
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.attack.killed", "--gate", f"127.0.0.1:{house.port}"),
            *("--trunk-port", str(house.trunk_port), "--pid", str(house.process.pid), "--calls", str(CALLS)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert house.process.wait(PATIENCE) == -9
    house.process = None
    return program


def nobody_is_left(house: Gatehouse, program: subprocess.Popen[str]) -> None:
    """Both legs of every call were hung up, with a leaf for each, and nothing is kept of them."""
    told = json.loads(program.communicate(timeout=120)[0])
    assert told | {"options": 0} == {"up": CALLS, "near": CALLS, "far": CALLS, "codes": [200], "options": 0}
    assert told["options"] is not None
    calls = {row["call_id"] for row in house.rows("SELECT call_id FROM calls")}
    house.wait(lambda: ended(house) == calls, PATIENCE, "not every call has its leaf")
    assert (house.data / "legs.journal").read_bytes() == b""
    assert house.stop() == 0
    house.verified()


def ended(house: Gatehouse) -> set[str]:
    """Calls of which the log says that their legs were ended."""
    return {row["call_id"] for row in house.rows("SELECT call_id FROM facts WHERE kind = 'legs_ended'")}


def test_a_killed_gate_hangs_up_at_its_next_start(house):
    program = killer(house)
    house.start()
    nobody_is_left(house, program)


def test_a_gate_killed_again_while_it_hangs_up_does_so_at_the_start_after(house):
    """The second kill comes as soon as the gate has begun; and the kill has torn the journal's last line."""
    program = killer(house)
    with (house.data / "legs.journal").open("ab") as journal:
        journal.write(b'{"torn')
    before = house.log.stat().st_size
    house.spawn()
    house.wait(lambda: b"legs of an earlier run" in house.log.read_bytes()[before:], PATIENCE, "it does not begin")
    house.process.kill()
    house.process.wait(PATIENCE)
    house.process = None
    house.start()
    nobody_is_left(house, program)
