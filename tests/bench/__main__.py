"""``make bench``: every measurement, or those named: ``python -m tests.bench [NAME …] [--quick]``.

One table a module. ``--quick`` takes small sizes, to see that everything runs; its figures mean little.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog

Table = list[tuple[str, str, str]]
"""Rows: what, figure with its unit, note."""


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _named(figures: dict[str, float], unit: str = "") -> Table:
    return [(name, f"{_number(value)} {unit}".rstrip(), "") for name, value in figures.items()]


def _rows(rows: Iterable[dict[str, Any]]) -> Table:
    """Rows as modules give them: ``what`` and ``tool``, or ``name``; ``figure`` or ``value``; ``note`` or ``ratio``."""
    table: Table = []
    for row in rows:
        what = row["name"] if "name" in row else f"{row['tool']}: {row['what']}"
        size = row.get("size", row.get("rows"))
        figure = f"{_number(float(row.get('figure', row.get('value'))))} {row['unit']}".rstrip()
        ratio = row.get("ratio")
        note = row.get("note", "") or (f"× {ratio:.1f}" if ratio is not None else "")
        table.append((what if size is None else f"{size:,}: {what}", figure, note))
    return table


def bridge(quick: bool) -> Table:
    """Calls through the whole gate beside b2bua_radius, and refusals."""
    return _rows(import_module("tests.bench.bench_bridge").run(*((20, 4) if quick else (100, 60))))


def capacity(quick: bool) -> Table:
    """What is carried of calls, refusals and audio, and each at a quarter, half, full and twice that, beside peers."""
    return _rows(import_module("tests.bench.bench_capacity").run(*((2.0, (8, 50, 4), 2) if quick else ())))


def hour(quick: bool) -> Table:
    """A firm's hour, refused, not answered and talked in, beside Kamailio and rtpengine in clear."""
    return _rows(import_module("tests.bench.bench_hour").run(*((2.0, 5.0, 3.0) if quick else ())))


def gates(quick: bool) -> Table:
    """1, 2 and 4 gates with one PostgreSQL, a quarter of a processor each, beside the queue model; as root."""
    return _rows(import_module("tests.bench.bench_gates").run(*((3.0, (1, 2)) if quick else ())))


def growth(quick: bool) -> Table:
    """What fleets carry, by the queue model: sent away, 99th percentile; use of locks, processors, database."""
    rows = import_module("tests.bench.queue_model").table()
    return [(f"{name}, {rate} a second", f"{away}, {late}", ", ".join(busy)) for name, rate, away, late, *busy in rows]


def soak(quick: bool) -> Table:
    """Twenty minutes of calls, 50 at a time with audio: memory, descriptors, threads."""
    return _rows(import_module("tests.bench.bench_soak").run(*((12.0, 5.0, 2) if quick else ())))


def parsers(quick: bool) -> Table:
    """Readers of what comes from outside: texts that are hard to read, and a million odd inputs."""
    return _rows(import_module("tests.bench.bench_parsers").run(20_000 if quick else 1_000_000))


def media(quick: bool) -> Table:
    """Calls with audio both ways, relayed and recorded."""
    return _named(import_module("tests.bench.bench_media").measure(*((10, 3.0) if quick else (300, 20.0))))


def transport(quick: bool) -> Table:
    """One call by TCP, TLS, SRTP, with another codec, by SIPREC, beside UDP with plain RTP: processor."""
    return _rows(import_module("tests.bench.bench_transport").run(*((2, 4.0) if quick else ())))


def recorder(quick: bool) -> Table:
    """The recorder alone, under audio of 300 calls."""
    return _named(import_module("tests.bench.bench_recorder").measure(*((10, 2.0) if quick else (300, 10.0))))


def store(quick: bool) -> Table:
    """Facts kept durably, and a long log verified."""
    return _rows(import_module("tests.bench.bench_store").run(*((500, 2_000) if quick else (20_000, 1_000_000))))


def registers(quick: bool) -> Table:
    """Registers of national size: import and look-up."""
    sizes = (10_000,) if quick else (1_000_000, 18_000_000, 50_000_000)
    return _rows(import_module("tests.bench.bench_registers").run(sizes))


def screen(quick: bool) -> Table:
    """A CRM file against the registers, beside a plain loop."""
    module = import_module("tests.bench.bench_screen")
    return _rows(module.run(2_000, tps=5_000, ctps=500, sample=1_000) if quick else module.run())


def contacts(quick: bool) -> Table:
    """The CRM's contacts imported and screened again, and what a decision waits for meanwhile."""
    return _rows(import_module("tests.bench.bench_contacts").run(*((2_000, 5_000) if quick else ())))


def retention(quick: bool) -> Table:
    """A sweep of recordings that are due."""
    return _rows(import_module("tests.bench.bench_retention").run(200 if quick else 100_000))


def requests(quick: bool) -> Table:
    """What is held of a person, found among a million calls, and erased."""
    return _rows(import_module("tests.bench.bench_requests").run(*((5_000, 2_000) if quick else (1_000_000, 200_000))))


def audit(quick: bool) -> Table:
    """Bundles for auditors: a long log and many recordings, made, verified, opened."""
    return _rows(import_module("tests.bench.bench_audit").run(*((2_000, 10) if quick else ())))


def vault(quick: bool) -> Table:
    """Sealing, opening, wraps, on a disk."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as folder:
        more = {"chunks": 50, "rewraps": 50} if quick else {}
        return _named(import_module("tests.bench.bench_vault").measure(Path(folder), **more))


def pages(quick: bool) -> Table:
    """Pages and filters of a million calls, as a console asks for them."""
    return _rows(import_module("tests.bench.bench_pages").run(*((5_000, 10) if quick else (1_000_000, 100))))


def console(quick: bool) -> Table:
    """The console in a terminal, from the key to what is painted: start, a long list, keys under load, memory."""
    return _rows(import_module("tests.bench.bench_console").run(*((2_000, 3.0, 3, 10) if quick else ())))


def decision(quick: bool) -> Table:
    """One decision."""
    return _named(import_module("tests.bench.screening").measure(*((200,) if quick else ())), "µs")


BENCHES: dict[str, Callable[[bool], Table]] = {
    each.__name__: each
    for each in (
        bridge,
        capacity,
        hour,
        soak,
        gates,
        growth,
        parsers,
        media,
        transport,
        recorder,
        store,
        registers,
        screen,
        contacts,
        retention,
        requests,
        audit,
        vault,
        pages,
        console,
        decision,
    )
}


def show(rows: Iterable[Sequence[str]]) -> None:
    """A table: figures to the right."""
    table = [list(row) for row in rows]
    wide = [max(len(row[column]) for row in table) for column in range(2)]
    for what, figure, note in table:
        print(f"  {what:<{wide[0]}}  {figure:>{wide[1]}}  {note}".rstrip())


def main(arguments: Sequence[str]) -> int:
    """Run them one after the other; 1 where one failed, 2 where one is not known."""
    names = [word for word in arguments if not word.startswith("-")]
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, ", end="")
    print(f"{platform.python_implementation()} {platform.python_version()}")
    failed = 0
    for name in names or BENCHES:
        bench = BENCHES[name]
        load = os.getloadavg()[0]
        print(f"\n{name}: {bench.__doc__} Load before: {load:.2f}")
        began = time.monotonic()
        try:
            show(bench("--quick" in arguments))
        except Exception as error:  # noqa: BLE001 - one measurement's failure must not hide the others
            failed = 1
            print(f"  failed: {error!r}")
        print(f"  in {time.monotonic() - began:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
