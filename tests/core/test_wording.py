"""Every reason code has one sentence that a salesperson understands."""

from __future__ import annotations

from datetime import date

import pytest

from gate.core.terms import Reason, date_text, day_text, sentence


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_one_sentence(reason: Reason) -> None:
    said = sentence(reason)
    assert said.endswith(".")
    assert said.count(". ") == 0
    assert len(said) < 160
    assert "_" not in said


def test_dates_are_written_out() -> None:
    assert [day_text(date(2026, month, 9)).split()[1][:3] for month in range(1, 13)] == [
        *("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    ]
    assert date_text(date(2026, 3, 9)) == "9 March 2026"
