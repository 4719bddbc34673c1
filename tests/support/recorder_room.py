"""A running recorder with its client, and phones that send real RTP to its taps."""

from __future__ import annotations

import math
import queue
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gate.clock import SystemClock
from gate.core.rtp import EventFrame, Frame, PacketFrame, decode
from gate.ports import RecordingClosed, RecordingOpened
from gate.recorder.client import RecorderClient, spawn_command
from tests.support import programs
from tests.support.recorder_seal import read
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
PAYLOADS = {
    "caller": {0: "PCMU/8000", 101: "telephone-event/8000"},
    "callee": {0: "PCMU/8000", 101: "telephone-event/8000"},
}


def rtp(payload: bytes, seq: int, ts: int, *, pt: int = 0, ssrc: int = 1, marker: bool = False) -> bytes:
    """One RTP packet."""
    return struct.pack(">BBHII", 0x80, pt | (marker << 7), seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


def key(
    event: int, seq: int, ts: int, *, end: bool = False, duration: int = 160, marker: bool = False, **more: Any
) -> bytes:
    """One telephone-event packet."""
    return rtp(struct.pack(">BBH", event, (end << 7) | 10, duration), seq, ts, pt=101, marker=marker, **more)


def ulaw(sample: int) -> int:
    """G.711 µ-law of one 16-bit sample."""
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 132
    exponent = value.bit_length() - 8
    return ~(sign | exponent << 4 | (value >> (exponent + 3)) & 0x0F) & 0xFF


def tone(hz: float, packets: int, *, start: int = 0, rate: int = 8000, amplitude: int = 8000) -> list[bytes]:
    """µ-law payloads of 20 ms."""
    size = rate // 50
    return [
        bytes(ulaw(int(amplitude * math.sin(2 * math.pi * hz * (start + p * size + i) / rate))) for i in range(size))
        for p in range(packets)
    ]


_SOURCES: dict[int, socket.socket] = {}


def source_of(tap: int) -> int:
    """The port from which copies go to a tap: known to the gate and to the phone, which may be two processes."""
    return tap - 25_000


def speaking_to(tap: int) -> socket.socket:
    """A socket that the tap takes packets from."""
    if tap not in _SOURCES:
        _SOURCES[tap] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _SOURCES[tap].bind(("127.0.0.1", source_of(tap)))
    return _SOURCES[tap]


class Phone:
    """Sends RTP to one tap."""

    def __init__(self, port: int, ssrc: int = 7) -> None:
        self.port, self.ssrc, self.seq, self.ts = port, ssrc, 65530, 4294960000
        self.socket = speaking_to(port)

    def raw(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.port))

    def say(self, payload: bytes, pt: int = 0) -> None:
        self.raw(rtp(payload, self.seq, self.ts, pt=pt, ssrc=self.ssrc))
        self.seq += 1
        self.ts += 160

    def talk(self, payloads: Iterable[bytes]) -> None:
        """At the pace of a call, 20 ms a packet."""
        for payload in payloads:
            self.say(payload)
            time.sleep(0.02)

    def press(self, event: int, packets: int = 5) -> None:
        """A key as a phone sends it: one timestamp, three copies of the end."""
        for i in range(packets):
            self.raw(key(event, self.seq, self.ts, marker=i == 0, duration=160 * (i + 1), ssrc=self.ssrc))
            self.seq += 1
        for _ in range(3):
            self.raw(key(event, self.seq, self.ts, end=True, duration=160 * packets, ssrc=self.ssrc))
            self.seq += 1
        self.ts += 160 * packets


class Events:
    """What the recorder told."""

    def __init__(self) -> None:
        self.digits: list[tuple[str, str, str]] = []
        self.failed: queue.Queue[tuple[str, str]] = queue.Queue()
        self.away: queue.Queue[float] = queue.Queue()
        self.silent: queue.Queue[float] = queue.Queue()
        self.unkept: queue.Queue[str] = queue.Queue()
        self.waiting: queue.Queue[tuple[str, str, str]] = queue.Queue()

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        self.digits.append((call_id, side, digit))

    def recorder_failed(self, call_id: str, message: str) -> None:
        self.failed.put((call_id, message))

    def recorder_away(self) -> None:
        self.away.put(time.monotonic())

    def recorder_silent(self) -> None:
        self.silent.put(time.monotonic())

    def not_kept(self, call_id: str) -> None:
        self.unkept.put(call_id)

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        self.waiting.put((call_id, side, digit))


def spawner(
    folder: Path, *, min_free: int = 1, file_limit: int = 0, forked: bool = False
) -> Callable[[socket.socket], Any]:
    """Starts the test recorder over ``folder``; ``forked``: by the fork server, with the socket as standard input."""
    module, words = "tests.support.recorder_process", (str(folder), str(min_free), str(file_limit))
    if not forked:
        return spawn_command([sys.executable, "-m", module, *words])

    def fork(control: socket.socket) -> Any:
        with open(1, "wb", closefd=False) as out, open(2, "wb", closefd=False) as err:
            return programs.start(module, *words, "0", stdin=control, stdout=out, stderr=err, session=True)

    return fork


class Room:
    """A recorder process and its client."""

    def __init__(
        self, folder: Path, *, min_free: int = 1, file_limit: int = 0, forked: bool = False, **more: Any
    ) -> None:
        self.folder = folder
        self.events = Events()
        self._settled = 0
        self.client = RecorderClient(
            spawner(folder, min_free=min_free, file_limit=file_limit, forked=forked), self.events, SystemClock(), **more
        )
        self.client.launch(PATIENCE)

    def open(self, call_id: str, header: Mapping[str, Any] | None = None, **options: Any) -> RecordingOpened:
        answers: queue.Queue[Any] = queue.Queue()
        self.client.open(call_id, f"rec-{call_id}", header or {"v": 1}, lambda r, e: answers.put((r, e)), **options)
        result, error = answers.get(timeout=PATIENCE)
        if error:
            raise error
        self.client.listen(call_id, source_of(result.caller_port), source_of(result.callee_port))
        return result

    def close(self, call_id: str) -> RecordingClosed | None:
        answers: queue.Queue[Any] = queue.Queue()
        self.client.close(call_id, lambda r, e: answers.put((r, e)))
        result, error = answers.get(timeout=PATIENCE)
        if error:
            raise error
        return result

    def settle(self) -> None:
        """Returns when the recorder has done what it was told so far, and read what had arrived until now."""
        self._settled += 1
        self.open(f"settle-{self._settled}")
        assert self.close(f"settle-{self._settled}") is None

    def chunks(self, opened: RecordingOpened) -> tuple[list[bytes], dict[str, Any] | None]:
        return read(self.folder / opened.path, opened.wraps[0][1])

    def frames(self, opened: RecordingOpened) -> list[Frame]:
        return [frame for chunk in self.chunks(opened)[0] for frame in decode(chunk)]

    def shut(self) -> None:
        assert self.client.close_down(15)


def packets(frames: list[Frame], side: str) -> list[PacketFrame]:
    return [frame for frame in frames if isinstance(frame, PacketFrame) and frame.side == side]


def event_names(frames: list[Frame]) -> list[str]:
    return [frame.event for frame in frames if isinstance(frame, EventFrame)]
