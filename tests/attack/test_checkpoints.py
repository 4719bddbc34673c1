"""A log without what it was signed with does not verify: the log itself knows how often it was signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.attacks import attack
from tests.support.running_gate import LISTED, UNLISTED, RunningGate


@pytest.mark.parametrize("what", ["files", "rows", "all", "newest"])
def test_checkpoints_that_are_gone_are_a_fault(tmp_path: Path, what: str) -> None:
    gate = RunningGate(tmp_path / "gate").start()
    for number in (LISTED, UNLISTED):
        gate.client.call("objection_add", number=number)
        gate.client.call("audit_checkpoint")
    assert gate.stop() == 0
    gate.verified()
    done = attack("checkpoints", gate.data, what)
    assert done["files"] or done["rows"]
    verified = programs.run("gate.cli.main", "audit", "verify", "-c", str(gate.config), "--json")
    report = json.loads(verified.stdout)
    assert (verified.returncode, report["ok"], report["proven"]) == (1, False, [])
    assert "checkpoint_missing" in {fault["what"] for fault in report["faults"]}
