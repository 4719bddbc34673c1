from __future__ import annotations

import base64
import hashlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from gate.errors import NoRecipients, NoSuchRecipient, RecipientInvalid, VaultError
from gate.vault import recipients
from gate.vault.publickey import MLKEM_BYTES, PUBLIC_BYTES, make_recipient, parse_recipient
from gate.vault.recipients import change_recipient, load_recipients, recipient_source, retire_recipient
from tests.support.vault import NOW, add_recipient, private_key

ADA = private_key().recipient
BOB = private_key("Bob (auditor)", "auditor").recipient


def changed(**fields: object) -> str:
    return json.dumps(json.loads(ADA.to_text()) | fields)


def test_a_recipient_survives_its_text() -> None:
    assert parse_recipient(ADA.to_text()) == ADA
    assert parse_recipient(ADA.to_text().encode()) == ADA
    assert ADA.id == hashlib.sha256(ADA.public).hexdigest()[:16] == ADA.fingerprint[:16]
    assert asdict(ADA.row()) == {
        "id": ADA.id,
        "name": "Ada (compliance)",
        "role": "compliance",
        "purpose": "",
        "half": "",
        "seals": True,
        "created": "2026-01-05T09:00:00Z",
        "fingerprint": ADA.fingerprint,
    }


LOW_ORDER = ADA.public[:MLKEM_BYTES] + bytes(32)
OUT_OF_RANGE = b"\xff" * MLKEM_BYTES + ADA.public[MLKEM_BYTES:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "[" * 10_000,
        "x" * 20_000,
        b"\xff\xfe",
        "\ud800",
        changed(version=2),
        changed(dialgate="private key"),
        changed(role="owner"),
        changed(purpose="marketing"),
        changed(half="third"),
        changed(seals=0),
        changed(seals=False),
        changed(name=""),
        changed(name="  "),
        changed(name="a" * 101),
        changed(name="red\x1b[31m"),
        changed(created="yesterday"),
        changed(created="2026-01-05"),
        changed(created="99999-01-05T09:00:00Z"),
        changed(id=BOB.id),
        changed(id=ADA.id.upper()),
        changed(public=""),
        changed(public="!!"),
        changed(public=base64.b64encode(bytes(PUBLIC_BYTES)).decode()),
        changed(public=base64.b64encode(LOW_ORDER).decode(), id=hashlib.sha256(LOW_ORDER).hexdigest()[:16]),
        changed(public=base64.b64encode(OUT_OF_RANGE).decode(), id=hashlib.sha256(OUT_OF_RANGE).hexdigest()[:16]),
        changed(public=base64.b64encode(BOB.public).decode()),
        changed(extra=1),
    ],
    ids=itertools.count(),
)
def test_what_is_no_recipient_is_one_error(text: str | bytes) -> None:
    with pytest.raises(RecipientInvalid):
        parse_recipient(text)


@given(st.one_of(st.text(), st.binary()))
def test_the_parser_leaks_no_other_error(text: str | bytes) -> None:
    with pytest.raises(RecipientInvalid):
        parse_recipient(text)


@given(st.data())
def test_no_changed_byte_of_the_key_or_id_passes(data: st.DataObject) -> None:
    text = bytearray(ADA.to_text().encode())
    start = text.index(b'"public"') if data.draw(st.booleans()) else text.index(b'"id"')
    place = data.draw(st.integers(start, start + 20))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RecipientInvalid):
        parse_recipient(bytes(text))


def test_adding_listing_retiring(tmp_path: Path) -> None:
    folder = tmp_path / "recipients"
    assert load_recipients(folder) == []
    assert add_recipient(folder, ADA.to_text()) == ADA
    assert add_recipient(folder, ADA.to_text()) == ADA
    escrow = add_recipient(folder, BOB.to_text(), role="escrow")
    assert (escrow.role, escrow.id) == ("escrow", BOB.id)
    assert load_recipients(folder) == sorted([ADA, escrow], key=lambda one: one.id)
    with pytest.raises(VaultError, match="is there already, as 'Bob"):
        add_recipient(folder, BOB.to_text())
    with pytest.raises(RecipientInvalid, match="unknown role"):
        add_recipient(folder, BOB.to_text(), role="owner")
    with pytest.raises(NoSuchRecipient, match="there is no recipient") as wrong:
        retire_recipient(folder, "0" * 16)
    assert wrong.value.exit_code == 2
    assert retire_recipient(folder, ADA.id) == ADA
    assert load_recipients(folder) == [escrow]
    assert (folder / "retired" / f"{ADA.id}.json").is_file()
    with pytest.raises(NoRecipients, match="only recipient"):
        retire_recipient(folder, escrow.id)


def test_what_a_recipient_is_for(tmp_path: Path) -> None:
    add_recipient(tmp_path, ADA.to_text())
    with pytest.raises(RecipientInvalid, match="neither recordings nor exports"):
        add_recipient(tmp_path, BOB.to_text(), exports_only=True)
    for wrong in ({"purpose": "marketing"}, {"half": "third"}):
        with pytest.raises(RecipientInvalid, match="unknown"):
            add_recipient(tmp_path, BOB.to_text(), **wrong)
    bob = add_recipient(tmp_path, BOB.to_text(), purpose="regulator", half="second", exports_only=True)
    assert (bob.purpose, bob.half, bob.seals) == ("regulator", "second", False)
    assert parse_recipient(bob.to_text()) == bob
    assert add_recipient(tmp_path, bob.to_text()) == bob, "its own text says so too"
    assert {one.id: (one.purpose, one.seals) for one in load_recipients(tmp_path)} == {
        ADA.id: ("", True),
        BOB.id: ("regulator", False),
    }
    assert recipient_source(tmp_path)() == (ADA,)
    with pytest.raises(NoRecipients, match="only recipient that"):
        retire_recipient(tmp_path, ADA.id)
    with pytest.raises(NoRecipients):
        change_recipient(tmp_path, ADA.id, seals=False, purpose="court")


def test_other_terms_are_noticed_at_once(tmp_path: Path) -> None:
    source = recipient_source(tmp_path)
    for one in (ADA, BOB):
        add_recipient(tmp_path, one.to_text())
    assert set(source()) == {ADA, BOB}
    before, after = change_recipient(tmp_path, BOB.id, seals=False, purpose="court")
    assert (before, after.seals, after.purpose) == (BOB, False, "court")
    assert source() == (ADA,)
    _, again = change_recipient(tmp_path, BOB.id, seals=True, purpose="", half="first", role="escrow")
    assert (again.role, again.purpose, again.half, again.seals) == ("escrow", "", "first", True)
    assert set(source()) == {ADA, again}


def test_a_register_that_changes_while_it_is_read_refuses_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (ADA, BOB):
        add_recipient(tmp_path, one.to_text())
    load, retired = recipients._load, []

    def load_late(path: Path) -> object:
        if not retired and path.stem == BOB.id:
            retired.append(path)
            retire_recipient(tmp_path, BOB.id)
        return load(path)

    monkeypatch.setattr(recipients, "_load", load_late)
    assert recipient_source(tmp_path)() == (ADA,)
    assert retired


def test_a_bad_file_stops_the_loading_and_is_named(tmp_path: Path) -> None:
    add_recipient(tmp_path, ADA.to_text())
    (tmp_path / f"{BOB.id}.json").write_text(ADA.to_text())
    with pytest.raises(RecipientInvalid, match=f"{BOB.id}.json holds recipient {ADA.id}"):
        load_recipients(tmp_path)
    (tmp_path / f"{BOB.id}.json").write_text("{")
    with pytest.raises(RecipientInvalid, match=f"{BOB.id}.json"):
        load_recipients(tmp_path)


def test_the_source_notices_who_comes_and_goes(tmp_path: Path) -> None:
    source = recipient_source(tmp_path / "recipients")
    with pytest.raises(VaultError, match="cannot read"):
        source()
    (tmp_path / "recipients").mkdir()
    with pytest.raises(NoRecipients):
        source()
    add_recipient(tmp_path / "recipients", ADA.to_text())
    assert source() == (ADA,)
    assert source() is source()
    add_recipient(tmp_path / "recipients", BOB.to_text())
    assert set(source()) == {ADA, BOB}
    retire_recipient(tmp_path / "recipients", ADA.id)
    assert source() == (BOB,)
    (tmp_path / "recipients" / "0.json").write_text("{")
    for _ in range(2):
        with pytest.raises(RecipientInvalid):
            source()


def test_a_name_is_text_that_can_be_shown() -> None:
    assert make_recipient("Zoë 王", "escrow", NOW, ADA.public).name == "Zoë 王"
    for name in ("", " \t", "a\nb", "\x00", "\ud800", "a" * 101):
        with pytest.raises(RecipientInvalid):
            make_recipient(name, "escrow", NOW, ADA.public)
