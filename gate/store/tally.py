"""Attempts by minute and reason: read once from an index, then only what is new.

Attempts are counted as they lie in the store, so that whoever asked (a phone, a PBX, a dialler) and whatever was
decided is in it once, after its commit. The table's key is the leaf: what is beyond the last one seen is new. A
question counts until a call comes of it, which then counts in its place.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gate.core.evidence import stamp
from gate.store.queries import Source
from gate.store.questions import IS_ATTEMPT

Counts = dict[tuple[str, str], int]
"""(minute as ``2026-03-02T10:00``, reason) -> attempts."""

_BEYOND: Final = (
    "SELECT calls.leaf_index, calls.at, calls.reason, asked.at AS asked_at, asked.reason AS asked_reason"
    " FROM calls LEFT JOIN calls AS asked ON asked.call_id = calls.question"
    " WHERE calls.leaf_index > ? ORDER BY calls.leaf_index"
)


def attempts_since(tx: Source, since: datetime) -> tuple[int, Counts]:
    """The last leaf of a decision, and the attempts from ``since`` on. Reads an index alone."""
    last = tx.query("SELECT coalesce(max(leaf_index), -1) AS last FROM calls")[0]["last"]
    rows = tx.query(
        "SELECT substr(at, 1, 16) AS minute, reason, count(*) AS attempts FROM calls INDEXED BY calls_at"  # noqa: S608 - the code's own
        f" WHERE at >= ? AND {IS_ATTEMPT} GROUP BY minute, reason",
        [stamp(since)],
    )
    return last, {(row["minute"], row["reason"]): row["attempts"] for row in rows}


def attempts_beyond(tx: Source, leaf: int) -> tuple[int, Counts]:
    """The same of the decisions after this leaf; a question of which one of them came is taken off."""
    last, counts = leaf, Counts()

    def count(at: str, reason: str, by: int) -> None:
        key = (at[:16], reason)
        counts[key] = counts.get(key, 0) + by

    for row in tx.query(_BEYOND, [leaf]):
        last = row["leaf_index"]
        if row["reason"] != "call_in":
            count(row["at"], row["reason"], 1)
        if row["asked_at"] is not None:
            count(row["asked_at"], row["asked_reason"], -1)
    return last, counts
