"""What is read of a message, and what is not: numbers, pairs, addresses, hops, and the bounds of each."""

from __future__ import annotations

import pytest

from gate.sip import header_fields, message
from gate.sip.message import BadMessage, parse


@pytest.mark.parametrize(
    ("uri", "usable"),
    [
        ("sip:a@b", True),
        ("sip:+442079460000;phone-context=x@[::1]:5060;user=phone", True),
        ("sip:10.0.0.1;lr", True),
        ("tel:+44-20-7946-0000;phone-context=+44", True),
        ("sips:x@y;transport=tls", True),
        ("tel:1;ext", False),
        ("sip:a@b:0", False),
        ("sip:a@b:99999", False),
        ("sip:a@b:5/", False),
        ("sip:a@b?Route=x", False),
        ("sip:a@b;ttl=x", False),
        ("mailto:a@b", False),
        ("sip:", False),
        ("", False),
    ],
)
def test_a_uri_can_be_called_or_not(uri, usable):
    assert header_fields.usable_uri(uri) is usable


def test_credentials_and_challenges_in_pairs():
    assert list(header_fields.pairs('a="b \\"c\\", d",e=f  ,, g = "h",i,j="k" l=m,n="no end, o=p')) == [
        ("a", 'b "c", d'), ("e", "f"), ("g", "h"), ("j", "k"), ("l", "m"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\xb2", "1\xb2", "-1", "+1", " 1", "1_0", "9" * 11, "9" * 5000, "٣"])
def test_what_is_no_whole_number(text):
    assert header_fields.whole(text) is None


BOUNDS = [
    (b"Content-Length: 0", b"Content-Length: \xb2", 400, "Bad Request"),
    (b"Content-Length: 0", b"Content-Length: " + b"9" * 4000, 400, "Bad Request"),
    (b"Subject: x", b"Subject: " + b"x" * (message.MAX_VALUE + 1), 400, "Header Field Too Long"),
    (b"Subject: x", b"Subject: x\r\n" + b"X: y\r\n" * message.MAX_HEADERS, 400, "Too Many Header Fields"),
    (b"To: <sip:x@y>", b"To: <sip:x@y>" + b";a" * (message.MAX_MEMBERS + 1), 400, "Too Many Parameters"),
    (b"Subject: x", b"Contact: " + b"a,b;c;" * 200, 400, "Too Many Parameters"),
    (b"Subject: x", b"Via: SIP/2.0/UDP b" + b",a" * 600, 400, "Too Many Parameters"),
    (b"Subject: x", (b"Route: " + b"<a>," * 90 + b"\r\n") * 6, 400, "Too Many Parameters"),
    (b"sip:g ", b"sip:" + b"g" * message.MAX_URI + b" ", 414, "Request-URI Too Long"),
    (b"Subject: x", b"Via: SIP/2.0/UDP a\r\n" * message.MAX_VIAS, 400, "Too Many Via Header Fields"),
    (b"Subject: x", b"Via: SIP/2.0/UDP a:b", 400, "Bad Request"),
    (b"Subject: x", b"Subject: x\ry", 400, "Bad Request"),
    (b"\r\n\r\n", b"\r\n\r\n" + b"x" * message.MAX_MESSAGE, 513, "Message Too Large"),
]


@pytest.mark.parametrize(("old", "new", "code", "phrase"), BOUNDS, ids=lambda each: str(each)[:30])
def test_what_is_over_a_bound_is_answered_by_name(old, new, code, phrase):
    data = (
        b"OPTIONS sip:g SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nSubject: x\r\nContent-Length: 0\r\n\r\n"
    )
    parse(data)
    with pytest.raises(BadMessage) as caught:
        parse(data.replace(old, new))
    assert (caught.value.code, caught.value.phrase) == (code, phrase)
    assert caught.value.message is not None  # it can be answered
    response = data.replace(b"OPTIONS sip:g SIP/2.0", b"SIP/2.0 200 OK")
    if old in response:
        with pytest.raises(BadMessage) as caught:
            parse(response.replace(old, new))
        assert caught.value.message is None  # nobody answers an answer


@pytest.mark.parametrize(
    ("via", "read"),
    [
        ("SIP/2.0/UDP a", message.Via("UDP", "a", 0, "")),
        ("SIP / 2.0 / TCP  a.b : 5070 ;branch=x", message.Via("TCP", "a.b", 5070, ";branch=x")),
        ("SIP/2.0/UDP [::1]:5060;rport", message.Via("UDP", "[::1]", 5060, ";rport")),
        ("SIP/2.0/UDP a:", None),
        ("SIP/2.0/UDP a:0", None),
        ("SIP/2.0/UDP a:65536", None),
        ("SIP/2.0/UDP a b", None),
        ("SIP/2.0/UDP [::1", None),
        ("SIP/2.0/UDP", None),
        ("SIP/3.0/UDP a", None),
        ("HTTP/2.0/UDP a", None),
    ],
)
def test_a_via(via, read):
    assert message.read_via(via) == read
