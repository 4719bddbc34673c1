"""The key store's rows: one function a statement or two, each inside a transaction of ``keystore``'s thread.

A wrap's first byte is its kind (see ``wrap``): the whole key, or a share of it. Wraps of one recording stand for each
other only where they are of one kind.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from gate.batched import batched
from gate.vault.errors import KeyStoreError

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS wraps (
    id INTEGER PRIMARY KEY,
    recording_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wrap BLOB NOT NULL,
    proven INTEGER NOT NULL DEFAULT 0, -- 1: its recipient has shown that it opens
    UNIQUE (recording_id, recipient_id)
) STRICT;
CREATE INDEX IF NOT EXISTS wraps_of_recipient ON wraps (recipient_id, recording_id);
PRAGMA user_version = 2;
"""
VERSION: Final = 2
OLDER: Final = "ALTER TABLE wraps ADD COLUMN proven INTEGER NOT NULL DEFAULT 0"
"""What a key store of version 1 lacks."""
_SLICE: Final = 500

_HELD: Final = """
SELECT mine.recording_id, mine.key_id, mine.wrap, other.recording_id IS NOT NULL, coalesce(other.proven, 0)
FROM wraps AS mine LEFT JOIN wraps AS other ON other.recording_id = mine.recording_id AND other.recipient_id = ?
    AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1)
WHERE mine.recipient_id = ? AND mine.recording_id > ? ORDER BY mine.recording_id LIMIT ?
"""
_ALONE: Final = """
SELECT recording_id, substr(wrap, 1, 1), NOT EXISTS (
    SELECT 1 FROM wraps AS other WHERE other.recording_id = mine.recording_id
        AND other.recipient_id <> mine.recipient_id
        AND (? OR other.recipient_id IN (SELECT value FROM json_each(?)))
        AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1))
FROM wraps AS mine WHERE recipient_id = ? AND recording_id > ? ORDER BY recording_id LIMIT ?
"""
_UNPROVEN: Final = """
SELECT recording_id, key_id, wrap FROM wraps
WHERE recipient_id = ? AND recording_id > ? AND NOT proven ORDER BY recording_id LIMIT ?
"""
_ADD: Final = "INSERT OR IGNORE INTO wraps (recording_id, recipient_id, key_id, wrap) VALUES (?, ?, ?, ?)"
_PROVE: Final = "UPDATE wraps SET proven = 1 WHERE recording_id = ? AND recipient_id = ? AND wrap = ? AND NOT proven"
_DROP: Final = """
DELETE FROM wraps AS mine WHERE recording_id = ? AND recipient_id = ? AND EXISTS (
    SELECT 1 FROM wraps AS other WHERE other.recording_id = mine.recording_id AND other.recipient_id = ?
        AND other.proven AND substr(other.wrap, 1, 1) = substr(mine.wrap, 1, 1))
"""


class KeptWrap(NamedTuple):
    """A wrapped key of one recipient."""

    recording_id: str
    key_id: str
    wrap: bytes


class Held(NamedTuple):
    """A recording that a recipient can open, on the way to another one."""

    recording_id: str
    key_id: str
    wrap: bytes
    there: bool
    """The other one has a wrap of it already."""
    proven: bool
    """And has shown that it opens."""


def insert(db: sqlite3.Connection, rows: list[tuple[str, str, str, bytes]]) -> None:
    """(recording, recipient, key, wrap) of one recording. Raises ``KeyStoreError`` where it has keys already."""
    if not rows:
        raise KeyStoreError("a recording without wraps could never be opened")
    (found,) = db.execute("SELECT count(*) FROM wraps WHERE recording_id = ?", (rows[0][0],)).fetchone()
    if found:
        raise KeyStoreError(f"recording {rows[0][0]} has keys already")
    db.executemany("INSERT INTO wraps (recording_id, recipient_id, key_id, wrap) VALUES (?, ?, ?, ?)", rows)


def shred(db: sqlite3.Connection, ids: list[str]) -> int:
    """Delete the wraps of recordings; how many had any."""
    shredded = 0
    for part in batched(dict.fromkeys(ids), _SLICE):
        marks = ",".join("?" * len(part))
        where = f"FROM wraps WHERE recording_id IN ({marks})"  # question marks only
        shredded += db.execute(f"SELECT count(DISTINCT recording_id) {where}", part).fetchone()[0]
        db.execute(f"DELETE {where}", part)
    return shredded


def held(db: sqlite3.Connection, recipient_id: str, other: str, after: str, limit: int) -> list[Held]:
    """Recordings that a recipient can open, by id, each with whether ``other`` can too."""
    rows = db.execute(_HELD, (other, recipient_id, after, limit))
    return [Held(name, key, wrap, bool(there), bool(proven)) for name, key, wrap, there, proven in rows]


def unproven(db: sqlite3.Connection, recipient_id: str, after: str, limit: int) -> list[KeptWrap]:
    """A recipient's wraps that nobody has shown to open, by recording id."""
    return [KeptWrap(*row) for row in db.execute(_UNPROVEN, (recipient_id, after, limit))]


def alone(
    db: sqlite3.Connection, recipient_id: str, others: Collection[str] | None, after: str, limit: int
) -> list[tuple[str, bytes, int]]:
    """(recording, kind, 1 where nobody else, or none of ``others``, could stand for this recipient), by id."""
    anybody, whom = others is None, json.dumps(list(others or ()))
    return db.execute(_ALONE, (anybody, whom, recipient_id, after, limit)).fetchall()


def give(db: sqlite3.Connection, source: str, target: str, wraps: Mapping[str, bytes]) -> int:
    """Add wraps for ``target`` where ``source`` has one; how many. What is gone or there already is passed over."""
    added = 0
    for recording_id, wrap in wraps.items():
        sql = "SELECT key_id, wrap FROM wraps WHERE recording_id = ? AND recipient_id = ?"
        row = db.execute(sql, (recording_id, source)).fetchone()
        if row is None:
            continue  # erased meanwhile: it must not come back to life
        if len(wrap) != len(row[1]) or wrap[:1] != row[1][:1]:
            raise KeyStoreError(f"what is to be kept for recording {recording_id} is no wrap of the same kind")
        added += db.execute(_ADD, (recording_id, target, row[0], wrap)).rowcount
    return added


def prove(db: sqlite3.Connection, recipient_id: str, wraps: Mapping[str, bytes]) -> int:
    """Note that these wraps open; how many were not known to. One that is another by now is passed over."""
    return sum(db.execute(_PROVE, (recording, recipient_id, wrap)).rowcount for recording, wrap in wraps.items())


def drop(db: sqlite3.Connection, source: str, target: str, recording_ids: Iterable[str]) -> int:
    """Delete the wraps of ``source`` for these recordings where ``target`` has one of the same kind that is proven to
    open; how many."""
    return sum(db.execute(_DROP, (recording, source, target)).rowcount for recording in recording_ids)
