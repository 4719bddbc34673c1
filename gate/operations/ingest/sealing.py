"""The audio of a WAV file as a sealed recording: the same frames that the recorder makes of a call's packets.

Each channel becomes RTP packets of 20 ms, byte for byte the samples that came (16-bit PCM as L16, RFC 3551 section
4.5.11), so that players, exports, proofs and erasure know no other kind of recording. Nothing in clear is written.
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
from gate.core import frames
from gate.core.rtp import SIDES
from gate.core.wav_format import HEAD_BYTES, WavError, WavFormat, read
from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile
from gate.ports import RecordingClosed
from gate.recorder.levels import STRIDE, TABLES, Curve
from gate.vault.sealer import Seal

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
    head = frames.encode_event(0, "start", start) + frames.encode_map(0, payloads)
    curves = {side: Curve() for side in SIDES}
    writer = seal.create(path)
    try:
        with file.reader() as reader:
            for chunk in _chunks(reader, wav, used, kind, curves):
                writer.write_chunk(head + chunk)
                head = b""
        end = round(wav.seconds * 1e6)
        writer.write_chunk(frames.encode_event(end, "end", {"interrupted": False, "cause": ""}))
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
            yield frames.encode_packet(side, offset, header + payload)


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
