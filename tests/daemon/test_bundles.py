"""Who can open what goes out: one key, two halves, or nobody yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gate.config import load
from gate.errors import UsageError, VaultError
from gate.operations.audit.bundles import Bundles, announcement, rewrapped
from gate.vault.keyfile import PrivateKey
from gate.vault.sealer import Seal
from gate.vault.signing import CheckpointKey, check_vkey, verify_signature
from tests.support.settings import write
from tests.support.vault import opened, private_key

IDS = {"recording_id": "rec-1", "key_id": "key-1"}


def half(name: str, which: str) -> PrivateKey:
    private = private_key(name)
    return replace(private, recipient=replace(private.recipient, half=which))  # type: ignore[arg-type]


@pytest.fixture
def auditor() -> PrivateKey:
    return private_key("Auditor")


def test_two_people_together_give_the_auditor_the_whole_key(auditor: PrivateKey, tmp_path: Path) -> None:
    one, other = half("One", "first"), half("Other", "second")
    seal = Seal("rec-1", {}, (one.recipient, other.recipient), two_person=True)
    row = {"recording_id": "rec-1", "key_id": seal.key_id}
    signing = Bundles(tmp_path, tmp_path / "gate.db")
    assert signing.openable(seal.wraps, auditor.id, [one.id, other.id])
    assert not signing.openable(seal.wraps, auditor.id, [one.id])
    assert not signing.openable(seal.wraps, one.id, [])  # a share is not the whole
    wrapped = rewrapped(seal.wraps, [one, other], auditor.recipient, **row)
    assert len(opened(auditor, wrapped, **row)) == 32
    with pytest.raises(VaultError):
        rewrapped(seal.wraps, [one], auditor.recipient, **row)


def test_a_wrap_that_the_auditor_has_is_taken_as_it_is(auditor: PrivateKey, tmp_path: Path) -> None:
    seal = Seal("rec-1", {}, (private_key().recipient, auditor.recipient))
    row = {"recording_id": "rec-1", "key_id": seal.key_id}
    assert Bundles(tmp_path, tmp_path / "gate.db").openable(seal.wraps, auditor.id, [])
    assert rewrapped(seal.wraps, [], auditor.recipient, **row) == dict(seal.wraps)[auditor.id]
    other = private_key("Other")
    with pytest.raises(VaultError, match="no key was given"):
        rewrapped(seal.wraps, [], other.recipient, **row)


def test_what_is_signed_is_the_seal_of_a_bundle(tmp_path: Path) -> None:
    key = CheckpointKey.create(tmp_path / "gate.key", "dialgate-x")
    signing = Bundles(tmp_path, tmp_path / "gate.db")
    assert signing.vkey().vkey == check_vkey(f" {key.vkey}\n") == key.vkey
    text = f"dialgate audit bundle 2\nbundle b-1\n{'ab' * 32}  manifest.json\n"
    (tmp_path / "tail").write_bytes(b"")
    signing.sign("b-1", "ab" * 32, str(tmp_path))
    verify_signature(text.encode(), (tmp_path / "tail").read_bytes()[512 : 512 + 64], key.vkey)
    with pytest.raises(UsageError, match="not a verifier key"):
        check_vkey(key.vkey[:-2])


def test_an_announcement_is_looked_for_in_its_folder_alone(tmp_path: Path) -> None:
    config = load(write(tmp_path))
    place = config.data / "prompts" / "notice@1"
    place.mkdir(parents=True)
    (place / "announcement.wav").write_bytes(b"RIFF")
    assert announcement(config.data, "notice@1") == place / "announcement.wav"
    assert announcement(config.data, "notice@2") is None
    assert announcement(config.data, "../notice@1") is None
    assert announcement(config.data, "") is None
