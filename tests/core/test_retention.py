"""Terms, holds and what is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.retention import Day, Hold, Kind, Recording, Target, Terms, add_months, due, forecast, merge
from tests.support.examples import examples

LONDON = ZoneInfo("Europe/London")
TERMS = Terms(LONDON)
NUMBERS = ["+442079460000", "+442079460001", "+447700900001"]


def recording(at: datetime, **fields) -> Recording:
    return Recording(**{"id": "rec-1", "at": at, "call_id": "call-1", "number": NUMBERS[0]} | fields)


def hold(target: Target, value: str, **fields) -> Hold:
    told = {"kind": Kind.HOLD, "reason": "a claim", "reference": "17/2026", "by": "user:root(0)"}
    return Hold(
        **{"id": "hold-1", "target": target, "value": value, "at": datetime(2026, 1, 1, tzinfo=UTC)} | told | fields
    )


@pytest.mark.parametrize(
    ("call", "last"),
    [
        ("2026-03-02T09:00:00+00:00", "2027-03-02"),
        ("2024-02-29T09:00:00+00:00", "2025-02-28"),
        ("2027-02-28T09:00:00+00:00", "2028-02-28"),
        ("2026-07-01T23:30:00+00:00", "2027-07-02"),  # half past midnight in London
        ("2026-12-31T23:59:59+00:00", "2027-12-31"),
    ],
)
def test_twelve_calendar_months_counted_in_london(call, last):
    assert TERMS.last_day(recording(datetime.fromisoformat(call))) == date.fromisoformat(last)


def test_a_class_keeps_longer_and_never_shorter():
    at = datetime(2024, 2, 29, 9, tzinfo=UTC)
    terms = Terms(LONDON, years={"topic:pensions": 5, "account:alice": 7, "topic:claims": 1})
    assert terms.last_day(recording(at)) == date(2025, 2, 28)
    assert terms.last_day(recording(at, classes=frozenset({"topic:pensions"}))) == date(2029, 2, 28)
    assert terms.last_day(recording(at, classes=frozenset({"topic:pensions", "account:alice"}))) == date(2031, 2, 28)
    longer = Terms(LONDON, months=24, years={"topic:claims": 1})
    assert longer.last_day(recording(at, classes=frozenset({"topic:claims"}))) == date(2026, 2, 28)


def test_a_term_of_nothing_cannot_be():
    for months, years in ((0, {}), (12, {"topic:claims": 0}), (-1, {})):
        with pytest.raises(ValueError, match="at least"):
            Terms(LONDON, months=months, years=years)


@pytest.mark.parametrize("missing", ["reason", "reference", "value"])
def test_a_hold_says_why_and_on_what(missing):
    with pytest.raises(ValueError, match=missing):
        hold(**{"target": Target.CALL, "value": "call-1", missing: " "})


def test_a_hold_is_found_by_recording_call_and_number_until_it_is_released():
    each = recording(datetime(2025, 1, 1, tzinfo=UTC))
    today = date(2026, 6, 1)
    for target, value in ((Target.RECORDING, "rec-1"), (Target.CALL, "call-1"), (Target.NUMBER, NUMBERS[0])):
        on = hold(target, value)
        found = due([each], [on], today, TERMS)
        assert (found.due, found.held, found.not_yet) == ([], [(each, on)], [])
        off = hold(target, value, released_at=datetime(2026, 5, 1, tzinfo=UTC))
        assert due([each], [off], today, TERMS).due == [each]
        assert due([each], [off, on], today, TERMS).held == [(each, on)], "another one still holds"
    assert due([each], [hold(Target.CALL, "rec-1")], today, TERMS).due == [each], "a call is not a recording"


def test_an_erased_number_is_nobodys():
    each = recording(datetime(2025, 1, 1, tzinfo=UTC), number="")
    assert due([each], [hold(Target.NUMBER, NUMBERS[0])], date(2026, 6, 1), TERMS).due == [each]


def test_the_name_of_a_hold_is_what_people_know():
    assert hold(Target.CALL, "call-1").name == "hold 17/2026 (hold-1)"


def test_forecast_by_day():
    first = datetime(2025, 6, 1, 9, tzinfo=UTC)
    recordings = [recording(first + timedelta(days=day), id=f"rec-{day}") for day in (-400, 0, 1, 1, 5, 40)]
    holds = [hold(Target.RECORDING, "rec-1"), hold(Target.RECORDING, "rec-5", kind=Kind.RESTRICTION)]
    days = forecast(recordings, holds, date(2026, 6, 1), 30, TERMS)
    assert days == [Day(date(2026, 6, 1), 2, 0), Day(date(2026, 6, 2), 0, 2), Day(date(2026, 6, 6), 0, 1)]
    parts = [forecast([each], holds, date(2026, 6, 1), 30, TERMS) for each in recordings]
    assert merge(*parts) == days


# --- properties ---------------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
days = st.dates(date(2000, 1, 1), date(2070, 1, 1))
terms = st.builds(
    Terms,
    st.just(LONDON),
    st.integers(1, 90),
    st.dictionaries(st.sampled_from(["topic:pensions", "account:a"]), st.integers(1, 9)),
)
recordings = st.builds(
    Recording,
    id=st.sampled_from(["r1", "r2", "r3"]),
    at=moments,
    call_id=st.sampled_from(["c1", "c2"]),
    number=st.sampled_from([*NUMBERS, ""]),
    classes=st.frozensets(st.sampled_from(["topic:pensions", "account:a", "topic:general"])),
)
targets = st.one_of(
    st.tuples(st.just(Target.RECORDING), st.sampled_from(["r1", "r2"])),
    st.tuples(st.just(Target.CALL), st.sampled_from(["c1"])),
    st.tuples(st.just(Target.NUMBER), st.sampled_from(NUMBERS)),
)
holds = st.builds(
    lambda target, kind, released: hold(*target, kind=kind, released_at=released),
    targets,
    st.sampled_from(Kind),
    st.none() | moments,
)


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(recordings, max_size=6), st.lists(holds, max_size=4), days, terms)
def test_held_is_never_due_and_nothing_is_due_before_its_day(recordings, holds, today, terms):
    found = due(recordings, holds, today, terms)
    for each in found.due:
        assert not any(hold.in_force and hold.covers(each) for hold in holds)
        assert today >= terms.last_day(each) >= add_months(each.at.astimezone(LONDON).date(), terms.months)
        assert each.at < terms.horizon(today)
    for each, by in found.held:
        assert by.in_force
        assert by.covers(each)
        assert today >= terms.last_day(each)
        assert each.at < terms.horizon(today)
    assert all(today < terms.last_day(each) for each in found.not_yet)
    assert len(found.due) + len(found.held) + len(found.not_yet) == len(recordings)


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(recordings, max_size=6), st.lists(holds, max_size=4), days, st.integers(0, 400), terms)
def test_the_forecast_is_what_the_days_bring(recordings, holds, today, ahead, terms):
    told = {day.day: day for day in forecast(recordings, holds, today, ahead, terms)}
    last = today + timedelta(days=ahead)
    at_the_end = due(recordings, holds, last, terms)
    assert sum(day.due for day in told.values()) == len(at_the_end.due)
    assert sum(day.held for day in told.values()) == len(at_the_end.held)
    first = due(recordings, holds, today, terms)
    assert (told[today].due if today in told else 0) == len(first.due)


@settings(deadline=None)
@given(days, st.integers(0, 200))
def test_months_are_calendar_months(day, months):
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
    assert later.day == day.day or (later + timedelta(days=1)).month != later.month
