"""G.711 companding (ITU-T G.711) by table: 16-bit linear PCM to µ-law and A-law bytes and back.

Tables of numpy rather than the standard library's ``audioop``, which Python 3.13 no longer has. Both directions agree
with it for every one of the 65,536 samples.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""Mono linear PCM, 16 bit."""

_BIAS = 0x21


@cache
def _ulaw_table() -> npt.NDArray[np.uint8]:
    """µ-law byte of every sample, indexed by the sample as an unsigned 16-bit number."""
    linear = np.arange(65536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32) >> 2
    sign = np.where(linear < 0, 0x7F, 0xFF)
    magnitude = np.minimum(np.abs(linear) + _BIAS, 0x1FFF)
    segment = np.clip(np.floor(np.log2(magnitude)).astype(np.int32) - 5, 0, 7)
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    return np.asarray((code ^ sign) & 0xFF, dtype=np.uint8)


@cache
def _alaw_table() -> npt.NDArray[np.uint8]:
    """A-law byte of every sample, indexed by the sample as an unsigned 16-bit number."""
    linear = np.arange(65536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32) >> 3
    mask = np.where(linear >= 0, 0xD5, 0x55)
    magnitude = np.where(linear >= 0, linear, -linear - 1)
    segment = np.where(magnitude < 32, 0, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4)
    shift = np.maximum(segment, 1)
    code = (segment << 4) | ((magnitude >> shift) & 0x0F)
    return np.asarray((code ^ mask) & 0xFF, dtype=np.uint8)


@cache
def _ulaw_linear() -> Samples:
    """The sample of every µ-law byte."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


@cache
def _alaw_linear() -> Samples:
    """The sample of every A-law byte."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    low = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, low, (low + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def ulaw_encode(samples: Samples) -> bytes:
    """Mono int16 samples -> one µ-law byte each (RTP payload type 0)."""
    return _ulaw_table()[samples.view(np.uint16)].tobytes()


def alaw_encode(samples: Samples) -> bytes:
    """Mono int16 samples -> one A-law byte each (RTP payload type 8)."""
    return _alaw_table()[samples.view(np.uint16)].tobytes()


def ulaw_decode(payload: bytes) -> Samples:
    """µ-law bytes -> mono int16 samples."""
    return _ulaw_linear()[np.frombuffer(payload, dtype=np.uint8)]


def alaw_decode(payload: bytes) -> Samples:
    """A-law bytes -> mono int16 samples."""
    return _alaw_linear()[np.frombuffer(payload, dtype=np.uint8)]
