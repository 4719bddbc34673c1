"""What 1, 2 and 4 gates carry with one database, each with a quarter of a processor (cgroups), beside the model.

    python -m tests.bench.bench_gates [SECONDS]      as root

Every gate has its own caller and its own trunk (SIPp), and is offered more calls than it can carry, and as many
refusals as it can: what counts is what it does carry, whole calls or refusals with their leaves. PostgreSQL and SIPp
have the rest of the machine, which must be quiet: a gate whose quarter somebody else uses carries less.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.core.evidence import stamp
from tests.bench.bench_bridge import calls_through
from tests.bench.bench_capacity import refused
from tests.bench.proc import family, family_seconds
from tests.bench.queue_model import Fleet, Load, simulate
from tests.support.gates import gates_on_one_database
from tests.support.running_gate import RunningGate

SHARE = 0.25
"""Of a processor, for each gate with its media relay and recorder."""
PERIOD = 20_000
"""Microseconds in which a gate gets its share: it waits for 15 ms at most."""
SIZES = (1, 2, 4)


@contextmanager
def fenced(gate: RunningGate) -> Iterator[None]:
    """Give a gate, and what it starts, a share of a processor. Raises ``OSError`` where that may not be."""
    old = Path("/sys/fs/cgroup/cpu")
    group = (old if old.is_dir() else Path("/sys/fs/cgroup")) / f"dialgate-bench-{_pid(gate)}"
    group.mkdir()
    quota = round(PERIOD * SHARE)
    try:
        if old.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        for pid in family(_pid(gate)):
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        group.rmdir()  # its processes are over


def _pid(gate: RunningGate) -> int:
    assert gate.process is not None
    return gate.process.pid


@contextmanager
def running(count: int) -> Iterator[list[RunningGate]]:
    """So many gates of one database, each with its share; in the end every log verifies."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="dialgate-bench-"))
        gates = stack.enter_context(gates_on_one_database(Path(place), count))
        for gate in gates:
            gate.set("calling", redial_hours=0)  # SIPp dials one number
            stack.enter_context(fenced(gate.start()))
            stack.callback(gate.kill)
        yield gates
        for gate in gates:
            assert gate.stop(seconds=240) == 0
            gate.verified()


def _calls(gate: RunningGate, rate: float, seconds: float) -> None:
    calls_through(None, gate.address, gate.trunk_port, rate, seconds)


def _refusals(gate: RunningGate, rate: float, seconds: float) -> None:
    refused(gate.address, rate, seconds)


LOADS: dict[str, tuple[Callable[[RunningGate, float, float], None], bool, float, str]] = {
    "calls a second, announced and recorded": (_calls, False, 16.0, "ended_at BETWEEN ? AND ? AND bridged = 1"),
    "refusals a second, each with its leaf": (_refusals, True, 240.0, "at BETWEEN ? AND ? AND reason = 'listed_tps'"),
}
"""What is offered, whether it is refusals, how much of it a second to each gate; what was carried."""
WARM = 3.0
"""Seconds until it counts."""


def run(seconds: float = 20.0, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Rows: what was carried a second; in the note how much more than by one gate, and what the model says."""
    rows = []
    alone: dict[str, float] = {}
    for count in sizes:
        with running(count) as gates, ThreadPoolExecutor(count) as pool:
            for name, (offer, refusals, rate, carried) in LOADS.items():
                began = datetime.now(UTC) + timedelta(seconds=WARM)
                before = sum(family_seconds(_pid(gate)) for gate in gates)
                list(pool.map(offer, gates, [rate] * count, [seconds + WARM] * count))
                spent = sum(family_seconds(_pid(gate)) for gate in gates) - before
                span = stamp(began), stamp(began + timedelta(seconds=seconds))
                sql = f"SELECT count(*) AS n FROM calls WHERE {carried}"  # noqa: S608
                figure = int(gates[0].rows(sql, *span)[0]["n"]) / seconds
                load = Load(rate * count, seconds, refusals=refusals, random=False)
                model = simulate(Fleet(machines=count, cores=1, share=SHARE, databases=1), load)
                more, says = figure / alone.setdefault(name, figure), (model.offered - model.sent_away) / seconds
                busy = spent / count / (seconds + WARM)
                note = f"× {more:.2f}; {busy:.2f} of a processor a gate; model {says:.1f}"
                rows.append({"name": f"{count}: {name}", "figure": figure, "unit": "", "note": note})
    return rows


if __name__ == "__main__":
    for row in run(*(float(word) for word in sys.argv[1:2])):
        print(f"{row['name']:50} {row['figure']:9,.1f}  {row['note']}")
