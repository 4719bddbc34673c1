"""Outside lines and local numbers: one number comes out, and an emergency call is neither lost nor made (LAW 3.5)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate.core.dial_plan import in_full
from gate.core.numbers import NumberRefused, emergency_number, parse
from gate.core.terms import Reason
from tests.support.examples import examples
from tests.support.spellings import drama_numbers, plain_spellings, spellings

ROUTED = frozenset({"999", "112", "18000", "101", "111"})
STRIPS = st.sampled_from(["", "9", "8", "7", "4", "99", "91", "911", "88"])
AREAS = st.sampled_from(["", "020", "0161", "01632", "016977"])


def e164(raw: str, strip: str = "", area_code: str = "") -> str:
    """The number that is screened and dialled; the reason where there is none."""
    try:
        return parse(in_full(raw, strip, area_code)).e164
    except NumberRefused as refused:
        return refused.code.value


@pytest.mark.parametrize(
    ("raw", "strip", "area_code", "number"),
    [
        ("902079460000", "9", "", "+442079460000"),
        ("02079460000", "9", "", "+442079460000"),
        ("+442079460000", "9", "", "+442079460000"),
        ("9+44 (0)20 7946 0000", "9", "", "+442079460000"),
        ("9-0044-20-7946-0000", "9", "", "+442079460000"),
        ("9442079460000", "9", "", "+442079460000"),
        ("\uff19 020 7946 0000", "9", "", "+442079460000"),
        ("902079460000;phone-context=pbx.invalid", "9", "", "+442079460000"),
        ("802079460000", "8", "", "+442079460000"),
        ("8102079460000", "81", "", "+442079460000"),
        ("560777", "", "01632", "+441632560777"),
        ("9560777", "9", "01632", "+441632560777"),
        ("560777", "9", "01632", "+441632560777"),
        ("56 07 77", "9", "01632", "+441632560777"),
        ("560777;phone-context=+44", "", "01632", "+441632560777"),
        ("9960123", "9", "01632", "+441632960123"),
        ("979460000", "9", "020", "+442079460000"),
        ("7946 0000", "", "020", "+442079460000"),
        ("901632560777", "9", "020", "+441632560777"),
        ("442079460000", "4", "", "+442079460000"),  # whole as it stands
    ],
)
def test_law_6_2_a_number_comes_out_in_full(raw: str, strip: str, area_code: str, number: str) -> None:
    assert e164(raw, strip, area_code) == number


@pytest.mark.parametrize(
    ("raw", "strip", "area_code"),
    [
        ("902079460000", "", ""),
        ("9902079460000", "9", ""),  # one prefix, once
        ("960123", "9", "01632"),  # begins with the prefix, so it has it: five digits are left
        ("56077", "", "01632"),
        ("5607777", "", "01632"),
        ("16077755", "", "020"),
        ("060777", "", "01632"),
        ("990777", "", "01632"),
        ("9990777", "9", "01632"),
        ("560777;ext=1", "", "01632"),
        ("560777;phone-context=+1", "", "01632"),
        ("560777 x5", "", "01632"),
        ("9", "9", "01632"),
        ("", "9", "01632"),
        ("9,02079460000", "9", ""),
        ("alice", "9", "01632"),
        ("9alice", "9", "01632"),
    ],
)
def test_law_6_2_what_is_no_number_stays_none(raw: str, strip: str, area_code: str) -> None:
    assert e164(raw, strip, area_code) == "number_invalid"
    assert emergency_number(in_full(raw, strip, area_code), ROUTED) == ""


def test_law_3_2_a_number_withheld_behind_the_prefix_is_seen() -> None:
    assert e164("914102079460000", "9") == Reason.IDENTITY_WITHHELD.value
    assert in_full("9#31#02079460000", "9", "") == "#31#02079460000"


@settings(max_examples=examples(200), deadline=None)
@given(st.data(), drama_numbers(), st.sampled_from(["9", "8", "91"]), AREAS)
def test_law_6_2_the_prefix_changes_no_number(data: st.DataObject, number: str, strip: str, area_code: str) -> None:
    assert e164(strip + data.draw(plain_spellings(number)), strip, area_code) == number
    whole = data.draw(spellings(number))
    assert in_full(whole, strip, area_code) == whole
    local = number[3:].removeprefix(area_code[1:])
    if area_code and local != number[3:]:
        assert e164(strip + local, strip, area_code) == e164(local, "", area_code) == number


# --- emergency calls ------------------------------------------------------------------------------------------------


def for_help(digits: str, strip: str) -> str:
    """The whole rule, plainly: the numbers themselves, with the country's code, with the prefix; and 0 or 9 before 999
    and 112, as where there is no dial plan."""
    said = {}
    for number in ROUTED:
        forms = {number, f"44{number}", f"0044{number}"}
        forms |= {f"0{number}", f"9{number}"} if number in ("999", "112") else set()
        forms |= {strip + number, f"{strip}0044{number}"} if strip else set()
        said |= dict.fromkeys(forms, number)
    return said.get(digits, "")


PIECES = st.sampled_from(
    ["9", "99", "999", "112", "101", "111", "18000", "911", "0", "00", "44", "0044", "8", "560777"]
)
DIGITS = st.one_of(
    st.text(alphabet="0123456789", max_size=14),
    st.text(alphabet="019", max_size=7),
    st.lists(PIECES, max_size=4).map("".join),
    st.builds(lambda strip, number: strip + number, STRIPS, st.sampled_from(sorted(ROUTED))),
)


@settings(max_examples=examples(1000), deadline=None)
@given(DIGITS, STRIPS, AREAS)
@example("9999", "9", "")
@example("99999", "9", "01632")
@example("99112", "9", "01632")
@example("9112", "91", "")
@example("91112", "91", "")
@example("944999", "9", "01632")
@example("8999", "8", "01632")
@example("89999", "8", "01632")
@example("999560", "9", "01632")
@example("9101", "9", "01632")
@example("44999", "4", "016977")
def test_law_3_5_a_call_for_help_is_neither_lost_nor_made(digits: str, strip: str, area_code: str) -> None:
    read = in_full(digits, strip, area_code)
    assert emergency_number(read, ROUTED) == for_help(digits, strip)
    if for_help(digits, strip):
        with pytest.raises(NumberRefused):
            parse(read)


@settings(max_examples=examples(500), deadline=None)
@given(DIGITS, STRIPS, AREAS)
def test_law_6_2_what_comes_out_is_what_was_dialled(digits: str, strip: str, area_code: str) -> None:
    """The number as it stands, without the prefix, or local: no other one."""
    rest = digits.removeprefix(strip)
    number = e164(digits, strip, area_code)
    if number.startswith("+"):
        whole = {e164(each) for each in (digits, rest)}
        local = {e164(area_code + each) for each in (rest,) if area_code and len(area_code + each) == 11}
        assert number in whole | local


@settings(max_examples=examples(500), deadline=None)
@given(st.text(alphabet="0123456789+*#()-. ;=@:,xtel\uff19\u0661", max_size=20), STRIPS, AREAS)
def test_law_3_5_nor_in_any_other_text(raw: str, strip: str, area_code: str) -> None:
    found = emergency_number(in_full(raw, strip, area_code), ROUTED)
    if found and not emergency_number(raw, ROUTED):
        ascii_digits = raw.partition(";")[0].replace("\uff19", "9").replace("\u0661", "1")
        written = "".join(sign for sign in ascii_digits if sign.isdigit())
        assert strip and written in {strip + found, f"{strip}44{found}", f"{strip}0044{found}"}
