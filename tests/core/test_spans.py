"""When a call was, as people say it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from gate.core.days import LONDON, length_of, span

DAY = date(2026, 3, 29)
"""Clocks go forward at one in the morning."""


def test_a_day_is_a_day_of_london() -> None:
    since, until = span(DAY)
    assert since == datetime(2026, 3, 29, tzinfo=LONDON) and until == datetime(2026, 3, 30, tzinfo=LONDON)
    assert since.isoformat() == "2026-03-29T00:00:00+00:00" and until.isoformat() == "2026-03-30T00:00:00+01:00"


def test_about_a_time_give_or_take() -> None:
    since, until = span(DAY, time(14, 30), timedelta(minutes=45))
    assert (since, until) == (
        datetime(2026, 3, 29, 13, 45, tzinfo=LONDON),
        datetime(2026, 3, 29, 15, 15, tzinfo=LONDON),
    )


def test_an_hour_that_the_clocks_make_twice_is_both_and_one_they_leave_out_is_either() -> None:
    since, until = span(date(2026, 10, 25), time(1, 30), timedelta(minutes=15))
    assert since.astimezone(UTC) == datetime(2026, 10, 25, 0, 15, tzinfo=UTC), "summer time"
    assert until.astimezone(UTC) == datetime(2026, 10, 25, 1, 45, tzinfo=UTC), "winter time"
    since, until = span(DAY, time(1, 30), timedelta(minutes=15))
    assert (since.astimezone(UTC).hour, until.astimezone(UTC).hour) == (0, 1)


def test_give_or_take_is_time_that_passes() -> None:
    since, until = span(DAY, time(2, 30), timedelta(hours=2))
    assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=4)


def test_days_from_and_to_hold_both_and_may_be_open() -> None:
    since, until = span(None, first=DAY, last=DAY)
    assert (since, until) == span(DAY)
    assert (
        span(None, first=DAY) == (since, None) and span(None, last=DAY) == (None, until) and span(None) == (None, None)
    )


def test_what_does_not_go_together_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs its day"):
        span(None, time(14, 30))
    with pytest.raises(ValueError, match="either a day"):
        span(DAY, first=DAY)


@pytest.mark.parametrize(("text", "minutes"), [("45m", 45), ("2h", 120), ("1h30m", 90), ("15", 15)])
def test_lengths(text: str, minutes: int) -> None:
    assert length_of(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "h", "-5m", "1d", "5 m"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(ValueError, match="write 45m"):
        length_of(text)
