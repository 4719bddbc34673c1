"""Twice what a real gate can carry: some calls are sent away early and by name, the rest are carried to their end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_gate import LISTED, RunningGate
from tests.support.sipp import Sipp, need_sipp
from tests.support.waiting import PATIENCE

CALLS, RATE = 2000, 250
"""More than a gate with announcement and recording carries on a few cores, and for longer than a queue could hide."""
NUMBER = "01134960520"
REFUSED = Path(__file__).parents[1] / "sip" / "scenarios" / "uac_refused.xml"


@pytest.mark.load
def test_a_dialler_gone_wild_does_no_harm_to_the_calls_under_way(tmp_path: Path) -> None:
    need_sipp()
    gate = RunningGate(tmp_path / "gate", announcement=0.5)
    gate.add_pbx(refusal=486)
    gate.set("calling", redial_hours=0)
    gate.start()
    try:
        far = Sipp("uas", port=gate.trunk_port, calls=10 * CALLS, timeout=150, trace=False)
        far.wait_listening()
        command = [sys.executable, "-m", "tests.attack.overload", "127.0.0.1", str(gate.port), NUMBER]
        command += ["--calls", str(CALLS), "--rate", str(RATE)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        far.stop()
        assert (told["ended_as_they_should"], told["went_wrong"]) == (CALLS, 0), told
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        calls = gate.rows("SELECT verdict, reason, ended_by, cause, bridged, state FROM calls")
        carried = [call for call in calls if call["verdict"] == "allow"]
        assert {(call["state"], call["ended_by"], call["cause"]) for call in carried} == {
            ("ended", "caller", "hung_up")
        }
        assert all(call["bridged"] for call in carried)
        assert gate.stop() == 0  # the counts are kept at the end at the latest
        facts = gate.rows("SELECT body FROM facts WHERE kind = 'refused_overload'")
        shed = sum(json.loads(row["body"])["count"] for row in facts)
        print(f"{len(carried)} carried, {shed} sent away, {told['asked_again']} asked again")
        assert shed + len(calls) == CALLS
        assert shed > 0
        gate.verified()
    finally:
        gate.stop()


@pytest.mark.load
def test_a_listed_number_has_its_reason_and_its_leaf_while_others_are_sent_away(tmp_path: Path) -> None:
    """A dialler gone wild, and among its calls such as are for a listed number."""
    need_sipp()
    gate = RunningGate(tmp_path / "gate", announcement=0.5)
    gate.add_pbx(refusal=603)
    gate.set("calling", redial_hours=0)
    gate.start()
    try:
        far = Sipp("uas", port=gate.trunk_port, calls=10 * CALLS, timeout=150, trace=False)
        far.wait_listening()
        to_all = {"remote": gate.address, "timeout": 150, "trace": False}
        wild = Sipp("uac", calls=CALLS, rate=RATE, service=NUMBER, **to_all)
        gate.wait(lambda: gate.client.call("status")["line"]["shed"] > 0, PATIENCE, "nobody is sent away")
        listed = Sipp(REFUSED, calls=CALLS // 10, rate=RATE // 10, service=LISTED, **to_all).result()
        wild.result()
        far.stop()
        assert (listed.successful, listed.failed) == (CALLS // 10, 0), listed.errors[-500:]
        assert gate.stop() == 0
        facts = gate.rows("SELECT body FROM facts WHERE kind = 'refused_overload'")
        shed = sum(json.loads(row["body"])["count"] for row in facts)
        calls = gate.rows("SELECT verdict, reason FROM calls")
        kept = [call["reason"] for call in calls if call["verdict"] == "block"]
        print(f"{len(calls) - len(kept)} carried, {shed} sent away, {kept.count('listed_tps')} listed")
        assert kept.count("listed_tps") > 0.9 * CALLS // 10
        assert shed > CALLS // 10
        gate.verified()
    finally:
        gate.stop()


@pytest.mark.load
def test_of_more_refusals_than_the_gate_can_keep_each_is_refused_and_none_kept_twice(tmp_path: Path) -> None:
    """Two thousand INVITEs a second for a listed number: each is refused, with a leaf of its own or counted. Where the
    machine keeps as many, twice as many, and so on."""
    need_sipp()
    for times in (1, 2, 4, 8):
        if refused_at(tmp_path / f"gate{times}", 2 * CALLS * times, 8 * RATE * times) > 0:
            return
    raise AssertionError("so many were kept that none was sent away")


def refused_at(folder: Path, calls: int, rate: int) -> int:
    """How many of so many refusals were sent away unread, at a rate a second; all of them are accounted for."""
    gate = RunningGate(folder)
    gate.add_pbx()
    gate.start()
    try:
        near = Sipp(REFUSED, remote=gate.address, calls=calls, rate=rate, service=LISTED, timeout=120, trace=False)
        told = near.result()
        assert (told.successful, told.failed) == (calls, 0), told.errors[-500:]
        assert gate.stop() == 0
        kept = gate.rows("SELECT verdict, reason FROM calls")
        assert {(call["verdict"], call["reason"]) for call in kept} == {("block", "listed_tps")}
        facts = gate.rows("SELECT body FROM facts WHERE kind = 'refused_overload'")
        shed = sum(json.loads(row["body"])["count"] for row in facts)
        print(f"{rate} a second: {len(kept)} kept, {shed} sent away, {told.retransmissions} sent again")
        assert len(kept) + shed == calls
        gate.verified()
        return shed
    finally:
        gate.stop()
