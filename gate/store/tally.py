"""Attempts by minute and reason: read once from an index, then only what is new.

Decisions are counted as they lie in the store, so that whoever asked (a phone, a PBX, a dialler) and whatever was
decided is in it once, after its commit. The table's key is the leaf: what is beyond the last one seen is new.
"""

from __future__ import annotations

from datetime import datetime

from gate.core.evidence import stamp
from gate.store.queries import Source

Counts = dict[tuple[str, str], int]
"""(minute as ``2026-03-02T10:00``, reason) -> attempts."""


def attempts_since(tx: Source, since: datetime) -> tuple[int, Counts]:
    """The last leaf of a decision, and the attempts from ``since`` on. Reads an index alone."""
    last = tx.query("SELECT coalesce(max(leaf_index), -1) AS last FROM calls")[0]["last"]
    rows = tx.query(
        "SELECT substr(at, 1, 16) AS minute, reason, count(*) AS attempts FROM calls INDEXED BY calls_at"
        " WHERE at >= ? AND reason IS NOT 'call_in' GROUP BY minute, reason",
        [stamp(since)],
    )
    return last, {(row["minute"], row["reason"]): row["attempts"] for row in rows}


def attempts_beyond(tx: Source, leaf: int) -> tuple[int, Counts]:
    """The same of the decisions after this leaf."""
    last, counts = leaf, Counts()
    for row in tx.query("SELECT leaf_index, at, reason FROM calls WHERE leaf_index > ? ORDER BY leaf_index", [leaf]):
        last = row["leaf_index"]
        if row["reason"] == "call_in":
            continue
        key = (row["at"][:16], row["reason"])
        counts[key] = counts.get(key, 0) + 1
    return last, counts
