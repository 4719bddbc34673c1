"""Requests inside a call, and outside: required options, methods, bodies of several parts, UPDATE, codecs."""

from __future__ import annotations

import re

import pytest

from gate.core import sdp as bodies
from gate.sip import offer_answer
from gate.sip.message import body_of, parse, unpack
from tests.support.sip_call import Call
from tests.support.sip_line import ScriptedCallManager
from tests.support.sip_peer import Heard, Peer, sdp

MIXED = "multipart/mixed;boundary=cut"
ISUP = (
    "--cut\r\nContent-Type: application/isup;version=itu-t92+\r\n"
    "Content-Disposition: signal;handling={how}\r\n\r\n\1\0I\r\n"
)


def mixed(body: str, how: str = "optional") -> str:
    return f"{ISUP.format(how=how)}--cut\r\nContent-Type: application/sdp\r\n\r\n{body}\r\n--cut--\r\n"


def of_callee(call: Call, method: str, **named: object) -> None:
    """A request of the callee inside the call."""
    call.callee_cseq = getattr(call, "callee_cseq", 1) + 1  # type: ignore[attr-defined]
    request = call.callee.request(method, call.callee.dialog(), cseq=call.callee_cseq, **named)  # type: ignore[attr-defined,arg-type]
    call.callee.send(request, call.callee.gate)


def answered(asker: Peer, asked: Peer, call: Call, body: str) -> Heard:
    """The offer goes to ``asked`` as a re-INVITE, which takes it; what the asker hears."""
    invite = asked.fresh("INVITE")
    asked.send(asked.answer(invite, 200, "OK", body=body), call.callee.gate)
    asked.recv(only="ACK")
    return asker.recv(only="200")


# --- Require, methods -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "OPTIONS", "UPDATE"])
def test_an_unknown_required_option_inside_a_call_gets_420_and_the_call_lives(method):
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next(method, headers=("Require: foo, precondition",), body=sdp(43000)))
        refused = call.phone.recv(only="420")
        assert refused.get("Unsupported") == "foo, precondition"
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE"])
def test_an_unknown_required_option_outside_of_calls_gets_420(method):
    with Call() as call:
        dialog = call.phone.new_dialog()
        call.phone.send(call.phone.request(method, dialog, headers=("Require: path",), body=sdp()))
        assert call.phone.recv(only="420").get("Unsupported") == "path"
        assert not call.call_manager.incomings


@pytest.mark.parametrize("method", ["SUBSCRIBE", "MESSAGE", "PRACK", "NOTIFY"])
def test_a_method_that_is_not_there_gets_405_with_those_that_are(method):
    """The call stays up."""
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next(method, headers=("Require: foo",)))
        allowed = call.phone.recv(only="405").get("Allow")
        assert "UPDATE" in allowed and method not in allowed
        assert call.callee.nothing_from(call.running.address)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")
        assert call.call_manager.kinds().count("incoming") == 1


# --- bodies of several parts ----------------------------------------------------------------------------------------


def test_the_sdp_of_several_parts_is_the_offer_and_nothing_else_goes_on():
    with Call() as call:
        dialog = call.phone.new_dialog()
        call.phone.dialog = dialog
        call.phone.send(call.phone.request("INVITE", dialog, body=mixed(sdp()), content_type=MIXED))
        invite = call.callee.ring()
        assert invite.body == sdp()
        assert invite.get("Content-Type") == "application/sdp"
        assert call.call_manager.incomings[0].codecs == ("PCMU", "PCMA")
        call.callee.pick_up()
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.next("INVITE", body=mixed(sdp(43000)), content_type=MIXED))
        assert call.callee.fresh("INVITE").body == sdp(43000)


def test_the_sdp_of_several_parts_is_the_callees_answer():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        answer = call.callee.answer(call.callee.invite, 200, "OK", tag=call.callee.tag, body=mixed(sdp(41000)))
        call.callee.send(answer.replace("application/sdp", MIXED, 1), call.callee.gate)
        assert call.callee.recv(only="ACK")
        assert call.phone.recv(only="200").body == sdp(41000)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (mixed(sdp(), "required"), MIXED),
        (mixed(sdp()), "multipart/mixed"),
        (mixed(sdp()).replace("application/sdp", "application/x"), MIXED),
        (mixed(sdp()).removesuffix("--cut--\r\n"), MIXED),
        ("\1\0I", "application/isup"),
    ],
)
def test_a_body_that_cannot_be_taken_apart_is_415(body, kind):
    with Call() as call:
        call.phone.send(call.phone.request("INVITE", call.phone.new_dialog(), body=body, content_type=kind))
        assert "multipart/mixed" in call.phone.recv(only="415").get("Accept")
        assert not call.call_manager.incomings


def test_of_alternatives_the_last_is_meant():
    first, last = sdp(1000), sdp(2000)
    parts = "".join(f"--cut\r\nContent-Type: application/sdp\r\n\r\n{body}\r\n" for body in (first, last)) + "--cut--"
    head = "INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
    head += f"To: <sip:1@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: {len(parts)}\r\n"
    for kind, expected in (("alternative", last), ("mixed", first)):
        message = parse(f'{head}Content-Type: multipart/{kind}; boundary="cut"\r\n\r\n{parts}'.encode())
        unpack(message)
        assert body_of(message).decode() == expected


# --- UPDATE (RFC 3311) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_an_offer_in_an_update_holds_and_resumes(side):
    with Call() as call:
        call.set_up()
        asker, asked = (call.phone, call.callee) if side == "caller" else (call.callee, call.phone)
        for offer, answer in ((sdp(43000, "sendonly"), sdp(44000, "recvonly")), (sdp(43000), sdp(44000))):
            if side == "caller":
                call.phone.send(call.phone.next("UPDATE", body=offer))
            else:
                of_callee(call, "UPDATE", body=offer)
            heard = answered(asker, asked, call, answer)
            assert heard.body == answer
            assert heard.get("CSeq").endswith("UPDATE")
        call.call_manager.wait("media_changed", count=3)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_an_update_without_an_offer_is_a_sign_of_life():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("UPDATE"))
        heard = call.phone.recv(only="200")
        assert not heard.body
        assert heard.contact
        assert call.callee.nothing_from(call.running.address)


def test_a_refused_update_changes_nothing_and_the_next_one_works():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("UPDATE", body=sdp(43000)))
        invite = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(invite, 488, "No"), call.callee.gate)
        assert call.phone.recv(only="488").get("CSeq").endswith("UPDATE")
        bodies_of_caller = [body for side, body in call.running.relay.bodies if side == "caller"]
        assert bodies_of_caller[-2:] == [sdp(43000), sdp()]
        call.phone.send(call.phone.next("UPDATE", body=sdp(43004)))
        assert answered(call.phone, call.callee, call, sdp(44004)).body == sdp(44004)


def test_updates_that_cross_get_491_and_those_that_pile_up_500():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("UPDATE", body=sdp(43000)))
        first = call.callee.fresh("INVITE")
        of_callee(call, "UPDATE", body=sdp(44000))
        assert call.callee.recv(only="491").get("CSeq").endswith("UPDATE")
        call.phone.send(call.phone.next("UPDATE", body=sdp(43002)))
        assert call.phone.recv(only="500").get("Retry-After")
        call.callee.send(call.callee.answer(first, 200, "OK", body=sdp(44002)), call.callee.gate)
        assert call.phone.recv(only="200").body == sdp(44002)


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_an_update_before_the_answer_opens_nothing(side):
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        ringing = call.phone.recv(only="180")
        before = list(call.running.relay.bodies)
        if side == "caller":
            call.phone.dialog.remote = ringing.get("To")
            call.phone.send(call.phone.next("UPDATE", body=sdp(43000)))
            assert call.phone.recv(only="500").get("Retry-After")
        else:
            of_callee(call, "UPDATE", body=sdp(43000))
            assert call.callee.recv(only="491")
        assert call.running.call(lambda: (list(call.running.relay.bodies), call.running.relay.ways)) == (before, [])
        call.callee.pick_up()
        assert call.phone.recv(only="200").body == sdp(41000)


def test_an_update_while_the_announcement_plays_is_answered_by_the_gate():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        of_callee(call, "UPDATE", body=sdp(46000, "sendonly"))
        heard = call.callee.recv(only="200")
        assert "a=recvonly" in heard.body
        assert heard.get("CSeq").endswith("UPDATE")
        of_callee(call, "UPDATE", body=sdp(46000).replace(" 0 8 101", " 8").replace("a=rtpmap:0 PCMU/8000\r\n", ""))
        assert call.callee.recv(only="488")
        assert call.running.call(lambda: call.running.relay.ways) == []


def test_an_update_that_the_other_side_leaves_open_is_over_in_time(monkeypatch):
    monkeypatch.setattr(offer_answer, "UPDATE_SECONDS", 0.2)
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("UPDATE", body=sdp(43000)))
        invite = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(invite, 100, "Trying"), call.callee.gate)
        assert call.phone.recv(only="504")
        assert call.callee.recv(only="CANCEL")
        call.callee.send(call.callee.answer(invite, 487, "Request Terminated"), call.callee.gate)
        assert call.callee.recv(only="ACK")
        call.phone.send(call.phone.next("UPDATE", body=sdp(43004)))
        assert answered(call.phone, call.callee, call, sdp(44004)).body == sdp(44004)


def test_bye_while_an_update_is_under_way():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("UPDATE", body=sdp(43000)))
        call.callee.fresh("INVITE")
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2] == "caller"


# --- INFO and OPTIONS at any time -----------------------------------------------------------------------------------

KEY = {"body": "Signal=9\r\nDuration=160\r\n", "content_type": "application/dtmf-relay"}


def asked_by_both(call: Call) -> None:
    """A key and a question of each side: 200, for a 481 would end the call (RFC 3261 12.2.1.2)."""
    for method, named in (("INFO", KEY), ("OPTIONS", {})):
        call.phone.send(call.phone.next(method, **named))
        assert call.phone.recv(only="200").get("CSeq").endswith(method)
        of_callee(call, method, **named)
        assert call.callee.recv(only="200").get("CSeq").endswith(method)


def test_a_key_or_a_question_while_it_rings_does_not_end_the_call():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.phone.dialog.remote = call.phone.recv(only="180").get("To")
        asked_by_both(call)
        call.phone.send(call.phone.next("INFO", cseq=1, **KEY))
        assert call.phone.recv(only="500")
        call.callee.pick_up()
        assert call.phone.recv(only="200").body == sdp(41000)


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_key_while_an_offer_is_under_way_is_heard(side):
    """It may be an objection, or the pause for a card."""
    with Call() as call:
        call.set_up()
        asker, asked = (call.phone, call.callee) if side == "caller" else (call.callee, call.phone)
        if side == "caller":
            call.phone.send(call.phone.next("INVITE", body=sdp(43000, "sendonly")))
        else:
            of_callee(call, "INVITE", body=sdp(43000, "sendonly"))
        invite = asked.fresh("INVITE")
        asked_by_both(call)
        assert call.call_manager.wait("digit", count=2)[2:] == ("callee", "9")
        assert call.callee.fresh("INFO").body == KEY["body"]
        asked.send(asked.answer(invite, 200, "OK", body=sdp(44000, "recvonly")), call.callee.gate)
        assert asker.recv(only="200").body == sdp(44000, "recvonly")


def test_what_comes_after_the_end_finds_no_call():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("BYE"))
        assert call.phone.recv(only="200")
        for method in ("INFO", "OPTIONS", "INVITE"):
            call.phone.send(call.phone.next(method, body=sdp()))
            assert call.phone.recv().code == 481


# --- codecs ---------------------------------------------------------------------------------------------------------

G729 = sdp(43000).replace(" 0 8 101", " 18 101")
OPUS = (
    sdp(43000)
    .replace(" 0 8 101", " 111 18 0 101")
    .replace("a=rtpmap:0", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:0")
)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_to_a_codec_that_no_recording_is_heard_in_is_488(method):
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next(method, body=G729))
        assert call.phone.recv(only="488")
        assert call.callee.nothing_from(call.running.address)
        assert ("caller", G729) not in call.running.relay.bodies


def test_of_a_new_offer_only_what_recordings_are_heard_in_goes_on():
    with Call() as call:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=OPUS))
        invite = call.callee.fresh("INVITE")
        assert "m=audio 43000 RTP/AVP 0 101\r\n" in invite.body
        assert "opus" not in invite.body and not re.search(r"\b111\b", invite.body)
        wrong = sdp(44000).replace(" 0 8 101", " 18 101")
        call.callee.send(call.callee.answer(invite, 200, "OK", body=wrong), call.callee.gate)
        assert call.phone.recv(only="488")


def test_cutting_keeps_a_body_that_needs_none():
    assert bodies.cut(sdp()) == sdp()
    assert bodies.cut(G729) == ""
    assert bodies.cut("v=0\r\n") == ""
    assert bodies.payload_map(bodies.cut(OPUS)) == {0: "PCMU/8000", 101: "telephone-event/8000"}
