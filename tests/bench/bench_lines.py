"""Both lines beside each other, in the same seconds: processor for a call and for a refusal, and Python functions.

    python -m tests.bench.bench_lines [calls] [refusals] [functions] [profile] [--rounds N] [--seconds N]

Each line runs alone, in a process of its own: no store, recorder or relay, and a call manager that answers from a
table, so that what it takes is the line. Processor is the kernel's (``schedstat``, nanoseconds); never the clock's.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import CodeType, FrameType
from typing import Any

from gate.daemon.process import set_for_calls, stay_on_one_core
from gate.ports import Incoming
from tests.bench.bench_bridge import calls_through
from tests.bench.proc import family
from tests.support.running_gate import LISTED, free_port
from tests.support.sip_line import NUMBER, PRESENTED, PassThrough, RunningLine, ScriptedCallManager, config_for
from tests.support.sipp import Sipp

LINES = ("", "tables")
Work = Callable[["Alone", float, float], int]


class Manager(ScriptedCallManager):
    """Keeps nothing."""

    def _see(self, *what: str) -> None:
        pass

    def incoming(self, incoming: Incoming) -> None:
        assert self.line is not None
        if incoming.attempt.raw_number == LISTED:
            self.line.refuse(incoming.call_id, "listed_tps", incoming.call_id, "This number is on the TPS.")
        else:
            self.line.invite(incoming.call_id, NUMBER, PRESENTED, "Example Sales Ltd")

    def answered(self, call_id: str, codec: str, trunk: str = "") -> None:
        line = self.line
        assert line is not None
        line.early_media(call_id)
        line.after(1.0, lambda: line.connect(call_id))

    def media_changed(self, call_id: str, payloads: Any) -> None:
        pass

    def legs_ended(self, call_id: str, outcomes: Any, kept: Callable[[], None]) -> None:
        pass


class Relay(PassThrough):
    """Keeps nothing, and answers later, as the real one does."""

    def open(self, call_id: str, signalled: str = "", *, phone: bool = False) -> None:
        pass

    rings = open  # type: ignore[assignment]

    def close(self, call_id: str) -> None:
        pass

    def caller_sdp(self, call_id: str, body: Any, done: Any) -> None:
        self.later(lambda: done(body, None))

    callee_sdp = caller_sdp


# --- in the process of a line ---------------------------------------------------------------------------------------

_COUNTS: dict[str, Counter[CodeType]] = {}
_PROFILE = cProfile.Profile(time.thread_time)


def _first(frame: FrameType, event: str, value: Any) -> None:
    """The first event of a thread: from then on it has a counter of its own."""
    name = threading.current_thread().name
    if os.environ["LINE_LOOKS"] == "profile":
        sys.setprofile(None)
        if name == "line":
            _PROFILE.enable()
        return
    counts = _COUNTS.setdefault(name, Counter())

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            counts[frame.f_code] += 1

    sys.setprofile(count)


def _write(_: int, __: FrameType | None) -> None:
    places: Counter[str] = Counter()
    for counts in list(_COUNTS.values()):
        for code, number in counts.copy().items():
            places[f"{code.co_filename}:{code.co_name}"] += number
        counts.clear()
    path = os.environ["LINE_FILE"]
    if os.environ.get("LINE_LOOKS") == "profile":
        _PROFILE.dump_stats(f"{path}.profile")
    Path(f"{path}.new").write_text(json.dumps(dict(places)))
    Path(f"{path}.new").replace(path)


def serve(port: int, trunk_port: int) -> None:
    """A line, until SIGTERM."""
    if os.environ.get("LINE_LOOKS"):
        threading.setprofile(_first)
    signal.signal(signal.SIGUSR2, _write)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    running = RunningLine(config_for(f"127.0.0.1:{trunk_port}", listen=f"127.0.0.1:{port}"), Manager())
    running.relay.__class__ = Relay
    with running:
        set_for_calls()
        stay_on_one_core()
        done.wait()


# --- outside of it --------------------------------------------------------------------------------------------------


class Alone:
    """A line in a process of its own."""

    def __init__(self, folder: Path, line: str, looks: str = "") -> None:
        self.line, self.file = line, folder / f"looks-{line}"
        self.trunk_port, port = free_port(), free_port()
        self.address = ("127.0.0.1", port)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bench_lines", "serve", str(port), str(self.trunk_port)],
            env={**os.environ, "DIALGATE_LINE": line, "LINE_FILE": str(self.file), "LINE_LOOKS": looks},
        )  # fmt: skip
        end = time.monotonic() + 30
        while f":{port:04X} " not in Path("/proc/net/udp").read_text():
            assert self.process.poll() is None and time.monotonic() < end, "the line did not start"
            time.sleep(0.1)

    def look(self) -> dict[str, int]:
        """Functions entered since the last time, by place."""
        self.file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        end = time.monotonic() + 30
        while not self.file.exists():
            assert time.monotonic() < end, "it does not look at itself"
            time.sleep(0.02)
        return dict(json.loads(self.file.read_text()))

    def milliseconds(self) -> float:
        """Of processor so far."""
        tasks = [task for pid in family(self.process.pid) for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


def calls(line: Alone, rate: float, seconds: float) -> int:
    """Calls through it."""
    near, far = calls_through(None, line.address, line.trunk_port, rate, seconds)
    if near.failed or far.failed or near.retransmissions:
        print(f"    {line.line or 'sippy'}: {near.failed} calls failed, {near.retransmissions} sent again", flush=True)
    return int(rate * seconds)


def refusals(line: Alone, rate: float, seconds: float) -> int:
    """Calls to a listed number."""
    count = int(rate * seconds)
    words = ("-l", "2000")
    near = Sipp(
        "uac", remote=line.address, calls=count, rate=rate, service=LISTED, timeout=seconds + 30, trace=False,
        extra=words,
    ).result()  # fmt: skip
    if near.failed != count or near.retransmissions > count // 100:
        print(f"    {line.line or 'sippy'}: {near.failed} of {count} refused, {near.retransmissions} sent again")
    return count


def _spent(line: Alone, work: Work, rate: float, seconds: float) -> float:
    before = line.milliseconds()
    count = work(line, rate, seconds)
    return (line.milliseconds() - before) / count


def both_at_once(work: Work, rate: float, seconds: float, rounds: int) -> None:
    """Print milliseconds of processor each."""
    with tempfile.TemporaryDirectory(prefix="lines-") as place, ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        lines = [Alone(Path(place), line) for line in LINES]
        for line in lines:
            stack.callback(line.stop)
            work(line, 5, 4)
        found: list[list[float]] = [[], []]
        for number in range(rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            runs = {at: pool.submit(_spent, lines[at], work, rate, seconds) for at in order}
            for at, run in runs.items():
                found[at].append(run.result())
    ratios = sorted(now / was for was, now in zip(*found, strict=True))
    was, now = median(found[0]), median(found[1])
    print(
        f"{work.__name__} at {rate:g}/s: sippy {was:.3f}, tables {now:.3f} ms, {now / was - 1:+.1%}"
        f" (round by round {', '.join(f'{ratio - 1:+.1%}' for ratio in ratios)}; load {os.getloadavg()[0]:.1f})",
        flush=True,
    )


def looked_at(looks: str, work: Work, count: int, names: tuple[str, ...] = LINES) -> None:
    """Print functions entered, or a profile of the line's thread."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix="lines-") as place:
            line = Alone(Path(place), name, looks)
            work(line, 5, 4)
            line.look()
            work(line, 10, count / 10)
            places = Counter(line.look())
            line.stop()
            print(f"{work.__name__}, {name or 'sippy'}: {sum(places.values()) / count:,.0f} Python functions each")
            for each, number in places.most_common(int(os.environ.get("LINE_TOP", "0"))):
                print(f"  {number / count:8.1f} {each.rpartition('/g5/')[2] or each}")
            if looks == "profile":
                for by in ("tottime", "cumtime"):
                    pstats.Stats(f"{line.file}.profile").sort_stats(by).print_stats(70)


def main(words: list[str]) -> None:
    """Those named, or all but the profile."""
    if words[:1] == ["serve"]:
        serve(int(words[1]), int(words[2]))
        return
    rounds = int(words[words.index("--rounds") + 1]) if "--rounds" in words else 5
    seconds = float(words[words.index("--seconds") + 1]) if "--seconds" in words else 6
    named = [word for word in words if word in ("calls", "refusals", "functions", "profile")]
    for name in named or ["calls", "refusals", "functions"]:
        if name == "calls":
            both_at_once(calls, 10, 2 * seconds, rounds)
            both_at_once(calls, 50, seconds, rounds)
        elif name == "refusals":
            both_at_once(refusals, 700, seconds, rounds)
        else:
            for work in (calls, refusals):
                looked_at(name, work, 100, LINES if name == "functions" else LINES[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
