"""A carrier (or whoever reads the trunk) wants calls refused that are none of its business.

It answers the gate's INVITEs as busy, notes every header value that only the gate can have made, and looks for values
that come again with another call: such a value is a secret of the gate's, shown to the trunk. Then it sends INVITEs of
its own with each noted value: a gate that takes them for its own calls come back refuses them as ``loop_detected``.

    python -m tests.attack.loop_mark --listen 127.0.0.1:5080 --calls 2

waits for so many calls, and prints one line of JSON: ``calls``, ``shared`` (header names whose values came again) and
``loops`` (how many of its INVITEs were refused as loops).
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
from collections.abc import Sequence

SECONDS = 20.0
"""Without a word of the gate for so long, it gives up."""
PLAIN = {"max-forwards", "cseq", "contact", "content-type", "content-length", "expires", "allow", "supported"}
PLAIN |= {"user-agent", "server", "privacy", "p-asserted-identity", "from", "to", "via", "call-id", "date"}
PLAIN |= {"session-expires", "min-se"}
"""What may be alike in all calls, or belongs to one of them by its nature."""
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 41000 RTP/AVP 8\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the carrier for some calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--calls", type=int, default=2)
    asked = parser.parse_args(arguments)
    host, _, port = asked.listen.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, int(port)))
        sock.settimeout(SECONDS)
        print(json.dumps({"listening": asked.listen}), flush=True)
        calls, gate = _busy(sock, asked.calls)
        seen = [set(call) for call in calls]
        shared = set.intersection(*seen) if len(seen) > 1 else set()
        noted = sorted({item for call in calls for item in call})
        loops = sum("loop_detected" in _invite(sock, gate, asked.listen, item) for item in noted)
    print(json.dumps({"calls": len(calls), "shared": sorted(name for name, _ in shared), "loops": loops}))
    return 0


def _busy(sock: socket.socket, wanted: int) -> tuple[list[list[tuple[str, str]]], tuple[str, int]]:
    """The marks of each call that came, and where the gate is."""
    calls: dict[str, list[tuple[str, str]]] = {}
    gate = ("", 0)
    acknowledged: set[str] = set()
    while len(acknowledged) < wanted:
        data, gate = sock.recvfrom(65535)
        start, headers = _read(data)
        call_id = dict(headers)["call-id"]
        if start.startswith("INVITE"):
            calls[call_id] = [each for each in headers if each[0] not in PLAIN]
            sock.sendto(_answer(headers, "486 Busy Here"), gate)
        elif start.startswith("ACK"):
            acknowledged.add(call_id)
        elif start.startswith("OPTIONS"):
            sock.sendto(_answer(headers, "200 OK"), gate)
    return list(calls.values()), gate


def _invite(sock: socket.socket, gate: tuple[str, int], own: str, mark: tuple[str, str]) -> str:
    """The final answer to an INVITE with that header; what the gate asks of the trunk meanwhile is answered as busy."""
    call_id, branch = secrets.token_hex(8), f"z9hG4bK{secrets.token_hex(8)}"
    lines = ["INVITE sip:02079460123@gate.invalid SIP/2.0", f"Via: SIP/2.0/UDP {own};branch={branch}"]
    lines += ["Max-Forwards: 70", f"From: <sip:x@{own}>;tag={call_id}", "To: <sip:02079460123@gate.invalid>"]
    lines += [f"Call-ID: {call_id}", "CSeq: 1 INVITE", f"Contact: <sip:x@{own}>", f"{mark[0]}: {mark[1]}"]
    lines += ["Content-Type: application/sdp", f"Content-Length: {len(SDP)}", "", SDP]
    sock.sendto("\r\n".join(lines).encode(), gate)
    while True:
        data, _ = sock.recvfrom(65535)
        start, headers = _read(data)
        if start.startswith("INVITE"):
            sock.sendto(_answer(headers, "486 Busy Here"), gate)
        elif start.startswith("SIP/2.0") and not start.startswith("SIP/2.0 1") and dict(headers)["call-id"] == call_id:
            return data.decode(errors="replace")


def _read(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    start, *lines = data.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
    split = [line.partition(":") for line in lines]
    return start, [(name.strip().lower(), value.strip()) for name, _, value in split]


def _answer(headers: list[tuple[str, str]], status: str) -> bytes:
    kept = [(name, value) for name, value in headers if name in ("via", "from", "to", "call-id", "cseq")]
    lines = [f"{name}: {value}{';tag=busy' if name == 'to' and 'tag=' not in value else ''}" for name, value in kept]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""]).encode()


if __name__ == "__main__":
    sys.exit(main())
