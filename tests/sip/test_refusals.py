"""No phone system dials its next trunk where the gate has refused a call, or the callee has picked up."""

from __future__ import annotations

import re

import pytest

from gate.config import Account
from gate.core.terms import ALLOWING, Reason, phrase
from tests.support.pbx import SYSTEMS, Pbx
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Phone, sdp

STOPS = {"freepbx": 600, "fusionpbx": 486, "3cx": 486}
"""What guided set-up chooses."""
every_system = pytest.mark.parametrize("system", SYSTEMS)


@every_system
def test_the_code_that_set_up_chooses_and_the_default_stop_every_system(system):
    assert SYSTEMS[system](603), "else there were nothing to choose"
    assert not SYSTEMS[system](STOPS[system])
    assert not SYSTEMS[system](600)


@every_system
def test_a_refused_number_is_not_dialled_by_the_next_trunk(system):
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"})
    with RunningLine(config_for("127.0.0.1:9", refusal=STOPS[system]), call_manager) as running:
        pbx = Pbx(SYSTEMS[system], Phone(running.address))
        pbx.dial("02079460101")
        heard = pbx.until_over()
    assert pbx.second_trunk == []
    assert heard.start == f"SIP/2.0 {STOPS[system]} Declined: on the TPS"
    assert heard.get("Reason") == f'SIP;cause={STOPS[system]};text="listed_tps"'


@every_system
@pytest.mark.parametrize("end", ["callee hangs up", "objected", "no evidence", "fault", "relay", "no sdp"])
def test_once_the_callee_has_picked_up_the_next_trunk_never_rings(system, end):
    call_manager = ScriptedCallManager(connect_after=None)
    if end == "fault":
        call_manager.on_answered = lambda line, call_id: 1 // 0
    with Call(call_manager, refusal=STOPS[system]) as call:
        pbx = Pbx(SYSTEMS[system], call.phone)
        pbx.dial("02079460123")
        call.callee.ring()
        if end == "relay":
            call.running.relay.callee_sdp = lambda call_id, body, done: done(None, ValueError("no"))
        call.callee.pick_up(**({"body": ""} if end == "no sdp" else {}))
        if end == "callee hangs up":
            call_manager.wait("answered")
            call.callee.send(call.callee.request("BYE", call.callee.dialog()), call.callee.gate)
        elif end in ("objected", "no evidence"):
            call_id = call_manager.wait("answered")[1]
            call.running.call(lambda: call.running.line.hang_up(call_id, end.replace(" ", "_")))
        heard = pbx.until_over()
        assert (heard.method, pbx.answered, pbx.second_trunk) == ("BYE", True, [])


@every_system
def test_a_callee_who_declines_is_not_rung_again(system):
    with Call(refusal=STOPS[system]) as call:
        pbx = Pbx(SYSTEMS[system], call.phone)
        pbx.dial("02079460123")
        call.callee.ring()
        call.callee.say(603, "Decline")
        pbx.until_over()
        assert pbx.second_trunk == []


@every_system
def test_the_carriers_own_failure_looks_like_one(system):
    with Call(refusal=STOPS[system]) as call:
        pbx = Pbx(SYSTEMS[system], call.phone)
        pbx.dial("02079460123")
        call.callee.ring()
        call.callee.say(503, "Service Unavailable")
        heard = pbx.until_over()
        assert pbx.second_trunk == ["02079460123"]
        assert heard.start == "SIP/2.0 503 Service Unavailable"
        assert not heard.all("X-Dialgate-Reason")


@every_system
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Subject: x", "Require: 100rel"),
        lambda text: text.replace("application/sdp", "text/plain"),
        lambda text: text.replace("Subject: x", "Content-Encoding: gzip"),
        lambda text: text.replace("Max-Forwards: 70", "Max-Forwards: 0"),
        lambda text: text.replace("Contact", "X-Contact"),
        lambda text: text.replace("INVITE sip:", "INVITE http:"),
        lambda text: text.replace("1 INVITE", "1 BYE"),
        lambda text: text.replace("Subject: x", "Subject: " + "x" * 17_000),
    ],
)
def test_an_invite_that_cannot_be_taken_is_not_led_around_the_gate(system, change):
    """The gate says that it cannot take it, and to a phone system by a code that makes it give up."""
    with RunningLine(config_for("127.0.0.1:9", refusal=STOPS[system])) as running, Phone(running.address) as phone:
        phone.dialog = phone.new_dialog("02079460101")
        phone.send(change(phone.request("INVITE", phone.dialog, body=sdp(), headers=("Subject: x",))))
        heard = phone.recv()
        assert heard.code == STOPS[system]
        assert not SYSTEMS[system](heard.code)


@every_system
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("Subject: x", "Require: 100rel"),
        lambda text: text.replace("application/sdp", "text/plain"),
        lambda text: text.replace("INVITE sip:999@gate.invalid", "INVITE urn:service:sos.police"),
        lambda text: text.replace("INVITE sip:", "INVITE sips:"),
        lambda text: text.replace("1 INVITE", "1 BYE"),
    ],
)
def test_law_3_5_a_call_for_help_that_is_not_carried_goes_by_the_next_trunk(system, change):
    call_manager = ScriptedCallManager(refused={"*": "destination_not_allowed"})
    config = config_for("127.0.0.1:9", refusal=STOPS[system])
    with RunningLine(config, call_manager) as running, Phone(running.address) as phone:
        phone.dialog = phone.new_dialog("999")
        phone.send(change(phone.request("INVITE", phone.dialog, body=sdp(), headers=("Subject: x",))))
        heard = phone.recv()
        assert heard.code == 503
        assert SYSTEMS[system](heard.code)
        phone.dial("118500")  # no call for help
        assert phone.recv(only=str(STOPS[system]))


@pytest.mark.parametrize("own", [0, 484])
def test_an_accounts_code_is_its_own_or_the_default(own):
    """A phone system that signs in as an account."""
    account = Account("alice", "x", PRESENTED, refusal=own)
    call_manager = ScriptedCallManager(refused={"*": "objected"})
    config = config_for("127.0.0.1:9", pbx=False, accounts=(account,), sip={"refusal": 480})
    with RunningLine(config, call_manager, {"alice": "secret"}) as running, Phone(running.address) as phone:
        phone.dial()
        asked = phone.recv(only="401")
        phone.ack(asked)
        told = challenge(asked.get("WWW-Authenticate"))
        phone.dialog.remote = phone.new_dialog().remote
        phone.dialog.cseq += 1
        uri = phone.dialog.target
        right = authorization(told, "alice", "secret", "INVITE", uri)
        phone.send(phone.request("INVITE", phone.dialog, body=sdp(), headers=(right,)))
        assert phone.recv(only=str(own or 480)).start.endswith("Declined: they asked us not to call")


def test_every_reason_has_a_phrase_that_a_status_line_can_hold():
    for reason in [*map(str, set(Reason) - ALLOWING), "gate_done", "", 'a"b\r\nVia: x', "+442079460123", "x" * 500]:
        made = phrase(reason)
        assert re.fullmatch(r"Declined(: [A-Za-z ]+)?", made) and len(made) <= 60
    assert phrase("listed_tps") == "Declined: on the TPS"
