"""Days and times as the British write them."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from gate.core.days import LONDON, day_of, moment_of, time_of_day

TODAY = date(2026, 11, 29)
"""A Sunday."""


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("25/11", date(2026, 11, 25)),
        ("30/11", date(2025, 11, 30)),
        ("29/11", TODAY),
        ("25/11/2025", date(2025, 11, 25)),
        ("25.11.25", date(2025, 11, 25)),
        ("25 Nov", date(2026, 11, 25)),
        ("1st December", date(2025, 12, 1)),
        ("3 Sept 2025", date(2025, 9, 3)),
        ("29 Feb", date(2024, 2, 29)),
        ("2026-11-25", date(2026, 11, 25)),
        ("Yesterday", date(2026, 11, 28)),
        ("monday", date(2026, 11, 23)),
        ("sunday", TODAY),
        ("Wed 25 Nov 2026", date(2026, 11, 25)),
        ("Wednesday 25 November", date(2026, 11, 25)),
        ("Wed, 25/11", date(2026, 11, 25)),
        ("Nov 25", date(2026, 11, 25)),
        ("November 25th, 2025", date(2025, 11, 25)),
    ],
)
def test_a_day_is_the_last_such_day(typed: str, day: date) -> None:
    assert day_of(typed, TODAY) == day


@pytest.mark.parametrize(
    ("typed", "day"), [("25/11", date(2027, 11, 25)), ("30/11", date(2026, 11, 30)), ("monday", date(2026, 11, 30))]
)
def test_of_what_is_to_come_it_is_the_next(typed: str, day: date) -> None:
    assert day_of(typed, TODAY, ahead=True) == day


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "Tuesday 25 Nov 2026",
        "wed alice",
        "mark 10",
        "31/11",
        "25/13",
        "12 nonsense",
        "1 maybe",
        "20261125",
        "2026-13-01",
        "alice",
    ],
)
def test_what_is_no_day_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        day_of(typed, TODAY)


@pytest.mark.parametrize(
    ("typed", "at"), [("14:30", time(14, 30)), ("2.30pm", time(14, 30)), ("9am", time(9)), ("12am", time(0))]
)
def test_times(typed: str, at: time) -> None:
    assert time_of_day(typed) == at


@pytest.mark.parametrize("typed", ["14", "25:00", "13pm", "x", "14:75"])
def test_what_is_no_time_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        time_of_day(typed)


def test_a_moment_is_of_london_and_a_bare_day_begins_or_ends() -> None:
    assert moment_of("25/11 14:30", TODAY) == datetime(2026, 11, 25, 14, 30, tzinfo=LONDON)
    assert moment_of("2026-07-02T09:30", TODAY) == datetime(2026, 7, 2, 9, 30, tzinfo=LONDON)
    assert moment_of("25 Nov", TODAY) == datetime(2026, 11, 25, tzinfo=LONDON)
    assert moment_of("25 Nov", TODAY, end=True) == datetime(2026, 11, 26, tzinfo=LONDON)
