"""kill -9 in the middle of writing: what was answered for is there, and the log holds."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gate.audit.verify import verify
from gate.store.projections import TABLES
from tests.support.evidence import PEPPER, open_store

pytestmark = pytest.mark.engine("sqlite")

WRITER = Path(__file__).parents[1] / "support" / "evidence_writer.py"
KILLS = 8


@pytest.mark.deep
def test_killed_at_random_moments(tmp_path):
    chance = random.Random(20260302)
    answered: dict[str, tuple[int, int]] = {}
    for round_ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, WRITER, tmp_path, str(round_ * 100_000)], stdout=subprocess.PIPE, text=True
        )
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        told = [first, *writer.stdout.read().split("\n")]
        writer.wait()
        writer.stdout.close()
        for line in told:
            parts = line.split()
            if len(parts) == 3 and line.startswith("call-"):
                answered[parts[0]] = (int(parts[1]), int(parts[2]))
        # The next writer opens what the killed one left; here it is opened once more, for the answers so far.
        check(tmp_path, answered)
    assert len(answered) > KILLS * 10


def check(folder, answered):
    open_store(folder).close()
    connection = sqlite3.connect(folder / "gate.db")
    kept = connection.execute("SELECT subject, leaf_index FROM facts WHERE kind = 'decision'").fetchall()
    ended = connection.execute("SELECT subject, leaf_index FROM facts WHERE kind = 'ended'").fetchall()
    connection.close()
    assert len(kept) == len(ended), "a transaction is there whole or not at all"
    kept, ended = dict(kept), dict(ended)
    missing = [call for call, (first, last) in answered.items() if (kept.get(call), ended.get(call)) != (first, last)]
    assert missing == []
    report = verify(folder / "gate.db", str, tables=TABLES, pepper=PEPPER)
    assert report.ok, report.first_fault
    assert report.size == 7 * len(kept)
