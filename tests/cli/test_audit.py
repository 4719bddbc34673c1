"""``dialgate audit`` as its users run it: exports, bundles opened on another machine, proof from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gate.config import load
from gate.control.messages import carry_out
from gate.core.days import LONDON
from gate.daemon.opening import open_folder
from gate.operations.audit import bundles
from gate.operations.data_folder import DataFolder
from gate.vault.sealer import sealer
from gate.vault.signing import CheckpointKey
from tests.support.bundles import BEGAN, Made, make, put, record, unpacked
from tests.support.commands import ROOT, Done, dialgate
from tests.support.doors import serving
from tests.support.evidence import decision
from tests.support.tamper import rewrite
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("audit"))


@pytest.fixture
def made(original: Made, tmp_path: Path) -> Made:
    """A copy to change."""
    return replace(original, folder=Path(shutil.copytree(original.folder, tmp_path / "gate")))


@pytest.fixture
def data(made: Made) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield open_folder(load(made.config), stack)


def elsewhere(folder: Path, *arguments: str) -> Done:
    """The program in a folder of its own, with an environment that knows nothing of any gate."""
    folder.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gate.cli.main", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def failed(done: Done) -> dict[str, str]:
    return {each["check"]: each["text"] for each in done.json["checks"] if not each["holds"]}


def checkpoint(made: Made, path: Path) -> Path:
    assert made.command("audit", "checkpoint", "-o", str(path)).code == 0
    return path


# --- bundles -------------------------------------------------------------------------------------------------------


def test_a_bundle_made_here_is_opened_in_an_empty_folder_with_the_auditors_key_alone(
    made: Made, tmp_path: Path
) -> None:
    assert made.export(tmp_path / "march.bundle").code == 0
    vkey = made.command("audit", "key").out.strip()
    machine = tmp_path / "elsewhere"
    machine.mkdir()
    shutil.move(tmp_path / "march.bundle", machine / "march.bundle")
    shutil.copy(made.key, machine / "auditor.key")
    shutil.copy(made.passphrase, machine / "passphrase")
    shutil.rmtree(made.folder)
    before = {path.name for path in machine.iterdir()}
    own = ("--key", "auditor.key", "--passphrase-file", "passphrase")
    done = elsewhere(machine, "audit", "open", "march.bundle", *own, "--vkey", vkey, "-o", "march")
    assert done.code == 0, done.err
    assert done.out.count("holds") >= 9 and "FAILS" not in done.out
    assert {path.name for path in machine.iterdir()} == before | {"march"}
    assert len(list((machine / "march" / "recordings").glob("*.wav"))) == 3
    assert {path.stat().st_mode & 0o777 for path in (machine / "march").rglob("*") if path.is_dir()} == {0o700}
    again = elsewhere(machine, "audit", "open", "march.bundle", *own, "-o", "march")
    assert (again.code, "march exists" in again.err) == (2, True)


def test_a_changed_bundle_is_told_in_one_line_and_opens_nothing(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "b.bundle"
    assert made.export(path).code == 0
    data = bytearray(path.read_bytes())
    data[data.index(b"rec-plain.dgr\0") + 1200] ^= 4
    path.write_bytes(data)
    done = made.open(path, "-o", str(tmp_path / "out"), "--json")
    assert done.code == 1
    assert not done.json["ok"]
    assert "rec-plain.dgr was changed" in failed(done)["bundle"]
    assert not (tmp_path / "out").exists()
    (tmp_path / "noise").write_bytes(os.urandom(2000))
    done = made.open(tmp_path / "noise")
    assert done.code == 1
    assert "FAILS  not a bundle" in done.out
    assert "Traceback" not in done.err


def test_whoever_is_not_on_the_register_with_a_purpose_gets_nothing(original: Made, tmp_path: Path) -> None:
    keys = original.folder / "keys"
    own = ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    period = ("--from", "2026-03-02", "--to", "2026-03-02", "--purpose", "a favour", "-o", str(tmp_path / "b.bundle"))
    for who in ("Nobody", "Compliance"):
        done = original.command("audit", "export", *period, "--recipient", who, *own, "--json")
        assert done.code == 3
        assert done.json["error"]["reason"] == "recipient_not_allowed"
    assert list(tmp_path.iterdir()) == []
    done = original.command("audit", "export", *period, "--recipient", str(keys / "first.key"), *own)
    assert (done.code, "is a private key" in done.err) == (2, True)


def test_what_is_sealed_to_the_auditor_already_needs_no_key(made: Made, tmp_path: Path) -> None:
    assert made.command("key", "change", made.private.id, "--seal").code == 0
    with ExitStack() as stack:
        config = load(made.config)
        data = open_folder(config, stack)
        record(data, sealer(config.data / "recipients"), "both", BEGAN + timedelta(days=10))
    told = ("--recipient", str(made.recipient), "--purpose", "audit", "-o", str(tmp_path / "b.bundle"))
    done = made.command("audit", "export", "--from", "2026-03-12", "--to", "2026-03-12", *told, "--json")
    assert (done.code, done.json["counts"]["included"]) == (0, 1), done.err
    assert made.open(tmp_path / "b.bundle", "-o", str(tmp_path / "out")).code == 0
    assert (tmp_path / "out" / "recordings" / "rec-both.wav").exists()
    without = made.command("audit", "export", "--from", "2026-03-02", "--to", "2026-03-12", *told[:-1],
                           str(tmp_path / "c.bundle"))  # fmt: skip
    assert without.code == 2
    assert "sealed neither to the recipient" in without.err


def test_the_same_through_a_running_gate(made: Made, data: DataFolder, tmp_path: Path) -> None:
    with serving(partial(carry_out, data), data.config):
        done = made.export(tmp_path / "b.bundle", "--json")
    assert done.code == 0, done.err
    assert done.json["counts"]["included"] == 3
    opened = made.open(tmp_path / "b.bundle", "--json")
    assert opened.json["ok"], failed(opened)


def test_a_period_without_calls_makes_a_bundle_that_says_so(made: Made, tmp_path: Path) -> None:
    done = made.export(tmp_path / "b.bundle", period=("--from", "2025-01-01", "--to", "2025-01-31"))
    assert done.code == 0, done.err
    opened = made.open(tmp_path / "b.bundle", "-o", str(tmp_path / "out"))
    assert opened.code == 0
    assert "No entry lies in the period" in opened.out


def test_a_period_that_is_not_over_is_not_exported(made: Made, tmp_path: Path) -> None:
    """It opened with "the period is whole", and the rest of the day was in no bundle."""
    today = f"{datetime.now(LONDON):%Y-%m-%d}"
    done = made.export(tmp_path / "b.bundle", period=("--from", "2026-03-02", "--to", today))
    assert done.code == 2 and "the period is not over" in done.err
    assert not (tmp_path / "b.bundle").exists()


def test_registers_in_force_are_named(made: Made, data: DataFolder, tmp_path: Path) -> None:
    body = {"name": "tps", "as_of": "2026-03-01", "sha256": "ab" * 32, "count": 5, "coverage": "full"}
    put(data, replace(decision("imp-9", at=BEGAN + timedelta(days=19)), kind="register_imported", body=body),
        decision("call-late", at=BEGAN + timedelta(days=20)))  # fmt: skip
    with serving(partial(carry_out, data), data.config):
        day = ("--from", "2026-03-22 00:00", "--to", "2026-03-23 00:00")
        assert made.export(tmp_path / "b.bundle", period=day).code == 0
    assert made.open(tmp_path / "b.bundle", "-o", str(tmp_path / "out")).code == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "log" / "registers.jsonl").read_text().splitlines()]
    assert [(row["name"], row["as_of"], row["sha256"]) for row in rows] == [("tps", "2026-03-01", "ab" * 32)]


# --- older checkpoints ---------------------------------------------------------------------------------------------


def test_a_bundle_shows_that_the_log_has_only_grown_since_a_checkpoint(made: Made, tmp_path: Path) -> None:
    old = checkpoint(made, tmp_path / "old.checkpoint")
    assert made.command("objection", "add", "020 7946 0003").code == 0
    newer = checkpoint(made, tmp_path / "newer.checkpoint")
    assert made.export(tmp_path / "b.bundle", "--checkpoint", str(old)).code == 0
    done = made.open(tmp_path / "b.bundle", "--checkpoint", str(old))
    assert (done.code, "and only grown" in done.out) == (0, True)
    # The newest of the day lies in each bundle anyway, and so do those of earlier bundles.
    assert made.open(tmp_path / "b.bundle", "--checkpoint", str(newer)).code == 0
    first = tmp_path / "first.checkpoint"
    first.write_bytes(unpacked(tmp_path / "b.bundle")["checkpoint.txt"])
    assert made.command("objection", "add", "020 7946 0004").code == 0
    assert made.export(tmp_path / "c.bundle").code == 0
    assert made.open(tmp_path / "c.bundle", "--checkpoint", str(first)).code == 0
    last = checkpoint(made, tmp_path / "last.checkpoint")
    done = made.open(tmp_path / "c.bundle", "--checkpoint", str(last), "--json")
    assert done.code == 1
    assert "newer than the bundle" in failed(done)["older_checkpoint"]
    done = made.open(tmp_path / "c.bundle", "--checkpoint", str(old), "--json")
    assert done.code == 1
    assert "holds no proof from" in failed(done)["older_checkpoint"]


def test_a_bundle_of_a_rewritten_log_is_found_by_an_older_checkpoint(made: Made, tmp_path: Path) -> None:
    old = checkpoint(made, tmp_path / "old.checkpoint")
    rewrite_all(made, reason="not_listed", verdict="allow")
    done = made.export(tmp_path / "b.bundle", "--checkpoint", str(old))
    assert done.code == 1
    assert "was cut or rewritten" in done.err
    assert made.export(tmp_path / "b.bundle").code == 0
    done = made.open(tmp_path / "b.bundle", "--json")
    assert done.code == 0  # whoever has the gate's key can make such a bundle hold in itself
    done = made.open(tmp_path / "b.bundle", "--checkpoint", str(old), "--json")
    assert done.code == 1
    assert failed(done)["older_checkpoint"]


def test_a_proof_made_for_a_rewritten_log_says_that_it_was_rewritten(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = checkpoint(made, tmp_path / "old.checkpoint")
    size = int(old.read_text().split("\n")[1])
    rewrite_all(made, reason="not_listed", verdict="allow")
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "older_checkpoints", lambda logs, _: {key: [size] for key in logs})
        assert made.export(tmp_path / "b.bundle").code == 0
    done = made.open(tmp_path / "b.bundle", "--checkpoint", str(old), "--json")
    assert done.code == 1
    assert "The log was rewritten" in failed(done)["older_checkpoint"]


def rewrite_all(made: Made, **changed: str) -> None:
    """What somebody with the gate's key can do: the refused call becomes an allowed one, and everything is made to fit
    and signed again."""
    with sqlite3.connect(made.data / "gate.db") as connection:
        (leaf,) = connection.execute("SELECT leaf_index FROM facts WHERE subject = 'call-refused'").fetchone()
        connection.execute("UPDATE calls SET verdict = 'allow', reason = 'not_listed' WHERE call_id = 'call-refused'")
        connection.execute("DELETE FROM checkpoints")
        # The tree is made again from bodies: one that was erased would need its commitment back.
        connection.execute("UPDATE facts SET body = '{}', salt = zeroblob(16) WHERE body IS NULL")
    connection.close()
    rewrite(made.data, leaf, **changed)
    shutil.rmtree(made.data / "checkpoints", ignore_errors=True)
    (made.data / "checkpoints").mkdir(mode=0o700)
    assert made.command("audit", "checkpoint").code == 0


# --- the log itself ------------------------------------------------------------------------------------------------


def test_a_rewritten_log_is_found_by_a_checkpoint_from_elsewhere(made: Made, tmp_path: Path) -> None:
    old = checkpoint(made, tmp_path / "old.checkpoint")
    assert made.command("objection", "add", "020 7946 0005").code == 0
    newer = checkpoint(made, tmp_path / "newer.checkpoint")
    good = made.command("audit", "verify", "--checkpoint", str(old), "--checkpoint", str(newer), "--json")
    assert (good.code, good.json["checked"]["checkpoints_given"]) == (0, 2)
    rewrite_all(made, reason="not_listed", verdict="allow")
    done = made.command("audit", "verify", "--checkpoint", str(newer), "--json")
    assert done.code == 1
    assert "log_rewritten" in {fault["what"] for fault in done.json["faults"]}


def test_a_key_from_elsewhere_finds_a_log_that_was_signed_anew(made: Made, tmp_path: Path) -> None:
    vkey = made.command("audit", "key").out.strip()
    (tmp_path / "gate.vkey").write_text(vkey + "\n")
    assert made.command("audit", "verify", "--vkey", vkey).code == 0
    assert made.command("audit", "verify", "--vkey", str(tmp_path / "gate.vkey")).code == 0
    name = vkey.partition("+")[0]
    (made.data / "gate.key").unlink()
    CheckpointKey.create(made.data / "gate.key", name)
    with sqlite3.connect(made.data / "gate.db") as connection:
        connection.execute("DELETE FROM checkpoints")
    connection.close()
    shutil.rmtree(made.data / "checkpoints", ignore_errors=True)
    (made.data / "checkpoints").mkdir(mode=0o700)
    assert made.command("audit", "checkpoint").code == 0
    done = made.command("audit", "verify", "--json")
    assert (done.code, done.json["first_fault"]["what"]) == (1, "checkpoint_missing"), "the log knows what was signed"
    done = made.command("audit", "verify", "--vkey", vkey, "--json")
    assert done.code == 1
    assert {fault["what"] for fault in done.json["faults"]} >= {"checkpoint_invalid"}


def test_wrong_keys_and_checkpoints_are_wrong_usage(original: Made, tmp_path: Path) -> None:
    for wrong in ("nowhere", "a+b+c", str(original.config)):
        done = original.command("audit", "verify", "--vkey", wrong)
        assert (done.code, "verifier key" in done.err) == (2, True), wrong
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    done = original.command("audit", "verify", "--checkpoint", str(tmp_path / "x"))
    assert (done.code, "is not a checkpoint" in done.err) == (2, True)


def test_the_verifier_key_as_pem_checks_a_signature(original: Made) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = original.command("audit", "key", "--pem").out
    key = CheckpointKey.load(original.data / "gate.key")
    load_pem_public_key(pem.encode()).verify(key.sign(b"x"), b"x")  # type: ignore[union-attr, call-arg]


def test_a_row_that_is_not_what_its_leaf_commits_to_is_found(made: Made) -> None:
    with sqlite3.connect(made.data / "gate.db") as connection:
        changed = connection.execute(
            "UPDATE facts SET body = replace(body, 'listed_tps', 'not_listed') WHERE subject = 'call-refused'"
        )
        assert changed.rowcount == 1
    connection.close()
    done = made.command("audit", "verify", "--json")
    assert (done.code, done.json["first_fault"]["what"]) == (1, "row_changed")
    assert dialgate("audit", "verify", "-c", str(made.config)).code == 1
