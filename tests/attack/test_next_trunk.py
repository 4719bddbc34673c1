"""No way around the gate by the phone system's next trunk, in front of a real gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.cli.guided import PHONE_SYSTEMS
from tests.support.attacks import attack
from tests.support.running_gate import LISTED, RunningGate
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

HANGS_UP, OBJECTS = "01134960510", "01134960511"


def play(gate: RunningGate, system: str, *numbers: str) -> dict[str, list[str]]:
    return dict(attack("next_trunk", "127.0.0.1", gate.port, system, *numbers))


@pytest.fixture(params=["freepbx", "fusionpbx", "3cx"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gate(tmp_path: Path, system: str) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=2.0)
    gate.add_pbx(refusal=PHONE_SYSTEMS[system])
    gate.start()
    yield gate
    gate.stop()


def the_call(gate: RunningGate, number: str) -> dict[str, object]:
    """The call to a number as the log has it, once it is over."""
    sql = "SELECT * FROM calls WHERE number = ? AND ended_at IS NOT NULL"
    return dict(gate.wait(lambda: gate.rows(sql, f"+44{number[1:]}"), PATIENCE, "the end is not in the log")[0])


def test_neither_a_listed_number_nor_one_who_has_picked_up_is_rung_by_the_next_trunk(
    gate: RunningGate, system: str
) -> None:
    """Listed; hangs up in the announcement; presses 9 in it. The log says who ended the call, and why."""
    found = play(gate, system, LISTED)
    assert (found["second_trunk"], found["ends"]) == (
        [], [f"SIP/2.0 {PHONE_SYSTEMS[system]} Declined: on the TPS"],
    )  # fmt: skip
    with Uas("--hangup-after", "0.8", port=gate.trunk_port):
        found = play(gate, system, HANGS_UP)
        assert found["second_trunk"] == []
        assert "callee_hung_up" in found["ends"][0]
        call = the_call(gate, HANGS_UP)
        assert (call["ended_by"], call["cause"], call["announced"], call["bridged"]) == ("callee", "hung_up", 0, 0)
    with Uas("--digit", "9@0.6", port=gate.trunk_port):
        found = play(gate, system, OBJECTS)
        assert found["second_trunk"] == []
        assert "objected" in found["ends"][0]
        call = the_call(gate, OBJECTS)
        assert (call["ended_by"], call["cause"], call["objected"]) == ("callee", "objected", 1)
