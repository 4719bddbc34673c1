"""kill -9 in the middle of twenty recorded calls: no call without its leaf, no recording that does not open."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.core.facts.lists import Objection
from gate.operations.audit.signed_log import origin_of
from gate.store.spool import NAME as SPOOL
from gate.store.spool import Kept, Spool
from tests.support.phones import Phones, Talk
from tests.support.running_gate import RunningGate, dialgate, running
from tests.support.sealed import first_key, opened
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until

CALLS = 20
NUMBERS = [f"0113496{n:04d}" for n in range(500, 500 + CALLS)]
NEXT = "01134960599"
"""Drama numbers that the sample lists do not hold."""


def e164(number: str) -> str:
    return "+44" + number[1:]


def talking(gate: RunningGate, phones: Phones, numbers: list[str], seconds: float) -> list[Talk]:
    """Calls that have been bridged, and recorded, for so long."""
    talks = [phones.dial(number) for number in numbers]
    phones.wait(talks, "up", PATIENCE)
    before = [talk.packets_in for talk in talks]

    def heard() -> bool:
        return all(talk.packets_in - was >= 50 * seconds for talk, was in zip(talks, before, strict=True))

    gate.wait(heard, PATIENCE, "not everybody is heard")
    return talks


def unread(pid: int) -> int:
    """Bytes of datagrams that wait in the kernel for a process; of the recorder, which lets nobody look at it, root
    alone sees them."""
    sockets = set()
    with suppress(PermissionError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                sockets.add(str(descriptor.readlink()))
    rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in sockets)


def kept_waiting(pid: int) -> float:
    """Seconds that the thread that records has been ready to run and had no processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def caught_up(gate: RunningGate, phones: Phones, far: Uas) -> Iterator[tuple[datetime, float]]:
    """Nobody sends, and neither the relay nor the recorder is behind: what a busy machine has not let them read yet
    would be lost as well. Since when, and how long the recorder was kept waiting in the second before."""
    recorder = gate.recorder_pid()
    assert gate.process
    before = kept_waiting(recorder)
    time.sleep(1.2)
    with phones.held(), far.held():
        ended = datetime.fromtimestamp(phones.ticked, UTC)
        end = time.monotonic() + PATIENCE
        while unread(recorder) + unread(gate.process.pid):
            assert time.monotonic() < end, "they do not catch up"
            time.sleep(0.005)
        yield ended, kept_waiting(recorder) - before


def kill_recorder(gate: RunningGate, phones: Phones, far: Uas) -> tuple[datetime, float]:
    """When the last was sent, and the seconds that may be lost of it: the open one, and what nobody let it seal."""
    with caught_up(gate, phones, far) as (ended, waited):
        os.kill(gate.recorder_pid(), signal.SIGKILL)
    return ended, 1.0 + waited


def assert_no_invite_without_its_leaf(gate: RunningGate, far: Uas) -> list[dict[str, object]]:
    """Every INVITE that the far end saw has a decision in the log, and its call an end. Returns the calls."""
    calls = {call["number"]: call for call in gate.rows("SELECT * FROM calls WHERE verdict = 'allow'")}
    assert len(far.invites) >= CALLS
    for invite in far.invites:
        call = calls[invite["user"]]
        kinds = gate.kinds(call["call_id"])
        assert kinds[0] == "decision", kinds
        assert kinds.count("ended") == 1, kinds
    return list(calls.values())


def assert_recordings_open(
    gate: RunningGate, numbers: list[str], ended: datetime, *, lost: float, cut: bool = True
) -> None:
    """Each recording opens, and holds both voices up to ``lost`` seconds before ``ended``; ``cut``: its recorder was
    killed, so that nobody could seal its end."""
    private = first_key(gate)
    losses = []
    for number in numbers:
        (call,) = gate.rows("SELECT * FROM calls WHERE number = ?", e164(number))
        (row,) = gate.rows("SELECT * FROM recordings WHERE call_id = ?", call["call_id"])
        assert row["state"] == "interrupted", row
        kept = opened(gate, row["recording_id"], private)
        assert (kept.trailer is None) == cut
        going = (ended - kept.started).total_seconds()
        losses.append(going - kept.seconds)
        assert -1.0 < losses[-1] < lost, f"{kept.seconds:.3f} s of {going:.3f} s were kept"
        for side, packets in kept.packets.items():
            assert packets > 50 * (going - lost) * 0.9, (side, packets, going)
    print(f"seconds lost: {min(losses):.3f} to {max(losses):.3f} of {lost:.3f}")


def assert_evidence_holds(gate: RunningGate) -> None:
    log = gate.client.call("audit_verify")
    assert log["ok"], log
    report = gate.client.call("recording_verify", recording_id=None)
    assert all(item["ok"] for item in report["items"]), report


def assert_export(gate: RunningGate, number: str, output: Path) -> None:
    """The command line's own way to one of them, and to the proof of all of them."""
    sql = "SELECT r.recording_id FROM recordings r JOIN calls c USING (call_id) WHERE c.number = ?"
    (row,) = gate.rows(sql, e164(number))
    report = gate.export(row["recording_id"], output)
    assert report["interrupted"] or not report["ended"]
    assert report["seconds"] > 2.0, report
    assert output.stat().st_size > 8000 * 2
    gate.verified()
    verified = dialgate("recording", "verify", config=gate.config)
    assert len(verified["items"]) == CALLS
    assert all(item["ok"] for item in verified["items"]), verified


def assert_takes_calls(gate: RunningGate, number: str) -> None:
    with Phones(to=gate.address) as phones:
        (talk,) = phones.wait([phones.dial(number)], "up", PATIENCE)
        until(lambda: talk.packets_in > 5)
        phones.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")


def kill_gate(gate: RunningGate) -> None:
    assert gate.process
    gate.process.kill()
    gate.process.wait(PATIENCE)
    gate.process = None


def test_a_killed_gate_loses_no_leaf_and_no_recording(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.6) as gate, Uas(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as phones:
            talking(gate, phones, NUMBERS, 2.1)
            with caught_up(gate, phones, far) as (ended, _):
                kill_gate(gate)
                phones.silent = True
        gate.start()
        calls = assert_no_invite_without_its_leaf(gate, far)
        assert {(call["cause"], call["bridged"]) for call in calls} == {("gate_interrupted", 1)}
        # The recorder outlives its gate by the moment that it takes to seal what it has.
        assert_recordings_open(gate, NUMBERS, ended, lost=0.2, cut=False)
        assert_evidence_holds(gate)
        assert_export(gate, NUMBERS[0], tmp_path / "call.wav")
        assert_takes_calls(gate, NEXT)


def test_gate_and_recorder_killed_at_once_lose_less_than_a_second(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.6) as gate, Uas(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as phones:
            talking(gate, phones, NUMBERS, 2.4)
            with caught_up(gate, phones, far) as (ended, waited):
                os.kill(gate.recorder_pid(), signal.SIGKILL)
                kill_gate(gate)
                phones.silent = True
        gate.start()
        assert_no_invite_without_its_leaf(gate, far)
        assert_recordings_open(gate, NUMBERS, ended, lost=1.0 + waited)
        assert_evidence_holds(gate)
        assert_takes_calls(gate, NEXT)


def test_a_killed_gate_in_the_middle_of_setting_up_has_a_leaf_for_each_invite(tmp_path: Path) -> None:
    """Killed while calls ring, hear the announcement, and have just been bridged."""
    with running(tmp_path / "gate", announcement=0.6) as gate, Uas(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as phones:
            numbers = iter(range(500, 590))
            while sum(talk.state == "up" for talk in phones.all()) < 2:
                phones.dial(f"0113496{next(numbers):04d}")
                time.sleep(0.06)
            kill_gate(gate)
            phones.silent = True
        gate.start()
        calls = {row["number"]: row for row in gate.rows("SELECT * FROM calls WHERE verdict = 'allow'")}
        assert {invite["user"] for invite in far.invites} <= set(calls)
        how_far = Counter(
            "bridged" if call["bridged"] else "answered" if call["answered_at"] else "dialled"
            for call in calls.values()
        )
        print(how_far)
        assert set(how_far) == {"bridged", "answered", "dialled"}
        assert not gate.rows("SELECT call_id FROM calls WHERE state NOT IN ('ended', 'refused')")
        assert not gate.rows("SELECT recording_id FROM recordings WHERE state = 'open'")
        private = first_key(gate)
        for row in gate.rows("SELECT recording_id FROM recordings WHERE size > 0"):
            assert opened(gate, row["recording_id"], private).seconds < 3
        assert_evidence_holds(gate)
        assert_takes_calls(gate, NEXT)


def spooled(gate: RunningGate, *kinds: str) -> None:
    """Wait until facts of these kinds are in the spool."""

    def there() -> bool:
        data = (gate.data / SPOOL).read_bytes()
        return all(f'"kind":"{kind}"'.encode() in data for kind in kinds)

    gate.wait(there, PATIENCE, f"{kinds} are not in the spool")


@pytest.mark.engine("sqlite")
def test_killed_while_its_database_is_locked_a_gate_keeps_what_had_happened(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.6) as gate, Phones(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as near:
            objecting, over = talking(gate, near, NUMBERS[:2], 0.2)
            with closing(sqlite3.connect(gate.data / "gate.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                (objector,) = [each for each in far.all() if each.number.endswith(objecting.number[1:])]
                objector.press("9")
                near.hang_up(over)
                spooled(gate, "objection", "ended")
                told: dict[str, Any] = {}

                def why() -> bool:
                    told.update(dialgate("status", config=gate.config, check=False))
                    return bool(told["not_ready"])

                gate.wait(why, PATIENCE, "the status does not say what is wrong")
                assert told["not_ready"] == ["evidence_unavailable"] and told["registers"]
                assert any("refused: evidence_unavailable" in each for each in told["attention"])
                (said,) = [
                    each for each in dialgate("doctor", config=gate.config, check=False)["findings"]
                    if each["subject"] == "spool"
                ]  # fmt: skip
                assert said["state"] == "warn", said
                kill_gate(gate)
                near.silent = True
        assert not gate.rows("SELECT 1 FROM objections WHERE number = ?", e164(objecting.number))
        assert not gate.rows("SELECT 1 FROM calls WHERE number = ? AND state = 'ended'", e164(over.number))
        left = (gate.data / SPOOL).read_bytes()
        checked = dialgate("check", e164(objecting.number), config=gate.config, check=False)
        assert checked["reason"] == "objected", "a command on a gate that stands heeds what waits"
        assert (gate.data / SPOOL).read_bytes() == b""
        gate.start()
        assert_once(gate, objecting.number, over.number)
        assert_refused(gate, objecting.number)
        kill_gate(gate)
        (gate.data / SPOOL).write_bytes(left)  # killed after the store's commit, before the spool was emptied
        gate.start()
        assert_once(gate, objecting.number, over.number)
        assert_evidence_holds(gate)
        assert_takes_calls(gate, NEXT)


@pytest.mark.engine("sqlite")
def test_killed_at_the_very_moment_of_an_objection_a_gate_keeps_it(tmp_path: Path) -> None:
    """Nothing waits: the gate is killed as soon as the objection is in its spool, whatever the store has of it."""
    with running(tmp_path / "gate", announcement=0.6) as gate, Phones(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as near:
            (talk,) = talking(gate, near, NUMBERS[:1], 0.2)
            with closing(sqlite3.connect(gate.data / "gate.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                (objector,) = far.all()
                objector.press("9")
                while b'"kind":"objection"' not in (gate.data / SPOOL).read_bytes():
                    assert gate.process and gate.process.poll() is None
                kill_gate(gate)
                near.silent = True
        gate.start()
        assert_refused(gate, talk.number)
        assert len(gate.rows("SELECT 1 FROM objections WHERE number = ?", e164(talk.number))) == 1
        assert_evidence_holds(gate)


@pytest.mark.engine("sqlite")
def test_killed_twice_in_the_middle_of_a_replay_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    count = 3000
    facts = [
        Objection(number=f"+4411349{n:05d}", source="keypad", note="").fact(
            f"objection{n}", datetime.now(UTC), "callee"
        )
        for n in range(count)
    ]
    spool = Spool(gate.data / SPOOL, origin_of(load(gate.config)))
    for number, fact in enumerate(facts):
        spool.put(number, [Kept(fact, os.urandom(16))])
    spool.close()
    assert (gate.data / SPOOL).read_bytes().count(b"\n") == count

    def kept() -> int:
        (row,) = gate.rows("SELECT count(*) AS n FROM facts WHERE subject LIKE 'objection%' AND actor = 'callee'")
        return int(row["n"])

    for _ in range(2):
        before = kept()
        command = [sys.executable, "-m", "gate.cli.main", "status", "-c", str(gate.config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda before=before: kept() > before + 20, "nothing is replayed")
            process.kill()
        assert before < kept() < count
        assert (gate.data / SPOOL).stat().st_size
    checked = dialgate("check", facts[-1].values()["number"], config=gate.config, check=False)
    assert checked["reason"] == "objected", checked
    assert kept() == count and (gate.data / SPOOL).read_bytes() == b""
    assert len(gate.rows("SELECT DISTINCT number FROM objections WHERE actor = 'callee'")) == count
    gate.verified()


def assert_once(gate: RunningGate, objecting: str, over: str) -> None:
    """One objection, and one end of the call that was over, by its caller; nothing is left in the spool."""
    number = e164(objecting)
    assert len(gate.rows("SELECT 1 FROM objections WHERE number = ?", number)) == 1
    assert len([each for each in bodies(gate, "objection") if each["number"] == number]) == 1
    ends = gate.rows("SELECT call_id FROM facts WHERE kind = 'ended'")
    assert len(ends) == len({end["call_id"] for end in ends}), ends
    (call,) = gate.rows("SELECT ended_by FROM calls WHERE number = ?", e164(over))
    assert call["ended_by"] == "caller"
    assert (gate.data / SPOOL).read_bytes() == b""


def bodies(gate: RunningGate, kind: str) -> list[dict[str, Any]]:
    """What facts of a kind say."""
    rows = gate.rows("SELECT body FROM facts WHERE kind = ? AND body IS NOT NULL", kind)
    return [json.loads(row["body"]) for row in rows]


def assert_refused(gate: RunningGate, number: str) -> None:
    """Its objection holds."""
    with Phones(to=gate.address) as phones:
        (refused,) = phones.wait([phones.dial(number)], "over", PATIENCE)
    assert 'text="objected"' in refused.reasons[0], refused.reasons


def test_a_killed_recorder_ends_calls_politely(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.6) as gate, Uas("--tone", "1000", port=gate.trunk_port) as far:
        with Phones(to=gate.address) as phones:
            talks = talking(gate, phones, NUMBERS, 2.1)
            ended, lost = kill_recorder(gate, phones, far)
            killed = time.monotonic()
            phones.wait(talks, "over", PATIENCE)
            assert all(talk.ended_by == "them" for talk in talks)
            assert all("recorder_unavailable" in talk.reasons[-1] for talk in talks), talks[0].reasons
            # Politely: the goodbye (2.4 s in the example) was heard first.
            assert min(talk.over_at for talk in talks) - killed > 1.0
            gate.wait(lambda: len(far.calls) == CALLS, PATIENCE, "the far end has calls left")
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        calls = assert_no_invite_without_its_leaf(gate, far)
        assert {(call["ended_by"], call["cause"]) for call in calls} == {("gate", "recorder_unavailable")}
        gate.wait(
            lambda: not gate.rows("SELECT 1 FROM recordings WHERE state = 'open'"), PATIENCE, "recordings are open"
        )
        assert_recordings_open(gate, NUMBERS, ended, lost=lost)
        assert_evidence_holds(gate)
        gate.wait(
            lambda: gate.log.read_text().count('"recorder_up"') == 2, PATIENCE, "the recorder was not started again"
        )
        assert_takes_calls(gate, NEXT)


def test_a_killed_recorder_lets_calls_go_on_with_a_leaf_that_says_so(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.set("recording", on_failure="unrecorded")
    gate.add_pbx()
    gate.start()
    try:
        with Uas(port=gate.trunk_port) as far, Phones(to=gate.address) as phones:
            talks = talking(gate, phones, NUMBERS, 1.1)
            ended, lost = kill_recorder(gate, phones, far)
            said = "SELECT 1 FROM facts WHERE kind = 'unrecorded'"
            gate.wait(lambda: len(gate.rows(said)) == len(talks), PATIENCE, "not every call has its leaf")
            before = [talk.packets_in for talk in talks]
            until(lambda: all(talk.packets_in - was > 25 for talk, was in zip(talks, before, strict=True)))
            assert all(talk.state == "up" for talk in talks)
            for talk in talks:
                phones.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
            calls = assert_no_invite_without_its_leaf(gate, far)
            for call in calls:
                bodies = gate.rows("SELECT body FROM facts WHERE call_id = ? AND kind = 'unrecorded'", call["call_id"])
                assert [json.loads(row["body"])["why"] for row in bodies] == ["recorder_unavailable"]
            assert {call["ended_by"] for call in calls} == {"caller"}
            gate.wait(
                lambda: not gate.rows("SELECT 1 FROM recordings WHERE state = 'open'"), PATIENCE, "recordings are open"
            )
            assert_recordings_open(gate, NUMBERS, ended, lost=lost)
            assert_evidence_holds(gate)
            assert_takes_calls(gate, NEXT)
        assert gate.stop() == 0
    finally:
        if gate.process is not None:
            gate.stop()


def test_a_recorder_that_stands_still_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """No call is begun that could not be recorded; what the log says of a recording is what its file is in the end."""
    with running(tmp_path / "gate", announcement=0.6) as gate, Uas(port=gate.trunk_port) as far:
        with Phones(to=gate.address) as phones:
            (talk,) = talking(gate, phones, NUMBERS[:1], 1.5)
            recorder = gate.recorder_pid()
            os.kill(recorder, signal.SIGSTOP)
            try:
                phones.hang_up(talk)
                gate.wait(lambda: '"recorder_silent"' in gate.log.read_text(), PATIENCE, "nobody misses the recorder")
                (refused,) = phones.wait([phones.dial(NUMBERS[1])], "over", PATIENCE)
                assert "recorder_unavailable" in refused.reasons[0], refused.reasons
            finally:
                os.kill(recorder, signal.SIGCONT)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        assert len(far.invites) == 1
        assert gate.recorder_pid() == recorder
        (row,) = gate.rows("SELECT * FROM recordings")
        assert (row["state"], row["interrupted"]) == ("closed", 0)
        kept = opened(gate, row["recording_id"], first_key(gate))
        assert kept.trailer and kept.seconds > 1.4
        assert_evidence_holds(gate)
        assert_takes_calls(gate, NEXT)
