"""The queue, the thread and the group commit."""

from __future__ import annotations

import queue
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gate.errors import AuditError, StoreError
from gate.ports import Fact
from gate.sqlite_thread import BATCH
from gate.store.store import EvidenceStore
from tests.support.evidence import NUMBER, PEPPER, START, decision, fill, open_store, put, rows
from tests.support.waiting import PATIENCE


@pytest.fixture(autouse=True)
def no_haste(monkeypatch):
    """A commit takes what waits, however long a busy machine takes over the first piece."""
    monkeypatch.setattr("gate.sqlite_thread.BATCH_SECONDS", PATIENCE)


class Answers:
    """Collects what ``done`` is told, and what was on the disk at that moment."""

    def __init__(self, path):
        self.path = path
        self.queue = queue.SimpleQueue()

    def done(self, name):
        def tell(result, error):
            durable = rows(self.path, "SELECT count(*) FROM facts")[0][0]
            self.queue.put((name, result, error, durable, threading.current_thread().name))

        return tell

    def take(self, count):
        return [self.queue.get(timeout=PATIENCE) for _ in range(count)]


def hold_up(store):
    """Make the store wait, so that what is submitted meanwhile shares a commit; returns what lets it go on."""
    started, go_on = threading.Event(), threading.Event()

    def wait(_tx):
        started.set()
        go_on.wait(PATIENCE)

    store.submit(wait, lambda _result, _error: None)
    started.wait(PATIENCE)
    return go_on


def test_done_comes_after_the_commit_on_the_store_thread(store):
    answers = Answers(store.path)
    go_on = hold_up(store)
    for n in range(5):
        store.submit(lambda tx, n=n: tx.append(decision(f"c{n}")), answers.done(n))
    go_on.set()
    told = answers.take(5)
    assert [name for name, *_ in told] == list(range(5))
    assert [result for _name, result, *_ in told] == list(range(5))
    assert all(error is None for _name, _result, error, *_ in told)
    assert {thread for *_, thread in told} == {"store"}
    assert {durable for *_, durable, _thread in told} == {5}, "all five were durable before the first was told"


def test_one_that_raises_leaves_nothing_and_touches_no_other(store, tmp_path):
    answers = Answers(store.path)

    def fails_late(tx):
        tx.append(decision("bad"))
        tx.append(Fact("objection", "o", START, "x", {"number": NUMBER}))
        raise ValueError("no")

    go_on = hold_up(store)
    store.submit(lambda tx: tx.append(decision("one")), answers.done("one"))
    store.submit(fails_late, answers.done("bad"))
    store.submit(lambda tx: tx.append(decision("two")), answers.done("two"))
    go_on.set()
    told = {name: (result, error) for name, result, error, *_ in answers.take(3)}
    assert told["one"] == (0, None)
    assert told["two"] == (1, None)
    assert isinstance(told["bad"][1], ValueError)
    assert rows(store.path, "SELECT subject FROM facts ORDER BY leaf_index") == [("one",), ("two",)]
    assert rows(store.path, "SELECT count(*) FROM leaves") == [(2,)]
    assert rows(store.path, "SELECT count(*) FROM objections") == [(0,)]
    put(store, decision("three"))
    store.close()
    open_store(tmp_path).close()


def test_where_the_first_of_a_commit_raises_those_behind_it_are_kept(store, tmp_path):
    """The first piece has no savepoint: the transaction begins anew."""
    answers, started, go_on = Answers(store.path), threading.Event(), threading.Event()

    def fails_first(tx):
        tx.append(decision("bad"))
        tx.append(Fact("objection", "o", START, "x", {"number": NUMBER}))
        started.set()
        go_on.wait(PATIENCE)
        raise ValueError("no")

    store.submit(fails_first, answers.done("bad"))
    assert started.wait(PATIENCE)
    store.submit(lambda tx: tx.append(decision("one")), answers.done("one"))
    store.submit(fails_first, answers.done("worse"))
    store.submit(lambda tx: tx.append(decision("two")), answers.done("two"))
    go_on.set()
    told = {name: (result, error) for name, result, error, *_ in answers.take(4)}
    assert (told["one"], told["two"]) == ((0, None), (1, None))
    assert [type(told[name][1]) for name in ("bad", "worse")] == [ValueError, ValueError]
    assert rows(store.path, "SELECT subject FROM facts ORDER BY leaf_index") == [("one",), ("two",)]
    assert rows(store.path, "SELECT count(*) FROM objections") == [(0,)]
    store.close()
    open_store(tmp_path).close()


def test_work_that_ends_its_thread_does_not_end_the_store(store):
    def leaves(tx):
        tx.append(decision("gone"))
        raise SystemExit

    with pytest.raises(StoreError, match="cut short"):
        store.call(leaves)
    assert put(store, decision("c1")) == [0]


def test_a_callback_that_raises_does_not_end_the_store(store):
    def raises(_result, _error):
        raise RuntimeError("callback")

    store.submit(lambda tx: tx.append(decision("c1")), raises)
    assert put(store, decision("c2")) == [1]


def test_the_store_thread_cannot_wait_for_itself(store):
    with pytest.raises(StoreError, match="wait for itself"):
        store.call(lambda _tx: store.call(lambda tx: tx.head()))


def test_call_gives_up_waiting(store):
    go_on = hold_up(store)
    with pytest.raises(StoreError, match=r"no answer in 0\.05 s"):
        store.call(lambda tx: tx.head(), timeout=0.05)
    go_on.set()


def test_close_finishes_what_is_queued_and_refuses_what_comes_later(store):
    answers = Answers(store.path)
    go_on = hold_up(store)
    for n in range(BATCH + 10):
        store.submit(lambda tx, n=n: tx.append(decision(f"c{n}")), answers.done(n))
    go_on.set()
    store.close()
    assert all(error is None for _name, _result, error, *_ in answers.take(BATCH + 10))
    late = []
    store.submit(lambda tx: tx.append(decision("late")), lambda result, error: late.append((result, error)))
    assert isinstance(late[0][1], StoreError)
    with pytest.raises(StoreError, match="closed"):
        store.call(lambda tx: tx.head())
    store.close()


def test_many_threads_one_log(store):
    def writer(name):
        for n in range(40):
            put(store, decision(f"{name}-{n}"), Fact("answered", f"{name}-{n}", START, "gate", {}))

    threads = [threading.Thread(target=writer, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(store.path, "SELECT subject, kind FROM facts ORDER BY leaf_index")
    assert len(found) == 320
    assert all(
        one[0] == two[0] and (one[1], two[1]) == ("decision", "answered")
        for one, two in zip(found[::2], found[1::2], strict=True)
    ), "the two facts of one transaction stand side by side"


# --- at the start


def test_reopened_it_goes_on_where_it_was(tmp_path):
    store = open_store(tmp_path)
    fill(store, 80)
    head = store.call(lambda tx: tx.head())
    store.close()
    store = open_store(tmp_path)
    assert store.call(lambda tx: tx.head()) == head
    assert put(store, decision("next")) == [head[0]]
    store.close()


def spoil(place, *statements):
    with closing(sqlite3.connect(place, isolation_level=None) if isinstance(place, Path) else place.connect()) as other:
        for statement in statements:
            other.execute(statement)


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ("DELETE FROM leaves WHERE leaf_index > 290", "DELETE FROM facts WHERE leaf_index > 290"),
            "291 to 299 are gone",
        ),
        (("UPDATE leaves SET hash = leaf WHERE leaf_index = 299",), "first 300 leaves .* not those"),
        (
            ("UPDATE tiles SET hash = (SELECT hash FROM leaves WHERE leaf_index = 7)",),
            "first 300 leaves .* not those that checkpoint 300",
        ),
        (("DELETE FROM tiles",), "no tile 0 of 1"),
        (("DELETE FROM leaves WHERE leaf_index = 298",), "no leaf 298 of 302"),
        (("DELETE FROM facts WHERE leaf_index >= 300",), "302 leaves but 300 facts"),
    ],
)
def test_a_log_that_is_not_what_was_signed_does_not_start(tmp_path, statements, says):
    store = open_store(tmp_path)
    put(store, *(decision(f"c{n}") for n in range(300)))
    size, root = store.call(lambda tx: tx.head())
    store.call(lambda tx: tx.keep_checkpoint(size, root, "note", START))
    put(store, decision("c300"), decision("c301"))
    store.close()
    open_store(tmp_path).close()
    spoil(store.path, *statements)
    with pytest.raises(AuditError, match=says):
        open_store(tmp_path)


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("CREATE TRIGGER forget AFTER INSERT ON objections BEGIN DELETE FROM objections; END", "a trigger .*: forget"),
        ("CREATE VIEW v AS SELECT 1", "a view .*: v"),
    ],
)
def test_a_database_with_something_foreign_in_it_does_not_start(store, tmp_path, statement, says):
    store.close()
    spoil(store.path, statement)
    with pytest.raises(AuditError, match=says):
        open_store(tmp_path)


def test_a_short_pepper_is_refused(tmp_path):
    with pytest.raises(StoreError, match="too short"):
        EvidenceStore(tmp_path / "gate.db", pepper=b"short")
    assert EvidenceStore(tmp_path / "gate.db", pepper=PEPPER).close() is None


def test_another_pepper_does_not_start(tmp_path):
    open_store(tmp_path, pepper=b"q" * 32).close()
    store = open_store(tmp_path)
    put(store, decision("c1"))
    store.close()
    with pytest.raises(StoreError, match="key of the number hashes is not the one"):
        open_store(tmp_path, pepper=b"q" * 32)
    open_store(tmp_path).close()
    spoil(store.path, "DELETE FROM number_key")
    with pytest.raises(StoreError, match="key of the number hashes"):
        open_store(tmp_path)
