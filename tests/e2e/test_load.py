"""Some seconds of real load: nothing fails, nothing is missing. How fast it was is ``tests.bench``'s to say."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.bench.bench_bridge import complete_calls
from tests.support.running_gate import LISTED, UNLISTED, running
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
        time.sleep(2.0)
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
