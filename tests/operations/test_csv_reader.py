"""A CSV file in blocks: no byte is lost, and the fields are those of the csv module."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.cells import csv_text, plain
from gate.errors import UsageError
from gate.operations.contacts import csv_reader
from gate.operations.contacts.csv_reader import CsvReader, sniff
from tests.support.examples import examples

CELL = st.text('ab0 "\n\r,;é', max_size=6)


class Trickle(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 3, 3))


def read(raw: bytes, **options: Any) -> tuple[bytes, list[list[str]], list[int], CsvReader]:
    """The file put together again, its rows as text, their lines."""
    reader = CsvReader(Trickle(raw), **options)
    lines: list[int] = []
    out, rows = [reader.dialect.mark], []
    for block in reader.blocks():
        out += [reader.bytes_of(text + end) for text, end in zip(block.texts, block.ends, strict=True)]
        rows += [[reader.text_of(cell) for cell in row] for row in block.rows]
        lines += block.lines
    return b"".join(out), rows, lines, reader


LINE_ENDS = re.compile("[\n\v\r|]+")


@pytest.fixture(params=[5, 1 << 22])
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "CHUNK", request.param)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=3), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([5, 1 << 22]),
)
@settings(max_examples=examples(100), deadline=None)
def test_what_csv_wrote_is_read_as_csv_reads_it(rows: list[list[str]], end: str, chunk: int) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["h1", "h2"], *rows])
    raw = text.getvalue().encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "CHUNK", chunk)
        whole, read_rows, lines, _ = read(raw)
    assert whole == raw
    assert len(read_rows) == len(rows) + 1
    for mine, theirs in zip(read_rows[1:], rows, strict=True):
        # Line ends inside of a field may be told in another way; no number holds any.
        assert [LINE_ENDS.sub("|", cell) for cell in mine] == [LINE_ENDS.sub("|", cell) for cell in theirs]
    assert lines[0] == 1 and lines == sorted(set(lines))


@given(st.binary(max_size=60))
@settings(max_examples=examples(200), deadline=None)
def test_any_bytes_come_out_as_they_went_in_or_are_refused(raw: bytes) -> None:
    try:
        assert read(raw)[0] == raw
    except UsageError as error:
        assert error.message


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_line_ends_and_delimiters(mark: bytes, end: str, delimiter: str) -> None:
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8")
    lines = [delimiter.join(cells) for cells in (("name", "phone"), ("Siân 𝄞", "０２０ 7946"), ("x", '"1 2"'))]
    raw = mark + (end.join(lines) + end).encode(encoding)
    whole, rows, at, reader = read(raw)
    assert whole == raw
    assert rows == [["name", "phone"], ["Siân 𝄞", "０２０ 7946"], ["x", "1 2"]]
    assert (reader.dialect.delimiter, reader.dialect.encoding, at) == (delimiter, encoding, [1, 2, 3])
    assert reader.not_utf8 == 0


def test_what_is_no_utf8_is_read_as_windows_1252_and_told() -> None:
    raw = "a,b\nx,1\nJürgen,2\n".encode("cp1252") + b"\x81,3\n"
    whole, rows, _, reader = read(raw)
    assert whole == raw
    assert rows[2] == ["Jürgen", "2"]
    assert reader.not_utf8 == 3


@pytest.mark.usefixtures("chunks")
def test_rows_over_several_lines_and_mixed_line_ends() -> None:
    raw = b'a,b\r\n1,"x\r\ny\nz"\n\n2,"say ""hi"""\r\n3,5" pipe\n4,last'
    whole, rows, lines, _ = read(raw)
    assert whole == raw
    assert rows[1][0] == "1" and rows[2:] == [[], ["2", 'say "hi"'], ["3", '5" pipe'], ["4", "last"]]
    assert lines == [1, 2, 5, 6, 7, 8]


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    with pytest.raises(UsageError, match="line 3: the quote that opens there is never closed"):
        read(b'a,b\n1,2\n3,"x\n4,5\n')
    with pytest.raises(UsageError, match="line 2: field larger than field limit"):
        list(CsvReader(io.BytesIO(b'a,b\n3,"x\n' + b"4,5\n" * 60_000)).blocks())


def test_single_quotes_and_single_columns_are_recognised() -> None:
    assert sniff(b"'a';'b'\n'1;2';'3'\n").quote == "'"
    assert sniff(b"'a';'b'\n'1;2';'3'\n").delimiter == ";"
    assert sniff(b"phone\n0207\n").delimiter == ","
    assert sniff(b'name,"a;b;c",x\n1,2,3\n').delimiter == ","
    assert sniff(b"a|b\n1|2\n", "\t").delimiter == "\t"
    with pytest.raises(UsageError, match="the file is empty"):
        read(b"")


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"id,name,phone\n1,'Bob, Jr',07700900001\n2,Ann,07700900002\n", ["1", "Bob, Jr", "07700900001"]),
        (b'id,note,phone\r1,"one\ntwo, three",07700900001\r2,x,07700900002\r', None),
        (b"id,name,phone\n1,'t Hooft,07700900001\n2,O'Neil,07700900002\n", ["1", "'t Hooft", "07700900001"]),
        (b"id,phone\n1,'+447700900001\n2,'+447700900002\n", ["1", "'+447700900001"]),
        (b'id,phone,say\n1,07700900001,"hi ""you"""\n', ["1", "07700900001", 'hi "you"']),
    ],
    ids=["single quotes where needed", "line feeds in fields", "apostrophes", "guarded formulas", "doubled quotes"],
)
def test_the_dialect_that_makes_most_rows_alike_is_taken(raw: bytes, rows: list[str] | None) -> None:
    whole, read_rows, _, _ = read(raw)
    assert whole == raw
    assert read_rows[1] == (rows or ["1", "one\ntwo, three", "07700900001"])
    assert {len(row) for row in read_rows} == {len(read_rows[0])}


def test_utf16_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no utf-16-le"):
        read(b"\xff\xfea\0,\0b")


TEXTS = st.text(st.one_of(st.sampled_from("'=+-@\t\r\n \"',;＝1aé\u00a0"), st.characters(exclude_categories=["Cs"])))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1, max_size=5))
def test_rows_that_were_written_come_back_with_their_line_ends(rows: list[list[str]]) -> None:
    reader = CsvReader(io.BytesIO(csv_text([["number", "note"], *rows]).encode()), ",", quote='"')
    assert [[plain(cell) for cell in cells] for _, cells in reader.rows()][1:] == rows


def test_rows_begin_on_their_lines_and_a_quote_out_of_place_is_refused() -> None:
    assert list(CsvReader(io.BytesIO(b' a ,"b\r\nc"\n3,=1\n')).rows()) == [(1, [" a ", "b\r\nc"]), (3, ["3", "=1"])]
    with pytest.raises(UsageError, match="line 2: "):
        list(CsvReader(io.BytesIO(b'a,b\n"x"y,1\n')).rows())
    with pytest.raises(UsageError, match=r"line 2: .*never closed"):
        list(CsvReader(io.BytesIO(b'a,b\n"x,1\n')).rows())
