"""Numbers that a spreadsheet has changed come back with a repair, and are not dialled by themselves."""

from __future__ import annotations

import pytest

from gate.core.numbers import NumberRefused, repair
from tests.support.screening import number_of


@pytest.mark.parametrize(
    ("raw", "proposed"),
    [
        ("2079460123", "write 0 before it"),
        (" 163296012 ", "write 0 before it"),
        ("4.42079E+11", "they are lost"),
        ("4,42079e11", "they are lost"),
        ("4.42079460123E+11", "write out its digits"),
        ("442079460123.0", "take the .0 off"),
        ("2079460123.00", "take the .0 off"),
    ],
)
def test_what_a_spreadsheet_did_is_told(raw: str, proposed: str) -> None:
    said = repair(raw)
    assert proposed in said
    assert not any(digits in said for digits in ("79460", "63296", "42079"))
    assert isinstance(number_of(raw), NumberRefused)


@pytest.mark.parametrize(
    "raw", ["", "nonsense", "12", "999", "5512345678", "020 7946 0123", "1.5", "12345678901234567"]
)
def test_the_others_have_no_repair(raw: str) -> None:
    assert repair(raw) == ""
