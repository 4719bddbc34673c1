"""What must outlive the store: the acts that the memory journal keeps of, made from the facts that are in the store.

An act names a number by its keyed hash alone (``gate.store.fold.number_hash``), and everything else by random ids.
Which facts are acts their kinds say (``outlives_restore``). A fact that the replay of the journal has kept
(``REPLAYED_BY``) is none: the journal has it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from gate.core.facts.derived import ACTS, record
from gate.core.facts.fact import Subject
from gate.core.facts.lists import ConsentWithdrawn, Objection
from gate.core.facts.requests import Carried, Carrying
from gate.core.facts.retention import Hold
from gate.errors import StoreError
from gate.store.fold import number_hash
from gate.types import Row

STOPPING: Final = ("erasure", "objection", "complaint")
"""What a request asks that stops marketing while it is open (LAW 1.7a): who complains is not sold to meanwhile."""
REPLAYED_BY: Final = "gate:memory"
"""The actor of what the replay keeps."""
MOST: Final = 1000
"""Acts that are written at once."""

_OWED = (
    "SELECT leaf_index, kind, subject, at, actor FROM facts INDEXED BY facts_kind"
    " WHERE kind = ? AND leaf_index > ? AND leaf_index <= ? ORDER BY leaf_index LIMIT ?"
)


class BeyondLog(StoreError):
    """The store says that the journal holds acts of leaves that the log does not have: somebody has written that."""

    def __init__(self, leaf: int, last: int) -> None:
        super().__init__(
            f"the store says that the memory journal holds the acts up to leaf {leaf:,}, and the log ends at {last:,}:"
            " somebody has changed the store",
            hint="all acts are compared, and what the journal lacks is written",
        )


class Owed(NamedTuple):
    """Acts that the journal does not hold yet."""

    acts: list[Row]
    upto: int
    """The leaf up to which these are all of them."""
    more: bool


def owed(connection: sqlite3.Connection, after: int, pepper: bytes) -> Owed:
    """The acts after a leaf, in the order of the log, ``MOST`` at a time. Raises ``BeyondLog``, ``sqlite3.Error``."""
    last = last_leaf(connection)
    if after > last:
        raise BeyondLog(after, last)
    facts = []
    for kind in ACTS:
        facts += connection.execute(_OWED, (kind, after, last, MOST + 1)).fetchall()
    facts.sort()
    more = len(facts) > MOST
    facts = facts[:MOST]
    made = [
        act for fact in facts if fact[4] != REPLAYED_BY for act in _acts(connection, fact[1], fact[2], fact[3], pepper)
    ]
    return Owed(made, facts[-1][0] if more else last, more)


def last_leaf(connection: sqlite3.Connection) -> int:
    """That of the newest fact; -1 where there is none."""
    (last,) = connection.execute("SELECT coalesce(max(leaf_index), -1) FROM facts").fetchone()
    return int(last)


def lacking(connection: sqlite3.Connection, upto: int, pepper: bytes, held: Collection[tuple[str, str]]) -> list[Row]:
    """The acts of the log up to a leaf that are not among those that a journal holds, as (act, id). Raises
    ``sqlite3.Error``."""
    found = []
    for kind in ACTS:
        for _, _, subject, at, actor in connection.execute(_OWED, (kind, -1, upto, -1)):
            if actor != REPLAYED_BY and (act_of(kind), subject) not in held:
                found += list(_acts(connection, kind, subject, at, pepper))
    return found


def act_of(kind: str) -> str:
    """The act that facts of a kind are."""
    return "request_pending" if record(kind) == Subject.REQUEST.record and kind != Carried.kind else kind


def _acts(connection: sqlite3.Connection, kind: str, subject: str, at: str, pepper: bytes) -> Iterator[Row]:
    if kind == Objection.kind:
        for row in _rows(connection, "SELECT * FROM objections WHERE id = ?", subject):
            scope = {"scope": row["scope"]} if row.get("scope") else {}
            yield {"act": kind, "id": subject, "at": row["made_at"], "hash": row["number_hash"].hex(), **scope}
    elif kind == ConsentWithdrawn.kind:
        for row in _rows(connection, "SELECT number_hash FROM consents WHERE id = ?", subject):
            known = {"hash": row["number_hash"].hex()} if row["number_hash"] else {}
            yield {"act": kind, "id": subject, "at": at, **known}
    elif kind == Hold.kind:
        named = "kind, target, recording_id, call_id, number, ground"
        for row in _rows(connection, f"SELECT {named} FROM holds WHERE id = ?", subject):  # noqa: S608 - a constant
            on = {name: row[name] for name in ("recording_id", "call_id", "ground") if row[name]}
            if row["number"]:
                on["hash"] = number_hash(pepper, row["number"]).hex()
            yield {"act": kind, "id": subject, "at": at, "kind": row["kind"], "target": row["target"], **on}
    elif kind == Carried.kind:
        yield from _carried(connection, subject, at, pepper)
    elif record(kind) == Subject.REQUEST.record:
        yield from _pending(connection, subject, at, pepper)
    else:  # objection_removed, hold_released, recording_erased
        yield {"act": kind, "id": subject, "at": at}


def _carried(connection: sqlite3.Connection, request: str, at: str, pepper: bytes) -> Iterator[Row]:
    for row in _rows(connection, "SELECT numbers FROM requests WHERE id = ?", request):
        bodies = {
            fact["kind"]: json.loads(fact["body"])
            for fact in _rows(
                connection,
                "SELECT kind, body FROM facts WHERE subject = ? AND body IS NOT NULL AND kind IN (?, ?)"
                " ORDER BY leaf_index",
                request,
                Carrying.kind,
                Carried.kind,
            )
        }
        whole = bool(bodies.get(Carried.kind, {}).get("whole"))
        hashes = [number_hash(pepper, number).hex() for number in json.loads(row["numbers"] or "[]")]
        calls = [] if whole else bodies.get(Carrying.kind, {}).get("calls", [])
        yield {"act": Carried.kind, "id": request, "at": at, "whole": whole, "hashes": hashes, "calls": calls}


def _pending(connection: sqlite3.Connection, request: str, at: str, pepper: bytes) -> Iterator[Row]:
    """Whether a request stops marketing to the numbers that it is about (LAW 1.7a), as the store has it now."""
    for row in _rows(connection, "SELECT asks, numbers, state FROM requests WHERE id = ?", request):
        if row["asks"] in STOPPING:
            hashes = [number_hash(pepper, number).hex() for number in json.loads(row["numbers"] or "[]")]
            over = row["state"] in ("done", "closed")
            yield {"act": "request_pending", "id": request, "at": at, "over": over, "hashes": hashes}


def _rows(connection: sqlite3.Connection, sql: str, *keys: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, keys)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
