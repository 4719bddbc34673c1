"""The statutory clocks."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.deadlines import Clock, acknowledge_by, identity_by, next_working_day, policy_day
from gate.core.holiday_table import ENGLAND
from gate.core.retention import add_months
from tests.core.make_holiday_table import YEARS
from tests.core.make_holiday_table import days as by_library
from tests.support.examples import examples

FOLDER = Path(__file__).parents[1] / "data/vectors"
MORE = json.loads((FOLDER / "deadlines-2.json").read_text())
VECTORS = json.loads((FOLDER / "deadlines.json").read_text()) + MORE
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@pytest.mark.parametrize("vector", VECTORS, ids=[each["received"] for each in VECTORS])
def test_the_vectors(vector):
    received = date.fromisoformat(vector["received"])
    clock = Clock(received)
    assert add_months(received, 1).isoformat() == vector["corresponding"]
    assert policy_day(received).isoformat() == vector["plus_30"]
    assert clock.due.isoformat() == vector["due"]
    assert clock.ico_date.isoformat() == vector["ico_date_england"]


def test_warnings_come_at_twenty_and_twenty_five_days():
    clock = Clock(date(2026, 9, 3))  # due on 3 October, 30 days later
    assert clock.warnings == (date(2026, 9, 23), date(2026, 9, 28))
    told = [clock.warned(date(2026, 9, day)) for day in (22, 23, 27, 28)]
    assert told == [0, 1, 1, 2]
    assert [clock.warned(date(2026, 10, day)) for day in (3, 4)] == [2, 3]


def test_a_pause_and_an_extension_move_the_end():
    clock = Clock(date(2026, 9, 3), paused_days=7)
    assert clock.due == date(2026, 10, 10)
    longer = Clock(date(2026, 9, 3), paused_days=7, extended=True)
    assert longer.due == date(2026, 12, 10)
    assert longer.extension_by == date(2026, 10, 10)
    assert longer.ico_date == date(2026, 12, 10)


def test_a_working_day_in_england():
    assert next_working_day(date(2026, 12, 25)) == date(2026, 12, 29)
    assert next_working_day(date(2026, 4, 3)) == date(2026, 4, 7)
    assert next_working_day(date(2026, 8, 3)) == date(2026, 8, 3), "a holiday in Scotland alone"


@pytest.mark.parametrize("vector", MORE, ids=[each["received"] for each in MORE])
def test_a_complaint_is_acknowledged_by_the_thirtieth_day_counting_that_of_receipt(vector):
    assert acknowledge_by(date.fromisoformat(vector["received"])).isoformat() == vector["complaint_acknowledged_by"]


def test_identity_is_asked_for_in_a_week_and_never_after_the_due_date():
    assert identity_by(date(2026, 9, 3)) == date(2026, 9, 10)
    assert identity_by(date(2026, 9, 3), 0) == date(2026, 9, 3)
    assert identity_by(date(2027, 1, 31), 60) == date(2027, 2, 28)


@settings(deadline=None, max_examples=examples(150))
@given(days, st.integers(0, 60), st.booleans())
def test_the_policy_is_never_later_than_the_law(started, paused, extended):
    clock = Clock(started, paused, extended)
    assert clock.due <= clock.ico_date
    assert clock.warnings[0] < clock.warnings[1] < clock.due
    if not extended:
        assert clock.due <= started + timedelta(days=30 + paused)
        assert clock.due == clock.extension_by


@pytest.mark.parametrize("year", YEARS)
def test_the_table_of_englands_holidays_is_what_the_library_says(year: int) -> None:
    assert ENGLAND[year] == by_library(year, ("ENG",)), "make it anew: python -m tests.core.make_holiday_table"


@pytest.mark.parametrize("year", [2026, max(YEARS), max(YEARS) + 1])
def test_every_day_of_a_year_is_a_working_day_or_not(year: int) -> None:
    listed = by_library(year, ("ENG",)).split()
    for day in (date(year, 1, 1) + timedelta(days=n) for n in range(365)):
        assert (next_working_day(day) == day) == (day.weekday() < 5 and f"{day:%m%d}" not in listed), day
