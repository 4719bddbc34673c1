"""What somebody with the machine can do to an evidence database, and what verification says of it."""

from __future__ import annotations

import json
import sqlite3

from gate.audit.verify import verify
from gate.core.evidence import Frontier, commitment, leaf_bytes, leaf_hash
from gate.store.erasure import erase_facts
from gate.store.projections import TABLES, number_hash
from gate.store.schema import differences
from tests.support.evidence import PEPPER, START, Engine, open_store
from tests.support.notes import NoteKey

KEY = NoteKey()
CALLS = 80
_ZEROBLOB = """CREATE OR REPLACE FUNCTION dialgate.zeroblob(n integer) RETURNS bytea LANGUAGE sql
AS $$ SELECT decode(repeat('00', n), 'hex') $$"""
"""SQLite's, for what tests write."""


def audit(folder, **more):
    arguments = {"tables": TABLES, "folders": [folder / "checkpoints"], "origin": KEY.name, "pepper": PEPPER}
    arguments["shape"] = lambda connection: differences(connection, number_hash(PEPPER, ""))
    return verify(folder / "gate.db", KEY.open, **arguments | more)


def opened(folder):
    """Its database, to write to as the gate does not."""
    if Engine.name == "postgresql":
        from tests.support import postgresql  # psycopg is an extra

        made = postgresql.place_of(folder).connect()
        made.session.execute(_ZEROBLOB)
        return made
    return sqlite3.connect(folder / "gate.db", isolation_level=None)


def change(folder, *statements):
    connection = opened(folder)
    for statement in statements:
        sql, *parameters = statement if isinstance(statement, tuple) else (statement,)
        assert connection.execute(sql, parameters).rowcount != 0, f"nothing was changed: {sql}"
    connection.close()


def found(report):
    return [(fault.what, fault.leaf_index) for fault in report.faults]


def rewrite(folder, leaf_index=None, **changed):
    """What somebody with the machine and without the signing key can do: every hash is made to fit again."""
    connection = opened(folder)
    if leaf_index is not None:
        (text,) = connection.execute("SELECT body FROM facts WHERE leaf_index = ?", [leaf_index]).fetchone()
        body = json.dumps(json.loads(text) | changed, sort_keys=True, separators=(",", ":"))
        connection.execute("UPDATE facts SET body = ? WHERE leaf_index = ?", [body, leaf_index])
    connection.execute("DELETE FROM leaves")
    connection.execute("DELETE FROM tiles")
    frontier, tile = Frontier(), Frontier()
    rows = connection.execute(
        "SELECT leaf_index, kind, subject, at, actor, salt, body FROM facts ORDER BY 1"
    ).fetchall()
    for index, kind, subject, at, actor, salt, body in rows:
        leaf = leaf_bytes(kind, subject, at, actor, commitment(salt, body.encode()))
        digest = leaf_hash(leaf)
        frontier, tile = frontier.push(digest), tile.push(digest)
        connection.execute("INSERT INTO leaves VALUES (?, ?, ?)", [index, leaf, digest])
        if tile.size == 256:
            connection.execute("INSERT INTO tiles VALUES (?, ?)", [index // 256, tile.root])
            tile = Frontier()
    connection.close()
    return frontier


def erase(folder, *leaves):
    store = open_store(folder)
    store.call(lambda tx: erase_facts(tx, leaves, subject="req-1", at=START, actor="x", basis="request", what="facts"))
    store.close()
