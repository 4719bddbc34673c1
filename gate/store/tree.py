"""The Merkle tree as it is kept: leaf hashes, and tiles (roots of every complete run of 256 leaves) above them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gate.core.evidence import Frontier, Node, keys_of, nodes_of
from gate.errors import AuditError
from gate.sqlite_thread import Connection
from gate.store.schema import Difference

TILE_LEVEL = 8
TILE = 1 << TILE_LEVEL
"""Leaves in a tile."""


def keys(connection: Connection) -> range:
    """The keys that facts of a connection's own log may have (``gate.core.evidence.leaf_key``). SQLite has one log, 0.

    Of ``leaves``, ``tiles``, ``checkpoints`` and ``memory`` a connection sees the rows of its own log alone, by their
    index in it; of all other tables those of every log."""
    return keys_of(getattr(connection, "log", 0))


def last_index(connection: Connection) -> int:
    """The index of the log's newest fact; -1 where there is none. Raises ``sqlite3.Error``."""
    own = keys(connection)
    sql = "SELECT max(leaf_index) FROM facts WHERE leaf_index >= ? AND leaf_index < ?"
    (last,) = connection.execute(sql, (own.start, own.stop)).fetchone()
    return -1 if last is None else int(last) - own.start


def size_of(connection: Connection) -> int:
    """How many leaves there are."""
    (last,) = connection.execute("SELECT max(leaf_index) FROM leaves").fetchone()
    return 0 if last is None else int(last) + 1


def load_frontier(connection: Connection, size: int | None = None) -> Frontier:
    """The frontier over the first ``size`` leaves (all of them), from tiles and the leaf hashes after the last one.

    Raises ``AuditError`` where a tile or a leaf is not there.
    """
    end = size_of(connection) if size is None else size
    tiles = end >> TILE_LEVEL
    frontier = Frontier()
    rows = connection.execute("SELECT tile, hash FROM tiles WHERE tile < ? ORDER BY tile", (tiles,))
    for tile, digest in rows:
        if tile << TILE_LEVEL != frontier.size:
            break
        frontier = frontier.push(digest, TILE_LEVEL)
    if frontier.size != tiles << TILE_LEVEL:
        raise AuditError(f"the evidence log has no tile {frontier.size >> TILE_LEVEL} of {tiles}", hint=VERIFY_HINT)
    rows = connection.execute(
        "SELECT leaf_index, hash FROM leaves WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index",
        (frontier.size, end),
    )
    for index, digest in rows:
        if index != frontier.size:
            break
        frontier = frontier.push(digest)
    if frontier.size != end:
        raise AuditError(f"the evidence log has no leaf {frontier.size} of {end}", hint=VERIFY_HINT)
    return frontier


VERIFY_HINT = "run `dialgate audit verify`, and restore the database from a backup that verifies"


def check_start(connection: Connection, differences: Iterable[Difference]) -> Frontier:
    """The frontier at the start of the gate, compared with the last checkpoint that the database holds.

    Raises ``AuditError`` where the log is shorter than what was signed, or another one; and where the database is not
    made as the gate makes it (``differences``: a trigger could change evidence as it is written).
    """
    for _, message in differences:
        raise AuditError(message, hint=VERIFY_HINT)
    frontier = load_frontier(connection)
    facts = last_index(connection) + 1
    if facts != frontier.size:
        raise AuditError(f"the evidence log has {frontier.size} leaves but {facts} facts", hint=VERIFY_HINT)
    signed = connection.execute("SELECT size, root FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if signed is None:
        return frontier
    size, root = signed
    if size > frontier.size:
        raise AuditError(
            f"the evidence log has {frontier.size} leaves, but checkpoint {size} was signed over {size}: "
            f"leaves {frontier.size} to {size - 1} are gone",
            hint=VERIFY_HINT,
        )
    then = frontier if size == frontier.size else load_frontier(connection, size)
    if then.root != root:
        raise AuditError(
            f"the first {size} leaves of the evidence log are not those that checkpoint {size} was signed over",
            hint=VERIFY_HINT,
        )
    return frontier


def node_provider(connection: Connection) -> Node:
    """A provider of subtree hashes for the proofs of ``gate.core.evidence``: reads all tiles once, and the leaves of a
    tile when one of them is asked for.

    Lives as long as the transaction it is used in. Raises ``AuditError`` where a hash is not there.
    """
    rows = connection.execute("SELECT tile, hash FROM tiles ORDER BY tile").fetchall()
    if [tile for tile, _ in rows] != list(range(len(rows))):
        raise AuditError("the evidence log lacks a tile", hint=VERIFY_HINT)
    above = nodes_of([digest for _, digest in rows])

    @lru_cache(maxsize=256)
    def inside(tile: int) -> Node:
        rows = connection.execute(
            "SELECT hash FROM leaves WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index",
            (tile << TILE_LEVEL, (tile + 1) << TILE_LEVEL),
        )
        return nodes_of([digest for (digest,) in rows])

    def node(level: int, index: int) -> bytes:
        try:
            if level >= TILE_LEVEL:
                return above(level - TILE_LEVEL, index)
            width = TILE_LEVEL - level
            return inside(index >> width)(level, index & ((1 << width) - 1))
        except IndexError:
            what = f"leaves {index << level} to {((index + 1) << level) - 1}" if level else f"leaf {index}"
            raise AuditError(f"the evidence log has no {what}", hint=VERIFY_HINT) from None

    return node
