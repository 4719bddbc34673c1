"""Nobody but the configuration says what the callee's telephone shows."""

from __future__ import annotations

import json

import pytest

from tests.support.attacks import attack
from tests.support.running_gate import UNLISTED, RunningGate

NUMBER = "+442079460000"


@pytest.mark.parametrize(
    ("configured", "shown"),
    [("", '"Example Sales" <sip:+442079460000'), ('A "B" \\ Zoë\\', '"A \\"B\\" \\\\ Zoë\\\\" <sip:+442079460000')],
    ids=["the firm's trading name", "of the PBX, with quotes and backslashes"],
)
def test_a_phone_does_not_choose_its_name(tmp_path, configured, shown):
    gate = RunningGate(tmp_path)
    gate.set("firm", trading_name="Example Sales")
    gate.add_pbx(display_name=configured)
    gate.start()
    try:
        places = ("--gate", f"127.0.0.1:{gate.port}", "--carrier", f"127.0.0.1:{gate.trunk_port}")
        did = attack("name", *places, "--number", UNLISTED)
        assert did["shown"] == [shown]
        assert did["answered"] == did["calls"]
        assert did["codes"] == [400]  # two addresses in a From
        bodies = [json.loads(row["body"]) for row in gate.rows("SELECT body FROM facts WHERE kind = 'decision'")]
        assert len(bodies) == did["calls"] - 1
        assert {(body["presentation"], body["display_name"]) for body in bodies} == {
            (NUMBER, configured or "Example Sales")
        }
        assert "Traceback" not in gate.log.read_text()
    finally:
        gate.stop()
