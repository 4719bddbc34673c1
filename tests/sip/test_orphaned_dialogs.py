"""What a killed gate left: each leg gets what it still needs from the next one, in every state and to the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gate.sip.message import parse
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Heard, Phone

TRUNK = {"trunk_options": {"username": "firm", "password_file": "x"}}


class Book:
    """A leg book in memory: ``left`` is what an earlier run kept."""

    def __init__(self, left: Mapping[str, Any] | None = None) -> None:
        self.kept: dict[str, Any] = dict(left or {})
        self._left = dict(self.kept)

    def left(self) -> Mapping[str, Any]:
        return self._left

    def keep(self, call_id: str, legs: Mapping[str, Any]) -> None:
        self.kept[call_id] = json.loads(json.dumps(legs))

    def written(self) -> bool:
        return True

    def over(self, call_id: str) -> None:
        self.kept.pop(call_id, None)

    def clear(self) -> None:
        self.kept.clear()


class Left:
    """A call that was cut off ``when`` it rang, was announced or was connected; inside, the next gate ends it."""

    def __init__(self, when: str, change: Mapping[str, Any] | None = None) -> None:
        before = Call(ScriptedCallManager(connect_after=0.0 if when == "connected" else None), refusal=486)
        book = Book()
        before.running.line._book = book
        before.running.__enter__()
        self.phone, self.callee = Phone(before.running.address), before.callee
        before.phone = self.phone
        self.phone.dial()
        self.callee.ring()
        self.phone.recv(only="180")
        if when != "ringing":
            self.callee.pick_up()
            before.call_manager.wait("answered")
        if when == "connected":
            self.phone.ack(self.phone.recv(only="200"))
        (self.call_id,) = before.running.call(lambda: list(book.kept))
        legs = before.running.call(lambda: json.loads(json.dumps(book.kept[self.call_id])))
        before.running.__exit__()  # it hangs up: what is drained here is not what the test looks at
        self.phone.drain()
        self.callee.drain()
        self.book = Book({self.call_id: {**legs, **(change or {})}})
        self.running = RunningLine(config_for(self.callee.address, refusal=486, **TRUNK), ScriptedCallManager())
        self.running.line._book = self.book
        self.call_manager = self.running.call_manager

    def __enter__(self) -> Left:
        self.running.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        self.phone.sock.close()
        self.callee.sock.close()

    def outcome(self) -> tuple[str, ...]:
        told = self.call_manager.wait("legs_ended")
        assert told[1] == self.call_id
        assert list(self.book.kept) == [self.call_id], "the journal has it until the log has"
        (kept,) = self.call_manager.kept
        self.running.call(kept)
        assert self.book.kept == {}
        return told[2:]


def ok(peer: Callee | Phone, request: Heard, code: int = 200) -> None:
    peer.send(peer.answer(request, code, "OK"), peer.last_from)


def test_a_connected_call() -> None:
    with Left("connected") as left:
        for peer, dialog in ((left.phone, left.phone.dialog), (left.callee, left.callee.dialog())):
            bye = peer.recv(only="BYE")
            assert (bye.get("Call-ID"), bye.get("To"), bye.get("From")) == (dialog.call_id, dialog.local, dialog.remote)
            assert "gate_interrupted" in bye.get("Reason")
            assert int(bye.get("CSeq").split()[0]) >= 1000
            ok(peer, bye)
        assert left.outcome() == ("callee BYE 200", "caller BYE 200")


def test_a_peer_that_knows_no_such_call_has_ended_it_already() -> None:
    with Left("connected") as left:
        ok(left.phone, left.phone.recv(only="BYE"), 481)
        ok(left.callee, left.callee.recv(only="BYE"))
        assert left.outcome() == ("callee BYE 200", "caller BYE 481")


def test_a_trunk_that_asks_for_credentials() -> None:
    with Left("connected") as left:
        ok(left.phone, left.phone.recv(only="BYE"))
        first = left.callee.recv(only="BYE")
        asked = ('Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"',)
        left.callee.send(left.callee.answer(first, 407, "Proxy", headers=asked), left.callee.last_from)
        second = left.callee.recv(only="BYE")
        if second.get("CSeq") == first.get("CSeq"):
            second = left.callee.recv(only="BYE")
        told = challenge(second.get("Proxy-Authorization"))
        right = authorization(told, "firm", "secret", "BYE", told["uri"], cnonce=told["cnonce"])
        assert challenge(right)["response"] == told["response"]
        ok(left.callee, second)
        assert left.outcome() == ("callee BYE 200", "caller BYE 200")


def test_a_call_in_its_announcement_is_answered_and_ended_and_never_fails() -> None:
    with Left("announced") as left:
        answer = left.phone.recv(only="200")
        assert "a=inactive" in answer.body and answer.to_tag
        left.phone.ack(answer)
        ok(left.callee, left.callee.recv(only="BYE"))
        ok(left.phone, left.phone.recv(only="BYE"))
        assert left.outcome() == ("callee BYE 200", "caller BYE 200")


@pytest.mark.parametrize("when", ["ringing", "announced"])
def test_an_invite_that_is_sent_again_to_the_next_gate_is_no_new_call(when: str) -> None:
    """A phone that has heard nothing yet repeats it, and the next gate may be there before its answer is."""
    with Left(when) as left:
        left.phone.send(left.phone.invite, left.running.address)
        left.phone.recv(only="486" if when == "ringing" else "200")
        left.phone.send(left.phone.invite, left.running.address)
        left.phone.send(left.phone.request("OPTIONS", left.phone.new_dialog("gate")), left.running.address)
        while "OPTIONS" not in left.phone.recv(only="200").get("CSeq"):
            pass  # the 200 to the INVITE is sent twice
        assert left.call_manager.incomings == []


def test_a_call_that_rings_is_cancelled_and_refused() -> None:
    with Left("ringing") as left:
        refused = left.phone.recv(only="486")
        assert "gate_interrupted" in refused.get("Reason")
        cancel = left.callee.recv(only="CANCEL")
        invite = left.callee.invite
        assert [cancel.get(name) for name in ("Via", "From", "To", "Call-ID")] == [
            invite.get(name) for name in ("Via", "From", "To", "Call-ID")
        ]
        assert cancel.start.split()[1] == invite.start.split()[1]
        left.callee.send(left.callee.answer(invite, 487, "Gone", tag=left.callee.tag), left.callee.last_from)
        ack = left.callee.recv(only="ACK")
        assert (ack.to_tag, ack.get("CSeq").split()[1]) == (left.callee.tag, "ACK")
        assert left.outcome() == ("callee CANCEL 487", "caller INVITE 486")


def test_a_callee_who_picks_up_in_that_moment_is_acknowledged_and_hung_up_on() -> None:
    with Left("ringing") as left:
        left.callee.recv(only="CANCEL")
        left.callee.gate = left.callee.last_from
        left.callee.say(200, "OK")
        assert left.callee.recv(only="ACK").to_tag == left.callee.tag
        bye = left.callee.recv(only="BYE")
        assert bye.to_tag == left.callee.tag
        ok(left.callee, bye)
        assert left.outcome() == ("callee BYE 200", "caller INVITE 486")
        assert left.call_manager.kinds().count("unattended") == 1


@pytest.mark.parametrize(
    "spoilt", [{}, {"dialog": {}}, {"dialog": {"target": "x:", "cseq": "?"}}, {"invite": "", "to": []}]
)
def test_a_leg_that_cannot_be_read_does_not_hold_up_the_other(spoilt: dict[str, Any]) -> None:
    with Left("connected", {"callee": spoilt}) as left:
        ok(left.phone, left.phone.recv(only="BYE"))
        assert left.outcome() == ("callee cannot be read", "caller BYE 200")


def test_an_answer_from_elsewhere_is_not_believed() -> None:
    with Left("ringing") as left:
        left.callee.recv(only="CANCEL")
        forged = parse(left.callee.answer(left.callee.invite, 487, "Gone", tag="x").encode())
        orphans, elsewhere = left.running.line._engine.orphans, ("127.0.0.9", 5060)
        endpoint = left.running.line._transport.getServer(elsewhere)
        assert not left.running.call(lambda: orphans.takes(forged, elsewhere, endpoint))
        assert left.running.call(lambda: orphans.takes(forged, ("127.0.0.1", left.callee.port), endpoint))
