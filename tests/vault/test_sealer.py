from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import NoRecipients, RecipientInvalid, VaultError
from gate.vault.reader import SealedReader
from gate.vault.sealer import sealer
from tests.support.vault import add_recipient, found_in, opened, payloads, private_key

ADA, BOB = private_key(), private_key("Bob (auditor)", "auditor")


def test_a_recording_is_sealed_to_everybody_in_force_at_that_moment(tmp_path: Path) -> None:
    folder = tmp_path / "recipients"
    add_recipient(folder, ADA.recipient.to_text())
    seal = sealer(folder)
    first = seal("rec-1", {"call_id": "call-1"})
    add_recipient(folder, BOB.recipient.to_text())
    second = seal("rec-2", {"call_id": "call-2"})
    assert [name for name, _ in first.wraps] == [ADA.id]
    assert {name for name, _ in second.wraps} == {ADA.id, BOB.id}
    assert first.key_id != second.key_id

    file = second.create(tmp_path / "b.dgr")
    file.write_chunk(b"audio")
    file.close({})
    for private in (ADA, BOB):
        key = opened(private, dict(second.wraps)[private.id], recording_id="rec-2", key_id=second.key_id)
        with SealedReader(tmp_path / "b.dgr") as reader:
            assert list(reader.open(key)) == [b"audio"]
            assert reader.header == {"call_id": "call-2", "recording_id": "rec-2", "key_id": second.key_id} | {
                "commitments": second.commitments
            }
    assert found_in(tmp_path, [key]) == []


def test_one_key_seals_one_file(tmp_path: Path) -> None:
    add_recipient(tmp_path / "recipients", ADA.recipient.to_text())
    made = sealer(tmp_path / "recipients")("rec-1", {})
    made.create(tmp_path / "a.dgr").close({})
    with pytest.raises(VaultError, match="sealed a file already"):
        made.create(tmp_path / "b.dgr")
    assert not (tmp_path / "b.dgr").exists()


def test_ids_in_the_header_are_the_seals_own(tmp_path: Path) -> None:
    add_recipient(tmp_path / "recipients", ADA.recipient.to_text())
    made = sealer(tmp_path / "recipients")("rec-1", {"recording_id": "other", "key_id": "other"})
    made.create(tmp_path / "a.dgr").close({})
    with SealedReader(tmp_path / "a.dgr") as reader:
        assert reader.header == {"recording_id": "rec-1", "key_id": made.key_id, "commitments": made.commitments}


def test_without_a_sound_set_of_recipients_there_is_no_seal(tmp_path: Path) -> None:
    (tmp_path / "recipients").mkdir()
    seal = sealer(tmp_path / "recipients")
    with pytest.raises(NoRecipients):
        seal("rec-1", {})
    add_recipient(tmp_path / "recipients", ADA.recipient.to_text())
    assert seal("rec-1", {}).wraps
    (tmp_path / "recipients" / "bad.json").write_text(payloads(1, 8)[0].hex())
    with pytest.raises(RecipientInvalid):
        seal("rec-1", {})
