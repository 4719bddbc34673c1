"""A coarse loudness curve, cheap enough to keep for every call: the console's waveform.

A level is 0 to 127: the peak of the G.711 code's magnitude, which is logarithmic already (16 steps are 6 dB). Every
seventh sample is looked at. Other codecs give no level (0): their bytes say nothing without decoding.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

PER_SECOND = 10
STRIDE = 7
"""From one sample that is looked at to the next; odd, so that a tone of 1,000 Hz is not always met in one phase."""
MAX_BINS = 2 * 3600 * PER_SECOND
"""Beyond this the curve is halved: pairs of bins become one, and memory stays bounded."""

TABLES: Mapping[str, bytes] = {
    "PCMU": bytes((255 - code) & 0x7F for code in range(256)),
    "PCMA": bytes((code ^ 0x55) & 0x7F for code in range(256)),
}
"""Codec -> magnitude of every code (G.711: µ-law is sent inverted, A-law with its even bits inverted)."""


class Curve:
    """Peaks of one side over time."""

    def __init__(self) -> None:
        self.microseconds = 1_000_000 // PER_SECOND
        """Width of a bin."""
        self.bins = bytearray()
        self.recent = 0
        """Peak since it was last taken."""

    def add(self, offset: int, codes: bytes) -> None:
        """Samples (magnitudes already) that came ``offset`` microseconds after the start."""
        peak = max(codes, default=0)
        if peak > self.recent:
            self.recent = peak
        place = offset // self.microseconds
        bins = self.bins
        if place >= len(bins):
            if place >= MAX_BINS:
                self._halve(place)
                place = offset // self.microseconds
                bins = self.bins
            if place >= len(bins):
                bins.extend(bytes(place + 1 - len(bins)))
        if peak > bins[place]:
            bins[place] = peak

    def take_recent(self) -> int:
        """The peak since the last call."""
        recent, self.recent = self.recent, 0
        return recent

    def text(self) -> str:
        """One byte a bin, base64."""
        return base64.b64encode(self.bins).decode()

    def _halve(self, place: int) -> None:
        while place >= MAX_BINS:
            bins = self.bins + bytes(len(self.bins) % 2)
            self.bins = bytearray(map(max, bins[::2], bins[1::2]))
            self.microseconds *= 2
            place //= 2
