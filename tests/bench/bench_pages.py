"""Pages of a million calls, asked of a running gate as a console asks: ``python -m tests.bench.bench_pages [CALLS]``.

The calls are put into the database in bulk, without facts (a million of those take minutes, and no page reads them),
spread over a year: of four accounts, fifty thousand numbers and all reasons. Then: the first page, pages one after the
other and at random places, the end, and filters as they are typed, each by a client over the socket.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.core.evidence import stamp
from gate.core.terms import ALLOWING, Reason
from gate.store.reader import open_writer
from tests.bench.bench_store import Row, row
from tests.support.running_gate import RunningGate

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEAR_SECONDS = 365 * 86400
LIMIT = 50
TYPED = {
    "a whole number": "020 7946 0123",
    "the beginning of a number, in one call of twenty": "020 7946",
    "the beginning of a number, in all calls": "0207",
    "the beginning of a number that no call has": "0207 9999",
    "the beginning of a number, in the oldest calls alone": "0161",
    "a word of a reason": "tps",
    "a reason that few calls have": "loop",
    "an account": "alice",
    "the beginning of an id": "abcd",
    "what fits nothing": "zebra",
}
_COLUMNS = (
    "leaf_index, call_id, at, number, raw, presentation, purpose, topic, claimed_by, source, verdict, reason,"
    " answered_at, connected_at, ended_at, seconds, bridged"
)


def calls(count: int) -> Iterator[tuple[Any, ...]]:
    """Rows of ``calls``, the oldest first; the same ones each time."""
    chance = random.Random(7)
    reasons = [Reason.NOT_LISTED] * 60 + [Reason.LISTED_TPS] * 25 + list(Reason)
    accounts = ["account:alice", "account:bob", "trunk:pbx1", "account:carol"]
    step = YEAR_SECONDS / count
    for n in range(count):
        reason = chance.choice(reasons)
        at = stamp(BEGIN + timedelta(seconds=step * n))
        number = f"+4420{chance.randrange(50_000):08}"
        if n < count // 100:
            number = f"+44161496{chance.randrange(1000):04}"
        elif n % 20 == 0:
            number = f"+442079460{chance.randrange(1000):03}"
        done = at if reason in ALLOWING else None
        verdict, seconds, bridged = ("allow", 31.5, 1) if done else ("block", None, None)
        key, who = f"{chance.getrandbits(128):032x}", chance.choice(accounts)
        what = (key, at, number, f"0{number[3:]}", "+442079460000", "marketing", "general", who, "127.0.0.1:5062")
        yield (n - count, *what, verdict, reason.value, done, done, done, seconds, bridged)


def fill(path: Path, count: int) -> float:
    """Put the calls into a store's database; returns the seconds it took."""
    began = time.perf_counter()
    connection = open_writer(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    marks = ", ".join("?" * len(_COLUMNS.split(",")))
    connection.executemany(f"INSERT INTO calls ({_COLUMNS}) VALUES ({marks})", calls(count))  # noqa: S608
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return time.perf_counter() - began


def asked(gate: RunningGate, **fields: Any) -> tuple[float, dict[str, Any]]:
    """A page as the console asks for it: milliseconds, and the page."""
    began = time.perf_counter()
    page = gate.client.call("calls_list", limit=LIMIT, masked=True, **fields)
    return (time.perf_counter() - began) * 1000, page


def turned(gate: RunningGate, name: str, first: str | None, pages: int) -> list[float]:
    """Pages one after the other, in one direction."""
    times, cursor = [], first
    for _ in range(pages):
        took, page = asked(gate, **{name: cursor})
        times.append(took)
        cursor = page["next" if name == "after" else "prev"]
        if cursor is None:
            break
    return times


def jumped(gate: RunningGate, pages: int) -> list[float]:
    """Pages at places all over the list."""
    chance = random.Random(11)
    places = [stamp(BEGIN + timedelta(seconds=chance.randrange(YEAR_SECONDS))) for _ in range(pages)]
    return [asked(gate, after=f"{at} z")[0] for at in places]


def run(count: int, pages: int = 100) -> list[Row]:
    """Rows for the table."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as folder:
        gate = RunningGate(Path(folder) / "gate", announcement=None)
        filled = fill(gate.data / "gate.db", count)
        gate.start()
        try:
            return [row("filled in bulk", filled, "s"), *measure(gate, count, pages)]
        finally:
            gate.stop()


def measure(gate: RunningGate, count: int, pages: int) -> Iterator[Row]:
    """What a console would wait for."""

    def told(what: str, times: list[float], unit: str = "ms") -> Row:
        return row(what, statistics.median(times), unit, note=f"worst {max(times):.1f} of {len(times)}")

    took, page = asked(gate)
    assert len(page["items"]) == LIMIT
    yield row(f"open: the first page of {count:,}", took, "ms")
    yield told("a page after a page", turned(gate, "after", page["next"], pages))
    yield told("a page before a page, from the end", turned(gate, "before", "end", pages))
    yield told("a page anywhere", jumped(gate, pages))
    for what, text in TYPED.items():
        times = [asked(gate, text=text)[0] for _ in range(7)]
        yield told(f"filter: {what}", times)
    yield row("database", sizes(gate.data / "gate.db"), "MB")


def sizes(path: Path) -> float:
    """Megabytes of the file."""
    connection = sqlite3.connect(path)
    try:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    finally:
        connection.close()
    return float(pages * size) / 1e6


if __name__ == "__main__":
    for line in run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(line)
