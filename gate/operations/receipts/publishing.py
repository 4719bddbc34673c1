"""Every receipt that is kept, with its proof: for the page that the firm hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from gate.errors import UsageError
from gate.operations.operation import KEEPERS, Caller, Cursor, Request, Response, about, operation
from gate.operations.receipts.proofs import ReceiptEvidence, proofs
from gate.store.paging import no_place

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.reader import Reader
    from gate.types import Row

_KEPT = (
    "SELECT leaf_index, id, number, decision FROM receipts"
    " WHERE number IS NOT NULL AND leaf_index < ? AND leaf_index > ? ORDER BY leaf_index LIMIT ?"
)


class ReceiptCodes(Response, frozen=True, kw_only=True):
    """A page of the codes that are kept, oldest first."""

    items: list[str]
    next: str | None
    size: int
    """Of the checkpoint that their proofs are for: give it with the pages that follow."""
    vkey: str
    """The key that it is signed with."""


class ReceiptsCodes(Request[ReceiptCodes], frozen=True):
    """The codes of the receipts that are kept."""

    size: Annotated[
        int, msgspec.Meta(ge=0), about("Size of the checkpoint that they are proven under; 0: the log is signed now.")
    ] = 0
    after: Cursor = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=5000), about("Rows of a page.")] = 5000


@operation(ReceiptsCodes, "receipts_codes", roles=KEEPERS)
def receipts_codes(folder: DataFolder, asked: ReceiptsCodes, caller: Caller) -> ReceiptCodes:
    """List the codes of every receipt that is kept, so that the others are taken off the firm's page. Signs the log
    where no checkpoint is named."""
    size = asked.size
    if not size:
        signed = folder.log.checkpoint()
        folder.trust.signed(signed.missed)
        size = signed.size
    rows = folder.read(lambda reader: reader.query(_KEPT, [size, _place(asked.after), asked.limit]))
    return ReceiptCodes(
        items=[row["number"] for row in rows],
        next=_next(rows, asked.limit),
        size=size,
        vkey=folder.bundles.vkey()["vkey"],
    )


class ReceiptProof(Response, frozen=True):
    """One receipt."""

    code: str
    evidence: ReceiptEvidence


class ReceiptProofs(Response, frozen=True):
    """A page of receipts with their proofs, oldest first."""

    items: list[ReceiptProof]
    next: str | None


class ReceiptsProofs(Request[ReceiptProofs], frozen=True):
    """The receipts that are kept, with their proofs."""

    size: Annotated[int, msgspec.Meta(ge=1), about("Size of the checkpoint that they are proven under.")]
    after: Cursor = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200), about("Rows of a page.")] = 100


@operation(ReceiptsProofs, "receipts_proofs", roles=KEEPERS)
def receipts_proofs(folder: DataFolder, asked: ReceiptsProofs, caller: Caller) -> ReceiptProofs:
    """Give the receipts that are kept, with their proofs under one checkpoint. Raises ``UsageError`` where there is no
    such checkpoint."""
    vkey = folder.bundles.vkey()["vkey"]

    def read(reader: Reader) -> ReceiptProofs:
        kept = reader.query("SELECT size, note FROM checkpoints WHERE size = ?", [asked.size])
        if not kept:
            raise UsageError(f"there is no checkpoint of size {asked.size}", hint="receipts_codes names one")
        rows = reader.query(_KEPT, [asked.size, _place(asked.after), asked.limit])
        made = proofs(reader, rows, kept[0], vkey)
        items = [ReceiptProof(row["number"], evidence) for row, evidence in zip(rows, made, strict=True)]
        return ReceiptProofs(items, _next(rows, asked.limit))

    return folder.read(read)


def _place(after: str | None) -> int:
    if after is None:
        return -1
    if not after.isdecimal() or len(after) > 18:
        raise no_place(after)
    return int(after)


def _next(rows: list[Row], limit: int) -> str | None:
    return str(rows[-1]["leaf_index"]) if len(rows) == limit else None
