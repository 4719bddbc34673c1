"""The audio of a WAV file as a sealed recording: the same frames that the recorder makes of a call's packets.

Each channel becomes RTP packets of 20 ms, byte for byte the samples that came (16-bit PCM as L16, RFC 3551 section
4.5.11), so that players, exports, proofs and erasure know no other kind of recording. Nothing in clear is written.

The beginning of a WAV file (RIFF) is read as far as a telephone recording needs it: 16-bit PCM or G.711, one or two
channels. Total: any bytes give a ``WavFormat`` or ``WavError``, and nothing is read beyond what was given.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gate import g711
from gate.core import rtp
from gate.core.rtp import SIDES
from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile
from gate.ports import RecordingClosed
from gate.recorder.levels import STRIDE, TABLES, Curve
from gate.vault.sealer import Seal

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


PACKETS_A_SECOND = 50
PACKETS_A_CHUNK = 40
"""0.8 seconds of audio, as the recorder seals it."""
_RTP = struct.Struct(">BBHII")
_VERSION = 0x80
_TYPES = {"PCMU": 0, "PCMA": 8}
_DYNAMIC = 96


@dataclass(frozen=True, slots=True)
class Sound:
    """A WAV file that is taken."""

    wav: WavFormat
    sha256: str
    """Of the whole file: what was handed in, and nothing else."""


def sound_of(file: HandedOverFile) -> Sound:
    """What a file holds; reads all of it once. Raises ``UsageError`` where it is no WAV file that is taken."""
    try:
        with file.reader() as reader:
            wav = read(reader.read(HEAD_BYTES), file.size)
            reader.seek(0)
            digest = hashlib.file_digest(reader, "sha256").hexdigest()  # type: ignore[arg-type]
    except WavError as error:
        raise UsageError(f"{file} is not taken: {error}", hint="hand in a WAV file that is complete") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    return Sound(wav, digest)


def seal_wav(
    file: HandedOverFile, sound: Sound, seal: Seal, path: Path, recording_id: str, began: str, *, swap: bool
) -> RecordingClosed:
    """Write the sealed file at ``path``, durable when this returns. The first channel is the agent's, with ``swap`` the
    customer's; a file with one channel has both of them in it, and keeps it on the first side.

    Raises ``OSError`` and what ``SealedWriter`` raises; what lies at ``path`` then is not whole.
    """
    wav, sides = sound.wav, tuple(reversed(SIDES)) if swap else SIDES
    used = sides[: wav.channels]
    kind = _TYPES.get(wav.codec, _DYNAMIC)
    payloads = {side: {kind: f"{wav.codec}/{wav.rate}"} for side in used}
    start = {"at": began, "from": "ingest", "mixed": wav.channels == 1}
    head = rtp.encode_event(0, "start", start) + rtp.encode_map(0, payloads)
    curves = {side: Curve() for side in SIDES}
    writer = seal.create(path)
    try:
        with file.reader() as reader:
            for chunk in _chunks(reader, wav, used, kind, curves):
                writer.write_chunk(head + chunk)
                head = b""
        end = round(wav.seconds * 1e6)
        writer.write_chunk(rtp.encode_event(end, "end", {"interrupted": False, "cause": ""}))
        packets = {side: _packets(wav) if side in used else 0 for side in SIDES}
        summary = writer.close(_trailer(wav, packets, curves))
    finally:
        writer.abandon()
    return RecordingClosed(
        recording_id, summary.sha256, summary.size, wav.seconds, summary.chunks, packets, (), interrupted=False
    )


def _packets(wav: WavFormat) -> int:
    each = wav.rate // PACKETS_A_SECOND
    return -(-wav.samples // each)


def _chunks(
    reader: BinaryIO, wav: WavFormat, sides: tuple[str, ...], kind: int, curves: Mapping[str, Curve]
) -> Iterator[bytes]:
    """Frames of 0.8 seconds at a time."""
    each = wav.rate // PACKETS_A_SECOND
    reader.seek(wav.begin)
    for first in range(0, wav.samples, each * PACKETS_A_CHUNK):
        count = min(each * PACKETS_A_CHUNK, wav.samples - first)
        raw = reader.read(count * wav.width * wav.channels)
        if len(raw) < count * wav.width * wav.channels:
            raise OSError(0, "the file became shorter while it was read")
        samples = np.frombuffer(raw, "<i2" if wav.width == 2 else np.uint8).reshape(-1, wav.channels)
        yield b"".join(_frames(samples, first, each, wav, sides, kind, curves))


def _frames(
    samples: Any, first: int, each: int, wav: WavFormat, sides: tuple[str, ...], kind: int, curves: Mapping[str, Curve]
) -> Iterator[bytes]:
    for place in range(0, len(samples), each):
        at = first + place
        offset = at * 1_000_000 // wav.rate
        for number, side in enumerate(sides):
            part = samples[place : place + each, number]
            codes = g711.ulaw_encode(part.astype(np.int16)) if wav.codec == "L16" else part.tobytes()
            curves[side].add(offset, codes[::STRIDE].translate(TABLES["PCMA" if wav.codec == "PCMA" else "PCMU"]))
            payload = part.astype(">i2").tobytes() if wav.codec == "L16" else codes
            header = _RTP.pack(_VERSION, kind, (at // each) & 0xFFFF, at & 0xFFFFFFFF, number + 1)
            yield rtp.encode_packet(side, offset, header + payload)


def _trailer(wav: WavFormat, packets: Mapping[str, int], curves: Mapping[str, Curve]) -> dict[str, Any]:
    """As the recorder's (``LiveRecording.end``)."""
    return {
        "seconds": wav.seconds,
        "packets": dict(packets),
        "dropped": dict.fromkeys(SIDES, 0),
        "gaps": [],
        "interrupted": False,
        "cause": "",
        "levels": {side: {"microseconds": curve.microseconds, "bins": curve.text()} for side, curve in curves.items()},
    }
