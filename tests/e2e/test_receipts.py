"""The code of a receipt, spoken to the callee of a real call; and what a fault costs: nothing but the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gate.media.spoken_code import spoken_parts
from tests.support.commands import dialgate
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate
from tests.support.waiting import PATIENCE

TOLD, CUT, FIRST, KILLED = "01134960600", "01134960604", "01134960602", "01134960603"
FRAME = 80
"""Bytes of 10 ms of a prompt, of which each packet has two."""


SHORT = "Code:"
LONG = "The code follows in a minute. " * 15
"""Half a minute, so that a slow machine, too, is still in the middle of it."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RunningGate]:
    """One for those that hear this before the code."""
    gate = RunningGate(tmp_path_factory.mktemp("receipts") / "gate", announcement=1.0)
    gate.set("announcement", receipt=True, receipt_text=request.param)
    gate.add_pbx()
    gate.start()
    try:
        yield gate
        assert gate.verified()["ok"]
    finally:
        gate.stop()


def facts(gate: RunningGate, kind: str) -> list[dict[str, Any]]:
    rows = gate.rows("SELECT leaf_index, at, subject, body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)
    return [{**row, **json.loads(row["body"])} for row in rows]


def receipt_after(gate: RunningGate, before: int) -> dict[str, Any]:
    """The one that comes to so many."""
    (made,) = gate.wait(lambda: facts(gate, "receipt")[before:], PATIENCE, "there is no receipt")
    return dict(made)


def talking(gate: RunningGate, near: Phones, far: Phones, number: str) -> tuple[Talk, Talk]:
    (talk,) = near.wait([near.dial(number)], "up", PATIENCE)
    (other,) = far.all()
    gate.wait(lambda: other.packets_in > 20 and talk.packets_in > 20, PATIENCE, "they do not hear each other")
    return talk, other


def frames(content: bytes) -> set[bytes]:
    """The pieces of a prompt, but for silence."""
    cut = [content[at : at + FRAME] for at in range(0, len(content) - FRAME + 1, FRAME)]
    return {each for each in cut if len(set(each)) > 8}


def heard(other: Talk, after: int = 0) -> set[bytes]:
    said = [payload for _, payload in other.heard[after:]]
    return {payload[at : at + FRAME] for payload in said for at in range(0, len(payload), FRAME)}


def signs(gate: RunningGate, code: str) -> dict[str, set[bytes]]:
    (folder,) = (gate.data / "prompts").glob("receipt-*")
    return {part: frames((folder / f"{part}.0").read_bytes()) for part in dict.fromkeys(spoken_parts(code))}


def idle(gate: RunningGate) -> None:
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")


@pytest.mark.parametrize("gate", [SHORT], indirect=True)
def test_a_callee_who_hangs_up_first_is_told_nothing(gate: RunningGate) -> None:
    before = len(facts(gate, "receipt")), len(facts(gate, "receipt_told"))
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        talk, other = talking(gate, near, far, FIRST)
        far.hang_up(other)
        near.wait([talk], "over", PATIENCE)
        idle(gate)
    (row,) = gate.rows("SELECT call_id FROM calls WHERE number = ?", f"+44{FIRST[1:]}")
    gate.wait(lambda: "ended" in gate.kinds(row["call_id"]), PATIENCE, "the end is not kept")
    assert (len(facts(gate, "receipt")), len(facts(gate, "receipt_told"))) == before


@pytest.mark.parametrize("gate", [SHORT], indirect=True)
def test_the_callee_is_told_the_code_when_the_caller_has_hung_up(gate: RunningGate) -> None:
    before, known = len(facts(gate, "receipt")), len(facts(gate, "receipt_told"))
    with Phones(port=gate.trunk_port, keep=True) as far, Phones(to=gate.address) as near:
        talk, other = talking(gate, near, far, TOLD)
        near.hang_up(talk)
        receipt = receipt_after(gate, before)
        idle(gate)
        far.wait([other], "over", PATIENCE)
    code = receipt["code"]
    caught = heard(other)
    for part, wanted in signs(gate, code).items():
        if wanted:  # the silence between groups has none
            assert len(wanted & caught) > 0.9 * len(wanted), part
    (told,) = gate.wait(lambda: facts(gate, "receipt_told")[known:], PATIENCE, "it is not said what became of it")
    assert (told["how"], told["done"], told["subject"]) == ("spoken", True, receipt["subject"])
    (row,) = gate.rows("SELECT * FROM calls WHERE call_id = ?", receipt["call_id"])
    assert (row["state"], row["ended_by"], row["cause"], row["bridged"]) == ("ended", "caller", "hung_up", 1)
    (closed,) = [each for each in facts(gate, "recording_closed") if each["subject"] == row["recording_id"]]
    assert closed["leaf_index"] < told["leaf_index"], "the recording waits for no code"
    assert list((gate.data / "prompts" / "spoken").iterdir()) == [], "nothing of it is left on the disk"
    said = gate.log.read_bytes()
    assert code.encode() not in said
    gate.client.call("audit_checkpoint")
    found = dialgate("receipt", code, "-c", str(gate.config), "--json").json
    assert found["said"]["decision"] == row["leaf_index"] and found["proof"]
    assert {each["name"] for each in found["said"]["registers"]} == {"tps", "ctps"}
    assert all(len(each["sha256"]) == 64 for each in found["said"]["registers"]), "each edition by its digest"
    assert TOLD[1:] not in json.dumps(found)


@pytest.mark.parametrize("gate", [LONG], indirect=True)
def test_a_callee_who_hangs_up_in_the_middle_of_the_code_has_ended_the_call(gate: RunningGate) -> None:
    before, known = len(facts(gate, "receipt")), len(facts(gate, "receipt_told"))
    with Phones(port=gate.trunk_port, keep=True) as far, Phones(to=gate.address) as near:
        talk, other = talking(gate, near, far, CUT)
        near.hang_up(talk)
        wanted = signs(gate, receipt_after(gate, before)["code"])["intro"]
        gate.wait(lambda: wanted & heard(other), PATIENCE, "nothing of it is heard")
        far.hang_up(other)
        idle(gate)
    (told,) = gate.wait(lambda: facts(gate, "receipt_told")[known:], PATIENCE, "it is not said what became of it")
    assert (told["done"], told["why"]) == (False, "stopped")
    (row,) = gate.rows("SELECT * FROM calls WHERE number = ?", f"+44{CUT[1:]}")
    assert (row["state"], row["ended_by"]) == ("ended", "caller")
    assert "recording_closed" in gate.kinds(row["call_id"])
    assert list((gate.data / "prompts" / "spoken").iterdir()) == []


@pytest.mark.parametrize("gate", [LONG], indirect=True)
def test_a_gate_that_is_killed_while_it_speaks_leaves_nobody_on_the_line(gate: RunningGate) -> None:
    before = len(facts(gate, "receipt"))
    with Phones(port=gate.trunk_port, keep=True) as far, Phones(to=gate.address) as near:
        talk, other = talking(gate, near, far, KILLED)
        near.hang_up(talk)
        receipt = receipt_after(gate, before)
        near.wait([talk], "over", PATIENCE)
        wanted = signs(gate, receipt["code"])["intro"]
        gate.wait(lambda: wanted & heard(other), PATIENCE, "nothing of it is heard")
        gate.kill()
        gate.spawn()
        far.wait([other], "over", PATIENCE)
        gate.wait(lambda: facts(gate, "legs_ended"), PATIENCE, "the leg is not told of")
    assert list((gate.data / "prompts" / "spoken").iterdir()) == []
    found = gate.client.call("receipt_show", code=receipt["code"])
    assert found["kept"] and found["told"] is None, "what nobody heard to its end is not said to be told"
