"""A cell or a bit of a stopped gate's database says something else: ``dialgate audit verify`` finds it."""

from __future__ import annotations

from pathlib import Path

from tests.support.attacks import attack
from tests.support.running_gate import LISTED, RunningGate, dialgate

TABLES = "checkpoints,number_key,objections,register_imports"


def test_a_changed_cell_is_noticed(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate").start()
    gate.client.call("objection_add", number=LISTED)
    gate.client.call("audit_checkpoint")
    assert gate.stop() == 0
    gate.verified()
    told = attack("cells", gate.config, "--tables", TABLES, "--bits", "6")
    assert told["cells"] > 20
    assert told["cells_missed"] == []
    assert told["bits"] == 6
    dialgate("audit", "verify", config=gate.config)  # what was changed was a copy
