"""Key presses in RTP (RFC 4733): one press gives one digit, however many packets carry it.

A press is a run of packets with one timestamp, repeated at its end (section 2.5.1.4). Longer than 65,535 timestamp
units it goes on as further segments without a marker bit (2.5.1.3), and some phones wrongly count the timestamp up in
every packet; both are taken for the same press while it has not ended and its packets follow each other closely.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from gate.core.rtp import Packet, is_key_press, key_press

CLOSELY = 150_000_000
"""Nanoseconds between two packets of one press (RFC 4733 has them every 50 ms or less)."""
REMEMBERED = 16
"""Presses whose late or repeated packets are still known."""
ASSUMED_KEYS = 101
"""Payload type taken for telephone-event while no codec map has come: what nearly every phone offers."""

_Name = tuple[int, int]


def key_types(own: Mapping[int, str], other: Mapping[int, str]) -> frozenset[int]:
    """The payload types that keys come in; a type that only the other side's map names counts too."""
    if not own and not other:
        return frozenset({ASSUMED_KEYS})
    return frozenset(number for number, name in {**other, **own}.items() if is_key_press(name))


class KeyListener:
    """The keys of one side. ``muted`` names a span that nothing may be kept of: presses that begin in it stay unkept to
    their last packet, even when that comes after the span."""

    def __init__(self) -> None:
        self._seen: deque[tuple[_Name, bool]] = deque(maxlen=REMEMBERED)
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
