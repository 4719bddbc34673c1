"""A Contact that changes inside a call (RFC 3261 12.2): followed to that side's own hosts, and nowhere else."""

from __future__ import annotations

import pytest

from tests.support.sip_call import Call
from tests.support.sip_peer import Peer, sdp

OWN, ALLOWED, STRANGE = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def offered(call: Call, method: str, contact: str, there: Peer) -> None:
    """The callee moves by a request of its own, or by its answer to one of the phone's."""
    callee, phone = call.callee, call.phone
    if method == "answer":
        phone.send(phone.next("INVITE", body=sdp(43000)))
        asked = callee.fresh("INVITE")
        callee.send(callee.answer(asked, 200, "OK", body=sdp(44000), contact=contact), callee.gate)
        there.recv(only="ACK")
        phone.ack(phone.recv(only="200"))
        return
    headers = (f"Contact: {contact}",) if method == "UPDATE" else ()
    named = {"contact": contact} if method == "INVITE" else {}
    request = callee.request(method, callee.dialog(), body=sdp(44000), cseq=2, headers=headers, **named)  # type: ignore[arg-type]
    callee.send(request, callee.gate)
    asked = phone.fresh("INVITE")
    phone.send(phone.answer(asked, 200, "OK", body=sdp(43000)))
    phone.recv(only="ACK")
    assert callee.recv(only="200").get("CSeq").endswith(method)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "answer"])
@pytest.mark.parametrize(("host", "followed"), [(OWN, True), (ALLOWED, True), (STRANGE, False)])
def test_the_callee_is_reached_where_it_has_moved_to(method: str, host: str, followed: bool) -> None:
    with Call(trunk_options={"addresses": (ALLOWED,)}) as call, Peer(host) as moved:
        call.set_up()
        there = moved if followed else call.callee
        offered(call, method, f"<sip:bob@{moved.address}>", there)
        call.phone.send(call.phone.next("BYE"))
        bye = there.recv(only="BYE")
        assert bye.start.split()[1] == f"sip:bob@{there.address}"


def test_an_old_request_moves_nobody_back() -> None:
    with Call() as call, Peer() as moved, Peer() as before:
        call.set_up()
        offered(call, "INVITE", f"<sip:bob@{moved.address}>", moved)
        late = call.callee.request(
            "INVITE", call.callee.dialog(), body=sdp(45000), cseq=1, contact=f"<sip:bob@{before.address}>"
        )
        call.callee.send(late, call.callee.gate)
        assert call.callee.recv(only="500")
        call.phone.send(call.phone.next("BYE"))
        assert moved.recv(only="BYE")


def test_a_phone_that_has_moved_is_hung_up_on_there() -> None:
    with Call() as call, Peer() as moved:
        call.set_up()
        call.phone.send(call.phone.next("INVITE", body=sdp(43000), contact=f"<sip:alice@{moved.address}>"))
        asked = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(asked, 200, "OK", body=sdp(44000)), call.callee.gate)
        call.phone.ack(call.phone.recv(only="200"))
        call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=3), call.callee.gate)
        assert moved.recv(only="BYE")
