"""Facts emptied, their leaves kept: a commitment without its salt and value says nothing.

The body and the salt of a fact go, and the personal columns of what was derived from it; its leaf stays and so does the
log. What may be erased, and why, is not decided here. An erasure is itself a fact, of kind ``facts_erased``, that names
the leaves: without one, ``gate.audit`` reports an empty body as tampering. Of an objection that is emptied it says what
stays (``gate.core.evidence.remnant``): nothing else would show that another number was put in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gate.core.evidence import remnant
from gate.ports import Fact
from gate.store.fold import Entry
from gate.store.projections import TOUCHED
from gate.store.transaction import StoreTransaction

KIND = "facts_erased"


def erase_facts(
    tx: StoreTransaction,
    leaves: Iterable[int],
    *,
    subject: str,
    at: datetime,
    actor: str,
    receipt: Mapping[str, Any],
) -> int:
    """Empty these facts and the personal columns that rest on them, and append the fact that says so.

    ``subject`` is what the erasure is done for (a request, a sweep), ``receipt`` what else its fact says: no personal
    data. Returns the index of its leaf. Facts already empty, or that are not there, are left out of it. After the
    commit, ``EvidenceStore.scrub`` removes what the write-ahead log still holds. Raises ``StoreError``.
    """
    erased: list[int] = []
    stays: dict[str, list[dict[str, Any]]] = {}
    for leaf in sorted(set(leaves)):
        rows = tx.query("SELECT * FROM facts WHERE leaf_index = ? AND body IS NOT NULL", [leaf])
        for row in rows:
            erased.append(leaf)
            _commit(tx, row, stays)
            tx.write("UPDATE facts SET salt = NULL, body = NULL WHERE leaf_index = ?", [leaf])
            _empty_derived(tx, leaf, row)
    return tx.append(Fact(KIND, subject, at, actor, {**receipt, **stays, "leaves": erased}))


def _commit(tx: StoreTransaction, fact: Mapping[str, Any], stays: dict[str, list[dict[str, Any]]]) -> None:
    """Add to ``stays``, by table, what stays of the row that this fact made."""
    for table, derive in TOUCHED.get(fact["kind"], ()):
        if table.outlives and fact["kind"] == table.creates:
            said = {name: fact[name] for name in ("leaf_index", "kind", "subject", "at", "actor")}
            columns = derive(Entry(**said, body=json.loads(fact["body"])))
            kept = remnant(columns["made_at"], tx.hash_of(columns["number"]))
            stays.setdefault(table.name, []).append({"id": fact["subject"], **kept})


def _empty_derived(tx: StoreTransaction, leaf: int, fact: Mapping[str, Any]) -> None:
    """Empty what was derived from this fact and is personal."""
    for table, derive in TOUCHED.get(fact["kind"], ()):
        columns = set(derive(Entry(leaf, fact["kind"], fact["subject"], "", "", erased=True)))
        if table.hashed and fact["kind"] == table.creates:
            columns.add("number_hash")
        names = [name for name in table.personal if name in columns]
        key = fact["call_id"] if table.by_call else fact["subject"]
        if names and key is not None:
            changes = ", ".join(f"{name} = NULL" for name in names)
            tx.write(f"UPDATE {table.name} SET {changes} WHERE {table.key} = ?", [key])  # noqa: S608 - names are code's
