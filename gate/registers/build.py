"""Makes snapshots: sorts the numbers of a file, compares them with those in force, and writes them down.

Everything works on whole arrays of 64-bit integers: 18 million numbers are 144 MB, and no step needs more than a few
such arrays at once.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import BinaryIO

import msgspec
import numpy as np

from gate.registers.lines import Keys
from gate.registers.snapshot import (
    BLOCK_BITS,
    BLOCK_DIGEST,
    DIGEST_FROM,
    HEADER,
    LOW_BITS,
    MAGIC,
    PAGE,
    Metadata,
    Snapshot,
    block_digest,
)

_BAND_0_FROM = 100_000_000_000
"""Numbers from here on have ten digits behind the 44, those below nine."""

_COMPARED_AT_ONCE = 262_144
_WRITTEN_AT_ONCE = 1 << 22


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
    starts = np.frombuffer(snapshot.starts(), "<u4").astype(np.int64)
    (first_0, blocks_0), (first_1, blocks_1) = snapshot.bands
    blocks = np.concatenate([np.arange(first_0, first_0 + blocks_0), np.arange(first_1, first_1 + blocks_1)])
    keys = np.repeat(blocks.astype(np.int64) << BLOCK_BITS, np.diff(starts))
    keys += np.frombuffer(snapshot.lows(), "<u2")
    in_band_0 = int(starts[blocks_0])
    return np.concatenate([keys[in_band_0:], keys[:in_band_0]]) if blocks_1 else keys


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
    bands = (_band(keys[split:]), _band(keys[:split]))
    keys_by_band = (keys[split:], keys[:split])
    lows = np.concatenate([(part & LOW_BITS).astype("<u2") for part in keys_by_band])
    starts = _starts(keys_by_band, bands)
    digests = _digests(lows, starts)

    text = msgspec.json.encode(metadata)
    index_at = _aligned(HEADER.size + len(text), 8)
    digests_at = index_at + 4 * starts.size
    numbers_at = _aligned(digests_at + len(digests), PAGE)
    size = numbers_at + lows.nbytes
    offsets = (len(text), index_at, digests_at, numbers_at, 0)
    front = bytearray(numbers_at)
    HEADER.pack_into(front, 0, MAGIC, bytes(32), size, keys.size, *bands[0], *bands[1], *offsets)
    front[HEADER.size : HEADER.size + len(text)] = text
    front[index_at:digests_at] = starts.astype("<u4").tobytes()
    front[digests_at : digests_at + len(digests)] = digests
    front[len(MAGIC) : DIGEST_FROM] = hashlib.sha256(memoryview(front)[DIGEST_FROM:]).digest()

    whole = hashlib.sha256(front)
    out.write(front)
    data = lows.data.cast("B")
    for at in range(0, len(data), _WRITTEN_AT_ONCE):
        part = data[at : at + _WRITTEN_AT_ONCE]
        whole.update(part)
        out.write(part)
    return whole.hexdigest()


def _band(keys: Keys) -> tuple[int, int]:
    """(first block, blocks) of a band."""
    if not keys.size:
        return 0, 0
    first, last = int(keys[0]) >> BLOCK_BITS, int(keys[-1]) >> BLOCK_BITS
    return first, last - first + 1


def _starts(keys_by_band: tuple[Keys, Keys], bands: tuple[tuple[int, int], tuple[int, int]]) -> Keys:
    """The index: for every block how many numbers lie before it, and the count."""
    parts, before = [], 0
    for keys, (first, blocks) in zip(keys_by_band, bands, strict=True):
        block_begins = np.arange(first, first + blocks, dtype=np.int64) << BLOCK_BITS
        parts.append(np.searchsorted(keys, block_begins).astype(np.int64) + before)
        before += keys.size
    return np.concatenate([*parts, np.array([before], np.int64)])


def _digests(lows: np.ndarray[tuple[int], np.dtype[np.uint16]], starts: Keys) -> bytes:
    """The digests of all blocks, one after the other."""
    data = lows.data.cast("B")
    nothing = block_digest(b"")
    bounds = (starts * 2).tolist()
    digests = [nothing if start == end else block_digest(data[start:end]) for start, end in pairwise(bounds)]
    joined = b"".join(digests)
    if len(joined) != BLOCK_DIGEST * len(digests):
        raise AssertionError("block digests of another size")
    return joined


def _aligned(offset: int, to: int) -> int:
    return -(-offset // to) * to
