"""The beginning of a WAV file (RIFF), as far as a telephone recording needs it: 16-bit PCM or G.711, one or two
channels. Total: any bytes give a ``WavFormat`` or ``WavError``, and nothing is read beyond what was given.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD_BYTES = 1 << 16
"""So much of a file is looked at for its audio's beginning."""
RATES = frozenset({8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000})
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_OF_MEDIA = bytes.fromhex("000000001000800000aa00389b71")
"""The end of a format that is named by a GUID; its first two bytes are the format's number."""
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What a writer leaves that could not go back to its header."""


class WavError(ValueError):
    """The bytes are no WAV file that is taken; the text says why."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """Where the audio lies, and what it is."""

    codec: str
    """``PCMU``, ``PCMA`` or ``L16`` (16-bit PCM)."""
    rate: int
    """Samples a second."""
    channels: int
    begin: int
    """First byte of the audio."""
    end: int
    """The byte after the last whole sample."""

    @property
    def width(self) -> int:
        """Bytes of a sample of one channel."""
        return 2 if self.codec == "L16" else 1

    @property
    def samples(self) -> int:
        """Of each channel."""
        return (self.end - self.begin) // (self.width * self.channels)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.rate


def read(head: bytes, size: int) -> WavFormat:
    """The format of a file of ``size`` bytes that begins with ``head``. Raises ``WavError``."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise WavError("it is no WAV file")
    known: tuple[str, int, int] | None = None
    place = 12
    while place + _CHUNK.size <= len(head):
        name, length = _CHUNK.unpack_from(head, place)
        place += _CHUNK.size
        if name == b"fmt ":
            known = _format(head[place : place + min(length, 64)])
        elif name == b"data":
            if known is None:
                raise WavError("its audio comes before its format")
            return _audio(known, place, size, length)
        place += length + length % 2
    raise WavError(f"it has no audio in its first {HEAD_BYTES} bytes")


def _format(chunk: bytes) -> tuple[str, int, int]:
    if len(chunk) < _FORMAT.size:
        raise WavError("its format is cut short")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(chunk)
    if kind == _EXTENSIBLE:
        if len(chunk) < 40 or chunk[26:40] != _OF_MEDIA:
            raise WavError("its format is not one that is taken")
        (kind,) = struct.unpack_from("<H", chunk, 24)
    codec = {(_PCM, 16): "L16", (_ALAW, 8): "PCMA", (_ULAW, 8): "PCMU"}.get((kind, bits))
    if codec is None:
        raise WavError(f"its format ({kind}, {bits} bits) is not taken: 16-bit PCM, A-law and u-law are")
    if channels not in (1, 2):
        raise WavError(f"it has {channels} channels: one or two are taken")
    if rate not in RATES:
        raise WavError(f"its rate of {rate} Hz is not taken")
    return codec, rate, channels


def _audio(known: tuple[str, int, int], begin: int, size: int, length: int) -> WavFormat:
    codec, rate, channels = known
    there = max(0, size - begin)
    if length not in _UNKNOWN_SIZES and length > there:
        raise WavError(f"it is cut short: {length - there:,} bytes of its audio are missing")
    found = there if length in _UNKNOWN_SIZES else length
    whole = found - found % (channels * (2 if codec == "L16" else 1))
    if whole <= 0:
        raise WavError("it has no audio in it")
    return WavFormat(codec, rate, channels, begin, begin + whole)
