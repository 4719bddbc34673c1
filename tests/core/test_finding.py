"""One line to find calls by."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gate.core.days import LONDON
from gate.core.finding import Sought, sought, terms

TODAY = date(2026, 11, 29)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("25/11 14:00-14:30 alice listed", Sought(at(25, 14), at(25, 14, 30), "alice listed")),
        ("alice 25/11", Sought(at(25), at(26), "alice")),
        ("yesterday", Sought(at(28), at(29), "")),
        ("14:30", Sought(at(29, 14, 15), at(29, 14, 45), "")),
        ("25/11-27/11 tps", Sought(at(25), at(28), "tps")),
        ("2026-11-25 23:50-00:10", Sought(at(25, 23, 50), at(26, 0, 10), "")),
        ("25/11-", Sought(at(25), None, "")),
        ("020 7946 0123", Sought(None, None, "020 7946 0123")),
        ("sat alice may", Sought(None, None, "sat alice may")),
        ("last week alice", Sought(at(16), at(23), "alice")),
        ("This Week", Sought(at(23), at(30), "")),
        ("this month tps", Sought(at(1), at(30), "tps")),
        ("last month", Sought(datetime(2026, 10, 1, tzinfo=LONDON), at(1), "")),
        ("the last weekend", Sought(None, None, "the last weekend")),
        ("", Sought(None, None, "")),
    ],
)
def test_days_and_times_make_a_period_and_the_rest_is_words(line: str, found: Sought) -> None:
    assert sought(line, TODAY) == found


def test_it_is_said_how_a_line_was_understood() -> None:
    assert sought("25/11 14:00-14:30 alice", TODAY).said == "25 Nov 2026 14:00 to 14:30, alice"
    assert sought("25/11", TODAY).said == "25 Nov 2026"
    assert sought("last week", TODAY).said == "16 Nov 2026 to 22 Nov 2026"
    assert sought("25/11-", TODAY).said == "from 25 Nov 2026 00:00"


def test_a_number_with_spaces_is_one_word() -> None:
    assert terms("alice 020 7946 0123 listed") == ["alice", "020 7946 0123", "listed"]
