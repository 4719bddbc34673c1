"""Readers of what comes from outside: the curve of each over texts that are hard to read, and a million odd inputs.

    python -m tests.bench.bench_parsers [COUNT]

The curve: the slowest of all shapes, milliseconds of processor for 1, 4, 16 and 64 kB. The odd inputs are those of
``tests.attack.fuzz``: most as datagrams to a running gate, whose answers to plain requests in between are timed, and
whose memory is looked at; the rest to the readers of files, RTP and control messages, in this process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.attack.fuzz import OVER_THE_WIRE, inputs
from tests.attack.stall import shapes
from tests.attack.test_fuzz import attack, good_files
from tests.bench.proc import resident_mib
from tests.support.gatehouse import Gatehouse
from tests.support.outside import READERS
from tests.support.sip_peer import Callee
from tests.test_work import BYTES, SIZES, TEXTS, UNITS

Row = dict[str, Any]
ROUND = 5000
"""Datagrams between two looks at the gate's memory."""


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


def odd_datagrams(count: int) -> list[Row]:
    """A gate that is sent ``count`` of them by a PBX that has lost its mind."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        house = Gatehouse(Path(place) / "gate")
        house.add_pbx(name="odd", addresses=["127.0.0.2"], calls_at_once=1000, calls_a_minute=1_000_000)
        house.start()
        assert house.process is not None
        try:
            with Callee(port=house.trunk_port) as carrier:
                slowest, memory, began = 0.0, [], time.monotonic()
                for seed in range(max(1, count // ROUND)):
                    did = attack(house, carrier, seed, min(ROUND, count))
                    assert did["heard"] == did["asked"], did
                    slowest = max(slowest, did["slowest"])
                    memory.append(resident_mib(house.process.pid))
                seconds = time.monotonic() - began
            assert house.stop(seconds=120) == 0
        finally:
            house.stop()
        log = house.log.read_text(errors="replace")
    half = memory[len(memory) // 2 :]
    return [
        _row("odd datagrams", count, "", f"{count / seconds:,.0f} a second"),
        _row("slowest answer in between", slowest, "ms"),
        _row("memory of the gate", memory[-1], "MiB", f"{memory[0]:.0f} after the first {min(ROUND, count):,}"),
        _row("memory, growth over the second half", half[-1] - half[0], "MiB"),
        _row("tracebacks in the log", log.count("Traceback"), ""),
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


def run(count: int = 1_000_000) -> list[Row]:
    """All rows; ``count`` inputs, four of five as datagrams."""
    return curve() + odd_datagrams(4 * count // 5) + odd_files(count // 5)


def main() -> None:
    """Print the rows."""
    for row in run(*(int(argument) for argument in sys.argv[1:2])):
        size = f"{row['size']:,}: " if "size" in row else ""
        print(f"{size}{row['name']:50} {row['value']:12,.2f} {row['unit']:6} {row.get('note', '')}")


if __name__ == "__main__":
    main()
