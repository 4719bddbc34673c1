"""The tree as it is kept: tiles, frontier and proofs from the database."""

from __future__ import annotations

import pytest

from gate.core.evidence import (
    consistency_proof,
    inclusion_proof,
    nodes_of,
    verify_consistency,
    verify_inclusion,
)
from gate.errors import AuditError
from gate.ports import Fact
from gate.store.tree import TILE
from tests.support.databases import query
from tests.support.evidence import START, open_store, put, root_of

SIZE = 3 * TILE + 37


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    store = open_store(tmp_path_factory.mktemp("log"))
    put(store, *(Fact("note", f"n{n}", START, "x", {"n": n}) for n in range(SIZE)))
    rows = store.call(lambda tx: query(tx, "SELECT hash FROM leaves ORDER BY leaf_index"))
    yield store, [row["hash"] for row in rows]
    store.close()


def test_tiles_are_the_roots_of_their_leaves(log):
    store, hashes = log
    tiles = store.call(lambda tx: query(tx, "SELECT * FROM tiles ORDER BY tile"))
    assert tiles == [{"tile": n, "hash": root_of(hashes[n * TILE : (n + 1) * TILE])} for n in range(3)]


@pytest.mark.parametrize("size", [0, 1, TILE - 1, TILE, TILE + 1, 2 * TILE, SIZE - 1, SIZE])
def test_the_root_at_any_size(log, size):
    store, hashes = log
    assert store.call(lambda tx: tx.root_at(size)) == root_of(hashes[:size])


def test_proofs_from_the_database_are_those_from_memory(log):
    store, hashes = log
    memory, root = nodes_of(hashes), root_of(hashes)

    def prove(tx):
        node = tx.node()
        return [inclusion_proof(index, SIZE, node) for index in range(0, SIZE, 29)]

    for index, proof in zip(range(0, SIZE, 29), store.call(prove), strict=True):
        assert proof == inclusion_proof(index, SIZE, memory)
        assert verify_inclusion(hashes[index], index, SIZE, proof, root)
    proof = store.call(lambda tx: consistency_proof(300, SIZE, tx.node()))
    assert verify_consistency(300, root_of(hashes[:300]), SIZE, root, proof)


def test_what_is_not_there(log):
    store, _hashes = log
    with pytest.raises(AuditError, match=f"no leaf {SIZE} of {SIZE + 1}"):
        store.call(lambda tx: tx.root_at(SIZE + 1))
    with pytest.raises(AuditError, match=f"no leaf {SIZE}"):
        store.call(lambda tx: tx.node()(0, SIZE))
    with pytest.raises(AuditError, match=f"no leaves {4 * TILE} to {5 * TILE - 1}"):
        store.call(lambda tx: tx.node()(8, 4))
    with pytest.raises(AuditError, match="no leaves 800 to 831"):
        store.call(lambda tx: tx.node()(5, 25))
