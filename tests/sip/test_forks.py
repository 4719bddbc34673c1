"""A second callee's answer; and answers whose Contact leads nowhere."""

from __future__ import annotations

import pytest

from tests.sip.test_trunk_failover import TwoTrunks, taken
from tests.support.sip_call import Call
from tests.support.sip_line import ScriptedCallManager
from tests.support.sip_peer import sdp
from tests.support.timers import time_out
from tests.support.waiting import PATIENCE


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


@pytest.mark.parametrize(
    "to", ["sip:bob@;tag=other", '"Bob \\" <sip:bob@x.invalid>;tag=other', "<sip:a b@c d>;tag=other", "<>;tag=other"]
)
def test_another_callee_whose_to_cannot_be_read_is_hung_up_on(to):
    with Call() as call:
        call.set_up()
        answer = call.callee.answer(call.callee.invite, 200, "OK", tag="other", body=sdp(49000))
        lines = [f"To: {to}" if line.startswith("To:") else line for line in answer.split("\r\n")]
        call.callee.send("\r\n".join(lines), call.callee.gate)
        assert call.callee.recv(only="ACK").to_tag == "other"
        bye = call.callee.fresh("BYE")
        assert bye.to_tag == "other"
        assert bye.get("To").startswith("<sip:+442079460000@")


def test_a_callee_whose_to_cannot_be_read_is_connected_and_hung_up_on():
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        answer = call.callee.answer(call.callee.invite, 200, "OK", tag=call.callee.tag, body=sdp(49000))
        lines = [
            f"To: sip:bob@;tag={call.callee.tag}" if line.startswith("To:") else line for line in answer.split("\r\n")
        ]
        call.callee.send("\r\n".join(lines), call.callee.gate)
        assert call.callee.recv(only="ACK").to_tag == call.callee.tag
        call.phone.ack(call.phone.recv(only="200"))
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.fresh("BYE").to_tag == call.callee.tag


def hung_up_on(call: Call) -> None:
    """Another branch answers: it gets its ACK and its BYE, and the call manager knows that somebody found nobody."""
    second_answer(call)
    assert call.callee.recv(only="ACK").to_tag == "other"
    bye = call.callee.fresh("BYE")
    assert bye.to_tag == "other"
    call.callee.send(call.callee.answer(bye, 200, "OK"), call.callee.gate)
    call.call_manager.wait("unattended")


@pytest.mark.parametrize("end", ["busy", "taken back", "no answer", "forgotten"])
def test_another_branch_that_answers_after_the_end_is_hung_up_on(end):
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.phone.recv(only="180")
        if end == "taken back":
            call.phone.cancel()
            call.callee.recv(only="CANCEL")
            call.callee.say(487, "Request Terminated")
        elif end == "no answer":
            time_out(call.running)
            call.phone.recv(only="408")
        else:
            call.callee.say(486, "Busy Here")
            call.phone.recv(only="486")
        if end != "no answer":
            call.callee.recv(only="ACK")
        if end == "forgotten":
            call.running.call(lambda: call.running.line.forget(call.call_manager.incomings[0].call_id))
        hung_up_on(call)
        second_answer(call)
        assert call.callee.recv(only="ACK").to_tag == "other"
        assert call.call_manager.kinds().count("unattended") == 1


def test_who_answers_at_a_trunk_that_had_failed_is_not_rung_by_the_next():
    with TwoTrunks(refusal=600) as two:
        two.dial()
        two.a.say(503, "Busy")
        taken(two.b)
        two.a.tag = "other"
        two.a.say(200, "OK", body=sdp(41000))
        assert two.a.recv(PATIENCE, only="BYE").to_tag == "other"
        two.b.say(100, "Trying")
        assert two.b.recv(PATIENCE, only="CANCEL")
        assert two.call_manager.wait("failed", PATIENCE)[3] == "answered_late"


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


def elsewhere(call: Call) -> dict[str, str]:
    """Contacts by which nothing reaches a callee, and what is in the Request-URI of what does."""
    host, port = call.running.address
    return {
        "unknown name": "sip:bob@nobody.invalid:5062",
        "underscore": "sip:bob@no_body_at_all:5062",
        "other family": "sip:bob@[2001:db8::7]:5062",
        "many": "sip:bob@239.1.2.3:5062",
        "the gate": f"sip:bob@{host}:{port}",
        "other transport": "sip:bob@127.0.0.1:9;transport=tcp",
        "other port": "sip:bob@127.0.0.1:9",
    }


@pytest.mark.parametrize(
    "contact", ["unknown name", "underscore", "other family", "many", "the gate", "other transport", "other port"]
)
@pytest.mark.parametrize("side", ["callee", "caller"])
def test_who_cannot_be_reached_at_their_contact_is_reached_where_they_were_heard(contact, side):
    """An answer that is repeated gets its ACK where it comes from, and a BYE without an answer goes there, too."""
    with Call() as call:
        where = f"<{elsewhere(call)[contact]}>"
        if side == "caller":
            call.phone.dialog = call.phone.new_dialog()
            call.phone.branch = "z9hG4bKc"
            call.phone.send(
                call.phone.request("INVITE", call.phone.dialog, body=sdp(), contact=where, branch=call.phone.branch)
            )
        else:
            call.phone.dial()
        call.callee.ring()
        call.callee.say(200, "OK", body=sdp(41000), **({"contact": where} if side == "callee" else {}))
        if side == "callee":
            call.callee.say(200, "OK", body=sdp(41000), contact=where)
        assert call.callee.recv(only="ACK").to_tag == call.callee.tag
        call.phone.ack(call.phone.recv(only="200"))
        if side == "callee":
            call.phone.send(call.phone.next("BYE"))
            assert call.callee.recv(only="BYE").to_tag == call.callee.tag
        else:
            call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=2), call.callee.gate)
            assert call.phone.recv(only="BYE")


def test_an_answer_that_is_repeated_to_the_end_was_no_talk(monkeypatch):
    monkeypatch.setattr("gate.sip.sippy_adapter.transactions.UNHEARD_SECONDS", 0.0)
    with Call() as call:
        call.set_up()
        call.callee.say(200, "OK", body=sdp(41000))
        assert call.call_manager.wait("hung_up")[2:] == ("gate", "no_ack")
        assert call.callee.recv(only="BYE")
        assert call.phone.recv(only="BYE")


@pytest.mark.parametrize(
    "fault",
    ["X-Long: " + "x" * 20_000, "X-Long: " + "x" * 6_000, "X: y\r\n" * 200 + "Z: z", "no colon here", "a long body"],
    ids=["20 kB", "a long line", "many lines", "no header", "a long body"],
)
def test_an_answer_that_cannot_be_read_is_acknowledged_and_hung_up_on(fault):
    """Nobody knows what it says; but somebody has picked up, and the phone system must not dial its next trunk."""
    with Call(ScriptedCallManager(connect_after=None), refusal=486) as call:
        call.phone.dial()
        call.callee.ring()
        answer = call.callee.answer(call.callee.invite, 200, "OK", tag=call.callee.tag, body=sdp(41000))
        if fault == "a long body":
            answer = call.callee.answer(
                call.callee.invite, 200, "OK", tag=call.callee.tag, body=sdp(41000) + "a=x\r\n" * 4_000
            )
        else:
            head, gap, body = answer.partition("\r\n\r\n")
            answer = f"{head}\r\n{fault}{gap}{body}"
        call.callee.send(answer, call.callee.gate)
        assert call.callee.recv(only="ACK").to_tag == call.callee.tag
        assert call.callee.recv(only="BYE").to_tag == call.callee.tag
        answer = call.phone.recv(only="200")
        call.phone.ack(answer)
        assert call.phone.recv(only="BYE")
        assert call.call_manager.wait("unattended")


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
