"""The proof of a receipt: its leaf with its value, and the decision's leaf by its hash alone, for its value has the
number and its leaf the account that asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gate.converting import convert
from gate.errors import StoreError
from gate.exports import page
from gate.operations.operation import Response
from gate.store.tree import node_provider
from gate.types import Row

if TYPE_CHECKING:
    from gate.core.evidence import Node
    from gate.store.reader import Reader

_LEAF = "SELECT l.leaf, l.hash, f.salt, f.body FROM leaves AS l JOIN facts AS f USING (leaf_index) WHERE leaf_index = ?"


class ReceiptLeaf(Response, frozen=True, kw_only=True, omit_defaults=True):
    """A leaf with its proof: with its value, or its hash alone."""

    index: int
    proof: list[str]
    """Base64, the lowest sibling first."""
    leaf: str | None = None
    salt: str | None = None
    body: str | None = None
    hash: str | None = None


class ReceiptEvidence(Response, frozen=True):
    """What a page checks (``gate.exports.page``): the receipt's leaf, and the decision's."""

    checkpoint: str
    """A signed note (C2SP)."""
    vkey: str
    leaves: list[ReceiptLeaf]


def newest_checkpoint(reader: Reader, beyond: int) -> Row | None:
    """The newest signed checkpoint over more than so many leaves: ``size`` and ``note``."""
    sql = "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size DESC LIMIT 1"
    rows = reader.query(sql, [beyond])
    return rows[0] if rows else None


def proofs(reader: Reader, rows: Sequence[Row], checkpoint: Row, vkey: str) -> list[ReceiptEvidence]:
    """For each row of ``receipts`` its evidence. Raises ``StoreError``, ``AuditError``."""
    node = node_provider(reader.connection)
    return [_proof(reader, row, node, checkpoint, vkey) for row in rows]


def _proof(reader: Reader, row: Row, node: Node, checkpoint: Row, vkey: str) -> ReceiptEvidence:
    size = checkpoint["size"]
    receipt, decision = (reader.query(_LEAF, [row[name]]) for name in ("leaf_index", "decision"))
    if not receipt or not decision:
        raise StoreError(f"receipt {row['id']} names a leaf that is not there", hint="run `dialgate audit verify`")
    (own,), (other,) = receipt, decision
    shown = page.leaf(row["leaf_index"], size, node, leaf=own["leaf"], salt=own["salt"], body=own["body"])
    alone = page.hash_alone(row["decision"], size, node, other["hash"])
    return convert(page.evidence(checkpoint["note"], vkey, [shown, alone]), ReceiptEvidence)
