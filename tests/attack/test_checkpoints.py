"""A log without what it was signed with does not verify: the log itself knows how often it was signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.attacks import attack
from tests.support.gatehouse import LISTED, UNLISTED, Gatehouse


@pytest.mark.parametrize("what", ["files", "rows", "all", "newest"])
def test_checkpoints_that_are_gone_are_a_fault(tmp_path: Path, what: str) -> None:
    house = Gatehouse(tmp_path / "gate").start()
    for number in (LISTED, UNLISTED):
        house.client.call("objection_add", number=number)
        house.client.call("audit_checkpoint")
    assert house.stop() == 0
    house.verified()
    done = attack("checkpoints", house.data, what)
    assert done["files"] or done["rows"]
    verified = programs.run("gate.cli.main", "audit", "verify", "-c", str(house.config), "--json")
    report = json.loads(verified.stdout)
    assert (verified.returncode, report["ok"], report["proven"]) == (1, False, [])
    assert "checkpoint_missing" in {fault["what"] for fault in report["faults"]}
