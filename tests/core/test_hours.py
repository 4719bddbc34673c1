"""Calling hours (LAW 3.3): windows, public holidays of every part of the UK, closed days, both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.holiday_table import TABLE
from gate.core.hours import Hours, public_holidays
from tests.core.make_holiday_table import YEARS, days
from tests.support.examples import examples

LONDON = ZoneInfo("Europe/London")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-03T07:59:59", "before 08:00"),
        ("2026-03-03T08:00:00", ""),
        ("2026-03-03T20:59:59", ""),
        ("2026-03-03T21:00:00", "after 21:00"),
        ("2026-03-07T08:59:59", "before 09:00"),
        ("2026-03-07T09:00:00", ""),
        ("2026-03-07T20:59:59", ""),
        ("2026-03-08T12:00:00", "Sunday"),
    ],
)
def test_law_3_3_strict_default(text: str, why: str) -> None:
    said = Hours().why_closed(wall(text))
    assert bool(said) is bool(why)
    assert why in said
    assert Hours().open_at(wall(text)) is (said == "")


@pytest.mark.parametrize(
    ("day", "what"),
    [
        ("2026-01-01", "New Year's Day"),
        ("2026-01-02", "2 January: Scotland"),
        ("2026-03-17", "St Patrick's Day: Northern Ireland"),
        ("2026-04-03", "Good Friday"),
        ("2026-04-06", "Easter Monday: not in Scotland"),
        ("2026-05-04", "early May"),
        ("2026-05-25", "spring"),
        ("2026-07-13", "Battle of the Boyne, observed: Northern Ireland"),
        ("2026-08-03", "summer: Scotland"),
        ("2026-08-31", "summer: elsewhere"),
        ("2026-11-30", "St Andrew's Day: Scotland"),
        ("2026-12-25", "Christmas Day"),
        ("2026-12-28", "Boxing Day, observed"),
        ("2027-03-29", "Easter Monday of another year"),
    ],
)
def test_law_3_3_holidays_are_the_union_of_the_four_countries(day: str, what: str) -> None:
    assert "public holiday" in Hours().why_closed(wall(f"{day}T12:00")), what


@pytest.mark.parametrize("year", sorted({*YEARS, *TABLE}))
def test_law_3_3_the_table_of_holidays_is_what_the_library_says(year: int) -> None:
    assert TABLE[year] == days(year), "make it anew: python -m tests.core.make_holiday_table"
    assert public_holidays(year) == {date(year, int(day[:2]), int(day[2:])) for day in days(year).split()}


def test_law_3_3_a_year_beyond_the_table_is_asked_of_the_library() -> None:
    beyond = max(TABLE) + 1
    assert {f"{day:%m%d}" for day in public_holidays(beyond)} == set(days(beyond).split())


def test_law_3_3_days_around_holidays_are_open() -> None:
    for day in ("2026-04-02", "2026-04-07", "2026-08-04", "2026-12-24", "2026-12-29"):
        assert Hours().open_at(wall(f"{day}T12:00")), day


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(2024, 2060))
def test_law_3_3_every_year_has_the_days_that_the_whole_country_lacks(year: int) -> None:
    days = public_holidays(year)
    assert len(days) >= 13
    assert date(year, 1, 1) in days
    assert date(year, 12, 25) in days
    assert any(day.month in (3, 4) and day.weekday() == 0 for day in days), "Easter Monday"
    assert any(day.month == 8 and day.day >= 25 and day.weekday() == 0 for day in days), "last Monday of August"
    assert any(day.month == 8 and day.day <= 7 and day.weekday() == 0 for day in days), "first Monday of August"


@pytest.mark.parametrize("year", [1, 1700, 9999])
def test_a_year_without_known_holidays_is_closed(year: int) -> None:
    """Fail closed: the library knows none there."""
    assert not public_holidays(year)
    noons = [datetime(year, 3, day, 12) for day in range(1, 8)]
    assert not any(Hours().open_at(noon) for noon in noons)
    assert Hours().next_opening(noons[0]) == ""


def test_law_3_3_local_extra_dates() -> None:
    hours = Hours.parse(closed_dates=["2026-03-03"])
    assert hours.why_closed(wall("2026-03-03T12:00")) == "today is one of our closed days"
    assert hours.open_at(wall("2026-03-04T12:00"))


def test_always() -> None:
    for hours in (Hours.always(), Hours.parse(always=True)):
        for text in ("2026-12-25T00:00", "2026-03-08T03:00", "2026-03-03T23:59:59"):
            assert hours.open_at(wall(text))


# --- clock changes: 29 March 2026 01:00 UTC forward, 25 October 2026 01:00 UTC back -----------------------------------


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-03-27T08:00:00", True),  # Friday before: GMT
        ("2026-03-27T07:59:59", False),
        ("2026-03-30T07:00:00", True),  # Monday after: 08:00 BST
        ("2026-03-30T06:59:59", False),
        ("2026-03-30T19:59:59", True),
        ("2026-03-30T20:00:00", False),
        ("2026-10-23T07:00:00", True),  # Friday before: 08:00 BST
        ("2026-10-23T20:00:00", False),
        ("2026-10-26T08:00:00", True),  # Monday after: GMT
        ("2026-10-26T07:59:59", False),
        ("2026-10-26T20:59:59", True),
    ],
)
def test_law_3_3_hours_are_wall_time_across_the_clock_changes(instant: str, expected: bool) -> None:
    utc = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert Hours().open_at(utc.astimezone(LONDON)) is expected


def test_law_3_3_the_hour_that_comes_twice_and_the_one_that_never_comes() -> None:
    night = Hours.parse(sunday="01:00-02:00")
    open_minutes = {
        day: sum(night.open_at((start + timedelta(minutes=n)).astimezone(LONDON)) for n in range(24 * 60))
        for day, start in {
            "forward": datetime(2026, 3, 29, tzinfo=UTC),
            "back": datetime(2026, 10, 24, 23, tzinfo=UTC),
            "plain": datetime(2026, 3, 22, tzinfo=UTC),
        }.items()
    }
    assert open_minutes == {"forward": 0, "back": 120, "plain": 60}


# --- next opening ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("2026-03-03T07:00", "Tuesday 3 March at 08:00"),
        ("2026-03-03T21:00", "Wednesday 4 March at 08:00"),
        ("2026-03-06T21:00", "Saturday 7 March at 09:00"),
        ("2026-03-07T21:00", "Monday 9 March at 08:00"),
        ("2026-04-02T22:00", "Saturday 4 April at 09:00"),
        ("2026-04-04T22:00", "Tuesday 7 April at 08:00"),
    ],
)
def test_next_opening(text: str, opening: str) -> None:
    assert Hours().next_opening(wall(text)) == opening


def test_next_opening_passes_closed_days() -> None:
    hours = Hours.parse(closed_dates=["2026-03-03", "2026-03-04"])
    assert hours.next_opening(wall("2026-03-03T07:00")) == "Thursday 5 March at 08:00"


def test_next_opening_where_there_is_none() -> None:
    assert Hours(week=(None,) * 7).next_opening(wall("2026-03-03T07:00")) == ""
    assert Hours(week=(None,) * 7, holidays_closed=False).next_opening(datetime.max) == ""


# --- configuration ---------------------------------------------------------------------------------------------------


def test_parse_defaults_are_the_strict_reading() -> None:
    assert Hours.parse() == Hours()
    assert Hours.parse("00:00-24:00", "", "10:30-10:31").week == (*((0, 1440),) * 5, None, (630, 631))


@pytest.mark.parametrize(
    "text", ["8-21", "08:00", "8:00-21:00", "08:00 - 21:00", "21:00-08:00", "08:00-08:00", "08:60-21:00", "08:00-24:01",
             "25:00-26:00", "08:00-21:00,22:00-23:00", "٠٨:00-21:00", " ", "closed"]
)  # fmt: skip
@pytest.mark.parametrize("key", ["weekdays", "saturday", "sunday"])
def test_parse_names_the_value_and_the_fix(key: str, text: str) -> None:
    with pytest.raises(ValueError, match=f'{key} = "') as caught:
        Hours.parse(**{key: text})
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["2026-02-30", "24/12/2026", "20261224", "2026-W10-1", "", "Christmas"])
def test_parse_refuses_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="closed_dates") as caught:
        Hours.parse(closed_dates=[text])
    assert "2026-12-24" in str(caught.value)


def test_parse_checks_even_where_always() -> None:
    with pytest.raises(ValueError, match="weekdays"):
        Hours.parse("nonsense", always=True)


@pytest.mark.parametrize("week", [(), ((0, 60),) * 6, ((60, 60),) * 7, ((-1, 60),) * 7, ((0, 1441),) * 7])
def test_an_illegal_week_cannot_exist(week: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="calling hours"):
        Hours(week=week)


@settings(max_examples=examples(300), deadline=None)
@given(st.text(max_size=14) | st.from_regex(r"\A[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}\Z"))
def test_parse_raises_value_error_alone(text: str) -> None:
    try:
        window = Hours.parse(text).week[0]
    except ValueError:
        return
    assert window is None or 0 <= window[0] < window[1] <= 1440
