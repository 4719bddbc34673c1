"""Values as the console shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec import defstruct
from msgspec.structs import replace

from console import words
from console.modes.reports import month_of
from console.modes.row import row_sections
from console.theme import BAD, LOUD, OK, PLAIN, WARN
from gate.core.evidence import leaf_key
from gate.core.rows import Row
from gate.core.rows.lists import RegisterState
from gate.errors import UsageError


def test_texts_from_outside_are_one_line_without_control_characters_and_numbers() -> None:
    shown, _ = words.text("call\x1b[2J me\nback on +447700900123 \u202eevil")
    assert "\x1b" not in shown and "\n" not in shown and "\u202e" not in shown
    assert "+447700900123" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("+442079460123", "020 79** **23"), ("+44 20 79** **23", "020 79** **23"), (None, "erased")],
)
def test_numbers_are_hidden_in_part_once(value: str | None, shown: str) -> None:
    assert words.number(value)[0] == shown


def test_digits_of_an_id_are_no_number() -> None:
    ident = "02307392521e624de1258cafe0123456"
    assert words.ident(ident)[0] == words.text(ident)[0] == ident
    assert words.text("02079460123")[0] != "02079460123"


def test_a_number_that_was_asked_for_is_shown() -> None:
    assert words.number(words.InFull("+442079460123")) == ("020 7946 0123", LOUD)


def test_times_are_londons() -> None:
    assert words.clock("2026-07-15T13:32:10+00:00")[0] == "14:32:10"
    words.it_is(datetime(2026, 7, 15, tzinfo=UTC))
    assert words.moment("2026-01-15T13:32:10+00:00")[0] == "15 Jan 13:32:10"
    assert words.day("2026-07-15")[0] == "15 Jul 2026"
    assert words.clock("never")[0] == "never"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (119, "119 s"), (120, "2 min"), (3600, "1 h"), (200_000, "2 d")]
)
def test_ages(seconds: int, shown: str) -> None:
    assert words.age(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(None, "-"), (5, "0:05"), (65.9, "1:05"), (3605, "1:00:05")])
def test_lengths(seconds: float | None, shown: str) -> None:
    assert words.length(seconds)[0] == shown


def test_sizes() -> None:
    assert [words.size(value)[0] for value in (10, 4200, 5_000_000)] == ["10 B", "4.2 kB", "5.0 MB"]


def test_a_register_says_in_a_word_whether_it_supports_calls() -> None:
    row = RegisterState(
        name="tps", state="ok", problem="", count=1, as_of=date(2026, 7, 8), days_left=20, coverage=[], sha256="ab",
        imported_at=None, source_name="tps.txt", source_sha256="cd",
    )  # fmt: skip
    assert words.register_line(row) == ("TPS 20 d left", OK)
    assert words.register_line(replace(row, days_left=3))[1] == WARN
    assert words.register_line(replace(row, days_left=-1)) == ("TPS STALE", BAD)
    assert words.register_line(replace(row, name="ctps", state="missing", days_left=None)) == ("CTPS MISSING", BAD)
    assert words.until(row.as_of, row.days_left) == ("until 04 Aug 2026, 20 days more", OK)
    assert words.until(row.as_of, -1)[1] == BAD


def test_every_state_of_a_call_has_a_word_and_unknown_ones_too() -> None:
    assert words.state("talking") == ("talking", OK)
    assert words.state("something new") == ("something new", PLAIN)
    assert words.reason("listed_tps") == ("listed tps", BAD)
    assert words.called("", "999")[0] == "***"


@pytest.mark.parametrize("text", ["13/2026", "0/2026", "2026-13", "x"])
def test_no_month_is_told_as_it_was_typed(text: str) -> None:
    with pytest.raises(UsageError, match=f"^{text!r} is no month$"):
        month_of(text)


def test_codes_in_a_row_are_said_in_words_and_a_kind_as_it_is_looked_for() -> None:
    kinds = [("change", str), ("verdict", str), ("kind", str), ("how", str | None)]
    row = defstruct("Changed", kinds, bases=(Row,), kw_only=True)(
        change="newly_blocked", verdict="block", kind="letter_made", how=None
    )
    (section,) = row_sections(row)
    assert dict(section.pairs) == {
        "Change": ("newly blocked", PLAIN),
        "Verdict": ("block", BAD),
        "Kind": ("letter made", PLAIN),
    }


def test_a_leaf_of_another_log_is_named_with_it():
    assert [words.leaf(leaf_key(log, 1207))[0] for log in (0, 3)] == ["1,207", "3/1,207"]
