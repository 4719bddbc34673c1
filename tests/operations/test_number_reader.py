"""Many spellings read at once are what ``parse`` makes of each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.numbers import Number, NumberRefused
from gate.operations.contacts.bulk_screener import NumberReader, read, sort_of
from tests.support.examples import examples
from tests.support.spellings import drama_numbers, plain_spellings, spellings

ANY = st.one_of(
    drama_numbers().flatmap(spellings),
    st.integers(10**5, 10**11).map(lambda n: f"+44{n}").flatmap(plain_spellings),
    st.text("0123456789+ -.()\t\0x\n", max_size=18),
    st.from_regex(r"\A(\+|00)?44?0?[0-9 ]{6,12}\)?\Z"),
    st.from_regex(r"\A(\+|00)?44?0?[0-9]{6,12}\.0{1,3}\Z"),
    st.text(max_size=20),
)


def agree(raws: list[str]) -> int:
    """Check each; returns how many were read at once."""
    reader = NumberReader()
    keys, sorts = reader.read_many(raws)
    for raw, key, sort in zip(raws, keys.tolist(), sorts.tolist(), strict=True):
        if sort < 0:
            continue
        number = read(raw)
        assert reader.sorts[sort] == sort_of(number), raw
        if isinstance(number, Number):
            assert number.e164 == f"+{key}", raw
    return int((sorts >= 0).sum())


@pytest.mark.deep
@given(st.lists(ANY, min_size=1, max_size=40))
@settings(max_examples=examples(150), deadline=None)
def test_any_text(raws: list[str]) -> None:
    agree(raws)


@given(st.lists(st.integers(10**8, 10**10 - 1), min_size=1, max_size=60))
@settings(max_examples=examples(100), deadline=None)
def test_any_national_number(numbers: list[int]) -> None:
    assert agree([f"0{number}" for number in numbers]) == len(numbers)


def test_numbers_of_one_block_of_seven_digits_are_of_one_sort() -> None:
    for prefix in ("2079460", "1632960", "7700300", "7624001", "1481200", "7911100", "7457600", "9098790", "8001110"):
        for width in (2, 3):
            raws = [f"0{prefix}{rest:0{width}}" for rest in range(10**width)]
            sorts = {sort_of(read(raw)) for raw in raws}
            assert len(sorts) == 1, (prefix, width)


def test_usual_spellings_are_read_at_once() -> None:
    raws = ["02079460000", "+442079460000", "020 7946 0000", "(020) 7946-0000", "+44 (0)20 7946 0000", "00442079460000"]
    raws += ["442079460000", "0044 (0) 20.7946.0000", " 01632 960000 ", "01204 20000", "+44 1204 20000"]
    assert agree(raws) == len(raws)


def test_what_is_not_plain_is_left_alone() -> None:
    raws = ["020 7946 0000)", "0２0 7946 0000", "", "\n", "0" * 300 + "2079460000", "0207946000\0", "tel:02079460000"]
    raws += [" " * 300 + "02079460000", "02079460000\n", "+4402079460000000", "999", "0044 999"]
    assert agree(raws) == 0


def test_a_refusal_holds_on_to_nothing() -> None:
    refused = read("n/a")
    assert isinstance(refused, NumberRefused) and refused.__traceback__ is None and refused.__context__ is None
