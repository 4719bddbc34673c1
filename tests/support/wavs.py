"""WAV files as phone systems write them, byte by byte."""

from __future__ import annotations

import struct

import numpy as np

from gate import g711
from tests.support.audio import Samples

KINDS = {"L16": (1, 16), "PCMA": (6, 8), "PCMU": (7, 8)}


def wav(
    *channels: Samples, codec: str = "L16", rate: int = 8000, length: int | None = None, extra: bytes = b""
) -> bytes:
    """A file with these channels; ``length``: what its header says of its audio; ``extra``: chunks before that."""
    kind, bits = KINDS[codec]
    both = np.stack(channels, axis=1).reshape(-1)
    encode = {
        "L16": lambda samples: samples.astype("<i2").tobytes(),
        "PCMA": g711.alaw_encode,
        "PCMU": g711.ulaw_encode,
    }
    audio = encode[codec](both)
    width = bits // 8 * len(channels)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, len(channels), rate, rate * width, width, bits)
    data = struct.pack("<4sI", b"data", len(audio) if length is None else length) + audio
    return b"RIFF" + struct.pack("<I", 4 + len(form) + len(extra) + len(data)) + b"WAVE" + form + extra + data
