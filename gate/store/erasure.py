"""Facts emptied, their leaves kept: a commitment without its salt and value says nothing.

The body and the salt of a fact go, and the personal columns of what was derived from it; its leaf stays and so does the
log. What may be erased, and why, is not decided here. An erasure is itself a fact, of kind ``facts_erased``, that names
the leaves: without one, ``gate.audit`` reports an empty body as tampering. Nothing but that fact would show that what
stays was changed afterwards. So it commits, in ``stays`` by table and row, to the columns that rested on the emptied
facts and are not personal (``gate.core.evidence.remnant``), and says in ``filed`` which call an emptied fact speaks of,
by its leaf.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gate.core.evidence import remnant
from gate.core.facts.derived import OF_CALL
from gate.core.facts.retention import FactsErased
from gate.store.fold import Table
from gate.store.projections import TOUCHED
from gate.store.transaction import StoreTransaction


def erase_facts(
    tx: StoreTransaction,
    leaves: Iterable[int],
    *,
    subject: str,
    at: datetime,
    actor: str,
    basis: str,
    what: str,
) -> int:
    """Empty these facts and the personal columns that rest on them, and append the fact that says so.

    ``subject`` is what the erasure is done for (a request, a sweep), ``basis`` and ``what`` are said in its fact: no
    personal data. Returns the index of its leaf. Facts already empty, or that are not there, are left out of it. After
    the commit, ``EvidenceStore.scrub`` removes what the write-ahead log still holds. Raises ``StoreError``.
    """
    erased: list[int] = []
    filed: dict[str, str] = {}
    rests: dict[tuple[str, str], tuple[Table, set[str], set[str]]] = {}
    for leaf in sorted(set(leaves)):
        for row in tx.query(
            "SELECT kind, subject, call_id FROM facts WHERE leaf_index = ? AND body IS NOT NULL", [leaf]
        ):
            erased.append(leaf)
            if row["call_id"] is not None and row["kind"] not in OF_CALL:
                filed[str(leaf)] = row["call_id"]
            tx.write("UPDATE facts SET salt = NULL, body = NULL WHERE leaf_index = ?", [leaf])
            for table, _ in TOUCHED.get(row["kind"], ()):
                key = row["call_id"] if table.by_call else row["subject"]
                if key is not None:
                    _, columns, left = rests.setdefault((table.name, key), (table, set(), set()))
                    columns.update(table.sets(row["kind"]))
                    left.update(table.stays(row["kind"]))
    stays: dict[str, dict[str, str]] = {}
    for (name, key), (table, columns, left) in rests.items():
        _empty(tx, table, key, columns.intersection(table.personal))
        if left:
            sql = f"SELECT {', '.join(sorted(left))} FROM {name} WHERE {table.key} = ?"  # noqa: S608 - names are code's
            for row in tx.query(sql, [key]):
                stays.setdefault(name, {})[key] = remnant(row)
    body = FactsErased(basis=basis, what=what, stays=stays, filed=filed, leaves=erased)
    return tx.append(body.fact(subject, at, actor))


def _empty(tx: StoreTransaction, table: Table, key: str, columns: set[str]) -> None:
    if columns:
        changes = ", ".join(f"{name} = NULL" for name in sorted(columns))
        tx.write(f"UPDATE {table.name} SET {changes} WHERE {table.key} = ?", [key])  # noqa: S608 - names are code's
