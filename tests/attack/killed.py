"""Somebody who kills the gate with calls in hand, so that the far legs live on: parties who talk to nobody, lines that
are paid for, a phone system that thinks its calls are up, and no word of it in the log.

    python -m tests.attack.killed --gate 127.0.0.1:5060 --trunk-port 5070 --pid 4711 --calls 24

Calls through the gate and answers them itself as the carrier; when all are up, ends the process with SIGKILL and waits
up to ``--seconds`` for whoever starts the gate again. Prints ``up`` (calls when it was killed), ``options`` (seconds
until the gate answered a phone system's OPTIONS again; null where it did not), ``near`` and ``far`` (legs that were
hung up by then on either side) and ``codes`` (what the callers' INVITEs came to).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterable

from tests.attack.wire import Wire, address
from tests.support.phones import Phones, Talk


def options_again(gate: tuple[str, int], killed: float, seconds: float = 30) -> float | None:
    """Seconds from the kill until the gate answers a phone system's OPTIONS, asked 20 times a second; None: never."""
    wire = Wire()
    while time.monotonic() - killed < seconds:
        wire.send(wire.request("OPTIONS", "sip:gate.invalid"), gate)
        if wire.receive(0.05, "200"):
            return time.monotonic() - killed
    return None


def over(talks: Iterable[Talk]) -> int:
    """Legs that the other side has hung up."""
    return sum(talk.state == "over" and talk.ended_by == "them" for talk in talks)


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--trunk-port", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--calls", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args(argv)
    with Phones(port=asked.trunk_port) as far, Phones(to=asked.gate) as near:
        talks = near.wait([near.dial(f"0113496{500 + number:04}") for number in range(asked.calls)], "up", 60)
        os.kill(asked.pid, signal.SIGKILL)
        killed = time.monotonic()
        again = options_again(asked.gate, killed, asked.seconds)
        while time.monotonic() - killed < asked.seconds and over(near.all() + far.all()) < 2 * asked.calls:
            time.sleep(0.05)
        told = {
            "up": len(talks),
            "options": again and round(again, 1),
            "near": over(near.all()),
            "far": over(far.all()),
            "codes": sorted({talk.code for talk in talks}),
        }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
