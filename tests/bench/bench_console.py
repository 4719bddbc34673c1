"""The console as a person has it: ``dialgate console`` in a terminal, from the key to what is painted.

``python -m tests.bench.bench_console [CALLS [SECONDS]]``. Start to first paint; a list of a million calls opened, paged
and filtered, at a running gate; memory after that; keys pressed ten times a second while the gate decides 200 calls a
second, and while a stream tells of 200 snapshots a second; memory over a working day, in a few minutes. Times are those
of the whole way: terminal, console, socket, gate, and back to the picture.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.bench_pages import fill
from tests.bench.bench_store import Row, row
from tests.bench.console_feeds import decisions, snapshots
from tests.bench.proc import resident_mib
from tests.support.painted import Painted
from tests.support.running_gate import ROOT, RunningGate, dialgate

PROGRAM = [sys.executable, "-P", "-m", "gate.cli.main"]
RATE = 200.0
KEY_EVERY = 0.1
ROUNDS = 100
"""Through all modes in a working day: one in five minutes."""
SNAPSHOTS = 28_800
"""Of the calls in hand in eight hours."""
FIRST_ROW = 4
"""Of the list of calls: two status lines, the name of the list, the heading."""
TYPED = {
    "a word of a reason": ("tps", "tps "),
    "a caller": ("alice", "alice"),
    "the beginning of a number": ("02079460", "020 79"),
    "the beginning of a number, in the oldest calls alone": ("0161496", "0161"),
    "what fits nothing": ("zebra", "Nothing fits"),
}
"""What is typed, and what each row shows then."""


BARE = """from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare")
Bare().run()
"""


def console(config: Path, mode: str = "live") -> Painted:
    """``dialgate console`` in 80x24, begun with a mode."""
    return Painted([*PROGRAM, "console", "--mode", mode, "-c", str(config)], cwd=ROOT)


def leave(terminal: Painted) -> int:
    """``q``, which asks first; the exit code."""
    terminal.press("q")
    terminal.until(lambda: "Leave the console?" in terminal.picture.text, 30)
    return terminal.end("\r")


def run(count: int = 1_000_000, seconds: float = 30.0, starts: int = 9, pages: int = 100) -> list[Row]:
    """Rows for the table."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as folder:
        gate = RunningGate(Path(folder) / "gate", announcement=None)
        fill(gate.data / "gate.db", count)
        gate.start()
        try:
            rows = [*start(gate.config, starts), *lists(gate.config, count, pages), *deciding(gate, seconds)]
            rows += day_of_modes(gate, ROUNDS)
        finally:
            gate.stop()
        dialgate("init", str(Path(folder) / "other"), "--example")
        other = Path(folder) / "other"
        return [*rows, *flooded(other, seconds), *day_of_snapshots(other, SNAPSHOTS)]


def told(what: str, times: Sequence[float]) -> Row:
    """Milliseconds: the median, with the 99th percentile and the longest."""
    ordered = sorted(times)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    note = f"99th percentile {high * 1000:.1f}, longest {ordered[-1] * 1000:.1f} of {len(ordered)}"
    return row(what, statistics.median(ordered) * 1000, "ms", note)


# --- start --------------------------------------------------------------------------------------------------------


def start(config: Path, runs: int) -> Iterator[Row]:
    """From exec to the line of modes, and to what the gate says, in turn with a bare Textual app; and what of it is
    Python and Textual alone."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    painted, heard, bare = [], [], []
    for _ in range(runs + 1):
        with Painted([sys.executable, "-P", "-c", BARE], cwd=ROOT) as terminal:
            bare.append(terminal.until(lambda: "bare" in terminal.picture.line(0), 30) - terminal.began)
            terminal.end("\x11")
        with console(config, "today") as terminal:
            painted.append(terminal.until(lambda: "1Live" in terminal.picture.line(0), 30) - terminal.began)
            heard.append(terminal.until(lambda: "gate up" in terminal.picture.line(1), 30) - terminal.began)
            assert leave(terminal) == 0
    for times in (painted, heard, bare):
        del times[0]  # which compiled what no start had loaded before
    yield told("start to the first picture", painted)
    yield told("start to what the gate says", heard)
    yield told("a bare Textual app's first picture", bare)
    ratio = statistics.median(painted) / statistics.median(bare)
    yield row("first picture beside bare Textual's", ratio, "times", "medians, in turn")
    textual = "import textual.app, textual.screen, textual.widgets, textual.containers"
    for what, code in (("Python alone", "pass"), ("Python and Textual, imported", textual)):
        yield told(what, [_took([sys.executable, "-P", "-c", code]) for _ in range(runs)])


def _took(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT)
    return time.perf_counter() - began


# --- lists --------------------------------------------------------------------------------------------------------


def rows_of(terminal: Painted) -> list[str]:
    """The lines of the list of calls; empty while one of them is on its way."""
    picture = terminal.picture
    lines = [picture.line(y)[1:] for y in range(FIRST_ROW, picture.height - 1)]
    return [] if any(line.strip() == "…" for line in lines) else lines


def lists(config: Path, count: int, pages: int) -> Iterator[Row]:
    """The calls opened, paged, filtered; then memory, when every mode was seen."""
    with console(config) as terminal:
        terminal.until(lambda: "gate up" in terminal.picture.line(1), 30)
        pressed = terminal.press("4")
        yield told(f"open {count:,} calls", [terminal.until(lambda: has_rows(terminal)) - pressed])
        first_turn(terminal, "\x06")
        yield told("a screen down", [turned(terminal, "\x06") for _ in range(pages)])
        terminal.press("G")
        terminal.until(lambda: "01 Jan" in terminal.picture.line(22))
        first_turn(terminal, "\x02")
        yield told("a screen up, from the end", [turned(terminal, "\x02") for _ in range(pages)])
        terminal.press("g")
        terminal.idle(0.5)
        for what, (text, shown) in TYPED.items():
            yield told(f"filter: {what}", [filtered(terminal, text, shown) for _ in range(5)])
        for mode in "012356781":
            terminal.press(mode)
            terminal.idle(0.3)
        yield row("memory, at most", terminal.peak_mb(), "MB", "every mode was open")
        assert leave(terminal) == 0


def has_rows(terminal: Painted) -> bool:
    """Calls are on the screen."""
    lines = rows_of(terminal)
    return bool(lines) and all("**" in line for line in lines)


def first_turn(terminal: Painted, key: str) -> None:
    """The cursor goes to the other end of the screen before the first screen is turned."""
    terminal.press(key)
    terminal.idle(0.5)


def turned(terminal: Painted, key: str) -> float:
    """Seconds from a key to other rows on the whole screen."""
    before = rows_of(terminal)
    pressed = terminal.press(key)
    painted = terminal.until(lambda: has_rows(terminal) and rows_of(terminal)[0] != before[0])
    terminal.idle(0.05)
    return painted - pressed


def filtered(terminal: Painted, text: str, shown: str) -> float:
    """Seconds from the last key of a filter to rows that fit it."""
    terminal.press("/")
    terminal.idle(0.1)
    for sign in text[:-1]:
        terminal.press(sign)
        terminal.idle(0.06)

    def fits() -> bool:
        lines = [line for line in rows_of(terminal)[:-1] if line.strip()]
        return bool(lines) and all(shown in line for line in lines) and f"filter: {text}" in terminal.picture.line(2)

    pressed = terminal.press(text[-1])
    painted = terminal.until(fits, 20)
    terminal.press("\x1b")
    terminal.until(lambda: "filter:" not in terminal.picture.line(2) and has_rows(terminal))
    terminal.idle(0.2)
    return painted - pressed


# --- keys under load ----------------------------------------------------------------------------------------------


def deciding(gate: RunningGate, seconds: float) -> Iterator[Row]:
    """Keys while the gate decides."""
    with console(gate.config) as terminal, decisions(gate.socket, RATE) as made:
        terminal.until(lambda: "gate up" in terminal.picture.line(1), 30)
        began, before = time.monotonic(), made.value
        live = pressing(terminal, itertools.cycle([("p", paused(terminal)), ("p", going(terminal))]), seconds / 3)
        terminal.press("4")
        terminal.until(lambda: has_rows(terminal))
        terminal.idle(0.5)
        moves = pressing(terminal, up_and_down(terminal), seconds / 3)
        modes = pressing(terminal, itertools.cycle([("1", mode(terminal, 1)), ("4", mode(terminal, 4))]), seconds / 3)
        rate = (made.value - before) / (time.monotonic() - began)
        yield row("decisions at the gate meanwhile", rate, "a second", f"wanted: {RATE:.0f}")
        yield told("a key on the live picture", live)
        yield told("a key in the list of calls", moves)
        yield told("a key to another mode", modes)
        yield row("memory, at most, with the list that grows", terminal.peak_mb(), "MB")
        assert leave(terminal) == 0


def flooded(folder: Path, seconds: float) -> Iterator[Row]:
    """Keys while 200 snapshots a second come in."""
    with snapshots(folder / "data" / "control.sock", RATE) as told_of, console(folder / "config.toml") as terminal:
        terminal.until(lambda: cursor(terminal) is not None, 30)
        began, before = time.monotonic(), told_of.value
        keys = pressing(terminal, up_and_down(terminal), seconds)
        rate = (told_of.value - before) / (time.monotonic() - began)
        yield row("snapshots that the console was told", rate, "a second", f"wanted: {RATE:.0f}")
        yield told("a key among 30 calls in hand", keys)
        yield row("memory, at most, with that stream", terminal.peak_mb(), "MB")
        assert leave(terminal) == 0


# --- a day in a few minutes -----------------------------------------------------------------------------------------


def day_of_modes(gate: RunningGate, rounds: int) -> Iterator[Row]:
    """Through every mode, and a search in the calls, again and again, while the gate decides."""
    with console(gate.config) as terminal, decisions(gate.socket, RATE / 4):
        terminal.until(lambda: "gate up" in terminal.picture.line(1), 30)

        def after() -> Iterator[float]:
            for _ in range(rounds):
                for key in "023567814":
                    terminal.press(key)
                    terminal.idle(0.15)
                terminal.press("/")
                for sign in "tps":
                    terminal.press(sign)
                    terminal.idle(0.06)
                terminal.until(lambda: "filter: tps" in terminal.picture.line(2))
                terminal.press("\x1b")
                terminal.until(lambda: "filter:" not in terminal.picture.line(2))
                yield resident_mib(terminal.process.pid)

        yield grown(f"memory after {rounds} rounds through every mode", list(after()))
        assert leave(terminal) == 0


def day_of_snapshots(folder: Path, count: int) -> Iterator[Row]:
    """So many pictures of the calls in hand, as fast as they can be painted."""
    with snapshots(folder / "data" / "control.sock", 2 * RATE) as told_of, console(folder / "config.toml") as terminal:
        terminal.until(lambda: cursor(terminal) is not None, 30)

        def after() -> Iterator[float]:
            while told_of.value < count:
                terminal.idle(0.5)
                yield resident_mib(terminal.process.pid)

        yield grown(f"memory after {count:,} snapshots of calls in hand", list(after()))
        assert leave(terminal) == 0


def grown(what: str, sizes: Sequence[float]) -> Row:
    """MB at the end, with the growth since a tenth of the way, when it has warmed up."""
    warm = sizes[len(sizes) // 10]
    return row(what, sizes[-1], "MB", f"{100 * (sizes[-1] / warm - 1):+.1f} % since a tenth of the way")


Keys = Iterator[tuple[str, Callable[[], bool]]]
"""A key, and what says on the picture that it was answered."""


def pressing(terminal: Painted, keys: Keys, seconds: float) -> list[float]:
    """A key every tenth of a second; seconds until each was answered."""
    times = []
    for _ in range(int(seconds / KEY_EVERY)):
        key, answered = next(keys)
        pressed = terminal.press(key)
        times.append(terminal.until(answered) - pressed)
        terminal.idle(max(0.0, pressed + KEY_EVERY - time.perf_counter()))
    return times


def up_and_down(terminal: Painted) -> Keys:
    """The cursor of a table some lines down, and up again; the rows below it may change meanwhile."""

    def at(line: int) -> Callable[[], bool]:
        return lambda: cursor(terminal) == line

    first = cursor(terminal)
    assert first is not None, terminal.picture.text
    while True:
        for by in (1, 2, 3):
            yield "j", at(first + by)
        for by in (2, 1, 0):
            yield "k", at(first + by)


def cursor(terminal: Painted) -> int | None:
    """The line of the call that the cursor is on; a heading painted before the rows is none."""
    line = terminal.picture.marked(range(FIRST_ROW, 12))
    return line if line is not None and "**" in terminal.picture.line(line) else None


def paused(terminal: Painted) -> Callable[[], bool]:
    """The live picture stands."""
    return lambda: "STANDS STILL" in terminal.picture.text


def going(terminal: Painted) -> Callable[[], bool]:
    """It goes on."""
    return lambda: "STANDS STILL" not in terminal.picture.text


def mode(terminal: Painted, number: int) -> Callable[[], bool]:
    """Another mode's list is there."""
    heading = {1: "Notice", 4: "Verdict"}[number]

    def there() -> bool:
        above = [terminal.picture.line(y) for y in range(3, 12)]  # below what needs somebody, where anything does
        return any(heading in line for line in above) and (number == 1 or has_rows(terminal))

    return there


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    for line in run(int(given[0]) if given else 1_000_000, given[1] if len(given) > 1 else 30.0):
        print(line)
