"""Whoever has stolen a phone's password and dials with it as fast and as much as the gate lets them.

    python -m tests.attack.dialler --gate 127.0.0.1:5060 --account alice --password-file alice.password --calls 100

Prints ``asked`` and ``reasons``: how often each ``X-Dialgate-Reason`` came back (``none``: another answer, so the call
went to the carrier).
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections import Counter
from pathlib import Path

from tests.attack.wire import Wire, address, authorization, code_of, header


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--number", default="02079460123")
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args(argv)
    password, uri = options.password_file.read_text().strip(), f"sip:{options.number}@gate.invalid"
    reasons: Counter[str] = Counter()
    for _ in range(options.calls):
        wire = Wire()
        call = {
            "sender": f"<sip:{options.account}@gate.invalid>;tag={secrets.token_hex(4)}",
            "call_id": secrets.token_hex(8),
        }
        wire.send(wire.request("INVITE", uri, **call), options.gate)
        asked = wire.final(5)
        if code_of(asked) != 401:
            reasons["none"] += 1
            continue
        line = authorization(header(asked, "WWW-Authenticate"), options.account, password, "INVITE", uri)
        wire.send(wire.request("INVITE", uri, **call, cseq=2, headers=(line,)), options.gate)
        reasons[header(wire.final(5), "X-Dialgate-Reason") or "none"] += 1
    print(json.dumps({"asked": options.calls, "reasons": dict(reasons)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
