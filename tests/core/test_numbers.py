"""One canonical number: every spelling of it, and everything that is none. Tests bear the numbers of the LAW rules."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core import numbers
from gate.core.numbers import Kind, Number, NumberRefused, is_emergency_or_short, mask, parse, presentable
from gate.core.terms import Reason
from tests.support.examples import examples
from tests.support.spellings import drama_numbers, plain_spellings, spellings

VECTORS = json.loads((Path(__file__).parents[1] / "data/vectors/numbers.json").read_text(encoding="utf-8"))


def refused(raw: str) -> NumberRefused:
    with pytest.raises(NumberRefused) as caught:
        parse(raw)
    return caught.value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["raw"] or "empty")
def test_law_6_2_vectors(vector: dict[str, str | None]) -> None:
    raw = str(vector["raw"])
    if vector["e164"] is None:
        assert refused(raw).explanation
    else:
        assert parse(raw).e164 == vector["e164"]


def test_law_6_1_a_number_of_ten_digits_may_begin_with_one_of_nine() -> None:
    assert numbers.begins_with("+441632960120") == "+44163296012"
    assert numbers.begins_with("+448001570120") == "+44800157012"
    for e164 in ("+44163296012", "+442079460120", "+447700900120", "+448081570120", "+353123456789", ""):
        assert numbers.begins_with(e164) == ""


def test_law_3_5_what_is_for_help_is_known_without_a_route() -> None:
    for raw in ("999", "9-112", "tel:18000", "+44101", "116 123", "141999", "*31#112", "#31# 999", "*67112"):
        assert numbers.is_for_help(raw)
    for raw in ("118500", "1471", "999 1", "", "02079460999", "help", "1419991", "141118", "*31#101", "*999"):
        assert not numbers.is_for_help(raw)


def test_law_3_5_a_hash_at_the_end_or_the_services_name_is_a_call_for_help() -> None:
    routed = ("999", "112", "101")
    for raw, number in {"999#": "999", "9112#": "112", "141999#": "999", "+44999#": "999", "101#": "101"}.items():
        assert numbers.is_for_help(raw)
        assert numbers.emergency_number(raw, routed) == number
    for raw in ("urn:service:sos", "URN:service:SOS.police", "urn:service:sos.fire"):
        assert numbers.is_for_help(raw)
        assert numbers.emergency_number(raw, routed) == "999"
        assert numbers.emergency_number(raw, ("112",)) == "112"
        assert numbers.emergency_number(raw, ("101",)) == ""
    for raw in ("999##", "#999", "999#1", "urn:service:sosx", "urn:service:counseling", "x urn:service:sos"):
        assert not numbers.is_for_help(raw)
        assert not numbers.emergency_number(raw, routed)


def test_law_3_5_a_prefix_that_hides_the_number_hides_no_call_for_help() -> None:
    assert numbers.emergency_number("141999", ("999", "112")) == "999"
    assert numbers.emergency_number("*31#112", ("999", "112")) == "112"
    assert numbers.emergency_number("*31#112", ("999",)) == ""
    assert numbers.emergency_number("141020", ("999",)) == ""


# --- one number, many spellings (LAW 6.2) ---------------------------------------------------------------------------


@settings(max_examples=examples(300), deadline=None)
@given(st.data(), drama_numbers())
def test_law_6_2_every_spelling_is_one_number(data: st.DataObject, e164: str) -> None:
    assert parse(data.draw(spellings(e164))).e164 == e164


@pytest.mark.deep
@settings(max_examples=examples(400), deadline=None)
@given(st.data(), st.from_regex(r"\A(?:[1-3789][0-9]{9}|1[0-9]{8}|800[0-9]{6}|8001111|8454647)\Z"))
def test_the_strict_reading_and_the_library_agree(data: st.DataObject, national: str) -> None:
    """Whatever is read as a UK number is the number that ``phonenumbers`` reads, allocated or not."""
    raw = data.draw(plain_spellings("+44" + national))
    theirs = phonenumbers.parse(raw.replace("\u202d", ""), "GB")  # the library does not know this invisible mark
    ours = parse(raw)
    assert ours.e164 == phonenumbers.format_number(theirs, phonenumbers.PhoneNumberFormat.E164)
    assert phonenumbers.is_possible_number(theirs)
    if phonenumbers.is_valid_number(theirs):
        region = phonenumbers.region_code_for_number(theirs)
        assert ours.jurisdiction == region or ours.kind in (Kind.PAGER, Kind.PREMIUM)
        assert ours.kind in LIBRARY_KINDS[phonenumbers.number_type(theirs)]


LIBRARY_KINDS = {
    phonenumbers.PhoneNumberType.FIXED_LINE: {Kind.GEOGRAPHIC},
    phonenumbers.PhoneNumberType.MOBILE: {Kind.MOBILE},
    phonenumbers.PhoneNumberType.TOLL_FREE: {Kind.FREEPHONE},
    phonenumbers.PhoneNumberType.PREMIUM_RATE: {Kind.PREMIUM, Kind.REVENUE_SHARE},
    phonenumbers.PhoneNumberType.SHARED_COST: {Kind.REVENUE_SHARE},
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: {Kind.PERSONAL},
    phonenumbers.PhoneNumberType.PAGER: {Kind.PAGER},
    phonenumbers.PhoneNumberType.UAN: {Kind.NON_GEOGRAPHIC},
    phonenumbers.PhoneNumberType.VOIP: set(),
}


@settings(max_examples=examples(500), deadline=None)
@given(st.text(alphabet="0123456789+", min_size=1, max_size=17))
def test_no_digits_are_read_otherwise_than_by_the_library(raw: str) -> None:
    try:
        ours = parse(raw)
    except NumberRefused:
        return
    assert ours.e164 == phonenumbers.format_number(phonenumbers.parse(raw, "GB"), phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize("region", ["GB", "JE", "GG", "IM"])
@pytest.mark.parametrize("kind", phonenumbers.PhoneNumberType.values())
def test_law_6_1_what_the_library_gives_as_an_example_is_read(region: str, kind: int) -> None:
    """Every kind of valid number under +44 but 05 (corporate and VoIP numbers), which LAW 6.1 leaves out."""
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    spelled = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    if e164.startswith("+445"):
        assert refused(e164).code is refused(spelled).code is Reason.NUMBER_INVALID
    else:
        assert parse(e164).e164 == parse(spelled).e164 == e164
        assert parse(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.RFC3966)).e164 == e164


@settings(max_examples=examples(200), deadline=None)
@given(drama_numbers())
def test_canonical_is_a_fixed_point(e164: str) -> None:
    assert parse(parse(e164).e164) == parse(e164)


def test_law_6_2_parameters_of_telephone_uris() -> None:
    assert parse("tel:79460000;phone-context=+4420").e164 == "+442079460000"
    assert parse("tel:02079460000;phone-context=example.invalid").e164 == "+442079460000"
    assert parse("sip:79460000;phone-context=%2B4420@example.invalid;user=phone").e164 == "+442079460000"
    for raw in (
        "tel:+442079460000;ext=5",
        "tel:+442079460000;EXT=5",
        "tel:+442079460000;isub=1",
        "tel:+442079460000;postd=55",
        "sip:+442079460000;ext=5@example.invalid",
        "tel:79460000;phone-context=example.invalid",
    ):
        assert refused(raw).code is Reason.NUMBER_INVALID, raw


@pytest.mark.parametrize(
    "raw",
    [
        "sip:example.invalid",
        "sip:@example.invalid",
        "sip:02079460000",
        "sip:02079460000@",
        "sip:02079460000@a@b",
        "sip:alice@example.invalid",
        "sip:anonymous@anonymous.invalid",
        "tel:",
        "tel:;ext=5",
        "http://02079460000@example.invalid",
        "02079460000;",
        "02079460000;02079460001",
        "02079460000;user=phone;;",
        '"Alice" <sip:02079460000@example.invalid>',
    ],
)
def test_uris_without_exactly_one_number(raw: str) -> None:
    assert refused(raw).code is Reason.NUMBER_INVALID


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("44163296012.0", "decimal"),
        ("07700900123 ext 5", "extension"),
        ("07700900123 ext.5", "extension"),
        ("07700900123x5", "extension"),
        ("07700900123#5", "extension"),
        ("01632 96012 (3)", "extension"),
        ("147002079460000", "prefix"),
        ("147102079460000", "prefix"),
        ("1800102079460000", "prefix"),
        ("02079460000/02079460001", "more than one"),
        ("02079460000 or 02079460001", "more than one"),
        ("02079460000 02079460001", "too many digits"),
        ("0207946000", "11 digits"),
        ("020794600000", "digits"),
        ("+44 20 7946 00000", "too few or too many"),
        ("2079460000", "leading 0"),
        ("79460000", "leading 0"),
        ("0800 FLOWERS", "not a telephone number"),
        ("02079460000²", "signs"),
        ("0207946000①", "signs"),
        ("0207946\n0000", "not a telephone number"),
        ("0207946\x000000", "not a telephone number"),
        ("+44+2079460000", "not a telephone number"),
        ("++442079460000", "not a telephone number"),
        ("+0442079460000", "digits"),
        ("+00442079460000", "digits"),
        ("-", "not a telephone number"),
        ("   ", "No number"),
        ("0" * 300, "too long"),
    ],
)
def test_law_6_2_refused_with_a_sentence_that_helps(raw: str, word: str) -> None:
    error = refused(raw)
    assert error.code is Reason.NUMBER_INVALID
    assert word in error.explanation
    assert str(error) == error.explanation


@pytest.mark.parametrize(
    "raw",
    ["14102079460000", "141 020 7946 0000", "141+442079460000", "141442079460000", "#31#02079460000", "*6702079460000"],
)
def test_law_3_2_a_prefix_that_hides_is_refused_not_repaired(raw: str) -> None:
    assert refused(raw).code is Reason.IDENTITY_WITHHELD


def test_glasgow_without_its_zero_is_not_taken_for_141() -> None:
    assert refused("1414960000").code is Reason.NUMBER_INVALID
    assert refused("1414400000").code is Reason.NUMBER_INVALID
    assert parse("0141 496 0000").e164 == "+441414960000"


# --- shapes of UK numbers (LAW 6.1), islands (6.3), abroad (6.4) ----------------------------------------------------


def test_law_6_1_lengths() -> None:
    assert parse("01632 96012").e164 == "+44163296012"
    assert parse("0800 111111").e164 == "+44800111111"
    assert parse("0800 1111").e164 == "+448001111"
    for raw in ("02079 46000", "07700 90012", "0300 123456", "0800 1112", "0845 4648", "0163296", "+441632960"):
        assert refused(raw).code is Reason.NUMBER_INVALID, raw


@pytest.mark.parametrize("first", "0456")
def test_law_6_1_first_digit(first: str) -> None:
    assert refused(f"+44{first}632960123").code is Reason.NUMBER_INVALID


@pytest.mark.parametrize(
    ("e164", "kind"),
    [
        ("+441632960123", Kind.GEOGRAPHIC),
        ("+442079460000", Kind.GEOGRAPHIC),
        ("+443069990123", Kind.NON_GEOGRAPHIC),
        ("+447700900123", Kind.MOBILE),
        ("+448081570123", Kind.FREEPHONE),
        ("+449098790123", Kind.PREMIUM),
        ("+447000000000", Kind.PERSONAL),
        ("+447600000000", Kind.PAGER),
        ("+447624000000", Kind.MOBILE),
        ("+448400000000", Kind.REVENUE_SHARE),
        ("+448700000000", Kind.REVENUE_SHARE),
        ("+448200000000", Kind.OTHER),
    ],
)
def test_kinds(e164: str, kind: Kind) -> None:
    assert parse(e164).kind is kind


@pytest.mark.parametrize(
    ("raw", "jurisdiction"),
    [
        *(("01534 000000", "JE"), ("07797 000000", "JE"), ("07700 300000", "JE"), ("01481 000000", "GG")),
        *(("07781 000000", "GG"), ("07911 100000", "GG"), ("01624 000000", "IM"), ("07624 000000", "IM")),
        *(("07700 900123", "GB"), ("07911 000000", "GB"), ("020 7946 0000", "GB")),
    ],
)
def test_law_6_3_islands_share_44(raw: str, jurisdiction: str) -> None:
    assert parse(raw).jurisdiction == jurisdiction


def test_law_6_4_other_countries_are_told_apart() -> None:
    example = phonenumbers.example_number_for_type("FR", phonenumbers.PhoneNumberType.PREMIUM_RATE)
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert parse(e164) == Number(e164, "FR", Kind.PREMIUM)
    assert parse("00" + e164[1:]).e164 == e164
    assert parse("+1 202 555 0123").jurisdiction == "US"  # 555 0100-0199 are fictional numbers in North America
    for raw in ("+1 202 555 012", "+999 12345678", "+7", "0033"):
        assert refused(raw).code is Reason.NUMBER_INVALID, raw


@settings(max_examples=examples(200), deadline=None)
@given(drama_numbers())
def test_law_6_5_drama(e164: str) -> None:
    assert numbers.is_drama(e164)


def test_law_6_5_outside_drama() -> None:
    for e164 in (
        "+442079461000",
        "+441632961000",
        "+447700901000",
        "+441124960000",
        "+441914960000",
        "+44207946000",
        "",
    ):
        assert not numbers.is_drama(e164), e164


# --- emergency and short numbers (LAW 3.5) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        *("999", "112", "911", "101", "111", "105", "118500", "118 118", "116123", "1471", "18000", "9 9 9", "９９９"),
        *(
            "tel:999",
            "sip:999@example.invalid",
            "tel:999;phone-context=+44",
            "+44999",
            "0044112",
            "9999",
            "9112",
            "0999",
        ),
    ],
)
def test_law_3_5_emergency_and_short(raw: str) -> None:
    assert is_emergency_or_short(raw)
    error = refused(raw)
    assert error.code is Reason.DESTINATION_NOT_ALLOWED
    assert "direct line" in error.explanation


@pytest.mark.parametrize("raw", ["020 7946 0000", "01632", "0118", "", "anonymous", "12", "1414960000", "x" * 999])
def test_law_3_5_not_short(raw: str) -> None:
    assert not is_emergency_or_short(raw)


# --- own numbers (LAW 3.1) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        *(("+441632960123", True), ("+442079460000", True), ("+443069990123", True), ("+447700900123", True)),
        *(("+448081570123", True), ("+44163296012", True), ("+447624000000", True)),
        *(("+447000000000", False), ("+447600000000", False), ("+448400000000", False), ("+448700000000", False)),
        *(("+449098790123", False), ("+448001111", False), ("118500", False), ("", False), ("02079460000", False)),
        *(("+44 20 7946 0000", False), ("+12025550123", False), ("anonymous", False), ("+4402079460000", False)),
    ],
)
def test_law_3_1_presentable(e164: str, expected: bool) -> None:
    assert presentable(e164) is expected


# --- the parser leaks one exception ---------------------------------------------------------------------------------


def rubbish(seed: int, count: int) -> list[str]:
    dice = random.Random(seed)
    alphabets = (
        string.printable,
        string.digits + "+() -.",
        string.digits + ";=@:%sipteluserextphone-context+",
        "٠１²①𝟘🄁+＋()\u200b\u202e\ud800\udcff\x00\n" + string.digits,
    )
    return ["".join(dice.choices(dice.choice(alphabets), k=dice.randrange(0, 40))) for _ in range(count)]


def test_ten_thousand_lines_of_rubbish() -> None:
    for raw in rubbish(20260303, 10_000):
        try:
            number = parse(raw)
        except NumberRefused as error:
            assert error.code in (Reason.NUMBER_INVALID, Reason.DESTINATION_NOT_ALLOWED, Reason.IDENTITY_WITHHELD)
            assert error.explanation.endswith(".")
        else:
            assert parse(number.e164) == number
        is_emergency_or_short(raw)
        presentable(raw)
        mask(raw)


@settings(max_examples=examples(500), deadline=None)
@given(st.text(max_size=300) | st.text(alphabet="0123456789+ -().;=@:%", max_size=300))
def test_any_text(raw: str) -> None:
    try:
        number = parse(raw)
    except NumberRefused:
        return
    assert parse(number.e164) == number


@pytest.mark.parametrize("raw", [None, 2079460000, b"02079460000"])
def test_what_is_no_text_is_refused(raw: object) -> None:
    assert refused(raw).code is Reason.NUMBER_INVALID  # type: ignore[arg-type]


# --- helpers --------------------------------------------------------------------------------------------------------


def test_a_number_of_another_shape_cannot_exist() -> None:
    with pytest.raises(ValueError, match="not an E"):
        Number("02079460000", "GB", Kind.GEOGRAPHIC)


@settings(max_examples=examples(100), deadline=None)
@given(drama_numbers())
def test_mask_hides_four_digits(e164: str) -> None:
    shown = mask(e164)
    assert shown.count("*") == 4
    assert "".join(char for char in shown if char.isdigit()) == e164[1:-6] + e164[-2:]


def test_mask_reads_well() -> None:
    assert mask("+442079460000") == "+44 20 79** **00"
    assert mask("+447700900123") == "+44 7700 *** *23"
    assert mask("+12025550123") == "+12025****23"
    assert mask("Alice at 20") == "***********"
