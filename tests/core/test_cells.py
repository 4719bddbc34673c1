"""Cells of CSV: what leaves is no formula, and whatever left comes back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gate.core.cells import csv_rows, csv_text, guarded, plain

TEXTS = st.text(st.one_of(st.sampled_from("'=+-@\t\r\n \"',;＝1aé\u00a0"), st.characters(exclude_categories=["Cs"])))


@given(TEXTS)
@example("'")
@example("''=1")
@example(" ")
@example("\r\n")
@example("a ")
def test_what_left_comes_back(text: str) -> None:
    assert plain(guarded(text)) == text


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1, max_size=5))
def test_rows_come_back_through_a_file(rows: list[list[str]]) -> None:
    assert [cells for _, cells in csv_rows(io.StringIO(csv_text(rows), newline=""))] == rows


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_no_cell_that_leaves_begins_like_a_formula(row: list[str]) -> None:
    for cell in next(csv.reader(io.StringIO(csv_text([row]), newline=""))):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")) or cell[1:].isdigit(), cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+442079460000", "+442079460000"),
        ("-12", "-12"),
        ("+44 20", "'+44 20"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("O'Neill", "O'Neill"),
        ("'tis", "'tis"),
        ("+٣", "'+٣"),
        ("", ""),
    ],
)
def test_what_is_marked(text: str, cell: str) -> None:
    assert guarded(text) == cell


def test_a_file_made_by_hand_may_have_spaces() -> None:
    assert list(csv_rows(io.StringIO(' a ,"b\nc"\n\'+44 20,=1\n', newline=""))) == [
        (1, ["a", "b\nc"]),
        (3, ["+44 20", "=1"]),
    ]
    with pytest.raises(csv.Error, match="line 2: "):
        list(csv_rows(io.StringIO('a\n"b', newline="")))
