"""What happens to calls, with SIPp on both sides of the whole gate: each scenario, and what the log says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.phones import Phones
from tests.support.running_gate import RunningGate
from tests.support.sip_peer import Phone, sdp
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

SCENARIOS = Path(__file__).parents[1] / "sip" / "scenarios"
NUMBER = "+442079460123"
SPELLINGS = [
    *("02079460101", "+442079460101", "00442079460101", "442079460101", "+4402079460101", "020-7946-0101"),
    *("+44(0)2079460101", "020.7946.0101", "02079460101;phone-context=+44", "%2B442079460101"),
    *("0044%20020%207946%200101", "+44-20-7946-0101"),
]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    gate = prepared(tmp_path_factory.mktemp("scenarios") / "gate").start()
    yield gate
    gate.stop()


def prepared(folder: Path) -> RunningGate:
    """A gate with a short announcement that may call one number again and again."""
    gate = RunningGate(folder, announcement=0.5)
    gate.add_pbx()
    gate.set("calling", redial_hours=0)
    gate.set("sip", dead_peer_seconds=300)  # SIPp takes the keep-alive inside a call for a fault
    return gate


def unhurried(scenario: str, folder: Path) -> Path:
    """A far end's scenario that lets the announcement play before it does anything."""
    path = folder / f"{scenario}.xml"
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    path.write_text(text.replace('milliseconds="200"', 'milliseconds="1200"'))
    return path


def finished(gate: RunningGate, since: int) -> list[dict[str, Any]]:
    """The calls after the ``since``-th leaf, once they are over."""

    def over() -> list[dict[str, Any]]:
        rows = gate.rows("SELECT * FROM calls WHERE leaf_index >= ? ORDER BY leaf_index", since)
        return rows if rows and all(row["state"] in ("ended", "refused") for row in rows) else []

    return list(gate.wait(over, PATIENCE, "the call does not end in the log"))


def size(gate: RunningGate) -> int:
    """Leaves in the log."""
    return int(gate.rows("SELECT count(*) AS n FROM leaves")[0]["n"])


def run(gate: RunningGate, uac: str, uas: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
    """Both to their end, without a message that they did not expect; returns the call as the log has it."""
    since = size(gate)
    far = Sipp(unhurried(uas, gate.folder), port=gate.trunk_port, timeout=seconds)
    far.wait_listening()
    near = Sipp(SCENARIOS / f"{uac}.xml", remote=gate.address, timeout=seconds, service="02079460123")
    called, answered = near.result(), far.result()
    assert called.code == 0, called.errors + called.messages + gate.said()
    assert answered.code == 0, answered.errors + answered.messages + gate.said()
    (call,) = finished(gate, since)
    assert call["verdict"] == "allow"
    return call


def test_cancel_before_180(gate: RunningGate) -> None:
    call = run(gate, "uac_cancel_before_180", "uas_silent_then_cancelled")
    assert (call["ended_by"], call["answered_at"]) == ("caller", None)


def test_cancel_after_180(gate: RunningGate) -> None:
    call = run(gate, "uac_cancel_after_180", "uas_rings_then_cancelled")
    assert (call["ended_by"], call["answered_at"]) == ("caller", None)


def test_busy(gate: RunningGate) -> None:
    call = run(gate, "uac_busy", "uas_busy")
    assert (call["ended_by"], call["code"]) == ("trunk", 486)


def test_bye_from_the_callee(gate: RunningGate) -> None:
    call = run(gate, "uac_is_hung_up_on", "uas_bye")
    assert (call["ended_by"], call["bridged"]) == ("callee", 1)


def hung_up_in_the_announcement(gate: RunningGate, uac: Path, uas: str | Path, announced: int = 0) -> dict[str, Any]:
    """Both to their end; the call as the log has it, and as it left it: announced in part or whole, nobody bridged."""
    since = size(gate)
    far = Sipp(uas, port=gate.trunk_port, timeout=PATIENCE)
    far.wait_listening()
    called = Sipp(uac, remote=gate.address, timeout=PATIENCE, service="02079460123").result()
    answered = far.result()
    assert called.code == 0, called.errors + called.messages + gate.said()
    assert answered.code == 0, answered.errors + answered.messages + gate.said()
    (call,) = finished(gate, since)
    assert (call["announced"], call["bridged"], call["connected_at"]) == (announced, 0, None)
    return {**call, "heard": called.messages}


def test_the_callee_hangs_up_in_the_announcement(gate: RunningGate) -> None:
    """The caller gets 200 and BYE: a failure would make a phone system dial its next trunk."""
    call = hung_up_in_the_announcement(gate, SCENARIOS / "uac_is_hung_up_on.xml", SCENARIOS / "uas_bye.xml")
    assert (call["ended_by"], call["cause"]) == ("callee", "hung_up")
    assert "a=inactive" in call["heard"].partition("SIP/2.0 200 OK")[2]


def test_the_caller_hangs_up_in_the_announcement(gate: RunningGate) -> None:
    text = (SCENARIOS / "uac_cancel_after_180.xml").read_text()
    rings = '<recv response="180"/>\n  <pause milliseconds="200"/>'
    assert rings in text
    path = gate.folder / "uac_cancel_in_the_announcement.xml"
    path.write_text(text.replace(rings, '<recv response="180" optional="true"/>\n  <recv response="183"/>'))
    call = hung_up_in_the_announcement(gate, path, "uas", announced=1)  # the callee hears who has called
    assert (call["ended_by"], call["cause"]) == ("caller", "hung_up")


def test_the_caller_holds_and_resumes(gate: RunningGate) -> None:
    call = run(gate, "uac_hold", "uas_held")
    assert (call["ended_by"], call["bridged"], call["recorded"]) == ("caller", 1, 1)


def test_the_callee_holds_and_resumes(gate: RunningGate) -> None:
    call = run(gate, "uac_is_held", "uas_holds")
    assert (call["ended_by"], call["bridged"], call["recorded"]) == ("callee", 1, 1)


def test_a_listed_number_in_twelve_spellings_is_refused_and_each_has_its_leaf(gate: RunningGate) -> None:
    since = size(gate)
    assert len(set(SPELLINGS)) == 12
    for spelling in SPELLINGS:
        with Phone(gate.address) as phone:
            phone.dial(spelling)
            heard = phone.recv()
            assert (spelling, heard.code) == (spelling, 603)
            assert 'text="listed_tps"' in heard.get("Reason")
            phone.ack(heard)
    rows = finished(gate, since)
    assert [(row["number"], row["reason"]) for row in rows] == [("+442079460101", "listed_tps")] * 12


def test_a_retransmitted_invite_gets_the_same_refusal_and_one_leaf(gate: RunningGate) -> None:
    since = size(gate)
    with Phone(gate.address) as phone:
        dialog = phone.new_dialog("02079460101")
        invite = phone.request("INVITE", dialog, body=sdp())
        phone.send(invite)
        first = phone.recv()
        for _ in range(5):
            phone.send(invite)
            assert phone.recv().data == first.data
        assert first.code == 603
    (row,) = finished(gate, since)
    assert row["call_id"] == first.get("X-Dialgate-Decision")


def test_no_answer_and_a_trunk_that_asks_for_credentials(tmp_path: Path) -> None:
    gate = prepared(tmp_path / "gate")
    (gate.folder / "secrets" / "trunk.password").write_text("carrier-secret\n")
    (gate.folder / "secrets" / "trunk.password").chmod(0o600)
    gate.set("trunk", username="firm", password_file="secrets/trunk.password")
    gate.set("sip", no_answer_seconds=15)
    gate.start()
    try:
        call = run(gate, "uac_no_answer", "uas_rings_then_cancelled")
        assert (call["ended_by"], call["cause"]) == ("trunk", "no_answer")
        since = size(gate)
        far = Sipp(
            SCENARIOS / "uas_407.xml", port=gate.trunk_port, timeout=PATIENCE, extra=("-key", "algorithm", "SHA-256")
        )
        far.wait_listening()
        near = Sipp(SCENARIOS / "uac_hung_up.xml", remote=gate.address, timeout=PATIENCE, service="02079460123")
        called, answered = near.result(), far.result()
        assert (called.code, answered.code) == (0, 0), called.errors + answered.errors + gate.said()
        (row,) = finished(gate, since)
        assert row["bridged"] == 1
        assert gate.stop() == 0
        gate.verified()
    finally:
        gate.stop()


def test_a_lost_ack_ends_the_call_and_the_log_says_so(gate: RunningGate) -> None:
    call = run(gate, "uac_never_acks", "uas_held_on", seconds=60)
    assert (call["ended_by"], call["cause"], call["state"]) == ("gate", "no_ack", "ended")


def transferred(gate: RunningGate, scenario: str, target: str, far: Phones) -> list[dict[str, Any]]:
    """A caller's REFER to ``target``; the calls as the log has them once all is over."""
    since = size(gate)
    near = Sipp(
        SCENARIOS / f"{scenario}.xml", remote=gate.address, timeout=PATIENCE, service="02079460123",
        extra=("-key", "target", target),
    ).result()  # fmt: skip
    assert near.code == 0, near.errors + near.messages + gate.said()
    for each in far.all():
        far.hang_up(each)
    return finished(gate, since)


def test_a_caller_transfers_the_callee(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port) as far:
        first, second = transferred(gate, "uac_refers", "02079460124", far)
        one, two = far.all()
    assert (first["number"], first["cause"], first["recorded"]) == (NUMBER, "transferred", 1)
    assert (second["number"], second["bridged"], second["recorded"]) == ("+442079460124", 1, 1)
    assert one.state == two.state == "over"
    kinds = [row["kind"] for row in gate.rows("SELECT kind FROM facts WHERE call_id = ?", first["call_id"])]
    assert kinds.count("transferred") == 1


def test_a_listed_target_is_declined_and_the_call_goes_on(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port) as far:
        first, second = transferred(gate, "uac_refers_in_vain", "02079460101", far)
        assert len(far.all()) == 1
    assert (first["ended_by"], first["cause"], first["bridged"]) == ("caller", "hung_up", 1)
    assert (second["verdict"], second["reason"]) == ("block", "listed_tps")
