"""The evidence store and its verification: ``python -m tests.bench.bench_store [FACTS] [LEAVES]``.

Facts kept durably each second, with decisions as the gate makes them (three look-ups and one fact), beside what plain
``sqlite3`` does when every insert is a commit of its own with the same durability; then a log of so many leaves:
start, search, proof and verification.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from gate.audit.verify import verify
from gate.core.evidence import inclusion_proof
from gate.daemon.process import MAKES_WAY_SECONDS
from gate.ports import Fact
from gate.store import search
from gate.store.projections import TABLES
from gate.store.store import EvidenceStore
from gate.store.transaction import LookUps
from tests.bench.proc import family_seconds
from tests.support.evidence import PEPPER, START, a_call, decision, open_store

Row = dict[str, Any]
WINDOW = 2000
"""Pieces of work under way at once."""


def row(name: str, value: float, unit: str, note: str = "") -> Row:
    return {"name": name, "value": round(value, 3), "unit": unit, "note": note}


def pump(store: EvidenceStore, works: list[Callable[[Any], Any]], window: int = WINDOW) -> float:
    """Seconds until all of it was answered for, never more than ``window`` at once."""
    room = threading.Semaphore(window)
    over, failed, left = threading.Event(), [], [len(works)]

    def done(_result: Any, error: Exception | None) -> None:
        room.release()
        failed.extend([error] if error else [])
        left[0] -= 1
        if not left[0]:
            over.set()

    began = time.perf_counter()
    for work in works:
        room.acquire()
        store.submit(work, done, getattr(work, "asks", None))
    over.wait()
    assert not failed, failed[0]
    return time.perf_counter() - began


def keep(*facts: Fact) -> Callable[[Any], Any]:
    return lambda tx: [tx.append(fact) for fact in facts]


def decide(n: int) -> Callable[[Any], Any]:
    number = f"+44207946{n % 1000:04}"
    fact = decision(f"{n * 2654435761 % 2**32:08x}", number, at=START + timedelta(seconds=n))

    def asks() -> LookUps:
        return LookUps(number, START, "account:alice", START, "account:alice", "")

    def work(tx: Any) -> int:
        tx.look_up(asks)
        tx.objections(number)
        tx.stops(number)
        tx.consents(number)
        tx.last_unattended(number)
        return int(tx.append(fact))

    work.asks = asks  # type: ignore[attr-defined]
    return work


def plain_inserts(folder: Path, facts: int) -> float:
    """Facts a second with ``sqlite3`` alone: one table, one commit for each, as durable."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE facts (leaf_index INTEGER PRIMARY KEY, kind, subject, at, actor, body)")
    fact = decision("c")
    body = json.dumps(dict(fact.body))
    began = time.perf_counter()
    for n in range(facts):
        values = (n, fact.kind, f"c{n}", fact.at.isoformat(), fact.actor, body)
        connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", values)
    seconds = time.perf_counter() - began
    connection.close()
    return facts / seconds


def writing(folder: Path, facts: int) -> list[Row]:
    plain = plain_inserts(folder, min(facts, 3000))
    store = open_store(folder)
    one = [store_latency(store, n) for n in range(200)]
    simple = facts / pump(
        store, [keep(Fact("answered", f"c{n}", START, "gate", {"codec": "PCMU"})) for n in range(facts)]
    )
    decided = pump(store, [decide(n) for n in range(facts)]) / facts
    beside = [beside_a_busy_thread(store, interval, n) for n, interval in enumerate((0.005, MAKES_WAY_SECONDS))]
    store.close()
    return [
        row("sqlite3, a commit for each insert", plain, "facts/s", "one table, no leaf, no look-up"),
        row("evidence store, facts", simple, "facts/s", f"{simple / plain:.1f} times plain sqlite3"),
        row("evidence store, decisions", 1 / decided, "decisions/s", f"{1 / decided / plain:.1f} times plain sqlite3"),
        row("one decision in its commit", decided * 1e6, "µs", "three look-ups, row, leaf, derived row; goal 150"),
        row("one decision alone, to its answer", sorted(one)[100] * 1e3, "ms", "median, fsync included"),
        row(
            "the same beside a busy thread, Python's own", sorted(beside[0])[180] * 1e3, "ms", "it makes way after 5 ms"
        ),
        row(
            "the same beside a busy thread, as the gate is",
            sorted(beside[1])[180] * 1e3,
            "ms",
            "90th percentile of 200",
        ),
    ]


def plain_psycopg(dsn: str, facts: int) -> float:
    """Facts a second with psycopg alone: one table, one commit for each, as durable."""
    import psycopg  # an extra

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE facts (leaf_index bigint PRIMARY KEY, kind text, subject text, body text)")
        fact = decision("c")
        body = json.dumps(dict(fact.body))
        began = time.perf_counter()
        for n in range(facts):
            connection.execute("INSERT INTO facts VALUES (%s, %s, %s, %s)", (n, fact.kind, f"c{n}", body))
        return facts / (time.perf_counter() - began)


def on_postgresql(folder: Path, decisions: int) -> list[Row]:
    """Decisions on both engines in turn, on one disk, with so many under way at once, and with a synchronous standby.
    The servers are this machine's, and their processor time counts."""
    from tests.support import postgresql  # psycopg is an extra

    (folder / "other").mkdir()
    alone, followed = (postgresql.Server(postgresql.folder_of_server()) for _ in range(2))
    standby = followed.standby()
    for server in (alone, followed):
        server.do("CREATE DATABASE evidence")
        server.do("CREATE DATABASE plain")
    beside, with_standby = (
        postgresql.PostgresqlStore(postgresql.Postgresql(server.dsn("evidence")), pepper=PEPPER)
        for server in (alone, followed)
    )
    stores: dict[str, tuple[EvidenceStore, list[int]]] = {
        "SQLite": (open_store(folder / "other"), []),
        "PostgreSQL": (beside, [alone.process.pid]),
        "PostgreSQL, synchronous standby": (with_standby, [followed.process.pid, standby.process.pid]),
    }
    found = [row("psycopg, a commit for each insert", plain_psycopg(alone.dsn("plain"), decisions), "facts/s")]
    number = 10**6
    for window in (1, 8, 32):
        rates: dict[str, float] = {}
        for name, (store, servers) in stores.items():
            pump(store, [decide(number + n) for n in range(8 * window)], window)  # statements are prepared
            number += 8 * window
            used, theirs = time.process_time(), sum(map(family_seconds, servers))
            seconds = pump(store, [decide(number + n) for n in range(decisions)], window)
            used, number = time.process_time() - used, number + decisions
            theirs = sum(map(family_seconds, servers)) - theirs
            rates[name] = decisions / seconds
            note = (
                f"{window} at once, {window / rates[name] * 1e3:.1f} ms each; processor {used / decisions * 1e6:.0f} µs"
            )
            if servers:
                note += (
                    f" and the servers' {theirs / decisions * 1e6:.0f}; {rates[name] / rates['SQLite']:.2f} of SQLite's"
                )
            found.append(row(f"decisions on {name}", rates[name], "decisions/s", note))
    for store, _ in stores.values():
        store.close()
    for server in (standby, followed, alone):
        server.stop()
    return found


def store_latency(store: EvidenceStore, n: int) -> float:
    began = time.perf_counter()
    store.call(decide(10**7 + n))
    return time.perf_counter() - began


def beside_a_busy_thread(store: EvidenceStore, interval: float, run: int) -> list[float]:
    """Latencies while another thread computes, 14 of 20 ms, and is asked to make way after ``interval`` seconds."""
    over = threading.Event()

    def compute() -> None:
        while not over.wait(0.006):
            until = time.thread_time() + 0.014
            while time.thread_time() < until:
                sum(range(200))

    thread, before = threading.Thread(target=compute), sys.getswitchinterval()
    sys.setswitchinterval(interval)
    thread.start()
    try:
        return [store_latency(store, 1000 * (run + 1) + n) for n in range(200)]
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)


def reading(folder: Path, leaves: int) -> list[Row]:
    store = open_store(folder)
    calls = leaves // 7
    pump(store, [keep(*a_call(n, f"+44770{n % 10_000_000:07}")) for n in range(calls)])
    size, root = store.call(lambda tx: tx.head())
    store.call(lambda tx: tx.keep_checkpoint(size, root, "", START))
    store.close()

    began = time.perf_counter()
    store = open_store(folder)
    opened = time.perf_counter() - began
    middle = START + timedelta(minutes=10 * (calls // 2))

    def timed(work: Callable[[Any], Any]) -> float:
        def inside(tx: Any) -> float:
            began = time.perf_counter()
            work(tx)
            return time.perf_counter() - began

        return float(store.call(inside))

    number = f"+44770{calls // 2:07}"
    found = timed(lambda tx: search.calls_window(tx, number=number, since=START, until=middle + timedelta(days=1)))
    page = timed(lambda tx: search.calls_window(tx, since=START, until=middle))
    prove = timed(
        lambda tx: [
            inclusion_proof(index, size, node) for node in [tx.node()] for index in range(0, size, size // 1000)
        ]
    )
    store.call(lambda tx: tx.write("DELETE FROM checkpoints"))
    store.close()
    began = time.perf_counter()
    report = verify(folder / "gate.db", str, tables=TABLES, pepper=PEPPER)
    seconds = time.perf_counter() - began
    assert report.ok, report.first_fault
    megabytes = (folder / "gate.db").stat().st_size / 1e6
    return [
        row("start", opened, "s", f"{size:,} leaves, compared with the last checkpoint"),
        row("search by number and time", found * 1e3, "ms", f"among {calls:,} calls; goal 50"),
        row("page of a time span", page * 1e3, "ms", f"among {calls:,} calls"),
        row("1,000 inclusion proofs", prove * 1e3, "ms"),
        row("verify", seconds, "s", f"{size:,} leaves, {seconds / size * 1e6:.1f} µs each, pages and rows too"),
        row("size of the database", megabytes, "MB", f"{megabytes * 1e6 / size:.0f} bytes a leaf"),
    ]


def run(facts: int = 20_000, leaves: int = 1_000_000) -> list[Row]:
    """Every figure as ``name``, ``value``, ``unit``, ``note``."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as name:
        folder = Path(name)
        (folder / "reading").mkdir()
        beside = on_postgresql(folder, facts // 10) if Path("/usr/lib/postgresql/17").exists() else []
        return [*writing(folder, facts), *beside, *reading(folder / "reading", leaves)]


if __name__ == "__main__":
    for each in run(*(int(argument) for argument in sys.argv[1:3])):
        print(f"{each['name']:<40} {each['value']:>12,.1f} {each['unit']:<12} {each['note']}")
