"""A fact becomes a row, a leaf and what is derived from it, or nothing at all."""

from __future__ import annotations

import pytest

from gate.core.evidence import EMPTY_ROOT, EvidenceError, leaf_hash
from gate.errors import StoreError
from gate.ports import Fact
from tests.support.databases import query
from tests.support.evidence import NUMBER, START, a_call, decision, put, root_of, rows


def test_a_fact_becomes_a_row_and_a_leaf(store):
    assert put(store, *a_call(0)) == list(range(7))
    leaves = rows(store.path, "SELECT leaf, hash FROM leaves ORDER BY leaf_index")
    assert [digest for _leaf, digest in leaves] == [leaf_hash(leaf) for leaf, _digest in leaves]
    assert NUMBER.encode() not in b"".join(leaf for leaf, _digest in leaves)
    assert store.call(lambda tx: tx.head()) == (7, root_of(digest for _leaf, digest in leaves))
    salts = {salt for (salt,) in rows(store.path, "SELECT salt FROM facts")}
    assert len(salts) == 7
    assert {len(salt) for salt in salts} == {16}


def test_an_empty_log_has_a_root(store):
    assert store.call(lambda tx: tx.head()) == (0, EMPTY_ROOT)


def test_work_that_swallows_a_database_error_keeps_nothing(store):
    put(store, decision("c1"))

    def swallows(tx):
        tx.append(decision("c2"))
        with pytest.raises(StoreError, match=r"(?i)unique"):
            tx.append(decision("c1"))
        with pytest.raises(StoreError, match="has failed"):
            tx.append(decision("c3"))
        return "all is well"

    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.call(swallows)
    assert rows(store.path, "SELECT subject FROM facts") == [("c1",)]
    assert put(store, decision("c4")) == [1]


def test_a_transaction_is_over_when_its_work_has_returned(store):
    escaped = store.call(lambda tx: tx)
    with pytest.raises(StoreError, match="is over"):
        escaped.append(decision("late"))
    with pytest.raises(StoreError, match="is over"):
        store.call(lambda _tx: escaped.objections(NUMBER))


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (Fact("decision", "c", START.replace(tzinfo=None), "a"), EvidenceError),
        (Fact("decision", "c", START, "account:+442079460000"), EvidenceError),
        (Fact("decision", "c", START, "a", {"number": object()}), EvidenceError),
        (Fact("consent", "c", START, "a", {"number": NUMBER, "given_at": "last week"}), ValueError),
        (Fact("objection", "o", START, "a", {}), StoreError),
        (Fact("ended", "c1", START, "a", {"code": 10**30}), StoreError),
    ],
)
def test_what_cannot_be_evidence_is_refused_whole(store, fact, error):
    put(store, decision("c1"))
    with pytest.raises(error):
        put(store, decision("c2"), fact)
    assert rows(store.path, "SELECT subject FROM facts") == [("c1",)]
    assert put(store, decision("c3")) == [1]


def test_bytes_of_a_header_that_are_not_utf8_do_not_lose_the_evidence(store):
    raw = b"\xff\x00\xe9".decode("utf-8", "surrogateescape")
    put(store, Fact("decision", "c1", START, f"account:{raw}", {"raw": raw, "verdict": "block", "number": raw}))
    assert store.call(lambda tx: query(tx, "SELECT actor, raw FROM calls JOIN facts USING (leaf_index)")) == [
        {"actor": "account:?\x00?", "raw": "?\x00?"}
    ]


def test_only_select_may_be_asked(store):
    for sql in ("DELETE FROM facts", " update facts SET kind = 1", "PRAGMA user_version = 3"):
        with pytest.raises(StoreError, match="only SELECT"):
            store.call(lambda tx, sql=sql: tx.values(int, sql))
    assert store.call(lambda tx: tx.values(int, "WITH x(a) AS (SELECT ?) SELECT a FROM x", [1])) == [1]
