"""Malformed messages (after RFC 4475 and by mutation): nothing stops the line, and every INVITE gets an answer."""

from __future__ import annotations

import contextlib
import random
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate.sip.message import BadMessage, parse
from tests.support.examples import examples
from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Callee, Peer, sdp

GOOD = (
    b"INVITE sip:02079460000@gate.invalid SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bKx;rport\r\n"
    b'Max-Forwards: 70\r\nFrom: "A \\"B\\" <x>" <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:02079460000@gate.invalid>\r\n'
    b"Call-ID: a@b\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:5062>\r\nContent-Length: 0\r\n\r\n"
)


@given(st.binary(max_size=400))
@example(b"")
@example(b"INVITE  SIP/2.0\r\n\r\n")
@example(b"SIP/2.0 \r\n\r\n")
@example(b"INVITE sip:a SIP/2.0\r\nVia:\r\n\r\n")
@example(b"INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP [:::;branch=\r\n\r\n")
@example(b"INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a:99999999999\r\n\r\n")
@settings(max_examples=examples(300), deadline=None)
def test_the_parser_leaks_one_exception(rubbish):
    with contextlib.suppress(BadMessage):
        parse(rubbish)


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.binary(max_size=12))
@settings(max_examples=examples(300), deadline=None)
def test_the_parser_leaks_one_exception_of_what_is_nearly_right(at, cut, new):
    try:
        parse(GOOD[:at] + new + GOOD[at + cut :])
    except BadMessage as bad:
        assert bad.message is None or bad.message.vias


# What RFC 4475 names, cut to what matters here: (name, change, must it be answered with this code)


def swap(old: str, new: str):
    """A change: ``old`` for ``new``."""
    return lambda text: text.replace(old, new)


def line(pattern: str, new: str):
    """A change: what matches ``pattern`` for ``new``."""
    return lambda text: re.sub(pattern, new, text)


REQUEST = "INVITE sip:02079460000@gate.invalid"
TORTURE = [
    ("3.1.1.1 a short tortuous INVITE", line("From:(.*)\r\nTo", r"FROM\t :\1\r\nTo"), None),
    ("3.1.1.1 folded", swap("CSeq: 1", "cseq: 0009\r\n "), None),
    ("3.1.1.2 wide range of characters", swap("To: <", 'To: "BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f" <'), None),
    ("3.1.1.3 escaped nulls", swap("sip:02079460000@", "sip:null-%00-null@"), None),
    ("3.1.1.4 escapes where none belong", swap("Max-Forwards", "Max%2dForwards: 1\r\nMax-Forwards"), None),
    ("3.1.1.8 extra bytes after the body", lambda text: text + "INVITE sip:again SIP/2.0\r\n\r\n", None),
    ("3.1.1.10 tags that look like parameters", swap("To: <", "To: sip:a@b;tag-not=1 <"), None),
    ("3.1.1.11 unusual reason", swap("Subject: x", "Reason: = 2**3 * 5**2"), None),
    ("3.1.2.1 extraneous separators", swap("Contact: ", "Contact: ;;,;,, "), 400),
    ("3.1.2.2 Content-Length too large", line(r"Content-Length: \d+", "Content-Length: 9999"), 400),
    ("3.1.2.3 negative Content-Length", line(r"Content-Length: \d+", "Content-Length: -999"), 400),
    ("3.1.2.4 scalars too large", swap("CSeq: 1 ", "CSeq: 36893488147419103232 "), 400),
    ("3.1.2.6 quote without an end", swap("To: <", 'To: "Mr. J. User <'), None),
    ("3.1.2.7 <> around the Request-URI", swap(REQUEST, "INVITE <sip:1@b>"), 416),
    ("3.1.2.8 white space in the Request-URI", swap("gate.invalid SIP", "gate.invalid; lr SIP"), 400),
    ("3.1.2.9 two spaces in the start line", swap("gate.invalid SIP", "gate.invalid  SIP"), 400),
    ("3.1.2.10 space behind the version", swap("SIP/2.0\r\nVia", "SIP/2.0  \r\nVia"), None),
    ("3.1.2.11 escaped headers in the URI", swap("gate.invalid SIP", "gate.invalid?Route=%3Csip:x%3E SIP"), None),
    ("3.1.2.12 an impossible date", swap("Subject: x", "Date: Fri, 01 Jan 2010 16:00:00 EST"), None),
    ("3.1.2.15 spaces in addr-spec", swap("To: <sip:", "To: < sip:"), None),
    ("3.1.2.17 method differs from CSeq", swap("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
    ("3.3.1 missing required headers", swap("From: ", "X: "), 400),
    ("3.3.2 unknown scheme", swap("INVITE sip:", "INVITE nobodyKnowsThisScheme:"), 416),
    ("3.3.3 known, unusual scheme", swap(REQUEST, "INVITE soap.beep://192.0.2.103:3002"), 416),
    ("3.3.7 unknown extensions required", swap("Subject: x", "Require: nothingSupportsThis"), 420),
    ("3.3.8 many single-value headers", swap("CSeq: 1 INVITE", "CSeq: 1 INVITE\r\nCSeq: 5 INVITE"), 400),
    ("3.3.9 several Content-Lengths", swap("Subject: x", "Content-Length: 3"), None),
    ("3.3.15 unacceptable Accept", swap("Subject: x", "Accept: text/nobodyKnowsThis"), None),
    ("an Expires that is none", swap("Subject: x", "Expires: soon"), None),
    ("a Record-Route that is none", swap("Subject: x", "Record-Route: nonsense"), None),
    ("a Contact that is none", line("Contact: .*", "Contact: <sip:>"), None),
    ("a Contact with a port too many", line("Contact: .*", "Contact: <sip:a@127.0.0.1:5060:5061>"), None),
    ("a From that is none", line("From: .*", "From: ;tag=1"), None),
    ("no From tag", line("From: .*", "From: <sip:a@b>"), None),
    ("SDP that is none", swap("m=audio", "m=audio audio audio"), None),
    ("an Authorization that is none", swap("Subject: x", "Authorization: Digest"), None),
    ("200 headers", swap("Subject: x", "\r\n".join(f"X-{number}: y" for number in range(200))), 400),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [pytest.param(*each[1:], id=each[0]) for each in TORTURE])
def test_torture(change, code, call):
    _, callee, phone = call
    branch = f"z9hG4bKt{time.monotonic_ns()}"
    text = phone.request("INVITE", phone.new_dialog(), body=sdp(), headers=("Subject: x",), branch=branch)
    callee.drain()
    phone.send(change(text).encode("latin-1"))
    heard = _of(phone, branch)
    if heard.code == 100:
        # let through: the far end has it, or the final answer comes
        if any(data.method == "INVITE" for data in _all(callee, 0.2)):
            return
        heard = _of(phone, branch)
    assert heard.code >= 400
    assert code in (None, heard.code)


def _of(phone: Peer, branch: str):
    """The next answer to this request (others may still be under way)."""
    while True:
        heard = phone.recv(3)
        if branch in heard.get("Via"):
            return heard


def _all(peer: Peer, seconds: float):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            yield peer.recv(0.05)
        except AssertionError:
            continue


@pytest.fixture(scope="module")
def call():
    with Callee() as callee, RunningLine(config_for(callee.address)) as running, Peer(to=running.address) as phone:
        yield running, callee, phone


def test_mutations_of_an_invite_are_all_answered(call):
    """Seeded, so that a failure can be repeated."""
    running, _, phone = call
    dice = random.Random(4475)
    waiting: dict[str, bytes] = {}
    answered: set[str] = set()

    def listen(seconds: float) -> None:
        for heard in _all(phone, seconds):
            answered.update(re.findall(r"branch=(z9hG4bKm\d+)", heard.data.decode("utf-8", "replace")))

    for number in range(400):
        branch = f"z9hG4bKm{number}"
        text = phone.request("INVITE", phone.new_dialog(), body=sdp(), headers=("Subject: x",), branch=branch)
        head, via, tail = re.split(r"(Via: [^\r]*\r\n)", text, maxsplit=1)
        rest = bytearray((head + "\0" + tail).encode())
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(head) + 1, len(rest))
            rest[at : at + dice.randint(0, 3)] = dice.choice(
                [b"", b"\r\n", b"<", b'"', b";", b"\xff", b"%", b"@", b":", b" ", b"9" * 30]
            )
        data = bytes(rest).replace(b"\0", via.encode(), 1)
        try:
            request = parse(data)
        except BadMessage as bad:
            request = bad.message
        if request and request.method == "INVITE" and request.branch == branch:
            waiting[branch] = data
        phone.send(data)
        if number % 20 == 19:
            listen(0.3)
    listen(2)
    unanswered = [waiting[branch] for branch in set(waiting) - answered]
    assert len(waiting) > 300
    assert unanswered == []
    assert running.thread.is_alive()


def test_after_all_that_a_call_goes_through(call):
    _, callee, phone = call
    callee.drain()
    phone.send(phone.request("INVITE", phone.new_dialog("02079460099"), body=sdp("40404")))
    while callee.recv(only="INVITE").body != sdp("40404"):
        pass


def test_answers_that_are_none(call):
    """What comes back from the trunk is no better."""
    running, callee, phone = call
    dice = random.Random(3261)
    for number in range(60):
        callee.drain()
        phone.send(phone.request("INVITE", phone.new_dialog(), body=sdp()))
        invite = callee.recv(only="INVITE")
        gate = callee.last_from
        good = bytearray(
            callee.answer(invite, dice.choice([180, 183, 200, 302, 486]), "Hm", tag=f"t{number}", body=sdp()).encode()
        )
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(good))
            good[at : at + dice.randint(0, 5)] = dice.choice(
                [b"", b"\r\n", b"<", b'"', b";", b"\xff", b"%", b":", b"tag=", b"9" * 30]
            )
        callee.send(bytes(good), gate)
    assert running.thread.is_alive()
    assert running.call(lambda: 1) == 1
