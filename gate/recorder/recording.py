"""One call in the recorder: its taps, its state, and the chunk that is open.

States: *waiting* (keys are heard, nothing is kept) → *keeping* ⇄ *paused* → *over*. Whatever was in the taps' queues
when a state that keeps begins came before it, and is thrown away first: no audio from before the notice has ended, or
from inside a pause, gets into a chunk.

While paused the customer's keys are not even told to the gate (they are a card number); the agent's are, because one
of them ends the pause.

The loudness curve is cheap enough to keep for every call: the console's waveform. A level is 0 to 127: the peak of the
G.711 code's magnitude, which is logarithmic already (16 steps are 6 dB). Every seventh sample is looked at. Other
codecs give no level (0): their bytes say nothing without decoding.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from gate.core import rtp
from gate.core.rtp import ASSUMED_KEYS, SIDES, STATIC_PAYLOADS, KeyListener, codec, key_types, parse, type_payloads
from gate.errors import RecorderError
from gate.recorder.taps import MAX_PACKET, Instant, Tap
from gate.vault.sealer import Seal, SealedWriter

CHUNK_NS = 800_000_000
"""A chunk is due for sealing at this age; with the loop's rounds it stays under a second."""
CHUNK_SPAN_US = 990_000
"""No chunk spans more than this, even where the loop came late."""
CHUNK_BYTES = 1 << 18
"""Clear bytes that one call may hold in memory, and so a bound of what it may write: a telephone call has a tenth of it
in a chunk. What comes beyond it is refused and counted, so that a flood on one tap fills no disk."""
MOST_ROUNDS = 64
"""Rounds of draining a tap at one go; more than a receive buffer holds, and an end where a flood never stops."""

PER_SECOND = 10
STRIDE = 7
"""Distance between two samples that are looked at; odd, so that a tone of 1,000 Hz is met in changing phases."""
MAX_BINS = 2 * 3600 * PER_SECOND
"""Beyond this the curve is halved: pairs of bins become one, and memory stays bounded."""

TABLES: Mapping[str, bytes] = {
    "PCMU": bytes((255 - code) & 0x7F for code in range(256)),
    "PCMA": bytes((code ^ 0x55) & 0x7F for code in range(256)),
}
"""Codec -> magnitude of every code (G.711: µ-law is sent inverted, A-law with its even bits inverted)."""

_FOREVER = 1 << 63
_HEADER = rtp.HEADER
_RTP_BITS = 0xC0
_EMPTY = b""


class Curve:
    """Peaks of one side over time."""

    def __init__(self) -> None:
        self.microseconds = 1_000_000 // PER_SECOND
        """Width of a bin."""
        self.bins = bytearray()
        self.recent = 0
        """Peak since it was last taken."""

    def add(self, offset: int, codes: bytes) -> None:
        """Samples (magnitudes already) that came ``offset`` microseconds after the start."""
        peak = max(codes, default=0)
        if peak > self.recent:
            self.recent = peak
        place = offset // self.microseconds
        bins = self.bins
        if place >= len(bins):
            if place >= MAX_BINS:
                self._halve(place)
                place = offset // self.microseconds
                bins = self.bins
            if place >= len(bins):
                bins.extend(bytes(place + 1 - len(bins)))
        if peak > bins[place]:
            bins[place] = peak

    def take_recent(self) -> int:
        """The peak since the last call."""
        recent, self.recent = self.recent, 0
        return recent

    def text(self) -> str:
        """One byte a bin, base64."""
        return base64.b64encode(self.bins).decode()

    def _halve(self, place: int) -> None:
        while place >= MAX_BINS:
            bins = self.bins + bytes(len(self.bins) % 2)
            self.bins = bytearray(map(max, bins[::2], bins[1::2]))
            self.microseconds *= 2
            place //= 2


class DirectionState:
    """One direction: its port, what its payload types mean, and its counts."""

    def __init__(self, name: str, tap: Tap) -> None:
        self.name = name
        self.tap = tap
        self.kind = rtp.PACKET_KIND[name]
        self.key_types: frozenset[int] = frozenset({ASSUMED_KEYS})
        self.tables: dict[int, bytes] = {}
        self.keys = KeyListener()
        self.curve = Curve()
        self.open = 0
        """Packets in the chunk that is open."""
        self.kept = 0
        """Packets in sealed chunks."""
        self.refused = 0
        self.last = 0
        """When the last packet arrived, monotonic nanoseconds; 0 before the first that was to be kept."""
        self.missing = 0
        """Packets dropped or refused, as far as ``lost`` tells of them."""
        self.lost: list[tuple[int, int]] = []
        """Gaps: the packets before and after each, in monotonic nanoseconds."""

    def note_lost(self, dropped: int, until: int) -> None:
        """Whatever was lost since the last packet, ``dropped`` in all by the kernel, was lost up to ``until``."""
        missing = dropped + self.refused
        if missing > self.missing:
            self.missing = missing
            self.lost.append((self.last, until))

    def set_map(self, own: Mapping[int, str], other: Mapping[int, str]) -> None:
        """Codecs by payload type. A type that only the other side's map names counts too: some phones mix them up."""
        if not own and not other:
            return
        self.key_types = key_types(own, other)
        names = {**STATIC_PAYLOADS, **other, **own}
        codecs = {number: codec(name).name for number, name in names.items()}
        self.tables = {number: TABLES[name] for number, name in codecs.items() if name in TABLES}


class LiveRecording:
    """A call's recording. Every method may raise what the sealed file raises (``OSError``, ``VaultError``)."""

    def __init__(
        self,
        call_id: str,
        recording_id: str,
        path: Path,
        relative: str,
        seal: Seal | None,
        on_key: Callable[[str, str, str], None],
    ) -> None:
        """Bind the taps. ``on_key(call_id, side, digit)`` is called for each key. Raises ``OSError``."""
        self.call_id = call_id
        self.recording_id = recording_id
        self.path = path
        self.relative = relative
        self.seal = seal
        """None: the call is only listened to for keys, there is nothing to keep its audio in."""
        self.file: SealedWriter | None = None
        self.sides = _bind()
        self.keeping = False
        self.paused = False
        self.failure = ""
        self.gaps: list[tuple[float, float]] = []
        self.chunks = 0
        self.chunks_noted = 0
        """Chunks that the finisher knows of."""
        self.finishing = self.closing = False
        """The gate has asked for the end, of what is kept or of all, and has no answer yet."""
        self.settled = False
        """The file is closed, or there is none."""
        self.over = False
        """``end`` was called: the file is not touched any more."""
        self._on_key = on_key
        self._start = 0
        self._paused_at = 0.0
        self._pause_until = _FOREVER
        self._parts: list[bytes] = []
        self._size = 0
        self._since = 0
        self._first = 0
        self._keep_from = 0
        self._keep_until = self._mute_from = _FOREVER
        self._kept_to = 0

    @property
    def live(self) -> bool:
        """True where there is a file that may be written to."""
        return self.file is not None and not self.over and not self.failure

    # --- packets --------------------------------------------------------------------------------------------------

    def drain(self, side: DirectionState, at: Instant) -> int:
        """Take what had arrived on one side by ``at``; returns how many datagrams that were."""
        count = 0
        if self.keeping:
            self._kept_to = at.monotonic
        header, extra = _HEADER.pack, _HEADER.size
        kind, key_types, tables, loud = side.kind, side.key_types, side.tables, side.curve.add
        for arrival, data, dropped in side.tap.packets(at):
            count += 1
            size = len(data)
            if not 12 <= size < MAX_PACKET or data[0] & _RTP_BITS != 0x80 or 192 <= data[1] < 224:
                continue
            payload_type = data[1] & 0x7F
            if payload_type in key_types and not self._key(side, data, arrival):
                continue
            if not self.keeping or not self._keep_from <= arrival < self._keep_until:
                continue
            if dropped + side.refused > side.missing:
                side.note_lost(dropped, arrival)
            side.last = arrival
            offset = (arrival - self._start) // 1000
            if not self._parts or offset - self._first >= CHUNK_SPAN_US:
                self._room(offset)
            if self._size > CHUNK_BYTES:
                side.refused += 1
                continue
            self._parts += (header(kind, size, offset), data)
            self._size += size + extra
            side.open += 1
            table = tables.get(payload_type)
            if table is not None:
                loud(offset, data[12::STRIDE].translate(table))
        return count

    def _key(self, side: DirectionState, data: bytes, arrival: int) -> bool:
        """True where the packet may be kept."""
        packet = parse(data)
        if packet is None:
            return False
        muted = self.paused or arrival >= self._mute_from
        digit, keepable = side.keys.hear(packet, arrival, muted=muted)
        if digit and not (muted and side.name == "callee"):
            self._on_key(self.call_id, side.name, digit)
        return keepable

    def _discard(self, at: Instant) -> None:
        """Empty the taps while nothing is kept; keys are heard. What comes later with an older stamp is not kept."""
        self.take_all(at)
        self._keep_from = at.monotonic
        for side in self.sides:
            side.last, side.missing = at.monotonic, side.tap.count_dropped() + side.refused

    def take_all(self, at: Instant) -> None:
        """Take what had arrived on both sides by ``at``."""
        for side in self.sides:
            for _ in range(MOST_ROUNDS):
                if not self.drain(side, at):
                    break

    # --- chunks ---------------------------------------------------------------------------------------------------

    def _room(self, offset: int) -> None:
        if not self._parts:
            self._first = offset
            self._since = self._start + offset * 1000
        elif offset - self._first >= CHUNK_SPAN_US:
            self.seal_chunk()
            self._first = offset
            self._since = self._start + offset * 1000

    def _put(self, offset: int, frame: bytes) -> None:
        self._room(offset)
        self._parts.append(frame)
        self._size += len(frame)

    def due(self, at: Instant) -> bool:
        """True where the open chunk is old enough to be sealed."""
        return bool(self._parts) and at.monotonic - self._since >= CHUNK_NS

    def seal_chunk(self) -> None:
        """Seal and write what is open."""
        if not self._parts or self.file is None:
            return
        payload = _EMPTY.join(self._parts)
        self._parts = []
        self._size = 0
        packets = [side.open for side in self.sides]
        for side in self.sides:
            side.open = 0
        self.file.write_chunk(payload)
        self.chunks += 1
        for side, count in zip(self.sides, packets, strict=True):
            side.kept += count

    # --- the gate's wishes ----------------------------------------------------------------------------------------

    def offset(self, at: Instant) -> int:
        """Microseconds since the start."""
        return max(0, at.monotonic - self._start) // 1000 if self._start else 0

    def start(
        self, at: Instant, asked: int, day_time: str, payloads: type_payloads, events: Sequence[Mapping[str, Any]]
    ) -> None:
        """Create the file and keep what came after ``asked`` (monotonic nanoseconds): the parties may hear each other
        from then on. ``day_time`` is the wall clock's time in ISO form."""
        if self._start or self.failure or self.over:
            return
        self._map(payloads)
        since = at.back_to(asked)
        self._discard(since)
        self._start = since.monotonic
        if self.seal is None:
            raise RecorderError(f"the call of {self.path.name} is only listened to")
        self.file = self.seal.create(self.path)
        self._put(0, rtp.encode_event(0, "start", {"at": day_time}))
        self._put(0, rtp.encode_map(0, payloads))
        for event in events:
            name = event.get("event")
            self._put(0, rtp.encode_event(0, name if isinstance(name, str) else "announcement", event))
        self.keeping = not self.paused
        if self.paused:
            self._mark_pause(since)

    def media_changed(self, at: Instant, payloads: type_payloads) -> None:
        """Another codec map; before the start it tells what a key looks like."""
        self._map(payloads)
        if self.live:
            offset = self.offset(at)
            self._put(offset, rtp.encode_map(offset, payloads))

    def pause(self, at: Instant, asked: int, until: int = 0) -> None:
        """Keep nothing that came after ``asked`` (monotonic nanoseconds), until then (0: until ``resume``); a second
        pause changes that alone."""
        self._pause_until = until or _FOREVER
        if self.paused:
            return
        since = at.back_to(max(asked, self._kept_to))
        if self.keeping:
            self._keep_until = self._mute_from = since.monotonic
            self.take_all(at)
            self._note_lost(since)
        self.paused, self.keeping, self._keep_until, self._mute_from = True, False, _FOREVER, _FOREVER
        if self.live:
            self._mark_pause(since)

    def resume_when_due(self, at: Instant) -> None:
        """The pause is over, whatever becomes of the gate."""
        if at.monotonic >= self._pause_until:
            self.resume(at)

    def resume(self, at: Instant) -> None:
        """Keep again; without a pause it changes nothing."""
        if not self.paused:
            return
        self._discard(at)
        self.paused = False
        if self.live:
            offset = self.offset(at)
            self.gaps.append((self._paused_at, offset / 1e6))
            self._put(offset, rtp.encode_event(offset, "resume"))
            self.keeping = True

    def end(self, at: Instant, cause: str = "") -> Mapping[str, Any]:
        """Stop keeping, put what is left into the last chunk, and give the trailer. ``cause`` says why it was not the
        gate that ended it. The taps stay open."""
        if self.keeping:
            self.take_all(at)
            self._note_lost(at)
        self.keeping = False
        offset = self.offset(at)
        if self.live:
            self._put(offset, rtp.encode_event(offset, "end", {"interrupted": bool(cause), "cause": cause}))
            self.seal_chunk()
        self.over = True
        return {
            "seconds": offset / 1e6,
            "packets": {side.name: side.kept for side in self.sides},
            "dropped": {side.name: side.tap.dropped + side.refused for side in self.sides},
            "gaps": [*self.gaps, (self._paused_at, offset / 1e6)] if self.paused else list(self.gaps),
            "lost": self._lost(offset),
            "interrupted": bool(cause),
            "cause": cause,
            "levels": {
                side.name: {"microseconds": side.curve.microseconds, "bins": side.curve.text()} for side in self.sides
            },
        }

    def keep_until(self, asked: int) -> None:
        """Keep nothing that came after ``asked`` (monotonic nanoseconds); keys are heard."""
        self._keep_until = min(self._keep_until, asked)

    def kept(self, at: Instant) -> float:
        """Seconds from the start up to which all that arrived is in the file."""
        return (self._first if self._parts else self.offset(at)) / 1e6

    def close_taps(self) -> None:
        """Free the ports."""
        for side in self.sides:
            side.tap.close()

    def _map(self, payloads: type_payloads) -> None:
        for side, other in zip(self.sides, reversed(self.sides), strict=True):
            side.set_map(payloads.get(side.name, {}), payloads.get(other.name, {}))

    def _note_lost(self, at: Instant) -> None:
        for side in self.sides:
            side.note_lost(side.tap.count_dropped(), at.monotonic)

    def _lost(self, end: int) -> list[tuple[float, float]]:
        """Gaps of both sides together, as seconds from the start."""
        spans: list[tuple[float, float]] = []
        for start, until in sorted(span for side in self.sides for span in side.lost):
            first, last = max(0, start - self._start) / 1e9, min(end / 1e6, max(0, until - self._start) / 1e9)
            if spans and first <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(last, spans[-1][1])
            elif first < last:
                spans.append((first, last))
        return spans

    def _mark_pause(self, at: Instant) -> None:
        offset = self.offset(at)
        self._paused_at = offset / 1e6
        self._put(offset, rtp.encode_event(offset, "pause"))
        self.seal_chunk()


def _bind() -> tuple[DirectionState, ...]:
    """A tap for each side. Raises ``OSError``; then none is left open."""
    with ExitStack() as stack:
        sides = tuple(DirectionState(name, stack.enter_context(closing(Tap()))) for name in SIDES)
        stack.pop_all()
    return sides
