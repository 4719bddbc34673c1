"""What is drawn of signs: charts, meters, waveforms, tables that give way to narrow terminals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from rich.text import Text

from console.widgets.chart import bar, columns, meter, strip
from console.widgets.rows import Column, fitting, message_line
from console.widgets.wave import Wave, peaks


def column(heading: str, width: int, rank: int = 0, *, grows: bool = False) -> Column:
    return Column(heading, width, lambda row: ("", ""), rank=rank, grows=grows)


COLUMNS = (column("a", 8), column("b", 10, grows=True), column("c", 9, rank=1), column("d", 5, rank=2))


def test_columns_give_way_by_rank_and_the_growing_one_takes_the_rest() -> None:
    sized, missed = fitting(COLUMNS, 80)
    assert missed == [] and sum(width for _, width in sized) + 3 == 80
    assert fitting(COLUMNS, 34)[1] == ["d"]
    assert fitting(COLUMNS, 20)[1] == ["c", "d"]
    assert fitting(COLUMNS, 3)[1] == ["b", "c", "d"], "what would be cut is left out, and said to be"


def test_a_narrow_column_comes_back_where_a_wide_one_went_after_it() -> None:
    columns = (column("a", 8), column("b", 10, grows=True), column("c", 20, rank=1), column("d", 5, rank=2))
    sized, missed = fitting(columns, 30)
    assert ([each.heading for each, _ in sized], missed) == (["a", "b", "d"], ["c"])


@given(st.integers(0, 300))
def test_columns_that_may_go_never_overflow(width: int) -> None:
    sized, _ = fitting(COLUMNS, width)
    if width >= 8:
        assert sum(size for _, size in sized) + len(sized) - 1 <= width


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60), st.integers(1, 4))
def test_a_chart_shows_something_for_whatever_there_is(values: list[int], height: int) -> None:
    lines = columns(values, height)
    assert len(lines) == height and all(len(line) == len(values) for line in lines)
    assert all((sign != " ") == (value > 0) for sign, value in zip(lines[-1], values, strict=True))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 100))
def test_a_bar_fits(value: int, most: int, width: int) -> None:
    drawn = strip(min(value, most), most, width)
    assert len(drawn) <= width and bool(drawn) == (min(value, most) > 0)


def test_meters_are_words_where_nothing_is_recorded() -> None:
    assert meter(100, 5, recorded=False)[0] == "not rec."
    assert meter(100, 5, recorded=True, paused=True)[0] == "paused"
    assert meter(127, 0, recorded=True)[0] == "rec █  "
    assert [bar(level) for level in (0, 1, 127, 300, None)] == [" ", "▁", "█", "█", " "]


@given(st.binary(max_size=500), st.integers(1, 200), st.floats(0.1, 10_000))
def test_a_waveform_of_any_length_has_its_loudest_moment(levels: bytes, width: int, seconds: float) -> None:
    drawn = peaks(levels, 0.0, seconds, seconds, width)
    assert len(drawn) == width
    assert max(drawn) == max(levels, default=0)


def test_before_the_recording_nothing_is_drawn() -> None:
    drawn = peaks(bytes([50]) * 10, -5.0, 5.0, 5.0, 10)
    assert drawn == [0] * 5 + [50] * 5


def test_the_times_below_a_short_recording_differ() -> None:
    marks = Text()
    wave = Wave()
    wave._part_style = lambda _name: Style.null()  # type: ignore[method-assign]
    wave._axis(marks, 60, 0.0, 1.2)
    assert marks.plain.split() == ["0:00", "0:01"]


def test_what_is_said_in_place_of_rows_is_not_cut() -> None:
    text = "An account that is manager may not see this. It is for: admin, compliance, auditor."
    assert " ".join(message_line(text, y, 40) for y in (2, 3, 4)).strip() == text
    assert message_line(text, 1, 40) == "" and len(message_line(text, 2, 40)) <= 40
