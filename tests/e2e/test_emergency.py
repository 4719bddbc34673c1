"""Emergency calls through the whole gate (LAW 3.5): at their own route at once, whatever else has failed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disks import Ballast, small_disk
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate
from tests.support.sipp import free_port
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

SELL = "01134960500"
AT_ONCE = 2.0
"""Seconds until the emergency route has answered, and it takes a third of a second for that itself."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of the test's own."""
    with small_disk(tmp_path / "disk", 24 << 20) as folder:
        yield folder


def with_route(gate: RunningGate, route: int) -> RunningGate:
    gate.set("emergency", trunk=f"127.0.0.1:{route}", numbers=["999", "112"])
    gate.set("limits", drain_seconds=1)
    gate.add_pbx()
    return gate


def helped(near: Phones, number: str) -> Talk:
    """Somebody calls for help and is answered at once."""
    (talk,) = near.wait([near.dial(number)], "up", AT_ONCE)
    return talk


@pytest.mark.engine("sqlite")
def test_law_3_5_it_rings_whatever_has_failed_and_is_written_down_after(disk: Path, tmp_path: Path) -> None:
    route = free_port()
    gate = with_route(RunningGate(tmp_path / "gate", announcement=0.6, data=disk / "data"), route)
    gate.set("limits", max_calls=1)
    shutil.rmtree(gate.data / "registers")
    gate.start()
    try:
        with Uas(port=gate.trunk_port) as carrier, Uas(port=route) as route_end, Phones(to=gate.address) as near:
            talks = [helped(near, "999")]  # no registers
            talks.append(helped(near, "112"))  # and one call is all that the gate may carry
            os.kill(gate.recorder_pid(), signal.SIGKILL)
            talks.append(helped(near, "9999"))  # no recorder
            ballast = Ballast(disk)
            while True:  # until not one leaf more finds room
                ballast.leave_nothing()
                sold = near.wait([near.dial(SELL)], "over", PATIENCE)[0]
                assert sold.code == 603
                if "evidence_unavailable" in sold.reasons[0]:
                    break
            ballast.leave_nothing()
            talks.append(helped(near, "+44999"))  # no room
            gate.wait(lambda: all(talk.packets_in > 10 for talk in talks), PATIENCE, "somebody is not heard")
            assert all(talk.state == "up" for talk in talks)
            assert len(route_end.invites) == 4
            for invite in route_end.invites:
                assert invite["user"] in ("999", "112")
                assert "+442079460000" in invite["from"] and "+442079460000" in invite["pai"]
                assert invite["privacy"] == "none"
            for talk in talks:
                near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            ballast.take_away()
            gate.wait(lambda: len(ended(gate)) == 4, PATIENCE, "the calls are not written down")
            assert carrier.invites == []
        assert gate.stop() == 0
        for row in ended(gate):
            assert gate.kinds(row["call_id"]) == ["decision", "answered", "connected", "ended"]
            assert (row["bridged"], row["recorded"], row["recording_id"]) == (1, 0, None)
        assert sorted(row["number"] for row in ended(gate)) == ["112", "999", "999", "999"]
        gate.verified()
    finally:
        gate.kill()  # told to stop, it would wait for room


def ended(gate: RunningGate) -> list[dict[str, object]]:
    return gate.rows("SELECT * FROM calls WHERE reason = 'emergency_call' AND state = 'ended'")


def test_law_3_5_a_gate_that_stops_takes_it_and_does_not_cut_it_off(tmp_path: Path) -> None:
    route = free_port()
    gate = with_route(RunningGate(tmp_path / "gate"), route).start()
    try:
        with Uas(port=gate.trunk_port) as carrier, Uas(port=route) as route_end, Phones(to=gate.address) as near:
            first = helped(near, "999")
            (sold,) = near.wait([near.dial(SELL)], "up", PATIENCE)
            assert gate.process is not None
            gate.process.terminate()
            gate.wait(lambda: "gate_stopping" in gate.said(), PATIENCE, "the gate was not told")
            second = helped(near, "112")
            near.wait([sold], "over", PATIENCE)  # as every other call is, when the gate's patience ends
            assert (first.state, second.state) == ("up", "up")
            for talk in (first, second):
                near.hang_up(talk)
            assert gate.process.wait(PATIENCE) == 0
            assert (len(route_end.invites), len(carrier.invites)) == (2, 1)
        assert len(ended(gate)) == 2
    finally:
        gate.kill()
