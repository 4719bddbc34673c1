from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import (
    ChunkDamaged,
    HalfMissing,
    KeyShredded,
    NoRecipients,
    NoWrapForKey,
    OtherHalf,
    TrailingData,
    Truncated,
    WrapDamaged,
    WrongKey,
    WrongRecording,
)
from gate.vault.reader import open_recording, open_trailer
from gate.vault.recipients import change_recipient
from gate.vault.sealer import Seal, sealer
from gate.vault.wrap import wrap
from tests.support.vault import add_recipient, payloads, private_key

ADA, BOB = private_key(), private_key("Bob (auditor)", "auditor")
CHUNKS = payloads(3)


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    add_recipient(tmp_path / "recipients", ADA.recipient.to_text())
    return sealer(tmp_path / "recipients")("rec-1", {"call_id": "call-1"})


@pytest.fixture
def path(tmp_path: Path, seal: Seal) -> Path:
    file = seal.create(tmp_path / "a.dgr")
    for chunk in CHUNKS:
        file.write_chunk(chunk)
    file.close({"seconds": 3.0})
    return tmp_path / "a.dgr"


def test_wraps_and_a_private_key_open_a_recording(path: Path, seal: Seal) -> None:
    header, opened = open_recording(path, seal.wraps, ADA, recording_id="rec-1")
    assert header["call_id"] == "call-1"
    assert list(opened) == CHUNKS
    assert opened.trailer == {"seconds": 3.0}


def test_each_reason_why_not_is_its_own_error(path: Path, seal: Seal) -> None:
    with pytest.raises(KeyShredded):
        open_recording(path, [], ADA)
    with pytest.raises(NoWrapForKey) as caught:
        open_recording(path, seal.wraps, BOB)
    assert ADA.id in caught.value.hint
    with pytest.raises(WrongRecording, match="holds recording rec-1, not rec-2"):
        open_recording(path, seal.wraps, ADA, recording_id="rec-2")
    with pytest.raises(WrapDamaged):
        open_recording(path, [(ADA.id, seal.wraps[0][1][:-1] + b"x")], ADA)
    with pytest.raises(WrapDamaged):
        open_recording(path, [(BOB.id, seal.wraps[0][1])], BOB)
    other = wrap(bytes(32), ADA.recipient, recording_id="rec-1", key_id=seal.key_id)
    with pytest.raises(WrongKey):
        open_recording(path, [(ADA.id, other)], ADA)


def test_a_recording_that_takes_two_people(tmp_path: Path) -> None:
    folder = tmp_path / "recipients"
    add_recipient(folder, ADA.recipient.to_text(), half="first")
    with pytest.raises(NoRecipients, match="second half"):
        sealer(folder, two_person=True)("rec-1", {})
    add_recipient(folder, BOB.recipient.to_text())
    with pytest.raises(OtherHalf, match="is of no half"):
        sealer(folder, two_person=True)("rec-1", {})
    change_recipient(folder, BOB.id, half="second")
    seal = sealer(folder, two_person=True)("rec-1", {})
    file = seal.create(tmp_path / "a.dgr")
    file.write_chunk(CHUNKS[0])
    file.close({})
    for alone in (ADA, BOB, [ADA, ADA]):
        with pytest.raises(HalfMissing):
            open_recording(tmp_path / "a.dgr", seal.wraps, alone)
    _, opened = open_recording(tmp_path / "a.dgr", seal.wraps, [BOB, ADA])
    assert list(opened) == CHUNKS[:1]
    other = sealer(folder, two_person=True)("rec-1", {})
    mixed = [(ADA.id, dict(seal.wraps)[ADA.id]), (BOB.id, dict(other.wraps)[BOB.id])]
    with pytest.raises(WrapDamaged):
        open_recording(tmp_path / "a.dgr", mixed, [ADA, BOB])


def test_an_interrupted_recording_is_opened_when_asked(path: Path, seal: Seal) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    _, opened = open_recording(path, seal.wraps, ADA)
    with pytest.raises(Truncated):
        list(opened)
    _, opened = open_recording(path, seal.wraps, ADA, allow_interrupted=True)
    assert list(opened) == CHUNKS
    assert opened.interrupted


def test_damage_is_found_while_reading(path: Path, seal: Seal) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    _, opened = open_recording(path, seal.wraps, ADA)
    with pytest.raises(ChunkDamaged):
        list(opened)


def test_no_file_stays_open_after_a_refusal(path: Path, seal: Seal) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = count()
    for _ in range(20):
        with pytest.raises(NoWrapForKey):
            open_recording(path, seal.wraps, BOB)
    assert count() == before


def test_a_trailer_comes_without_its_audio(path: Path, seal: Seal) -> None:
    assert open_trailer(path, seal.wraps, ADA, recording_id="rec-1") == {"seconds": 3.0}
    with pytest.raises(KeyShredded):
        open_trailer(path, [], ADA)
    with pytest.raises(WrongRecording):
        open_trailer(path, seal.wraps, ADA, recording_id="rec-2")


@pytest.mark.parametrize(
    ("end", "byte", "error"), [(-1, None, Truncated), (None, -1, ChunkDamaged), (-40, None, Truncated)]
)
def test_a_trailer_that_was_cut_or_changed_is_none(
    end: int | None, byte: int | None, error: type[Exception], path: Path, seal: Seal
) -> None:
    data = bytearray(path.read_bytes()[:end])
    if byte is not None:
        data[byte] ^= 1
    path.write_bytes(data)
    with pytest.raises(error):
        open_trailer(path, seal.wraps, ADA)


def test_what_was_put_behind_the_trailer_is_seen(path: Path, seal: Seal) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(TrailingData):
        open_trailer(path, seal.wraps, ADA)
