"""A register as of a day: one immutable file, mapped into memory by every process that screens.

Format, version 1 (little-endian throughout; offsets and sizes in bytes)
========================================================================

A number is the integer of its E.164 digits, ``442079460000``. Numbers that share all but their lowest 16 bits form a
*block*: block ``b`` holds those from ``b * 65536`` on. Within a block, numbers that share all but their lowest 8 bits
form a *page*. The blocks lie in two *bands*, each a run of consecutive blocks: one for numbers with ten digits behind
the 44, one for those with nine.

=======  ====  =============================================================================================
offset   size  content
=======  ====  =============================================================================================
0        8     magic, ``DGREG01`` and LF
8        32    SHA-256 of the bytes from 40 up to where the records begin
40       8     size of the whole file
48       8     *count*: how many numbers it holds
56       8     first block of band 0 (ten digits)
64       8     how many blocks band 0 has
72       8     first block of band 1 (nine digits)
80       8     how many blocks band 1 has
88       8     size of the metadata
96       8     offset of the index
104      8     offset of the block digests
112      8     offset of the records, a multiple of 4096
120      8     zero
128      …     metadata: a JSON object (UTF-8): ``name``, ``as_of``, ``coverage``, ``source_name``, ``source_sha256``,
               ``created``, ``asked`` (of a provider's answers); then zeros up to a multiple of 8
index    4 ×   for every block of band 0 and then of band 1: where its record begins, as the distance from the first
               record in units of 2
digests  8 ×   for every block in the same order: the first 8 bytes of the SHA-256 of its record; then zeros up to the
               records
records  …     first the record that all empty blocks share, then one for every other block in order; to the file's end
=======  ====  =============================================================================================

A record:

=======  ====  =============================================================================================
0        514   directory, 257 × 2: for every page how many of the block's numbers lie in the pages before it, and how
               many it holds in all (a full block's 65,536 does not fit and is written as 0)
514      …     the lowest 8 bits of every number of the block, rising within a page; then a zero if their count is odd
=======  ====  =============================================================================================

A look-up is one step into the index, two into the directory, and a search for one byte in at most 256: it takes the
same time at one million numbers and at fifty.

What is verified, and when
==========================

The identity of a snapshot, kept with every decision made on it, is the SHA-256 of the whole file, as ``sha256sum``
prints it. The process that puts a snapshot in force verifies it by reading the file back.

A reader verifies everything in front of the records on opening (about 2 MB), and a block on its first look-up in it.
So a byte changed anywhere, by a failing disk say, is found before an answer rests on it: the answer is an error and
never a wrong "not listed". Opening costs the same at a million numbers and at fifty. ``verify`` reads all of it.

A file must never be changed or cut in place while it is mapped (the system would end the process); imports write a new
file, and deleting an old one is harmless to those who still have it open.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import msgspec

from gate.converting import decode
from gate.core.terms import many
from gate.errors import RegisterError

MAGIC = b"DGREG01\n"
HEADER = struct.Struct("<8s32s11Q")
"""The first 128 bytes, in the order of the table above."""
DIGEST_FROM = 40
"""Where the part begins that the digest in the header speaks of."""
BLOCK_BITS = 16
BLOCK_SIZE = 1 << BLOCK_BITS
PAGES = 256
DIRECTORY = 2 * (PAGES + 1)
"""Bytes of a record's directory."""
DIGEST = 8
ALIGNED = 4096


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What a provider was asked in one run (``gate.registers.provider``)."""

    provider: str
    references: tuple[str, ...]
    """The provider's own, of each of its answers; empty where it gives none."""
    at: datetime
    """When the first of them came."""
    as_of: date
    """The earliest day that they speak of."""
    sha256: tuple[str, ...]
    """SHA-256 of each answer's bytes."""
    numbers: tuple[int, ...]
    """Which were asked, as integers of their E.164 digits, rising."""


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a snapshot is of."""

    name: str
    """``tps`` or ``ctps``."""
    as_of: date
    """The day whose state of the register it holds."""
    coverage: tuple[str, ...]
    """``("full",)``, or the dialling codes that the licence covers in national form: ``("020", "01632")``."""
    source_name: str
    source_sha256: str
    """SHA-256 of the licensee's file."""
    created: datetime
    implausible: str = ""
    """What a live gate found odd about it (``gate.registers.coverage``), in words that follow "although "."""
    accepted: str = ""
    """Why the operator took it all the same."""
    asked: tuple[Asked, ...] = ()
    """It is made of a provider's answers, and speaks of these numbers alone; its ``coverage`` is ``("asked",)``. Each
    number is in one of them."""


def record_digest(record: bytes | memoryview) -> bytes:
    """The digest of one block's record."""
    return hashlib.sha256(record).digest()[:DIGEST]


class Snapshot:
    """An open snapshot. ``number in snapshot`` asks it; a number is the integer of its E.164 digits.

    Safe to read from several threads. Raises ``RegisterError`` on opening and from a look-up where the file is damaged.
    """

    __slots__ = (
        "_at", "_blocks", "_bytes", "_checked", "_digests", "_first", "_index", "_records", "_words",
        "bands", "count", "metadata", "path", "size",
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = _map(path)
        header, whole = self._bytes[: HEADER.size], memoryview(self._bytes)
        if len(header) < HEADER.size or header[: len(MAGIC)] != MAGIC:
            raise self._damaged("it does not begin as a snapshot does")
        if sys.byteorder != "little":
            raise RegisterError("register snapshots can only be read on little-endian machines")
        _, digest, size, count, *bands, metadata, index, digests, records, _ = HEADER.unpack(header)
        if size != len(whole) or not HEADER.size <= records <= size:
            raise self._damaged(f"it holds {many(len(whole), 'byte')} and not the {size:,} that were written")
        if hashlib.sha256(whole[DIGEST_FROM:records]).digest() != digest:
            raise self._damaged("its header or its index was changed")
        blocks = bands[1] + bands[3]
        try:
            self.metadata = decode(whole[HEADER.size : HEADER.size + metadata], Metadata)
            self._index = whole[index : index + 4 * blocks].cast("I")
            self._words = whole[records:].cast("H")
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            raise self._damaged(f"its header makes no sense: {error}") from error
        self._digests = whole[digests : digests + DIGEST * blocks]
        if len(self._index) != blocks or len(self._digests) != DIGEST * blocks:
            raise self._damaged("its header makes no sense")
        self._records = whole[records:]
        self._at = records
        self.size: int = size
        self.count: int = count
        self.bands: tuple[tuple[int, int], ...] = ((bands[0], bands[1]), (bands[2], bands[3]))
        """(first block, blocks) of each band."""
        self._first, self._blocks = bands[0], bands[1]
        self._checked = bytearray(blocks)

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return True  # one without a number is a snapshot, too

    def __contains__(self, number: int) -> bool:
        block = (number >> BLOCK_BITS) - self._first
        if not 0 <= block < self._blocks:
            block = self._block_in_band_1(number)
            if block < 0:
                return False
        if not self._checked[block]:
            self._check(block)
        record = self._index[block]
        page = record + (number >> 8 & 0xFF)
        start, end = self._words[page], self._words[page + 1]
        if start >= end:
            if start == end:
                return False
            end = BLOCK_SIZE  # the last page of a full block
        low_bytes = self._at + 2 * record + DIRECTORY
        return (number & 0xFF) in self._bytes[low_bytes + start : low_bytes + end]

    def _block_in_band_1(self, number: int) -> int:
        first, blocks = self.bands[1]
        block = (number >> BLOCK_BITS) - first
        return self._blocks + block if 0 <= block < blocks else -1

    def _check(self, block: int) -> None:
        """Verify a block's record before the first answer from it."""
        if record_digest(self.record(block)) != self._digests[DIGEST * block : DIGEST * (block + 1)]:
            raise self._damaged("numbers in it were changed")
        self._checked[block] = 1

    def count_within(self, first: int, behind: int) -> int:
        """How many numbers from ``first`` on and below ``behind`` it holds. Reads directories alone, and does not
        verify them."""
        return sum(self._counts(first, behind))

    def holds_within(self, first: int, behind: int) -> bool:
        """True where ``count_within`` is not 0; ends at the first number."""
        return any(self._counts(first, behind))

    def _counts(self, first: int, behind: int) -> Iterator[int]:
        """The count of each block of a range that holds any number."""
        before = 0
        for first_block, blocks in self.bands:
            for block in range(
                max(first >> BLOCK_BITS, first_block), min(behind >> BLOCK_BITS, first_block + blocks - 1) + 1
            ):
                place = block - first_block + before
                if not self.is_empty(place):
                    start = block << BLOCK_BITS
                    yield self._below(place, behind - start) - self._below(place, first - start)
            before += blocks

    def _below(self, block: int, low: int) -> int:
        """How many numbers of a block that is not empty have lowest bits below ``low``."""
        record = self._index[block]
        if low <= 0:
            return 0
        if low >= BLOCK_SIZE:
            return self._words[record + PAGES] or BLOCK_SIZE
        start, end = self._words[record + (low >> 8)], self._words[record + (low >> 8) + 1]
        low_bytes = self._at + 2 * record + DIRECTORY
        page = self._bytes[low_bytes + start : low_bytes + (BLOCK_SIZE if start > end else end)]
        return start + bisect_left(page, low & 0xFF)

    def is_empty(self, block: int) -> bool:
        """True where the ``block``-th block of the index holds no number."""
        return self._index[block] == 0

    def record(self, block: int) -> memoryview:
        """The record of the ``block``-th block, as it is in the file; the same one for all empty blocks."""
        start = self._index[block]
        try:
            held = self._words[start + PAGES]
        except IndexError:
            raise self._damaged("its index makes no sense") from None
        if held == 0 and start > 0:
            held = BLOCK_SIZE
        return self._records[2 * start : 2 * start + DIRECTORY + held + held % 2]

    def sha256(self) -> str:
        """The SHA-256 of the whole file, read now: its identity."""
        return hashlib.sha256(self._bytes).hexdigest()

    def verify(self, sha256: str) -> None:
        """Read the whole file; ``RegisterError`` where it is not the one with this SHA-256."""
        if self.sha256() != sha256:
            raise self._damaged("its SHA-256 is not the one it was put in force with")

    def _damaged(self, why: str) -> RegisterError:
        return RegisterError(
            f"the register snapshot {self.path} is damaged: {why}",
            hint="import the licensee's file again; calls that need this register are refused until then",
        )


def _map(path: Path) -> mmap.mmap:
    """The file mapped for reading; ``RegisterError`` where it cannot be."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise RegisterError(f"the register snapshot {path} cannot be read: {error}") from error
