"""What a licence covers."""

from __future__ import annotations

import pytest

from gate.errors import RegisterError
from gate.registers.coverage import FULL, Coverage, checked_coverage, key_ranges, parse_coverage


@pytest.mark.parametrize(
    ("text", "coverage"),
    [("full", (FULL,)), ("020", ("020",)), (" 01632, 020,020", ("01632", "020")), ("02,020", ("02", "020"))],
)
def test_a_coverage_is_full_or_codes(text: str, coverage: tuple[str, ...]) -> None:
    assert parse_coverage(text) == coverage


@pytest.mark.parametrize("text", ["", "full,020", "20", "+4420", "020;01632", "0", "02O", "FULL", "020,", "０２０"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RegisterError, match="coverage"):
        parse_coverage(text)


def test_no_codes_at_all_are_refused() -> None:
    with pytest.raises(RegisterError, match="empty"):
        checked_coverage(())


@pytest.mark.parametrize(
    ("number", "covered"),
    [
        ("+442079460000", True),
        ("+441632960000", True),
        ("+44163296000", True),
        ("+441134960000", False),
        ("+447700900000", False),
        ("+33123456789", False),
        ("+4420", True),
        ("+44", False),
        ("", False),
        ("02079460000", False),
    ],
)
def test_only_numbers_under_the_codes_are_covered(number: str, covered: bool) -> None:
    assert (number in Coverage(("01632", "020"))) is covered


def test_the_whole_country_is_the_country_and_no_other() -> None:
    full = Coverage((FULL,))
    assert "+441134960000" in full
    assert "+441624960000" in full  # the Isle of Man's register is the TPS (LAW 6.3)
    assert "+33123456789" not in full
    assert "+442079460000" not in Coverage(())


def test_ranges_do_not_overlap() -> None:
    assert key_ranges(("02", "020", "01632")) == [
        (44_163_200_000, 44_163_300_000),
        (441_632_000_000, 441_633_000_000),
        (44_200_000_000, 44_300_000_000),
        (442_000_000_000, 443_000_000_000),
    ]
