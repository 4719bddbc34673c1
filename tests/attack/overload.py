"""A dialler gone wild: it offers more calls a second than the gate can carry, so that those under way go wrong, and
evidence comes too late, or a listed number slips through in the crowd.

It runs SIPp (from Debian's sip-tester) against the gate and tells in one line of JSON how its calls ended.

    python -m tests.attack.overload 127.0.0.1 5060 02079460123 --calls 600 --rate 100
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.support.sipp import Sipp

SCENARIO = Path(__file__).parents[1] / "sip" / "scenarios" / "uac_carried_or_sent_away.xml"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("number")
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--rate", type=float, default=100)
    given = parser.parse_args(argv)
    sipp = Sipp(
        SCENARIO, remote=(given.host, given.port), calls=given.calls, rate=given.rate, service=given.number,
        timeout=120, trace=False,
    )  # fmt: skip
    done = sipp.result()
    told = {"ended_as_they_should": done.successful, "went_wrong": done.failed, "asked_again": done.retransmissions}
    print(json.dumps(told | {"errors": done.errors[-500:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
