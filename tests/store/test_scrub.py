"""The write-ahead log is cut, so that nothing erased stays in it; no writer waits for a reader meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

from gate.store.erasure import erase_facts
from gate.store.reader import Reader
from tests.support.evidence import START, decision, put
from tests.support.waiting import until

pytestmark = pytest.mark.engine("sqlite")

PERSON = "+447700900001"


@pytest.fixture
def read(store):
    """A store with an erased number, and a reader that saw it."""
    put(store, decision("c1", PERSON))
    reader = Reader(store.path)
    store.call(lambda tx: erase_facts(tx, [0], subject="r", at=START, actor="x", basis="request", what="facts"))
    yield reader
    reader.close()


def still_there(store):
    """Names of the files that hold the number."""
    return [path.name for path in store.path.parent.iterdir() if PERSON.encode() in path.read_bytes()]


def test_a_log_that_could_not_be_cut_is_cut_at_the_next_quiet_moment(store, read):
    assert store.scrub() is False
    assert still_there(store)
    read.close()
    until(lambda: not still_there(store), seconds=20)


def test_it_is_cut_where_there_is_no_quiet_moment_too(store, read, monkeypatch):
    monkeypatch.setattr("gate.store.store.CUT_SECONDS", 0.5)
    monkeypatch.setattr("gate.store.store.IDLE_SECONDS", 60.0)
    put(store, decision("c2"))  # from here on the store waits that long
    assert store.scrub() is False
    read.close()
    until(lambda: (store.call(lambda tx: tx.head()), not still_there(store))[1], seconds=20)


def test_nobody_who_writes_waits_for_a_reader(store, read):
    answers = []
    scrubbing = threading.Thread(target=lambda: answers.append(store.scrub()))
    before = time.monotonic()
    scrubbing.start()
    for n in range(20):
        put(store, decision(f"meanwhile-{n}"))
    assert time.monotonic() - before < 3.0
    scrubbing.join()
    assert answers == [False]


def test_another_lock_is_waited_for_as_before(store, read):
    store.scrub()
    assert store._wait(lambda connection: connection.execute("PRAGMA busy_timeout").fetchone(), 5, alone=True) == (
        5000,
    )


def test_what_was_bound_to_statements_that_are_kept_is_let_go(store):
    """A statement that waits to be asked again holds the values of the last time: a name that was erased since."""
    put(store, decision("c1", PERSON))
    kept = store.alone(lambda connection: connection.execute("SELECT sql FROM sqlite_stmt").fetchall())
    assert any(sql.startswith("INSERT INTO facts") for (sql,) in kept)
    store.call(lambda tx: erase_facts(tx, [0], subject="r", at=START, actor="x", basis="request", what="facts"))
    assert store.scrub()
    kept = store.alone(lambda connection: connection.execute("SELECT sql FROM sqlite_stmt").fetchall())
    assert not [sql for (sql,) in kept if "?" in sql]
    put(store, decision("c2", PERSON))
