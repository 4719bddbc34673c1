"""A carrier that reads our INVITEs learns nothing by which calls can be made to look like loops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.phones import Phones
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.waiting import PATIENCE


def test_what_the_trunk_sees_marks_no_other_call(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.add_pbx()
    command = [sys.executable, "-m", "tests.attack.loop_mark", "--listen", f"127.0.0.1:{gate.trunk_port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as carrier:
        assert carrier.stdout is not None
        carrier.stdout.readline()
        gate.start()
        try:
            with Phones(to=gate.address) as near:
                for _ in range(2):
                    near.wait([near.dial(UNLISTED)], "over", PATIENCE)
            achieved = json.loads(carrier.stdout.readline())
        finally:
            gate.stop()
    assert achieved == {"calls": 2, "shared": [], "loops": 0}
    assert not gate.rows("SELECT 1 FROM facts WHERE kind = 'decision' AND body LIKE '%loop_detected%'")
