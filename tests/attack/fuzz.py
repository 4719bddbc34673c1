"""Somebody who sends whatever comes to mind, by the million, in the hope that something breaks.

``inputs`` makes them: from a seed, so that what broke can be sent again; by changing good messages a little (signs
taken out, doubled, exchanged for those that mean something) and now and then a lot (runs of thousands). One generator
for every reader that faces outside: SIP with SDP and credentials, answers, keys by INFO, RTP, requests to the control
interface, bundles, sealed files, register lines.

    python -m tests.attack.fuzz --gate 127.0.0.1:5060 --host 127.0.0.2 --count 1000 --seed 7

sends the SIP of them and asks plainly in between: an OPTIONS after every hundred, an INVITE to a listed number after
every thousand. The host must be one of a PBX, for strangers are not always answered. Without ``--rate`` it waits for
each such answer, so that nothing is lost in a queue; with it, so many datagrams leave a second, come what may. Prints
``sent``, ``rate`` (as it was), ``asked``, ``heard``, and the milliseconds that the answers took by what was asked.
``--carried`` is the share of those with a good number that goes to an unlisted one, and so on to the carrier.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator

from tests.attack.wire import Wire, address, code_of, header

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 40000 RTP/AVP 0 8 111 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    "a=candidate:1 1 udp 2130706431 10.0.0.1 9 typ host\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n"
    "m=video 40002 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP6 ::1\r\na=rtpmap:96 H264/90000\r\n"
)
DIGEST = (
    'Digest username="alice", realm="dialgate", nonce="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", uri="sip:0207@g", '
    'response="0123456789abcdef0123456789abcdef", algorithm=MD5, qop=auth, nc=00000001, cnonce="a\\"b"'
)


def _message(start: str, *more: str, method: str = "INVITE", body: str = "", kind: str = "application/sdp") -> str:
    lines = [
        start,
        "Via: SIP/2.0/UDP {own};branch=z9hG4bK{mark};rport",
        "Via: SIP/2.0/UDP [::1]:5070;branch=z9hG4bKother;received=10.0.0.1",
        "Max-Forwards: 70",
        'From: "A \\"B\\", C" <sip:+442079460000@127.0.0.2;user=phone>;tag=t{mark}',
        "To: <sip:02079460101@gate.invalid>",
        "Call-ID: {mark}@fuzz",
        f"CSeq: 1 {method}",
        'Contact: <sip:x@{own};transport=UDP>;+sip.instance="<urn:uuid:1>";q=0.5',
        *more,
        *([f"Content-Type: {kind}"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


_IDENTITY = (
    'P-Asserted-Identity: "X" <tel:+442079460000>',
    "Remote-Party-ID: <sip:a@b>;party=calling;privacy=off",
    "Privacy: none",
    "Record-Route: <sip:10.0.0.1;lr>, <sip:10.0.0.2:5070;lr;transport=tcp>",
    "Supported: timer, 100rel",
    "Session-Expires: 1800;refresher=uac",
    'Reason: Q.850;cause=16;text="x"',
)
GOOD: dict[str, tuple[str, ...]] = {
    "sip": (
        _message("INVITE sip:02079460101@gate.invalid SIP/2.0", *_IDENTITY, body=SDP),
        _message("REGISTER sip:gate.invalid SIP/2.0", "Expires: 60", f"Authorization: {DIGEST}", method="REGISTER"),
        _message("OPTIONS sip:gate.invalid SIP/2.0", "Accept: application/sdp", method="OPTIONS"),
        _message("BYE sip:x@gate.invalid SIP/2.0", method="BYE"),
        _message("CANCEL sip:02079460101@gate.invalid SIP/2.0", method="CANCEL"),
        _message("ACK sip:02079460101@gate.invalid SIP/2.0", method="ACK"),
    ),
    "answer": (
        _message("SIP/2.0 200 OK", "Require: timer", body=SDP),
        _message("SIP/2.0 407 Proxy Auth", 'Proxy-Authenticate: Digest realm="a", nonce="b", qop="auth"'),
        _message("SIP/2.0 302 Moved", "Retry-After: 5", "Warning: 399 x \"y\""),
    ),
    "sdp": (_message("INVITE sip:02079460124@gate.invalid SIP/2.0", body=SDP),),
    "digest": (_message("INVITE sip:02079460101@gate.invalid SIP/2.0", f"Authorization: {DIGEST}", body=SDP),),
    "info": (
        _message(
            "INFO sip:x@gate.invalid SIP/2.0", method="INFO", body="Signal=9\r\nDuration=160\r\n",
            kind="application/dtmf-relay",
        ),
        _message("INFO sip:x@gate.invalid SIP/2.0", method="INFO", body="9", kind="application/dtmf"),
    ),
    "rtp": (
        "\x80\0\0\1\0\0\0\xa0\0\0\0\1" + "\x7f" * 160,
        "\x90\xe5\0\1\0\0\0\1\0\0\0\1\xbe\xde\0\1\x10\0\0\0\t\x8a\0\xa0",
    ),
    "control": (
        '{"number": "020 7946 0101", "purpose": "marketing"}', '{"text": "x", "after": null, "limit": 50}',
        '{"request": "DSR-2026-0001", "grant": true, "reasons": "x"}', '{"call_id": "0123456789abcdef"}',
    ),
    "line": ("01635 506160\r\n0207 3787244\r\n01635506160 \r\n", "01635506160 \n02073787244 \n" * 4),
    "metadata": (
        '<?xml version="1.0" encoding="UTF-8"?><r:recording xmlns:r="urn:ietf:params:xml:ns:recording:1"><session '
        'session_id="a"><sipSessionID>c@h</sipSessionID></session><participant participant_id="p"><nameID '
        'aor="sip:1@h"><name>N</name></nameID></participant><stream stream_id="s"><label>1</label></stream>'
        '<participantstreamassoc participant_id="p"><send>s</send></participantstreamassoc></r:recording>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><recording><name>&x;</name></recording>',
    ),
    "offer": (
        SDP,
        "v=0\r\nc=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 8\r\na=label:1\r\na=sendonly\r\nm=audio 0 RTP/AVP 0\r\n",
    ),
    "bundle": (), "sealed": (),
}  # fmt: skip
"""Kind -> good ones to begin with, Latin-1; those of the last two are files, which whoever fuzzes brings."""
LISTED, UNLISTED = "02079460101", b"02079460124"
"""The good numbers in them."""
OVER_THE_WIRE = ("sip", "answer", "sdp", "digest", "info")

SIGNS = [
    *("", "\r\n", "\n", "\r", " ", "\t", "\r\n ", "<", ">", '"', "\\", '\\"', ";", ",", "=", ":", "@", "/", "%", "%00"),
    *(
        "[",
        "]",
        "\0",
        "\x0b",
        "\x1c",
        "\x85",
        "\xa0",
        "\xb2",
        "\xb9",
        "\xff",
        "\xe2\x80\xa8",
        "\xd9\xa3",
        "0",
        "-1",
        "9" * 12,
    ),
    *(
        "9" * 5000,
        "sip:",
        "tel:",
        "sips:",
        "*",
        "999",
        "+44",
        "tag=",
        ";tag=x",
        "rport",
        "received=",
        "Digest ",
        "m=",
        "c=IN",
    ),
    *(
        "m=audio 0 RTP/AVP",
        "a=rtpmap:",
        "Content-Length: 5",
        "Content-Length: \xb2",
        "Via: ",
        "Contact: *",
        "Require: x",
    ),
    *("Route: <sip:x;lr>", "%zz", "{", "}", "[" * 300, "null", "1e999", "\\ud800", "true"),
]


def changed(text: str, dice: random.Random) -> str:
    """A little else: one to four changes."""
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        at = dice.randrange(len(text) + 1)
        what = dice.randrange(12)
        if what < 5:
            text = text[:at] + dice.choice(SIGNS) + text[at + dice.choice((0, 0, 1, 1, 2, 5)) :]
        elif what < 7:
            text = text[:at] + text[at + dice.randrange(1, 40) :]
        elif what == 7:
            end = at + dice.randrange(1, 60)
            text = text[:end] + text[at:end] * dice.choice((1, 1, 2, 30)) + text[end:]
        elif what == 8:
            text = text[:at] + chr(dice.randrange(256)) + text[at + 1 :]
        elif what == 9:
            lines = text.split("\r\n")
            one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            text = "\r\n".join(lines)
        elif what == 10:
            text = text[:at]
        elif dice.random() < 0.2:
            text = text[:at] + dice.choice(SIGNS)[:3] * dice.choice((300, 3000, 15000)) + text[at:]
    return text


def inputs(
    kind: str, seed: int, count: int, good: tuple[bytes, ...] = (), own: str = "127.0.0.2:5060"
) -> Iterator[bytes]:
    """``count`` of a kind: the same for the same seed. ``good``: what to change, in place of what is known here."""
    dice = random.Random(f"{kind} {seed}")
    texts = [each.decode("latin-1") for each in good] or list(GOOD[kind])
    for number in range(count):
        text = dice.choice(texts).replace("{own}", own).replace("{mark}", f"{seed}x{kind}x{number}")
        yield changed(text, dice).encode("latin-1", "replace")[:65000]


class Probe:
    """Asks plainly, and knows how long each answer took."""

    def __init__(self, host: str, gate: tuple[str, int]) -> None:
        self.wire = Wire(host)
        self._gate = gate
        self._asked: dict[str, tuple[str, float]] = {}
        self.took: dict[str, list[float]] = {"OPTIONS": [], "INVITE": []}
        """Method -> milliseconds."""
        self.asked = 0

    def ask(self, method: str) -> None:
        """Send a request."""
        mark = f"probe{self.asked}"
        self.asked += 1
        self._asked[mark] = method, time.monotonic()
        self.wire.send(self.wire.request(method, f"sip:{LISTED}@gate.invalid", call_id=mark), self._gate)

    def listen(self, seconds: float) -> None:
        """Until an answer came, or so long."""
        text = self.wire.receive(seconds)
        if code_of(text) >= 200 and (asked := self._asked.pop(header(text, "Call-ID"), None)):
            self.took[asked[0]].append(round(1000 * (time.monotonic() - asked[1]), 1))

    def all_heard(self, seconds: float) -> None:
        """Until nothing is asked that has no answer, or so long."""
        end = time.monotonic() + seconds
        while self._asked and (left := end - time.monotonic()) > 0:
            self.listen(left)


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--host", default="127.0.0.2")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--carried", type=float, default=1)
    options = parser.parse_args(argv)
    wire, probe = Wire(options.host), Probe(options.host, options.gate)
    own, dice = f"{wire.host}:{wire.port}", random.Random(options.seed)
    share = options.count // len(OVER_THE_WIRE)
    mixed = [
        each if dice.random() < options.carried else each.replace(UNLISTED, LISTED.encode())
        for kind in OVER_THE_WIRE
        for each in inputs(kind, options.seed, share, own=own)
    ]
    dice.shuffle(mixed)
    sent, began = 0, time.monotonic()
    for number, data in enumerate(mixed):
        while options.rate and (left := began + number / options.rate - time.monotonic()) > 0:
            probe.listen(left)
        try:
            wire.socket.sendto(data, options.gate)
        except OSError:
            continue  # too long for a datagram
        sent += 1
        if sent % 100 == 0:
            probe.ask("INVITE" if sent % 1000 == 0 else "OPTIONS")
            if not options.rate:
                probe.all_heard(10)
    rate = sent / (time.monotonic() - began)
    probe.all_heard(10)
    heard = sum(map(len, probe.took.values()))
    print(json.dumps({"sent": sent, "rate": round(rate), "asked": probe.asked, "heard": heard, "took": probe.took}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
