"""kill -9 with calls in every state: the next start hangs up both legs of each, and the log says so."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.attack.killed import options_again
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate
from tests.support.waiting import PATIENCE

CALLS = 47
NUMBERS = [f"0113496{n:04d}" for n in range(500, 500 + CALLS)]
RINGS, HEARS = "01134960560", "01134960561"
"""One that rings when the gate is killed, one that hears the announcement."""


def test_after_a_kill_both_legs_of_every_call_are_hung_up(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=3.0)
    gate.add_pbx(refusal=600)
    gate.start()
    try:
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            talks = []
            for number in NUMBERS:
                talks.append(near.dial(number))
                if len(talks) % 8 == 0:  # all at once would be more than a busy machine carries in time
                    gate.wait(lambda: len(far.all()) >= len(talks), PATIENCE, "not all ring")
            near.wait(talks, "up", PATIENCE)
            far._answers = False
            rings = near.dial(RINGS)
            gate.wait(lambda: any(talk.number.endswith(RINGS[1:]) for talk in far.all()), PATIENCE, "it does not ring")
            far._answers = True
            hears = near.dial(HEARS)
            gate.wait(
                lambda: [t for t in far.all() if t.number.endswith(HEARS[1:]) and t.state == "up"],
                PATIENCE,
                "unanswered",
            )
            time.sleep(0.3)
            assert (rings.state, hears.state in ("calling", "early")) == ("calling", True)
            assert gate.process
            gate.process.kill()
            killed = time.monotonic()
            gate.process.wait(PATIENCE)
            gate.process = None
            assert all(talk.state == "up" for talk in talks), "nobody has told them yet"
            gate.start()
            again = options_again(gate.address, killed)
            assert again is not None
            print(f"answers OPTIONS again {again:.1f} s after the kill")
            near.wait([*talks, rings, hears], "over", PATIENCE)
            far.wait(far.all(), "over", PATIENCE)
            print(f"all hung up {time.monotonic() - killed:.1f} s after the kill")
            assert {talk.ended_by for talk in near.all() + far.all()} == {"them"}
            assert {talk.code for talk in talks} == {200}
            assert all("gate_interrupted" in talk.reasons[-1] for talk in talks)
            assert (hears.code, rings.code) == (200, 600), "no failure upon which a phone system dials its next trunk"
        gate.wait(lambda: len(rows(gate)) == CALLS + 2, PATIENCE, "not every call has its leaf")
        found = {row["call_id"]: row for row in rows(gate)}
        calls = {row["number"]: row["call_id"] for row in gate.rows("SELECT number, call_id FROM calls")}
        assert found.pop(calls["+44" + RINGS[1:]]) | {"call_id": ""} == {
            "call_id": "", "caller": "INVITE 600", "callee": "CANCEL 487",
        }  # fmt: skip
        assert {(row["caller"], row["callee"]) for row in found.values()} == {("BYE 200", "BYE 200")}
        assert (gate.data / "legs.journal").read_bytes() == b""
        assert gate.stop() == 0
        gate.verified()
    finally:
        gate.stop()


def rows(gate: RunningGate) -> list[dict[str, str]]:
    return [json.loads(row["body"]) for row in gate.rows("SELECT body FROM facts WHERE kind = 'legs_ended'")]


def test_a_gate_that_is_stopped_leaves_no_leg_behind(tmp_path: Path) -> None:
    """Nothing is hung up twice, and nothing of a call is kept once it is over."""
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.set("limits", drain_seconds=0)
    gate.add_pbx()
    gate.start()
    try:
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBERS[0])], "up", PATIENCE)
            assert "+441134960500" in (gate.data / "legs.journal").read_text()
            assert gate.stop() == 0
            near.wait([talk], "over", PATIENCE)
        assert (gate.data / "legs.journal").read_bytes() == b""
        gate.start()
        assert rows(gate) == []
    finally:
        gate.stop()
