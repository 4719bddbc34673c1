"""Which number a call shows: one of the firm's own, or one that the rules refuse; never what came as it came."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.dial_plan import presented
from gate.core.numbers import NumberRefused, parse
from gate.core.terms import Reason
from tests.support.examples import examples
from tests.support.screening import screen

OWN, ASKED, SECOND, OTHER = "+442079460000", "+442079460001", "+441632960100", "+447700900123"
MAY = (ASKED, SECOND)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        *(([], OWN), ([""], OWN), (["alice"], OWN), (["201"], OWN), (["999"], OWN)),
        *((["1000001"], OWN), (["asterisk"], OWN)),
        *((["02079460001"], ASKED), (["+44 (0)20 7946 0001"], ASKED), (["00442079460001"], ASKED)),
        *((["02079460001;phone-context=+44"], ASKED), (["01632960100"], SECOND), ([OWN], OWN)),
        *(([ASKED, "0207 946 0001"], ASKED), (["alice", ASKED], ASKED)),
    ],
)  # fmt: skip
def test_law_3_1_a_number_of_the_list_is_shown_in_its_one_form(asked: list[str], shown: str) -> None:
    assert presented(asked, MAY, OWN) == shown
    assert presented(asked, (), OWN) == OWN  # without a list nothing can be asked for


@pytest.mark.parametrize(
    "asked",
    [
        *([OTHER], ["07700900123"], ["+33142685300"], ["+44207946000"], ["0"], ["00000000"], ["12345678"]),
        *(["+1"], ["0201;phone-context=pbx"], [ASKED, SECOND], [ASKED, OTHER], [OWN, ASKED], ["+442079460002"]),
    ],
)
def test_law_3_2_any_other_number_is_refused_and_not_kept(asked: list[str]) -> None:
    shown = presented(asked, MAY, OWN)
    told = screen(presentation=shown, own_numbers=frozenset({OWN, ASKED, SECOND, "+442079460002"}))
    assert told.reason is Reason.CLI_NOT_OWNED
    assert "*" in shown
    with pytest.raises(NumberRefused):
        parse(shown)
    assert presented(asked, (), OWN) == OWN


SAID = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="0123456789+- ();=", max_size=20),
    st.sampled_from([OWN, ASKED, SECOND, OTHER, "02079460001", "alice", "201"]),
)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(SAID, max_size=3))
def test_law_3_1_what_is_shown_is_the_firms_own_or_refused(asked: list[str]) -> None:
    shown = presented(asked, MAY, OWN)
    told = screen(presentation=shown, own_numbers=frozenset({OWN, *MAY, OTHER}))
    assert shown in (OWN, *MAY) or told.reason is Reason.CLI_NOT_OWNED
