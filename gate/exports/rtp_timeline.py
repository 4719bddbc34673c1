"""One direction of a call: RTP packets decoded, and placed on the time line of the file.

Where a packet belongs: its RTP timestamp says how far it is from its neighbours, its arrival says where the stream as
a whole lies, so that both sides stay aligned. The least delayed packet is taken for the true one (the others waited in
the network). The sender's clock is checked against arrivals every few seconds; where it has run away by more than
``RESYNC_US`` the stream is moved. A new SSRC, a new clock rate, a jump of timestamps or a long quiet start anew from
arrivals.

Payloads become 16-bit samples: G.711 (both laws), G.722 and L16; what else comes is reported, not guessed at. Opus is
not decoded: libsndfile reads Opus in Ogg files only, and RTP carries it bare.

A ``Track`` is one channel on its way into the file: samples and silence in their order, taken off in blocks.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import G722
import numpy as np
import numpy.typing as npt

from gate import g711
from gate.core.rtp import STATIC_PAYLOADS, Packet, codec, is_key_press, parse

Samples = npt.NDArray[np.int16]

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


RATES = range(8000, 48001)
"""Sample rates that are decoded, Hz."""
TAPS_PER_STEP = 16

_G711 = {"PCMU": g711.ulaw_decode, "PCMA": g711.alaw_decode}


@dataclass(frozen=True, slots=True)
class Decoder:
    """One stream's decoder; may have a state, so packets must come in order."""

    name: str
    clock: int
    """Clock rate of the RTP timestamps, Hz."""
    rate: int
    """Sample rate, Hz."""
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


HOLD_US = 400_000
"""A packet waits this long for those that it has overtaken."""
LATEST_US = 1_000_000
"""A packet later than this against its stream starts it anew."""
EARLIEST_US = 250_000
RESYNC_US = 30_000
CHECK_US = 5_000_000
QUIET_US = 300_000
MAX_HELD = 4096
MAX_DROPOUT, MAX_MISORDER = 3000, 1000
"""Steps of the sequence beyond these are another stream (after RFC 3550 appendix A.1)."""


@dataclass(slots=True)
class TimelineReport:
    """What one side held."""

    packets: int = 0
    lost: int = 0
    late: int = 0
    """Came after their turn, or twice."""
    broken: int = 0
    """Not RTP."""
    key_packets: int = 0
    concealed_seconds: float = 0.0
    streams: int = 0
    resyncs: int = 0
    codecs: dict[str, float] = field(default_factory=dict)
    """Codec -> seconds of audio."""
    undecoded: dict[str, int] = field(default_factory=dict)
    """Codec or payload type that is not decoded here -> packets, rendered as silence."""


@dataclass(slots=True)
class _Stream:
    """One SSRC as long as it goes on without a break."""

    number: int
    ssrc: int
    clock: int
    first: int
    top: int
    """Lowest and highest sequence so far, unwrapped."""
    timestamp: int
    """The highest timestamp, unwrapped."""
    placed: int = 0

    @property
    def lost(self) -> int:
        """Packets of its run that never came, or came too late."""
        return max(0, self.top - self.first + 1 - self.placed)


@dataclass(slots=True, order=True)
class _Held:
    stream: int
    sequence: int
    order: int
    arrival: int = field(compare=False)
    media: float = field(compare=False)
    """Microseconds by the sender's clock."""
    packet: Packet = field(compare=False)
    name: str = field(compare=False)


class RtpTimeline:
    """Places packets on ``track``. ``lead`` samples lie before the recording's start."""

    def __init__(self, track: Track, lead: int) -> None:
        self.track = track
        self.report = TimelineReport()
        self._lead = lead
        self._names: dict[int, str] = dict(STATIC_PAYLOADS)
        self._stream: _Stream | None = None
        self._streams: list[_Stream] = []
        self._held: list[_Held] = []
        self._order = 0
        self._newest = 0
        self._decoders: dict[str, tuple[Decoder, Resampler] | None] = {}
        self._delay = math.nan
        self._placing = -1
        self._last_sequence = -1
        self._last_arrival = 0
        self._least = math.inf
        self._checked = 0
        self._spoke = False

    # --- in -------------------------------------------------------------------------------------------------------

    def set_map(self, names: dict[int, str]) -> None:
        """Payload types from here on; what is held belongs to the old ones."""
        self._names = {**STATIC_PAYLOADS, **names}

    def take(self, arrival: int, data: bytes) -> None:
        """A packet that arrived ``arrival`` microseconds after the start."""
        packet = parse(data)
        if packet is None:
            self.report.broken += 1
            return
        self.report.packets += 1
        name = self._names.get(packet.payload_type, f"payload type {packet.payload_type}")
        stream = self._stream_of(packet, name)
        sequence = stream.top + _signed(packet.sequence - stream.top, 16)
        timestamp = stream.timestamp + _signed(packet.timestamp - stream.timestamp, 32)
        if sequence > stream.top:
            stream.top, stream.timestamp = sequence, timestamp
        stream.first = min(stream.first, sequence)
        self._order += 1
        media = timestamp * 1e6 / stream.clock
        heapq.heappush(self._held, _Held(stream.number, sequence, self._order, arrival, media, packet, name))
        self.advance(arrival)

    def advance(self, now: int) -> None:
        """Time has come to ``now``: place what has waited long enough, and let the silence run on."""
        self._newest = max(self._newest, now)
        while self._held and (self._newest - self._held[0].arrival >= HOLD_US or len(self._held) > MAX_HELD):
            self._place(heapq.heappop(self._held))
        self.track.silence_to(self._at(self._newest - HOLD_US - LATEST_US))

    def cut(self, now: int) -> None:
        """Nothing was kept from here on: place what is held and start anew afterwards."""
        while self._held:
            self._place(heapq.heappop(self._held))
        self._stream = None
        self._newest = max(self._newest, now)

    def gap(self, start: int, end: int) -> None:
        """A pause, from and to these microseconds; ``cut`` came before."""
        self.track.mark_gap(self._at(start), self._at(end))
        self._newest = max(self._newest, end)

    def finish(self, end: int) -> None:
        """The recording is over at ``end``."""
        self.cut(end)
        self.track.silence_to(self._at(end))
        self.report.streams = len(self._streams)
        self.report.lost = sum(stream.lost for stream in self._streams)

    # --- streams --------------------------------------------------------------------------------------------------

    def _stream_of(self, packet: Packet, name: str) -> _Stream:
        stream = self._stream
        clock = codec(name).rate
        if stream is not None and stream.ssrc == packet.ssrc and (stream.clock == clock or _silent(name)):
            step = _signed(packet.sequence - stream.top, 16)
            if -MAX_MISORDER < step < MAX_DROPOUT:
                return stream
        number = len(self._streams)
        stream = _Stream(number, packet.ssrc, clock, packet.sequence, packet.sequence, packet.timestamp)
        self._streams.append(stream)
        self._stream = stream
        return stream

    # --- placing --------------------------------------------------------------------------------------------------

    def _at(self, microseconds: float) -> int:
        return self._lead + round(microseconds * self.track.rate / 1e6)

    def _place(self, held: _Held) -> None:
        fresh = held.stream != self._placing
        if not fresh and held.sequence <= self._last_sequence:
            self.report.late += 1
            return
        lost = not fresh and held.sequence > self._last_sequence + 1
        if fresh:
            self._placing = held.stream
            self._decoders = {}
            self._delay = math.nan
        self._last_sequence = held.sequence
        self._streams[held.stream].placed += 1
        if _silent(held.name):
            self.report.key_packets += is_key_press(held.name)
            self._spoke = False
            return
        self._align(held)
        samples = self._decode(held.packet.payload, held.name)
        if samples is None:
            return
        place = self._at(held.media + self._delay)
        missing = place - self.track.end
        if abs(missing) <= 2:
            missing = 0
        if missing > 0:
            if lost and self._spoke:
                made = self.track.conceal_to(place)
                self.report.concealed_seconds += made / self.track.rate
            else:
                self.track.silence_to(place)
        self.track.add(samples[-missing:] if missing < 0 else samples)
        self._spoke = True

    def _align(self, held: _Held) -> None:
        """Keep the delay between the sender's clock and arrivals: the least one seen."""
        delay = held.arrival - held.media
        fresh = math.isnan(self._delay)
        off = delay - self._delay
        quiet = held.arrival - self._last_arrival > QUIET_US and abs(off) > RESYNC_US
        self._last_arrival = max(held.arrival, self._last_arrival)
        self._least = min(self._least, delay)
        if fresh or off > LATEST_US or off < -EARLIEST_US or quiet:
            self.report.resyncs += not fresh
            self._anchor(held, delay)
        elif held.arrival - self._checked >= CHECK_US:
            if abs(self._least - self._delay) > RESYNC_US:
                self.report.resyncs += 1
                self._delay = self._least
            self._least, self._checked = math.inf, held.arrival

    def _anchor(self, held: _Held, delay: float) -> None:
        near = [
            other.arrival - other.media
            for other in self._held
            if other.stream == held.stream and abs(other.arrival - other.media - delay) < EARLIEST_US
        ]
        self._delay = min([delay, *near])
        self._least, self._checked = math.inf, held.arrival

    def _decode(self, payload: bytes, name: str) -> Samples | None:
        if name not in self._decoders:
            made = decoder(name)
            self._decoders[name] = (made, Resampler(made.rate, self.track.rate)) if made is not None else None
        known = self._decoders[name]
        if known is None:
            self.report.undecoded[name] = self.report.undecoded.get(name, 0) + 1
            self._spoke = False
            return None
        made, resampler = known
        samples = made.decode(payload)
        self.report.codecs[name] = self.report.codecs.get(name, 0.0) + len(samples) / made.rate
        return resampler(samples)


def _silent(name: str) -> bool:
    """Key presses and comfort noise: they have a place in the sequence and no audio of their own."""
    return is_key_press(name) or codec(name).name == "CN"


def _signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
