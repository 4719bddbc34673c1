"""Lines of register files: the rule for one, and the fast reader's agreement with it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.registers import source
from gate.registers.source import LineCounts, LineError, parse_line, read_fast, read_plain
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"01632 960202\r", 441632960202),
        (b"01632960202 \r", 441632960202),
        (b"01632960202 ", 441632960202),
        (b"01632960202", 441632960202),
        (b"0207 9460123", 442079460123),
        (b"02079460123 ", 442079460123),
        (b"01632  96020", 44163296020),
        (b"0163296020  ", 44163296020),
        (b"  0 1632 960202", 441632960202),
        (b"00000000000 ", 440000000000),
    ],
)
def test_a_line_is_a_number(line: bytes, number: int) -> None:
    assert parse_line(line) == number


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"", "is empty"),
        (b"\r", "is empty"),
        (b"            \r", "holds only spaces"),
        (b"O1632960202 ", "holds 'O', which is neither a digit nor a space"),
        (b"01632\t960202", "holds the byte 0x09"),
        (b"441632960202", "does not start with 0"),
        (b"016329602   ", "holds 9 digits where 10 or 11 are needed"),
        (b"016329602020", "holds 12 digits where 10 or 11 are needed"),
        (b"01632960202\r\r", "holds the byte 0x0d"),
        ("０1632960202".encode(), "holds the byte 0xef"),
        (b"\xb201632960202", "holds the byte 0xb2"),
    ],
)
def test_a_line_is_no_number(line: bytes, fault: str) -> None:
    with pytest.raises(LineError, match=re.escape(fault)):
        parse_line(line)


def test_a_fault_shows_a_long_line_only_in_part() -> None:
    with pytest.raises(LineError) as caught:
        parse_line(b"x" * 3000)
    assert len(str(caught.value)) < 120


def _both(data: bytes) -> tuple[list[int], LineCounts]:
    """Read by both readers; the fast one in one piece."""
    plain, fast = LineCounts(), LineCounts()
    expected = read_plain(data, plain)
    parts = list(read_fast(data, fast))
    assert np.concatenate([np.empty(0, np.int64), *parts]).tolist() == expected
    assert fast == plain
    return expected, plain


DIGITS = st.text("0123456789", min_size=9, max_size=12)
NATIONAL = st.one_of(DIGITS.map(lambda digits: "0" + digits[1:]), DIGITS)
LAYOUT = st.sampled_from(
    [
        lambda number: number.ljust(12),
        lambda number: number[:5].ljust(5) + number[5:].rjust(7),
        lambda number: number[:4].ljust(5) + number[4:].rjust(7),
        lambda number: number,
        lambda number: number.rjust(12),
    ]
)
LINE = st.one_of(
    st.builds(lambda layout, number: layout(number).encode(), LAYOUT, NATIONAL),
    st.binary(min_size=12, max_size=12),
    st.binary(max_size=20),
)
ENDING = st.sampled_from([b"\r\n", b"\n"])


@pytest.mark.deep
@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.tuples(LINE, ENDING), max_size=40))
def test_readers_agree_on_mixed_lines(parts: list[tuple[bytes, bytes]]) -> None:
    _both(b"".join(line + ending for line, ending in parts))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=40), ENDING)
def test_readers_agree_on_tables_of_anything(records: list[bytes], ending: bytes) -> None:
    _both(b"".join(record + ending for record in records))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.text("0123456789 ", min_size=12, max_size=12), min_size=1, max_size=60), ENDING, st.booleans())
def test_readers_agree_on_digits_and_spaces_in_any_place(records: list[str], ending: bytes, zero: bool) -> None:
    _both(b"".join((("0" + text[1:]) if zero else text).encode() + ending for text in records))


@pytest.mark.parametrize("seed", range(4))
def test_readers_agree_over_many_tables(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "TABLE_ROWS", 64)
    draw = random.Random(seed)
    ending = draw.choice(["\r\n", "\n"])
    rows = []
    for _ in range(5000):
        number = f"0{draw.randrange(10**10):010d}"[: draw.choice([10, 11, 11, 11])]
        code = draw.choice([4, 5])
        rows.append(draw.choice([number.ljust(12), number[:code].ljust(5) + number[code:].rjust(7)]) + ending)
    for _ in range(draw.randrange(20)):
        rows[draw.randrange(5000)] = draw.choice(["", "x", "0163296020\n", "01632960202 \r\r\n", "0" * 200]) + ending
    numbers, tally = _both("".join(rows).encode())
    assert len(numbers) + tally.bad == tally.lines >= 5000


def test_ten_thousand_random_lines_raise_nothing() -> None:
    draw = random.Random(7)
    data = b"".join(draw.randbytes(draw.randrange(30)).replace(b"\n", b"") + b"\n" for _ in range(10_000))
    _, tally = _both(data)
    assert tally.lines == 10_000
    assert tally.bad > 9_900
    assert len(tally.faults) == source.NOTED_FAULTS


def test_a_usual_file_never_meets_the_plain_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast reader is fast for what licensees send, in both variants and with nine-digit numbers padded."""
    monkeypatch.setattr(source, "parse_line", lambda _line: pytest.fail("not read as a table"))
    usual = ["01632960202 ", "01632 960202", "0207 9460123", "0163296020  "]
    for ending in ("\r\n", "\n"):
        data = "".join(row + ending for row in usual * 50).encode()
        keys = np.concatenate(list(read_fast(data, LineCounts()))).tolist()
        assert keys == [441632960202, 441632960202, 442079460123, 44163296020] * 50
    unpadded = b"01632960202\n" * 10
    assert np.concatenate(list(read_fast(unpadded, LineCounts()))).tolist() == [441632960202] * 10
