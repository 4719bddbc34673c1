"""What happens inside a call, with SIPp on both sides of one gate: timers, offers, PRACK, forks, NAT, ``Require``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.test_scenarios import finished, prepared, size
from tests.support.running_gate import RunningGate
from tests.support.sipp import Sipp
from tests.support.sipp_scenario import (
    RINGING,
    answers,
    asks,
    called,
    gets,
    invite,
    refused_ack,
    says,
    scenario,
    sdp,
    takes,
    waits,
)
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

ANSWERS = says(180, "Ringing") + says(200, "OK", body=sdp()) + gets("ACK")
ENDS = gets("BYE") + says(200, "OK", tag="")
CALLS = invite() + RINGING + gets(200, dialog=True) + asks("ACK", 1)
HANGS_UP = waits(200) + asks("BYE", 9) + gets(200)
OK = "200 OK"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    gate = prepared(tmp_path_factory.mktemp("dialogs") / "gate").start()
    yield gate
    gate.stop()


def carried(gate: RunningGate, near: str, far: str) -> dict[str, Any]:
    """Both scenarios to their end, without a message that they did not expect; the call as the log has it."""
    since = size(gate)
    for name, text in (("near", near), ("far", far)):
        (gate.folder / f"{name}.xml").write_text(scenario(text))
    answering = Sipp(gate.folder / "far.xml", port=gate.trunk_port, timeout=PATIENCE)
    answering.wait_listening()
    calling = Sipp(gate.folder / "near.xml", remote=gate.address, timeout=PATIENCE, service="02079460123")
    called, answered = calling.result(), answering.result()
    assert called.code == 0, called.errors + called.messages + gate.said()
    assert answered.code == 0, answered.errors + answered.messages + gate.said()
    (call,) = finished(gate, since)
    assert (call["bridged"], call["recorded"]) == (1, 1)
    return call


def test_the_caller_asks_for_a_timer_that_is_too_short_and_refreshes_a_longer_one(gate: RunningGate) -> None:
    timer = "Supported: timer"
    near = (
        invite(timer, "Session-Expires: 30;refresher=uac")
        + gets(422, ("Min-SE", "90"))
        + refused_ack(1)
        + invite(timer, "Session-Expires: 90;refresher=uac", cseq=2)
        + RINGING
        + gets(200, ("Session-Expires", "90;refresher=uac"), ("Require", "timer"), dialog=True)
        + asks("ACK", 2)
        + asks("UPDATE", 3, timer, "Session-Expires: 90;refresher=uac")
        + gets(200, ("Session-Expires", "90;refresher=uac"))
    )
    carried(gate, near + HANGS_UP, takes() + ANSWERS + ENDS)


def test_the_carrier_wants_a_longer_timer_and_refreshes_it(gate: RunningGate) -> None:
    far = (
        takes(("Session-Expires", "1800"))
        + says(422, "Session Interval Too Small", "Min-SE: 2000")
        + gets("ACK")
        + takes(("Session-Expires", "2000"), ("Min-SE", "2000"))
        + says(180, "Ringing")
        + says(200, "OK", "Require: timer", "Supported: timer", "Session-Expires: 2000;refresher=uas", body=sdp())
        + gets("ACK")
        + waits(1200)
        + called("UPDATE", 1, "Supported: timer", "Session-Expires: 2000;refresher=uac", "Min-SE: 2000")
        + gets(200, ("Session-Expires", "2000;refresher=uac"))
    )
    carried(gate, CALLS + waits(1500) + HANGS_UP, far + ENDS)


def test_an_update_with_an_offer_holds_and_resumes(gate: RunningGate) -> None:
    near, far = CALLS, takes() + ANSWERS
    for cseq, mine, theirs in ((2, "sendonly", "recvonly"), (3, "sendrecv", "sendrecv")):
        near += asks("UPDATE", cseq, body=sdp(mine, cseq)) + gets(200)
        far += gets("INVITE") + says(200, "OK", body=sdp(theirs, cseq), tag="") + gets("ACK")
    carried(gate, near + HANGS_UP, far + ENDS)


def test_a_carrier_whose_ringing_has_to_be_acknowledged(gate: RunningGate) -> None:
    far = (
        takes(("Supported", "timer"))
        + says(421, "Extension Required", "Require: 100rel")
        + gets("ACK")
        + takes(("Supported", "100rel"))
        + says(180, "Ringing", "Require: 100rel", "RSeq: 7")
        + gets("PRACK", ("RAck", "7 "))
        + says(200, "OK", tag="")
    )
    carried(gate, CALLS + HANGS_UP, far + answers(sdp()) + gets("ACK") + ENDS)


def test_an_invite_without_an_offer(gate: RunningGate) -> None:
    near = invite(body="") + RINGING + gets(200, ("Content-Type", "application/sdp"), dialog=True)
    carried(gate, near + asks("ACK", 1, body=sdp()) + HANGS_UP, takes() + ANSWERS + ENDS)


def test_a_second_callee_that_answers_is_acknowledged_and_hung_up_on(gate: RunningGate) -> None:
    far = takes() + ANSWERS + answers(sdp(), "fork") + gets("ACK")
    far += gets("BYE", ("To", "tag=.*fork")) + says(200, "OK", tag="")
    carried(gate, CALLS + HANGS_UP, far + ENDS)


def test_the_announcement_waits_for_a_callee_who_holds(gate: RunningGate) -> None:
    far = takes() + ANSWERS + waits(150) + called("INVITE", 1, body=sdp("sendonly", 2)) + gets(100, optional=True)
    far += gets(200) + called("ACK", 1) + waits(600)
    far += called("INVITE", 2, body=sdp("sendrecv", 3)) + gets(100, optional=True) + gets(200) + called("ACK", 2)
    call = carried(gate, CALLS + HANGS_UP, far + ENDS)
    (told,) = gate.rows("SELECT body FROM facts WHERE kind='announced' AND subject=?", call["call_id"])
    assert '"holds":1' in told["body"].replace(" ", "") and '"completed":true' in told["body"].replace(" ", "")


def test_a_phone_behind_nat_is_hung_up_on_where_it_speaks_from(gate: RunningGate) -> None:
    near = invite(contact="sip:sipp@10.9.9.9:5099") + RINGING + gets(200, dialog=True) + asks("ACK", 1)
    near = near.replace("Contact: <sip:sipp@[local_ip]", "Contact: <sip:sipp@10.9.9.9")
    call = carried(gate, near + ENDS, takes() + ANSWERS + waits(1200) + called("BYE", 1) + gets(200))
    assert call["ended_by"] == "callee"


def test_an_unknown_option_is_refused_in_every_method_and_the_call_lives(gate: RunningGate) -> None:
    near = CALLS
    for cseq, method in enumerate(("OPTIONS", "INFO", "UPDATE", "INVITE", "REFER", "BYE"), 2):
        near += asks(method, cseq, "Require: foo", body=sdp() if method == "INVITE" else "")
        near += gets(420, ("Unsupported", "foo"))
        if method == "INVITE":
            near += asks("ACK", cseq)
    carried(gate, near + HANGS_UP, takes() + ANSWERS + ENDS)
