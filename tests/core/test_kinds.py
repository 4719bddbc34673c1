"""What a number is and costs, by name; and the kinds that no marketing call goes to."""

from __future__ import annotations

import pytest

from gate.core.numbers import NumberRefused, parse
from gate.core.rules import BLOCKABLE, Cost, cost, named
from gate.core.terms import Consent, Purpose, Reason
from tests.support.screening import NOON, allowed, blocked, number_of, screen

KINDS = {
    "070 1234 5678": "personal",
    "076 1234 5678": "pager",
    "0845 123 4567": "084",
    "0845 4647": "084",
    "+44 870 123 4567": "087",
    "0800 1111": "helpline",
    "0808 800 5000": "helpline",
}


@pytest.mark.parametrize(("raw", "name"), KINDS.items())
def test_no_marketing_call_goes_to_these_unless_the_firm_allows_it(raw: str, name: str) -> None:
    assert named(parse(raw)) == name
    assert BLOCKABLE[name] in blocked(Reason.DESTINATION_NOT_ALLOWED, raw_number=raw)
    consent = Consent("c1", given_at=NOON, learnt=1)
    assert screen(raw_number=raw, consents=(consent,)).reason is Reason.DESTINATION_NOT_ALLOWED
    assert screen(raw_number=raw, block=frozenset(BLOCKABLE) - {name}).reason is Reason.NOT_LISTED
    assert screen(raw_number=raw, purpose=Purpose.SERVICE).reason is Reason.SERVICE_CALL


@pytest.mark.parametrize(
    "raw", ["020 7946 0000", "07700 900123", "0800 123 4567", "0808 157 0000", "0300 123 4567", "07624 123456"]
)
def test_the_others_are_called(raw: str) -> None:
    assert named(parse(raw)) == ""
    allowed(raw_number=raw)


@pytest.mark.parametrize(
    ("raw", "charge"),
    [
        ("020 7946 0000", Cost.STANDARD),
        ("0300 123 4567", Cost.STANDARD),
        ("01534 123456", Cost.STANDARD),
        ("07700 900123", Cost.MOBILE),
        ("07797 123456", Cost.VARIES),
        ("0808 157 0000", Cost.FREE),
        ("0845 123 4567", Cost.SERVICE_CHARGE),
        ("0909 879 0000", Cost.PREMIUM),
        ("070 1234 5678", Cost.VARIES),
        ("076 1234 5678", Cost.VARIES),
        ("+33 1 23 45 67 89", Cost.INTERNATIONAL),
    ],
)
def test_a_call_costs(raw: str, charge: Cost) -> None:
    assert cost(parse(raw)) is charge


@pytest.mark.parametrize(("raw", "what"), [("055 1234 5678", "corporate numbers"), ("+44 56 1234 5678", "VoIP")])
def test_numbers_of_no_subscriber_are_named(raw: str, what: str) -> None:
    refused = number_of(raw)
    assert isinstance(refused, NumberRefused)
    assert what in refused.explanation
    assert refused.code is Reason.NUMBER_INVALID
