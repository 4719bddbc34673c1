"""A backup made beside a running gate, and put back after an objection, an erasure and a sweep."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.core.facts.lists import Objection
from gate.store.spool import NAME as SPOOL
from gate.store.spool import Kept, Spool
from tests.attack.rollback import dial
from tests.support.keeping import plant
from tests.support.requesting import opened, sound
from tests.support.running_gate import UNLISTED, RunningGate, dialgate
from tests.support.sealed import first_key
from tests.support.vault import found_in

PATIENCE = 90
WAITS = "+441134960123"
"""A number whose objection the store had not taken when the gate ended."""
OLD = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def gate(tmp_path: Path) -> RunningGate:
    place = tmp_path / "second place"
    place.mkdir()
    made = RunningGate(tmp_path / "gate")
    made.add_pbx()
    made.set("storage", memory=str(place))
    made.set("retention", sweep_at="23:59")
    private = first_key(made)
    with opened(made.folder) as data:
        for name, at in (("old", OLD), ("young", datetime.now(UTC) - timedelta(days=30))):
            place = made.data / "recordings"
            plant(data.store, data.keys, place, private.recipient, name, at, "+442079460125", sound=sound())
    return made


def backup(gate: RunningGate, tmp_path: Path) -> tuple[Path, Path]:
    sets = tmp_path / "sets" / "data", tmp_path / "other disk" / "keys"
    for each in sets:
        each.parent.mkdir(exist_ok=True)
    done = dialgate("backup", str(sets[0]), "--keys", str(sets[1]), config=gate.config)
    assert done["wrapped_keys"] == 2
    return sets


def vkey(gate: RunningGate) -> str:
    """As somebody has written it down, elsewhere than in a set."""
    return (gate.data / "gate.key").read_text().partition("\n")[0]


def opening(folder: Path) -> tuple[str, ...]:
    return "-k", str(folder / "first.key"), "--passphrase-file", str(folder / "first.passphrase")


def restore(gate: RunningGate, sets: tuple[Path, Path], *more: str, check: bool = True) -> dict[str, object]:
    """With what an admin has kept elsewhere, where ``more`` says nothing else."""
    if not more:
        more = ("--vkey", vkey(gate), *opening(gate.folder / "keys"))
    return dict(dialgate("restore", str(sets[0]), "--keys", str(sets[1]), *more, config=gate.config, check=check))


def wraps(gate: RunningGate, name: str) -> list[bytes]:
    with opened(gate.folder) as data:
        return [wrap for _, wrap in data.keys.wraps(name)]


@pytest.mark.engine("sqlite")
def test_put_back_whole_and_nothing_forgotten(gate: RunningGate, tmp_path: Path) -> None:
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
    (gate.folder / "tone.wav").unlink()
    waits = Objection(number=WAITS, source="keypad", note="").fact("waits", datetime.now(UTC), "callee")
    spool = Spool(gate.data / SPOOL, vkey(gate).partition("+")[0])
    spool.put(0, [Kept(waits, bytes(16))])
    spool.close()
    told = restore(gate, sets)
    assert gate.rows("SELECT number FROM objections WHERE id = 'waits'") == [{"number": WAITS}]
    assert (gate.folder / "tone.wav").is_file(), "the sound of the announcement too"
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


@pytest.mark.engine("sqlite")
def test_what_is_no_whole_backup_is_named_and_nothing_is_touched(gate: RunningGate, tmp_path: Path) -> None:
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
    more = ("--vkey", vkey(gate), *opening(gate.folder / "keys"))
    shutil.rmtree(gate.data)
    assert restore(gate, again, *more)["aside"] == "", "nothing was there"


def test_on_an_empty_machine_two_sets_a_private_key_and_the_verifier_key_are_enough(
    gate: RunningGate, tmp_path: Path
) -> None:
    sets, elsewhere = backup(gate, tmp_path), tmp_path / "elsewhere"
    known = vkey(gate)
    shutil.move(gate.folder / "keys", elsewhere)
    private = (gate.data / "gate.key").read_bytes().splitlines()[2]
    clear = [private, (gate.data / "number.key").read_bytes()]
    clear += [path.read_bytes().strip() for path in (gate.folder / "secrets").iterdir()]
    assert found_in(sets[0], clear) == found_in(sets[1], clear) == []
    shutil.rmtree(gate.folder)
    told = restore(gate, sets, "--vkey", known, *opening(elsewhere))
    assert told["proven"] is True and told["warnings"] == [], told
    for path in (gate.data / "gate.key", gate.data / "number.key", *(gate.folder / "secrets").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600, path
    gate.start()
    try:
        answer = dial("02079460124", ("127.0.0.1", gate.port), ("127.0.0.1", gate.trunk_port))
        assert answer["reached"], answer
        assert gate.client.call("memory_status")["warnings"] == []
        (row,) = gate.rows("SELECT body FROM facts WHERE kind = 'backup_restored'")
        assert json.loads(row["body"])["proven"] is True
    finally:
        gate.stop()
    assert dialgate("audit", "verify", "--vkey", known, config=gate.config)["ok"]
    shutil.copytree(elsewhere, gate.folder / "keys")
    gate.export("young", tmp_path / "young.wav")
