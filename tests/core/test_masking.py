"""Numbers hidden wherever they stand, and hidden once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.showing import masked
from tests.support.examples import examples


def test_numbers_are_hidden_by_their_key_in_text_and_in_lists() -> None:
    value = {
        "number": "+442079460123",
        "raw": "020 7946 0123",
        "presentation": "+442079460000",
        "note": "rang +447700900123, then 020 7946 0123 and 01632 960123",
        "items": [{"number": "+441632960123"}, ["+442079460123"]],
    }
    assert masked(value) == {
        "number": "+44 20 79** **23",
        "raw": "*" * 13,
        "presentation": "+442079460000",
        "note": "rang +44 7700 *** *23, then +44 20 79** **23 and +44 1632 *** *23",
        "items": [{"number": "+44 1632 *** *23"}, ["+44 20 79** **23"]],
    }


@pytest.mark.parametrize(
    "text",
    [
        "+44 7700 900123",
        "+44 (0)7700-900-123",
        "0044 7700 900 123",
        "00447700900123",
        "447700900123",
        "44 7700 900123",
        "(07700) 900 123",
        "07700.900.123",
        "07700/900123",
        "07700 - 900123",
    ],
)
def test_a_number_in_a_text_is_hidden_however_people_write_it(text: str) -> None:
    shown = masked({"purpose": f"complaint of {text}, again"})["purpose"]
    assert "7700 *** *23" in shown and "900" not in shown


def test_a_foreign_number_in_a_text_is_hidden_once() -> None:
    once = masked({"why": "ring +33 1 23 45 67 89 or 0049 30 123456789"})
    assert once == {"why": "ring +33123****89 or +4930123****89"}
    assert masked({"why": "+123456789****45"}) == {"why": "+123456789****45"}


@pytest.mark.parametrize(
    "text",
    [
        "01-02-2026 at 10:00",
        "DSR-2026-0001",
        "2026-03-02T10:00:00.123456Z",
        "case 17/2026",
        "6f2c9e0123456789abcdef0123456789",
        "0" * 64,
        "2026-03-02 10:00:05",
        "127.0.0.1:5062",
        "user:ann(1000)",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert masked({"text": text}) == {"text": text}


def test_an_id_or_a_digest_stays_whatever_it_begins_with() -> None:
    ids = ["0635677841f2ac25e74416aed0c1b2a3", "44791234567890aa", "02079460123" + "0c" * 26 + "d"]
    text = f"hold 17: {ids[0]} of {ids[1]}, {ids[2]}"
    assert masked({"recording_id": ids[0], "text": text}) == {"recording_id": ids[0], "text": text}
    assert "7946012" not in masked("ring 02079460123a or 02079460123abcdefz")


def test_a_verifier_key_stays_whatever_its_hash_looks_like() -> None:
    told = {"vkey": "dialgate.example+12345678+AfK2", "pem": "MCow+12345678+"}
    assert masked(told) == told


def test_other_values_stay() -> None:
    value = {"seconds": 31.5, "bridged": True, "code": None, "count": 18_000_000}
    assert masked(value) == value


NUMBERS = st.from_regex(r"\+44(20794600[0-9]{2}|7700900[0-9]{3}|163296[0-9]{3,4})", fullmatch=True)


@given(NUMBERS | NUMBERS.map(lambda number: f"0{number[3:]}"), st.sampled_from(["number", "note", "target"]))
@settings(max_examples=examples(100), deadline=None)
def test_what_is_hidden_once_is_not_hidden_again(number: str, key: str) -> None:
    once = masked({key: number})
    assert masked(once) == once
    assert number not in str(once)


@given(st.dictionaries(st.sampled_from(["number", "raw", "note"]), st.text(max_size=30)))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_stands_there_a_second_look_shows_no_more(value: dict[str, str]) -> None:
    once = masked(value)
    twice = masked(once)
    assert all(twice[key] == once[key] or "*" in twice[key] for key in value)
