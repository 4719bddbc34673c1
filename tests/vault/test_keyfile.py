from __future__ import annotations

import base64
import hashlib
import json
import stat
import unicodedata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.errors import KeyFileDamaged, RecipientInvalid, UsageError, VaultError, WrongPassphrase
from gate.vault import keyfile
from gate.vault.keyfile import change_passphrase, generate, load_private, save_private
from gate.vault.wrap import wrap
from tests.support import cheap_keys
from tests.support.examples import examples
from tests.support.vault import NOW, PASSPHRASE, opened, private_key

IDS = {"recording_id": "rec-1", "key_id": "key-1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_private(tmp_path / "ada.key", private_key())
    return tmp_path / "ada.key"


@pytest.fixture
def as_the_gate_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key's file that costs what the gate's do; those of the other tests cost the least."""
    monkeypatch.setattr(keyfile, "_Kdf", cheap_keys.AS_THE_GATE_ASKS)
    save_private(tmp_path / "full.key", generate("Ada (compliance)", "compliance", PASSPHRASE, NOW)[0])
    return tmp_path / "full.key"


@pytest.mark.deep
def test_a_guess_at_a_passphrase_costs_64_mib_three_times_over(as_the_gate_asks: Path) -> None:
    cost = json.loads(as_the_gate_asks.read_text())["kdf"]
    del cost["salt"]
    assert cost == {"name": "argon2id", "iterations": 3, "lanes": 4, "memory_kib": 65536}, "RFC 9106, little memory"
    assert load_private(as_the_gate_asks, PASSPHRASE).recipient.name == "Ada (compliance)"
    with pytest.raises(WrongPassphrase):
        load_private(as_the_gate_asks, PASSPHRASE.upper())


def test_a_key_is_closed_in_a_file_and_opened_again(path: Path) -> None:
    ada = private_key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load_private(path, PASSPHRASE)
    assert again.recipient == ada.recipient
    assert again.text == path.read_text()
    wrapped = wrap(bytes(32), ada.recipient, **IDS)
    assert opened(again, wrapped, **IDS) == bytes(32)


def test_the_file_says_whose_it_is_and_hides_the_rest(path: Path) -> None:
    fields = json.loads(path.read_text())
    assert list(fields) == ["dialgate", "version", "recipient", "kdf", "sealed", "sha256"]
    assert fields["recipient"]["name"] == "Ada (compliance)"
    assert "recipient" not in repr(private_key().key)
    assert fields["sealed"] not in repr(private_key())


def test_a_wrong_passphrase_is_its_own_error(path: Path) -> None:
    for wrong in ("", "correct horse battery stapl", PASSPHRASE.upper(), "\ud800"):
        with pytest.raises(WrongPassphrase) as caught:
            load_private(path, wrong)
        assert caught.value.exit_code == 1
        assert caught.value.hint


def test_a_damaged_file_is_its_own_error_and_no_passphrase_is_tried(path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) - 3):
        path.write_bytes(whole[:size])
        with pytest.raises(KeyFileDamaged):
            load_private(path, PASSPHRASE)
    path.write_bytes(bytes(len(whole)))
    with pytest.raises(KeyFileDamaged):
        load_private(path, PASSPHRASE)
    path.write_bytes(whole * 20)
    with pytest.raises(VaultError, match="longer than"):
        load_private(path, PASSPHRASE)
    path.unlink()
    with pytest.raises(VaultError, match="cannot read"):
        load_private(path, PASSPHRASE)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_every_flipped_bit_of_what_the_file_says_is_damage(tmp_path: Path, place: int, bit: int) -> None:
    text = bytearray(private_key().text.encode())
    place %= len(text)
    text[place] ^= 1 << bit
    path = tmp_path / "flipped.key"
    path.write_bytes(text)
    same = _fields(bytes(text)) == _fields(private_key().text.encode())
    if same:  # space between the fields: nothing was said there
        assert load_private(path, PASSPHRASE).recipient == private_key().recipient
        return
    with pytest.raises(KeyFileDamaged):
        load_private(path, PASSPHRASE)


def _fields(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_a_forged_checksum_does_not_let_the_owner_or_the_cost_be_changed(path: Path) -> None:
    import hashlib

    from gate.core.evidence import canonical

    def forge(change: object) -> None:
        fields = json.loads(private_key().text)
        change(fields)  # type: ignore[operator]
        del fields["sha256"]
        fields["sha256"] = hashlib.sha256(canonical(fields)).hexdigest()
        path.write_text(json.dumps(fields))

    def rename(fields: dict) -> None:
        fields["recipient"]["name"] = "Eve"

    def promote(fields: dict) -> None:
        fields["recipient"]["role"] = "escrow"

    def change_the_cost(fields: dict) -> None:
        fields["kdf"]["memory_kib"] += 1024

    for change in (rename, promote, change_the_cost):
        forge(change)
        with pytest.raises(WrongPassphrase):
            load_private(path, PASSPHRASE)

    def devour(fields: dict) -> None:
        fields["kdf"]["memory_kib"] = 2**31

    def salt(fields: dict) -> None:
        fields["kdf"]["salt"] = "AA=="

    for change in (devour, salt):
        forge(change)
        with pytest.raises(KeyFileDamaged, match="out of bounds"):
            load_private(path, PASSPHRASE)


def test_a_passphrase_is_changed_in_place(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(WrongPassphrase):
        change_passphrase(path, "not the passphrase", "another passphrase")
    with pytest.raises(UsageError):
        change_passphrase(path, PASSPHRASE, "short")
    assert path.read_text() == before
    change_passphrase(path, PASSPHRASE, "another passphrase")
    assert load_private(path, "another passphrase").recipient == private_key().recipient
    with pytest.raises(WrongPassphrase):
        load_private(path, PASSPHRASE)
    after = json.loads(path.read_text())
    assert after["kdf"]["salt"] != json.loads(before)["kdf"]["salt"]
    assert [child.name for child in path.parent.iterdir()] == ["ada.key"]


def test_what_is_refused_at_the_making() -> None:
    for passphrase in ("", "1234567", "x" * 1025, "\ud800" * 8):
        with pytest.raises(UsageError):
            generate("Ada", "compliance", passphrase, NOW)
    with pytest.raises(RecipientInvalid):
        generate("Ada", "owner", PASSPHRASE, NOW)
    with pytest.raises(RecipientInvalid):
        generate("", "auditor", PASSPHRASE, NOW)


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    with pytest.raises(VaultError, match="exists already"):
        save_private(path, private_key("Bob (auditor)", "auditor"))
    assert load_private(path, PASSPHRASE).recipient.name == "Ada (compliance)"


def test_two_spellings_of_one_passphrase_are_the_same(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café au lait") for form in ("NFC", "NFD"))
    assert composed != apart
    private, recipient = generate("Zoë", "auditor", apart, NOW)
    save_private(tmp_path / "zoe.key", private)
    assert load_private(tmp_path / "zoe.key", composed).recipient == recipient


@pytest.mark.deep
def test_another_program_can_open_it_by_the_documentation(as_the_gate_asks: Path) -> None:
    fields = json.loads(as_the_gate_asks.read_text())
    kdf, digest = fields["kdf"], fields.pop("sha256")

    def canonical(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert hashlib.sha256(canonical(fields)).hexdigest() == digest
    sealed = base64.b64decode(fields.pop("sealed"))
    cost = {"iterations": kdf["iterations"], "lanes": kdf["lanes"], "memory_cost": kdf["memory_kib"]}
    derived = Argon2id(salt=base64.b64decode(kdf["salt"]), length=32, **cost).derive(PASSPHRASE.encode())
    secret = AESGCM(derived).decrypt(bytes(12), sealed, canonical(fields))
    assert len(sealed) - 16 == len(secret) == 96
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(secret[:64]), X25519PrivateKey.from_private_bytes(secret[64:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    assert public == base64.b64decode(fields["recipient"]["public"])
