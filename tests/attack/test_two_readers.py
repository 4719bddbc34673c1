"""What two programs read differently: it is refused, so that what one of them screens is not what the other dials."""

from __future__ import annotations

import pytest

from gate.control.endpoint import pairs
from gate.core.numbers import NumberRefused
from gate.core.numbers import parse as number
from gate.errors import UsageError
from gate.sip.header_fields import ambiguous, split_address, split_list
from gate.sip.message import BadMessage, content_length, parse
from tests.support.sip_call import Call
from tests.support.sip_peer import sdp

SPACES = ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\x1f", "\u2003"]
"""What Python takes for white space, and SIP does not."""


def invite(**changed: str) -> bytes:
    lines = {
        "start": "INVITE sip:02079460101@gate.invalid SIP/2.0",
        "via": "Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1;rport",
        "from": "From: <sip:a@b>;tag=1",
        "to": "To: <sip:02079460101@gate.invalid>",
        "id": "Call-ID: 1",
        "cseq": "CSeq: 1 INVITE",
        "contact": "Contact: <sip:a@127.0.0.1:5062>",
        "length": "Content-Length: 0",
    }
    return "\r\n".join((lines | changed).values()).encode() + b"\r\n\r\n"


def test_the_usual_white_space_is_read():
    message = parse(invite(**{"from": "From \t:\t <sip:a@b> ; tag=1 \t", "cseq": "cseq:\t1 \t INVITE", "id": "i :1\t"}))
    assert (message.from_tag, message.cseq, message.call_id) == ("1", 1, "1")
    assert parse(invite(via="V: SIP / 2.0 / UDP \t 127.0.0.1 : 5062 ;branch=z9hG4bK1")).sent_by == ("127.0.0.1", 5062)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    "changed",
    [
        {"start": "{}INVITE sip:02079460101@gate.invalid SIP/2.0"}, {"from": "From{}: <sip:a@b>;tag=1"},
        {"to": "{}To: <sip:02079460101@gate.invalid>"}, {"cseq": "CSeq: 1{}INVITE"}, {"cseq": "CSeq: 1 INVITE{}"},
        {"length": "Content-Length{}: 0"}, {"length": "Content-Length: 0{}"}, {"via": "Via{}: SIP/2.0/UDP a;branch=b"},
        {"id": "Call-ID{}: 1"}, {"contact": "Contact{}: <sip:a@127.0.0.1:5062>"},
        {"contact": "Contact: <sip:a@127.0.0.1:5062>\r\nX{}: y"},
    ],
)  # fmt: skip
def test_what_python_takes_for_a_space_is_none_in_a_message(space, changed):
    with pytest.raises(BadMessage):
        parse(invite(**{name: line.format(space) for name, line in changed.items()}))


def test_a_length_with_an_odd_space_is_none_in_a_stream_either():
    assert content_length("INVITE sip:a SIP/2.0\r\nContent-Length\xa0: 5".encode("latin-1")) is None
    with pytest.raises(ValueError):
        content_length("INVITE sip:a SIP/2.0\r\nContent-Length: 5\xa0".encode("latin-1"))


def test_a_name_that_ends_with_a_letter_of_two_bytes_keeps_it():
    """``à`` is C3 A0: its second byte is no space."""
    assert split_address("Voilà <sip:a@b>".encode().decode("latin-1"))[0].encode("latin-1").decode() == "Voilà"
    assert split_list("Voilà,x".encode().decode("latin-1"))[0].encode("latin-1").decode() == "Voilà"


TWICE = [
    {"start": "INVITE sip:02079460101;phone-context=+44;phone-context=+1@gate.invalid SIP/2.0"},
    {"start": "INVITE sip:02079460101@gate.invalid;user=phone;user=ip SIP/2.0"},
    {"start": "INVITE sip:02079460101@gate.invalid;transport=udp;Transport=tcp SIP/2.0"},
    {"from": "From: <sip:a@b>;tag=1;tag=2"}, {"from": 'From: "x;tag=9" <sip:a;x=1;x=2@b>;tag=1'},
    {"from": "From: sip:a@b;tag=1;TAG=2"}, {"to": "To: <sip:02079460101@gate.invalid;user=phone;user=ip>"},
    {"contact": "Contact: <sip:a@127.0.0.1:5062;transport=udp;transport=tls>"},
    {"via": "Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1;branch=z9hG4bK2;rport"},
]  # fmt: skip


@pytest.mark.parametrize("changed", TWICE)
def test_a_parameter_that_says_two_things_is_refused(changed):
    with pytest.raises(BadMessage, match="twice"):
        parse(invite(**changed))


def test_the_same_thing_twice_is_not_two_things():
    assert parse(invite(start="INVITE sip:02079460101@gate.invalid;user=phone;lr;user=phone;lr SIP/2.0"))
    assert parse(invite(**{"from": 'From: "a;tag=2" <sip:a;tag=3@b;tag=4>;tag=1'})).from_tag == "1"
    assert not ambiguous("<sip:a@b?x=1;y=2>;tag=1, <sip:c@d>")


def test_a_call_that_says_two_things_rings_nobody():
    with Call() as call:
        dialog = call.phone.new_dialog()
        dialog.target = f"sip:02079460101;number=02079460123@{call.phone.address}"
        for target in (dialog.target, dialog.target.replace("number=02079460123", "isub=1;isub=2")):
            dialog.target = target
            call.phone.send(call.phone.request("INVITE", dialog, body=sdp()))
            if "isub" in target:
                assert call.phone.recv(only="400").start == "SIP/2.0 400 Parameter Twice"
        with pytest.raises(NumberRefused):
            number(call.call_manager.incomings[0].attempt.raw_number)


@pytest.mark.parametrize(
    "text", ["02079460101;number=02079460123", "02079460101;phone-context=+44;phone-context=+1", "tel:1;x=1;x=2"]
)
def test_a_number_that_says_two_things_is_none(text):
    with pytest.raises(NumberRefused):
        number(text)


@pytest.mark.parametrize("query", ["number=02079460101;number=02079460123", "number=1;purpose=service&topic=x", ";"])
def test_fields_that_some_part_by_a_semicolon_are_refused(query):
    with pytest.raises(UsageError, match="semicolon"):
        pairs(query)


def test_a_number_with_a_context_may_be_asked_for():
    assert pairs("number=79460000%3Bphone-context%3D%2B4420") == {"number": "79460000;phone-context=+4420"}
