"""Provisional answers that want a PRACK (RFC 3262), of trunks that ask for it and of those that insist."""

from __future__ import annotations

import pytest

from tests.support.sip_call import Call
from tests.support.sip_peer import Heard, sdp


def reliably(call: Call, code: int, number: int, body: str = "", *, tag: str = "", more: tuple[str, ...] = ()) -> None:
    headers = ("Require: 100rel", f"RSeq: {number}", *more)
    answer = call.callee.answer(
        call.callee.invite, code, "Ringing", tag=tag or call.callee.tag, body=body, headers=headers
    )
    call.callee.send(answer, call.callee.gate)


def pracked(call: Call) -> Heard:
    prack = call.callee.fresh("PRACK")
    call.callee.send(call.callee.answer(prack, 200, "OK"), call.callee.gate)
    return prack


def test_a_reliable_ringing_is_acknowledged_and_its_sdp_opens_nothing():
    with Call() as call:
        call.phone.dial()
        call.callee.ring(100)
        reliably(call, 183, 7, sdp(41000))
        prack = pracked(call)
        number, method = call.callee.invite.get("CSeq").split()
        assert prack.get("RAck") == f"7 {number} {method}"
        assert prack.start == f"PRACK sip:bob@{call.callee.address} SIP/2.0"
        assert prack.to_tag == call.callee.tag
        assert not prack.body
        assert int(prack.get("CSeq").split()[0]) > int(number)
        ringing = call.phone.recv(only="180")
        assert not ringing.body
        reliably(call, 180, 8)
        assert pracked(call).get("RAck").startswith("8 ")
        assert call.running.call(lambda: call.running.relay.ways) == []
        call.callee.say(200, "OK")  # the SDP was in the 183
        assert call.callee.recv(only="ACK")
        assert call.phone.recv(only="200").body == sdp(41000)


def test_each_is_acknowledged_once_in_its_order_and_in_its_own_dialog():
    with Call() as call:
        call.phone.dial()
        call.callee.ring(100)
        reliably(call, 180, 5)
        pracked(call)
        reliably(call, 180, 5, more=("X-Again: 1",))
        reliably(call, 180, 7)
        proxy = f"<sip:{call.callee.address};lr>"
        reliably(call, 180, 3, tag="other", more=(f"Record-Route: {proxy}",))
        prack = pracked(call)
        assert (prack.to_tag, prack.get("RAck").split()[0], prack.get("Route")) == ("other", "3", proxy)
        reliably(call, 180, 6)
        assert pracked(call).get("RAck").startswith("6 ")
        legs = call.running.call(lambda: [each.callee for each in call.running.line._engine.bridges.values()])
        assert [leg.acknowledged for leg in legs] == [{call.callee.tag: 6, "other": 3}]


def test_a_trunk_that_insists_gets_its_invite_again_with_100rel():
    with Call() as call:
        call.phone.dial()
        call.callee.ring(100)
        assert "100rel" not in call.callee.invite.get("Supported")
        call.callee.say(421, "Extension Required", headers=("Require: 100rel",))
        assert call.callee.recv(only="ACK")
        call.callee.ring(100)
        assert call.callee.invite.get("Supported") == "timer, 100rel"
        assert call.callee.invite.body == sdp()
        reliably(call, 180, 1)
        pracked(call)
        call.callee.pick_up()
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


@pytest.mark.parametrize("headers", [("Require: 100rel",), ("Require: precondition",)])
def test_a_trunk_that_asks_for_more_than_there_is_has_refused(headers):
    with Call() as call:
        call.phone.dial()
        for _ in range(2 if "100rel" in headers[0] else 1):
            call.callee.ring(100)
            call.callee.say(421, "Extension Required", headers=headers)
            assert call.callee.recv(only="ACK")
        assert call.call_manager.wait("failed")[2] == "421"


def test_a_caller_who_insists_on_reliable_ringing_is_told_that_there_is_none():
    with Call() as call:
        call.phone.dial(headers=("Require: 100rel",))
        assert call.phone.recv(only="420").get("Unsupported") == "100rel"
        call.phone.dial(headers=("Supported: 100rel, timer",))
        call.callee.ring()
        assert not call.phone.recv(only="180").get("RSeq")
