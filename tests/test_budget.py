"""What one call, one refusal and one second of talk cost, counted: Python functions, statements, commits, rounds of
commands to the relay, messages between gate and recorder.

Counts and not times: they are the same in any hour. What time and other work add (timers, a message that is sent once
more, two commits in one) is counted apart, or is in some calls and not in others: the least of several counts. What
exceeds the budget fails, and the message names the places that grew most since the budget was set; ``BUDGET=write``
sets it anew, to be read in the diff.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.bench.bench_bridge import calls_through
from tests.bench.bench_media import Callers, Trunk, speak
from tests.support.running_gate import LISTED, RunningGate
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.peer
BUDGET: Final = Path(__file__).parent / "data" / "budget.json"
ROOT: Final = Path(__file__).parents[1]
_COUNTED: Final = ("functions", "by_the_clock", "statements", "relay", "recorder")
Counted = dict[str, Counter[str]]
WINDOW: Final = 2.0
"""Seconds of talk that are counted, while it goes on before and after."""
_ASIDE: Final = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "PRAGMA", "Heartbeat")
"""What begins and ends a transaction: how many there are depends on what comes together. Commits are counted. And what
is done because time has passed."""


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
        found: Counted = {kind: Counter() for kind in _COUNTED}
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
        calls(made, 3)  # the first of each kind does what is done once
        refusals(made, 3)
        assert made.process is not None
        os.kill(made.process.pid, signal.SIGUSR1)
        yield made
        made.stop()


def calls(gate: CountedGate, number: int) -> None:
    near, _ = calls_through(None, gate.address, gate.trunk_port, 4, number / 4)
    assert near.successful == number
    open_ones = "SELECT count(*) AS n FROM recordings WHERE state <> 'closed'"
    gate.wait(lambda: gate.rows(open_ones)[0]["n"] == 0, PATIENCE, "a recording is open")


def refusals(gate: CountedGate, number: int) -> None:
    near = Sipp("uac", remote=gate.address, calls=number, rate=40, service=LISTED, trace=False).result()
    assert near.failed == number


def counted(gate: CountedGate, times: int, number: float, work: Callable[[], Any]) -> list[Counted]:
    """What one of ``number`` things cost that ``work`` does, counted so many times."""
    found = []
    gate.taken()
    for _ in range(times):
        work()
        taken = gate.taken()
        found.append({kind: Counter({name: n / number for name, n in taken[kind].items()}) for kind in taken})
    return found


def parts(found: Counted) -> dict[str, dict[str, float]]:
    """What each figure is made of: functions by file, of the gate's own below its root, of a library by its name."""
    functions: Counter[str] = Counter()
    for place, n in found["functions"].items():
        path = place.partition(":")[0]
        own = path.removeprefix(f"{ROOT}/")
        functions[own if own != path else "/".join(Path(path).parts[-2:])] += n
    statements = found["statements"]
    made: dict[str, dict[str, float]] = {
        "functions": {name: round(n) for name, n in functions.items() if n >= 0.5},
        "commits": {"COMMIT": statements["COMMIT"]},
        "statements": {name: n for name, n in statements.items() if name not in _ASIDE},
        "rounds to the relay": dict(found["relay"]),
        "messages with the recorder": {name: n for name, n in found["recorder"].items() if name not in _ASIDE},
    }
    return {kind: {name: round(n, 2) for name, n in sorted(made[kind].items()) if round(n, 2)} for kind in made}


def check(what: str, found: Sequence[Counted]) -> None:
    """The least of several counts, against the budget."""
    counts = [parts(each) for each in found]
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    if os.environ.get("BUDGET") == "write":
        least = {kind: min((each[kind] for each in counts), key=lambda of: sum(of.values())) for kind in counts[0]}
        budget[what] = {kind: {"in all": round(sum(of.values()), 1), **of} for kind, of in least.items()}
        BUDGET.write_text(json.dumps(budget, indent=1) + "\n")
        return
    over = []
    for kind, was in budget[what].items():
        now = min((each[kind] for each in counts), key=lambda of: sum(of.values()))
        total, most = sum(now.values()), was["in all"]
        if total > (most * 1.05 + 1 if kind == "functions" else most + 0.5):
            grown = Counter({name: round(n - was.get(name, 0), 2) for name, n in now.items()})
            newcomers = ", ".join(f"{name} +{n}" for name, n in grown.most_common(5) if n > 0)
            over.append(f"{total:g} {kind} instead of {most:g} (grown most: {newcomers})")
    assert not over, f"{what}: {'; '.join(over)}"


def test_a_call_set_up_announced_recorded_and_ended(gate: CountedGate) -> None:
    check("call", counted(gate, 4, 1, lambda: calls(gate, 1)))


def test_a_refusal(gate: CountedGate) -> None:
    check("refusal", counted(gate, 3, 10, lambda: refusals(gate, 10)))


def test_a_second_of_talk(gate: CountedGate) -> None:
    """With all that the clock starts: a late thread finds more packets at once, and does so less often."""
    trunk = Trunk(gate.trunk_port, 4)
    trunk.start()
    callers = Callers(gate, 4)
    assert callers.dial() == 0
    speaking = threading.Thread(target=speak, args=(callers.parties + trunk.parties, 3 * WINDOW))
    speaking.start()
    until(lambda: any("Curve.add" in place for place in gate.taken()["by_the_clock"]), "nothing is recorded")
    found = []
    for _ in range(2):
        began = time.monotonic()
        time.sleep(WINDOW)
        taken, spoken = gate.taken(), 4 * (time.monotonic() - began)
        taken["functions"] += taken["by_the_clock"]
        found.append({kind: Counter({name: n / spoken for name, n in taken[kind].items()}) for kind in taken})
    speaking.join()
    check("second of talk", found)
    callers.hang_up()
    gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    callers.close()
    trunk.peer.sock.close()
