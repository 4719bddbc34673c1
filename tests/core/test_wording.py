"""Every reason code has one sentence that a salesperson understands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gate.core.terms import Reason, date_text, day_text, sentence

GATE = Path(__file__).parents[2] / "gate"
BOUNDS = re.compile(r"(?:[a-z]+\.)?_?(?:[A-Z][A-Z_]+|most|largest)").fullmatch
"""What a number is that is never 1: a bound."""
THINGS = re.compile(
    r" (?:(?!(?:of|at|in|and|on|by|to|for|are|were)\b)[a-z]+ )?"
    r"(?!(?:is|was|has|as|this|its|less)\b)[a-z]+s\b"
).match


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_one_sentence(reason: Reason) -> None:
    said = sentence(reason)
    assert said.endswith(".")
    assert said.count(". ") == 0
    assert len(said) < 160
    assert "_" not in said


def counted_by_hand(source: str) -> Iterator[tuple[int, str]]:
    """Each ``{number:,} things`` of a source, with its line: of 1 it says ``1 things``."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for number, after in zip(node.values, node.values[1:], strict=False):
            if not isinstance(number, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            written = ast.unparse(number.format_spec) if number.format_spec else ""
            bound = BOUNDS(ast.unparse(number.value))
            if written.strip("f'\"") == "," and not bound and (things := THINGS(str(after.value))):
                yield number.lineno, things[0]


def test_things_are_counted_by_one_function() -> None:
    found = {
        f"{path.relative_to(GATE)}:{line}:{things}"
        for path in GATE.rglob("*.py")
        for line, things in counted_by_hand(path.read_text())
    }
    assert not found, "count them with gate.core.terms.many"


def test_what_is_counted_by_hand_is_found() -> None:
    source = 'f"{size:,} entries, {lost:,} bad rows, {LARGEST:,} bytes, {part:,} of {all:,}, {self._most:,} bytes"'
    assert [things for _, things in counted_by_hand(source)] == [" entries", " bad rows"]


def test_dates_are_written_out() -> None:
    assert [day_text(date(2026, month, 9)).split()[1][:3] for month in range(1, 13)] == [
        *("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    ]
    assert date_text(date(2026, 3, 9)) == "9 March 2026"
