"""How much is carried, and what it costs at a quarter, half, full and twice that, each point beside its peers.

    python -m tests.bench.bench_capacity [SECONDS [LOAD …]]

Three loads, or those named (``calls``, ``refusals``, ``calls with audio``), each for so many seconds. The capacity is
the highest load at which all goes well: it is doubled until something does not, then looked for between. The points are
then run anew, each by a gate that is warm.

- Calls a second, SIPp's stock ``uac`` and ``uas``, announced and recorded; beside them ``b2bua_radius``, mended. Well:
  every call is carried and the 200 comes within T1 (RFC 3261, 17.1.1.1: 500 ms, when a caller sends its INVITE again)
  after the announcement, for 99 calls of 100.
- Refusals a second, of a listed number, each with its leaf; beside them Kamailio's 603, stateless and stateful, and
  Kamailio that asks a gate over HTTP, or by evapi a program that looks the number up and keeps nothing. Well: all are
  refused and kept, 99 of 100 within T1.
- Calls at once with audio both ways, recorded; beside them rtpengine alone, which records in clear. Well: each
  recording has 99 of 100 packets, and 99 of 100 packets arrive within 20 ms, the time until the next.

Processor is that of all processes of the tool, of the gate too where it is asked. Memory is theirs at the end.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.bench_bridge import ANNOUNCEMENT, calls_through, complete_calls, sippys_own
from tests.bench.bench_media import Carried, through_the_gate
from tests.bench.bench_transport import rtpengine_in_clear
from tests.bench.kamailio_peer import How, kamailio, may_ask
from tests.bench.proc import family_mib, family_seconds
from tests.support.running_gate import LISTED, RunningGate
from tests.support.sipp import Result, Sipp

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""
T1 = 500.0
PACKET = 20.0
MOST_POINTS = 8
PARTS = (("a quarter", 0.25), ("half", 0.5), ("full", 1.0), ("twice", 2.0))
SCENARIO = Path(__file__).parents[1] / "sip" / "scenarios" / "uac_refused.xml"
TRACED = ("-trace_rtt", "-rtt_freq", "1", "-l", "100000")


@dataclass(frozen=True)
class Point:
    """How one load went."""

    count: int
    failed: int
    resent: int
    delays: list[float]
    """Milliseconds, of calls or packets."""
    processor: float
    """Seconds."""
    memory: float
    """MiB."""

    @property
    def cost(self) -> float:
        """Milliseconds of processor for one."""
        return 1000 * self.processor / self.count

    @property
    def median(self) -> float:
        """Of the delays; infinite where there are none."""
        return statistics.median(self.delays) if self.delays else float("inf")

    @property
    def late(self) -> float:
        """The 99th percentile of the delays: so many of 100 are not above it."""
        return sorted(self.delays)[-(-len(self.delays) * 99 // 100) - 1] if self.delays else float("inf")

    def well(self, bound: float) -> bool:
        """Nothing failed, and 99 of 100 came in time."""
        return self.failed == 0 and self.late <= bound


def capacity(well: Callable[[float], bool], start: float, most: int = MOST_POINTS) -> float:
    """The highest load that went well, within a tenth, after at most so many were tried; 0 where none did."""
    good, bad, load = 0.0, float("inf"), start
    for _ in range(most):
        if well(load):
            good = load
        else:
            bad = load
        if bad - good <= good / 10:
            break
        load = good * 2 if bad == float("inf") else bad / 2 if not good else (good + bad) / 2
    return good


class Meter:
    """Processor that some processes and their children take from now on, and their memory."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._before = self._now()

    def _now(self) -> float:
        return sum(map(family_seconds, self._pids))

    def read(self) -> tuple[float, float]:
        """Seconds, MiB."""
        return self._now() - self._before, sum(map(family_mib, self._pids))


@contextmanager
def served(*, asked: bool = False) -> Iterator[RunningGate]:
    """A gate that runs, with a PBX on 127.0.0.1; at the end it is stopped, and its log holds."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        gate = RunningGate(Path(place) / "gate", announcement=ANNOUNCEMENT)
        gate.add_pbx()
        gate.set("calling", redial_hours=0)  # SIPp dials one number: once unattended it would be refused ever after
        if asked:
            may_ask(gate)
        try:
            yield gate.start()
            assert gate.stop(seconds=120) == 0
            gate.verified()
        finally:
            gate.kill()


def _pid(gate: RunningGate) -> int:
    assert gate.process is not None
    return gate.process.pid


def calls(rate: float, seconds: float) -> Point:
    """The gate, under so many whole calls a second."""
    with served() as gate:
        calls_through(None, gate.address, gate.trunk_port, min(rate, 10), 2)
        before, meter = complete_calls(gate), Meter([_pid(gate)])
        near, _ = calls_through(None, gate.address, gate.trunk_port, rate, seconds, *TRACED)
        gate.wait(lambda: not gate.client.call("status")["calls"], 60, "calls are left")
        spent, memory = meter.read()
        kept = complete_calls(gate) - before
    delays = [delay - 1000 * ANNOUNCEMENT for delay in near.delays]
    return _point(near, int(rate * seconds), kept, delays, spent, memory)


def bare_calls(rate: float, seconds: float) -> Point:
    """``b2bua_radius``, mended, under the same."""
    with sippys_own(mended=True) as (pid, near_port, far_port):
        at = ("127.0.0.1", near_port)
        calls_through(None, at, far_port, min(rate, 10), 2)
        meter = Meter([pid])
        near, _ = calls_through(None, at, far_port, rate, seconds, *TRACED)
        return _point(near, int(rate * seconds), near.successful, near.delays, *meter.read())


def refused(remote: tuple[str, int], rate: float, seconds: float) -> Result:
    count = int(rate * seconds)
    return Sipp(
        SCENARIO, remote=remote, calls=count, rate=rate, service=LISTED, timeout=seconds + 40, trace=False,
        extra=TRACED,
    ).result()  # fmt: skip


def _leaves(gate: RunningGate) -> int:
    found = gate.rows("SELECT count(*) AS n FROM calls WHERE verdict = 'block' AND reason = 'listed_tps'")
    return int(found[0]["n"])


def refusals(rate: float, seconds: float) -> Point:
    """The gate, under so many INVITEs for a listed number."""
    with served() as gate:
        refused(gate.address, min(rate, 50), 2)
        before, meter = _leaves(gate), Meter([_pid(gate)])
        near = refused(gate.address, rate, seconds)
        spent, memory = meter.read()
        kept = _leaves(gate) - before
    return _point(near, int(rate * seconds), kept, near.delays, spent, memory)


def bare_refusals(how: How, rate: float, seconds: float) -> Point:
    """Kamailio under the same; where it asks, the decisions' leaves are counted."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dialgate-bench-")))
        gate = stack.enter_context(served(asked=True)) if how is How.ASKING else None
        pids, at = stack.enter_context(kamailio(place / "kamailio", how, gate))
        refused(at, min(rate, 50), 2)
        before, meter = _leaves(gate) if gate else 0, Meter([*pids, _pid(gate)] if gate else pids)
        near = refused(at, rate, seconds)
        kept = _leaves(gate) - before if gate else near.successful
        return _point(near, int(rate * seconds), kept, near.delays, *meter.read())


def _point(near: Result, count: int, kept: int, delays: list[float], spent: float, memory: float) -> Point:
    return Point(count, count - min(near.successful, kept), near.retransmissions, delays, spent, memory)


def audio(load: float, seconds: float, carry: Callable[[int, float], Carried] = through_the_gate) -> Point:
    """So many calls at once that speak both ways; without their set-up."""
    count = int(load)
    carried = carry(count, seconds)
    whole = sum(packets >= 0.99 * carried.sent / count for packets in carried.kept)
    delays = [delay for party in carried.heard for delay in party]
    spent = sum(each for name, each in carried.processor.items() if name != "machine")
    return Point(count, count - whole, 0, delays, spent, sum(carried.memory.values()))


@dataclass(frozen=True)
class Load:
    """What is measured, and beside what."""

    name: str
    unit: str
    start: float
    bound: float
    """Milliseconds within which 99 of 100 come, where all goes well."""
    ours: Callable[[float, float], Point]
    peers: dict[str, Callable[[float, float], Point]]
    whole: bool = False
    """It is a number of calls, and not a rate: there is no half of one."""


LOADS = (
    Load("calls", "a second", 50, T1, calls, {"b2bua_radius, mended": bare_calls}),
    Load("refusals", "a second", 500, T1, refusals, {how.value: partial(bare_refusals, how) for how in How}),
    Load(
        "calls with audio", "at once", 150, PACKET, audio,
        {"rtpengine in clear": partial(audio, carry=rtpengine_in_clear)}, whole=True,
    ),
)  # fmt: skip


def measured(load: Load, seconds: float, start: float, most: int) -> list[Row]:
    """The capacity, then each point."""
    found = capacity(lambda at: load.ours(at, seconds).well(load.bound), start, most)
    rows = [_row(f"capacity, {load.name}", "dialgate", found, load.unit, f"load average {os.getloadavg()[0]:.1f}")]
    for part, share in PARTS if found else ():
        at = max(1.0, found * share // 1 if load.whole else found * share)
        ours = load.ours(at, seconds)
        name = f"{load.name}, {at:g} {load.unit} ({part})"
        rows.append(_row(name, "dialgate", ours.cost, "ms", _note(ours)))
        for tool, peer in load.peers.items():
            theirs = peer(at, seconds)
            ratio = f"; the gate takes × {ours.cost / theirs.cost:.1f}" if theirs.cost else ""
            rows.append(_row(name, tool, theirs.cost, "ms", _note(theirs) + ratio))
    return rows


def _note(point: Point) -> str:
    said = f"failed {point.failed} of {point.count}; delay {point.median:.1f}, {point.late:.1f} ms"
    resent = f"; resent {point.resent}" if point.resent else ""
    return f"{said}{resent}; {point.memory:.0f} MiB"


def _row(what: str, tool: str, figure: float, unit: str, note: str) -> Row:
    return {"what": what, "tool": tool, "figure": round(figure, 3), "unit": unit, "note": note}


def run(
    seconds: float = 10.0, starts: Sequence[float] = (), most: int = MOST_POINTS, names: Sequence[str] = ()
) -> list[Row]:
    """Rows: processor for one; in the note what failed, the delay at the median and the 99th percentile, memory.

    ``names``: the loads; all where none is named.
    """
    known = [load.name for load in LOADS]
    assert set(names) <= set(known), f"no such load among {', '.join(names)}; there are {', '.join(known)}"
    rows = []
    for load, start in zip(LOADS, starts or [load.start for load in LOADS], strict=True):
        if not names or load.name in names:
            rows += measured(load, seconds, start, most)
    return rows


def main() -> None:
    """Print the rows."""
    began = time.monotonic()
    for row in run(*(float(word) for word in sys.argv[1:2]), names=sys.argv[2:]):
        print(f"{row['tool']:26} {row['what']:45} {row['figure']:9,.2f} {row['unit']:9} {row['note']}")
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
