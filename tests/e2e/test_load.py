"""Some seconds of real load: nothing fails, nothing is missing. How fast it was is ``tests.bench``'s to say."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_bridge import complete_calls
from tests.e2e.test_ways_in import asked
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port, running
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE

RATE, SECONDS = 25, 8
CALLS = RATE * SECONDS


@pytest.mark.peer
@pytest.mark.load
def test_fifty_calls_a_second_with_refusals_among_them(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=1.0) as gate:
        assert gate.process is not None
        recorder = gate.recorder_pid()
        far = Sipp("uas", port=gate.trunk_port, calls=CALLS, timeout=PATIENCE, trace=False)
        far.wait_listening()
        near = Sipp(
            "uac", remote=gate.address, calls=CALLS, rate=RATE, service=UNLISTED, timeout=PATIENCE, trace=False,
            extra=("-l", str(CALLS)),
        )  # fmt: skip
        listed = Sipp("uac", remote=gate.address, calls=CALLS, rate=RATE, service=LISTED, timeout=PATIENCE, trace=False)
        through, refused = near.result(), listed.result()
        assert (through.successful, through.failed) == (CALLS, 0), through.errors[-2000:] + gate.said()
        assert (refused.successful, refused.failed) == (0, CALLS)
        assert far.result().failed == 0
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        assert gate.recorder_pid() == recorder, "one recorder carried them all"
        assert gate.stop() == 0
        assert complete_calls(gate) == CALLS, "each call with each of its leaves, once"
        verdicts = gate.rows("SELECT verdict, count(*) AS n FROM calls GROUP BY verdict ORDER BY verdict")
        assert [(row["verdict"], row["n"]) for row in verdicts] == [("allow", CALLS), ("block", CALLS)]
        endings = gate.rows("SELECT state, bridged, count(*) AS n FROM calls WHERE verdict = 'allow' GROUP BY 1, 2")
        assert [(row["state"], row["bridged"], row["n"]) for row in endings] == [("ended", 1, CALLS)]
        closed = gate.rows("SELECT path, size, state FROM recordings")
        assert {row["state"] for row in closed} == {"closed"}
        sizes = [(gate.data / "recordings" / row["path"]).stat().st_size for row in closed]
        assert sizes == [row["size"] for row in closed]
        assert gate.verified()["ok"]
        assert [line for line in gate.log.read_text().splitlines() if '"level": "error"' in line] == []


@pytest.mark.peer
@pytest.mark.load
def test_a_recorder_without_a_processor_for_a_moment_costs_no_call(tmp_path: Path) -> None:
    calls = 120
    with running(tmp_path / "gate", announcement=1.0) as gate:
        recorder = gate.recorder_pid()
        far = Sipp("uas", port=gate.trunk_port, calls=calls, timeout=PATIENCE, trace=False)
        far.wait_listening()
        near = Sipp("uac", remote=gate.address, calls=calls, rate=30, service=UNLISTED, timeout=PATIENCE, trace=False)
        gate.wait(lambda: len(gate.client.call("status")["calls"]) > 20, PATIENCE, "no calls")
        os.kill(recorder, signal.SIGSTOP)
        time.sleep(0.8)
        os.kill(recorder, signal.SIGCONT)
        result = near.result()
        assert (result.successful, result.failed) == (calls, 0), result.errors[-2000:] + gate.said()
        assert far.result().failed == 0
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        assert gate.recorder_pid() == recorder
        assert gate.stop() == 0
        assert complete_calls(gate) == calls
        assert {row["state"] for row in gate.rows("SELECT state FROM recordings")} == {"closed"}


@pytest.mark.peer
@pytest.mark.load
def test_ten_thousand_decisions_by_batch_beside_ten_calls_a_second(tmp_path: Path) -> None:
    """Ten batches of a thousand: each question is answered, and no call waits so long that the gate sheds any."""
    calls, batches, each = 200, 10, 1000
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.add_token("dialler", purposes=["marketing"], calls_a_minute=100_000)
    gate.add_pbx()
    answers: list[Any] = []

    def ask() -> None:
        for batch in range(batches):
            numbers = [f"+44113496{batch * each + at:04d}" for at in range(each)]
            questions = [{"number": number} for number in numbers]
            answered = asked(gate, "dialler", "POST", "/v1/decisions", {"decisions": questions})
            answers.append((numbers, answered))

    gate.start()
    try:
        far = Sipp("uas", port=gate.trunk_port, calls=calls, timeout=PATIENCE, trace=False)
        far.wait_listening()
        near = Sipp("uac", remote=gate.address, calls=calls, rate=10, service=UNLISTED, timeout=PATIENCE, trace=False)
        asking = threading.Thread(target=ask)
        asking.start()
        result = near.result()
        asking.join()
        assert (result.successful, result.failed) == (calls, 0), result.errors[-2000:] + gate.said()
        assert far.result().failed == 0
        assert len(answers) == batches
        for numbers, answered in answers:
            assert answered.status == 200
            assert [decided["number"] for decided in answered.body["decisions"]] == numbers
        decided = [one for _, answered in answers for one in answered.body["decisions"]]
        reasons = {one["reason"] for one in decided}
        assert reasons <= {"not_listed", "consented", "listed_tps", "listed_ctps", "objected"}, (
            "the gate could not decide in time"
        )
        assert len({one["decision_id"] for one in decided}) == batches * each
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        line = gate.client.call("status")["line"]
        assert (line["shed"], line["dropped"]) == (0, 0), "a call was late"
        assert gate.stop() == 0
        assert complete_calls(gate) == calls
        (kept,) = gate.rows(
            "SELECT count(*) AS n, sum(verdict = 'allow') AS through FROM calls WHERE claimed_by = 'trunk:pbx'"
        )
        assert (kept["n"], kept["through"]) == (calls, calls)
        (kept,) = gate.rows("SELECT count(*) AS n FROM facts WHERE kind = 'decision'")
        assert kept["n"] == batches * each + calls
        assert gate.verified()["ok"]
    finally:
        gate.kill()
