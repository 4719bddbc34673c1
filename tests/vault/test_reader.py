from __future__ import annotations

import hashlib
import os
import random
import secrets
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.errors import (
    ChunkDamaged,
    ChunkOutOfOrder,
    ChunkSpliced,
    HeaderDamaged,
    SealedFault,
    TrailingData,
    Truncated,
    VaultError,
    WrongKey,
)
from gate.vault.layout import PREAMBLE, VERSION, file_keys, opening_bytes
from gate.vault.reader import SealedReader, scan
from gate.vault.sealer import SealedWriter
from tests.support.examples import examples
from tests.support.vault import HEADER, TRAILER, payloads, sealed

KEY = secrets.token_bytes(32)
CHUNKS = payloads(5, 120)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sealed(tmp_path_factory.mktemp("reader") / "a.dgr", KEY, CHUNKS).read_bytes()


@pytest.fixture(scope="module")
def pieces(whole: bytes) -> list[bytes]:
    """What stands before the chunks, each chunk with its frame, the last one."""
    return split(whole)


def split(data: bytes) -> list[bytes]:
    places = [62 + int.from_bytes(data[10:14], "big") + 48]
    while places[-1] < len(data):
        places.append(places[-1] + 29 + int.from_bytes(data[places[-1] : places[-1] + 4], "big"))
    return [data[: places[0]], *(data[a:b] for a, b in pairwise(places))]


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def fault(path: Path, data: bytes, key: bytes = KEY) -> type[SealedFault] | None:
    """What strict reading says of these bytes; whatever it gives out before is genuine and in order."""
    path.write_bytes(data)
    given = []
    try:
        with SealedReader(path) as reader:
            assert reader.header == HEADER
            given.extend(reader.open(key))
    except SealedFault as error:
        assert given == CHUNKS[: len(given)]
        return type(error)
    assert given == CHUNKS
    return None


def test_a_whole_file_gives_everything_back(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.dgr"
    path.write_bytes(whole)
    with SealedReader(path) as reader:
        assert reader.header == HEADER
        opened = reader.open(KEY)
        assert opened.trailer is None
        assert list(opened) == CHUNKS
        assert (opened.trailer, opened.interrupted) == (TRAILER, False)
        assert list(opened) == []
        assert opened.trailer == TRAILER
        assert reader.verify(KEY) == 5
        assert list(reader.open(KEY, True)) == CHUNKS


def test_scanning_needs_no_key(tmp_path: Path, whole: bytes, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    path.write_bytes(whole)
    found = scan(path)
    assert (found.chunks, found.complete, found.fault) == (5, True, None)
    assert found.size == found.size_valid == len(whole)
    assert found.sha256 == hashlib.sha256(whole).hexdigest()
    cut = b"".join(pieces[:4]) + pieces[4][:-1]
    path.write_bytes(cut)
    found = scan(path)
    assert (found.chunks, found.complete, type(found.fault)) == (3, False, Truncated)
    assert (found.size, found.size_valid) == (len(cut), len(b"".join(pieces[:4])))
    assert found.sha256 == hashlib.sha256(cut).hexdigest()
    path.write_bytes(whole + b"more")
    found = scan(path)
    assert (found.chunks, found.complete, type(found.fault)) == (5, False, TrailingData)
    assert found.size_valid == len(whole)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot read"):
        SealedReader(tmp_path / "none.dgr")
    with pytest.raises(HeaderDamaged, match="not a file"):
        SealedReader(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeaderDamaged, match="not a file"):
        SealedReader(tmp_path / "pipe")
    for data in (b"RIFF....WAVE", b"{}", bytes(1000)):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(HeaderDamaged, match="not a sealed recording"):
            SealedReader(tmp_path / "other")


def test_every_cut_is_told_as_a_cut(tmp_path: Path, whole: bytes, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    ends = [len(b"".join(pieces[: count + 1])) for count in range(len(pieces))]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < ends[0]:
            with pytest.raises(Truncated):
                SealedReader(path)
            continue
        kept = sum(end <= size for end in ends) - 1
        with SealedReader(path) as reader:
            with pytest.raises(Truncated):
                reader.verify(KEY)
            opened = reader.open(KEY, allow_interrupted=True)
            assert list(opened) == CHUNKS[:kept]
            assert (opened.interrupted, opened.trailer) == (True, None)
            assert (found := reader.scan()).size_valid == ends[kept]
            assert (found.chunks, found.complete) == (kept, False)


def test_a_tail_of_zeros_after_a_crash_is_a_cut(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    valid = b"".join(pieces[:3])
    path.write_bytes(valid + bytes(5000))
    assert (found := scan(path)).size_valid == len(valid)
    assert isinstance(found.fault, Truncated)
    assert fault(path, valid + bytes(5000)) is Truncated
    assert fault(path, valid + bytes(5000) + b"x") is ChunkDamaged


@pytest.mark.deep
def test_every_single_flipped_bit_is_found(tmp_path: Path, whole: bytes, pieces: list[bytes]) -> None:
    """Every bit of the whole file: about ten thousand of them."""
    path = tmp_path / "a.dgr"
    start = len(pieces[0])
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            found = fault(path, bytes(data))
            if place < start:
                # A header that claims to be longer than the file is told as a cut.
                assert found is HeaderDamaged or (found is Truncated and 10 <= place < 14), (place, bit, found)
            else:
                assert found is ChunkDamaged, (place, bit, found)


def test_damage_is_not_taken_for_a_crash(tmp_path: Path, whole: bytes, pieces: list[bytes]) -> None:
    """Not even where an interrupted file may be read: only what is missing at the end is forgiven."""
    path = tmp_path / "a.dgr"
    for count in range(1, len(pieces)):
        data = bytearray(whole[:-1] if count < len(pieces) - 1 else whole)
        data[len(b"".join(pieces[:count])) + 40] ^= 1
        path.write_bytes(data)
        with SealedReader(path) as reader:
            opened = reader.open(KEY, allow_interrupted=True)
            with pytest.raises(ChunkDamaged):
                list(opened)
            assert list(opened) == []


def test_moved_repeated_and_missing_chunks_are_out_of_order(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    start, one, two, three, four, five, last = pieces
    for order in (
        (start, two, one, three, four, five, last),
        (start, one, one, two, three, four, five, last),
        (start, two, three, four, five, last),
        (start, one, two, three, four, last),
        (start, last),
        (start, last, one, two, three, four, five),
    ):
        assert fault(path, b"".join(order)) is ChunkOutOfOrder
    assert fault(path, b"".join((start, one, two, three, four, five))) is Truncated
    assert fault(path, b"".join((*pieces, last))) is TrailingData
    assert fault(path, b"".join((*pieces, b"\x00"))) is TrailingData


def test_chunks_of_another_file_are_spliced_even_under_the_same_key(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    other = split(sealed(tmp_path / "other.dgr", KEY, CHUNKS).read_bytes())
    for place in range(1, len(pieces)):
        mixed = [*pieces[:place], other[place], *pieces[place + 1 :]]
        assert fault(path, b"".join(mixed)) is ChunkSpliced
    assert fault(path, b"".join([other[0], *pieces[1:]])) is ChunkSpliced
    assert fault(path, b"".join([*pieces[:3], *other[3:]])) is ChunkSpliced


def test_a_forger_who_mends_every_checksum_is_caught_by_the_cipher(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "a.dgr"
    other = split(sealed(tmp_path / "other.dgr", KEY, CHUNKS).read_bytes())
    tag = pieces[1][9:25]

    def mended(chunk: bytes, number: int, *, last: bool = False) -> bytes:
        body = chunk[:4] + number.to_bytes(4, "big") + bytes([last]) + tag
        return body + zlib.crc32(body).to_bytes(4, "big") + chunk[29:]

    start, one, two, *rest = pieces
    assert fault(path, b"".join([start, mended(two, 1), mended(one, 2), *rest])) is ChunkDamaged
    assert fault(path, b"".join([start, mended(other[1], 1), two, *rest])) is ChunkDamaged
    assert fault(path, b"".join([start, one, mended(two, 2, last=True)])) is ChunkDamaged
    assert fault(path, b"".join([start, one, mended(pieces[-1], 2)])) is ChunkDamaged
    assert fault(path, b"".join([start, one, mended(pieces[-1], 2, last=True)])) is ChunkDamaged


def test_a_forged_header_with_its_digest_is_caught_by_the_proof(
    tmp_path: Path, whole: bytes, pieces: list[bytes]
) -> None:
    path = tmp_path / "a.dgr"
    header = pieces[0][62:-48].replace(b"rec-1", b"rec-2")
    start = pieces[0][:62] + header
    path.write_bytes(start + hashlib.sha256(start).digest() + pieces[0][-16:] + whole[len(pieces[0]) :])
    with SealedReader(path) as reader:
        assert reader.header["recording_id"] == "rec-2"
        with pytest.raises(HeaderDamaged):
            reader.open(KEY)


def test_a_wrong_key_is_told_from_damage(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.dgr"
    assert fault(path, whole, key=secrets.token_bytes(32)) is WrongKey
    assert fault(path, whole, key=KEY[:-1] + bytes([KEY[-1] ^ 1])) is WrongKey


def test_one_file_cannot_open_to_two_recordings(tmp_path: Path, whole: bytes, pieces: list[bytes]) -> None:
    """The check commits to the key: with another key's check the digest no longer fits the chunks."""
    other = secrets.token_bytes(32)
    salt, header = pieces[0][14:30], pieces[0][62:-48]
    start, _ = opening_bytes(header, salt, *file_keys(other, salt))
    assert fault(tmp_path / "a.dgr", start + whole[len(pieces[0]) :], key=other) is ChunkSpliced
    assert fault(tmp_path / "a.dgr", start + whole[len(pieces[0]) :]) is WrongKey


def test_a_newer_version_is_named(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "a.dgr").write_bytes(whole[:8] + (VERSION + 1).to_bytes(2, "big") + whole[10:])
    with pytest.raises(HeaderDamaged, match="is of version 2; this program knows version 1"):
        SealedReader(tmp_path / "a.dgr")


def test_a_header_length_is_bounded_before_it_is_believed(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "a.dgr").write_bytes(whole[:10] + b"\xff\xff\xff\xff" + whole[14:])
    with pytest.raises(HeaderDamaged, match="4294967295 bytes"):
        SealedReader(tmp_path / "a.dgr")


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_any_kind_is_accepted(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    """Bytes replaced, removed and put in, anywhere, several at a time: one of the faults, or the file is as it was."""
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed)))
        cut = data.draw(st.integers(0, 60))
        changed[place : place + cut] = data.draw(st.binary(max_size=60))
    found = fault(tmp_path / "a.dgr", bytes(changed))
    assert (found is None) == (bytes(changed) == whole)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=300), keep=st.booleans())
def test_any_bytes_at_all_are_an_error_and_not_a_crash(tmp_path: Path, whole: bytes, tail: bytes, keep: bool) -> None:
    assert fault(tmp_path / "a.dgr", (whole[: PREAMBLE.size] if keep else b"") + tail) is not None


def test_a_growing_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dgr"
    writer = SealedWriter(path, HEADER, KEY)
    for count, chunk in enumerate(CHUNKS):
        writer.write_chunk(chunk)
        with SealedReader(path) as reader:
            assert list(reader.open(KEY, allow_interrupted=True)) == CHUNKS[: count + 1]
    writer.close(TRAILER)
    with SealedReader(path) as reader:
        assert reader.verify(KEY) == len(CHUNKS)


def test_the_file_is_closed_with_the_last_use_of_what_was_opened(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.dgr"
    path.write_bytes(whole)
    before = open_files()
    opened = SealedReader(path).open(KEY)
    assert next(opened) == CHUNKS[0]
    assert list(opened) == CHUNKS[1:]
    assert open_files() == before
    reader = SealedReader(path)
    opened = reader.open(KEY)
    reader.close()
    reader.close()
    with pytest.raises(VaultError, match="is closed"):
        next(opened)


def test_chunk_sizes_of_real_calls(tmp_path: Path) -> None:
    generator = random.Random(7)
    chunks = [generator.randbytes(generator.choice((0, 1, 20_000, 300_000))) for _ in range(20)]
    path = sealed(tmp_path / "a.dgr", KEY, chunks)
    with SealedReader(path) as reader:
        assert list(reader.open(KEY)) == chunks
