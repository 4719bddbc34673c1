"""Emergency and short numbers (LAW 3.5): which go the emergency route, and that nothing else ever does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.numbers import NumberRefused, emergency_number, is_emergency_or_short, may_be_routed, parse
from gate.core.rules import Rules
from gate.core.screening import decide
from gate.core.terms import Decision, Reason, Topic
from tests.support.examples import examples
from tests.support.screening import ATTEMPT, NOON, RULES

ROUTED = frozenset({"999", "112", "101"})
WITH_ROUTE = replace(RULES, emergency_numbers=ROUTED)


def decided(raw: str, rules: Rules = WITH_ROUTE, **changes: object) -> Decision:
    """The decision with no register at hand."""
    number: object
    try:
        number = parse(raw)
    except NumberRefused as refused:
        number = refused
    return decide(
        replace(ATTEMPT, raw_number=raw, **changes),  # type: ignore[arg-type]  # fields by name
        number=number,  # type: ignore[arg-type]  # one of the two
        registers=(),
        consents=(),
        objections=(),
        stops=(),
        last_unattended=None,
        rules=rules,
        now=NOON,
    )


@pytest.mark.parametrize(
    ("raw", "dialled"),
    [
        *(("999", "999"), ("112", "112"), ("101", "101"), (" 9 9 9 ", "999"), ("9-9-9", "999"), ("999#", "999")),
        *(("9999", "999"), ("0999", "999"), ("9112", "112"), ("0112", "112")),
        *(("+44999", "999"), ("0044112", "112"), ("tel:999", "999"), ("tel:112;phone-context=+44", "112")),
        *(("sip:999@gate.invalid", "999"), ("999;user=phone", "999"), ("\uff19\uff19\uff19", "999")),
    ],
)
def test_law_3_5_a_number_for_help_is_allowed_before_everything_else(raw: str, dialled: str) -> None:
    for changes in ({}, {"withheld": True}, {"presentation": ""}, {"presentation": "+442079460001"}):
        found = decided(raw, **changes)
        assert (found.allowed, found.reason, found.number) == (True, Reason.EMERGENCY_CALL, dialled), changes
    assert decided(raw, topic=Topic.CLAIMS).allowed
    assert decided(raw, RULES).reason is Reason.DESTINATION_NOT_ALLOWED  # no route: refused, with advice
    assert "direct line" in decided(raw, RULES).explanation


@pytest.mark.parametrize(
    "raw",
    [
        *("111", "118500", "118118", "116123", "911", "1471", "100", "123", "18000"),
        *("99", "9990", "99999", "999999", "1122", "112112", "999 020 7946 0000", "9992079460000", "99902079460000"),
        *("999;ext=1", "999x1", "999,02079460000", "*999", "1470999", "+1999", "+33112", "00999"),
        *("999@", "sip:@999", "tel:02079460000;phone-context=+44999", "02079460000;phone-context=999", ""),
    ],
)
def test_law_3_5_no_other_number_gets_that_way(raw: str) -> None:
    assert emergency_number(raw, ROUTED) == ""
    assert decided(raw).reason is not Reason.EMERGENCY_CALL


@settings(max_examples=examples(400), deadline=None)
@given(st.text(alphabet="0123456789+*#()-. ;=@:,xXtelsip\uff19\u0661", max_size=24))
def test_law_3_5_what_comes_out_is_one_of_the_numbers_and_no_telephone_number(raw: str) -> None:
    found = emergency_number(raw, ROUTED)
    assert found in {"", *ROUTED}
    if found:
        assert is_emergency_or_short(raw)
        with pytest.raises(NumberRefused):
            parse(raw)
        assert decided(raw).number == found


@pytest.mark.parametrize(
    "short", ["118", "118500", "911", "1471", "141", "100", "123", "", "9", "02079460000", "11612"]
)
def test_law_6_4_no_number_that_costs_or_is_no_help_can_be_given_a_route(short: str) -> None:
    assert not may_be_routed(short)
    with pytest.raises(ValueError, match="no emergency number"):
        replace(RULES, emergency_numbers=frozenset({"999", short}))


def test_law_3_5_the_numbers_that_may_have_a_route() -> None:
    numbers = frozenset({"999", "112", "18000", "101", "105", "111", "116000", "116123"})
    assert replace(RULES, emergency_numbers=numbers).emergency_numbers == numbers
