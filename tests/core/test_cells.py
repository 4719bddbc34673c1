"""Cells of CSV: what leaves is no formula, and whatever left comes back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gate.core.cells import csv_text, guarded, plain

TEXTS = st.text(st.one_of(st.sampled_from("'=+-@\t\r\n \"',;＝1aé\u00a0"), st.characters(exclude_categories=["Cs"])))


@given(TEXTS)
@example("'")
@example("''=1")
@example(" ")
@example("\r\n")
@example("a ")
def test_what_left_comes_back(text: str) -> None:
    assert plain(guarded(text)) == text


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
