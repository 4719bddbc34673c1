"""What is held of a person, found among a million calls: ``python -m tests.bench.bench_requests [CALLS] [FACTS]``.

The search of a data-subject request over the desk, commit included, by number and by time; then an erasure, for which
every fact is looked through for the number. Calls are written in bulk, not as a gate would.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.config import load
from gate.core.evidence import stamp
from gate.core.request_words import Asks
from gate.daemon.opening import open_folder
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.requests.course import Decide, Open, VerifyIdentity
from gate.operations.requests.searching import Search
from gate.ports import Fact
from tests.bench.bench_store import Row, row
from tests.support.asking import ask
from tests.support.evidence import decision
from tests.support.running_gate import dialgate

ANN = "user:ann(1000)"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BUSY, QUIET = "+442079460123", "+447700900042"
"""One called ten thousand times in a million, and one called twelve times."""
ROUNDS = 20
_COUNT = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
_NUMBER = (
    f"CASE WHEN i % 100 = 7 THEN '{BUSY}' WHEN i % 83333 = 5 THEN '{QUIET}' ELSE printf('+441632960%03d', i % 1000) END"
)
_COLUMNS = (
    "call_id, at, number, raw, purpose, topic, claimed_by, source, verdict, reason, answered_at, ended_at, seconds"
)
_CALLS = f"""INSERT INTO calls (leaf_index, {_COLUMNS}, bridged, recording_id)
{_COUNT} SELECT 1000000000 + i, printf('c%031d', i),
    strftime('%Y-%m-%dT%H:%M:%f000Z', ?, printf('+%d seconds', i * 25)), {_NUMBER}, {_NUMBER}, 'marketing', 'general',
    'account:alice', '127.0.0.1:5062', CASE i % 3 WHEN 0 THEN 'block' ELSE 'allow' END,
    CASE i % 3 WHEN 0 THEN 'listed_tps' ELSE 'not_listed' END, '2026', '2026', 61.5, 1,
    CASE i % 3 WHEN 0 THEN NULL ELSE printf('r%031d', i) END FROM n"""  # noqa: S608 - all of it stands here
_RECORDINGS = f"""INSERT INTO recordings (leaf_index, recording_id, call_id, opened_at, closed_at, seconds, erased_at)
{_COUNT} SELECT 1000000000 + i, printf('r%031d', i), printf('c%031d', i), '2026', '2026', 61.5, '2026'
    FROM n WHERE i % 3 > 0"""  # noqa: S608 - all of it stands here
CHUNK = 2_000


def fill(data: DataFolder, calls: int, facts: int) -> None:
    """So many calls, a recording for two of three; and so many further decisions with their facts and leaves."""

    def work(tx: Any) -> None:
        tx.write(_CALLS, (calls, stamp(BEGAN)))
        tx.write(_RECORDINGS, (calls,))

    data.store.call(work, timeout=1800.0)
    for first in range(0, facts, CHUNK):
        made = [blocked(n) for n in range(first, first + CHUNK)]
        data.store.call(lambda tx, made=made: [tx.append(fact) for fact in made], timeout=60.0)


def blocked(n: int) -> Fact:
    """A decision, one of a thousand on the quiet number."""
    return decision(f"f{n}", QUIET if n % 1000 == 0 else "+441632960001", reason="listed_tps")


def opened(data: DataFolder, number: str) -> str:
    """A request that may be searched for."""
    numbers = (number,) if number else ()
    found = ask(data, Open(asks=Asks.ERASURE, channel="post", name="Pat", numbers=numbers), ANN)
    ask(data, VerifyIdentity(request=found.reference, checked="passport seen"), ANN)
    return str(found.reference)


def timed(data: DataFolder, number: str, **search: Any) -> tuple[float, int]:
    """Milliseconds at the median, and how many calls were found."""
    reference = opened(data, number)
    taken, calls = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        calls = len(ask(data, Search(request=reference, **search), ANN).calls)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), calls


def run(calls: int = 1_000_000, facts: int = 200_000) -> list[Row]:
    """The rows of the report."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name) / "gate"
        dialgate("init", str(folder), "--example")
        data = open_folder(load(folder / "config.toml"), stack)
        fill(data, calls, facts)
        middle = BEGAN + timedelta(seconds=25 * calls // 2)
        span = {"since": middle - timedelta(minutes=45), "until": middle + timedelta(minutes=45)}
        week = {"since": middle - timedelta(days=3), "until": middle + timedelta(days=4)}
        rows = []
        for what, number, search in (
            ("by number", QUIET, {}),
            ("by number, 90 minutes", QUIET, span),
            ("by a busy number, 90 minutes", BUSY, span),
            ("by a busy number, a week", BUSY, week),
            ("by 90 minutes alone", "", span),
        ):
            milliseconds, found = timed(data, number, **search)
            rows.append(row(f"{calls:,} calls: search {what}", milliseconds, "ms", f"{found} found; at most 50"))
        reference = opened(data, QUIET)
        ask(data, Search(request=reference), ANN)
        ask(data, Decide(request=reference, grant=True), ANN)
        began = time.perf_counter()
        done = ask(data, CarryOut(request=reference, execute=True), ANN)
        seconds = time.perf_counter() - began
        note = f"{done.calls} calls; {facts:,} facts looked through"
        rows.append(row(f"{calls:,} calls: erasure", seconds, "s", note))
    return rows


if __name__ == "__main__":
    for line in run(*(int(argument) for argument in sys.argv[1:])):
        print(f"{line['name']:<60} {line['value']:>10} {line['unit']:<3} {line['note']}")
