"""``dialgate key`` on a real data folder: rotation that is killed and goes on, two people, passphrases."""

from __future__ import annotations

import os
import random
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.config.write import amend
from gate.daemon.opening import open_folder
from gate.errors import HalfMissing, NoWrapForKey
from gate.vault.keyfile import PrivateKey, load_private, save_private
from gate.vault.publickey import Recipient
from gate.vault.wrap import data_key
from tests.support import programs
from tests.support.commands import Done, dialgate
from tests.support.example import without_recipients
from tests.support.keeping import plant
from tests.support.vault import PASSPHRASE, found_in, private_key

ADA, BOB, EVE = private_key(), private_key("Bob (auditor)", "auditor"), private_key("Eve (escrow)", "escrow")
RECORDINGS, KILLS = 200, 5


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_recipients(tmp_path_factory.mktemp("keys") / "gate")


@pytest.fixture
def folder(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy with nobody on the register, named by DIALGATE_CONFIG, and the keys of three people beside it."""
    shutil.copytree(example, tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    for name, private in (("ada", ADA), ("bob", BOB), ("eve", EVE)):
        save_private(tmp_path / f"{name}.key", private)
        (tmp_path / f"{name}.recipient").write_text(private.recipient.to_text())
    words = tmp_path / "words"
    words.write_text(PASSPHRASE + "\n")
    words.chmod(0o600)
    return tmp_path


def key(folder: Path, *arguments: str) -> Done:
    done = dialgate("key", *arguments, "--json")
    assert done.code == 0, done.err
    return done


def rotated(folder: Path, source: str, target: str, *more: str) -> Done:
    words = str(folder / "words")
    return dialgate(
        *("key", "rotate", str(folder / f"{source}.key"), "--to", str(folder / f"{target}.recipient")),
        *("--passphrase-file", words, "--json", *more),
    )


def dropped(folder: Path, source: PrivateKey, target: PrivateKey, name: str) -> dict[str, Any]:
    """``name`` is the file of the target's key."""
    words = str(folder / "words")
    proven = dialgate("key", "prove", str(folder / f"{name}.key"), "--passphrase-file", words, "--json")
    assert proven.code == 0, proven.err
    return dict(key(folder, "drop", source.id, "--to", target.id).json)


def planted(folder: Path, count: int, *recipients: Recipient, two_person: bool = False) -> list[str]:
    names = [f"rec-{n:04}" for n in range(count)]
    with ExitStack() as stack:
        data = open_folder(load(folder / "gate" / "config.toml"), stack)
        for name in names:
            recordings = data.config.data / "recordings"
            plant(data.store, data.keys, recordings, recipients, name, two_person=two_person)
    return names


def wraps_of(folder: Path, names: list[str]) -> dict[str, tuple[str, list[tuple[str, bytes]]]]:
    with ExitStack() as stack:
        keys = open_folder(load(folder / "gate" / "config.toml"), stack).keys
        return {name: (keys.key_id(name), keys.wraps(name)) for name in names}


def openers(kept: dict[str, tuple[str, list[tuple[str, bytes]]]]) -> list[set[str]]:
    """Of each recording those of Ada and Bob who really open it, to one and the same key."""
    found = []
    for name, (key_id, wraps) in kept.items():
        opened = {}
        for private in (ADA, BOB):
            try:
                opened[private.id] = data_key(wraps, [private], recording_id=name, key_id=key_id)
            except NoWrapForKey:
                continue
        assert len(set(opened.values())) == 1, "re-wrapped, never re-encrypted"
        found.append(set(opened))
    return found


@pytest.mark.parametrize("drop", [(), ("--drop",)], ids=["added", "dropped"])
def test_a_rotation_that_is_killed_goes_on_and_nobody_loses_anything(folder: Path, drop: tuple[str, ...]) -> None:
    for name in ("ada", "bob"):
        key(folder, "add", str(folder / f"{name}.recipient"))
    names = planted(folder, RECORDINGS, ADA.recipient)
    old = wraps_of(folder, names)
    chance = random.Random(20260302)
    environment = {**os.environ, "PASSPHRASE": PASSPHRASE}
    words = [*map(str, (folder / "gate" / "config.toml", folder / "ada.key", folder / "bob.key")), *drop]
    done = 0
    for _ in range(KILLS):
        killed = programs.run("tests.support.rotator", *words, str(chance.randrange(28)), env=environment)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        now = openers(wraps_of(folder, names))
        assert all(now), "there is always somebody"
        assert sum(BOB.id in each for each in now) >= done, "what was given is not taken back"
        done = sum(BOB.id in each for each in now)
        if not drop:
            assert all(ADA.id in each for each in now)
    last = rotated(folder, "ada", "bob")
    assert last.code == 0, last.err
    report = last.json
    assert report["recordings"] == report["added"] + report["there"]
    if drop:
        dropped(folder, ADA, BOB, "bob")
    now = wraps_of(folder, names)
    assert openers(now) == [{BOB.id} if drop else {ADA.id, BOB.id}] * RECORDINGS
    again = rotated(folder, "ada", "bob").json
    assert (again["added"], again["there"]) == (0, 0 if drop else RECORDINGS)
    secrets = [wrap for _, wraps in old.values() for _, wrap in wraps]
    assert found_in(folder / "gate" / "data", secrets) == ([] if drop else secrets)
    assert dialgate("audit", "verify").code == 0


def test_one_recording_is_no_recordings(folder: Path) -> None:
    key(folder, "add", str(folder / "ada.recipient"))
    planted(folder, 1, ADA.recipient)
    assert "Warning: 1 recording would be lost with the key of Ada" in dialgate("key", "list").err
    key(folder, "add", str(folder / "bob.recipient"))
    alone = dialgate("key", "retire", ADA.id, "--dry-run").err
    assert alone.startswith("1 recording could then be opened by nobody else")
    assert "1 of the 1 recording that Ada (compliance) opens" in dialgate("key", "retire", ADA.id).err
    assert rotated(folder, "ada", "bob").json["added"] == 1
    assert "This key still opens 1 recording;" in dialgate("key", "retire", ADA.id).err
    assert "Retired, and still opens 1 recording: Ada" in dialgate("key", "list").err


def test_losing_one_key_loses_nothing_and_is_told_beforehand(folder: Path) -> None:
    key(folder, "add", str(folder / "ada.recipient"))
    planted(folder, 3, ADA.recipient)
    listed = dialgate("key", "list")
    assert "Warning: 3 recordings would be lost with the key of Ada" in listed.err
    assert "alone: if that key is lost, the recordings are lost" in listed.err
    key(folder, "add", str(folder / "bob.recipient"))
    refused = dialgate("key", "retire", ADA.id)
    assert refused.code == 3
    assert "3 of the 3 recordings" in refused.err
    assert "sole_recipient" in refused.err
    assert rotated(folder, "ada", "bob").json["added"] == 3
    assert "Warning" not in dialgate("key", "list").err
    retired = dialgate("key", "retire", ADA.id)
    assert (retired.code, "still opens 3 recordings" in retired.err) == (0, True)
    assert "Retired, and still opens 3 recordings: Ada" in dialgate("key", "list").err
    assert dropped(folder, ADA, BOB, "bob")["dropped"] == 3
    assert "Retired" not in dialgate("key", "list").err


def test_a_key_is_not_rotated_to_a_stranger_or_itself(folder: Path) -> None:
    key(folder, "add", str(folder / "ada.recipient"))
    planted(folder, 1, ADA.recipient)
    for target, said in (("bob", "no recipient"), ("ada", "not to itself")):
        done = rotated(folder, "ada", target)
        assert (done.code, said in done.err) == (2, True), done.err
    (folder / "eve.recipient").write_text((folder / "eve.key").read_text())
    assert "is a private key" in rotated(folder, "ada", "eve").err


def test_a_share_is_rotated_within_its_half(folder: Path) -> None:
    amend(folder / "gate" / "config.toml", {"recording": {"two_person": True}})
    assert dialgate("key", "add", str(folder / "ada.recipient")).code == 1
    key(folder, "add", str(folder / "ada.recipient"), "--half", "first")
    key(folder, "add", str(folder / "bob.recipient"), "--half", "second")
    shares = [ADA.recipient.on_terms(half="first"), BOB.recipient.on_terms(half="second")]
    names = planted(folder, 3, *shares, two_person=True)
    key(folder, "add", str(folder / "eve.recipient"), "--half", "second")
    wrong = rotated(folder, "ada", "eve")
    assert (wrong.json["added"], wrong.json["other_half"]) == (0, 3)
    assert "not of the half of this key" in wrong.err
    assert rotated(folder, "bob", "eve").json["added"] == 3
    assert dropped(folder, BOB, EVE, "eve")["dropped"] == 3
    nothing = key(folder, "drop", ADA.id, "--to", EVE.id)
    assert (nothing.json["dropped"], nothing.json["unproven"]) == (0, 3)
    assert "has not proven to open them" in nothing.err
    for name, (key_id, wraps) in wraps_of(folder, names).items():
        assert len(data_key(wraps, [ADA, EVE], recording_id=name, key_id=key_id)) == 32
        with pytest.raises(HalfMissing):
            data_key(wraps, [ADA, BOB], recording_id=name, key_id=key_id)


def test_a_recording_of_two_people_is_exported_with_two_keys(folder: Path) -> None:
    key(folder, "add", str(folder / "ada.recipient"))
    shares = [ADA.recipient.on_terms(half="first"), BOB.recipient.on_terms(half="second")]
    (name,) = planted(folder, 1, *shares, two_person=True)
    words = ["--passphrase-file", str(folder / "words")]
    keys = {each: ["-k", str(folder / f"{each}.key"), *words] for each in ("ada", "bob")}
    out = ["-o", str(folder / "call.wav"), "--purpose", "request 17"]
    one = dialgate("recording", "export", name, *keys["ada"], *out)
    assert one.code == 1
    assert "takes two people" in one.err
    assert BOB.id in one.err
    twice = dialgate("recording", "export", name, *keys["ada"], *keys["ada"], *out)
    assert (twice.code, "same key is given twice" in twice.err) == (2, True)
    many = dialgate("recording", "export", name, *keys["ada"], *words, *out)
    assert (many.code, "2 passphrase files for 1 keys" in many.err) == (2, True)
    both = dialgate("recording", "export", name, *keys["ada"], *keys["bob"], *out)
    # It opens; the planted sound is no audio, and that is what is said now.
    assert "holds something else than frames" in both.err
    assert not (folder / "call.wav").exists()


# --- passphrases --------------------------------------------------------------------------------------------------


def test_a_passphrase_is_changed_in_one_step(folder: Path) -> None:
    path, new = folder / "ada.key", folder / "new"
    new.write_text("another correct horse\n")
    new.chmod(0o600)
    before = path.read_bytes()
    old = ["--passphrase-file", str(folder / "words")]
    wrong = dialgate("key", "passphrase", str(path), "--passphrase-file", str(new), "--new-passphrase-file", str(new))
    assert (wrong.code, "does not open" in wrong.err) == (1, True)
    assert path.read_bytes() == before
    short = folder / "short"
    short.write_text("short\n")
    short.chmod(0o600)
    refused = dialgate("key", "passphrase", str(path), *old, "--new-passphrase-file", str(short))
    assert (refused.code, path.read_bytes() == before) == (2, True)
    link = folder / "link.key"
    link.symlink_to(path)
    done = dialgate("key", "passphrase", str(link), *old, "--new-passphrase-file", str(new), "--json")
    assert done.code == 0, done.err
    assert done.json["id"] == ADA.id
    assert link.is_symlink(), "what it leads to was replaced"
    assert load_private(path, "another correct horse").recipient == ADA.recipient
    assert (path.stat().st_mode & 0o777, path.stat().st_nlink) == (0o600, 1)
    assert dialgate("key", "passphrase", str(path), *old, "--new-passphrase-file", str(new)).code == 1
    assert found_in(folder, [before[-200:]]) == []
    assert not list(folder.glob(".ada.key.*"))
