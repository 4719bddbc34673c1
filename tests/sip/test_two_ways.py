"""Both ways of reading a message take it for the same: what the quick one takes, the other reads alike."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from gate.sip import message
from gate.sip.message import MAX_HEADERS, SipMessage, read_any, read_usual
from gate.sip.sippy_adapter.rewriting import parsable, rewrite
from tests.support.sip_call import Call

MESSAGES = (
    b"INVITE sip:02079460123@127.0.0.1:39186 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:41330;branch=z9hG4bK-10331-1-0;rport\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\r\nRecord-Route: <sip:10.0.0.1;lr>\r\n"
    b"From: sipp <sip:sipp@127.0.0.1:41330>;tag=1SIPpTag001\r\nTo: 02079460123 <sip:02079460123@127.0.0.1:39186>\r\n"
    b"Call-ID: 1-10331@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: sip:sipp@127.0.0.1:41330\r\nMax-Forwards: 70\r\n"
    b"Supported: timer, 100rel\r\nContent-Type: application/sdp\r\nContent-Length:   10\r\n\r\nv=0\r\no=abcd",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKe65;rport\r\n"
    b'From: "We Beo" <sip:+442079460000@127.0.0.1>;tag=9dbc\r\nTo: <sip:+442079460123@127.0.0.1>;tag=13386SIPpTag011'
    b"\r\nCall-ID: 1ef6f\r\nCSeq: 100 INVITE\r\nContact: <sip:127.0.0.1:60824;transport=UDP>\r\nContent-Length: 4"
    b"\r\n\r\nabcd",
    b"BYE sip:02079460123@127.0.0.1:49906 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:49168;branch=z9hG4bK-24272-1-7\r\n"
    b"From: sipp <sip:sipp@127.0.0.1:49168>;tag=24272\r\nTo: x <sip:1@127.0.0.1:49906>;tag=2f23671e93a5\r\n"
    b"Call-ID: 1-2\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
)
PIECES = (
    b";", b",", b'"', b"<", b">", b":", b"\r\n", b"\n", b"\r", b" ", b" " * 9, b"\t", b"\0", b"\xff", b"\xa0", b"tag=a",
    b";tag=b", b";branch=z", b";Branch=z", b";transport=udp", b"sip:", b"sips:", b"@", b"Contact: <sip:a@b>\r\n", b"=",
    b"Contact: *\r\n", b"Call-ID: x\r\n", b"t: <sip:a@b>\r\n", b"Content-Length: 3\r\n", b"99999", b"65536", b"[::1]",
    b"%41", b"?x=y", b"\r\n ", b";lr", b"70000", b"Via: SIP/2.0/TCP a\r\n", b"Route: <sip:a;lr>\r\n", b"X:\t y \r\n",
    b"Via: SIP/2.0/UDP a" + b";x=y" * 8 + b"\r\n", b"INVITE", b"\r\n\r\n", b"X: " + b"y" * 1100 + b"\r\n",
)  # fmt: skip


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """Messages with one to six small faults each: pieces put in or over, bytes changed, taken out, or copied."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(MESSAGES))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            at, kind = chance.randrange(len(data)), chance.random()
            if kind < 0.4:
                data[at:at] = chance.choice(PIECES)
            elif kind < 0.5:
                line = data.find(b"\r\n", at) + 2 or at
                data[line:line] = chance.choice(PIECES) * chance.choice((1, 2, 20, 130))
            elif kind < 0.65:
                data[at] = chance.randrange(256)
            elif kind < 0.75:
                del data[at : at + chance.randrange(1, 12)]
            elif kind < 0.9:
                begin = chance.randrange(len(data))
                data[at:at] = data[begin : begin + chance.randrange(1, 60)]
            else:
                data[at : at + chance.randrange(1, 4)] = chance.choice(PIECES)
        yield bytes(data)


def taken(data: bytes) -> SipMessage | None:
    """What the quick way reads; the other then reads the same, and so does sippy."""
    quick = read_usual(data)
    if quick is not None:
        full = read_any(data)  # raises what it refuses
        assert quick == full, data
        assert quick.usual and not full.usual and parsable(full), data
        assert quick.key == full.key and rewrite(quick) == rewrite(full), data
    return quick


@pytest.mark.parametrize("seed", [7, 11])
def test_what_the_quick_way_takes_is_read_the_same(seed):
    assert sum(taken(data) is not None for data in mutated(10_000, seed)) > 500


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(10))
def test_a_million_messages_are_read_the_same(seed):
    assert sum(taken(data) is not None for data in mutated(100_000, 100 + seed)) > 5000


def test_the_usual_form_is_taken():
    assert all(taken(data) for data in (*MESSAGES, MESSAGES[1].replace(b"200 OK", b"200 OK ")))
    assert taken(MESSAGES[1].replace(b": 100 INV", b": 2147483647 INV"))
    assert read_usual(MESSAGES[1].replace(b": 100 INV", b": 2147483648 INV")) is None


def test_a_call_is_read_the_quick_way(monkeypatch):
    slow: list[bytes] = []
    monkeypatch.setattr(message, "read_any", lambda data: slow.append(data) or read_any(data))
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("BYE"))
        assert call.phone.recv(only="200")
    assert not slow


VIA = b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\r\n"


@pytest.mark.parametrize(
    "odd",
    [
        VIA.replace(b"5060", b"65536"), VIA.replace(b"5060", b"0"), VIA.replace(b"UDP", b"SCTP"), VIA * 16, VIA * 71,
        b"X: y\r\n" * MAX_HEADERS, b"Subject:" + b" " * 9 + b"x\r\n", b"Subject: x \r\n", b"Subject: x\r\n y\r\n",
        b"Subject: x\ry\r\n", b"s: x\r\n", b"Subject : x\r\n", b"Contact: <sip:a@b:65536>\r\n", b"Contact: *\r\n",
        b"Contact: <sip:a@b?Route=x>\r\n", b"Route: <sip:a,b>\r\n", b"Content-Length: 0\r\n", b"CSeq: 1 INVITE\r\n",
    ],
    ids=lambda each: str(each)[:40],
)  # fmt: skip
def test_what_is_not_quite_usual_is_left_to_the_other_way(odd):
    before, _, after = MESSAGES[0].partition(VIA)
    assert taken(before + after)
    assert read_usual(before + odd + after) is None
