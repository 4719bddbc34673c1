"""A tar of which every byte is determined: POSIX ustar, plain files, owner 0, time 0, mode 0644, zeros for padding, two
blocks of zeros at the end and nothing after them.

Standard tools list and unpack it. The reader makes each header again from name and size and compares, and looks that
padding is zeros: no byte can be changed and mean the same.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from gate.exports.bundle import BundleError, Member

BLOCK: Final = 512
COPY: Final = 1 << 20
MAX_MEMBER: Final = 8 << 30
"""Bytes that a ustar header can name (eleven octal digits); exclusive."""
END: Final = bytes(2 * BLOCK)


def header(name: str, size: int) -> bytes:
    """The one header there can be. Raises ``BundleError`` for a name or size that it cannot hold."""
    if size >= MAX_MEMBER:
        raise BundleError(
            f"{name} has {size} bytes, more than a bundle can hold in one file", hint="shorten the period"
        )
    entry = tarfile.TarInfo(name)
    entry.size = size
    try:
        return entry.tobuf(format=tarfile.USTAR_FORMAT, encoding="ascii", errors="strict")
    except ValueError as error:
        raise BundleError(f"{name[:100]!r} cannot be the name of a member") from error


class TarWriter:
    """Members one after the other into a seekable file; ``members`` lists them with size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[CountedFile]:
        """A member of a size not known yet: its header is written when the block has ended."""
        start = self._file.tell()
        self._file.write(bytes(BLOCK))
        writer = CountedFile(self._file)
        yield writer
        self._file.write(bytes(-writer.size % BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(header(name, writer.size))
        self._file.seek(end)
        self.members.append(Member(name, writer.size, writer.digest.hexdigest()))

    def add(self, name: str, data: bytes) -> None:
        """A small member."""
        with self.member(name) as member:
            member.write(data)

    def turn_to(self, file: BinaryIO) -> None:
        """The members that follow go into another file: the two, one after the other, are parts of the tar."""
        self._file = file

    def elsewhere(self, name: str, size: int, sha256: str) -> None:
        """A member that somebody else will put between two parts."""
        header(name, size)
        self.members.append(Member(name, size, sha256))

    def finish(self) -> None:
        """The end of the tar."""
        self._file.write(END)


class CountedFile:
    """A file, counted and digested as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def copy(self, source: BinaryIO) -> None:
        """Append a whole file."""
        while block := source.read(COPY):
            self.write(block)


class Entry:
    """Where a member lies in the tar."""

    def __init__(self, file: BinaryIO, name: str, start: int, size: int) -> None:
        self._file = file
        self.name = name
        self.start = start
        self.size = size

    def read(self, limit: int) -> bytes:
        """All of it. Raises ``BundleError`` where it has more than ``limit`` bytes."""
        if self.size > limit:
            raise BundleError(f"{self.name} has {self.size} bytes, more than such a file can have")
        self._file.seek(self.start)
        return self._exactly(self.size)

    def blocks(self) -> Iterator[bytes]:
        """All of it, in pieces of a mebibyte; other members may be read in between."""
        done = 0
        while done < self.size:
            self._file.seek(self.start + done)
            block = self._exactly(min(COPY, self.size - done))
            done += len(block)
            yield block

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise BundleError(f"the bundle ends in the middle of {self.name}")
        return data


def entries(file: BinaryIO) -> list[Entry]:
    """The members of a tar that ``TarWriter`` has made; their contents are not looked at, all else is.

    Raises ``BundleError`` for any byte that the writer does not write there.
    """
    end = file.seek(0, os.SEEK_END)
    found: list[Entry] = []
    names: set[str] = set()
    place = 0
    while True:
        file.seek(place)
        head = file.read(BLOCK)
        if len(head) < BLOCK:
            raise BundleError("the bundle is cut off: it has no end mark")
        if head == END[:BLOCK]:
            break
        entry = _entry(file, head, place)
        after = entry.start + entry.size + (-entry.size % BLOCK)
        if after > end:
            raise BundleError(f"the bundle ends in the middle of {entry.name}")
        file.seek(entry.start + entry.size)
        if any(file.read(after - entry.start - entry.size)):
            raise BundleError(f"the padding after {entry.name} was changed")
        if entry.name in names:
            raise BundleError(f"{entry.name} is in the bundle twice")
        names.add(entry.name)
        found.append(entry)
        place = after
    file.seek(place)
    if file.read(len(END) + 1) != END:
        raise BundleError("the end of the bundle was changed: there is more, or less, than its end mark")
    return found


def _entry(file: BinaryIO, head: bytes, place: int) -> Entry:
    try:
        name = head[:100].rstrip(b"\0").decode("ascii")
        size = int(head[124:135], 8)
    except ValueError as error:
        raise BundleError(f"not a bundle: no header of a member at byte {place}") from error
    if not 0 <= size < MAX_MEMBER or not name or header(name, size) != head:
        raise BundleError(f"not a bundle, or changed: the header of a member at byte {place} is not what it must be")
    return Entry(file, name, place + BLOCK, size)
