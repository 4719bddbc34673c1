"""The carrier outside of calls, played by a socket."""

from __future__ import annotations

import pytest

from gate.config import Account
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, config_for
from tests.support.sip_peer import Callee, Peer, Phone, sdp
from tests.support.waiting import until

NONCE = 'Digest realm="carrier", nonce="n1", algorithm=SHA-256, qop="auth"'


@pytest.fixture
def carrier():
    with Peer() as peer:
        yield peer


def test_up_and_down(carrier, monkeypatch):
    monkeypatch.setattr("gate.sip.trunk.OVERDUE_SECONDS", 0.4)
    changes = []
    line = RunningLine(config_for(carrier.address, trunk_options={"options_seconds": 1}))
    line.line.on_trunk = changes.append
    with line as running:
        assert running.line.trunk_up is None
        asked = carrier.recv(only="OPTIONS")
        assert asked.start == f"OPTIONS sip:{carrier.address} SIP/2.0"
        assert "Anonymous" not in asked.data.decode().partition("User-Agent")[0].partition("From")[0]
        carrier.send(carrier.answer(asked, 200, "OK"), carrier.last_from)
        until(lambda: running.line.trunk_up is True)
        until(lambda: running.line.trunk_up is False)
        carrier.drain()
        carrier.send(carrier.answer(carrier.recv(only="OPTIONS"), 404, "Not Found"), carrier.last_from)
        until(lambda: running.line.trunk_up is True)
        until(lambda: [each.up for each in changes] == [True, False, True])
        carrier.drain()
        carrier.send(carrier.answer(carrier.recv(only="OPTIONS"), 503, "Away"), carrier.last_from)
        until(lambda: running.line.trunk_up is False)


@pytest.mark.parametrize(
    ("code", "asks", "gives"),
    [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_registration_with_digest_and_renewal(carrier, code, asks, gives):
    options = {"username": "firm", "password_file": "x", "register": True}
    namesake = (Account("firm", "its own", PRESENTED),)
    config = config_for(carrier.address, trunk_options=options, accounts=namesake)
    with RunningLine(config, passwords={"x": "pw", "its own": "not for the carrier"}) as running:
        first = carrier.recv(only="REGISTER")
        assert "sip:firm@" in first.get("To")
        assert first.contact.startswith("sip:firm@127.0.0.1")
        carrier.send(carrier.answer(first, code, "Who", tag="t", headers=(f"{asks}: {NONCE}",)), carrier.last_from)
        second = carrier.recv(only="REGISTER")
        told = challenge(second.get(gives))
        right = authorization(told, "firm", "pw", "REGISTER", told["uri"], cnonce=told["cnonce"])
        assert challenge(right)["response"] == told["response"]
        assert second.get("Call-ID") == first.get("Call-ID")
        assert int(second.get("CSeq").split()[0]) > int(first.get("CSeq").split()[0])
        carrier.send(
            carrier.answer(second, 200, "OK", tag="t", contact=f"<{second.contact}>;expires=2"), carrier.last_from
        )
        until(lambda: running.line._engine and running.line._engine.monitors["carrier"].status.registered)
        assert carrier.recv(3, only="REGISTER")  # before it runs out


def test_credentials_that_are_never_right_end_no_loop(carrier):
    options = {"username": "firm", "password_file": "x", "register": True}
    with RunningLine(config_for(carrier.address, trunk_options=options)) as running:
        for header in ("", ", stale=true", ""):
            asked = carrier.recv(only="REGISTER")
            carrier.send(
                carrier.answer(asked, 401, "Who", tag="t", headers=(f"WWW-Authenticate: {NONCE}{header}",)),
                carrier.last_from,
            )
        assert running.nothing_to(carrier, 0.5)
        assert running.line._engine.monitors["carrier"].status.registered is False


TRUNK = {"trunk_options": {"username": "firm", "password_file": "x"}}


def ask(call, invite, code=407, tail=""):
    call.callee.send(
        call.callee.answer(invite, code, "Who", tag="a", headers=(f"Proxy-Authenticate: {NONCE}{tail}",)),
        call.callee.gate,
    )


def test_a_call_that_the_trunk_challenges_twice_because_of_a_stale_nonce():
    with Call(**TRUNK) as call:
        call.phone.dial()
        first = call.callee.recv(only="INVITE")
        call.callee.gate = call.callee.last_from
        ask(call, first)
        assert call.callee.recv().method == "ACK"
        second = call.callee.recv()
        assert second.get("Max-Forwards") == first.get("Max-Forwards") == "69"
        assert second.get("Proxy-Authorization")
        assert second.get("P-Asserted-Identity") == first.get("P-Asserted-Identity")
        ask(call, second, tail=", stale=TRUE")
        assert call.callee.recv().method == "ACK"
        third = call.callee.recv()
        assert len(third.all("Proxy-Authorization")) == 1
        ask(call, third, tail=", stale=true")
        heard = call.phone.recv(only="503")
        assert "cause=407" in heard.get("Reason")
        assert call.call_manager.wait("failed")[2] == "407"


def test_a_challenge_without_credentials_fails_the_call():
    with Call() as call:
        call.phone.dial()
        first = call.callee.recv(only="INVITE")
        call.callee.gate = call.callee.last_from
        ask(call, first)
        assert call.phone.recv(only="503")


def test_a_bye_that_the_trunk_challenges_is_sent_again():
    with Call(**TRUNK) as call:
        call.set_up()
        call.phone.send(call.phone.next("BYE"))
        bye = call.callee.recv(only="BYE")
        ask(call, bye)
        again = call.callee.recv(only="BYE")
        if again.get("CSeq") == bye.get("CSeq"):
            again = call.callee.recv(only="BYE")
        told = challenge(again.get("Proxy-Authorization"))
        right = authorization(told, "firm", "secret", "BYE", told["uri"], cnonce=told["cnonce"])
        assert challenge(right)["response"] == told["response"]
        ask(call, again)
        assert call.running.nothing_to(call.callee, 0.8)


def test_cancel_after_the_challenge():
    with Call(**TRUNK) as call:
        call.phone.dial()
        first = call.callee.recv(only="INVITE")
        call.callee.gate = call.callee.last_from
        ask(call, first)
        call.callee.ring()
        call.phone.recv(only="180")
        call.phone.cancel()
        assert call.callee.recv(only="CANCEL")


def test_a_trunk_by_name():
    with (
        Callee() as callee,
        RunningLine(config_for(f"localhost:{callee.port}")) as running,
        Peer(to=running.address) as phone,
    ):
        phone.send(phone.request("INVITE", phone.new_dialog(), body=sdp()))
        assert callee.recv(only="INVITE").start.endswith(f"@localhost:{callee.port} SIP/2.0")


def answered(carrier: Peer, code: int = 200) -> None:
    """The carrier answers the next OPTIONS."""
    carrier.send(carrier.answer(carrier.recv(only="OPTIONS"), code, "So"), carrier.last_from)


def refused_at_once(running: RunningLine, count: int = 1) -> None:
    """A call is answered 503, and the call manager told, before anything has left for the carrier."""
    with Phone(running.address) as phone:
        phone.dial()
        heard = phone.recv()
        while heard.code == 100:
            heard = phone.recv()
        assert heard.code == 503, "no refusal: a phone system may dial its next trunk"
        assert 'text="trunk_unreachable"' in heard.get("Reason")
        assert heard.get("X-Dialgate-Decision")
    told = running.call_manager.wait("failed", count=count)
    assert told[2:] == ("503", "trunk_unreachable")
    assert len(running.line._engine.bridges) < count


def test_a_single_trunk_that_is_down_is_asked_for_no_call_until_it_answers(carrier, monkeypatch):
    """By itself, too: it is asked on, more often than while it answers."""
    monkeypatch.setattr("gate.sip.trunk.OVERDUE_SECONDS", 0.4)
    with RunningLine(config_for(carrier.address, trunk_options={"options_seconds": 3600})) as running:
        answered(carrier)
        until(lambda: running.line.trunk_up is True)
        running.call(lambda: running.line._engine.monitors["carrier"]._ask_in(0.0))
        until(lambda: running.line.trunk_up is False)
        refused_at_once(running)
        answered(carrier)
        until(lambda: running.line.trunk_up is True)
        with Phone(running.address) as phone:
            phone.dial()
            assert carrier.recv(only="INVITE")


def test_a_trunk_that_says_503_to_options_is_asked_for_no_call(carrier, monkeypatch):
    monkeypatch.setattr("gate.sip.trunk.DOWN_SECONDS", 0.2)
    with RunningLine(config_for(carrier.address, trunk_options={"options_seconds": 3600})) as running:
        answered(carrier, 503)
        until(lambda: running.line.trunk_up is False)
        refused_at_once(running)
        answered(carrier)
        until(lambda: running.line.trunk_up is True)


def test_a_trunk_that_never_answers_options_gets_its_calls_until_one_has_no_answer(monkeypatch):
    """Some carriers answer no OPTIONS and take calls."""
    monkeypatch.setattr("gate.sip.trunk.OVERDUE_SECONDS", 0.2)
    with Callee() as carrier:
        config = config_for(carrier.address, trunk_options={"options_seconds": 3600})
        with RunningLine(config) as running:
            until(lambda: running.line.trunk_up is False)
            with Phone(running.address) as phone:
                phone.dial()
                carrier.ring()
                assert phone.recv(only="180")
                carrier.say(486, "Busy")
                assert phone.recv(only="486")
                phone.dial("02079460001")
                carrier.recv(only="INVITE")
                running.call(lambda: running.line._engine.transactions.lost(carrying(running)))
                assert phone.recv(only="503")
            refused_at_once(running, count=3)


def carrying(running: RunningLine) -> object:
    """The gate's end of the way to the carrier, as the INVITE under way has it."""
    transactions = running.line._engine.transactions
    return next(each.userv for each in transactions.tclient.values() if each.method == "INVITE")


def test_an_invite_without_an_answer_asks_the_trunk_at_once(carrier, monkeypatch):
    monkeypatch.setattr("gate.sip.trunk.OVERDUE_SECONDS", 0.4)
    with RunningLine(config_for(carrier.address, trunk_options={"options_seconds": 3600})) as running:
        answered(carrier)
        until(lambda: running.line.trunk_up is True)
        with Phone(running.address) as phone:
            phone.dial()
            carrier.recv(only="INVITE")
            running.call(lambda: running.line._engine.transactions.lost(carrying(running)))
            assert phone.recv(only="503")
        until(lambda: running.line.trunk_up is False)
        refused_at_once(running, count=2)


def test_a_trunk_that_answers_no_register_is_down_where_it_is_sent_no_options(carrier, monkeypatch):
    monkeypatch.setattr("gate.sip.trunk.DOWN_SECONDS", 0.2)
    options = {"username": "firm", "password_file": "x", "register": True}
    with RunningLine(config_for(carrier.address, trunk_options=options)) as running:
        asked = carrier.recv(only="REGISTER")
        carrier.send(carrier.answer(asked, 408, "Request Timeout", tag="t"), carrier.last_from)
        until(lambda: running.line.trunk_up is False)
        refused_at_once(running)
        asked = carrier.recv(only="REGISTER")
        carrier.send(carrier.answer(asked, 403, "No", tag="t"), carrier.last_from)
        until(lambda: running.line.trunk_up is True)
