"""One person is not rung by fifty agents at once, nor by one who gives up again and again; a restart forgets none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config.schema import ATTEMPTS, Calling
from tests.attack.test_dialler import busy_carrier
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Heard, Phone
from tests.support.sip_stream import StreamCallee
from tests.support.waiting import PATIENCE

AGENTS = 50


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate")
    gate.set("calling", **{name: getattr(Calling(), name) for name in ATTEMPTS})
    gate.set("purpose_header", name="X-Dialgate-Purpose", allowed=["trunk:pbx"])
    gate.add_pbx()
    gate.start()
    yield gate
    gate.stop()


def answer(phone: Phone) -> Heard:
    """The first that is more than 100; acknowledged where it is final."""
    while (heard := phone.recv()).code < 180:
        pass
    if heard.code >= 200:
        phone.ack(heard)
    return heard


def test_fifty_agents_ring_one_person_once(gate: RunningGate) -> None:
    phones = [Phone(gate.address) for _ in range(AGENTS)]
    with Callee(port=gate.trunk_port) as callee:
        for index, phone in enumerate(phones):
            phone.dial(UNLISTED, headers=("X-Dialgate-Purpose: service",) if index % 2 else ())
        callee.ring()
        answers = [answer(phone) for phone in phones]
        said = Counter((each.code, each.get("X-Dialgate-Reason")) for each in answers)
        assert said == {(180, ""): 1, (603, "busy_with_call"): AGENTS - 1}
        callee.say(486, "Busy Here")
        callee.recv(only="ACK")
        assert callee.nothing_from(gate.address)
    (lucky,) = [phone for phone, heard in zip(phones, answers, strict=True) if heard.code == 180]
    assert answer(lucky).code == 486
    for phone in phones:
        phone.sock.close()


def test_who_gives_up_at_once_rings_them_twice_a_minute_and_a_restart_forgets_none(gate: RunningGate) -> None:
    with Callee(port=gate.trunk_port) as callee:
        for _ in range(2):
            ring_and_give_up(gate, callee)
        refused = [refusal(gate) for _ in range(28)]
        gate.stop()
        gate.start()
        refused += [refusal(gate), refusal(gate, "X-Dialgate-Purpose: service")]
        assert refused == ["too_many_attempts"] * 30
        assert callee.nothing_from(gate.address)
    gate.verified()


def ring_and_give_up(gate: RunningGate, callee: Callee) -> None:
    over = len(gate.rows("SELECT 1 FROM calls WHERE ended_at IS NOT NULL")) + 1
    with Phone(gate.address) as phone:
        phone.dial(UNLISTED)
        callee.ring()
        phone.recv(only="180")
        phone.cancel()
        callee.send(callee.answer(callee.recv(only="CANCEL"), 200, "OK"), callee.gate)
        callee.say(487, "Request Terminated")
        callee.recv(only="ACK")
        phone.ack(phone.recv(only="487"))
    sql = "SELECT 1 FROM calls WHERE ended_at IS NOT NULL"
    gate.wait(lambda: len(gate.rows(sql)) == over, 5, "its end is not in the log")


def refusal(gate: RunningGate, *headers: str) -> str:
    with Phone(gate.address) as phone:
        phone.dial(UNLISTED, headers=headers)
        return answer(phone).get("X-Dialgate-Reason")


def test_attempts_that_no_carrier_was_asked_for_are_none(gate: RunningGate) -> None:
    """The carrier's connection is down: nobody is rung, and the customer can be called once it is back."""
    gate.stop()
    gate.set("trunk", transport="tcp")
    gate.start()
    assert [refusal(gate) for _ in range(10)] == ["trunk_unreachable"] * 10
    carrier = StreamCallee()
    carrier.listener.close()
    carrier.port = gate.trunk_port
    carrier.listen()
    try:
        carrier.accept()
        gate.wait(lambda: gate.client.call("status")["trunks"][0]["up"], PATIENCE, "the trunk stays down")
        with Phone(gate.address) as phone:
            phone.dial(UNLISTED)
            carrier.ring()
            assert answer(phone).code == 180
    finally:
        carrier.close()


def test_a_question_and_its_call_are_one_attempt(gate: RunningGate) -> None:
    with busy_carrier(gate.trunk_port) as came:
        for _ in range(2):
            assert asked(gate) == "not_listed"
            with Phone(gate.address) as phone:
                phone.dial(UNLISTED)
                assert answer(phone).code == 486
            gate.wait(lambda: not gate.client.call("status")["calls"], 5, "the call goes on")
        assert asked(gate) == "too_many_attempts"
        assert len(came) == 2


def asked(gate: RunningGate) -> str:
    return str(gate.client.call("decide", number=UNLISTED, account="pbx")["reason"])
