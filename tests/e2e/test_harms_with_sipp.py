"""The ways to a refused number, and to evidence that is false, that were found on the line: SIPp plays both sides of a
whole gate, and the audio of both is measured. Overload has its own file: tests/sip/test_overload.py."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gate.cli.guided import PHONE_SYSTEMS
from tests.e2e.test_scenarios import NUMBER, SCENARIOS, finished, prepared, size
from tests.media.line_process import ports_of
from tests.support.audio import Heard, Party
from tests.support.ends import AGENT, CUSTOMER, ssrc
from tests.support.pbx import SYSTEMS
from tests.support.running_gate import LISTED, RunningGate
from tests.support.sipp import Result, Sipp
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

AT = {system: f"127.0.0.{at}" for at, system in enumerate(PHONE_SYSTEMS, 11)}
DEAF = ("-default_behaviors", "all,-abortunexp")
"""SIPp takes no notice of a request that its scenario does not name."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    gate = prepared(tmp_path_factory.mktemp("harms") / "gate")
    gate.set("sip", dead_peer_seconds=10)
    for system, code in PHONE_SYSTEMS.items():
        gate.add_pbx(name=system, addresses=[AT[system]], refusal=code)
    gate.start()
    yield gate
    gate.stop()


class Pair:
    """One call: SIPp as the phone system and as the carrier, and the audio of both."""

    def __init__(self, gate: RunningGate, agent: Party, customer: Party, uac: str, uas: str, seconds: float) -> None:
        self.gate, self.agent, self.customer = gate, agent, customer
        self.since = size(gate)
        self.far = Sipp(_with(uas, gate, customer, seconds), port=gate.trunk_port, extra=DEAF)
        self.far.wait_listening()
        self.near = Sipp(_with(uac, gate, agent, seconds), remote=gate.address, service=f"0{NUMBER[3:]}", extra=DEAF)

    def speak(self) -> None:
        """Each party, as soon as it has been told where to."""
        self.customer.talk_to(self._told(self.far, "INVITE sip:"))
        self.agent.talk_to(self._told(self.near, "SIP/2.0 183"))

    def over(self) -> dict[str, Any]:
        """Both to their end, without a message that they did not expect; the call as the log has it."""
        called, answered = self.near.result(), self.far.result()
        assert (called.code, answered.code) == (0, 0), _said(called, answered) + self.gate.said()
        self.caller_saw = called.messages
        (call,) = finished(self.gate, self.since)
        return call

    def _told(self, sipp: Sipp, start: str) -> tuple[str, int]:
        """The address in the first message that begins so."""
        found = re.compile(rf"received.*?\n\n({re.escape(start)}.*?m=audio [^\n]*\n)", re.DOTALL)
        read = self.gate.wait(lambda: found.search(_written(sipp)), PATIENCE, f"no {start}")
        return ports_of(read[1])


@contextmanager
def pair(gate: RunningGate, uas: str, *, seconds: float = 2.5) -> Iterator[Pair]:
    """``seconds``: how long the callee speaks, announcement included, before it hangs up (where its scenario does)."""
    with Party(AGENT) as agent, Party(CUSTOMER) as customer:
        call = Pair(gate, agent, customer, "uac_is_hung_up_on", uas, seconds)
        try:
            yield call
        finally:
            for side in (call.near, call.far):
                side.process.kill()


def _with(scenario: str, gate: RunningGate, party: Party, seconds: float) -> Path:
    """The scenario with this party's port, and a last pause of so many seconds."""
    text = (SCENARIOS / f"{scenario}.xml").read_text().replace("[media_port]", str(party.port))
    head, pause, tail = text.rpartition('<pause milliseconds="200"/>')
    path = gate.folder / f"{scenario}.xml"
    path.write_text(head + (pause and f'<pause milliseconds="{1000 * seconds:.0f}"/>') + tail)
    return path


def _written(sipp: Sipp) -> str:
    path = sipp.folder / "messages.log"
    return path.read_text(errors="replace").replace("\r", "") if path.exists() else ""


def _said(*results: Result) -> str:
    return "".join(result.errors + result.messages for result in results)


def of(heard: list[Heard], party: Party) -> list[float]:
    """When each packet of a party was heard, by the clock on the wall."""
    wall = time.time() - time.monotonic()
    return [wall + packet.at for packet in list(heard) if packet.ssrc == ssrc(party)]


@pytest.mark.parametrize("system", PHONE_SYSTEMS)
def test_a_phone_system_takes_the_refusal_of_its_set_up_for_the_end(gate: RunningGate, system: str) -> None:
    """The code that the guided set-up chooses: upon it, none of them dials its next trunk."""
    code = PHONE_SYSTEMS[system]
    assert not SYSTEMS.get(system, SYSTEMS["freepbx"])(code)
    path = gate.folder / "uac_refused.xml"
    path.write_text((SCENARIOS / "uac_refused.xml").read_text().replace("603", str(code)))
    carrier = Sipp("uas", port=gate.trunk_port)
    carrier.wait_listening()
    since = size(gate)
    near = Sipp(path, remote=gate.address, host=AT[system], service=LISTED).result()
    assert near.code == 0, _said(near) + gate.said()
    assert f"SIP/2.0 {code} Declined: on the TPS" in near.messages
    (call,) = finished(gate, since)
    assert (call["verdict"], call["reason"]) == ("block", "listed_tps")
    assert carrier.stop().messages == "", "the carrier has heard of it"


def test_what_is_the_carriers_failure_leaves_as_itself(gate: RunningGate) -> None:
    path = gate.folder / "uac_refused.xml"
    path.write_text((SCENARIOS / "uac_refused.xml").read_text().replace("603", "503"))
    since = size(gate)
    far = Sipp(SCENARIOS / "uas_out_of_order.xml", port=gate.trunk_port)
    far.wait_listening()
    near = Sipp(path, remote=gate.address, host=AT["freepbx"], service=f"0{NUMBER[3:]}").result()
    answered = far.result()
    assert (near.code, answered.code) == (0, 0), _said(near, answered) + gate.said()
    assert "retry-after: 17" in near.messages.lower() and "Declined" not in near.messages
    (call,) = finished(gate, since)
    assert (call["verdict"], call["ended_by"], call["code"]) == ("allow", "trunk", 503)


def test_nobody_is_heard_before_the_evidence_neither_early_nor_in_the_announcement(gate: RunningGate) -> None:
    """The callee sends early media and both speak as soon as they may: nothing passes until the call is connected."""
    with pair(gate, "uas_early_media") as call:
        call.speak()
        row = call.over()
        assert (row["announced"], row["bridged"], row["recorded"]) == (1, 1, 1)
        connected = datetime.fromisoformat(row["connected_at"]).timestamp()
        for heard in (of(call.customer.heard, call.agent), of(call.agent.heard, call.customer)):
            assert heard[0] >= connected, "before the evidence was durable"
            assert len(heard) >= 40
        before_the_answer = call.caller_saw.partition("SIP/2.0 183")[0].partition("SIP/2.0 100")[2]
        assert "m=audio" not in before_the_answer, "early media, which nobody has asked for"


def test_a_callee_that_holds_in_the_announcement_is_told_all_of_it(gate: RunningGate) -> None:
    with pair(gate, "uas_holds") as call:
        row = call.over()
        assert (row["ended_by"], row["announced"], row["bridged"]) == ("callee", 1, 1)
        (fact,) = gate.rows(
            "SELECT body FROM facts WHERE kind = 'announced' AND leaf_index >= ? ORDER BY leaf_index", call.since
        )
        told = json.loads(fact["body"])
        assert (told["completed"], told["to"], told["holds"]) == (True, "callee", 1)
        assert told["packets"] >= told["packets_whole"]


def test_a_call_with_audio_stays_up_though_neither_answers_options(gate: RunningGate) -> None:
    """Half as long again as the silence that ends a call."""
    with pair(gate, "uas_bye", seconds=15) as call:
        call.speak()
        row = call.over()
        assert (row["ended_by"], row["cause"], row["bridged"]) == ("callee", "hung_up", 1)


def test_after_a_kill_both_sides_are_hung_up_on(gate: RunningGate) -> None:
    """The last test here: the gate is another afterwards."""
    with pair(gate, "uas_held_on") as call:
        gate.wait(lambda: "ACK sip:" in _written(call.far), PATIENCE, "the callee has not been answered")
        gate.wait(lambda: "SIP/2.0 200" in _written(call.near), PATIENCE, "the caller has not been answered")
        gate.kill()
        gate.start()
        row = call.over()
        assert (row["ended_by"], row["bridged"]) == ("gate", 1)
        left = gate.wait(lambda: gate.rows("SELECT body FROM facts WHERE kind = 'legs_ended'"), PATIENCE, "no leaf")
        assert [json.loads(leaf["body"])["callee"] for leaf in left] == ["BYE 200"]
    assert gate.stop() == 0
    gate.verified()
