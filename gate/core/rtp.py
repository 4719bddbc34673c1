"""RTP packets (RFC 3550 section 5.1) and the key presses in them (RFC 4733); the frames of a sealed recording, which
hold them.

``parse`` is total: any bytes give a ``Packet`` or ``None``. RTCP that came to an RTP port is told from RTP by its
second byte (RFC 5761 section 4).

One press gives one digit, however many packets carry it. A press is a run of packets with one timestamp, repeated at
its end (RFC 4733 section 2.5.1.4). Longer than 65,535 timestamp units it goes on as further segments without a marker
bit (2.5.1.3), and some phones wrongly count the timestamp up in every packet; both are taken for the same press while
it has not ended and its packets follow each other closely.

Inside the chunks of a sealed recording is a run of frames, each one a packet, a codec map or an event. Layout of a
frame, big-endian: ``kind u8 | length u16 | offset u64 | body``. ``offset`` is microseconds from the start of the
recording, ``length`` is that of the body:

- kind 1, 2   an RTP packet of the caller, of the callee, byte for byte as it arrived
- kind 3      the codec map in force from here on: JSON ``{side: {payload type: "name/rate"}}``
- kind 4      an event: a JSON object whose ``event`` names it (``start``, ``announcement``, ``pause``, ``resume``,
  ``end``)

A frame never straddles two chunks, so that every whole chunk can be read without its neighbours. Both directions are
total: what is not a frame, or cannot be one, raises ``FrameError`` and nothing else.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

HEADER_SIZE = 12
_RTCP_TYPES = range(192, 224)
_DIGITS = "0123456789*#ABCD"

SIDES = ("caller", "callee")
"""The two directions of a call, in the order of channels: the agent left, the customer right."""

type_payloads = Mapping[str, Mapping[int, str]]
"""Side -> payload type -> ``name/rate``."""

STATIC_PAYLOADS: Mapping[int, str] = {
    0: "PCMU/8000",
    3: "GSM/8000",
    4: "G723/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    10: "L16/44100/2",
    11: "L16/44100",
    13: "CN/8000",
    15: "G728/8000",
    18: "G729/8000",
}
"""Payload types that need no map (RFC 3551 table 4; G722's clock is 8000 by its erratum)."""


class Packet(NamedTuple):
    """One RTP packet."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class KeyPress(NamedTuple):
    """The telephone-event payload of one packet (RFC 4733 section 2.3)."""

    digit: str
    end: bool
    duration: int
    """In timestamp units."""


def parse(data: bytes) -> Packet | None:
    """The packet, or ``None`` where ``data`` is not RTP version 2: too short, RTCP, or lengths that do not add up."""
    size = len(data)
    if size < HEADER_SIZE or data[0] & 0xC0 != 0x80 or data[1] in _RTCP_TYPES:
        return None
    first = data[0]
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    return Packet(
        data[1] & 0x7F,
        data[1] > 0x7F,
        int.from_bytes(data[2:4], "big"),
        int.from_bytes(data[4:8], "big"),
        int.from_bytes(data[8:12], "big"),
        data[start:end],
    )


def key_press(payload: bytes) -> KeyPress | None:
    """The key in a telephone-event payload, or ``None`` where it is no DTMF key (events above 15) or too short."""
    if len(payload) < 4 or payload[0] >= len(_DIGITS):
        return None
    return KeyPress(_DIGITS[payload[0]], bool(payload[1] & 0x80), int.from_bytes(payload[2:4], "big"))


class Codec(NamedTuple):
    """The entry of a codec map for a payload type."""

    name: str
    """Upper case."""
    rate: int
    """The rate of the timestamps, Hz; 8000 where the text names none."""
    channels: int


@lru_cache(maxsize=256)  # an export asks of every packet
def codec(text: str) -> Codec:
    """``name/rate[/channels]`` (RFC 8866 section 6.6) taken apart; total."""
    name, _, rest = text.strip().partition("/")
    rate, _, channels = rest.partition("/")
    return Codec(name.upper(), _whole(rate, 8000), _whole(channels, 1))


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 and int(text) > 0 else default


def is_key_press(name: str) -> bool:
    """True for the ``name/rate`` of RFC 4733 events."""
    return codec(name).name == "TELEPHONE-EVENT"


HEADER = struct.Struct(">BHQ")
MAX_BODY = 0xFFFF
MAX_OFFSET = 2**63 - 1
"""Microseconds; far beyond any call."""

PACKET_KIND: Mapping[str, int] = {"caller": 1, "callee": 2}
_SIDE_OF = {kind: side for side, kind in PACKET_KIND.items()}
_MAP = 3
_EVENT = 4


class FrameError(ValueError):
    """The bytes are not frames, or the value has no frame."""


@dataclass(frozen=True, slots=True)
class PacketFrame:
    """An RTP packet as it arrived."""

    side: str
    offset: int
    rtp: bytes


@dataclass(frozen=True, slots=True)
class MapFrame:
    """The codec map from here on."""

    offset: int
    payloads: type_payloads


@dataclass(frozen=True, slots=True)
class EventFrame:
    """Something that happened in the recording; ``body`` is JSON, without the name."""

    offset: int
    event: str
    body: Mapping[str, Any]


Frame = PacketFrame | MapFrame | EventFrame


def encode_packet(side: str, offset: int, rtp: bytes) -> bytes:
    """The frame of one packet. Raises ``FrameError`` for another side, a negative offset or more than 65,535 bytes."""
    kind = PACKET_KIND.get(side)
    if kind is None:
        raise FrameError(f"no such side: {side!r}")
    return _frame(kind, offset, rtp)


def encode_map(offset: int, payloads: type_payloads) -> bytes:
    """The frame of a codec map. Raises ``FrameError`` where it is not side -> payload type -> text."""
    value = {side: {str(number): name for number, name in names.items()} for side, names in payloads.items()}
    _payloads(value)
    return _frame(_MAP, offset, _json(value))


def encode_event(offset: int, event: str, body: Mapping[str, Any] | None = None) -> bytes:
    """The frame of an event. Raises ``FrameError`` where ``body`` is not JSON or is longer than 65,535 bytes."""
    return _frame(_EVENT, offset, _json({**(body or {}), "event": event}))


def encode(frame: Frame) -> bytes:
    """The bytes of any frame. Raises ``FrameError``."""
    if isinstance(frame, PacketFrame):
        return encode_packet(frame.side, frame.offset, frame.rtp)
    if isinstance(frame, MapFrame):
        return encode_map(frame.offset, frame.payloads)
    return encode_event(frame.offset, frame.event, frame.body)


def decode(chunk: bytes) -> Iterator[Frame]:
    """The frames of one chunk's payload, in the order of their arrival. Raises ``FrameError``."""
    position, end = 0, len(chunk)
    while position < end:
        try:
            kind, length, offset = HEADER.unpack_from(chunk, position)
        except struct.error:
            raise FrameError(f"a frame is cut short at byte {position}") from None
        position += HEADER.size
        body = chunk[position : position + length]
        if len(body) != length:
            raise FrameError(f"a frame of {length} bytes is cut short at byte {position}")
        if offset > MAX_OFFSET:
            raise FrameError(f"a frame lies {offset} µs from the start")
        position += length
        yield _decoded(kind, offset, body)


def _decoded(kind: int, offset: int, body: bytes) -> Frame:
    side = _SIDE_OF.get(kind)
    if side is not None:
        return PacketFrame(side, offset, body)
    if kind not in (_MAP, _EVENT):
        raise FrameError(f"unknown kind of frame: {kind}")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise FrameError("a frame is not JSON") from None
    if not isinstance(value, dict):
        raise FrameError("a frame is not a JSON object")
    if kind == _MAP:
        return MapFrame(offset, _payloads(value))
    event = value.pop("event", None)
    if not isinstance(event, str):
        raise FrameError("an event has no name")
    return EventFrame(offset, event, value)


def _payloads(value: dict[str, Any]) -> type_payloads:
    payloads: dict[str, dict[int, str]] = {}
    for side, names in value.items():
        if side not in SIDES or not isinstance(names, dict):
            raise FrameError("a codec map is not side -> payload type -> name")
        payloads[side] = {}
        for key, name in names.items():
            if not (key.isascii() and key.isdigit() and len(key) <= 3 and int(key) <= 127 and isinstance(name, str)):
                raise FrameError(f"a codec map names no payload type: {key!r}")
            payloads[side][int(key)] = name
    return payloads


def _frame(kind: int, offset: int, body: bytes) -> bytes:
    if not 0 <= offset <= MAX_OFFSET:
        raise FrameError(f"an offset of {offset} µs")
    if len(body) > MAX_BODY:
        raise FrameError(f"a body of {len(body)} bytes; at most {MAX_BODY} fit")
    return HEADER.pack(kind, len(body), offset) + body


def _json(value: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {error}") from None


CLOSELY = 150_000_000
"""Nanoseconds between two packets of one press (RFC 4733 has them every 50 ms or less)."""
REMEMBERED = 16
"""Presses whose late or repeated packets are still known."""
ASSUMED_KEYS = 101
"""Payload type taken for telephone-event while no codec map has come: what nearly every phone offers."""

_Press = tuple[int, int]
"""SSRC and timestamp of a press."""


def key_types(own: Mapping[int, str], other: Mapping[int, str]) -> frozenset[int]:
    """The payload types that keys come in; a type that only the other side's map names counts too."""
    if not own and not other:
        return frozenset({ASSUMED_KEYS})
    return frozenset(number for number, name in {**other, **own}.items() if is_key_press(name))


class KeyListener:
    """The keys of one side. ``muted`` names a span that nothing may be kept of: presses that begin in it stay unkept to
    their last packet, even when that comes after the span."""

    def __init__(self) -> None:
        self._seen: deque[tuple[_Press, bool]] = deque(maxlen=REMEMBERED)
        self._digit = ""
        self._ended = True
        self._heard = 0

    def hear(self, packet: Packet, now: int, *, muted: bool = False) -> tuple[str, bool]:
        """``(digit, keepable)`` for a telephone-event packet that came at ``now`` (monotonic nanoseconds): the digit on
        the first packet of a press and ``""`` on the others; ``keepable`` is False for a press that began muted."""
        name = (packet.ssrc, packet.timestamp)
        press = key_press(packet.payload)
        known = next((was_muted for seen, was_muted in self._seen if seen == name), None)
        if known is not None:
            if press is not None and self._seen[-1][0] == name:
                self._heard = now
                self._ended = self._ended or press.end
            return "", not (known or muted)
        if press is None:
            return "", not muted
        same = press.digit == self._digit and not packet.marker and not self._ended and now - self._heard < CLOSELY
        muted = muted or (same and self._seen[-1][1])
        self._seen.append((name, muted))
        self._digit, self._ended, self._heard = press.digit, press.end, now
        return "" if same else press.digit, not muted
