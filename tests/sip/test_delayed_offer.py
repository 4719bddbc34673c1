"""An INVITE without SDP: the trunk gets an offer of the gate's, the caller the callee's answer as an offer."""

from __future__ import annotations

import pytest

from tests.support.sip_call import Call
from tests.support.sip_line import ScriptedCallManager
from tests.support.sip_peer import Heard, sdp


def offered(call: Call) -> Heard:
    """Dialled without SDP, and answered: the caller's 200."""
    call.phone.dial(body="")
    invite = call.callee.ring()
    assert "m=audio 9 RTP/AVP 8 0 9 101\r\n" in invite.body
    assert "c=IN IP4 127.0.0.1\r\n" in invite.body
    call.callee.pick_up()
    return call.phone.recv(only="200")


def test_the_callees_answer_is_the_callers_offer_and_the_ack_answers_it():
    with Call() as call:
        answer = offered(call)
        assert answer.body == sdp(41000)
        call.phone.ack(answer, body=sdp(45000))
        call.call_manager.wait("media_changed", count=2)
        assert call.running.relay.bodies[-1] == ("caller", sdp(45000))
        assert call.call_manager.incomings[0].codecs == ("PCMA", "PCMU", "G722")
        assert call.callee.nothing_from(call.running.address)  # nothing is to be told there
        call.phone.send(call.phone.next("INVITE", body=sdp(45002, "sendonly")))
        hold = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(hold, 200, "OK", body=sdp(41000, "recvonly")), call.callee.gate)
        held = call.phone.recv(only="200")
        assert held.body == sdp(41000, "recvonly")
        call.phone.ack(held)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_nothing_is_offered_to_the_caller_before_it_is_connected():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial(body="")
        call.callee.ring(183, body=sdp(41000))
        assert not call.phone.recv(only="180").body
        call.callee.pick_up()
        call_id = call_manager.wait("answered")[1]
        call.running.call(lambda: call.running.line.early_media(call_id))
        assert not call.phone.recv(only="180").body
        assert call.running.call(lambda: call.running.relay.ways) == []
        call.running.call(lambda: call.running.line.connect(call_id))
        assert call.phone.recv(only="200").body == sdp(41000)


@pytest.mark.parametrize("body", ["", sdp(45000).replace(" 0 8 101", " 18 101"), "v=0\r\n"])
def test_an_ack_without_an_answer_ends_the_call(body):
    with Call() as call:
        call.phone.ack(offered(call), body=body)
        assert call.callee.recv(only="BYE")
        assert "no_sdp" in call.phone.recv(only="BYE").get("Reason")
        assert call.call_manager.wait("hung_up")[2:] == ("gate", "no_sdp")


def test_an_answer_that_the_relay_refuses_ends_the_call():
    with Call() as call:
        answer = offered(call)
        call.running.relay.caller_sdp = lambda call_id, body, done: done(None, ValueError("no"))
        call.phone.ack(answer, body=sdp(45000))
        assert call.callee.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2:] == ("gate", "no_sdp")


def test_an_offer_before_the_answer_has_come_gets_491():
    with Call() as call:
        answer = offered(call)
        dialog = call.callee.dialog()
        call.callee.send(call.callee.request("INVITE", dialog, body=sdp(46000), cseq=2), call.callee.gate)
        assert call.callee.recv(only="491")
        call.phone.ack(answer, body=sdp(45000))
        call.call_manager.wait("media_changed", count=2)
        call.callee.send(call.callee.request("INVITE", dialog, body=sdp(46000), cseq=3), call.callee.gate)
        assert call.phone.fresh("INVITE").body == sdp(46000)


def test_a_listed_number_is_refused_without_an_offer():
    with Call(ScriptedCallManager(refused={"*": "listed_tps"})) as call:
        call.phone.dial(body="")
        refused = call.phone.recv(only="603")
        assert not refused.body
        assert call.callee.nothing_from(call.running.address)


def test_a_callee_who_leaves_before_the_caller_is_connected():
    call_manager = ScriptedCallManager(connect_after=None)
    with Call(call_manager) as call:
        call.phone.dial(body="")
        call.callee.ring()
        call.callee.pick_up()
        call_manager.wait("answered")
        call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=2), call.callee.gate)
        answer = call.phone.recv(only="200")
        assert "a=inactive" in answer.body
        call.phone.ack(answer, body=sdp(45000, "inactive"))
        assert call.phone.recv(only="BYE")
        assert call.call_manager.wait("hung_up")[2] == "callee"
