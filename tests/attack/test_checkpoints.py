"""A log without what it was signed with does not verify: the log itself knows how often it was signed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.gatehouse import LISTED, UNLISTED, Gatehouse
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize("what", ["files", "rows", "all", "newest"])
def test_checkpoints_that_are_gone_are_a_fault(tmp_path: Path, what: str) -> None:
    house = Gatehouse(tmp_path / "gate").start()
    for number in (LISTED, UNLISTED):
        house.client.call("objection_add", number=number)
        house.client.call("audit_checkpoint")
    assert house.stop() == 0
    house.verified()
    command = [sys.executable, "-m", "tests.attack.checkpoints", str(house.data), what]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)
    assert done["files"] or done["rows"]
    verified = programs.run("gate.cli.main", "audit", "verify", "-c", str(house.config), "--json")
    report = json.loads(verified.stdout)
    assert (verified.returncode, report["ok"], report["proven"]) == (1, False, [])
    assert "checkpoint_missing" in {fault["what"] for fault in report["faults"]}
