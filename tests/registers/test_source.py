"""Whole register files: what is refused, and with which words."""

from __future__ import annotations

import hashlib
import os
import random
import re
from pathlib import Path

import pytest

from gate.errors import RegisterError
from gate.registers import source
from gate.registers.packing import opened
from gate.registers.source import read_source
from tests.data.registers.make import FILES, GOOD
from tests.support.registers import drama, record, write

DATA = Path(__file__).parents[1] / "data" / "registers"

FAULTS = {
    "empty.txt": "it is empty",
    "only_line_ends.txt": "3 lines hold no number, more than 0.1 % of 3: line 1 is empty; and 2 more",
    "cut_in_a_number.txt": "line 20, the last one, has no line end: the file was cut in the middle of a record",
    "cut_before_its_line_end.txt": "line 20, the last one, has no line end",
    "cut_between_cr_and_lf.txt": "line 20, the last one, has no line end",
    "cut_to_what_looks_like_a_shorter_number.txt": "line 20, the last one, has no line end",
    "letter_in_line_7.txt": "1 line holds no number, more than 0.1 % of 20: line 7 holds 'O'",
    "international_in_line_3.txt": "line 3 does not start with 0",
    "too_short_in_line_12.txt": "line 12 holds 9 digits where 10 or 11 are needed",
    "too_long_in_line_1.txt": "line 1 holds 12 digits where 10 or 11 are needed",
    "blank_line_5.txt": "line 5 holds only spaces",
    "tab_in_line_9.txt": "line 9 holds the byte 0x09",
    "header_line.txt": "line 1 holds 't'",
    "utf16.txt": "it is UTF-16 text",
    "old_mac_line_ends.txt": "line 1, the last one, has no line end",
    "zip_archive.txt": "it is a damaged zip, or cut off",
    "seven_bad_lines.txt": "line 4 holds 'b', which is neither a digit nor a space; and 6 more",
}


def _read(path: Path) -> source.RegisterFile:
    return read_source(opened(path), lambda _done, _stage: None)


def test_the_fixtures_are_what_their_generator_makes() -> None:
    assert {path.name: path.read_bytes() for path in DATA.glob("*.txt")} == FILES
    assert FAULTS.keys() == FILES.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_file_is_refused_by_line(name: str) -> None:
    with pytest.raises(RegisterError, match=re.escape(FAULTS[name])) as caught:
        _read(DATA / name)
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("spaces", [True, False])
def test_both_variants_with_both_line_ends(tmp_path: Path, spaces: bool, ending: str) -> None:
    path = write(tmp_path / "tps_ns.txt", GOOD, spaces=spaces, ending=ending)
    read = _read(path)
    assert read.keys.tolist() == [int("44" + number[1:]) for number in GOOD]
    assert (read.tally.lines, read.tally.bad, read.name) == (20, 0, "tps_ns.txt")
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_variants_may_be_mixed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "mixed.txt"
    kinds = [(False, "\r\n"), (True, "\n"), (True, "\r\n"), (False, "\n")]
    text = "".join(record(n, spaces=kinds[i % 4][0], ending=kinds[i % 4][1]) for i, n in enumerate(GOOD))
    path.write_bytes(text.encode())
    assert _read(path).keys.tolist() == [int("44" + number[1:]) for number in GOOD]


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_a_cut_anywhere_but_between_records_is_seen(tmp_path: Path, ending: str) -> None:
    whole = write(tmp_path / "whole.txt", GOOD[:4], ending=ending).read_bytes()
    path = tmp_path / "cut.txt"
    width = 12 + len(ending)
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        if size % width:
            with pytest.raises(RegisterError, match="cut in the middle of a record"):
                _read(path)
        else:
            assert len(_read(path).keys) == size // width


def test_one_bad_line_in_a_thousand_is_tolerated_and_noted(tmp_path: Path) -> None:
    numbers = drama(999)
    path = tmp_path / "t.txt"
    text = [record(number) for number in numbers]
    path.write_bytes("".join([*text[:499], "0800 NO\r\n", *text[499:]]).encode())
    read = _read(path)
    assert len(read.keys) == 999
    assert [str(bad) for bad in read.tally.faults] == ["line 500 holds 'N', which is neither a digit nor a space"]
    path.write_bytes("".join([*text[:499], "0800 NO\r\n", *text[500:]]).encode())
    with pytest.raises(RegisterError, match=r"1 line holds no number, more than 0\.1 % of 999"):
        _read(path)


def test_lines_are_counted_across_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "READ_AT_ONCE", 100)
    draw = random.Random(5)
    text = [record(number, ending=draw.choice(["\r\n", "\n"])) for number in drama(2000)]
    text[1233] = "oops\r\n"
    path = tmp_path / "t.txt"
    path.write_bytes("".join(text).encode())
    read = _read(path)
    assert (len(read.keys), read.tally.lines) == (1999, 2000)
    assert [bad.number for bad in read.tally.faults] == [1234]


def test_a_byte_order_mark_costs_no_number(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(map(record, GOOD)).encode())
    assert len(_read(path).keys) == 20


def test_a_file_without_line_ends_is_given_up_early(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(record(GOOD[0]).encode() + b"0" * 10_000_000)
    with pytest.raises(RegisterError, match="line 2 is longer than 4,096 bytes"):
        _read(path)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "READ_AT_ONCE", 140)
    path = write(tmp_path / "t.txt", GOOD)

    def upload(_done: float, _stage: str) -> None:
        with path.open("ab") as file:
            file.write(record(GOOD[0]).encode())

    with pytest.raises(RegisterError, match="changed while it was read"):
        read_source(opened(path), upload)


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "READ_AT_ONCE", 140)
    path = write(tmp_path / "t.txt", GOOD)
    with pytest.raises(RegisterError, match="changed while it was read"):
        read_source(opened(path), lambda _done, _stage: os.truncate(path, 140))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="is a device, and no file"):
        _read(Path("/dev/zero"))
    with pytest.raises(RegisterError, match="No such file"):
        _read(tmp_path / "none.txt")
    with pytest.raises(RegisterError, match="is a folder"):
        _read(tmp_path)


def test_rubbish_is_refused_with_the_one_error(tmp_path: Path) -> None:
    draw = random.Random(11)
    path = tmp_path / "t.txt"
    for size in (1, 13, 14, 500, 5000, 60_000):
        path.write_bytes(draw.randbytes(size))
        with pytest.raises(RegisterError):
            _read(path)
