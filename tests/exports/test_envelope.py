"""The envelope of a recording, from what the recorder sealed at its end."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gate.client.listening import read_envelope
from gate.errors import VaultError
from gate.recorder.recording import Curve


def trailer(caller: Curve, callee: Curve, seconds: float = 1.0, **more: Any) -> dict[str, Any]:
    levels = {
        name: {"microseconds": curve.microseconds, "bins": curve.text()}
        for name, curve in (("caller", caller), ("callee", callee))
    }
    return {"seconds": seconds, "levels": levels, "gaps": [], **more}


def curve(*levels: int, width: int = 100_000) -> Curve:
    made = Curve()
    made.microseconds = width
    made.bins = bytearray(levels)
    return made


def test_both_sides_have_as_many_bins_as_the_recording_is_long() -> None:
    envelope = read_envelope(trailer(curve(1, 2, 3), curve(9), seconds=0.55, gaps=[[0.1, 0.2]]))
    assert (envelope.seconds, envelope.gaps) == (0.55, ((0.1, 0.2),))
    assert envelope.caller == bytes([1, 2, 3, 0, 0, 0])
    assert envelope.callee == bytes([9, 0, 0, 0, 0, 0])


def test_what_the_recorder_hears_is_what_is_seen() -> None:
    loud, quiet = Curve(), Curve()
    for step in range(10):
        loud.add(step * 100_000 + 5, bytes([10 * step]))
    assert read_envelope(trailer(loud, quiet)).caller[:10] == bytes(range(0, 100, 10))


def test_sides_of_different_widths_are_brought_together() -> None:
    envelope = read_envelope(trailer(curve(1, 5, 2, 3, 4, width=100_000), curve(7, 8, width=200_000), seconds=0.5))
    assert envelope.caller == bytes([5, 3, 4])
    assert envelope.callee == bytes([7, 8, 0])


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"seconds": 1.0},
        trailer(curve(1), curve(1)) | {"seconds": "long"},
        trailer(curve(1), curve(1)) | {"seconds": -1.0},
        trailer(curve(1, width=0), curve(1)),
        trailer(curve(1), curve(1)) | {"gaps": [[1]]},
        {"seconds": 1, "levels": {"caller": {"microseconds": 1, "bins": "?"}, "callee": {}}},
        {"seconds": 1, "levels": {"caller": 1, "callee": 2}},
        trailer(curve(1), curve(1)) | {"levels": base64.b64encode(b"x").decode()},
    ],
)
def test_a_trailer_without_a_curve_is_one_error(broken: dict[str, Any]) -> None:
    with pytest.raises(VaultError, match="no curve"):
        read_envelope(broken)
