"""Makes snapshots: sorts the numbers of a file, compares them with those in force, and writes them down.

Everything works on whole arrays of 64-bit integers: 18 million numbers are 144 MB, and no step needs more than a few
such arrays at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import numpy as np

from gate.registers.snapshot import (
    ALIGNED,
    BLOCK_BITS,
    BLOCK_SIZE,
    DIGEST,
    DIGEST_FROM,
    DIRECTORY,
    HEADER,
    MAGIC,
    PAGES,
    Metadata,
    Snapshot,
    record_digest,
)
from gate.registers.source import Keys

_BAND_0_FROM = 100_000_000_000
"""Numbers from here on have ten digits behind the 44, those below nine."""

_COMPARED_AT_ONCE = 262_144
_BLOCKS_AT_ONCE = 1024


def sorted_unique(keys: Keys) -> tuple[Keys, int]:
    """The numbers in rising order, each once, and how many were there more than once. Sorts ``keys`` in place.

    ``np.unique`` is many times slower than a sort and a comparison of neighbours.
    """
    keys.sort()
    first = np.empty(keys.size, np.bool_)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    unique = int(np.count_nonzero(first))
    return (keys if unique == keys.size else keys[first]), keys.size - unique


def snapshot_keys(snapshot: Snapshot) -> Keys:
    """All numbers of a snapshot in rising order. Not verified: call ``Snapshot.verify`` first."""
    (first_0, blocks_0), (first_1, blocks_1) = snapshot.bands
    nine = _read_band(snapshot, range(blocks_0, blocks_0 + blocks_1), first_1 - blocks_0)
    ten = _read_band(snapshot, range(blocks_0), first_0)
    return np.concatenate([np.empty(0, np.int64), *nine, *ten])


def _read_band(snapshot: Snapshot, places: range, offset: int) -> list[Keys]:
    """The numbers of a band whose blocks have these places in the index, and those plus ``offset`` as block numbers."""
    full = [place for place in places if not snapshot.is_empty(place)]
    return [
        _read_records(
            [snapshot.record(place) for place in full[at : at + _BLOCKS_AT_ONCE]],
            np.array(full[at : at + _BLOCKS_AT_ONCE], np.int64) + offset,
        )
        for at in range(0, len(full), _BLOCKS_AT_ONCE)
    ]


def _read_records(records: list[memoryview], blocks: Keys) -> Keys:
    """The numbers in the records of these blocks."""
    directory = np.frombuffer(b"".join([record[:DIRECTORY] for record in records]), "<u2")
    ends = directory.reshape(-1, PAGES + 1).astype(np.int32)
    ends[ends[:, PAGES] == 0, PAGES] = BLOCK_SIZE
    low = b"".join(
        [rec[DIRECTORY : DIRECTORY + held] for rec, held in zip(records, ends[:, PAGES].tolist(), strict=True)]
    )
    pages = (blocks[:, None] << BLOCK_BITS) + np.arange(0, BLOCK_SIZE, PAGES)
    keys = np.repeat(pages.ravel(), np.diff(ends).ravel())
    keys += np.frombuffer(low, np.uint8)
    return keys


def common(old: Keys, new: Keys) -> int:
    """How many numbers two arrays, rising and without duplicates, share; in pieces that fit the cache."""
    shared = 0
    for at in range(0, new.size, _COMPARED_AT_ONCE):
        piece = new[at : at + _COMPARED_AT_ONCE]
        low, high = np.searchsorted(old, [piece[0], piece[-1] + 1])
        both = np.concatenate([piece, old[low:high]])
        both.sort()
        shared += int(np.count_nonzero(both[1:] == both[:-1]))
    return shared


def write_snapshot(out: BinaryIO, keys: Keys, metadata: Metadata) -> str:
    """Write the snapshot of ``keys`` (rising, without duplicates, not empty) and return the SHA-256 of what was
    written. ``OSError`` where it could not be."""
    split = int(np.searchsorted(keys, _BAND_0_FROM))
    records = [bytes(DIRECTORY)]
    index: list[int] = []
    digests: list[bytes] = []
    bands = tuple(_add_band(band, records, index, digests) for band in (keys[split:], keys[:split]))

    text = msgspec.json.encode(metadata)
    index_at = _aligned(HEADER.size + len(text), 8)
    digests_at = index_at + 4 * len(index)
    records_at = _aligned(digests_at + DIGEST * len(digests), ALIGNED)
    size = records_at + sum(map(len, records))
    offsets = (len(text), index_at, digests_at, records_at, 0)
    front = bytearray(records_at)
    HEADER.pack_into(front, 0, MAGIC, bytes(32), size, keys.size, *bands[0], *bands[1], *offsets)
    front[HEADER.size : HEADER.size + len(text)] = text
    front[index_at:digests_at] = np.array(index, "<u4").tobytes()
    front[digests_at : digests_at + DIGEST * len(digests)] = b"".join(digests)
    front[len(MAGIC) : DIGEST_FROM] = hashlib.sha256(memoryview(front)[DIGEST_FROM:]).digest()

    whole = hashlib.sha256()
    for part in (bytes(front), *records):
        whole.update(part)
        out.write(part)
    return whole.hexdigest()


def _add_band(keys: Keys, records: list[bytes], index: list[int], digests: list[bytes]) -> tuple[int, int]:
    """Append the records of a band, and where they are and their digests; returns (first block, blocks)."""
    if not keys.size:
        return 0, 0
    first, last = int(keys[0]) >> BLOCK_BITS, int(keys[-1]) >> BLOCK_BITS
    starts = np.searchsorted(keys, np.arange(first, last + 2, dtype=np.int64) << BLOCK_BITS)
    held = np.diff(starts)
    full = _records(keys, held[held > 0])
    end = sum(map(len, records))
    nothing = record_digest(records[0])
    for count in held.tolist():
        if count:
            record = next(full)
            index.append(end // 2)
            digests.append(record_digest(record))
            records.append(record)
            end += len(record)
        else:
            index.append(0)
            digests.append(nothing)
    return first, last - first + 1


def _records(keys: Keys, held: Keys) -> Iterator[bytes]:
    """The records of the blocks of ``keys``, which hold so many each and at least one."""
    start = 0
    for at in range(0, held.size, _BLOCKS_AT_ONCE):
        counts = held[at : at + _BLOCKS_AT_ONCE]
        part = keys[start : start + int(counts.sum())]
        start += part.size
        places = np.repeat(np.arange(0, counts.size * PAGES, PAGES, dtype=np.int64), counts)
        places += part // PAGES % PAGES
        ends = np.zeros((counts.size, PAGES + 1), np.int64)
        np.cumsum(np.bincount(places, minlength=counts.size * PAGES).reshape(-1, PAGES), axis=1, out=ends[:, 1:])
        directory = (ends % BLOCK_SIZE).astype("<u2").tobytes()
        low = (part % PAGES).astype(np.uint8).tobytes()
        begin = 0
        for place, count in enumerate(counts.tolist()):
            pages = directory[DIRECTORY * place : DIRECTORY * (place + 1)]
            yield pages + low[begin : begin + count] + bytes(count % 2)
            begin += count


def _aligned(offset: int, to: int) -> int:
    return -(-offset // to) * to
