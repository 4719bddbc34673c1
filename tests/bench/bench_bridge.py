"""SIPp's stock ``uac`` and ``uas``, unmodified, through a whole gate.

    python -m tests.bench.bench_bridge [RATE [SECONDS]]

Every call is screened, its decision durable before the INVITE leaves; the callee hears an announcement of one second;
then both are bridged and recorded. SIPp sends no audio. In the same run, the same load through sippy's own
``b2bua_radius``, which neither screens, nor announces, nor touches media: as it comes, and with the two faults mended
that make it fail SIPp's scenarios (``b2bua_mended``); and under a small load both at once. Then refusals: INVITEs for a
listed number, each a leaf.

Response times are SIPp's: from INVITE to 200. Shares are of one core. That of the whole machine, whoever used it, is
counted by the kernel's ticks and misses work that is shorter than one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.proc import cpu_seconds, descriptors, machine_busy, resident_mib, threads
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port, running
from tests.support.sipp import Result, Sipp

ANNOUNCEMENT = 1.0
KINDS = ("decision", "answered", "announced", "recording_opened", "connected", "recording_closed", "ended")
Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""
Run = tuple[Result, Result]
"""What the caller counted, and what the callee did."""


@dataclass
class Watch:
    """Processor shares and peaks of some processes while something runs."""

    pids: dict[str, int]
    shares: dict[str, float] = field(default_factory=dict)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    most_descriptors: int = 0
    most_threads: int = 0
    seconds: float = 0.0

    def over(self, work: Callable[[], Any]) -> Any:
        """Run ``work`` and watch."""
        before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        resident = {name: resident_mib(pid) for name, pid in self.pids.items()}
        busy, began = machine_busy()[0], time.perf_counter()
        stop = threading.Event()
        watcher = threading.Thread(target=self._peaks, args=(stop,))
        watcher.start()
        try:
            result = work()
        finally:
            stop.set()
            watcher.join()
        self.seconds = time.perf_counter() - began
        self.shares = {name: (cpu_seconds(pid) - before[name]) / self.seconds for name, pid in self.pids.items()}
        self.shares["machine"] = (machine_busy()[0] - busy) / self.seconds
        self.memory = {name: (resident[name], resident_mib(pid)) for name, pid in self.pids.items()}
        return result

    def _peaks(self, stop: threading.Event) -> None:
        first = next(iter(self.pids.values()))
        while not stop.wait(1.0):
            with suppress(OSError):
                self.most_descriptors = max(self.most_descriptors, descriptors(first))
                self.most_threads = max(self.most_threads, threads(first))


def calls_through(
    watch: Watch | None, remote: tuple[str, int], far_port: int, rate: float, seconds: float, *extra: str
) -> Run:
    """SIPp's stock scenarios, watched from the first INVITE to the last BYE; ``extra``: more words for the caller."""
    count, longest = int(rate * seconds), seconds + 60
    far = Sipp("uas", port=far_port, calls=count, timeout=longest + 20, trace=False)
    far.wait_listening()

    def calling() -> Result:
        return Sipp(
            "uac", remote=remote, calls=count, rate=rate, service=UNLISTED, timeout=longest, trace=False,
            extra=("-l", str(count), *extra),
        ).result()  # fmt: skip

    near = watch.over(calling) if watch else calling()
    return near, far.result(8) if near.failed == 0 else far.stop()


def response_ms(result: Result) -> tuple[float, float]:
    """SIPp's mean and deviation of the time from INVITE to 200, milliseconds."""
    return _ms(result.stats["ResponseTime1(C)"]), _ms(result.stats["ResponseTime1StDev(C)"])


def _ms(text: str) -> float:
    hours, minutes, seconds, micros = (int(part) for part in text.split(":"))
    return (hours * 3600 + minutes * 60 + seconds) * 1000 + micros / 1000


def through_the_gate(rate: float, seconds: float) -> list[Row]:
    """The gate; raises ``AssertionError`` where a call failed or lacks a leaf."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        with running(Path(place) / "gate", announcement=ANNOUNCEMENT) as gate:
            assert gate.process is not None
            watch = Watch({"gate": gate.process.pid, "recorder": gate.recorder_pid()})
            near, far = calls_through(watch, gate.address, gate.trunk_port, rate, seconds)
            gate.wait(lambda: not gate.client.call("status")["calls"], 30, "calls are left")
            assert gate.stop() == 0
        kept = complete_calls(gate)
        size = gate.verified()["size"]
        log_bytes = gate.log.stat().st_size
        data_bytes = sum(file.stat().st_size for file in gate.data.glob("*.db*"))
    count = int(rate * seconds)
    assert near.failed == far.failed == 0, f"{near.failed} calls failed\n{near.errors[-2000:]}"
    assert kept == near.successful == count, f"{kept} of {count} calls have all their leaves"
    mean, deviation = response_ms(near)
    first, last = watch.memory["gate"]
    return [
        _row("calls", "dialgate", near.successful, "", f"{rate:g} a second"),
        _row("calls failed", "dialgate", near.failed, ""),
        _row("calls with all their leaves", "dialgate", kept, "", f"log of {size} verified"),
        _row("SIP retransmissions of the caller", "dialgate", near.retransmissions, ""),
        _row(
            "INVITE to 200, less the announcement", "dialgate", mean - 1000 * ANNOUNCEMENT, "ms", f"± {deviation:.0f}"
        ),
        _row("processor, gate", "dialgate", watch.shares["gate"], "cores"),
        _row("processor, recorder", "dialgate", watch.shares["recorder"], "cores"),
        _row("processor, whole machine", "dialgate", watch.shares["machine"], "cores", f"of {os.cpu_count()}"),
        _row("processor per call, gate", "dialgate", 1000 * watch.shares["gate"] * watch.seconds / count, "ms"),
        _row("memory, gate", "dialgate", last, "MiB", f"{first:.0f} at the start"),
        _row("memory, recorder", "dialgate", watch.memory["recorder"][1], "MiB"),
        _row("descriptors, gate, most", "dialgate", watch.most_descriptors, ""),
        _row("threads, gate, most", "dialgate", watch.most_threads, ""),
        _row("evidence per call", "dialgate", data_bytes / count / 1024, "KiB"),
        _row("log per call", "dialgate", log_bytes / count, "bytes"),
    ]


def complete_calls(gate: RunningGate) -> int:
    """How many calls have each of their leaves, once, and a closed recording."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in gate.rows("SELECT call_id, kind FROM facts WHERE call_id IS NOT NULL"):
        counts[row["call_id"]][row["kind"]] += 1
    return sum(count == dict.fromkeys(KINDS, 1) for count in counts.values())


@contextmanager
def sippys_own(*, mended: bool) -> Iterator[tuple[int, int, int]]:
    """``b2bua_radius`` with a static route, no authentication, no accounting, no media, no log: its process, its port,
    and the port that it calls on."""
    program = [sys.executable, "-m", "tests.bench.b2bua_mended"] if mended else [_beside("b2bua_radius")]
    near_port, far_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        options = ["-f", "-u", "-D", "-A", "0", "-l", "127.0.0.1", "-p", str(near_port), "-s", f"127.0.0.1:{far_port}"]
        options += ["-P", f"{place}/pid", "-L", f"{place}/log", "-c", f"{place}/socket"]
        process = subprocess.Popen(
            [*program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "SIPLOG_BEND": "none"},
        )  # fmt: skip
        try:
            time.sleep(2.0)
            yield process.pid, near_port, far_port
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def through_sippy(rate: float, seconds: float, *, mended: bool) -> list[Row]:
    """``b2bua_radius``."""
    tool = "b2bua_radius, mended" if mended else "b2bua_radius"
    with sippys_own(mended=mended) as (pid, near_port, far_port):
        watch = Watch({"b2bua": pid})
        near, far = calls_through(watch, ("127.0.0.1", near_port), far_port, rate, seconds)
    mean, deviation = response_ms(near)
    count = int(rate * seconds)
    unended = count - far.successful
    return [
        _row("calls failed", tool, near.failed, ""),
        _row("calls whose far end heard no BYE", tool, unended, ""),
        _row("SIP retransmissions of the caller", tool, near.retransmissions, ""),
        _row("INVITE to 200", tool, mean, "ms", f"± {deviation:.0f}"),
        _row("processor", tool, watch.shares["b2bua"], "cores"),
        _row("processor, whole machine", tool, watch.shares["machine"], "cores", f"of {os.cpu_count()}"),
        _row("processor per call", tool, 1000 * watch.shares["b2bua"] * watch.seconds / count, "ms"),
        _row("memory", tool, watch.memory["b2bua"][1], "MiB"),
    ]


def side_by_side(rate: float = 10, seconds: float = 15) -> list[Row]:
    """The gate and ``b2bua_radius``, mended, under the same small load at once.

    What a call costs changes with the hour, their ratio in the same seconds less. Each has had calls before, so that
    its start is not counted."""
    with (
        tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place,
        running(Path(place) / "gate", announcement=ANNOUNCEMENT) as gate,
        sippys_own(mended=True) as (pid, near_port, far_port),
        ThreadPoolExecutor(2) as both,
    ):
        assert gate.process is not None
        ours, bare = Watch({"gate": gate.process.pid}), Watch({"b2bua": pid})
        ways = ((ours, gate.address, gate.trunk_port), (bare, ("127.0.0.1", near_port), far_port))
        for length in (2.0, seconds):
            began = [both.submit(calls_through, watch, to, far, rate, length) for watch, to, far in ways]
            runs = [each.result() for each in began]
    count = int(rate * seconds)
    assert [near.failed for near, _ in runs] == [0, 0], "calls failed"
    costs = [1000 * watch.shares[who] * watch.seconds / count for watch, who in ((ours, "gate"), (bare, "b2bua"))]
    note = f"side by side, {rate:g} a second, load average {os.getloadavg()[0]:.1f}"
    return [
        _row("processor per call, gate", "dialgate", costs[0], "ms", note),
        _row("processor per call", "b2bua_radius, mended", costs[1], "ms", note),
        _row("gate / b2bua_radius, processor per call", "ratio", costs[0] / costs[1], "×", note),
    ]


def _beside(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def refusals(rate: float, seconds: float) -> list[Row]:
    """INVITEs for a listed number: every one a durable decision, then 603."""
    count = int(rate * seconds)
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        with running(Path(place) / "gate") as gate:
            assert gate.process is not None
            watch = Watch({"gate": gate.process.pid})

            def work() -> Result:
                return Sipp(
                    "uac", remote=gate.address, calls=count, rate=rate, service=LISTED, timeout=seconds + 30,
                    trace=False, extra=("-l", "2000"),
                ).result()  # fmt: skip

            near = watch.over(work)
            assert gate.stop() == 0
        kept = gate.rows("SELECT count(*) AS n FROM calls WHERE verdict = 'block' AND reason = 'listed_tps'")[0]["n"]
        gate.verified()
    assert near.successful == 0 and near.failed == kept == count, (near.failed, kept, count)
    return [
        _row("refusals, each with its leaf", "dialgate", kept / watch.seconds, "a second", f"{rate:g} asked for"),
        _row("SIP retransmissions of the caller", "dialgate", near.retransmissions, "", "refusals"),
        _row("processor, gate", "dialgate", watch.shares["gate"], "cores", "refusals"),
        _row("processor per refusal", "dialgate", 1000 * watch.shares["gate"] * watch.seconds / count, "ms"),
    ]


def _row(what: str, tool: str, figure: float, unit: str, note: str = "") -> Row:
    return {"what": what, "tool": tool, "figure": round(float(figure), 2), "unit": unit, "note": note}


def run(rate: float = 100, seconds: float = 60) -> list[Row]:
    """All rows."""
    rows = through_the_gate(rate, seconds)
    for mended in (False, True):
        rows += through_sippy(rate, seconds, mended=mended)
    rows += ratios(rows) + side_by_side(10, min(seconds, 15))
    return rows + refusals(600 if seconds >= 30 else 200, min(seconds, 15))


def ratios(rows: list[Row]) -> list[Row]:
    """What the gate costs beside bare SIP."""
    gate, recorder = (_figure(rows, f"processor, {who}", "dialgate") for who in ("gate", "recorder"))
    bare = _figure(rows, "processor", "b2bua_radius, mended")
    return [
        _row("gate / b2bua_radius, processor", "ratio", gate / bare, "×"),
        _row("gate and recorder / b2bua_radius, processor", "ratio", (gate + recorder) / bare, "×"),
    ]


def _figure(rows: list[Row], what: str, tool: str) -> float:
    return float(next(row["figure"] for row in rows if row["what"] == what and row["tool"] == tool))


def main() -> None:
    """Print the rows."""
    for row in run(*(float(argument) for argument in sys.argv[1:3])):
        print(f"{row['tool']:22} {row['what']:45} {row['figure']:12,.2f} {row['unit']:9} {row['note']}")


if __name__ == "__main__":
    main()
