"""Receipts of callees (``gate.core.receipts``).

One receipt is shown by its code, with its proof: its leaf with its value, the decision's by its hash alone. Codes of
no receipt are counted by account: whoever guesses is stopped. Every receipt that is kept, with its proof, is given
out for the page that the firm hosts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.converting import decode
from gate.core.evidence import index_of
from gate.core.receipts import code_of, shown
from gate.core.rows.audit import LeafKept, LogProof, SignedNote
from gate.core.rows.calls import ReceiptRow
from gate.errors import RefusedError, StoreError, UsageError
from gate.exports import page
from gate.operations.operation import EVERYBODY, KEEPERS, Caller, Cursor, Line, Request, Response, about, operation
from gate.store.paging import no_place
from gate.store.slices import signed_over
from gate.store.tree import node_provider

if TYPE_CHECKING:
    from gate.core.evidence import Node
    from gate.operations.data_folder import DataFolder
    from gate.store.reader import Reader


HOUR: Final = timedelta(hours=1)
MOST: Final = 20
"""Wrong codes of one account within an hour."""
_ALL: Final = 200
"""Bound for all accounts together."""


class Guesses:
    """Thread-safe."""

    def __init__(self, _folder: DataFolder) -> None:
        self._wrong: deque[tuple[datetime, str]] = deque()
        self._one = Lock()

    def look(self, actor: str, now: datetime) -> None:
        """Raises ``RefusedError`` (``too_many_codes``) where too many were wrong."""
        with self._one:
            while self._wrong and now - self._wrong[0][0] >= HOUR:
                self._wrong.popleft()
            own = sum(who == actor for _, who in self._wrong)
        if own >= MOST or len(self._wrong) >= _ALL:
            raise RefusedError(
                "too many codes of no receipt were tried within an hour",
                reason="too_many_codes",
                hint="Ask the person to read the code again, and try later.",
            )

    def wrong(self, actor: str, now: datetime) -> None:
        """One more."""
        with self._one:
            self._wrong.append((now, actor))


_LEAF = (
    "SELECT l.leaf, l.hash, f.salt, f.body FROM leaves AS l JOIN facts AS f ON f.leaf_index = l.leaf_index + ?"
    " WHERE l.leaf_index = ?"
)


def proofs(reader: Reader, rows: Sequence[ReceiptRow], checkpoint: SignedNote, vkey: str) -> list[LogProof]:
    """The evidence for each row of ``receipts``. Raises ``StoreError``, ``AuditError``."""
    node = node_provider(reader.connection)
    return [_proof(reader, row, node, checkpoint, vkey) for row in rows]


def _proof(reader: Reader, row: ReceiptRow, node: Node, checkpoint: SignedNote, vkey: str) -> LogProof:
    size = checkpoint.size
    first, index = reader.own.start, index_of(row.leaf_index)
    receipt, decision = (reader.rows(LeafKept, _LEAF, [first, leaf]) for leaf in (index, row.decision))
    if not receipt or not decision or row.decision is None:
        raise StoreError(f"receipt {row.id} names a leaf that is not there", hint="run `dialgate audit verify`")
    (own,), (other,) = receipt, decision
    shown = page.leaf(index, size, node, leaf=own.leaf, salt=own.salt, body=own.body)
    alone = page.hash_alone(row.decision, size, node, other.hash)
    return page.evidence(checkpoint.note, vkey, [shown, alone])


UNKNOWN = "there is no receipt with this code"


class Edition(Response, frozen=True):
    """The edition of a register that the call was screened against."""

    name: str
    as_of: str | None
    sha256: str


class MadeBy(Response, frozen=True):
    """Who called."""

    legal_name: str
    trading_name: str
    number: str
    """The firm's own, that was shown."""
    on_behalf_of: str = ""
    """The legal name of the firm for which it called; empty where it called for itself."""


class ObjectTo(Response, frozen=True):
    """Where to say that one wants no such calls."""

    address: str
    freephone: str
    email: str


class ReceiptStatement(Response, frozen=True, kw_only=True):
    """What the receipt says, as its leaf commits to it."""

    call_id: str
    code: str
    decision: int
    """The leaf of the decision."""
    hour: str
    """In which the call was screened, London's."""
    verdict: str
    reason: str
    registers: list[Edition]
    found: list[str] = msgspec.field(default_factory=list)
    """What was found, in sentences; empty in a receipt of an earlier version."""
    made_by: MadeBy
    object: ObjectTo


class ReceiptShown(Response, frozen=True, kw_only=True):
    """A receipt; where it is no longer kept, that alone."""

    code: str
    """The code as people read it."""
    kept: bool
    said: ReceiptStatement | None
    leaf_index: int
    told_how: str | None
    """``spoken`` or ``sent``; None where neither was tried."""
    told: bool | None
    """The callee heard it to its end."""
    why: str | None
    """Why not."""
    proof: LogProof | None
    """None until a checkpoint is signed over it."""


class ReceiptShow(Request[ReceiptShown], frozen=True):
    """The receipt that has a code."""

    code: Annotated[
        Line,
        about(
            "The code that the callee heard: ten characters; spaces, hyphens and small letters make no difference.",
            "The code that they were told: ten signs",
            eg=("4K7 X2Q 9RMR",),
        ),
    ]


@operation(ReceiptShow, "receipt_show", roles=EVERYBODY)
def receipt_show(folder: DataFolder, asked: ReceiptShow, caller: Caller) -> ReceiptShown:
    """Show the receipt of a call by its code, with its proof: never the number that was called.

    Raises ``UsageError`` for what is no code and for one of no receipt, ``RefusedError`` (``too_many_codes``) where
    an account has tried too many of those.
    """
    try:
        code = code_of(asked.code)
    except ValueError as error:
        raise UsageError(str(error), hint="It has ten signs, such as 4K7 X2Q 9RMR: ask for it again.") from error
    now = folder.clock.now()
    folder.one(Guesses).look(caller.actor, now)
    vkey = folder.bundles.vkey().vkey
    found = folder.read(lambda reader: _found(reader, code, folder.hash_of(code), vkey))
    if found is None:
        folder.one(Guesses).wrong(caller.actor, now)
        raise UsageError(UNKNOWN, hint="Ask for it again, sign by sign.")
    return found


def _found(reader: Reader, code: str, keyed: str, vkey: str) -> ReceiptShown | None:
    sql = "SELECT * FROM receipts WHERE number_hash = ? ORDER BY leaf_index DESC LIMIT 1"
    rows = reader.rows(ReceiptRow, sql, [bytes.fromhex(keyed)])
    if not rows:
        return None
    (row,) = rows
    (body,) = reader.values(tuple[str | None], "SELECT body FROM facts WHERE leaf_index = ?", [row.leaf_index])[0]
    statement = decode(body, ReceiptStatement) if body is not None and row.number is not None else None
    checkpoint = signed_over(reader, row.leaf_index) if statement else None
    return ReceiptShown(
        code=shown(code),
        kept=statement is not None,
        said=statement,
        leaf_index=row.leaf_index,
        told_how=row.told_how,
        told=row.told,
        why=row.why,
        proof=proofs(reader, rows, checkpoint, vkey)[0] if checkpoint else None,
    )


_KEPT = (
    "SELECT * FROM receipts WHERE number IS NOT NULL AND leaf_index < ? AND leaf_index > ? ORDER BY leaf_index LIMIT ?"
)
"""Those of this gate's log: the page of proofs of each gate has its own."""


def _kept(reader: Reader, size: int, after: str | None, limit: int) -> list[ReceiptRow]:
    """The receipts up to a checkpoint."""
    first = reader.own.start
    return reader.rows(ReceiptRow, _KEPT, [first + size, max(first - 1, _place(after)), limit])


class ReceiptCodes(Response, frozen=True, kw_only=True):
    """A page of the codes that are kept, oldest first."""

    items: list[str]
    next: str | None
    size: int
    """Size of the checkpoint that their proofs are for: give it with the pages that follow."""
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
    rows = folder.read(lambda reader: _kept(reader, size, asked.after, asked.limit))
    return ReceiptCodes(
        items=[row.number or "" for row in rows],
        next=_next(rows, asked.limit),
        size=size,
        vkey=folder.bundles.vkey().vkey,
    )


class ReceiptProof(Response, frozen=True):
    """One receipt."""

    code: str
    evidence: LogProof


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
    vkey = folder.bundles.vkey().vkey

    def read(reader: Reader) -> ReceiptProofs:
        kept = reader.rows(SignedNote, "SELECT size, note FROM checkpoints WHERE size = ?", [asked.size])
        if not kept:
            raise UsageError(f"there is no checkpoint of size {asked.size}", hint="receipts_codes names one")
        rows = _kept(reader, asked.size, asked.after, asked.limit)
        made = proofs(reader, rows, kept[0], vkey)
        items = [ReceiptProof(row.number or "", evidence) for row, evidence in zip(rows, made, strict=True)]
        return ReceiptProofs(items, _next(rows, asked.limit))

    return folder.read(read)


def _place(after: str | None) -> int:
    if after is None:
        return -1
    if not after.isdecimal() or len(after) > 18:
        raise no_place(after)
    return int(after)


def _next(rows: list[ReceiptRow], limit: int) -> str | None:
    return str(rows[-1].leaf_index) if len(rows) == limit else None
