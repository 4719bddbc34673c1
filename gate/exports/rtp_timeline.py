"""One direction of a call on the time line.

Where a packet belongs: its RTP timestamp says how far it is from its neighbours, its arrival says where the stream as
a whole lies, so that both sides stay aligned. The least delayed packet is taken for the true one (the others waited in
the network). The sender's clock is checked against arrivals every few seconds; where it has run away by more than
``RESYNC_US`` the stream is moved. A new SSRC, a new clock rate, a jump of timestamps or a long quiet start anew from
arrivals.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

from gate.core.rtp import STATIC_PAYLOADS, Packet, codec, is_key_press, parse
from gate.exports.codecs import Decoder, Resampler, decoder
from gate.exports.track import Track
from gate.exports.wav import Samples

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
    """Of the highest, unwrapped."""
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
