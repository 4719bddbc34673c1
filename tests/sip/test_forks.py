"""A second callee's answer; and answers whose Contact leads nowhere."""

from __future__ import annotations

import pytest

from tests.support.sip_call import Call
from tests.support.sip_peer import sdp


def second_answer(call: Call, *, tag: str = "other", **named: object) -> None:
    answer = call.callee.answer(call.callee.invite, 200, "OK", tag=tag, body=sdp(49000), **named)  # type: ignore[arg-type]
    call.callee.send(answer, call.callee.gate)


@pytest.mark.parametrize("when", ["connected", "over", "cancelled"])
def test_another_callee_who_answers_is_acknowledged_and_hung_up_on(when):
    with Call() as call:
        if when == "cancelled":
            call.phone.dial()
            call.callee.ring()
            call.phone.recv(only="180")
            call.phone.cancel()
            call.callee.recv(only="CANCEL")
            call.callee.pick_up()
        else:
            call.set_up()
        if when == "over":
            call.phone.send(call.phone.next("BYE"))
        if when != "connected":
            bye = call.callee.fresh("BYE")
            call.callee.send(call.callee.answer(bye, 200, "OK"), call.callee.gate)
        for again in range(2):  # the 200 is repeated until its ACK has come
            second_answer(call)
            ack = call.callee.recv(only="ACK")
            assert (ack.to_tag, ack.start) == ("other", f"ACK sip:bob@{call.callee.address} SIP/2.0")
            assert ack.get("CSeq").split()[0] == call.callee.invite.get("CSeq").split()[0]
            if not again:
                bye = call.callee.fresh("BYE")
                assert bye.to_tag == "other"
                call.callee.send(call.callee.answer(bye, 200, "OK"), call.callee.gate)
        assert call.running.call(lambda: call.running.line._engine.forks.ended) == 1
        bodies = call.running.call(lambda: list(call.running.relay.bodies))
        assert sdp(49000) not in [body for _, body in bodies]
        if when == "connected":
            assert "hung_up" not in call.call_manager.kinds()
            call.phone.send(call.phone.next("BYE"))
            assert call.callee.fresh("BYE").to_tag == call.callee.tag


def test_another_callees_end_goes_through_the_carriers_proxies():
    with Call() as call:
        call.set_up()
        route = f"<sip:{call.callee.address};lr>"
        second_answer(
            call, contact="<sip:other@192.0.2.7:5099>", headers=(f"Record-Route: <sip:p2.invalid;lr>, {route}",)
        )
        for method in ("ACK", "BYE"):
            request = call.callee.fresh(method) if method == "BYE" else call.callee.recv(only=method)
            assert request.start == f"{method} sip:other@192.0.2.7:5099 SIP/2.0"
            assert ", ".join(request.all("Route")) == f"{route}, <sip:p2.invalid;lr>"


@pytest.mark.parametrize(
    "contact",
    [
        "<tel:+442079460000>",
        "tel:+442079460000",
        "<sip:bob@0.0.0.0>",
        "<sip:bob@>",
        "<mailto:bob@x.invalid>",
        "*",
        "<>",
    ],
)
def test_an_answer_whose_contact_leads_nowhere_is_acknowledged_where_it_came_from(contact):
    """The callee was up, and nobody told them so for 32 s."""
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up(contact=contact)
        answer = call.phone.recv(only="200")
        call.phone.ack(answer)
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.fresh("BYE").start == f"BYE sip:{call.callee.address} SIP/2.0"


def test_an_answer_from_behind_nat_is_acknowledged_and_ended_where_it_came_from():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.callee.pick_up(contact="<sip:bob@10.9.8.7:5062>")
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.next("BYE"))
        assert f"@{call.callee.address} " in call.callee.fresh("BYE").start


def test_a_caller_behind_nat_is_hung_up_on_where_it_calls_from():
    with Call() as call:
        dialog = call.phone.dialog = call.phone.new_dialog()
        call.phone.send(call.phone.request("INVITE", dialog, body=sdp(), contact="<sip:alice@192.168.7.7:5070>"))
        call.callee.ring()
        call.callee.pick_up()
        call.phone.ack(call.phone.recv(only="200"))
        call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=2), call.callee.gate)
        assert call.phone.recv(only="BYE")
