"""The short way of reading an INVITE never finds anything else in it than the long one."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate.sip.admission import invite_fault
from gate.sip.message import answer, destination, parse
from gate.sip.overload import LONGEST_UNREAD, plain_invite
from gate.sip.response_cache import ResponseCache
from tests.support.examples import examples

SOURCE = ("127.0.0.1", 5062)
BODY = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
START = "INVITE sip:02079460000@127.0.0.1:5060 SIP/2.0"
HEADERS = (
    "Via: SIP/2.0/UDP 127.0.0.1:5062;rport;branch=z9hG4bKPj1c.a-_",
    "Max-Forwards: 70",
    'From: "Sales 1" <sip:100@127.0.0.1>;tag=as58f4',
    "To: <sip:02079460000@127.0.0.1:5060>",
    "Call-ID: 7f3a.b@127.0.0.1:5062",
    "CSeq: 102 INVITE",
    "Contact: <sip:asterisk@127.0.0.1:5062;transport=UDP>",
    "Content-Type: application/sdp",
    "Session-Expires: 1800;refresher=uac",
    "Supported: timer, replaces",
    "P-Asserted-Identity: <sip:+441632960001@127.0.0.1>",
    f"Content-Length: {len(BODY)}",
)
OTHER = (
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKy", "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKy", "via:SIP/2.0/UDP a;b=",
    "Max-Forwards: 0", "Max-Forwards: x", "Max-Forwards: 255", "Require: 100rel", "Require: timer", "CSeq: 102 BYE",
    "CSeq:  7 INVITE", "CSeq: 4294967296 INVITE", "To: <sip:a@b>;tag=x", "From: <sip:a@b>", "f: <sip:a@b>;tag=t",
    "From: <sip:a@b>;tag=x;tag=y", 'From: "a, b" <sip:a@b>;tag=x', "Contact: *", "Contact: <tel:1>", "Contact: sip:a",
    "Contact: <sip:a@b", "Contact: sip:a@b>", "Contact: <sip:a@b:0>", "Contact: <sip:a@b>, <sip:c@d>",
    "Content-Length: 9999", "Content-Length: 0", "Content-Length: -1", "l: 3", "Content-Type: text/plain",
    "Content-Encoding: gzip", "Session-Expires: 30", "x: 30", "Authorization: Digest a=b", "X-Note: a", "X-Note", ": a",
    "Record-Route: <sip:a@b;lr>", " folded", "\tfolded", "a: b\nVia: c", "a: b\rc", "User-Agent: \x85\xe9", "",
    "Call-ID:",
)  # fmt: skip


def message(headers: tuple[str, ...] = HEADERS, start: str = START, body: str = BODY) -> bytes:
    return "\r\n".join([start, *headers, "", body]).encode("latin-1")


def agrees(data: bytes) -> bool:
    """Whether it is plain; if so, both ways of reading find the same, and nothing wrong."""
    short = plain_invite(data)
    if short is None:
        return False
    full = parse(data)
    assert invite_fault(full) is None
    assert full.get("authorization") is full.get("proxy-authorization") is None
    assert (full.method, full.to_tag, short.to_tag) == ("INVITE", "", "")
    assert (full.key, full.vias, full.sent_by) == (short.key, short.vias, short.sent_by)
    assert full.uri == short.uri
    tags = ResponseCache()
    assert tags.tag(full) == tags.tag(short)
    assert answer(full, 603, "No", SOURCE, (), "t") == answer(short, 603, "No", SOURCE, (), "t")
    assert destination(full, SOURCE) == destination(short, SOURCE)
    return True


@pytest.mark.parametrize(
    "headers",
    [HEADERS, HEADERS[::-1], (OTHER[0], *HEADERS), (*HEADERS, "X-Note: a"), HEADERS[:8] + HEADERS[9:]],
)  # fmt: skip
def test_what_phone_systems_send_is_plain(headers):
    assert agrees(message(headers))


def test_any_port_of_a_caller_that_the_kernel_gives_is_plain():
    assert all(
        agrees(message(tuple(each.replace(":5062", f":{port}") for each in HEADERS))) for port in range(1, 65000, 7)
    )


@pytest.mark.parametrize(
    "start",
    ["INVITE sip:%30207@a SIP/2.0", "INVITE sip:112;phone-context=+44@a SIP/2.0", "INVITE tel:112 SIP/2.0",
     "INVITE sip:a@b SIP/2.0", "INVITE sip:999 SIP/2.0", "INVITE sip:1-1-2@a SIP/2.0", "invite sip:1@a SIP/2.0",
     "INVITE  sip:1@a SIP/2.0", "INVITE sip:1@a SIP/3.0", "BYE sip:1@a SIP/2.0"],
)  # fmt: skip
def test_a_target_that_is_more_than_digits_is_read_in_full(start):
    assert plain_invite(message(start=start)) is None


@pytest.mark.parametrize("other", [each for each in OTHER if each not in ("X-Note: a", OTHER[0])])
def test_one_header_that_is_unusual_is_enough_to_be_read_in_full(other):
    assert plain_invite(message((*HEADERS, other))) is None or agrees(message((*HEADERS, other)))


@pytest.mark.parametrize("other", OTHER)
def test_one_header_in_place_of_the_usual_one_is_read_alike(other):
    name = other.partition(":")[0].lower()
    agrees(message((*(each for each in HEADERS if each.partition(":")[0].lower() != name), other)))


def test_what_is_cut_off_or_too_long_is_read_in_full():
    data = message()
    assert not any(plain_invite(data[:length]) for length in range(len(data)))
    assert plain_invite(data + b"x" * LONGEST_UNREAD) is None
    assert plain_invite(message((*HEADERS, *["X-A: b"] * 100))) is None
    assert plain_invite(message((*[OTHER[0]] * 20, *HEADERS))) is None


@given(st.lists(st.sampled_from(HEADERS + OTHER), max_size=3), st.permutations(HEADERS), st.integers(0, 12))
@settings(max_examples=examples(400), deadline=None)
def test_lines_that_stand_anywhere_are_read_alike(more, headers, kept):
    agrees(message((*headers[:kept], *more, *headers[kept:])))
    agrees(message((*headers[:kept], *more, *headers[kept + 1 :])))


@given(st.integers(0, len(message())), st.integers(0, 12), st.text('\r\n\t :;,<>"@=ar9\x00\x85', max_size=4))
@settings(max_examples=examples(600), deadline=None)
@example(0, 0, " ")
def test_bytes_that_are_nearly_right_are_read_alike(at, cut, new):
    data = message()
    agrees(data[:at] + new.encode("latin-1") + data[at + cut :])
