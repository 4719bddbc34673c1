"""Readers of what comes from outside: the curve of each over texts that are hard to read, and a million odd inputs.

    python -m tests.bench.bench_parsers [COUNT [RATE]]

The curve: the slowest of all shapes, milliseconds of processor for 1, 4, 16 and 64 kB. The odd inputs are those of
``tests.attack.fuzz``, as many of each kind: half are datagrams to a running gate, at a steady rate that it can bear,
whose answers to plain requests in between are timed and whose memory is looked at; half go to the readers of files, RTP
and control messages, in this process. A million take about twelve minutes.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.attack.fuzz import OVER_THE_WIRE, inputs
from tests.attack.stall import shapes
from tests.attack.test_fuzz import attack, good_call, good_files
from tests.bench.proc import cpu_seconds, resident_mib
from tests.support.outside import READERS
from tests.support.running_gate import RunningGate
from tests.support.sip_peer import Callee
from tests.test_work import BYTES, SIZES, TEXTS, UNITS

Row = dict[str, Any]
RATE = 800
"""Datagrams a second. One in seven is an INVITE that can be read, and is decided upon, with a leaf."""
CARRIED = 0.2
"""The share of those with a good number that go on to the carrier, which is busy: calls cost much more than reading."""
ROUNDS = 20
"""Looks at the gate's memory, each after a good call."""
GOOD = 50.0
"""Milliseconds within which an answer should be there."""


def curve() -> list[Row]:
    """The slowest shape of each reader, by size."""
    rows = []
    for name, texts in _readers():
        for size in SIZES:
            slowest = max(_milliseconds(work) for work in texts(size))
            rows.append({"name": f"{name}, slowest shape", "size": size, "value": slowest, "unit": "ms"})
    return rows


def _readers() -> Iterator[tuple[str, Callable[[int], list[Callable[[], Any]]]]]:
    def datagrams(size: int) -> list[Callable[[], Any]]:
        return [lambda text=text: READERS["sip"](text.encode("latin-1")) for _, text in shapes(size)]

    yield "SIP datagram", datagrams
    for name, read in TEXTS.items():
        yield name, lambda size, read=read: [lambda unit=unit: read(unit * (size // len(unit))) for unit in UNITS]
    for kind, units in BYTES.items():
        yield (
            kind,
            lambda size, kind=kind, units=units: [
                lambda unit=unit: READERS[kind]((unit * (size // len(unit))).encode("latin-1")) for unit in units
            ],
        )


def _milliseconds(work: Callable[[], Any]) -> float:
    work()
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * min(times)


def odd_datagrams(count: int, rate: int) -> list[Row]:
    """A gate that is sent ``count`` of them by a PBX that has lost its mind, beside one that has not."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        gate = RunningGate(Path(place) / "gate", announcement=0.5)
        gate.add_pbx()
        gate.add_pbx(name="odd", addresses=["127.0.0.2"], calls_at_once=1000, calls_a_minute=1_000_000)
        gate.start()
        assert gate.process is not None
        more = ("--rate", str(rate), "--carried", str(CARRIED))
        took: dict[str, list[float]] = {"OPTIONS": [], "INVITE": []}
        memory, rates, lost, good = [], [], 0, 0
        began = cpu_seconds(gate.process.pid), time.monotonic()
        try:
            with Callee(port=gate.trunk_port) as carrier:
                for seed in range(ROUNDS):
                    did = attack(gate, carrier, seed, count // ROUNDS, *more)
                    for method, times in did["took"].items():
                        took[method] += times
                    lost += did["asked"] - did["heard"]
                    rates.append(did["rate"])
                    with suppress(AssertionError):
                        good_call(gate, carrier, seed)
                        good += 1
                    memory.append(resident_mib(gate.process.pid))
                cores = (cpu_seconds(gate.process.pid) - began[0]) / (time.monotonic() - began[1])
            decided = len(gate.rows("SELECT call_id FROM calls"))
            assert gate.stop(seconds=120) == 0
        finally:
            gate.stop()
        log = gate.log.read_text(errors="replace")
    return [
        _row("odd datagrams", count, "", f"{statistics.mean(rates):,.0f} a second, {decided:,} decisions"),
        _row("cores of the gate", cores, ""),
        *_answers("OPTIONS to 200 in between", took["OPTIONS"]),
        *_answers("INVITE to 603 in between", took["INVITE"]),
        _row("requests in between without an answer", lost, ""),
        _row("good calls", good, "", f"of {ROUNDS}, one after each round, with odd messages inside"),
        *(_row(f"memory of the gate after {100 * at // ROUNDS} %", memory[at - 1], "MiB") for at in (2, 5, 10, 15, 20)),
        _row("tracebacks in the log", log.count("Traceback"), "", _first_traceback(log)),
    ]


def _first_traceback(log: str) -> str:
    """What it says; empty where there is none."""
    return next((line for line in log.splitlines() if "Traceback" in line), "")[:4000]


def _answers(what: str, took: list[float]) -> list[Row]:
    if len(took) < 2:
        return []
    late = sum(each > GOOD for each in took)
    return [
        _row(
            f"{what}, median", statistics.median(took), "ms", f"{len(took):,} of them, {late:,} after more than 50 ms"
        ),
        _row(f"{what}, 99th percentile", statistics.quantiles(took, n=100)[98], "ms"),
        _row(f"{what}, slowest", max(took), "ms"),
    ]


def odd_files(count: int) -> list[Row]:
    """The readers that have no socket of their own here; raises what one of them raises."""
    rows = []
    kinds = [kind for kind in READERS if kind not in OVER_THE_WIRE]
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        good = good_files(Path(place))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in kinds:
        slowest = 0.0
        for data in inputs(kind, 1, count // len(kinds), good.get(kind, ())):
            began = time.process_time()
            READERS[kind](data)
            slowest = max(slowest, time.process_time() - began)
        rows.append(_row(f"odd inputs, {kind}: slowest", 1000 * slowest, "ms", f"{count // len(kinds):,} of them"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [*rows, _row("memory of their readers, growth", grown, "MiB")]


def _row(what: str, figure: float, unit: str, note: str = "") -> Row:
    return {"name": what, "value": round(float(figure), 2), "unit": unit, "note": note}


def run(count: int = 1_000_000, rate: int = RATE) -> list[Row]:
    """All rows; ``count`` inputs, as many of each kind."""
    wire = count * len(OVER_THE_WIRE) // len(READERS)
    return curve() + odd_datagrams(wire, rate) + odd_files(count - wire)


def main() -> None:
    """Print the rows."""
    for row in run(*(int(argument) for argument in sys.argv[1:3])):
        size = f"{row['size']:,}: " if "size" in row else ""
        print(f"{size}{row['name']:50} {row['value']:12,.2f} {row['unit']:6} {row.get('note', '')}")


if __name__ == "__main__":
    main()
