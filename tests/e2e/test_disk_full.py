"""The data folder's disk is full while calls run: no evidence, no call; nothing broken; on by itself with room."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks import Ballast, small_disk
from tests.support.phones import Phones, Talk
from tests.support.running_gate import LISTED, RunningGate
from tests.support.sealed import first_key, opened
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.engine("sqlite")

DISK = 24 << 20
FREE = 4
"""Megabytes that must be free for a new recording."""
NUMBERS = [f"0113496{n:04d}" for n in range(500, 506)]
LATE = "01134960506"
MORE = iter(f"0113496{n:04d}" for n in range(507, 600))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of the test's own."""
    with small_disk(tmp_path / "disk", DISK) as folder:
        yield folder


@contextmanager
def gate_on(disk: Path, folder: Path, on_failure: str, drain: int = 30) -> Iterator[RunningGate]:
    """A started gate. One that its test has not stopped is killed: told to stop, it would wait for room for as long as
    a call may take to end and half a minute more, and a test that failed on a full disk would tell of that alone."""
    gate = RunningGate(folder, announcement=0.6, data=disk / "data")
    gate.set("recording", on_failure=on_failure, min_free_mb=FREE)
    gate.set("limits", drain_seconds=drain)
    gate.add_pbx()
    try:
        yield gate.start()
    finally:
        gate.kill()


def refused(near: Phones, number: str) -> str:
    """The reason with which a call is refused."""
    (talk,) = near.wait([near.dial(number)], "over", PATIENCE)
    assert talk.code == 603
    return talk.reasons[0].partition('text="')[2].rstrip('"')


def bodies(gate: RunningGate, kind: str) -> list[dict[str, Any]]:
    rows = gate.rows("SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)
    return [json.loads(row["body"]) for row in rows]


def waits(gate: RunningGate, kind: str, since: str = "") -> bool:
    """Whether its log says, ``since`` another word of it, that a fact of this kind has found no room."""
    told = [json.loads(line) for line in gate.log.read_text().splitlines() if line.startswith("{")]
    first = next((i for i, line in enumerate(told) if line["event"] == since), 0)
    return any(line["event"] == "evidence_waits_for_room" and kind in line["kinds"] for line in told[first:])


def assert_whole(gate: RunningGate, recordings: int) -> None:
    """The log verifies, and every recording opens with both voices in it."""
    log = gate.client.call("audit_verify")
    assert log["ok"], log
    report = gate.client.call("recording_verify", recording_id=None)
    assert all(item["ok"] for item in report["items"]), report
    assert not gate.rows("SELECT 1 FROM recordings WHERE state = 'open'")
    private = first_key(gate)
    rows = gate.rows("SELECT recording_id, seconds, chunks FROM recordings WHERE size > 0 ORDER BY leaf_index")
    assert len(rows) >= recordings
    for row in rows:
        kept = opened(gate, row["recording_id"], private)
        assert kept.chunks == row["chunks"], "a chunk that was written is not there"
        # The chunk that found no room is lost: 0.8 s, and as late as a busy machine lets the recorder come to it.
        assert abs(kept.seconds - row["seconds"]) < 2.5, (kept.seconds, row)
        assert min(kept.packets.values()) > 40 * (kept.seconds - 0.5), (kept.packets, kept.seconds)


def test_little_room_stops_new_recordings_and_none_that_runs(disk: Path, tmp_path: Path) -> None:
    with gate_on(disk, tmp_path / "gate", "refuse") as gate:
        with Uas(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBERS[0])], "up", PATIENCE)
            ballast = Ballast(disk)
            ballast.leave((FREE << 20) - 65536)
            gate.wait(lambda: gate.client.call("status")["not_ready"], PATIENCE, "the recorder sees no lack of room")
            assert refused(near, NUMBERS[1]) == "recorder_unavailable"
            assert refused(near, LISTED) == "listed_tps"  # the number's own reason comes first
            before = talk.packets_in
            gate.wait(lambda: talk.packets_in > before + 20, PATIENCE, "the call that runs is silent")
            assert talk.state == "up"
            ballast.take_away()
            calls_again(gate, near)
            for each in near.all():
                near.hang_up(each)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            assert len(far.invites) == 2
            assert {row["cause"] for row in gate.rows("SELECT cause FROM recordings")} == {""}
            assert_whole(gate, 2)
        assert gate.stop() == 0


def calls_again(gate: RunningGate, near: Phones) -> tuple[Talk, int]:
    """Call until a call comes about, which must be in a few seconds; returns it and how many refusals left no leaf."""
    began, without = time.monotonic(), 0
    while True:
        talk = near.dial(next(MORE))
        until(lambda talk=talk: talk.state in ("up", "over"))
        if talk.state == "up":
            print(f"calls again {time.monotonic() - began:.1f} s after there was room")
            return talk, without
        without += not gate.rows("SELECT 1 FROM calls WHERE number = ?", "+44" + talk.number[1:])
        assert time.monotonic() - began < 8, gate.said()
        time.sleep(0.2)


def fill(gate: RunningGate, near: Phones, ballast: Ballast) -> tuple[int, int]:
    """Fill the disk, and go on until nothing of what the database still had room for is left. Returns how many calls
    were refused with a leaf and how many without one."""
    with_leaf = without = 0
    while without < 5:
        ballast.leave_nothing()
        reason = refused(near, next(MORE))
        assert reason in ("recorder_unavailable", "evidence_unavailable"), reason
        kept = len(gate.rows("SELECT 1 FROM calls WHERE verdict = 'block'"))
        with_leaf, without = kept, without + (kept == with_leaf)
        assert with_leaf < 40, "the disk is never full"
    return with_leaf, without


def test_a_full_disk_ends_calls_and_takes_none(disk: Path, tmp_path: Path) -> None:
    with gate_on(disk, tmp_path / "gate", "refuse") as gate:
        with Uas(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            talks = near.wait([near.dial(number) for number in NUMBERS], "up", PATIENCE)
            until(lambda: min(talk.packets_in for talk in talks) > 75)
            ballast = Ballast(disk)
            (late,) = near.wait([near.dial(LATE)], "early", PATIENCE)
            began = time.monotonic()
            _, without = fill(gate, near, ballast)
            near.wait([*talks, late], "over", PATIENCE)
            assert "_unavailable" in late.reasons[-1], late.reasons
            assert all("recorder_unavailable" in talk.reasons[-1] for talk in talks), talks[0].reasons
            assert min(talk.over_at for talk in talks) - began > 1.0  # the goodbye was heard
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            assert gate.process and gate.process.poll() is None
            assert len(far.invites) == len(NUMBERS) + 1

            ballast.take_away()
            again, unseen = calls_again(gate, near)
            without += unseen
            near.hang_up(again)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            gate.wait(lambda: bodies(gate, "refused_without_evidence"), PATIENCE, "the gap in the log is not told")
            assert sum(body["count"] for body in bodies(gate, "refused_without_evidence")) == without
            for number in NUMBERS:
                (call,) = gate.rows("SELECT * FROM calls WHERE number = ?", "+44" + number[1:])
                assert (call["state"], call["ended_by"], call["cause"]) == ("ended", "gate", "recorder_unavailable")
            (call,) = gate.rows("SELECT * FROM calls WHERE number = ?", "+44" + LATE[1:])
            assert (call["state"], call["ended_by"], "_unavailable" in call["cause"]) == ("ended", "gate", True)
            gate.wait(
                lambda: not gate.rows("SELECT 1 FROM recordings WHERE state = 'open'"), PATIENCE, "recordings are open"
            )
            assert_whole(gate, len(NUMBERS) + 1)
        assert gate.stop() == 0
        gate.verified()


def test_an_objection_made_on_a_full_disk_holds_when_there_is_room(disk: Path, tmp_path: Path) -> None:
    with gate_on(disk, tmp_path / "gate", "unrecorded") as gate:
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBERS[0])], "up", PATIENCE)
            (other,) = far.all()
            until(lambda: talk.packets_in > 50)
            ballast = Ballast(disk)
            fill(gate, near, ballast)
            assert talk.state == "up"  # on_failure = unrecorded: it goes on
            gate.wait(lambda: waits(gate, "unrecorded"), PATIENCE, "no unrecorded waits for room")
            other.press("9")
            gate.wait(lambda: waits(gate, "objection"), PATIENCE, "no objection waits for room")
            assert not bodies(gate, "objection")[3:]  # the example brings three
            ballast.take_away()
            end = time.monotonic() + PATIENCE
            while (reason := refused(near, NUMBERS[0])) != "objected":  # before and while the objection finds room
                assert reason == "evidence_unavailable" and time.monotonic() < end, reason
            assert refused(near, NUMBERS[0]) == "objected"
            assert len(far.all()) == 1
            assert talk.state == "up"
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            (call,) = gate.rows("SELECT * FROM calls WHERE number = ? AND verdict = 'allow'", "+44" + NUMBERS[0][1:])
            assert (call["objected"], call["ended_by"], call["unrecorded_why"]) == (1, "caller", "recorder_unavailable")
            assert_whole(gate, 1)
        assert gate.stop() == 0


def test_a_gate_that_is_told_to_stop_waits_for_room(disk: Path, tmp_path: Path) -> None:
    with gate_on(disk, tmp_path / "gate", "unrecorded") as gate:
        with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBERS[0])], "up", PATIENCE)
            ballast = Ballast(disk)
            fill(gate, near, ballast)
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            assert gate.process
            gate.process.terminate()
            gate.wait(lambda: waits(gate, "ended", since="gate_stopping"), PATIENCE, "it does not try again")
            assert gate.process.poll() is None
            assert not bodies(gate, "ended")
            ballast.take_away()
        assert gate.stop(seconds=10) == 0
        assert [body["by"] for body in bodies(gate, "ended")] == ["caller"]
        assert bodies(gate, "refused_without_evidence")
        last = gate.rows("SELECT kind FROM facts ORDER BY leaf_index DESC LIMIT 2")
        assert [row["kind"] for row in last] == ["log_signed", "gate_stopped"]
        gate.verified()


def test_without_room_to_the_end_a_gate_stops_and_says_what_is_lost(disk: Path, tmp_path: Path) -> None:
    with gate_on(disk, tmp_path / "gate", "unrecorded", drain=0) as gate:
        with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(NUMBERS[0])], "up", PATIENCE)
            fill(gate, near, Ballast(disk))
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            warnings = gate.client.call("status")["warnings"]
            assert any("The store takes nothing" in each for each in warnings), warnings
        assert gate.stop(seconds=90) == 1  # half a minute after the last call
        assert '"evidence_lost"' in gate.log.read_text()
