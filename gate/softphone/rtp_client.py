"""RTP for the softphone: pyVoIP's client, mended.

What pyVoIP 1.6.8 does, and what is done here instead:

- it files what arrives under its RTP timestamp: when the far end's stream changes (an announcement, then a person) a
  timestamp far ahead allocates gigabytes: here sound is queued in order of arrival, a minute of it at most
- what was sent and heard is kept for ever: here what was read is gone
- A-law is encoded as µ-law: here as A-law
- sequence numbers are not wrapped, and a packet goes out a byte short: here they are
- it sends on a schedule that only ever slips, and cannot press keys: here the clock is kept, and ``press`` is RFC 4733
- its threads keep the process alive: here they are daemons
"""

from __future__ import annotations

import audioop
import contextlib
import math
import socket
import struct
import threading
import time
from collections import deque
from typing import Any

from pyVoIP import RTP

FRAME = 160
"""Samples of a packet: 20 ms at 8 kHz."""
_SILENCE = b"\x80"
_LONGEST = 60 * 8000
_DIGITS = "0123456789*#ABCD"


def tone(frequency: float, seconds: float, amplitude: float = 0.5) -> bytes:
    """A sine as pyVoIP takes sound: 8-bit unsigned, 8 kHz, mono."""
    step = 2 * math.pi * frequency / 8000
    return bytes(128 + round(127 * amplitude * math.sin(step * at)) for at in range(round(seconds * 8000)))


class _Queue:
    """Sound in order, in pyVoIP's buffer interface: ``write(offset, data)``, ``read(length)``."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._lock = threading.Lock()

    def write(self, _offset: int, data: bytes) -> None:
        """Add at the end; beyond a minute the oldest goes."""
        with self._lock:
            self._held += data
            if len(self._held) > _LONGEST:
                del self._held[: len(self._held) - _LONGEST]

    def read(self, length: int = FRAME) -> bytes:
        """Take from the front; silence where there is not enough."""
        with self._lock:
            taken = bytes(self._held[:length])
            del self._held[:length]
        return taken + _SILENCE * (length - len(taken))

    def take(self) -> bytes:
        """Take all there is."""
        with self._lock:
            taken, self._held = bytes(self._held), bytearray()
        return taken


class RtpClient(RTP.RTPClient):  # type: ignore[misc]  # pyVoIP has no usable types
    """One RTP stream both ways."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.pmin, self.pmout = _Queue(), _Queue()
        self._keys: deque[tuple[bytes, bool]] = deque()
        self.packets_in = self.packets_out = 0
        """Audio and keys that were understood; all that was sent."""

    def start(self) -> None:
        """Bind and run."""
        self.sin = self.sout = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sin.bind((self.inIP, self.inPort))
        self.sin.settimeout(0.05)
        for name, work in (("RTP in", self.recv), ("RTP out", self.trans)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def press(self, digit: str, milliseconds: int = 100) -> None:
        """Send a key (RFC 4733): a packet every 20 ms, its end sent three times, then a pause of 60 ms."""
        event = _DIGITS.index(digit)
        for passed in range(0, milliseconds, 20):
            self._keys.append((struct.pack("!BBH", event, 10, (passed + 20) * 8), passed == 0))
        self._keys.extend([(struct.pack("!BBH", event, 0x8A, milliseconds * 8), False)] * 3)
        self._keys.extend([(b"", False)] * 3)

    def heard(self) -> bytes:
        """All that was heard and not yet read: 8-bit unsigned, 8 kHz."""
        return self.pmin.take()

    def recv(self) -> None:
        """The receiving thread."""
        while self.NSD:
            try:
                self.parse_packet(self.sin.recv(8192))
                self.packets_in += 1
            except (OSError, RTP.RTPParseError, ValueError, IndexError, audioop.error):
                continue  # closed, quiet, or no packet of ours: the next one

    def trans(self) -> None:
        """The sending thread."""
        events = [number for number, name in self.assoc.items() if name == RTP.PayloadType.EVENT]
        due, event_stamp = time.monotonic(), 0
        while self.NSD:
            sound = self.encode_packet(self.pmout.read(FRAME))
            kind, stamp, payload = int(self.preference), self.outTimestamp & 0xFFFFFFFF, sound
            key, first = self._keys.popleft() if self._keys else (b"", False)
            if key and events:
                event_stamp = stamp if first else event_stamp
                kind, stamp, payload = events[0] | (0x80 if first else 0), event_stamp, key
            header = struct.pack("!BBHII", 0x80, kind, self.outSequence & 0xFFFF, stamp, self.outSSRC)
            with contextlib.suppress(OSError):  # closed, or nobody there yet
                self.sout.sendto(header + payload, (self.outIP, self.outPort))
                self.packets_out += 1
            self.outSequence += 1
            self.outTimestamp += FRAME
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def encode_packet(self, payload: bytes) -> bytes:
        """Into the codec that was agreed on."""
        if self.preference == RTP.PayloadType.PCMA:
            return bytes(self.encode_pcma(payload))
        return bytes(super().encode_packet(payload))
