"""Files that are handed over as registers and are something else: each safe, each named for what it is."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gate.errors import RegisterError
from gate.registers import packing
from gate.registers.importer import import_file
from gate.registers.library import RegisterLibrary
from gate.registers.packing import guess_as_of
from tests.support.registers import NOW, TODAY, put, record, write

CODE = "0330000"
"""A dialling code so small that a live gate wants 33 numbers of it."""
NUMBERS = [f"{CODE}{number:04d}" for number in range(100)]
PLAIN = "".join(map(record, NUMBERS)).encode()
MEMBER = (2026, 2, 3, 4, 5, 6)


def zipped(*files: bytes, name: str = "tps_ns{}.txt") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(files):
            archive.writestr(zipfile.ZipInfo(name.format(number), MEMBER), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def lines(*texts: str) -> bytes:
    return "".join(text + "\r\n" for text in texts).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TPS in force, and the CTPS of other numbers; a live gate's."""
    folder = tmp_path_factory.mktemp("odd") / "r"
    for name, first in (("tps", 0), ("ctps", 9000)):
        put(folder, name, [f"{CODE}{number:04d}" for number in range(first, first + 100)], coverage=(CODE,))
    return folder


def in_force(folder: Path) -> list[str]:
    return [each.sha256 for each in RegisterLibrary(folder).status(TODAY)]


def importing(folder: Path, source: Path, *, name: str = "tps", as_of: date = TODAY) -> int:
    coverage = (CODE,)
    return import_file(folder, name, source, as_of=as_of, now=NOW, coverage=coverage, live=True).count


ODD: dict[str, tuple[bytes, str]] = {
    "utf16 with a mark": (PLAIN.decode().encode("utf-16"), "it is UTF-16 text: save it as plain text"),
    "utf16 without one": (PLAIN.decode().encode("utf-16-le"), "it is UTF-16 text"),
    "utf16 big-endian": (PLAIN.decode().encode("utf-16-be"), "it is UTF-16 text"),
    "zip of two": (zipped(PLAIN, PLAIN), "it is a zip of 2 files, and one list is wanted"),
    "zip of none": (zipped(), "it is a zip of 0 files"),
    "zip cut off": (zipped(PLAIN)[:-30], "it is a damaged zip, or cut off"),
    "gzip cut off": (gzip.compress(PLAIN)[:-30], "it is a damaged archive, or cut off"),
    "gzip of gzip": (gzip.compress(gzip.compress(PLAIN)), "the file in the archive is packed again"),
    "gzip of UTF-16": (gzip.compress(PLAIN.decode().encode("utf-16")), "the file in the archive is UTF-16 text"),
    "gzip of nothing": (gzip.compress(b""), "the file in the archive is empty"),
    "workbook": (zipped(b"<x/>", name="[Content_Types].xml"), "it is an Excel workbook (.xlsx)"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "it is an Excel workbook (.xls)"),
    "web page": (b"<html><body>Please sign in</body></html>\n", "it is a web page or XML: did the download fail?"),
    "CSV": (lines(*(f"{number},01" for number in NUMBERS)), "holds ',', which is neither a digit nor a space: is it a"),
    "tabs": (lines(*(f"{number}\t1" for number in NUMBERS)), "is it a table (CSV)?"),
    "heading": (lines("Number", *NUMBERS), "1 line holds no number, more than 0.1 % of 101: line 1 holds 'N'"),
    "trailer": (lines(*NUMBERS, "100 records"), "line 101 holds 'r'"),
    "+44": (lines(*("+44" + number[1:] for number in NUMBERS)), "a register's numbers begin with 0, not with +44"),
    "eaten zero": (lines(*(number[1:] for number in NUMBERS)), "does not start with 0: a spreadsheet has eaten it"),
    "floats": (lines(*(f"4.4330000{number}E+11" for number in range(100))), "has a spreadsheet made a sum of it?"),
    "empty": (b"", "it is empty"),
    "cut in a record": (PLAIN[:-5], "has no line end: the file was cut in the middle of a record"),
    "one long line": (PLAIN + b"0" * (10 << 20) + b"\n", "is longer than 4,096 bytes"),
    "tiny": (lines(NUMBERS[0]), "would shrink from 100 to 1 number,"),
    "wrong register": (lines(*(f"{CODE}{number:04d}" for number in range(9000, 9100))), "those of the CTPS in force"),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_refused_for_what_it_is(folder: Path, tmp_path: Path, what: str) -> None:
    content, why = ODD[what]
    source = tmp_path / "tps_ns.txt"
    source.write_bytes(content)
    before = in_force(folder)
    with pytest.raises(RegisterError) as refused:
        import_file(
            folder, "tps", source, as_of=TODAY, now=NOW, coverage=(CODE,), live=True, accept_shrink=what != "tiny"
        )
    assert why in refused.value.message
    assert NUMBERS[0] not in refused.value.message
    assert in_force(folder) == before


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    source = tmp_path / "tps_ns.txt"
    source.write_bytes(b"\xef\xbb\xbf" + PLAIN)
    assert importing(tmp_path / "r", source) == 100


@pytest.mark.parametrize("pack", [gzip.compress, zipped], ids=["gzip", "zip"])
def test_one_list_in_an_archive_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    source = tmp_path / "tps_ns.txt.packed"
    source.write_bytes(pack(PLAIN))
    plain = write(tmp_path / "tps_ns.txt", NUMBERS)
    reports = [
        import_file(tmp_path / "r", "tps", each, as_of=TODAY, now=NOW, coverage=(CODE,), live=True)
        for each in (source, plain)
    ]
    assert [each.count for each in reports] == [100, 100]
    assert reports[0].source_sha256 == reports[1].source_sha256


@pytest.mark.parametrize("pack", [gzip.compress, zipped], ids=["gzip", "zip"])
def test_an_archive_is_read_up_to_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    source = tmp_path / "tps_ns.txt.packed"
    source.write_bytes(pack(PLAIN))
    monkeypatch.setattr(packing, "MOST", len(PLAIN))
    assert importing(tmp_path / "r", source) == 100
    monkeypatch.setattr(packing, "MOST", len(PLAIN) - 1)
    with pytest.raises(RegisterError, match="it is an archive of more than 1,399 bytes"):
        importing(tmp_path / "r", source)


def test_a_zip_of_very_many_names_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "tps_ns.zip"
    source.write_bytes(zipped(*[b""] * 1500))
    with pytest.raises(RegisterError, match="it is a zip of very many files"):
        importing(tmp_path / "r", source)


def test_an_archive_does_not_make_its_list_newer(tmp_path: Path) -> None:
    source = tmp_path / "tps_ns.zip"
    source.write_bytes(zipped(PLAIN))
    assert guess_as_of(source, NOW) == date(*MEMBER[:3])
    made = datetime(2026, 2, 4, 12, tzinfo=UTC)
    source.write_bytes(gzip.compress(PLAIN, mtime=made.timestamp()))
    assert guess_as_of(source, NOW) == made.date()


def test_a_gigabyte_of_zeros_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "tps_ns.txt"
    with source.open("wb") as file:
        os.truncate(file.fileno(), 1 << 30)
    with pytest.raises(RegisterError, match="it is no text: it holds zero bytes"):
        importing(folder, source)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    os.mkfifo(path := tmp_path / "tps_ns.txt")
    yield path


def test_a_pipe_is_not_waited_for(folder: Path, fifo: Path) -> None:
    with pytest.raises(RegisterError, match="is a pipe, and no file"):
        importing(folder, fifo)


def test_a_device_is_not_read(folder: Path) -> None:
    with pytest.raises(RegisterError, match="/dev/zero is a device, and no file"):
        importing(folder, Path("/dev/zero"))


def test_a_list_from_the_future_is_refused(folder: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "tps_ns.txt", NUMBERS)
    with pytest.raises(RegisterError, match="lies in the future: today is 10 Feb 2026"):
        importing(folder, source, as_of=TODAY + timedelta(days=1))
