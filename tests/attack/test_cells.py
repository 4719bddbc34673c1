"""A cell or a bit of a stopped gate's database says something else: ``dialgate audit verify`` finds it."""

from __future__ import annotations

from pathlib import Path

from tests.support.attacks import attack
from tests.support.gatehouse import LISTED, Gatehouse, dialgate

TABLES = "checkpoints,number_key,objections,register_imports"


def test_a_changed_cell_is_noticed(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path / "gate").start()
    house.client.call("objection_add", number=LISTED)
    house.client.call("audit_checkpoint")
    assert house.stop() == 0
    house.verified()
    told = attack("cells", house.config, "--tables", TABLES, "--bits", "6")
    assert told["cells"] > 20
    assert told["cells_missed"] == []
    assert told["bits"] == 6
    dialgate("audit", "verify", config=house.config)  # what was changed was a copy
