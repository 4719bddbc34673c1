"""The line on the tables, with real messages: what all tests here ask of the line in use, in a few.

``DIALGATE_LINE=tables pytest tests/sip`` asks all of it."""

from __future__ import annotations

import gc
import hashlib
import weakref

import pytest

from gate.sip.auth import credentials
from gate.sip.line import TableLine
from tests.support.sip_call import Call
from tests.support.sip_peer import sdp
from tests.support.timers import pass_time
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALGATE_LINE", "tables")


def kept(call: Call) -> tuple[int, int, int]:
    """Client transactions, server transactions, legs."""
    carrier = call.running.line._engine.transactions  # type: ignore[union-attr]
    return call.running.call(lambda: (len(carrier.tclient), len(carrier.tserver), len(carrier._legs)))


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_call_is_set_up_held_and_hung_up_on_and_nothing_is_kept_of_it(side: str) -> None:
    with Call() as call:
        assert isinstance(call.running.line, TableLine)
        call.set_up()
        bridges = call.running.line._engine.bridges  # type: ignore[union-attr]
        bridge = weakref.ref(call.running.call(lambda: next(iter(bridges.values()))))
        call.phone.send(call.phone.next("INVITE", body=sdp(43000, "sendonly")))
        offered = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(offered, 200, "OK", body=sdp(41000, "recvonly")), call.callee.gate)
        held = call.phone.recv(only="200")
        assert held.body == sdp(41000, "recvonly")
        call.phone.ack(held)
        if side == "caller":
            call.phone.send(call.phone.next("BYE"))
            bye = call.callee.fresh("BYE")
            call.callee.send(call.callee.answer(bye, 200, "OK"), call.callee.gate)
        else:
            call.callee.send(call.callee.request("BYE", call.callee.dialog(), cseq=2), call.callee.gate)
            bye = call.phone.recv(only="BYE")
            call.phone.send(call.phone.answer(bye, 200, "OK"))
        assert call.call_manager.wait("hung_up")[2] == side
        for _ in range(2):
            pass_time(call.running, 40)
        assert kept(call) == (0, 0, 2), "the legs answer what is repeated"
        until(lambda: gc.collect() is not None and bridge() is None)
        for _ in range(2):
            pass_time(call.running, 40)
        assert kept(call) == (0, 0, 0)


def test_what_is_sent_is_repeated_until_it_is_answered() -> None:
    with Call() as call:
        call.phone.dial()
        first = call.callee.recv(only="INVITE")
        for _ in range(3):
            assert call.callee.recv(only="INVITE").data == first.data
        call.callee.ring()
        call.callee.pick_up()
        answer = call.phone.recv(only="200")
        assert call.phone.recv(only="200").data == answer.data
        call.phone.ack(answer)
        call.phone.send(call.phone.next("BYE"))
        bye = call.callee.recv(only="BYE")
        assert call.callee.recv(only="BYE").data == bye.data


def test_a_caller_that_takes_its_call_back_takes_it_back_at_the_trunk() -> None:
    with Call() as call:
        call.phone.dial()
        call.callee.ring()
        call.phone.recv(only="180")
        call.phone.cancel()
        assert call.phone.recv(only="487")
        cancel = call.callee.recv(only="CANCEL")
        assert (cancel.get("CSeq").split()[0], cancel.get("Via")) == (
            call.callee.invite.get("CSeq").split()[0],
            call.callee.invite.get("Via"),
        )
        call.callee.say(487, "Request Terminated")
        assert call.callee.recv(only="ACK")


def test_a_trunk_that_wants_the_body_protected_is_answered() -> None:
    """RFC 7616 3.4.3, with nothing but ``auth-int`` to choose."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    with Call(trunk_options={"username": "u", "password_file": "p"}) as call:
        call.phone.dial()
        call.callee.ring(code=100)
        call.callee.say(407, "Auth", headers=('Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth-int"',))
        again = call.callee.fresh("INVITE")
        given = credentials(again.get("Proxy-Authorization"))
        target = md5(f"INVITE:{given['uri']}:{md5(again.body)}")
        half = md5("u:r:secret")
        assert again.body
        assert given["response"] == md5(f"{half}:n:{given['nc']}:{given['cnonce']}:auth-int:{target}")
