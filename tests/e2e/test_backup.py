"""A backup made beside a running gate, and put back after an objection, an erasure and a sweep."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attack.rollback import dial
from tests.support.gatehouse import UNLISTED, Gatehouse, dialgate
from tests.support.keeping import plant
from tests.support.requesting import opened, sound
from tests.support.sealed import first_key
from tests.support.vault import found_in

PATIENCE = 90
OLD = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def gate(tmp_path: Path) -> Gatehouse:
    place = tmp_path / "second place"
    place.mkdir()
    made = Gatehouse(tmp_path / "gate")
    made.add_pbx()
    made.set("storage", memory=str(place))
    made.set("retention", sweep_at="23:59")
    private = first_key(made)
    with opened(made.folder) as house:
        for name, at in (("old", OLD), ("young", datetime.now(UTC) - timedelta(days=30))):
            place = made.data / "recordings"
            plant(house.store, house.keys, place, private.recipient, name, at, "+442079460125", sound=sound())
    return made


def backup(gate: Gatehouse, tmp_path: Path) -> tuple[Path, Path]:
    sets = tmp_path / "sets" / "data", tmp_path / "other disk" / "keys"
    for each in sets:
        each.parent.mkdir(exist_ok=True)
    done = dialgate("backup", str(sets[0]), "--keys", str(sets[1]), config=gate.config)
    assert done["wrapped_keys"] == 2
    return sets


def restore(gate: Gatehouse, sets: tuple[Path, Path], *more: str, check: bool = True) -> dict[str, object]:
    return dict(dialgate("restore", str(sets[0]), "--keys", str(sets[1]), *more, config=gate.config, check=check))


def wraps(gate: Gatehouse, name: str) -> list[bytes]:
    with opened(gate.folder) as house:
        return [wrap for _, wrap in house.keys.wraps(name)]


def test_put_back_whole_and_nothing_forgotten(gate: Gatehouse, tmp_path: Path) -> None:
    secrets = wraps(gate, "old")
    gate.start()
    try:
        sets = backup(gate, tmp_path)
        assert found_in(sets[0], secrets) == [], "the keys lie apart from the recordings"
        assert found_in(sets[1], secrets) == secrets
        assert (sets[0] / "data" / "recordings" / f"{OLD:%Y/%m/%d}" / "old.dgr").exists()
        kept = [
            row["kind"] for row in gate.rows("SELECT kind FROM facts WHERE kind LIKE 'backup_%' ORDER BY leaf_index")
        ]
        assert kept == ["backup_begun", "backup_made"]
        refused = restore(gate, sets, check=False)
        assert "in use" in str(refused["error"])
        gate.client.call("objection_add", number=UNLISTED)
        due = gate.client.call("retention_sweep")
        assert gate.client.call("retention_sweep", execute=due["digest"])["erased"] == 1
    finally:
        gate.stop()
    gate.config.rename(tmp_path / "old.toml")
    told = restore(gate, sets)
    assert gate.config.read_text() == (tmp_path / "old.toml").read_text(), "it comes back where there is none"
    assert told["replayed"]["recordings"] == 1 and told["replayed"]["objections"] == 1, told
    assert Path(str(told["aside"])).is_dir()
    assert found_in(gate.data, secrets) == []
    gate.start()
    try:
        answer = dial(UNLISTED, ("127.0.0.1", gate.port), ("127.0.0.1", gate.trunk_port))
        assert (answer["reached"], "objected" in str(answer["reason"])) == (False, True), answer
        states = {row["recording_id"]: row["state"] for row in gate.rows("SELECT recording_id, state FROM recordings")}
        assert (states["old"], states["young"]) == ("erased", "closed")
    finally:
        gate.stop()
    gate.verified()
    gate.export("young", tmp_path / "young.wav")


def test_what_is_no_whole_backup_is_named_and_nothing_is_touched(gate: Gatehouse, tmp_path: Path) -> None:
    sets = backup(gate, tmp_path)
    again = tmp_path / "again", tmp_path / "other disk" / "again"
    dialgate("backup", str(again[0]), "--keys", str(again[1]), config=gate.config)
    together = str(tmp_path / "new"), "--keys", str(tmp_path / "new" / "keys")
    assert "must not lie with" in str(dialgate("backup", *together, config=gate.config, check=False))
    before = sorted(path.relative_to(gate.data) for path in gate.data.rglob("*"))
    assert "not made with this backup" in str(restore(gate, (sets[0], again[1]), check=False))

    listed = sets[1] / "backup.json"
    said = json.loads(listed.read_text())
    listed.write_text(json.dumps(said | {"until": "2026-01-01"}))
    assert "had to be destroyed" in str(restore(gate, sets, check=False))
    listed.write_text(json.dumps(said))

    damaged = sets[0] / "data" / "gate.db"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:5000] + b"\x00" + data[5001:] + b"more")
    assert "is not the file that was backed up" in str(restore(gate, sets, check=False))
    damaged.unlink()
    damaged.symlink_to("/etc/passwd")
    assert "gate.db" in str(restore(gate, sets, check=False))
    assert sorted(path.relative_to(gate.data) for path in gate.data.rglob("*")) == before
    assert not list(gate.data.parent.glob("data.before-*"))
    shutil.rmtree(gate.data)
    assert restore(gate, again)["aside"] == "", "nothing was there"
