"""What a handed-over file is by its first bytes, and the list inside where it is packed.

A licensee's list may come as gzip, or as a zip with one file in it: that one is read, up to ``MOST`` bytes. Everything
else that is no plain text is refused for what it is: a spreadsheet, UTF-16, an archive of many files, zeros. It is open
already, or named by a path.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
import zlib
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, Final

from gate.core.days import LONDON
from gate.core.terms import many
from gate.errors import RegisterError, UsageError
from gate.handed_over_file import HandedOverFile, open_file


def opened(source: HandedOverFile | Path) -> HandedOverFile:
    """The file, opened here where it was not handed over. Raises ``RegisterError``."""
    try:
        return source if isinstance(source, HandedOverFile) else open_file(source)
    except UsageError as error:
        raise RegisterError(error.message, hint=error.hint) from None


MOST: Final = 1 << 30
"""Bytes of an unpacked list: a register of 75 million numbers."""
LONGEST_LINE: Final = 4096
"""Bytes without a line end after which a file is not a register."""
_DATE_IN_NAME: Final = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
_HEAD: Final = LONGEST_LINE + 1

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_END: Final = struct.Struct("<12xI6x")
"""A zip's end: of its 22 bytes those that say how many bytes its names take."""
_NAMES_MOST: Final = 65_536
_MAC: Final = "__MACOSX/"
"""What a Mac adds to every zip."""
_NAMED: Final = {
    b"\xff\xfe": "UTF-16 text: save it as plain text (ASCII), a number a line",
    b"\xfe\xff": "UTF-16 text: save it as plain text (ASCII), a number a line",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls): export the list as plain text",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it",
    b"BZh": "a bzip2 file: unpack it",
    b"\xfd7zXZ": "an xz file: unpack it",
    b"(\xb5/\xfd": "a Zstandard file: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"-----BEGIN PGP": "an encrypted message (PGP): decrypt it",
    b"<": "a web page or XML: did the download fail?",
    b"{": "JSON: a register has a number a line",
}
"""First bytes -> what a file is that is no register; in words that follow "it is "."""


class ListFile:
    """The bytes of the list in a file, unpacked where it is packed."""

    def __init__(self, given: HandedOverFile, most: int | None = None) -> None:
        """Raises ``RegisterError`` where the file is no list, ``OSError`` where it cannot be read."""
        self._given = given
        self._left = MOST if most is None else most
        self._most = self._left
        self.packed = False
        self.day: date | None = None
        """The day that the archive gives its file; None where it gives none."""
        if given.size == 0:
            raise refused(given, "it is empty")
        with given.reader() as file:
            head = file.read(_HEAD)
        if head.startswith(_GZIP):
            self._open_gzip(head)
        elif head.startswith(_ZIP):
            self._open_zip()
        else:
            self._bytes: IO[bytes] = given.reader()
        self._begun = self._some(_HEAD) if self.packed else b""
        self._look(self._begun if self.packed else head)

    def __enter__(self) -> ListFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()

    @property
    def largest(self) -> int:
        """Bytes that ``read`` returns in all, at most."""
        return self._most if self.packed else self._given.size

    def read(self, size: int) -> bytes:
        """The next bytes, empty at the end. Raises ``RegisterError`` where an archive is damaged or too large."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        return self._some(size)

    def _some(self, size: int) -> bytes:
        if not self.packed:
            return self._bytes.read(size)
        try:
            found = self._bytes.read(min(size, self._left + 1))
        except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile):
            raise refused(self._given, "it is a damaged archive, or cut off") from None
        self._left -= len(found)
        if self._left < 0:
            raise refused(self._given, f"it is an archive of more than {self._most:,} bytes")
        return found

    def _open_gzip(self, head: bytes) -> None:
        self.packed = True
        self._day(int.from_bytes(head[4:8], "little"))
        self._bytes = io.BufferedReader(gzip.GzipFile(fileobj=self._given.reader()))

    def _open_zip(self) -> None:
        self.packed = True
        try:
            self._few_names()
            archive = zipfile.ZipFile(self._given.reader())
            files = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith(_MAC)]
            names = {each.filename for each in files}
            if "[Content_Types].xml" in names:
                raise refused(self._given, "it is an Excel workbook (.xlsx): export the list as plain text")
            if len(files) != 1:
                raise refused(self._given, f"it is a zip of {many(len(files), 'file')}, and one list is wanted")
            with suppress(ValueError):
                self.day = date(*files[0].date_time[:3])
            self._bytes = archive.open(files[0])
        except (zipfile.BadZipFile, EOFError):
            raise refused(self._given, "it is a damaged zip, or cut off") from None
        except (RuntimeError, NotImplementedError):
            raise refused(
                self._given, "it is a zip that is encrypted, or of a kind that is not read: unpack it"
            ) from None

    def _few_names(self) -> None:
        """The names in a zip are all read into memory: refuse one of very many before that."""
        with self._given.reader() as file:
            start = max(0, self._given.size - _ZIP_END.size - 65_535)
            file.seek(start)
            tail = file.read(self._given.size - start)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _ZIP_END.size:
            raise zipfile.BadZipFile
        (names,) = _ZIP_END.unpack_from(tail, at)
        if names > _NAMES_MOST or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
            raise refused(self._given, "it is a zip of very many files or of a kind that is not read: unpack it")

    def _day(self, seconds: int) -> None:
        if seconds:
            self.day = datetime.fromtimestamp(seconds, LONDON).date()

    def _look(self, head: bytes) -> None:
        """Refuse what is no text, by its name."""
        inside = "the file in the archive is" if self.packed else "it is"
        if self.packed and not head:
            raise refused(self._given, "the file in the archive is empty")
        for first, what in _NAMED.items():
            if head.startswith(first):
                raise refused(self._given, f"{inside} {what}")
        if self.packed and head.startswith((_GZIP, *_ZIP)):
            raise refused(self._given, f"{inside} packed again: unpack it")
        if head[257:262] == b"ustar":
            raise refused(self._given, f"{inside} a tar archive: unpack it")
        if len({half.count(0) * 2 > len(half) for half in (head[::2], head[1::2])}) == 2:
            raise refused(self._given, f"{inside} UTF-16 text: save it as plain text (ASCII), a number a line")
        if b"\0" in head:
            raise refused(self._given, f"{inside} no text: it holds zero bytes")
        if len(head) == _HEAD and b"\n" not in head:
            raise refused(self._given, f"line 1 is longer than {LONGEST_LINE:,} bytes")


def refused(given: HandedOverFile, why: str) -> RegisterError:
    """The error of a file that is no register."""
    return RegisterError(
        f"{given} is refused: {why}", hint="fetch the licensee's file again; the register in force stays"
    )


def guess_as_of(source: HandedOverFile | Path, now: datetime) -> date:
    """The day a file speaks of where nobody says: the earliest of a date in its name (``tps_ns_20260131.txt``,
    ``2026-01-31``), the day it was last written, and today. Too early refuses calls, too late would let them through.
    A packed file's own day counts too. ``RegisterError`` where there is no such file, or it is no list."""
    given = opened(source)
    with ListFile(given) as file:
        packed = file.day
    days = [now.astimezone(LONDON).date(), datetime.fromtimestamp(given.seen.st_mtime, LONDON).date()]
    for year, _, month, day in _DATE_IN_NAME.findall(given.name):
        with suppress(ValueError):
            days.append(date(int(year), int(month), int(day)))
    return min([*days, packed] if packed else days)
