"""Facts as they lie in the tree: leaf, salt and the text of the value, for whoever shows some of them with proofs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gate.core.evidence import Node
from gate.store.queries import marks, slices
from gate.store.reader import Reader
from gate.store.tree import node_provider
from gate.types import Row

_FACT = (
    "SELECT f.leaf_index, f.kind, f.subject, f.salt, f.body, l.leaf FROM facts AS f JOIN leaves AS l USING (leaf_index)"
)
_OWN = "(f.call_id IS NULL OR f.call_id <> f.subject)"


def nodes(reader: Reader) -> Node:
    """Of the tree, for proofs; lives as long as the reader."""
    return node_provider(reader.connection)


def of_subject(reader: Reader, subject: str, kinds: Sequence[str], size: int) -> list[Row]:
    """Facts of these kinds about a subject among the first ``size`` leaves: ``leaf_index``, ``kind``, ``subject``,
    ``salt`` and ``body`` (None where erased; the text that the leaf commits to), ``leaf`` (bytes)."""
    return reader.query(
        f"{_FACT} WHERE f.subject = ? AND {_OWN} AND f.kind IN ({marks(kinds)}) AND f.leaf_index < ?"
        " ORDER BY f.leaf_index",
        [subject, *kinds, size],
    )


def erased_for(reader: Reader, kind: str, basis: str, calls: Sequence[str], size: int) -> list[Row]:
    """The same of receipts of recordings of these calls that were erased on a basis."""
    found: list[Row] = []
    for part in slices(calls):
        found += reader.query(
            f"{_FACT} WHERE f.subject IN (SELECT recording_id FROM recordings"  # noqa: S608 - only marks are put in
            f" WHERE call_id IN ({marks(part)})) AND {_OWN} AND f.kind = ?"
            " AND json_extract(f.body, '$.basis') = ? AND f.leaf_index < ? ORDER BY f.leaf_index",
            [*part, kind, basis, size],
        )
    return found


def bodies(reader: Reader, subject: str, kind: str) -> list[dict[str, Any]]:
    """Values of the facts of a kind about a subject that are not erased."""
    rows = reader.query(
        f"{_FACT} WHERE f.subject = ? AND {_OWN} AND f.kind = ? AND f.body IS NOT NULL", [subject, kind]
    )
    return [json.loads(row["body"]) for row in rows]
