"""Who attacks: somebody who may write to the disk that backups lie on. What they want: files of their own anywhere on
the machine where one is put back, as its account (often root); the next recordings; or calls to those who objected."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.vault.keyfile import save_private
from gate.vault.signing import CheckpointKey
from tests.support.running_gate import RunningGate, dialgate
from tests.support.vault import PASSPHRASE, private_key

EVE = private_key("Eve (nobody)", "auditor")
Sets = tuple[Path, Path]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gate's folder, the sets of a backup of it, and the verifier key that an auditor has."""
    place = tmp_path_factory.mktemp("backup")
    gate = RunningGate(place / "gate")
    dialgate("backup", str(place / "data-set"), "--keys", str(place / "keys-set"), config=gate.config)
    (place / "gate.vkey").write_text(dialgate("audit", "key", config=gate.config)["vkey"] + "\n")
    return place


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "place")
    return tmp_path / "place"


def restored(place: Path, *more: str) -> dict[str, Any]:
    """What the command says; ``more`` in place of the verifier key."""
    keys = place / "gate" / "keys"
    own = ("-k", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    known = more or ("--vkey", str(place / "gate.vkey"))
    sets = (str(place / "data-set"), "--keys", str(place / "keys-set"))
    return dict(dialgate("restore", *sets, *own, *known, config=place / "gate" / "config.toml", check=False))


def listed(place: Path, change: Callable[[dict[str, Any]], None], kind: str = "data-set") -> None:
    """Change the list of a set."""
    path = place / kind / "backup.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


def added(place: Path, name: str, content: bytes, at: str = "") -> None:
    """Put a file into the set, and its name into the list."""
    path = place / "data-set" / (at or name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    about = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    listed(place, lambda said: said["files"].update({name: about}))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", ["double slash", "absolute", "dots", "dot", "empty", "null"])
def test_nothing_is_written_outside_of_the_data_folder(place: Path, how: str) -> None:
    """The old one took ``data//abs/path``: below ``data/``, it is absolute."""
    victim = place / "victim"
    content = b"* * * * * root id\n"
    name = {
        "double slash": f"data/{victim}",
        "absolute": str(victim),
        "dots": "data/../../victim",
        "dot": "data/./../victim",
        "empty": "data//victim",
        "null": "data/a\0b",
    }[how]
    stored = "victim-source"
    (place / "data-set" / stored).write_bytes(content)
    if how == "double slash":  # where the list's name leads in the set, a file with this digest must lie
        target = place / "data-set" / "data" / str(victim).lstrip("/")
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
    about = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    listed(place, lambda said: said["files"].update({name: about}))
    before = tree(place / "gate")
    told = restored(place, "--unproven")
    assert "no name of a file below a folder" in told["error"]["message"], told
    assert not victim.exists()
    assert tree(place / "gate") == before


@pytest.mark.parametrize("what", ["folder", "file", "pipe", "device"])
def test_no_link_of_a_set_is_followed_and_nobody_waits_for_a_pipe(place: Path, what: str) -> None:
    secret = place / "elsewhere"
    secret.mkdir()
    (secret / "shadow").write_bytes(b"root:x")
    name = "data/recipients/shadow"
    about = {"sha256": hashlib.sha256(b"root:x").hexdigest(), "size": 6}
    link = place / "data-set" / name
    if what == "folder":
        name = "data/other/shadow"
        (place / "data-set" / "data" / "other").symlink_to(secret)
    elif what == "file":
        link.symlink_to(secret / "shadow")
    elif what == "pipe":
        os.mkfifo(link)
    else:
        link.symlink_to("/dev/zero")
    listed(place, lambda said: said["files"].update({name: about}))
    told = restored(place, "--unproven")
    assert "cannot be read" in told["error"]["message"], told


def test_a_planted_recipient_is_not_put_back(place: Path) -> None:
    added(place, f"data/recipients/{EVE.id}.json", EVE.recipient.to_text().encode())
    told = restored(place)
    assert "the log says that another backup was made" in told["error"]["message"], told
    told = restored(place, "--unproven")
    assert told["proven"] is False
    assert any(EVE.id in each and "not in the log" in each for each in told["warnings"]), told


def test_a_planted_configuration_is_not_taken(place: Path) -> None:
    config = place / "gate" / "config.toml"
    text = config.read_bytes().replace(b"max_call_seconds", b"max_call_seconds") + b"\n# planted\n"
    added(place, "config/config.toml", text)
    config.unlink()
    assert "another backup" in restored(place)["error"]["message"]
    told = restored(place, "--unproven")
    assert "that of an unproven set is not taken" in told["error"]["message"], told
    assert not config.exists()


def test_keys_of_another_set_are_not_taken(place: Path) -> None:
    """The wraps of an older set would open what was erased since."""
    listed(place, lambda said: said.update(until="2099-01-01"), "keys-set")
    assert "another backup" in restored(place)["error"]["message"]


def test_a_set_that_another_gate_has_signed_is_not_this_ones(place: Path, tmp_path: Path) -> None:
    (place / "gate.vkey").write_text(CheckpointKey.create(tmp_path / "other.key", "dialgate-other").vkey)
    told = restored(place)
    assert "not signed with that verifier key" in told["error"]["message"], told


def test_without_the_verifier_key_nothing_is_put_back(place: Path) -> None:
    keys, before = place / "gate" / "keys", tree(place / "gate")
    own = ("-k", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    sets = (str(place / "data-set"), "--keys", str(place / "keys-set"))
    told = dialgate("restore", *sets, *own, config=place / "gate" / "config.toml", check=False)
    assert "who has made this set is not proven" in told["error"]["message"]
    assert tree(place / "gate") == before
    (place / "data-set" / "backup.proof").unlink()
    assert "nothing proves this set" in restored(place)["error"]["message"]


@pytest.mark.parametrize("what", ["body", "index", "leaf", "proof", "checkpoint"])
def test_a_changed_proof_does_not_hold(place: Path, what: str) -> None:
    path = place / "data-set" / "backup.proof"
    said = json.loads(path.read_text())
    if what == "index":
        said["index"] += 1
    elif what == "proof":
        said["proof"] = said["proof"][1:]
    else:
        said[what] = said[what].replace("a", "b", 1)
    path.write_text(json.dumps(said))
    assert restored(place)["error"]["message"], "refused"


def test_the_keys_of_the_gate_lie_in_it_sealed_and_open_with_a_recipients_key_alone(
    place: Path, tmp_path: Path
) -> None:
    save_private(tmp_path / "eve.key", EVE)
    (tmp_path / "words").touch(0o600)
    (tmp_path / "words").write_text(PASSPHRASE)
    number = (place / "gate" / "data" / "number.key").read_bytes()
    assert all(number not in content for content in tree(place / "data-set").values())
    assert not [name for name in tree(place / "data-set") if name.endswith(("gate.key", "number.key"))]
    sets = (str(place / "data-set"), "--keys", str(place / "keys-set"), "--vkey", str(place / "gate.vkey"))
    config = place / "gate" / "config.toml"
    told = dialgate("restore", *sets, config=config, check=False)
    assert "are sealed: they open with the key of" in told["error"]["message"]
    eve = ("-k", str(tmp_path / "eve.key"), "--passphrase-file", str(tmp_path / "words"))
    told = dialgate("restore", *sets, *eve, config=config, check=False)
    assert "is not sealed to key" in told["error"]["message"], told


def test_a_set_from_before_there_were_proofs_is_put_back_as_unproven(place: Path) -> None:
    for name in ("gate.key", "number.key"):
        added(place, f"data/{name}", (place / "gate" / "data" / name).read_bytes())
    (place / "data-set" / "sealed" / "secrets.dgr").unlink()
    (place / "data-set" / "backup.proof").unlink()

    def older(said: dict[str, Any]) -> None:
        said["version"] = 1
        said["files"].pop("sealed/secrets.dgr", None)
        said.pop("wraps", None)

    listed(place, older)
    listed(place, older, "keys-set")
    assert "nothing proves this set" in restored(place)["error"]["message"]
    shutil.rmtree(place / "gate" / "data")
    told = restored(place, "--unproven")
    assert told["proven"] is False, told
    assert dialgate("audit", "verify", config=place / "gate" / "config.toml")["ok"]
