"""Somebody with many addresses who wants the gate's calls to break: a flood of whatever may cost it something.

OPTIONS, INVITEs and REGISTERs without credentials and with worthless ones, requests of calls that are not there,
answers that nobody waits for, headers of many kilobytes, and rubbish, from so many loopback addresses that nobody
knows, at a steady rate until ``--count`` are sent.

    python -m tests.attack.flood --gate 127.0.0.1:5060 --rate 20000 --count 400000 --sources 2000

Prints ``sent`` and ``rate`` (a second, as it was).
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time

from tests.attack.wire import Wire, address

STEP = 0.005


def message(wire: Wire, kind: int) -> str:
    """One of every kind in turn."""
    uri = "sip:02079460123@gate.invalid"
    bad = 'Authorization: Digest username="alice", realm="dialgate", nonce="AAAA", uri="x", response="00"'
    match kind % 8:
        case 0:
            return wire.request("OPTIONS", uri)
        case 1:
            return wire.request("INVITE", uri)
        case 2:
            return wire.request("REGISTER", "sip:gate.invalid", headers=(bad,))
        case 3:
            return wire.request("BYE", uri, to=f"<{uri}>;tag=nobody")
        case 4:
            return wire.answer(wire.request("INVITE", uri), 200, "OK", tag="x")
        case 5:
            return wire.request("INVITE", uri, headers=("X-Long: " + "a, " * 1300,))
        case 6:
            return "\x00" * 600
    return wire.request("INVITE", uri, headers=(bad,))


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--sources", type=int, default=2000)
    asked = parser.parse_args(argv)
    dice = random.Random(1)
    numbers = dice.sample(range(1 << 22), asked.sources)
    wires = [Wire(f"127.{64 + (n >> 16)}.{(n >> 8) & 255}.{n & 255}") for n in numbers]
    ready = itertools.cycle([(wire.socket.sendto, message(wire, kind).encode()) for kind, wire in enumerate(wires)])
    sent, begin = 0, time.monotonic()
    due = begin
    while sent < asked.count:
        due += STEP
        for send, data in itertools.islice(ready, int(asked.rate * STEP)):
            send(data, asked.gate)
            sent += 1
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        else:
            due = time.monotonic()  # a machine that was held up does not send all of it at once
    seconds = time.monotonic() - begin
    print(json.dumps({"sent": sent, "rate": round(sent / seconds)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
