"""A period of the log: which facts it has, every proof, pages that leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gate.core.evidence import leaf_hash, stamp, verify_consistency, verify_inclusion
from gate.errors import StoreError
from gate.ports import Fact
from gate.store import slices
from gate.store.erasure import erase_facts
from gate.store.slices import LogSlice
from gate.store.store import EvidenceStore
from tests.support.databases import query
from tests.support.evidence import START, a_call, fill, open_store, put, root_of

CALLS = 90
"""With the own lists 638 leaves: two whole tiles and a part of one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("slices")
    store = open_store(made)
    fill(store, CALLS)
    size, root = store.call(lambda tx: tx.head())
    store.call(lambda tx: tx.keep_checkpoint(size, root, "a note\n", START))
    put(store, Fact("exported", "rec-000010", START + timedelta(days=50), "x", {"call_id": "call-000010"}))
    put(store, Fact("about", "b-1", START + timedelta(days=50), "x", {}))
    (leaf,) = leaves_of(store, "call-000011", "decision")
    store.call(
        lambda tx: erase_facts(
            tx, [leaf], subject="r", at=START + timedelta(days=60), actor="x", basis="request", what="facts"
        )
    )
    store.close()
    return made


def leaves_of(store: EvidenceStore, subject: str, kind: str) -> list[int]:
    rows = store.call(
        lambda tx: query(tx, "SELECT leaf_index FROM facts WHERE subject = ? AND kind = ?", [subject, kind])
    )
    return [row["leaf_index"] for row in rows]


@pytest.fixture
def total(folder: Path) -> Iterator[int]:
    store = open_store(folder)
    try:
        yield store.call(lambda tx: tx.head())[0]
    finally:
        store.close()


def sliced(folder: Path, size: int, first: int, last: int) -> LogSlice:
    """From the attempt of one call to just before that of another."""
    since, until = (stamp(START + timedelta(minutes=10 * n)) for n in (first, last))
    return LogSlice(folder / "gate.db", size=size, since=since, until=until)


def test_calls_come_with_all_that_speaks_of_them_later_facts_too(folder: Path, total: int) -> None:
    found = dict(sliced(folder, total, 10, 12).calls())
    assert list(found) == ["call-000010", "call-000011"]
    assert [fact[1] for fact in found["call-000010"]][-2:] == ["ended", "exported"]
    erased = found["call-000011"][0]
    assert (erased[1], erased[5], erased[6]) == ("decision", None, None)
    assert sliced(folder, total, 10, 12).count_calls() == 2


def test_others_are_registers_in_force_receipts_and_what_is_asked_for(folder: Path, total: int) -> None:
    kinds = [fact[1] for fact in sliced(folder, total, 10, 12).others("b-1")]
    assert kinds == ["register_imported", "about", "facts_erased"]
    every = [fact[0] for fact in sliced(folder, total, 0, 9000).others("b-1")]
    assert every == sorted(set(every))


def test_no_fact_is_left_out_and_none_comes_twice(folder: Path, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "PAGE", 3)
    monkeypatch.setattr(slices, "LEAVES", 7)
    log = sliced(folder, total, 0, 9000)
    told = [fact[0] for _, facts in log.calls() for fact in facts] + [fact[0] for fact in log.others("b-1")]
    assert sorted(told) == list(range(total))
    assert [index for index, _, _ in log.leaves([])] == list(range(total))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 600, 638])
def test_every_leaf_is_proven(folder: Path, size: int) -> None:
    log = sliced(folder, size, 0, 9000)
    leaves = [leaf for _, leaf, _ in LogSlice(folder / "gate.db", size=size, since="", until="z").leaves([])]
    root = root_of(map(leaf_hash, leaves))
    assert log.root_at(size) == root
    for index, leaf, proof in log.leaves([]):
        assert verify_inclusion(leaf_hash(leaf), index, size, proof, root), index


def test_leaves_outside_of_the_period_stand_before_and_after(folder: Path, total: int) -> None:
    log = sliced(folder, total, 10, 12)
    first, last = log.bounds
    assert first is not None and last is not None
    indexes = [index for index, _, _ in log.leaves([3, first, last + 1, total - 1])]
    assert indexes == [3, *range(first - 1, last + 2), total - 1]


def test_an_empty_period_has_no_bounds_and_only_what_is_asked_for(folder: Path, total: int) -> None:
    log = LogSlice(folder / "gate.db", size=total, since="2020", until="2021")
    assert log.bounds == (None, None)
    assert list(log.calls()) == []
    assert [fact[1] for fact in log.others("b-1")] == ["about", "facts_erased"]
    assert log.gap == 0
    assert [index for index, _, _ in log.leaves([5, 6])] == [0, 5, 6], "and the first leaf after it"


def test_older_heads_are_consistent(folder: Path, total: int) -> None:
    log = sliced(folder, total, 10, 12)
    heads = list(log.heads([1, 300, total, total + 5]))
    assert [(size, note) for size, _, note, _ in heads] == [(1, None), (300, None), (638, "a note\n")]
    for size, root, _, proof in heads:
        assert verify_consistency(size, root, total, log.root_at(total), proof)


def test_what_cannot_be_read_is_told(tmp_path: Path, folder: Path, total: int) -> None:
    with pytest.raises(StoreError):
        LogSlice(tmp_path / "none.db", size=1, since="", until="z")
    with pytest.raises(StoreError, match="no leaf 100000"):
        sliced(folder, total, 10, 12).leaf(100_000)


def test_calls_that_come_while_it_is_read_are_not_of_it(folder: Path, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store, 2)
    size, _ = store.call(lambda tx: tx.head())
    put(store, *a_call(3))
    log = sliced(tmp_path, size, 0, 9000)
    assert len(list(log.calls())) == log.count_calls() == 2
    assert all(fact[0] < size for _, facts in log.calls() for fact in facts)
    store.close()
