from __future__ import annotations

import base64
import itertools
import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import KeyFileDamaged, NoteInvalid, UsageError, VaultError
from gate.vault.signing import CheckpointKey, parse_vkey, verify_note

TEXT = "gate.example/log\n12\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n"
KEY = CheckpointKey("gate.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = CheckpointKey("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOTE = KEY.sign_note(TEXT)

# The example of golang.org/x/mod/sumdb/note, signed by another implementation.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_NOTE = (
    NEUMANN_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_another_implementation_verifies() -> None:
    assert verify_note(NEUMANN_NOTE, NEUMANN) == NEUMANN_TEXT
    assert parse_vkey(NEUMANN)[0] == "PeterNeumann"


def test_a_note_is_signed_and_verified() -> None:
    assert NOTE.startswith(TEXT + "\n— gate.example/log ")
    assert verify_note(NOTE, KEY.vkey) == TEXT
    assert KEY.sign_note(TEXT) == NOTE
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(KEY.sign(b"data"), b"data")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(KEY.public).verify(KEY.sign(b"data"), b"date")


def test_the_last_empty_line_parts_text_and_signatures() -> None:
    text = "one\n\ntwo\n\n— not a signature\n"
    assert verify_note(KEY.sign_note(text), KEY.vkey) == text


def test_signatures_of_others_are_passed_over_and_not_enough() -> None:
    line = OTHER.sign_note(TEXT).rpartition("\n\n")[2]
    both = NOTE + line
    assert verify_note(both, KEY.vkey) == verify_note(both, OTHER.vkey) == TEXT
    with pytest.raises(NoteInvalid, match=r"not signed by witness\.example"):
        verify_note(NOTE, OTHER.vkey)
    namesake = CheckpointKey(KEY.name, Ed25519PrivateKey.generate())
    assert verify_note(TEXT + "\n" + NOTE.rpartition("\n\n")[2], KEY.vkey) == TEXT
    with pytest.raises(NoteInvalid):
        verify_note(namesake.sign_note(TEXT), KEY.vkey)


def test_one_bad_signature_of_the_key_rejects_the_note() -> None:
    bad = KEY.sign_note(TEXT + "more\n").rpartition("\n\n")[2]
    for note in (NOTE + bad, f"{TEXT}\n{bad}{NOTE.rpartition(chr(10) * 2)[2]}"):
        with pytest.raises(NoteInvalid, match="does not hold"):
            verify_note(note, KEY.vkey)


@given(st.data())
def test_every_changed_character_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(NOTE) - 1))
    character = data.draw(st.characters())
    changed = NOTE[:place] + character + NOTE[place + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(NoteInvalid):
        verify_note(changed, KEY.vkey)


@given(st.text(), st.text())
def test_the_parser_leaks_no_other_error(note: str, vkey: str) -> None:
    for one, other in ((note, KEY.vkey), (NOTE, vkey), (f"{TEXT}\n— {note}\n", KEY.vkey)):
        with pytest.raises(NoteInvalid):
            verify_note(one, other)


def line(name: str, signature: bytes) -> str:
    return f"— {name} {base64.b64encode(signature).decode()}\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        NOTE.rstrip("\n"),
        NOTE + "\n",
        NOTE.replace("— ", "-- "),
        NOTE.replace("\n", "\r\n"),
        NOTE + "trailing\n",
        NOTE + line("a+b", bytes(68)),
        NOTE + line("a", bytes(4)),
        NOTE + "— a !!\n",
        NOTE + line("a", bytes(68)) * 100,
        "x" * 2_000_000 + "\n\n" + NOTE.rpartition("\n\n")[2],
    ],
    ids=itertools.count(),
)
def test_what_is_no_note_is_one_error(note: str) -> None:
    with pytest.raises(NoteInvalid):
        verify_note(note, KEY.vkey)


def test_at_least_sixteen_signatures_are_accepted() -> None:
    assert verify_note(NOTE + line("a", bytes(68)) * 99, KEY.vkey) == TEXT


@pytest.mark.parametrize(
    "text",
    ["", "no newline", "tab\there\n", "nul\x00\n", "\r\n", "\ud800\n", "x" * 2**20 + "\n"],
    ids=itertools.count(),
)
def test_what_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteInvalid):
        KEY.sign_note(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "\ud800", "a" * 256], ids=itertools.count())
def test_names_without_spaces_and_plus(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        CheckpointKey.create(tmp_path / "gate.key", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        KEY.vkey[:-4],
        KEY.vkey + "=",
        KEY.vkey.replace("gate", "gale"),
        KEY.vkey.upper(),
        "a+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(),
        "a+00000000+" + base64.b64encode(b"\x04" + bytes(32)).decode(),
    ],
    ids=itertools.count(),
)
def test_what_is_no_verifier_key_is_one_error(vkey: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_vkey(vkey)


def test_a_key_is_kept_in_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    made = CheckpointKey.create(path, "gate.example/log")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = CheckpointKey.load(path)
    assert (loaded.name, loaded.vkey) == (made.name, made.vkey)
    assert verify_note(loaded.sign_note(TEXT), made.vkey) == TEXT
    with pytest.raises(VaultError, match="exists already"):
        CheckpointKey.create(path, "gate.example/log")
    assert CheckpointKey.load(path).vkey == made.vkey


def test_a_damaged_signing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    CheckpointKey.create(path, "gate.example/log")
    whole = path.read_bytes()
    vkey, _, pem = whole.partition(b"\n")
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (
        b"",
        b"\xff\n" + pem,
        pem,
        vkey,
        vkey + b"\n",
        whole[:-40],
        KEY.vkey.encode() + b"\n" + pem,
        vkey + b"\n" + curve,
    ):
        path.write_bytes(data)
        with pytest.raises(KeyFileDamaged):
            CheckpointKey.load(path)
    path.unlink()
    with pytest.raises(VaultError, match="cannot read"):
        CheckpointKey.load(path)
