"""Codes of receipts, and what a receipt says."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from gate.core.receipts import GROUNDS, LENGTH, SIGNS, code_of, new_code, receipt_fact, shown
from gate.core.terms import ALLOWING, Decision, Reason, Subscriber, SubscriberKind, Verdict
from tests.support.receipts import CALLER, REGISTERS, SHOWN


def test_codes_are_read_back_as_people_write_them() -> None:
    draw = random.Random(1).randrange
    for _ in range(200):
        code = new_code(draw)
        assert len(code) == LENGTH and set(code) <= set(SIGNS)
        for written in (code, code.lower(), shown(code), f" {code[:3]}-{code[3:6]}\u2013{code[6:]}\n"):
            assert code_of(written) == code
        alike = code.replace("0", "o").replace("1", "l")
        assert code_of(alike) == code


def test_every_wrong_sign_and_every_exchange_of_two_is_found() -> None:
    code = new_code(random.Random(2).randrange)
    for place, right in enumerate(code):
        for sign in set(SIGNS) - {right}:
            with pytest.raises(ValueError, match="not the code"):
                code_of(code[:place] + sign + code[place + 1 :])
    for first in range(LENGTH - 1):
        for second in range(first + 1, LENGTH):
            signs = list(code)
            signs[first], signs[second] = signs[second], signs[first]
            if "".join(signs) != code:
                with pytest.raises(ValueError, match="not the code"):
                    code_of("".join(signs))
    for text in ("", code[:-1], code + "0", "+442079460123", "Ωx", "E" * LENGTH):
        with pytest.raises(ValueError, match="not the code"):
            code_of(text)


def test_a_receipt_tells_the_hour_of_london_and_nothing_of_the_number() -> None:
    number = "+442079460123"
    made = Decision(Verdict.ALLOW, Reason.NOT_LISTED, number, f"{number} is on no list", REGISTERS)
    at = datetime(2026, 7, 3, 9, 59, 59, tzinfo=UTC)
    body = receipt_fact("4K7X2Q9RMR", "c-1", 7, made, at, CALLER, SHOWN).values()
    assert body["hour"] == "2026-07-03T10:00+01:00"
    assert [(each["name"], each["as_of"]) for each in body["registers"]] == [
        ("tps", "2026-03-01"), ("ctps", "2026-03-01"),
    ]  # fmt: skip
    assert "9460123" not in json.dumps(body), "nor in the explanation"
    assert set(GROUNDS) == {each.value for each in ALLOWING} - {Reason.EMERGENCY_CALL.value, Reason.CALL_IN.value}


def test_a_receipt_tells_whose_line_the_firm_had_noted_it_to_be() -> None:
    at = datetime(2026, 7, 3, 9, 59, 59, tzinfo=UTC)
    plain = Decision(Verdict.ALLOW, Reason.NOT_LISTED, "+442079460123", "", REGISTERS)
    for subscriber, says in (
        (Subscriber(), []),
        (Subscriber(SubscriberKind.INDIVIDUAL), ["The firm had noted that the number is a person's."]),
        (
            Subscriber(SubscriberKind.CORPORATE, date(2026, 4, 1)),
            [
                "The firm had noted that the number is a company's.",
                "The firm had noted a new subscriber of the number since 1 April 2026: no consent from before counted.",
            ],
        ),
    ):
        made = replace(plain, subscriber=subscriber)
        found = receipt_fact("4K7X2Q9RMR", "c-1", 7, made, at, CALLER, SHOWN).values()["found"]
        assert found[1:] == says
