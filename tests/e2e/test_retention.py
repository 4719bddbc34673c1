"""A year later, on a real gate: the daily sweep, what is held, and a backup that is put back."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gate.config import load
from gate.daemon.opening import open_folder
from gate.ports import Fact
from gate.vault.keyfile import PrivateKey
from tests.support.keeping import plant
from tests.support.running_gate import RunningGate, dialgate
from tests.support.sealed import first_key
from tests.support.vault import found_in
from tests.support.waiting import PATIENCE

OLD = datetime.now(UTC) - timedelta(days=400)


def planted(gate: RunningGate, private: PrivateKey) -> list[bytes]:
    """Two old recordings and a young one, made while no gate runs, and a sweep of yesterday; the wraps of the first."""
    with ExitStack() as stack:
        data = open_folder(load(gate.config), stack)
        now = data.clock.now()
        body = {"day": f"{now - timedelta(days=1):%Y-%m-%d}", "complete": True, "terms": {"months": 12, "years": {}}}
        data.store.call(lambda tx: tx.append(Fact("retention_swept", "retention", now, "gate", body)))
        for name, at in (("old", OLD), ("held", OLD), ("young", datetime.now(UTC) - timedelta(days=300))):
            plant(data.store, data.keys, gate.data / "recordings", private.recipient, name, at)
        return [wrap for _, wrap in data.keys.wraps("old")]


def state(gate: RunningGate, name: str) -> str:
    return str(gate.rows("SELECT state FROM recordings WHERE recording_id = ?", name)[0]["state"])


def count(gate: RunningGate, kind: str) -> int:
    return int(gate.rows("SELECT count(*) AS n FROM facts WHERE kind = ?", kind)[0]["n"])


def file_of(gate: RunningGate, name: str) -> Path:
    return gate.data / "recordings" / f"{OLD:%Y/%m/%d}" / f"{name}.dgr"


def test_the_daily_sweep_and_a_backup_put_back(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.set("retention", sweep_at="00:00")
    secrets = planted(gate, first_key(gate))
    hold = ["hold", "add", "--ground", "claim", "--recording", "held", "--reason", "a claim", "--reference", "17/2026"]
    assert dialgate(*hold, config=gate.config)["kept"] == 1
    assert dialgate("retention", "sweep", config=gate.config)["due_ids"] == ["old"]
    backup = tmp_path / "backup"
    backup.mkdir()
    shutil.copy(gate.data / "keys.db", backup)
    shutil.copy(file_of(gate, "old"), backup)

    gate.start()
    gate.wait(lambda: count(gate, "retention_swept") > 1, PATIENCE, "no sweep")
    assert [state(gate, name) for name in ("old", "held", "young")] == ["erased", "closed", "closed"]
    assert not file_of(gate, "old").exists()
    assert file_of(gate, "held").exists()
    assert found_in(gate.data, secrets) == []
    status = dialgate("retention", "status", config=gate.config)
    assert (status["due"], status["held"], status["last"]["erased"]) == (0, 1, 1)
    taken = dialgate("recording", "list", config=gate.config)["items"]
    assert {each["recording_id"]: each["state"] for each in taken}["old"] == "erased"
    gate.stop()

    shutil.copy(backup / "keys.db", gate.data)
    shutil.copy(backup / "old.dgr", file_of(gate, "old"))
    assert found_in(gate.data, secrets) == secrets
    gate.start()
    assert count(gate, "erased_came_back") == 2
    started = gate.rows("SELECT max(leaf_index) AS leaf FROM facts WHERE kind = 'gate_started'")[0]["leaf"]
    came_back = gate.rows("SELECT max(leaf_index) AS leaf FROM facts WHERE kind = 'erased_came_back'")[0]["leaf"]
    assert came_back < started, "before the line opened"
    assert found_in(gate.data, secrets) == []
    assert not file_of(gate, "old").exists()
    assert file_of(gate, "held").exists()
    assert count(gate, "recording_erased") == 1
    assert gate.stop() == 0
    gate.verified()
