"""SIP without its bodies, exported to a collector (Homer, heplify-server) by HEP version 3 over UDP.

What the line hears and says is put into a bounded queue; a thread of its own hides what is hidden, packs and sends it.
Where it does not keep up, or nobody listens, messages are lost, and no call waits. Layout: "The HEP/EEP protocol",
rev. 11 (sipcapture), as captagent sends it: ``HEP3``, the length of all, then chunks of vendor, type, length and value.
"""

from __future__ import annotations

import queue
import re
import socket
import struct
import threading
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from gate.clock import SystemClock
from gate.core import numbers
from gate.showing import masked

if TYPE_CHECKING:
    from gate.config import Hep
    from gate.sip.message import Address

WAITING: Final = 2000
"""Messages that wait to be sent; beyond it they are lost."""
_CHUNK: Final = struct.Struct("!HHH")
_SIP: Final = 1
_UDP, _TCP = 17, 6
_IPV4, _IPV6 = 2, 10


class Capture:
    """Thread-safe. ``close`` ends its thread."""

    def __init__(self, config: Hep, key: str) -> None:
        """``key``: what the collector asks of its agents; empty: nothing."""
        host, _, port = config.collector.rpartition(":")
        self._to = (host.strip("[]"), int(port))
        self._agent, self._key, self._numbers = config.agent, key.encode(), config.numbers
        self._clock = SystemClock()
        self._waiting: queue.Queue[tuple[bytes, Address, Address, str, datetime] | None] = queue.Queue(WAITING)
        self._socket = socket.socket(socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="hep", daemon=True)
        self._thread.start()

    def __call__(self, data: bytes, source: Address, target: Address, transport: str) -> None:
        """One message, as it came or goes."""
        try:
            self._waiting.put_nowait((data, source, target, transport, self._clock.now()))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Send what waits, and end."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(1.0)
        self._socket.close()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            data, source, target, transport, at = item
            with suppress(OSError, ValueError):  # nobody listens; an address that is none
                text = without_body(data, numbers_shown=self._numbers)
                if text:
                    packed = packet(text, source, target, transport, at, agent=self._agent, key=self._key)
                    self._socket.sendto(packed, self._to)


def packet(
    text: bytes, source: Address, target: Address, transport: str, at: datetime, *, agent: int, key: bytes = b""
) -> bytes:
    """A HEP version 3 datagram with one SIP message. Raises ``ValueError`` where an address is no literal."""
    ends = [ip_address(each[0].strip("[]")) for each in (source, target)]
    v6 = ends[0].version == 6
    seconds = int(at.timestamp())
    chunks = [
        (0x0001, struct.pack("!B", _IPV6 if v6 else _IPV4)),
        (0x0002, struct.pack("!B", _UDP if transport == "udp" else _TCP)),
        (0x0005 if v6 else 0x0003, ends[0].packed),
        (0x0006 if v6 else 0x0004, ends[1].packed),
        (0x0007, struct.pack("!H", source[1])),
        (0x0008, struct.pack("!H", target[1])),
        (0x0009, struct.pack("!I", seconds)),
        (0x000A, struct.pack("!I", at.microsecond)),
        (0x000B, struct.pack("!B", _SIP)),
        (0x000C, struct.pack("!I", agent)),
        *([(0x000E, key)] if key else []),
        (0x000F, text),
    ]
    body = b"".join(_CHUNK.pack(0, kind, _CHUNK.size + len(value)) + value for kind, value in chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


_NAMES: Final = {"v": "via", "i": "call-id", "f": "from", "t": "to", "m": "contact", "l": "content-length"} | {
    "c": "content-type", "e": "content-encoding", "s": "subject", "r": "refer-to",
}  # fmt: skip
_GONE: Final = frozenset({"content-type", "content-encoding", "content-disposition"})
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "identity"})
_OF_TIME: Final = frozenset({"date", "timestamp", "session-expires", "min-se", "expires"})
_OF_COURSE: Final = frozenset({"via", "call-id", "cseq", "max-forwards", "rack", "rseq"})
_AS_IT_IS: Final = _OF_COURSE | _OF_TIME | {"www-authenticate", "proxy-authenticate", "authentication-info"}
_URI = re.compile(r"((?:sips?|tel):)([^@;>,\s\"]+)")
_FEWEST: Final = 6
"""Digits of a number, at least; what is shorter is an extension."""


def without_body(data: bytes, *, numbers_shown: bool = False) -> bytes:
    """A message without its body and without its credentials, numbers hidden in part unless they are shown; empty for
    what is no SIP."""
    head = re.sub(r"\r?\n[ \t]+", " ", data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace"))
    first, *lines = head.split("\r\n")
    if "SIP/2.0" not in first:
        return b""
    hide = (lambda text: text) if numbers_shown else _hidden
    out = [hide(first)]
    for line in lines:
        name, _, value = line.partition(":")
        known = _NAMES.get(name.strip().lower(), name.strip().lower())
        if known in _GONE:
            continue
        if known == "content-length":
            out.append(f"{name}: 0")
        elif known in _SECRET:
            out.append(f"{name}: hidden")
        elif known in _AS_IT_IS:
            out.append(line)
        else:
            before, tag, rest = value.partition(";tag=")
            out.append(f"{name}:{hide(before)}{tag}{rest}")
    return "\r\n".join([*out, "", ""]).encode()


def _hidden(text: str) -> str:
    return str(masked(_URI.sub(_user, text)))


def _user(found: re.Match[str]) -> str:
    digits = re.sub("[^0-9]", "", found[2])
    if len(digits) < _FEWEST or re.search("[A-Za-z]", found[2].partition(":")[0]):
        return found[0]
    return found[1] + numbers.mask(f"+{digits}").replace(" ", "")  # a URI holds none
