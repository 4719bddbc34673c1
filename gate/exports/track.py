"""One channel on its way into the file: samples and silence in their order, taken off in blocks."""

from __future__ import annotations

from collections import deque

import numpy as np

from gate.exports.wav import Samples

CONCEAL_SECONDS = 0.06
REPEAT_SECONDS = 0.02
MARK_SECONDS = 0.1
MARK_START_HZ, MARK_END_HZ = 1000, 1400
MARK_AMPLITUDE = 3276
"""A tenth of full scale (-20 dBFS)."""


class Track:
    """``end`` is the place of the next sample, counted from the beginning of the file."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.end = 0
        self._parts: deque[Samples | int] = deque()
        self._taken = 0
        self._last: Samples = np.zeros(0, np.int16)

    def add(self, samples: Samples) -> None:
        """Append samples."""
        if len(samples):
            self._parts.append(samples)
            self.end += len(samples)
            self._last = samples

    def silence_to(self, place: int) -> None:
        """Silence up to a place; nothing where the track is there already."""
        if place > self.end:
            self._parts.append(place - self.end)
            self.end = place
            self._last = self._last[:0]

    def conceal_to(self, place: int) -> int:
        """Fill a loss: the last 20 ms again and again, fading out over 60 ms, then silence. Returns the samples that
        were made up."""
        last = self._last[-int(self.rate * REPEAT_SECONDS) :]
        longest = int(self.rate * CONCEAL_SECONDS)
        count = min(place - self.end, longest) if len(last) else 0
        if count > 0:
            fade = 1.0 - np.arange(count) / longest
            self.add((np.resize(last, count) * fade).astype(np.int16))
        self.silence_to(place)
        return max(count, 0)

    def mark_gap(self, start: int, end: int) -> None:
        """Silence from ``start`` to ``end`` with a short tone at either side, so that a listener hears that something
        was left out on purpose."""
        self.silence_to(start)
        length = min(int(self.rate * MARK_SECONDS), max(0, end - self.end) // 3)
        self.add(_tone(MARK_START_HZ, length, self.rate))
        self.silence_to(end - length)
        self.add(_tone(MARK_END_HZ, length, self.rate))
        self.silence_to(end)
        self._last = self._last[:0]

    @property
    def waiting(self) -> int:
        """Samples that were not taken yet."""
        return self.end - self._taken

    def take(self, count: int) -> Samples:
        """The next ``count`` samples; at most ``waiting``."""
        out = np.zeros(count, np.int16)
        filled = 0
        while filled < count:
            part = self._parts.popleft()
            length = part if isinstance(part, int) else len(part)
            room = min(length, count - filled)
            if isinstance(part, int):
                rest: Samples | int = part - room
            else:
                out[filled : filled + room] = part[:room]
                rest = part[room:]
            if room < length:
                self._parts.appendleft(rest)
            filled += room
        self._taken += count
        return out


def _tone(hz: int, count: int, rate: int) -> Samples:
    return (MARK_AMPLITUDE * np.sin(2 * np.pi * hz * np.arange(count) / rate)).astype(np.int16)
