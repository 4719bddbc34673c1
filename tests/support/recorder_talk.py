"""Recordings made of frames, without a recorder: two speakers, a network between, and what a listener measures."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gate.core.rtp import Frame, encode, encode_event, encode_map, encode_packet
from tests.support.recorder_room import rtp

PCMU = {
    "caller": {0: "PCMU/8000", 101: "telephone-event/8000"},
    "callee": {0: "PCMU/8000", 101: "telephone-event/8000"},
}
Array = np.ndarray


def sine(hz: float, seconds: float, rate: int = 8000, amplitude: int = 10000) -> Array:
    """Mono, 16 bit."""
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


def ulaw(samples: Array) -> bytes:
    """G.711 µ-law of an array."""
    value = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(value)).astype(np.int32) - 7
    code = exponent << 4 | (value >> (exponent + 3)) & 0x0F | np.where(samples < 0, 0x80, 0)
    return (~code & 0xFF).astype(np.uint8).tobytes()


@dataclass
class Speaker:
    """Makes packets: (arrival in microseconds, RTP). ``delay`` is that of the network, in seconds."""

    ssrc: int = 1
    pt: int = 0
    sequence: int = 65500
    timestamp: int = 2**32 - 4000
    clock: int = 8000
    frame: float = 0.02
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def say(self, payloads: Sequence[bytes], at: float, *, delays: Sequence[float] = (), drift: float = 0.0) -> float:
        """20 ms a packet from ``at`` seconds on; returns when it is over. ``drift``: seconds of arrival per second."""
        for index, payload in enumerate(payloads):
            late = delays[index] if index < len(delays) else 0.0
            arrival = at + index * self.frame * (1 + drift) + late
            packet = rtp(payload, self.sequence, self.timestamp, pt=self.pt, ssrc=self.ssrc)
            self.packets.append((round(arrival * 1e6), packet))
            self.sequence += 1
            self.timestamp += round(self.clock * self.frame)
        return at + len(payloads) * self.frame

    def quiet(self, seconds: float) -> None:
        """Silence suppression: the timestamp goes on, the sequence does not."""
        self.timestamp += round(self.clock * seconds)


def packets_of(samples: Array, size: int = 160) -> list[bytes]:
    """µ-law payloads."""
    data = ulaw(samples)
    return [data[i : i + size] for i in range(0, len(data), size)]


def recording(
    caller: Iterable[tuple[int, bytes]] = (),
    callee: Iterable[tuple[int, bytes]] = (),
    events: Iterable[tuple[float, str, dict[str, object]]] = (),
    *,
    maps: dict[str, dict[int, str]] | None = None,
    end: float | None = None,
    extra: Iterable[Frame] = (),
) -> Iterator[bytes]:
    """Chunks of at most a second; the end event at ``end`` seconds, none where it is left out."""
    rows = [(0, 0, encode_event(0, "start", {"at": "2026-01-05T10:00:00+00:00"})), (0, 1, encode_map(0, maps or PCMU))]
    rows += [(round(at * 1e6), 2, encode_event(round(at * 1e6), name, body)) for at, name, body in events]
    rows += [(at, 3, encode_packet("caller", at, data)) for at, data in caller]
    rows += [(at, 3, encode_packet("callee", at, data)) for at, data in callee]
    rows += [(frame.offset, 2, encode(frame)) for frame in extra]
    if end is not None:
        rows.append((round(end * 1e6), 9, encode_event(round(end * 1e6), "end", {"interrupted": False, "cause": ""})))
    rows.sort(key=lambda row: row[:2])
    chunk, began = b"", 0
    for at, _, frame in rows:
        if chunk and at - began >= 1_000_000:
            yield chunk
            chunk = b""
        if not chunk:
            began = at
        chunk += frame
    yield chunk


def read_wav(path: Path) -> tuple[int, Array, Array]:
    """Rate, left, right."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return file.getframerate(), samples[:, 0], samples[:, 1]


def loudness(samples: Array) -> float:
    """RMS."""
    return float(np.sqrt(np.mean(samples.astype(float) ** 2))) if len(samples) else 0.0


def pitch(samples: Array, rate: int) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def onset(samples: Array, rate: int, threshold: int = 1000) -> float:
    """Seconds until the first loud sample."""
    loud = np.flatnonzero(np.abs(samples.astype(int)) > threshold)
    return float(loud[0]) / rate if len(loud) else float("nan")
