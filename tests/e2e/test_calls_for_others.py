"""A call on behalf of another firm, through the whole gate: whom the callee is told of, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import tomlkit

from tests.cli.test_calls_for_others import ACME
from tests.support.commands import dialgate
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, wav_of_silence
from tests.support.waiting import PATIENCE

NUMBER, NOT_CALLED = "01134960610", "01134960611"
FRAME = 80


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path_factory.mktemp("others") / "gate", announcement=3.0)
    wav_of_silence(gate.folder / "acme.wav", 1.0)
    document = tomlkit.parse(gate.config.read_text())
    for each in tomlkit.parse(ACME)["instigator"]:
        document.setdefault("instigator", tomlkit.aot()).append(each | {"announcement_wav": "acme.wav"})
    gate.config.write_text(tomlkit.dumps(document))
    gate.set("announcement", receipt=True, receipt_text="Code:")
    gate.add_pbx(on_behalf_of="acme")
    gate.start()
    try:
        yield gate
        assert gate.verified()["ok"]
    finally:
        gate.stop()


def frames(content: bytes) -> set[bytes]:
    cut = [content[at : at + FRAME] for at in range(0, len(content) - FRAME + 1, FRAME)]
    return {each for each in cut if len(set(each)) > 8}


def test_the_callee_is_told_for_whom_the_firm_calls_and_so_is_the_log(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port, keep=True) as far, Phones(to=gate.address) as near:
        (talk,) = near.wait([near.dial(NUMBER)], "up", PATIENCE)
        (other,) = far.all()
        gate.wait(lambda: other.packets_in > 20, PATIENCE, "nothing is heard")
        near.hang_up(talk)
        far.wait([other], "over", PATIENCE)
    assert other.headers["from"].startswith("Acme <") and "+442079460000" in other.headers["from"]
    (row,) = gate.rows("SELECT * FROM calls WHERE number = ?", f"+44{NUMBER[1:]}")
    assert row["on_behalf_of"] == "Acme Windows Ltd"
    kept = {
        each["kind"]: json.loads(each["body"])
        for each in gate.rows("SELECT kind, body FROM facts WHERE call_id = ? ORDER BY leaf_index", row["call_id"])
    }
    assert kept["decision"]["on_behalf_of"] == "Acme Windows Ltd"
    played = kept["announced"]
    assert (played["announcement"], played["on_behalf_of"], played["completed"]) == (
        "notice-acme",
        "Acme Windows Ltd",
        True,
    )
    sound = (gate.data / "prompts" / "notice-acme@1" / "announcement.wav").read_bytes()
    assert len(sound) > 8000, "its own, of a second, and not the firm's of three"
    wanted = frames((gate.data / "prompts" / "notice-acme@1" / "announcement.0").read_bytes())
    caught = {payload[at : at + FRAME] for _, payload in other.heard for at in range(0, len(payload), FRAME)}
    assert len(wanted & caught) > 0.9 * len(wanted)
    begun, over = (played["started"], played["ended"])
    assert begun and over
    assert kept["receipt"]["made_by"]["on_behalf_of"] == "Acme Windows Ltd"
    said = dialgate("receipt", kept["receipt"]["code"], "-c", str(gate.config)).out
    assert "On behalf of: Acme Windows Ltd" in said


def test_a_call_for_a_firm_that_is_unknown_does_not_leave(gate: RunningGate) -> None:
    token = gate.client.call("check", number=NOT_CALLED, on_behalf_of="nobody")
    assert (token["verdict"], token["reason"]) == ("block", "instigator_unknown")
    known = gate.client.call("check", number=NOT_CALLED, on_behalf_of="brill")
    assert (known["verdict"], known["reason"]) == ("allow", "not_listed")
