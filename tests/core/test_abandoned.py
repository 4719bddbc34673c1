"""LAW 3.4 and 7.8: which answered call found nobody, what its callee was told, and when a rate is too high."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gate.core.abandoned import Ending, Tally, Why, campaign_named, message_lacks, uninformed, why_abandoned

NOW = datetime(2027, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (Ending("caller", False, 0.0), Why.CALLER_LEFT),
        (Ending("gate", False, 0.0), Why.GATE),
        (Ending("trunk", False, 0.0), Why.GATE),
        (Ending("callee", False, 0.0), None),
        (Ending("caller", True, 1.9), Why.BRIEF),
        (Ending("gate", True, 0.1), Why.GATE),
        (Ending("caller", True, 2.0), None),
        (Ending("callee", True, 0.1), None),
        (Ending("caller", True, 0.5, objected=True), None),
        (Ending("gate", True, None), None),
        (Ending("callee", True, 30.0, silent="caller"), Why.SILENT),
        (Ending("caller", True, 30.0, silent="both"), Why.SILENT),
        (Ending("caller", True, 30.0, silent="callee"), None),
    ],
)
def test_law_7_8_which_call_is_abandoned(ending: Ending, why: Why | None) -> None:
    assert why_abandoned(ending, 2.0) is why


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("This is Webeo. Ring 0800 496 0123.", ""),
        ("this is WEBEO, ring +44 800 496 0123", ""),
        ("This is Webeo. Press 9.", "no_number"),
        ("Ring 0800 496 0123.", "no_name"),
        ("", "no_name"),
    ],
)
def test_law_7_8_the_information_message_has_a_name_and_a_number(text: str, lacks: str) -> None:
    assert message_lacks(text, ("Webeo", ""), ("+448004960123", "")) == lacks


def test_law_7_8_who_was_told_in_time_and_to_the_end_was_told() -> None:
    on_time, late = NOW + timedelta(seconds=2), NOW + timedelta(seconds=2.1)
    assert uninformed(NOW, on_time, whole=True, lacks="") == ""
    assert uninformed(NOW, on_time, whole=True, lacks="no_name") == "no_name"
    assert uninformed(NOW, late, whole=True, lacks="") == "late"
    assert uninformed(NOW, on_time, whole=False, lacks="") == "cut"
    assert uninformed(NOW, None, whole=True, lacks="") == "not_played"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("spring", ("spring", False)),
        (" spring-2.b ; agent=dedicated", ("spring-2.b", True)),
        ("spring;agent=none", None),
        ("07700900123", None),
        ("x" * 41, None),
        ("spring\u00e9", None),
        ("", None),
    ],
)
def test_the_name_of_a_campaign_is_nobodys_number(value: str, named: tuple[str, bool] | None) -> None:
    assert campaign_named(value) == named


@pytest.mark.parametrize(
    ("abandoned", "live", "reached"),
    [(1, 2, False), (2, 0, False), (3, 0, True), (3, 97, True), (3, 98, False), (30, 970, True), (29, 971, False)],
)
def test_law_7_8_a_rate_of_few_calls_counts_as_one_of_a_hundred(abandoned: int, live: int, reached: bool) -> None:
    tally = Tally(abandoned, live)
    assert tally.reaches(3.0, 100) is reached
    assert not tally.reaches(0.0, 100), "0: never"
