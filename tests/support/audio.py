"""Sound for tests: tones, what tone is in a sound, WAV files, and a party that speaks and hears RTP on a UDP port."""

from __future__ import annotations

import socket
import struct
import threading
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from G722 import G722

from gate import g711

Samples = npt.NDArray[np.int16]
RATE = 8000
DIGITS = "0123456789*#ABCD"


def tone(frequency: float, seconds: float, rate: int = RATE, amplitude: float = 0.3) -> Samples:
    """A sine as 16-bit samples."""
    time_axis = np.arange(round(seconds * rate)) / rate
    return np.asarray(amplitude * 32767 * np.sin(2 * np.pi * frequency * time_axis)).astype(np.int16)


def share(samples: Samples, frequency: float, rate: int = RATE) -> float:
    """How much of a sound's power is at this frequency (Goertzel): near 1.0 for a pure tone, 0.0 for another one."""
    if not len(samples):
        return 0.0
    sound = samples.astype(np.float64)
    power = float(np.sum(sound**2))
    if power == 0.0:
        return 0.0
    bin_value = np.sum(sound * np.exp(-2j * np.pi * frequency * np.arange(len(sound)) / rate))
    return float(2 * abs(bin_value) ** 2 / (len(sound) * power))


def dominant(samples: Samples, rate: int = RATE, floor: float = 200.0) -> float | None:
    """The strongest frequency in Hz, None where the sound is quieter than ``floor`` (RMS, of 32768)."""
    if not len(samples) or np.sqrt(np.mean(samples.astype(np.float64) ** 2)) < floor:
        return None
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def windows(samples: Samples, seconds: float = 0.2, rate: int = RATE) -> list[float | None]:
    """The strongest frequency of each window in turn."""
    size = round(seconds * rate)
    return [dominant(samples[at : at + size], rate) for at in range(0, len(samples) - size + 1, size)]


def runs(samples: Samples, wanted: float) -> list[int]:
    """Which windows of 200 ms hold the wanted tone."""
    return [at for at, hertz in enumerate(windows(samples)) if hertz and abs(hertz - wanted) < 15]


def write_wav(path: Path, samples: Samples, rate: int = RATE, channels: int = 1) -> Path:
    """Write 16-bit samples (interleaved where there is more than one channel); returns the path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """(samples by channel, rate): an array of shape (frames, channels)."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return samples.reshape(-1, file.getnchannels()), file.getframerate()


@dataclass(frozen=True)
class Heard:
    """One RTP packet that arrived."""

    at: float
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def encoder(frequency: float, payload_type: int) -> Callable[[int], bytes]:
    """The payload of 20 ms of a tone (silence where the frequency is 0), by the timestamp at which it begins."""
    rate = 2 * RATE if payload_type == 9 else RATE
    sound = tone(frequency, 1.02, rate) if frequency else np.zeros(rate + rate // 50, np.int16)
    if payload_type == 9:
        state = G722(rate, 64000)
        return lambda at: bytes(state.encode(sound[2 * (at % RATE) : 2 * (at % RATE) + 320]))
    coded = (g711.ulaw_encode if payload_type == 0 else g711.alaw_encode)(sound)
    return lambda at: coded[at % RATE : at % RATE + 160]


def decoded(packets: Sequence[Heard]) -> Samples:
    """What packets of speech hold, in order of arrival, at 8 kHz; others are passed over."""
    decode = {0: g711.ulaw_decode, 8: g711.alaw_decode, 9: _g722()}
    parts = [decode[packet.payload_type](packet.payload) for packet in packets if packet.payload_type in decode]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _g722() -> Callable[[bytes], Samples]:
    state = G722(2 * RATE, 64000)
    return lambda payload: np.asarray(state.decode(payload), np.int16)[::2]


class Party:
    """One end of an RTP stream: sends a tone of its own and keeps what arrives. µ-law (0), A-law (8) or G.722 (9).

    ``with Party(1000) as party:`` binds ``party.port``; ``party.talk_to((host, port))`` begins to send.
    """

    def __init__(self, frequency: float = 0.0, payload_type: int = 0, host: str = "127.0.0.1") -> None:
        self.frequency, self.payload_type, self.host = frequency, payload_type, host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(0.05)
        self.port: int = self.socket.getsockname()[1]
        self.heard: list[Heard] = []
        self.sent = 0
        self._peer: tuple[str, int] | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._sequence, self._timestamp, self._ssrc = 1000, 160000, 0x1234 + self.port
        self._digit: list[tuple[bytes, bool]] = []
        self._threads = [threading.Thread(target=self._speak), threading.Thread(target=self._listen)]

    def __enter__(self) -> Party:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.socket.close()

    def talk_to(self, peer: tuple[str, int] | None) -> None:
        """Send the tone there from now on; None: be quiet."""
        self._peer = peer

    def speaks(self, seconds: float) -> None:
        """Until it has sent so many more seconds of audio."""
        end = self.sent + round(seconds * 50)
        while self.sent < end:
            assert self._peer and self._threads[0].is_alive(), "it is quiet"
            time.sleep(0.005)

    def press(self, digit: str, milliseconds: int = 100, payload_type: int = 101) -> None:
        """Press a key (RFC 4733): a packet every 20 ms in place of the tone, the end told three times."""
        event = DIGITS.index(digit)
        packets = [
            (struct.pack("!BBH", event, 10, (passed + 20) * 8), passed == 0) for passed in range(0, milliseconds, 20)
        ]
        packets += [(struct.pack("!BBH", event, 0x80 | 10, milliseconds * 8), False)] * 3
        with self._lock:
            self._digit = packets
            self._digit_type = payload_type

    def samples(self, ssrc: int | None = None) -> Samples:
        """What arrived, decoded, in order of arrival."""
        return decoded([packet for packet in list(self.heard) if ssrc in (None, packet.ssrc)])

    def _speak(self) -> None:
        payload_at = encoder(self.frequency, self.payload_type)
        due = time.monotonic()
        event_timestamp = 0
        while not self._stop.is_set():
            peer = self._peer
            with self._lock:
                event = self._digit.pop(0) if self._digit and peer else None
            if peer:
                payload, kind, stamp, marker = payload_at(self._timestamp), self.payload_type, self._timestamp, 0
                if event:
                    if event[1]:
                        event_timestamp = self._timestamp
                    payload, kind, stamp, marker = event[0], self._digit_type, event_timestamp, 0x80 * event[1]
                header = struct.pack("!BBHII", 0x80, kind | marker, self._sequence & 0xFFFF, stamp, self._ssrc)
                self.socket.sendto(header + payload, peer)
                self.sent += 1
                self._sequence += 1
            self._timestamp += 160
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                data, _ = self.socket.recvfrom(2048)
            except (TimeoutError, ConnectionError):
                continue
            if len(data) >= 12:
                _, kind, sequence, stamp, ssrc = struct.unpack("!BBHII", data[:12])
                self.heard.append(Heard(time.monotonic(), kind & 0x7F, sequence, stamp, ssrc, data[12:]))
