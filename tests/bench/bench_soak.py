"""A gate under calls for a long time: do memory, descriptors and threads stay as they are?

    python -m tests.bench.bench_soak [SECONDS [RATE]]

So many calls a second come, announced and recorded, from SIPp's stock ``uac``. Besides there are always 50 calls with
audio both ways, a minute each: their callers send, and SIPp's ``uas`` sends back what it hears. Gate and recorder are
looked at all the while. Growth is that from the tenth of the time after the first quarter, in which everything gets
warm, to the last tenth.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from tests.bench.bench_bridge import complete_calls
from tests.bench.bench_capacity import served
from tests.bench.bench_media import Callers, many_descriptors, speak
from tests.bench.proc import cpu_seconds, descriptors, resident_mib, threads
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sipp import Result, Sipp

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""
SAMPLES = 240
LOOKED_AT: dict[str, Callable[[int], float]] = {
    "memory": resident_mib, "descriptors": descriptors, "threads": threads,
}  # fmt: skip
UNITS = {"memory": "MiB", "descriptors": "", "threads": ""}
TALK = 60.0
"""Seconds of a call with audio."""


class Samples:
    """What some processes have, looked at often enough; a context manager."""

    def __init__(self, pids: dict[str, int], seconds: float) -> None:
        self._pids, self._every = pids, seconds / SAMPLES
        self.taken: dict[tuple[str, str], list[float]] = {(who, what): [] for who in pids for what in LOOKED_AT}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Samples:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        for _ in range(SAMPLES):  # not beyond the time: then the calls end
            if self._stop.wait(self._every):
                return
            with suppress(OSError):
                for (who, what), values in self.taken.items():
                    values.append(float(LOOKED_AT[what](self._pids[who])))


def growth(values: list[float]) -> tuple[float, float]:
    """Median of the tenth that follows the first quarter, and of the last tenth."""
    tenth = max(1, len(values) // 10)
    warm = len(values) // 4
    return statistics.median(values[warm : warm + tenth]), statistics.median(values[-tenth:])


def talking(gate: RunningGate, count: int, seconds: float) -> int:
    """Calls with audio, one round after the other; how many there were."""
    end, made = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 2:
        callers = Callers(gate, count)
        missing = callers.dial()
        assert not missing, f"{missing} of {count} calls with audio were not connected"
        speak(callers.parties, min(TALK, left))
        assert min(len(party.heard()) for party in callers.parties) > 0, "somebody heard nothing"
        callers.hang_up()
        callers.close()
        made += count
    return made


def through_sipp(gate: RunningGate, rate: float, seconds: float) -> Result:
    """Calls without audio."""
    count = int(rate * seconds)
    return Sipp(
        "uac", remote=gate.address, calls=count, rate=rate, service=UNLISTED, timeout=seconds + 90, trace=False,
        extra=("-l", "100000"),
    ).result()  # fmt: skip


def run(seconds: float = 1200.0, rate: float = 60.0, talkers: int = 50) -> list[Row]:
    """Each figure at the end; in the note its growth."""
    many_descriptors()
    count = int(rate * seconds)
    with served() as gate:
        assert gate.process is not None
        pids = {"gate": gate.process.pid, "recorder": gate.recorder_pid()}
        far = Sipp(
            "uas", port=gate.trunk_port, calls=10 * count + 10_000, timeout=seconds + 200, trace=False,
            extra=("-rtp_echo",),
        )  # fmt: skip
        far.wait_listening()
        before, began = {who: cpu_seconds(pid) for who, pid in pids.items()}, time.monotonic()
        with Samples(pids, seconds) as samples, ThreadPoolExecutor(1) as beside:
            spoken = beside.submit(talking, gate, talkers, seconds)
            near = through_sipp(gate, rate, seconds)
            talked = spoken.result()
        elapsed = time.monotonic() - began
        spent = {who: cpu_seconds(pid) - before[who] for who, pid in pids.items()}
        gate.wait(lambda: not gate.client.call("status")["calls"], 60, "calls are left")
        far.stop()
        kept = complete_calls(gate)
    rows = [
        _row("calls", near.successful, "", f"{rate:g} a second for {elapsed:.0f} s"),
        _row("calls failed", count - near.successful, "", f"{near.retransmissions} messages sent again"),
        _row("calls with audio", talked, "", f"{talkers} at once"),
        _row("calls with all their leaves", kept, "", "log verified"),
    ]
    rows += [_row(f"processor, {who}", each / elapsed, "cores") for who, each in spent.items()]
    for (who, what), values in samples.taken.items():
        warm, last = growth(values)
        note = f"{100 * (last / warm - 1):+.1f} % from {warm:,.1f} when warm; {max(values):,.1f} at most"
        rows.append(_row(f"{what}, {who}", last, UNITS[what], note))
    return rows


def _row(what: str, figure: float, unit: str, note: str = "") -> Row:
    return {"what": what, "tool": "dialgate", "figure": round(float(figure), 2), "unit": unit, "note": note}


def main() -> None:
    """Print the rows."""
    for row in run(*(float(word) for word in sys.argv[1:3])):
        print(f"{row['what']:35} {row['figure']:12,.2f} {row['unit']:6} {row['note']}")


if __name__ == "__main__":
    main()
