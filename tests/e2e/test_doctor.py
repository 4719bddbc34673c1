"""``dialgate doctor``: each thing that is broken is a line that says so, with what mends it; nothing else is."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gate.client.doctor import State
from tests.support.commands import dialgate
from tests.support.phones import Phones, noise
from tests.support.running_gate import RunningGate
from tests.support.waiting import PATIENCE


def examined(gate: RunningGate) -> list[dict[str, Any]]:
    done = dialgate("doctor", "--json", "-c", str(gate.config))
    found: list[dict[str, Any]] = done.json["findings"]
    assert done.code == int(any(each["state"] == State.FAIL for each in found))
    return found


def of(found: list[dict[str, Any]], subject: str, state: State) -> list[str]:
    return [each["text"] for each in found if (each["subject"], each["state"]) == (subject, state)]


@pytest.fixture
def gate(tmp_path: Path) -> RunningGate:
    return RunningGate(tmp_path / "gate", announcement=0.6)


def test_a_gate_that_carries_calls_fails_in_nothing_and_hears_both_sides(gate: RunningGate) -> None:
    gate.add_pbx()
    gate.set("trunk", options_seconds=1)
    gate.start()
    try:
        far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number[-4:])), keep=True)
        near = Phones(to=gate.address, audio=lambda number: noise(("near", number[-4:])), keep=True)
        with far, near:
            talk = near.dial("02079460300")
            near.wait([talk], "up", PATIENCE)
            gate.wait(lambda: talk.packets_in > 60, PATIENCE, "nothing is heard")
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            gate.wait(lambda: gate.rows("SELECT 1 FROM recordings WHERE state = 'closed'"), PATIENCE, "not kept")
        found = examined(gate)
        failed = [each for each in found if each["state"] == State.FAIL and each["subject"] != "trunk"]
        assert not failed
        assert not any("recordings" in each["text"] for each in found if each["subject"] == "ports"), "it holds them"
        for subject in ("gate", "evidence", "permissions", "disk", "audio"):
            assert of(found, subject, State.OK), subject
        assert of(found, "lists", State.OK)
        (tested,) = of(found, "second trunk", State.WARN)
        assert "trunk:pbx" in tested
        text = dialgate("doctor", "-c", str(gate.config)).out
        assert "\n      mend: dialgate trunk-test pbx\n" in text and "Traceback" not in text
    finally:
        gate.stop()


def test_what_is_broken_is_named_with_what_mends_it(gate: RunningGate) -> None:
    before = Counter((each["state"], each["subject"]) for each in examined(gate))
    assert before[State.FAIL, "gate"] == 1 and sum(of == State.FAIL for (of, _), _ in before.items()) == 1
    gate.data.chmod(0o755)
    password = gate.folder / "secrets" / "alice.password"
    password.chmod(0o644)
    (gate.folder / "secrets" / "bob.password").unlink()
    gate.set("trunk", address="no-such-carrier.invalid:5060")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(gate.address)
        found = examined(gate)
    mends = {each["mend"] for each in found if each["state"] == State.FAIL}
    assert {f"chmod 700 {gate.data}", f"chmod 600 {password}", "getent hosts no-such-carrier.invalid"} <= mends
    assert any("bob.password: it is not there" in each for each in of(found, "permissions", State.FAIL))
    (port,) = of(found, "ports", State.FAIL)
    assert "Address already in use" in port
    for each in (gate.data / "registers").glob("ctps*"):
        each.unlink()
    found = examined(gate)
    assert of(found, "ports", State.OK) and not of(found, "ports", State.FAIL)
    assert of(found, "lists", State.FAIL) == ["CTPS supports no calls (missing)"]
    gate.config.write_text(gate.config.read_text() + "\n[nonsense]\n")
    (fault,) = examined(gate)
    assert fault["subject"] == "configuration" and "nonsense" in fault["text"]
