"""What the console shows and plays of a recording: the curve of how loud both sides were, made while it was recorded
and sealed with it, and what plays it.

``read_envelope(trailer)`` takes what ``gate.vault.reader.open_trailer`` gives, which reads no audio: a waveform of an
hour costs milliseconds.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gate.errors import VaultError

SIDES = ("caller", "callee")
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """Levels over time; times are seconds from the recording's beginning."""

    seconds: float
    """How long it is."""
    caller: bytes
    """A level for each 0.1 seconds, for longer in a recording of hours: 0 to 127, logarithmic (16 are 6 dB); 0
    throughout for a codec that is not G.711."""
    callee: bytes
    """As many bins as the caller's."""
    gaps: tuple[tuple[float, float], ...] = ()
    """Pauses, from and to."""
    announcement: tuple[float, float] | None = None
    """When the announcement played, where that is known: before the recording, so at most zero."""


def read_envelope(trailer: Mapping[str, Any]) -> Envelope:
    """The envelope in a recording's trailer. Raises ``VaultError`` where it holds none, or none that can be read."""
    try:
        seconds = float(trailer["seconds"])
        sides = {side: trailer["levels"][side] for side in SIDES}
        bins = {side: base64.b64decode(each["bins"], validate=True) for side, each in sides.items()}
        widths = {side: int(each["microseconds"]) for side, each in sides.items()}
        gaps = tuple((float(start), float(end)) for start, end in trailer.get("gaps", ()))
        if min(widths.values()) < 1 or seconds < 0 or max(map(len, bins.values())) > _LARGEST:
            raise ValueError("a curve that cannot be")
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise VaultError("the recording holds no curve of its loudness") from error
    width = max(widths.values())
    even = {side: _wider(bins[side], widths[side], width) for side in SIDES}
    count = max(min(int(seconds * 1e6 / width) + 1, _LARGEST), *map(len, even.values()))
    caller, callee = (even[side].ljust(count, b"\0") for side in SIDES)
    return Envelope(seconds, caller, callee, gaps)


def _wider(bins: bytes, width: int, wanted: int) -> bytes:
    """Bins of another width: the peak of those that fall together. Each is doubled a whole number of times."""
    while width < wanted:
        bins = bins + bytes(len(bins) % 2)
        bins, width = bytes(map(max, bins[::2], bins[1::2])), width * 2
    return bins


class Listening(threading.Event):
    """Somebody listens: ``set`` ends it, ``again`` goes on from another place or at another speed."""

    def __init__(self) -> None:
        super().__init__()
        self.start = 0.0
        """So many seconds of what is heard, the announcement first, are passed over."""
        self.speed = 1.0
        self.wanted = False
        """It goes on elsewhere, and does not end."""
        self.keys: Sequence[tuple[float, str]] = ()
        """Keys that were pressed, in seconds from the recording's beginning: known soon after it begins to play."""

    def again(self, start: float, speed: float) -> None:
        """Go on from there."""
        self.start, self.speed, self.wanted = start, speed, True
        self.set()

    def goes_on(self) -> bool:
        """Asked where it was stopped: whether it is played again, as ``start`` and ``speed`` say."""
        wanted, self.wanted = self.wanted, False
        if wanted:
            self.clear()
        return wanted
