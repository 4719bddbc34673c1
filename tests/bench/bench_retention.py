"""A sweep: ``python -m tests.bench.bench_retention [RECORDINGS]``.

So many recordings, each with a real wrap's worth of bytes in the key store and a small sealed file's worth on the disk,
all of them due: dry run, sweep, the start after it, and beside the sweep how long a decision of a call has to wait for
the store.
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from gate.ports import Fact
from gate.vault.wrap import WRAP_BYTES
from tests.bench import proc
from tests.bench.bench_store import Row, decide, row
from tests.support.evidence import decision
from tests.support.keeping import OLD, Keeping

FILE_BYTES = 400
CHUNK = 500


def fill(keeping: Keeping, recordings: int) -> None:
    """Old recordings, the oldest first."""
    for start in range(0, recordings, CHUNK):
        names = [f"{n:032x}" for n in range(start, min(start + CHUNK, recordings))]
        facts, kept = [], queue.SimpleQueue()
        for offset, name in enumerate(names, start):
            at = OLD - timedelta(seconds=30 * (recordings - offset))
            path = f"{at:%Y/%m/%d}/{name}.dgr"
            file = keeping.recordings / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.urandom(FILE_BYTES))
            keeping.keys.put(name, name, [("r1", os.urandom(WRAP_BYTES))], kept.put)
            body = {"call_id": f"c{name}", "key_id": name, "path": path, "recipients": ["r1"]}
            closed = {"call_id": f"c{name}", "sha256": "cd" * 32, "size": FILE_BYTES, "seconds": 30.5, "chunks": 31}
            facts.append(decision(f"c{name}", f"+44207946{offset % 1000:04}", at=at))
            facts.append(Fact("recording_opened", name, at, "gate", body))
            facts.append(Fact("recording_closed", name, at, "gate", closed | {"interrupted": False}))
        keeping.store.call(lambda tx, facts=facts: [tx.append(fact) for fact in facts])
        for _ in names:
            assert kept.get() is None


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def waits(keeping: Keeping, over: threading.Event) -> list[float]:
    """Seconds that each of twenty decisions a second takes until it is durable."""
    taken, n = [], 0
    while not over.wait(0.05):
        n += 1
        taken.append(timed(lambda n=n: keeping.store.call(decide(10_000_000 + n)))[0])
    return sorted(taken)


def run(recordings: int = 100_000) -> list[Row]:
    """The rows of the report."""
    with tempfile.TemporaryDirectory() as folder:
        keeping = Keeping(Path(folder))
        fill(keeping, recordings)
        dry, plan = timed(keeping.retention.plan)
        assert len(plan.due) == recordings
        over, taken = threading.Event(), []
        thread = threading.Thread(target=lambda: taken.extend(waits(keeping, over)))
        thread.start()
        before = proc.resident_mib(os.getpid())
        seconds, answer = timed(lambda: keeping.retention.sweep(actor="gate"))
        grown = proc.resident_mib(os.getpid()) - before
        over.set()
        thread.join()
        assert (answer["erased"], answer["ok"]) == (recordings, True)
        assert not any(path.is_file() for path in keeping.recordings.rglob("*"))
        assert keeping.keys.recording_ids() == []
        start, _ = timed(keeping.retention.at_start)
        again, _ = timed(keeping.retention.plan)
        keeping.close()
    return [
        row("retention: dry run", dry, "s", f"{recordings} recordings due"),
        row("retention: sweep", seconds, "s", f"{recordings} keys shredded, files removed, receipts kept"),
        row("retention: sweep, each second", recordings / seconds, "recordings"),
        row(
            "retention: memory that it took beside that",
            grown,
            "MiB",
            "the page caches of both databases (6 MiB at most) and what is due",
        ),
        row("retention: a decision beside the sweep, half of them", taken[len(taken) // 2] * 1000, "ms"),
        row("retention: a decision beside the sweep, 99 of 100", taken[int(len(taken) * 0.99)] * 1000, "ms"),
        row("retention: look for what came back", start * 1000, "ms", "at the start of the gate, nothing there"),
        row("retention: dry run after it", again * 1000, "ms", "the erased ones cost nothing"),
    ]


if __name__ == "__main__":
    for each in run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000):
        print(f"{each['name']:<60} {each['value']:>12} {each['unit']:<12} {each['note']}")
