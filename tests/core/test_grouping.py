"""Numbers as people write them, held to what libphonenumber makes of every area code."""

from __future__ import annotations

from types import SimpleNamespace

import phonenumbers
import pytest

from gate.core.letters import FIELDS
from gate.core.numbers import mask
from gate.showing import grouped, grouped_in, many

WRITTEN = [
    ("+441134960000", "0113 496 0000"),
    ("+442079460000", "020 7946 0000"),
    ("+441632960000", "01632 960000"),
    ("+441914980123", "0191 498 0123"),
    ("+447700900123", "07700 900123"),
    ("+448081570123", "0808 157 0123"),
    ("+443069990123", "0306 999 0123"),
    ("+448001111", "0800 1111"),
    ("+33199000000", "+33199000000"),
    ("", ""),
    ("listed_tps", "listed_tps"),
]


@pytest.mark.parametrize(("number", "written"), WRITTEN)
def test_numbers_are_grouped_as_ofcom_writes_them(number: str, written: str) -> None:
    assert grouped(number) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+441134960010", "0113 4** **10"),
        ("+442079460023", "020 79** **23"),
        ("+441632960023", "01632 ****23"),
        ("+447700900023", "07700 ****23"),
        ("+33199000023", "+33199****23"),
    ],
)
def test_what_is_hidden_stays_hidden(number: str, written: str) -> None:
    assert grouped(mask(number)) == grouped(grouped(mask(number))) == written


def test_numbers_in_a_text_are_grouped_and_nothing_else_is() -> None:
    assert grouped_in(f"call +442079460123, not {mask('+441134960010')}!") == "call 020 7946 0123, not 0113 4** **10!"
    for text in (
        "2026-07-15T13:32:10+00:00",
        "dialgate.example+442079ab+AZz",
        "ab+442079460123",
        "+44207946012345",
        "+44 20 79",
        "id 442079460123",
    ):
        assert grouped_in(text) == text


def test_the_lengths_of_area_codes_are_libphonenumbers() -> None:
    def theirs(national: str) -> str:
        number = phonenumbers.PhoneNumber(country_code=44, national_number=int(national))
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)

    codes = [str(code) for code in range(1000, 10000) if str(code)[0] not in "46"]
    codes += [f"{code}{digit}" for code in ("1387", "1524", "1539", "1697", "1768", "1946") for digit in range(10)]
    for code in codes:
        whole = code.ljust(10, "0")
        assert grouped(f"+44{whole}") == theirs(whole)
        if code[0] == "1" and code[1] not in "01" and code[2] != "1":
            assert grouped(f"+44{whole[:9]}") == theirs(whole[:9])


def test_one_thing_and_several() -> None:
    assert [many(1, "call"), many(2000, "call"), many(0, "row")] == ["1 call", "2,000 calls", "0 rows"]
    assert [many(1, "leaf"), many(786, "leaf")] == ["1 leaf", "786 leaves"]
    assert [many(2, "record of a call"), many(3, "entry of an objection")] == [
        "2 records of a call",
        "3 entries of an objection",
    ]
    assert [many(1, "copy"), many(2, "older entry"), many(3, "day")] == ["1 copy", "2 older entries", "3 days"]


def test_a_verb_goes_with_its_number() -> None:
    assert [many(number, "call", "stays") for number in (1, 2)] == ["1 call stays", "2 calls stay"]
    words = {"is": "are", "was": "were", "has": "have", "does": "do", "waits": "wait"}
    assert {one: many(0, "row", one).split()[-1] for one in words} == words


def test_a_letter_counts_what_a_statement_stands_beside():
    beside = ("objection", "consent", "consent", "call", "call", "recording")
    text = FIELDS["beside"].text(SimpleNamespace(beside=beside), None)
    assert text == (
        "our entry of an objection, 2 entries of a consent, 2 records of a call and our recording of a call"
    )
