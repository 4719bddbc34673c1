"""The loudness curve."""

from __future__ import annotations

from base64 import b64decode

import pytest

from gate.recorder.recording import MAX_BINS, TABLES, Curve
from tests.support.recorder_room import ulaw


def test_silence_is_zero_and_full_scale_is_127() -> None:
    table = TABLES["PCMU"]
    assert table[ulaw(0)] == 0
    assert table[ulaw(32767)] == table[ulaw(-32768)] == 127
    assert TABLES["PCMA"][0xD5] == TABLES["PCMA"][0x55] == 0, "A-law's smallest codes"
    assert TABLES["PCMA"][0xAA] == 127


def test_sixteen_steps_are_six_decibels() -> None:
    table = TABLES["PCMU"]
    assert [table[ulaw(16000 >> n)] - table[ulaw(8000 >> n)] for n in range(4)] == pytest.approx([16] * 4, abs=1)


def test_bins_are_tenths_of_a_second() -> None:
    curve = Curve()
    curve.add(50_000, bytes([10, 20]))
    curve.add(99_999, bytes([5]))
    curve.add(310_000, bytes([7]))
    assert b64decode(curve.text()) == bytes([20, 0, 0, 7])
    assert curve.take_recent() == 20
    assert curve.take_recent() == 0


def test_a_long_call_keeps_a_bounded_curve() -> None:
    curve = Curve()
    curve.add(0, bytes([1]))
    curve.add(MAX_BINS * 100_000 - 1, bytes([2]))
    assert len(curve.bins) == MAX_BINS
    curve.add(MAX_BINS * 100_000, bytes([3]))
    assert len(curve.bins) <= MAX_BINS
    assert curve.microseconds == 200_000
    assert (curve.bins[0], curve.bins[MAX_BINS // 2 - 1], curve.bins[MAX_BINS // 2]) == (1, 2, 3)
    curve.add(40 * MAX_BINS * 100_000, bytes([4]))
    assert len(curve.bins) <= MAX_BINS and curve.bins[-1] == 4
