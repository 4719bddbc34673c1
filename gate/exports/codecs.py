"""RTP payloads to 16-bit samples: G.711 (both laws), G.722 and L16; what else comes is reported, not guessed at.

Opus is not decoded: libsndfile reads Opus in Ogg files only, and RTP carries it bare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import G722
import numpy as np

from gate import g711
from gate.core.rtp import codec
from gate.exports.wav import Samples

RATES = range(8000, 48001)
"""Sample rates that are decoded, Hz."""
TAPS_PER_STEP = 16

_G711 = {"PCMU": g711.ulaw_decode, "PCMA": g711.alaw_decode}


@dataclass(frozen=True, slots=True)
class Decoder:
    """One stream's decoder; may have a state, so packets must come in order."""

    name: str
    clock: int
    """Of the RTP timestamps, Hz."""
    rate: int
    """Of the samples, Hz."""
    decode: Callable[[bytes], Samples]


def decoder(text: str) -> Decoder | None:
    """A fresh decoder for ``name/rate``, or ``None`` where the codec is not known here."""
    name, rate, channels = codec(text)
    if rate not in RATES:
        return None
    if name in _G711:
        return Decoder(name, rate, rate, _G711[name])
    if name == "G722":
        state = G722.G722(16000, 64000)
        # RFC 3551 section 4.5.2: the clock is 8000 Hz although samples are 16,000 a second.
        return Decoder(name, 8000, 16000, lambda payload: np.frombuffer(state.decode(payload), np.int16))
    if name == "L16" and channels in (1, 2):
        return Decoder(name, rate, rate, lambda payload: _l16(payload, channels))
    return None


def sample_rate(text: str) -> int | None:
    """Samples a second of ``name/rate``, or ``None`` where it is not decoded."""
    known = decoder(text)
    return known.rate if known is not None else None


def _l16(payload: bytes, channels: int) -> Samples:
    whole = len(payload) - len(payload) % (2 * channels)
    samples = np.frombuffer(payload[:whole], ">i2").reshape(-1, channels)
    return samples.mean(axis=1).astype(np.int16) if channels > 1 else samples[:, 0].astype(np.int16)


class Resampler:
    """From one rate to another, block by block. Whole ratios pass a windowed-sinc filter (half a millisecond of delay
    at 16 kHz); others, which telephones do not use, are interpolated."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._up = target // source if target % source == 0 else 1
        self._down = source // target if source % target == 0 else 1
        self._whole = self._up * source == self._down * target
        ratio = max(self._up, self._down)
        taps = TAPS_PER_STEP * ratio + 1 if ratio > 1 else 1
        middle = np.arange(taps) - (taps - 1) / 2
        self._filter = np.sinc(middle / ratio) * np.hamming(taps) if ratio > 1 else np.ones(1)
        self._filter *= self._up / self._filter.sum()
        self._past = np.zeros(taps - 1)
        self._phase = 0

    def __call__(self, samples: Samples) -> Samples:
        """The block at the target rate."""
        if self._source == self._target or not len(samples):
            return samples
        if not self._whole:
            count = len(samples) * self._target // self._source
            places = np.arange(count) * (self._source / self._target)
            between: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
            return between
        stuffed = np.zeros(len(samples) * self._up)
        stuffed[:: self._up] = samples
        block = np.concatenate((self._past, stuffed))
        self._past = block[len(block) - len(self._past) :]
        filtered = np.convolve(block, self._filter, "valid")[self._phase :: self._down]
        self._phase = (self._phase - len(stuffed)) % self._down
        converted: Samples = np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)
        return converted


def resample(samples: Samples, source: int, target: int) -> Samples:
    """A whole recording at another rate."""
    return Resampler(source, target)(samples)
