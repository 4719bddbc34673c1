"""The database's own form, compared with what the migrations make: tables, generated columns, indexes, and what may not
lie beside them.

A trigger, a generated column or an index that says something else changes what is written, or what every list shows,
and no row of evidence with it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Final

from gate.store import schema

MIGRATIONS: Final = "_sqlite_migrations"
"""Made and indexed by sqlite-utils, whose spelling of it is its own: only what it says is compared."""
Made = tuple[str, str, str]
"""Kind of an object, the table that it belongs to, its SQL."""
Difference = tuple[str, str]
"""What it is, in a word of ``gate.audit``, and a sentence."""


def differences(connection: sqlite3.Connection, number_proof: bytes | None = None) -> Iterator[Difference]:
    """Everything that is not as a gate of this version makes it. ``number_proof``: what ``number_key`` must hold; None
    where the key of the number hashes is not known. Raises ``sqlite3.Error`` for a damaged file."""
    wanted, found = _wanted(schema.STEPS), _objects(connection)
    steps = {(schema.MIGRATION_SET, step.name) for step in schema.STEPS}
    for name, (kind, *_) in found.items():
        if kind in ("trigger", "view") or (name not in wanted and MIGRATIONS not in name):
            yield "foreign_object", f"the database holds a {kind} that is not the gate's: {name}"
    for name, made in wanted.items():
        if name not in found:
            yield "foreign_object", f"the database has no {made[0]} {name}"
        elif found[name] != made:
            yield "schema_changed", f"{made[0]} {name} is not made as the gate makes it"
    if found.get(MIGRATIONS, ("",))[0] != "table":
        yield "foreign_object", f"the database has no table {MIGRATIONS}"
    elif set(connection.execute(f"SELECT migration_set, name FROM {MIGRATIONS}")) != steps:  # noqa: S608 - a constant
        yield "schema_changed", f"{MIGRATIONS} does not name the changes that this version of the gate has made"
    for pragma in ("user_version", "application_id"):
        if connection.execute(f"PRAGMA {pragma}").fetchone() != (0,):
            yield "schema_changed", f"the database's {pragma} is not 0"
    if number_proof is not None and "number_key" in found:
        proofs = connection.execute("SELECT proof FROM number_key").fetchall()
        if proofs != [(number_proof,)]:
            yield "number_key_changed", "number_key is not that of number.key: nobody could tell who objected"


@lru_cache(maxsize=1)
def _wanted(steps: tuple[schema.Step, ...]) -> Mapping[str, Made]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in steps:
            connection.executescript(step.sql)
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> dict[str, Made]:
    """All that lies in a database, by name. The SQL is without comments, and each run of spaces is one:
    what SQLite keeps of an ALTER TABLE depends on its version. It is empty for an index that a constraint made."""
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema").fetchall()
    return {name: (kind, table, _plain(sql or "")) for name, kind, table, sql in rows}


@lru_cache(maxsize=256)
def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip()
