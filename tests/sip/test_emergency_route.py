"""Emergency calls on the line (LAW 3.5): their own route, under any load, and refusals that a PBX gets around."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import pytest

from gate.config import Emergency
from gate.core.numbers import emergency_number
from gate.sip import session_timers
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.timers import expire
from tests.support.waiting import until


@dataclass
class Helping(ScriptedCallManager):
    """Lets emergency numbers through at once, and decides nothing else."""

    helped: list[str] = field(default_factory=list)

    def incoming(self, incoming) -> None:
        number = emergency_number(incoming.attempt.raw_number, ("999", "112"))
        if number and not incoming.problem:
            self.incomings.append(incoming)
            self.helped.append(number)
            self.line.invite_emergency(incoming.call_id, number, PRESENTED, "Example")
        else:
            super().incoming(incoming)


class Trunks:
    """The carrier, the emergency route, and a line between them and a phone."""

    def __init__(self, sip=None, **emergency) -> None:
        self.carrier, self.help = Callee(), Callee()
        config = config_for(self.carrier.address, sip=sip)
        route = Emergency(trunk=self.help.address, numbers=("999", "112"), **emergency)
        self.running = RunningLine(msgspec.structs.replace(config, emergency=route), Helping(silent=True))
        self.call_manager = self.running.call_manager

    @contextmanager
    def up(self) -> Iterator[Phone]:
        with self.running, Phone(self.running.address) as phone, self.carrier, self.help:
            yield phone
            assert self.carrier.nothing_from(self.running.address), "an emergency call reached the carrier"


@pytest.mark.parametrize("dialled", ["999", "9-9-9", "+44999", "9112", "141999", "*31%23112"])
def test_law_3_5_it_rings_at_the_emergency_route_and_both_are_heard_at_once(dialled: str) -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dial(dialled, headers=("Privacy: id", "Require: 100rel, foo"))
        invite = trunks.help.ring()
        assert invite.start == f"INVITE sip:{'112' if '112' in dialled else '999'}@{trunks.help.address} SIP/2.0"
        assert PRESENTED in invite.get("From") and PRESENTED in invite.get("P-Asserted-Identity")
        assert invite.get("Privacy") == "none"
        assert phone.recv(only="180").code == 180
        trunks.help.pick_up()
        answer = phone.recv(only="200")
        assert "m=audio" in answer.body
        phone.ack(answer)
        phone.send(phone.next("BYE"))
        assert trunks.help.recv(only="BYE")


@pytest.mark.parametrize(
    ("uri", "to"),
    [
        ("sips:999@gate.invalid", "<sips:999@gate.invalid>"),
        ("urn:service:sos", "<urn:service:sos>"),
        ("urn:service:sos.police", "urn:service:sos.police"),
        ("sip:999#@gate.invalid", "<sip:999#@gate.invalid>"),
        ("sip:999%23@gate.invalid;user=phone", "<sip:999%23@gate.invalid>"),
        ("tel:999#", "<tel:999#>"),
    ],
)
def test_law_3_5_however_help_is_named_it_is_set_up_and_ended(uri: str, to: str) -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dialog = phone.new_dialog("999")
        contact = f"<sips:alice@{phone.address}>" if uri.startswith("sips") else ""
        text = phone.request("INVITE", phone.dialog, body=sdp(), **({"contact": contact} if contact else {}))
        lines = [f"To: {to}" if line.startswith("To:") else line for line in text.split("\r\n")]
        lines[0] = f"INVITE {uri} SIP/2.0"
        phone.send("\r\n".join(lines))
        invite = trunks.help.ring()
        assert invite.start == f"INVITE sip:999@{trunks.help.address} SIP/2.0"
        trunks.help.pick_up()
        answer = phone.recv(only="200")
        assert answer.to_tag
        phone.ack(answer)
        phone.send(phone.next("BYE"))
        assert trunks.help.recv(only="BYE")


def test_law_3_5_no_time_that_runs_out_ends_it() -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dial("999", headers=("Expires: 2",))
        trunks.help.ring()
        phone.recv(only="180")
        expire(trunks.running)
        trunks.help.pick_up()
        assert phone.recv().code == 200


def test_law_3_5_a_call_by_the_services_name_can_be_taken_back() -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dialog = phone.new_dialog("999")
        phone.dialog.target = "urn:service:sos"
        phone.branch = "z9hG4bKsos"
        phone.send(phone.request("INVITE", phone.dialog, body=sdp(), branch=phone.branch))
        trunks.help.ring()
        phone.recv(only="180")
        phone.cancel()
        assert trunks.help.recv(only="CANCEL")


@pytest.mark.parametrize(
    ("code", "phrase", "heard"),
    [(503, "Service Unavailable", 503), (500, "Server Error", 500), (486, "Busy Here", 486), (404, "Not Found", 404),
     (403, "Forbidden", 403), (302, "Moved Temporarily", 503)],
)  # fmt: skip
def test_law_3_5_what_the_route_refuses_passes_so_that_a_pbx_tries_its_next(code: int, phrase: str, heard: int) -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dial("999")
        trunks.help.ring()
        trunks.help.say(code, phrase, contact="<sip:999@192.0.2.1>")
        assert phone.recv(only=str(heard)).code == heard
        trunks.call_manager.wait("failed")


def test_law_3_5_it_goes_out_where_more_calls_wait_than_the_gate_takes() -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        ingress = trunks.running.line._engine.ingress
        ingress.pending.limit = 1
        phone.dial("02079460001")
        trunks.call_manager.wait("incoming")
        full = Phone(trunks.running.address)
        full.dial("02079460002")
        assert "decision_late" in full.recv(only="603").get("Reason")
        needy = Phone(trunks.running.address)
        needy.dial("112")
        assert "112@" in trunks.help.recv(only="INVITE").start


def test_law_3_5_a_media_relay_without_ports_does_not_stop_it() -> None:
    trunks = Trunks()
    relay = trunks.running.relay
    relay.caller_sdp = lambda call_id, body, done: done(None, OSError("no media ports"))
    with trunks.up() as phone:
        phone.dial("999", body=sdp(41000))
        assert "m=audio 41000" in trunks.help.ring().body
        trunks.help.pick_up(sdp(42000))
        answer = phone.recv(only="200")
        assert "m=audio 42000" in answer.body
        phone.ack(answer)


def test_law_3_5_a_media_relay_with_a_fault_ends_in_an_answer_that_a_pbx_gets_around() -> None:
    trunks = Trunks()

    def fault(call_id: str) -> None:
        raise RuntimeError("no room")

    trunks.running.relay.open = fault
    with trunks.up() as phone:
        phone.dial("999")
        assert phone.recv(only="503").code == 503


def test_law_3_5_the_route_may_ask_for_credentials_of_its_own() -> None:
    trunks = Trunks(username="helper", password_file="x")
    with trunks.up() as phone:
        phone.dial("999")
        trunks.help.ring(100)
        trunks.help.say(407, "Auth", headers=('Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5',))
        again = trunks.help.recv(only="INVITE")
        assert 'username="helper"' in again.get("Proxy-Authorization")


def test_law_3_5_a_route_that_answers_no_question_does_not_lose_the_call() -> None:
    trunks = Trunks(sip={"dead_peer_seconds": 2, "no_answer_seconds": 1})
    with trunks.up() as phone:
        phone.dial("999")
        trunks.help.ring()
        assert phone.recv(only="180")
        assert trunks.running.nothing_to(phone, 1.5)  # it may ring for as long as it takes
        trunks.help.pick_up()
        phone.ack(phone.recv(only="200"))
        assert trunks.running.nothing_to(trunks.help, 3.0)
        phone.send(phone.next("BYE"))
        assert trunks.help.recv(only="BYE")


def test_law_3_5_a_session_timer_neither_holds_it_back_nor_ends_it(monkeypatch) -> None:
    trunks = Trunks()
    with trunks.up() as phone:
        phone.dial("999", headers=("Supported: timer", "Session-Expires: 20"))
        trunks.help.ring()
        assert not trunks.help.invite.get("Session-Expires")
        trunks.help.pick_up()
        answer = phone.recv(only="200")
        assert not answer.get("Session-Expires")
        phone.ack(answer)
        monkeypatch.setattr(session_timers, "LEAST_SECONDS", 1)
        phone.send(phone.next("UPDATE", headers=("Supported: timer", "Session-Expires: 2;refresher=uac")))
        assert phone.recv(only="200").get("Session-Expires") == "2;refresher=uac"

        def running_out() -> object:
            (bridge,) = trunks.running.line._engine.bridges.values()
            return bridge.offer_answer.timers._timers["caller"]

        first = trunks.running.call(running_out)
        until(lambda: trunks.running.call(running_out) is not first)  # it begins anew
        phone.send(phone.next("BYE"))
        assert trunks.help.recv(only="BYE")
        assert trunks.call_manager.wait("hung_up")[2] == "caller"
