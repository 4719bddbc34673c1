"""RTP packets (RFC 3550 section 5.1) and the key presses in them (RFC 4733), as pure functions.

``parse`` is total: any bytes give a ``Packet`` or ``None``. RTCP that came to an RTP port is told from RTP by its
second byte (RFC 5761 section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

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
    """What a codec map says of a payload type."""

    name: str
    """Upper case."""
    rate: int
    """Of the timestamps, Hz; 8000 where the text names none."""
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
