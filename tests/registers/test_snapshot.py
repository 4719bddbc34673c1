"""The snapshot file: its format as documented, look-ups, and that damage is never a wrong answer."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import RegisterError
from gate.registers.build import common, snapshot_keys, sorted_unique, write_snapshot
from gate.registers.snapshot import Metadata, Snapshot
from tests.support.examples import examples

METADATA = Metadata(
    "tps", date(2026, 2, 10), ("01632", "020"), "tps_ns.txt", "ab" * 32, datetime(2026, 2, 10, 12, tzinfo=UTC)
)
FULL_BLOCK = 442_079_400_000 >> 16 << 16


def _write(path: Path, keys: list[int]) -> str:
    with path.open("wb") as out:
        return write_snapshot(out, np.array(sorted(set(keys)), np.int64), METADATA)


KEY = st.one_of(
    st.integers(440_000_000_000, 449_999_999_999),
    st.integers(44_000_000_000, 44_999_999_999),
    st.integers(442_079_460_000, 442_079_460_999),
)


@pytest.mark.deep
@settings(max_examples=examples(120), deadline=None)
@given(st.sets(KEY, min_size=1, max_size=200), st.lists(KEY, max_size=50))
def test_it_holds_what_was_written_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, keys: set[int], others: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "property.snap"
    sha256 = _write(path, list(keys))
    snapshot = Snapshot(path)
    snapshot.verify(sha256)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(snapshot) == len(keys)
    assert snapshot.metadata == METADATA
    assert all(key in snapshot for key in keys)
    near = [key + step for key in keys for step in (-65536, -256, -1, 1, 256, 65536)]
    assert all((key in snapshot) == (key in keys) for key in [*near, *others, 0, -1, 1 << 70, 33123456789])
    assert snapshot_keys(snapshot).tolist() == sorted(keys)


@pytest.mark.parametrize("missing", [[], [0], [65535], [65280], [255, 256], list(range(65280, 65536))])
def test_a_block_may_be_full(tmp_path: Path, missing: list[int]) -> None:
    keys = sorted({FULL_BLOCK + low for low in range(65536)} - {FULL_BLOCK + low for low in missing})
    keys += [FULL_BLOCK + 3 * 65536, 44_163_296_020]
    _write(tmp_path / "t.snap", keys)
    snapshot = Snapshot(tmp_path / "t.snap")
    held = set(keys)
    assert all((key in snapshot) == (key in held) for key in range(FULL_BLOCK - 300, FULL_BLOCK + 65536 + 300))
    assert snapshot_keys(snapshot).tolist() == sorted(keys)


def test_the_format_is_the_documented_one(tmp_path: Path) -> None:
    """Read by hand, from the module's documentation alone."""
    keys = [44_163_296_020, 442_079_460_101, 442_079_460_102, 442_079_460_999, 442_079_999_999]
    path = tmp_path / "t.snap"
    _write(path, keys)
    data = path.read_bytes()
    assert data[:8] == b"DGREG01\n"
    u64 = struct.unpack("<11Q", data[40:128])
    size, count, first_0, blocks_0, first_1, blocks_1, metadata, index, digests, records, zero = u64
    assert (size, count, zero, records % 4096) == (len(data), 5, 0, 0)
    assert (first_0, blocks_0) == (442_079_460_101 // 65536, 442_079_999_999 // 65536 - 442_079_460_101 // 65536 + 1)
    assert (first_1, blocks_1) == (44_163_296_020 // 65536, 1)
    assert data[8:40] == hashlib.sha256(data[40:records]).digest()
    told = json.loads(data[128 : 128 + metadata])
    assert told == {
        "name": "tps", "as_of": "2026-02-10", "coverage": ["01632", "020"], "source_name": "tps_ns.txt",
        "source_sha256": "ab" * 32, "created": "2026-02-10T12:00:00Z",
    }  # fmt: skip
    found = []
    blocks = [*range(first_0, first_0 + blocks_0), first_1]
    for place, block in enumerate(blocks):
        start = records + 2 * struct.unpack_from("<I", data, index + 4 * place)[0]
        directory = struct.unpack_from("<257H", data, start)
        held = directory[256]
        record = data[start : start + 514 + held + held % 2]
        assert data[digests + 8 * place : digests + 8 * place + 8] == hashlib.sha256(record).digest()[:8]
        found += [
            block * 65536 + page * 256 + record[514 + at]
            for page in range(256)
            for at in range(directory[page], directory[page + 1])
        ]
    assert sorted(found) == keys
    assert not any(data[digests + 8 * len(blocks) : records])


@pytest.mark.deep
def test_any_byte_flipped_is_found_or_makes_no_difference(tmp_path: Path) -> None:
    """Without the SHA-256 of the whole: what a reader verifies by itself must already rule out a wrong answer."""
    draw = random.Random(3)
    keys = [441_632_960_000 + draw.randrange(1000) for _ in range(60)] + [44_163_296_020]
    keys += [441_632_960_202 + 65536, 441_632_960_202 + 4 * 65536]
    path = tmp_path / "t.snap"
    _write(path, keys)
    held = set(keys)
    asked = [*held, *(key + 1 for key in held), *(key + 256 for key in held), 441_632_960_202 + 3 * 65536]
    good = path.read_bytes()
    refused = damaged = 0
    for at in range(len(good)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            snapshot = Snapshot(path)
        except RegisterError:
            refused += 1
            continue
        for key in asked:
            try:
                assert (key in snapshot) == (key in held), f"wrong answer with byte {at} flipped"
            except RegisterError:
                damaged += 1
    assert refused == struct.unpack_from("<Q", good, 112)[0]  # all in front of the records, on opening
    assert damaged > len(good) - refused


@pytest.mark.parametrize("size", [0, 1, 7, 8, 39, 127, 128, 2000, 4095, 4096, 4097])
def test_a_cut_file_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.snap"
    _write(path, [442_079_460_101])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RegisterError):
        Snapshot(path)


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.snap"
    _write(path, [442_079_460_101])
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(RegisterError, match="bytes and not the"):
        Snapshot(path)


def test_rubbish_with_the_right_beginning_is_refused(tmp_path: Path) -> None:
    """Header and digest agree, and yet nothing makes sense: an error, and no other exception."""
    draw = random.Random(4)
    path = tmp_path / "t.snap"
    _write(path, [442_079_460_101, 44_163_296_020])
    good = path.read_bytes()
    outcomes = set()
    for _ in range(400):
        data = bytearray(good)
        field = 48 + 8 * draw.randrange(10)
        data[field : field + 8] = struct.pack("<Q", draw.choice([0, 1, 7, 128, 4096, 1 << 20, (1 << 64) - 1]))
        records = min(struct.unpack_from("<Q", data, 112)[0], len(data))
        data[8:40] = hashlib.sha256(data[40:records]).digest()
        path.write_bytes(data)
        try:
            snapshot = Snapshot(path)
            for key in (442_079_460_101, 44_163_296_020, 442_079_460_102):
                outcomes.add(key in snapshot)
        except RegisterError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_sorting_counts_duplicates() -> None:
    keys, duplicates = sorted_unique(np.array([5, 3, 5, 1, 3, 5], np.int64))
    assert (keys.tolist(), duplicates) == ([1, 3, 5], 3)
    keys, duplicates = sorted_unique(np.array([2, 1], np.int64))
    assert (keys.tolist(), duplicates) == ([1, 2], 0)


@settings(max_examples=examples(100), deadline=None)
@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_common_counts_what_both_hold(old: set[int], new: set[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gate.registers.build._COMPARED_AT_ONCE", 7)
        assert common(np.array(sorted(old), np.int64), np.array(sorted(new), np.int64)) == len(old & new)


def test_the_writer_tells_the_digest_of_what_it_wrote() -> None:
    out = io.BytesIO()
    assert write_snapshot(out, np.array([442_079_460_101]), METADATA) == hashlib.sha256(out.getvalue()).hexdigest()
