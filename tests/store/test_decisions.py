"""Decisions on both engines: no verdict differs, one by one or many together, and none of their look-ups reads a whole
table."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.calls.screener import Screener
from gate.core.evidence import Frontier, keys_of
from gate.core.rules import AttemptLimits
from gate.core.terms import Attempt, Purpose, Topic
from gate.errors import StoreError
from gate.ports import Fact
from gate.store.store import EvidenceStore
from gate.store.transaction import LOOK_UPS, LookUps
from tests.support.evidence import PEPPER, START, decision, own_lists, put, rows
from tests.support.examples import examples
from tests.support.playbook import Registers
from tests.support.screening import ATTEMPT, NOON, RULES

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.store.postgresql import GROUP, Postgresql, PostgresqlStore, _look_ups
from tests.support import postgresql

pytestmark = pytest.mark.engine("postgresql")

NUMBERS = ("+441632960001", "+44163296000", "+447700900003", "+447700900004", "+442079460005")
"""The first two reach the same phone (LAW 6.1)."""
SCREENER = Screener(Registers(), replace(RULES, attempts=AttemptLimits(a_day=2)))  # type: ignore[arg-type]
DAY = timedelta(days=1)


def held(store: EvidenceStore) -> threading.Event:
    """Keep the store from its work until the event is set."""
    started, go_on = threading.Event(), threading.Event()
    store.submit(lambda _tx: (started.set(), go_on.wait(15)), lambda *_: None)
    started.wait(60)
    return go_on


def decided(store: EvidenceStore, asked: list[tuple[Attempt, bool]], *, together: bool) -> list[Any]:
    """Verdict, reason and leaf of each attempt; ``together``: they wait for the store at the same time."""
    answers: list[Any] = [None] * len(asked)
    over = threading.Semaphore(0)
    go_on = held(store) if together else None
    for n, (attempt, question) in enumerate(asked):
        now = NOON + n * timedelta(seconds=1)
        origin = {"source": "ask"} if question else {}

        def work(tx, attempt=attempt, now=now, origin=origin, n=n):
            before = None if origin else (lambda: None)
            made = SCREENER.decide(tx, attempt, now, call_id=f"call-{n}", origin=origin, asked_before=before)
            return made.verdict, made.reason, made.explanation, tx.frontier.size

        def done(result, error, n=n):
            answers[n] = result or error
            over.release()

        store.submit(work, done, lambda attempt=attempt, now=now: SCREENER.asks(attempt, now))
        if go_on is None:
            over.acquire(timeout=15)
    if go_on is not None:
        go_on.set()
        for _ in asked:
            over.acquire(timeout=15)
    return answers


def known(number: str, n: int, what: str) -> list[Fact]:
    """Facts about a number, of one kind."""
    at = NOON - DAY * (1 + n % 3)
    if what == "objection":
        return [Fact("objection", f"o{n}", at, "x", {"number": number, "source": "told"})]
    if what == "removed":
        return [*known(number, n, "objection"), Fact("objection_removed", f"o{n}", at, "x", {"reason": "mistake"})]
    if what in ("consent", "withdrawn"):
        given_at = {"number": number, "given_at": at.isoformat(), "how": "phone", "evidence": "r"}
        gone = [Fact("consent_withdrawn", f"c{n}", at, "x", {"at": at.isoformat()})] if what == "withdrawn" else []
        return [Fact("consent", f"c{n}", at, "x", given_at), *gone]
    if what == "request":
        opened = Fact("request_opened", f"r{n}", at, "x", {"reference": f"DSR-{n}", "asks": "objection"})
        return [opened, Fact("request_person", f"r{n}", at, "x", {"lines": [number]})]
    if what == "restriction":
        return [Fact("hold", f"h{n}", at, "x", {"kind": "restriction", "target": "number", "number": number})]
    if what == "stopped":
        body = {"claimed_by": "account:alice", "campaign": "spring", "day": "2026-03-03", "stop_percent": 3.0}
        return [Fact("campaign_stopped", f"s{n}", at, "x", body)]
    tried = decision(f"before-{n}", number, at=NOON - timedelta(minutes=5 + n), source="ask" if what == "asked" else "")
    return [tried] if what in ("tried", "asked") else [
        tried,
        Fact("answered", f"before-{n}", tried.at, "gate", {"codec": "PCMU"}),
        Fact("ended", f"before-{n}", tried.at, "gate", {"by": "callee", "bridged": False, "seconds": 0.0}),
    ]  # fmt: skip


KINDS = (
    "objection",
    "removed",
    "consent",
    "withdrawn",
    "request",
    "restriction",
    "stopped",
    "tried",
    "asked",
    "nobody",
)
lists = st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(KINDS)), max_size=8)
questions = st.lists(
    st.tuples(
        st.builds(
            lambda number, purpose, topic, campaign: replace(
                ATTEMPT, raw_number=number, purpose=purpose, topic=topic, campaign=campaign
            ),
            st.sampled_from((*NUMBERS, "no number")),
            st.sampled_from(Purpose),
            st.sampled_from(Topic),
            st.sampled_from(("", "spring")),
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
_TABLES = "facts, leaves, tiles, calls, objections, consents, requests, holds, campaign_stops"


@pytest.fixture
def stores(engine, tmp_path: Path):
    """Makes each store with evidence of its own in it: SQLite's, PostgreSQL's, and the same for work together."""
    made = [EvidenceStore(tmp_path / "gate.db", pepper=PEPPER)]
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        made.append(postgresql.open_store(tmp_path / name, PEPPER))
    yield made
    for store in made:
        store.close()


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists, questions)
def test_no_verdict_differs_between_the_engines(stores, held_lists, asked):
    facts = [fact for n, (number, what) in enumerate(held_lists) for fact in known(number, n, what)]
    told = []
    for store, together in zip(stores, (False, False, True), strict=True):
        empty(store)
        put(store, *facts)
        told.append((decided(store, asked, together=together), rows_of(store)))
    assert told[0] == told[1]
    assert told[1] == told[2]


def empty(store: EvidenceStore) -> None:
    """Nothing is in it any more."""

    def work(connection):
        for each in _TABLES.split(", "):
            connection.execute(f"DELETE FROM {each}")  # noqa: S608 - the names above
        store._frontier = Frontier()
        store._heads = [Frontier()]

    store.alone(work)


def rows_of(store: EvidenceStore) -> list[Any]:
    """The attempts as they are kept."""
    return rows(store.path, "SELECT leaf_index, call_id, number, verdict, reason, question FROM calls ORDER BY 1")


def statements_of(store: PostgresqlStore, work: Callable[[], Any]) -> list[str]:
    """What goes to the server meanwhile."""
    session = store._connection.session
    sent: list[str] = []
    execute = session.execute

    def noted(sql, *values, **how):
        sent.append(sql)
        return execute(sql, *values, **how)

    session.execute = noted
    try:
        work()
    finally:
        session.execute = execute
    return sent


def test_a_group_of_decisions_asks_once_and_writes_in_few_statements(stores):
    store = stores[2]
    put(store, *own_lists())
    asked = [(replace(ATTEMPT, raw_number=f"+4477009001{n:02}"), False) for n in range(GROUP)]
    answers: list[Any] = []
    sent = statements_of(store, lambda: answers.extend(decided(store, asked, together=True)))
    assert [leaf for *_, leaf in answers] == list(range(8, 8 + GROUP))
    assert len(sent) == 2 + 1 + GROUP // 8 + 1, sent  # BEGIN, SAVEPOINT; look-ups; rows; COMMIT
    assert sum("json_build_array" in sql for sql in sent) == 1


def test_whether_an_allowed_call_may_still_be_connected_is_asked_at_once(stores):
    """Whoever has picked up waits for it, twice a call."""
    store, numbers = stores[2], ("+447700900001", "+447700900002", *NUMBERS)
    for each in (store, stores[0]):
        put(each, *own_lists())
    plain = [
        stores[0].call(lambda tx, n=n: SCREENER.taken_back(tx, replace(ATTEMPT, raw_number=n), NOON)) for n in numbers
    ]
    for number, why in zip(numbers, plain, strict=True):
        found: list[str] = []

        def work(tx, number=number):
            return SCREENER.taken_back(tx, replace(ATTEMPT, raw_number=number), NOON)

        sent = statements_of(store, lambda work=work, found=found: found.append(store.call(work)))
        assert found == [why]
        assert sum("SELECT" in sql for sql in sent) == 1, sent
    assert len(set(plain)) > 1


def test_where_one_of_a_group_fails_the_database_the_others_are_kept(stores):
    store = stores[2]
    put(store, decision("twice"))
    answers: dict[str, Any] = {}
    over = threading.Semaphore(0)
    go_on = held(store)
    for n, name in enumerate(("a", "b", "twice", "c", "raises")):

        def work(tx, name=name):
            leaf = tx.append(decision(name, NUMBERS[0]))
            if name == "raises":
                raise ValueError("no")
            return leaf

        def done(result, error, name=name):
            answers[name] = result or error
            over.release()

        store.submit(work, done, lambda n=n: SCREENER.asks(replace(ATTEMPT, raw_number=f"+44770090020{n}"), NOON))
    go_on.set()
    for _ in range(5):
        over.acquire(timeout=15)
    assert (answers["a"], answers["b"], answers["c"]) == (1, 2, 3)
    assert isinstance(answers["twice"], StoreError)
    assert isinstance(answers["raises"], ValueError)
    assert [name for (name,) in rows(store.path, "SELECT subject FROM facts ORDER BY leaf_index")] == [
        "twice", "a", "b", "c",
    ]  # fmt: skip


def test_no_look_up_of_a_decision_reads_a_whole_table(stores):
    """On a hundred thousand calls of a firm, ten thousand entries and their statistics; for one and for many."""
    store = stores[1]
    assert isinstance(store, PostgresqlStore)
    fill = {
        "calls": "leaf_index, call_id, at, verdict, reason, number, claimed_by, source",
        "objections": "id, leaf_index, made_at, number_hash, number",
        "consents": "id, leaf_index, given_at, number_hash, number",
        "subscribers": "id, leaf_index, number_hash, kind",
        "holds": "id, leaf_index, kind, target, number",
    }
    values = {
        "leaf_index": "n", "call_id": "'c' || n", "id": "'i' || n", "at": "'2026-03-01T10:00:00Z'",
        "made_at": "'2026-03-01T10:00:00Z'", "given_at": "'2026-03-01T10:00:00Z'", "verdict": "'allow'",
        "reason": "'not_listed'", "number": "'+4477' || n", "claimed_by": "'account:a' || n % 50",
        "source": "CASE n % 9 WHEN 0 THEN 'ask' END", "number_hash": "sha256(n::text::bytea)",
        "kind": "'restriction'", "target": "'number'",
    }  # fmt: skip
    with closing(store.place.open_writer()) as connection:
        for table, names in fill.items():
            needed = connection.execute(
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = ?::regclass"
                " AND attnotnull AND attnum > 0 AND NOT atthasdef AND attgenerated = ''",
                [f"dialgate.{table}"],
            ).fetchall()
            given = {name: values[name] for name in names.split(", ")}
            for name, kind in needed:
                given.setdefault(name, values.get(name, "0" if "int" in kind else "''"))
            many = 100_000 if table == "calls" else 10_000
            connection.session.execute(
                f"INSERT INTO dialgate.{table} ({', '.join(given)}) SELECT {', '.join(given.values())}"  # noqa: S608
                f" FROM generate_series(1, {many}) AS n"
            )
        connection.session.execute("ANALYZE")
        asked = LookUps("+447799", START, "account:a1", START, "account:a1", "spring").values(PEPPER, keys_of(0))
        connection.session.execute("SET plan_cache_mode = force_generic_plan")
        connection.session.execute(f"PREPARE look_ups AS {_look_ups(connection._types)}")
        plan = [row for (row,) in connection.session.execute("EXPLAIN EXECUTE look_ups ('[]')").fetchall()]
        assert not [row for row in plan if "Seq Scan" in row], "\n".join(plan)
        for index in (
            "objections_hash", "consents_hash", "subscribers_hash", "requests_stopping", "holds_number",
            "calls_unattended", "calls_abandoned", "facts_abandoned", "calls_tried", "calls_asked",
            "campaign_stops_standing", "calls_in_hand",
        ):  # fmt: skip
            assert any(index in row for row in plan), (index, "\n".join(plan))
        assert len(connection.ask([asked] * 3)) == 3
    assert {name for _, given in LOOK_UPS for name in given} == {name for name, _ in connection._types}


def test_decisions_whose_answer_was_lost_are_looked_for_and_answered_as_done(stores):
    """A group's COMMIT goes with its last rows."""
    from tests.store.test_postgresql import Cut

    cut = Cut(postgresql.server())
    place = stores[1].place
    behind = PostgresqlStore(Postgresql(cut.dsn(place.dsn)), pepper=PEPPER)
    asked = [(replace(ATTEMPT, raw_number=f"+44770090030{n}"), False) for n in range(5)]
    cut.at = "after"
    answers = decided(behind, asked, together=True)
    assert cut.at == "", "it was not cut"
    assert [leaf for *_, leaf in answers] == [1, 2, 3, 4, 5]
    assert len(rows(place, "SELECT 1 FROM leaves")) == 5
    behind.close()
    cut.close()
