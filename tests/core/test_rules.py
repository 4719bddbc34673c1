"""Rules that the law does not allow cannot be made; stricter ones can."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from gate.core.rules import MAX_AGE_DAYS, days_left
from gate.core.terms import Reason
from tests.support.screening import OWN, RULES, screen


@pytest.mark.parametrize("number", ["+447000000000", "+448700000000", "+449098790123", "118500", "02079460999", ""])
def test_law_3_1_a_number_that_may_not_be_shown_is_no_own_number(number: str) -> None:
    with pytest.raises(ValueError, match="own number"):
        replace(RULES, own_numbers=frozenset({OWN, number}))


@pytest.mark.parametrize(
    "changes",
    [
        {"registers": ()},
        {"registers": ("tps", "mps")},
        {"max_age_days": 28},
        {"max_age_days": -1},
        {"redial": timedelta(seconds=-1)},
    ],
)
def test_an_illegal_rule_cannot_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        replace(RULES, **changes)


def test_rules_may_be_stricter_than_the_law() -> None:
    assert screen(max_age_days=0).reason is Reason.REGISTER_STALE
    assert screen(max_age_days=1).allowed


def test_law_1_4_days_left() -> None:
    assert days_left(date(2026, 3, 2), date(2026, 3, 2)) == MAX_AGE_DAYS == 27
    assert days_left(date(2026, 3, 2), date(2026, 3, 29)) == 0
    assert days_left(date(2026, 3, 2), date(2026, 3, 30)) == -1
