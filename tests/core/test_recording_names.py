"""What the name of a recording's file says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gate.config import Ingest
from gate.core.recording_names import CallName, call_named, fault_of

NAMES = Ingest().names


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "out-02079460123-1001-20260703-162436-1783092276.12.wav",
            CallName("", "02079460123", datetime(2026, 7, 3, 15, 24, 36, tzinfo=UTC)),
        ),
        (
            "out-+442079460123-1001-20261129-162436-1.WAV",
            CallName("", "+442079460123", datetime(2026, 11, 29, 16, 24, 36, tzinfo=UTC)),
        ),
        ("6f2c-11@192.0.2.7.wav", CallName("6f2c-11@192.0.2.7")),
        ("out-02079460123-1001-20261329-162436-1.wav", CallName("out-02079460123-1001-20261329-162436-1")),
        ("notes.txt", None),
        ("../secret.wav", None),
    ],
)
def test_what_a_name_says(name: str, told: CallName | None) -> None:
    assert call_named(name, NAMES) == told


def test_patterns_that_find_no_call() -> None:
    assert [fault_of(each) for each in NAMES] == ["", ""]
    assert "neither" in fault_of("{number}-{date}.wav")
    assert "more than 3" in fault_of("*-*-*-*-{call_id}.wav")
    assert "twice" in fault_of("{call_id}{call_id}.wav")
