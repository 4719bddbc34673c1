"""What one call, one refusal and one second of talk cost, counted: Python functions, statements, commits.

Counts and not times: they are the same in any hour. What exceeds the budget fails, and the message names the places
that grew most since the budget was set; ``BUDGET=write`` sets it anew, to be read in the diff.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.bench.bench_bridge import calls_through
from tests.bench.bench_media import Callers, Trunk, speak
from tests.support.running_gate import LISTED, RunningGate
from tests.support.sipp import Sipp
from tests.support.waiting import until

pytestmark = pytest.mark.load
BUDGET: Final = Path(__file__).parent / "data" / "budget.json"
IDLE: Final = 4.0
"""Seconds in which the gate does nothing but its chores: they are taken off."""
ROOT: Final = Path(__file__).parents[1]
Counted = dict[str, Counter[str]]


class CountedGate(RunningGate):
    """A gate and its recorder that count what they do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, announcement=0.6)
        self.counts = folder / "counts"
        self.counts.mkdir()

    def spawn(self) -> None:
        path = f"{ROOT / 'tests' / 'support' / 'counted'}{os.pathsep}{ROOT}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gate.cli.main", "serve", "-c", str(self.config)],
                stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path, "DIALGATE_COUNTS": str(self.counts)},
            )  # fmt: skip

    def taken(self) -> Counted:
        """What gate and recorder have done since the last time."""
        assert self.process is not None
        found: Counted = {"functions": Counter(), "statements": Counter()}
        for pid in (self.process.pid, self.recorder_pid()):
            file = self.counts / f"{pid}.json"
            os.kill(pid, signal.SIGUSR2)
            until(file.exists, f"{pid} does not write its counts")
            for kind, counts in json.loads(file.read_text()).items():
                found[kind] += Counter(counts)
            file.unlink()
        return found


@pytest.fixture(scope="module")
def gate() -> Iterator[CountedGate]:
    with tempfile.TemporaryDirectory(prefix="dialgate-budget-") as place:
        made = CountedGate(Path(place) / "gate")
        made.add_pbx()
        made.start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def idle(gate: CountedGate) -> Counted:
    """What it does in a second of doing nothing."""
    warm(gate)
    gate.taken()
    time.sleep(IDLE)
    return {kind: Counter({name: n / IDLE for name, n in counts.items()}) for kind, counts in gate.taken().items()}


def warm(gate: CountedGate) -> None:
    """The first of each kind does what is done once."""
    calls(gate, 3)
    refusals(gate, 3)


def calls(gate: CountedGate, number: int) -> None:
    near, _ = calls_through(None, gate.address, gate.trunk_port, 4, number / 4)
    assert near.successful == number
    open_ones = "SELECT count(*) AS n FROM recordings WHERE state <> 'closed'"
    gate.wait(lambda: gate.rows(open_ones)[0]["n"] == 0, 30, "a recording is open")


def refusals(gate: CountedGate, number: int) -> None:
    near = Sipp("uac", remote=gate.address, calls=number, rate=40, service=LISTED, trace=False).result()
    assert near.failed == number


def counted(gate: CountedGate, idle: Counted, number: float, work: Any) -> Counted:
    """What one of ``number`` things cost that ``work`` does."""
    gate.taken()
    began = time.monotonic()
    work()
    found, seconds = gate.taken(), time.monotonic() - began
    return {
        kind: Counter({name: (n - idle[kind][name] * seconds) / number for name, n in counts.items()})
        for kind, counts in found.items()
    }


def rooms(counts: Counter[str]) -> dict[str, int]:
    """By file: of the gate's own below its root, of a library by its name."""
    found: Counter[str] = Counter()
    for place, n in counts.items():
        path = place.partition(":")[0]
        own = path.removeprefix(f"{ROOT}/")
        found[own if own != path else "/".join(Path(path).parts[-2:])] += n
    return {name: round(n) for name, n in sorted(found.items()) if n >= 0.5}


def check(what: str, found: Counted, room: float = 1.05) -> None:
    """Against the budget, which may be exceeded by ``room``: a timer more or less."""
    now = {
        "functions": round(sum(found["functions"].values())),
        "statements": round(sum(found["statements"].values())),
        "commits": round(found["statements"]["COMMIT"], 1),
        "rooms": rooms(found["functions"]),
    }
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    if os.environ.get("BUDGET") == "write":
        BUDGET.write_text(json.dumps(budget | {what: now}, indent=1, sort_keys=True) + "\n")
        return
    was = budget[what]
    grown = Counter({name: n - was["rooms"].get(name, 0) for name, n in now["rooms"].items()}).most_common(5)
    over = {name: (now[name], was[name]) for name in ("functions", "statements") if now[name] > was[name] * room + 1}
    told = ", ".join(f"{name} +{n}" for name, n in grown if n > 0)
    assert not over, f"{what}: {over} (now, in the budget); grown most: {told}"


def test_a_call_set_up_announced_recorded_and_ended(gate: CountedGate, idle: Counted) -> None:
    check("call", counted(gate, idle, 12, lambda: calls(gate, 12)))


def test_a_refusal(gate: CountedGate, idle: Counted) -> None:
    check("refusal", counted(gate, idle, 60, lambda: refusals(gate, 60)))


def test_a_second_of_talk(gate: CountedGate, idle: Counted) -> None:
    trunk = Trunk(gate.trunk_port, 4)
    trunk.start()
    callers = Callers(gate, 4)
    assert callers.dial() == 0
    found = counted(gate, idle, 4 * 5.0, lambda: speak(callers.parties + trunk.parties, 5.0))
    check("second of talk", found, room=1.12)  # how often a loop wakes is the kernel's
    callers.hang_up()
    gate.wait(lambda: not gate.client.call("status")["calls"], 30, "calls are left")
    callers.close()
    trunk.peer.sock.close()
