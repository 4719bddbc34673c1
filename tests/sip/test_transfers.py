"""REFER on sockets: who may transfer whom to what, what the transferor hears of it, and whose leg ends up where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import msgspec
import pytest

from gate.config import Account, Emergency, Trunk
from gate.sip import stored_dialogs
from gate.sip.message import parse
from gate.sip.transfers import read
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Dialog, Heard, Phone, sdp
from tests.support.waiting import PATIENCE, until

TARGET = "02079460123"


def refer(phone: Phone, to: str = f"<sip:{TARGET}@gate.invalid>", *more: str) -> None:
    """Ask for a transfer."""
    phone.send(phone.next("REFER", headers=(f"Refer-To: {to}", *more)))


def told(phone: Phone) -> str:
    """The next NOTIFY, answered: the status line in it."""
    heard = phone.recv(only="NOTIFY")
    phone.send(phone.answer(heard, 200, "OK"))
    assert heard.get("Content-Type").startswith("message/sipfrag")
    assert heard.get("Event").startswith("refer;id=")
    return heard.body.strip() + (" and no more" if heard.get("Subscription-State").startswith("terminated") else "")


@contextmanager
def talk(**named: object) -> Iterator[tuple[Call, Dialog]]:
    """A talk, and the callee's side of it."""
    with Call(ScriptedCallManager(refused={"02079460101": "listed_tps"}), **named) as call:
        call.set_up()
        yield call, call.callee.dialog()


def ask(call: Call, dialog: Dialog, method: str, **named: object) -> None:
    """A request of a callee's inside its dialog."""
    dialog.cseq += 1
    call.callee.send(call.callee.request(method, dialog, **named), call.callee.gate)  # type: ignore[arg-type]


def of(dialog: Dialog, heard: Heard) -> bool:
    return heard.get("Call-ID") == dialog.call_id


def test_a_permitted_transfer_connects_the_callees_and_ends_the_transferor() -> None:
    with talk() as (call, first):
        refer(call.phone)
        assert call.phone.recv(only="202").contact
        assert told(call.phone) == "SIP/2.0 100 Trying"
        invite = call.callee.ring()
        assert "sip:+442079460000@" in invite.start and PRESENTED in invite.get("From")
        assert [line.split()[3:] for line in invite.body.splitlines() if line.startswith("m=")] == [["0", "101"]]
        assert told(call.phone) == "SIP/2.0 180 Ringing"
        call.callee.pick_up(sdp(42000))
        second = call.callee.dialog()
        assert told(call.phone) == "SIP/2.0 200 OK and no more"
        bye = call.phone.recv(only="BYE")
        call.phone.send(call.phone.answer(bye, 200, "OK"))
        old, new = call.running.relay.opened
        assert (f"transfer of {old}", new) in call.running.relay.ways
        assert call.call_manager.wait("hung_up")[1:] == (old, "caller", "transferred")
        bridge = call.running.call(lambda: call.running.line._engine.bridges[new])
        legs = call.running.call(lambda: stored_dialogs.legs_of(bridge))
        assert [(side, "dialog" in leg, leg["trunk"]) for side, leg in sorted(legs.items())] == [
            ("callee", True, "carrier"),
            ("caller", True, "carrier"),
        ]
        # The first callee is the caller of the second call now: whoever hangs up ends the other's leg.
        ask(call, second, "BYE")
        assert of(first, call.callee.recv(only="BYE"))
        assert call.call_manager.wait("hung_up", count=2)[1:] == (new, "callee", "hung_up")


@pytest.mark.parametrize(("talking", "silent"), [("caller", "callee"), ("callee", "caller"), ("", "both")])
def test_a_side_of_which_nothing_comes_after_a_transfer_is_told_of(
    monkeypatch: pytest.MonkeyPatch, talking: str, silent: str
) -> None:
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.3)
    with Call(ScriptedCallManager()) as call:
        call.running.relay.talking |= {"caller", "callee"}
        call.set_up()
        refer(call.phone)
        call.callee.ring()
        call.running.relay.talking.clear()
        call.running.relay.talking |= {talking} - {""}
        call.callee.pick_up(sdp(42000))
        _, new = call.running.relay.opened
        assert call.call_manager.wait("one_sided", PATIENCE)[1:] == (new, silent)


def test_the_one_who_was_passed_on_hangs_up_on_the_new_callee() -> None:
    with talk() as (call, first):
        refer(call.phone)
        call.callee.ring()
        call.callee.pick_up()
        second = call.callee.dialog()
        call.phone.recv(only="BYE")
        ask(call, first, "BYE")
        assert of(second, call.callee.recv(only="BYE"))
        assert call.call_manager.wait("hung_up", count=2)[2:] == ("caller", "hung_up")


def test_a_refused_target_declines_the_transfer_and_the_talk_goes_on() -> None:
    with talk() as (call, first):
        refer(call.phone, "<sip:02079460101@gate.invalid>")
        refused = call.phone.recv(only="603")
        assert refused.get("X-Dialgate-Reason") == "listed_tps" and refused.get("CSeq").endswith("REFER")
        refer(call.phone)
        assert call.phone.recv(only="202")
        assert call.callee.ring().get("Call-ID") != first.call_id
        call.phone.send(call.phone.next("BYE"))
        assert call.call_manager.kinds().count("transferring") == 2


def test_a_target_that_is_busy_is_told_and_the_talk_goes_on() -> None:
    with talk() as (call, first):
        refer(call.phone)
        call.callee.ring()
        call.callee.say(486, "Busy Here")
        said = [told(call.phone) for _ in range(3)]
        assert said[-1] == "SIP/2.0 486 Busy Here and no more"
        call.phone.send(call.phone.next("OPTIONS"))
        assert call.phone.recv(only="200").get("CSeq").endswith("OPTIONS")
        call.phone.send(call.phone.next("BYE"))
        assert of(first, call.callee.recv(only="BYE"))


def test_a_transferor_who_hangs_up_at_once_leaves_the_callee_waiting() -> None:
    with talk() as (call, first):
        refer(call.phone)
        call.phone.recv(only="202")
        call.callee.ring()
        call.phone.send(call.phone.next("BYE"))
        call.phone.recv(only="200")
        call.callee.pick_up()
        second = call.callee.dialog()
        call.call_manager.wait("hung_up")
        ask(call, second, "BYE")
        assert of(first, call.callee.recv(only="BYE"))


def test_a_callee_who_waits_for_nobody_is_hung_up_on() -> None:
    with talk() as (call, first):
        refer(call.phone)
        call.phone.recv(only="202")
        call.callee.ring()
        call.phone.send(call.phone.next("BYE"))
        call.phone.recv(only="200")
        call.callee.say(486, "Busy Here")
        assert of(first, call.callee.recv(only="BYE"))
        assert call.call_manager.wait("hung_up")[2:] == ("caller", "transfer_failed")


def test_a_callee_who_hangs_up_while_the_target_rings_takes_the_call_back() -> None:
    with talk() as (call, first):
        refer(call.phone)
        call.callee.ring()
        ask(call, first, "BYE")
        assert call.callee.recv(only="CANCEL")
        call.callee.say(487, "Request Terminated")
        assert call.phone.recv(only="BYE")


def test_a_callee_on_hold_is_taken_off_it() -> None:
    with talk() as (call, first):
        call.phone.send(call.phone.next("INVITE", body=sdp(40000, "sendonly")))
        held = call.callee.fresh("INVITE")
        call.callee.send(call.callee.answer(held, 200, "OK", body=sdp(41000, "recvonly")), call.callee.gate)
        call.callee.recv(only="ACK")
        call.phone.ack(call.phone.recv(only="200"))
        refer(call.phone)
        assert "a=sendrecv" in call.callee.ring().body
        call.callee.pick_up(sdp(42000))
        again = call.callee.fresh("INVITE")
        assert of(first, again) and "a=sendrecv" in again.body and "m=audio 42000" in again.body
        call.callee.send(call.callee.answer(again, 200, "OK", body=sdp(41000)), call.callee.gate)
        assert of(first, call.callee.recv(only="ACK"))


def test_the_carriers_side_transfers_nobody() -> None:
    with talk() as (call, first):
        ask(call, first, "REFER", headers=("Refer-To: <sip:09098790123@gate.invalid>",))
        assert call.callee.recv(only="403")
        assert call.callee.nothing_from(call.running.address)
        assert "transferring" not in call.call_manager.kinds()
        refer(call.phone)
        call.callee.ring()
        call.callee.pick_up()
        call.phone.recv(only="BYE")
        for dialog in (first, call.callee.dialog()):
            ask(call, dialog, "REFER", headers=("Refer-To: <sip:09098790123@gate.invalid>",))
            assert call.callee.recv(only="403")
        assert call.call_manager.kinds().count("transferring") == 1


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("<sip:02079460123@elsewhere.example>", "403"),
        ("<sip:02079460123@gate.invalid;method=BYE>", "400"),
        ("<mailto:anna@example.org>", "400"),
        ("<sip:gate.invalid>", "400"),
        ("<sip:02079460123@gate.invalid?Replaces=nothing>", "400"),
        ("<sip:02079460123@gate.invalid?Replaces=foreign%3Bto-tag%3Da%3Bfrom-tag%3Db>", "403"),
    ],
)
def test_a_target_that_is_no_number_here_is_refused(to: str, code: str) -> None:
    with talk() as (call, _):
        refer(call.phone, to)
        assert call.phone.recv(only=code).get("CSeq").endswith("REFER")
        assert "transferring" not in call.call_manager.kinds()
        call.phone.send(call.phone.next("BYE"))
        assert call.callee.recv(only="BYE")


def test_two_targets_at_once_and_an_unknown_option_are_refused() -> None:
    with talk() as (call, _):
        refer(call.phone, "<sip:1@gate.invalid>", "Refer-To: <sip:2@gate.invalid>")
        assert call.phone.recv(only="400")
        refer(call.phone, f"<sip:{TARGET}@gate.invalid>, <sip:2@gate.invalid>")
        assert call.phone.recv(only="400")
        refer(call.phone, f"<sip:{TARGET}@gate.invalid>", "Require: foo")
        assert call.phone.recv(only="420")


def test_another_transfer_waits_for_the_first() -> None:
    with talk() as (call, _):
        refer(call.phone)
        call.phone.recv(only="202")
        call.callee.ring()
        refer(call.phone, "<sip:02079460124@gate.invalid>")
        assert call.phone.recv(only="491")
        assert call.call_manager.kinds().count("transferring") == 1


def test_a_transfer_before_the_talk_waits() -> None:
    with Call(ScriptedCallManager(connect_after=None)) as call:
        call.phone.dial()
        call.callee.ring()
        ringing = call.phone.recv(only="180")
        call.phone.dialog.remote, call.phone.dialog.target = ringing.get("To"), ringing.contact
        call.callee.pick_up()
        call.call_manager.wait("answered")
        refer(call.phone)
        assert call.phone.recv(only="491")


def test_a_refer_that_comes_again_gets_the_same_answer_and_dials_once() -> None:
    with talk() as (call, _):
        asked = call.phone.next("REFER", headers=(f"Refer-To: <sip:{TARGET}@gate.invalid>",))
        for _ in range(2):
            call.phone.send(asked)
            assert call.phone.recv(only="202")
        call.callee.ring()
        assert call.call_manager.kinds().count("transferring") == 1


def test_who_wants_no_notify_gets_none() -> None:
    with talk() as (call, _):
        refer(call.phone, f"<sip:{TARGET}@gate.invalid>", "Refer-Sub: false")
        assert call.phone.recv(only="202").get("Refer-Sub") == "false"
        call.callee.ring()
        call.callee.pick_up()
        heard = call.phone.recv()
        assert heard.method == "BYE"


def test_an_emergency_number_is_no_target() -> None:
    with Callee() as far:
        route = Emergency(trunk=far.address, numbers=("999", "112"))
        config = msgspec.structs.replace(config_for(far.address), emergency=route)
        with RunningLine(config) as running, Phone(running.address) as phone:
            phone.dial()
            far.ring()
            far.pick_up()
            phone.ack(phone.recv(only="200"))
            for number in ("999", "112"):
                refer(phone, f"<sip:{number}@gate.invalid>")
                assert phone.recv(only="403")
            assert running.call_manager.kinds().count("incoming") == 1


def proof(asked: Heard, method: str, uri: str) -> str:
    """What a 401 asks for."""
    return authorization(challenge(asked.get("WWW-Authenticate")), "alice", "secret", method, uri)


def test_an_account_proves_itself_for_a_transfer_as_for_a_call() -> None:
    config = config_for("127.0.0.1:9", pbx=False, accounts=(Account("alice", "env:X", PRESENTED),))
    with Callee() as far:
        config = msgspec.structs.replace(config, trunk=(Trunk(far.address, options_seconds=0),))
        with RunningLine(config) as running, Phone(running.address) as phone:
            dialog = phone.dial(sender="<sip:alice@gate.invalid>")
            asked = phone.recv(only="401")
            phone.send(phone.request("ACK", dialog, branch=phone.branch))
            phone.send(phone.next("INVITE", body=sdp(), headers=(proof(asked, "INVITE", dialog.target),)))
            far.ring()
            far.pick_up()
            phone.ack(phone.recv(only="200"))
            refer(phone)
            asked = phone.recv(only="401")
            assert "transferring" not in running.call_manager.kinds()
            refer(phone, f"<sip:{TARGET}@gate.invalid>", proof(asked, "REFER", phone.dialog.target))
            assert phone.recv(only="202")
            assert far.ring()


def test_two_callees_of_one_agent_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.sip.liveness.ONE_SIDED_SECONDS", 0.3)
    with talk() as (call, first), Phone(call.running.address) as consult:
        consult.dial("02079460125")
        call.callee.ring()
        call.callee.pick_up(sdp(42000))
        second = call.callee.dialog()
        answer = consult.recv(only="200")
        consult.ack(answer)
        ours = consult.dialog.local.partition(";tag=")[2]
        named = quote(f"{consult.dialog.call_id};to-tag={answer.to_tag};from-tag={ours}", safe="")
        refer(call.phone, f"<sip:02079460125@gate.invalid?Replaces={named}>")
        assert call.phone.recv(only="202")
        assert told(call.phone) == "SIP/2.0 100 Trying"
        assert told(call.phone) == "SIP/2.0 200 OK and no more"
        assert call.phone.recv(only="BYE") and consult.recv(only="BYE")
        one, two = call.running.relay.opened
        assert (f"take over {one}", two) in call.running.relay.ways
        assert call.call_manager.wait("hung_up")[1:] == (one, "caller", "transferred")
        until(lambda: [each[1:] for each in call.call_manager.seen if each[0] == "one_sided"][-1:] == [(two, "both")])
        ask(call, first, "BYE")
        assert of(second, call.callee.recv(only="BYE"))


def test_callees_are_not_joined_where_that_cannot_be_kept() -> None:
    with talk() as (call, first):
        call.call_manager.keeps = False
        with Phone(call.running.address) as consult:
            consult.dial("02079460125")
            call.callee.ring()
            call.callee.pick_up(sdp(42000))
            answer = consult.recv(only="200")
            consult.ack(answer)
            ours = consult.dialog.local.partition(";tag=")[2]
            named = quote(f"{consult.dialog.call_id};to-tag={answer.to_tag};from-tag={ours}", safe="")
            refer(call.phone, f"<sip:02079460125@gate.invalid?Replaces={named}>")
            assert call.phone.recv(only="603").get("X-Dialgate-Reason") == "evidence_unavailable"
            assert not [way for way in call.running.relay.ways if way[0].startswith("take over")]
            call.phone.send(call.phone.next("BYE"))
            assert of(first, call.callee.recv(only="BYE"))


def test_what_refer_to_says() -> None:
    def target(value: str) -> object:
        head = "REFER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
        head += "To: <sip:b@h>;tag=2\r\n"
        text = f"{head}Call-ID: 1\r\nCSeq: 1 REFER\r\nr: {value}\r\nContent-Length: 0\r\n\r\n"
        return read(parse(text.encode()))

    assert target("tel:+442079460123").uri == "tel:+442079460123"  # type: ignore[union-attr]
    assert target('"Anna" <sip:1@Here:5060>;x=y').host == "here"  # type: ignore[union-attr]
    found = target("<sip:1@h?Replaces=a%40b%3Bfrom-tag%3Dx%3Bto-tag%3Dy&Require=replaces>")
    assert found.replaces == ("a@b", "y", "x")  # type: ignore[union-attr]
    assert found.uri == "sip:1@h"  # type: ignore[union-attr]
