"""The supervisory authority by the day."""

from __future__ import annotations

from datetime import date

import pytest

from gate.config import Authority
from gate.core.authority import authority_on


@pytest.mark.parametrize(
    ("day", "commencement", "name"),
    [
        (date(2027, 1, 22), None, "Information Commissioner's Office"),
        (date(2027, 3, 31), date(2027, 4, 1), "Information Commissioner's Office"),
        (date(2027, 4, 1), date(2027, 4, 1), "Information Commission"),
    ],
)
def test_the_commission_takes_over_on_the_day_of_commencement(day: date, commencement: date | None, name: str) -> None:
    found = authority_on(day, commencement)
    assert found.name == name
    assert found.address and found.phone and found.web.startswith("https://") and "2026" in found.source


def test_what_the_firm_says_goes_before_the_record_field_by_field() -> None:
    section = Authority(commencement="2027-04-01", address="1 New Street, Manchester")
    found = section.on(date(2027, 4, 1))
    assert (found.name, found.address) == ("Information Commission", "1 New Street\nManchester")
    assert found.phone == "0303 123 1113" and found.source == "configuration: authority"
    assert "s.119" in Authority(commencement="2027-04-01").on(date(2027, 4, 2)).source
