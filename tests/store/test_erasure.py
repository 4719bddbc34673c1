"""Facts emptied, their leaves kept."""

from __future__ import annotations

import json

import pytest

from gate.core.evidence import remnant
from gate.ports import Fact
from gate.store.erasure import erase_facts
from gate.store.projections import number_hash
from tests.support.databases import query
from tests.support.evidence import PEPPER, START, a_call, decision, open_store, own_lists, put

PERSON = "+447700900001"


def erase(store, *leaves):
    return store.call(
        lambda tx: erase_facts(tx, leaves, subject="req-1", at=START, actor="user:root(0)", basis="request", what="all")
    )


def everywhere(folder, text):
    """Names of the files that hold these bytes."""
    return [path.name for path in folder.iterdir() if text.encode() in path.read_bytes()]


@pytest.mark.engine("sqlite")
def test_the_number_is_in_no_file_and_the_person_stays_uncallable(store):
    put(store, *own_lists())
    leaves = put(store, *a_call(0, PERSON), *a_call(1))
    head = store.call(lambda tx: tx.head())
    assert everywhere(store.path.parent, PERSON)
    receipt = erase(store, 0, leaves[0])
    assert store.scrub() is True
    assert everywhere(store.path.parent, PERSON) == []
    assert everywhere(store.path.parent, "angry") == []
    assert [objection.id for objection in store.call(lambda tx: tx.objections(PERSON))] == ["obj-1"]
    assert store.call(lambda tx: tx.root_at(head[0])) == head[1], "the log is what it was"
    rows = store.call(lambda tx: query(tx, "SELECT leaf_index FROM facts WHERE body IS NULL AND salt IS NULL"))
    assert [row["leaf_index"] for row in rows] == [0, leaves[0]]
    (said,) = store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE leaf_index = ?", [receipt]))
    body = json.loads(said["body"])
    assert (body["leaves"], body["basis"], body["what"], body["filed"]) == ([0, leaves[0]], "request", "all", {})
    asked = "SELECT made_at, number_hash, source, call_id, scope, on_behalf_of FROM objections LIMIT 1"
    (row,) = store.call(lambda tx: query(tx, asked))
    assert row["number_hash"] == number_hash(PEPPER, PERSON)
    assert body["stays"]["objections"] == {"obj-1": remnant(row)}
    assert list(body["stays"]["calls"]) == ["call-000000"]
    (call,) = store.call(lambda tx: query(tx, "SELECT * FROM calls WHERE leaf_index = ?", [leaves[0]]))
    assert (call["number"], call["raw"], call["verdict"], call["seconds"]) == (None, None, "allow", 30.5)


def test_a_consent_goes_with_its_hash(store, tmp_path):
    leaves = put(store, *own_lists())
    erase(store, *leaves)
    store.scrub()
    for text in ("+447700900004", "Bob Example", "by letter", "you may call"):
        assert everywhere(tmp_path, text) == []
    (row,) = store.call(lambda tx: query(tx, "SELECT * FROM consents WHERE id = 'con-2'"))
    assert row["number_hash"] is None
    assert row["withdrawn_at"] == "2026-02-01T00:00:00.000000Z"
    assert store.call(lambda tx: tx.consents("+447700900003")) == []
    assert len(store.call(lambda tx: tx.objections(PERSON))) == 1


def test_erased_twice_and_what_is_not_there(store):
    put(store, decision("c1"), decision("c2"))
    first = erase(store, 0, 0, 99)
    again = erase(store, 0, 1)
    bodies = store.call(lambda tx: query(tx, "SELECT leaf_index, body FROM facts WHERE kind = 'facts_erased'"))
    assert {row["leaf_index"]: json.loads(row["body"])["leaves"] for row in bodies} == {first: [0], again: [1]}


def test_an_erasure_that_fails_has_erased_nothing(store):
    put(store, decision("c1"))

    def half(tx):
        erase_facts(tx, [0], subject="req-1", at=START, actor="x", basis="request", what="facts")
        tx.append(decision("c1"))

    before = store.call(lambda tx: query(tx, "SELECT * FROM calls"))
    try:
        store.call(half)
    except Exception as error:  # noqa: BLE001 - any will do
        assert "UNIQUE" in str(error).upper()
    else:
        raise AssertionError("a second decision for one call was kept")
    assert store.call(lambda tx: query(tx, "SELECT * FROM calls")) == before
    assert store.call(lambda tx: query(tx, "SELECT count(*) AS n FROM facts WHERE body IS NULL")) == [{"n": 0}]


@pytest.mark.engine("sqlite")
def test_a_reader_holds_up_the_scrub_but_not_for_ever(store, tmp_path):
    from gate.store.reader import Reader

    put(store, Fact("objection", "o", START, "x", {"number": PERSON}))
    reader = Reader(store.path)
    erase(store, 0)
    assert store.scrub() is False
    reader.close()
    assert store.scrub() is True
    assert everywhere(tmp_path, PERSON) == []


def test_reopened_after_an_erasure(tmp_path):
    store = open_store(tmp_path)
    put(store, *own_lists())
    erase(store, 0)
    store.close()
    assert everywhere(tmp_path, PERSON) == []
    open_store(tmp_path).close()
