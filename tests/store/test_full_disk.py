"""No room: nothing is answered for that is not kept, nothing is broken, and it goes on when there is room."""

from __future__ import annotations

import os
import queue
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gate.audit.verify import verify
from gate.errors import StoreError
from gate.store.projections import TABLES
from tests.support.databases import query
from tests.support.evidence import PEPPER, decision, open_store, put
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.engine("sqlite")

SMALL = 6 * 1024 * 1024


def verified(folder):
    report = verify(folder / "gate.db", str, tables=TABLES, pepper=PEPPER)
    assert report.ok, report.first_fault
    return report.size


def fill_up(store, pieces=100_000):
    """Submit until something fails; names of the calls that were answered for, and the errors."""
    answers = queue.SimpleQueue()
    kept, errors, asked, told = [], [], 0, 0
    while told < pieces and len(errors) < 20:
        while asked - told < 64:
            name = f"full-{asked}"
            asked += 1
            store.submit(
                lambda tx, name=name: tx.append(decision(name, explanation="x" * 2000)),
                lambda _leaf, error, name=name: answers.put((name, error)),
            )
        name, error = answers.get(timeout=PATIENCE)
        told += 1
        (kept.append(name) if error is None else errors.append(error))
    while told < asked:
        name, error = answers.get(timeout=PATIENCE)
        told += 1
        (kept.append(name) if error is None else errors.append(error))
    return kept, errors


def check_full(store, folder, make_room):
    kept, errors = fill_up(store)
    assert errors, "the disk was never full"
    assert {type(error) for error in errors} == {StoreError}
    assert all(error.hint for error in errors)
    with pytest.raises(StoreError):
        for n in range(50):
            put(store, decision(f"more-{n}", explanation="x" * 100_000))
    rows = store.call(lambda tx: query(tx, "SELECT call_id FROM calls"))
    assert set(kept) <= {row["call_id"] for row in rows}, "still readable, and all that was answered for is there"
    make_room()
    leaf = put(store, decision("there-is-room-again"))[0]
    size, root = store.call(lambda tx: tx.head())
    assert leaf == size - 1
    store.close()
    assert verified(folder) == size
    again = open_store(folder)
    assert again.call(lambda tx: tx.head()) == (size, root)
    calls = {row["call_id"] for row in again.call(lambda tx: query(tx, "SELECT call_id FROM calls"))}
    assert calls >= {*kept, "there-is-room-again"}
    assert len(calls) == size
    again.close()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own of 6 MB; None where this account may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield folder
        subprocess.run(["umount", "--lazy", folder], check=True)  # a failed test may still hold a file
    else:
        yield None


def test_a_full_disk(small_disk, tmp_path):
    if small_disk is None:
        check_limited(tmp_path)
        return
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (SMALL // 3))
    check_full(open_store(small_disk), small_disk, ballast.unlink)


def test_a_disk_that_is_full_from_the_start(small_disk, tmp_path):
    if small_disk is None:
        check_limited(tmp_path)
        return
    (small_disk / "ballast").write_bytes(b"\0" * (SMALL - 8192))
    with pytest.raises(StoreError):
        open_store(small_disk)
    (small_disk / "ballast").unlink()
    open_store(small_disk).close()


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.store.test_full_disk import check_full
from tests.support.evidence import open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
store = open_store(folder)
_soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
check_full(store, folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)))
print("held")
"""


def check_limited(folder):
    """The same with a limit on the size of files, which any account may set for itself."""
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, folder, root], capture_output=True, text=True, timeout=120, cwd=root
    )
    assert ran.stdout.endswith("held\n"), ran.stderr[-3000:]


@pytest.mark.deep
def test_a_limit_on_the_size_of_files(tmp_path):
    check_limited(tmp_path)


def test_a_database_that_may_not_grow(store):
    def limit(pages):
        return store._wait(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0], 5, alone=True)

    put(store, decision("first"))
    limit(store._wait(lambda c: c.execute("PRAGMA page_count").fetchone()[0], 5, alone=True) + 40)
    check_full(store, store.path.parent, lambda: limit(1_000_000))


def test_a_question_does_not_share_the_failure_of_the_commit_that_it_fell_into(store):
    """``dialgate status`` failed on a full disk, now and then, with what somebody else could not write."""
    put(store, decision("first"))
    pages = store._wait(lambda c: c.execute("PRAGMA page_count").fetchone()[0], 5, alone=True)
    store._wait(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone(), 5, alone=True)
    answers = queue.SimpleQueue()
    started, go_on = threading.Event(), threading.Event()

    def tell(name):
        return lambda result, error: answers.put((name, result, error))

    def waits(_tx):
        started.set()
        go_on.wait(PATIENCE)

    store.submit(waits, tell("first"))
    started.wait(PATIENCE)
    store.submit(lambda tx: query(tx, "SELECT count(*) AS n FROM facts")[0]["n"], tell("question"))
    for number in range(200):
        store.submit(lambda tx, number=number: tx.append(decision(f"late{number}", note="x" * 2000)), tell("fact"))
    store.submit(lambda tx: query(tx, "SELECT count(*) AS n FROM facts")[0]["n"], tell("question"))
    go_on.set()
    told = [answers.get(timeout=PATIENCE) for _ in range(203)]
    assert next(each for each in told if each[0] == "question") == ("question", 1, None)
    assert all(error is None for name, _, error in told if name == "question")
    assert any(error is not None for name, _, error in told if name == "fact")


def test_another_process_that_holds_the_database(store, monkeypatch):
    put(store, decision("before"))
    store._wait(lambda c: c.execute("PRAGMA busy_timeout = 50"), 5, alone=True)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        put(store, decision("meanwhile"))
    other.execute("ROLLBACK")
    other.close()
    assert put(store, decision("after")) == [1]


def test_a_connection_that_broke_is_replaced(store):
    put(store, decision("before"))
    store._wait(lambda c: c.close(), 5, alone=True)
    with pytest.raises(StoreError, match="closed"):
        put(store, decision("lost"))
    assert put(store, decision("after")) == [1]
    store.close()
    assert verified(store.path.parent) == 2


def test_a_tree_in_memory_that_is_not_the_one_on_the_disk_is_not_written_to(store):
    put(store, decision("before"))
    store._frontier = store._frontier.push(b"x" * 32)
    store._wait(lambda c: c.execute("PRAGMA busy_timeout = 50"), 5, alone=True)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        put(store, decision("meanwhile"))
    other.close()
    assert put(store, decision("after")) == [1], "what failed made the store look again"
