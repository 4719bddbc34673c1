"""One receipt by its code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from gate.converting import convert
from gate.core.receipts import code_of, shown
from gate.errors import UsageError
from gate.operations.operation import EVERYBODY, Caller, Line, Request, Response, about, operation
from gate.operations.receipts.guesses import Guesses
from gate.operations.receipts.proofs import ReceiptEvidence, newest_checkpoint, proofs

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.reader import Reader

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


class ObjectTo(Response, frozen=True):
    """Where to say that one wants no such calls."""

    address: str
    freephone: str
    email: str


class Said(Response, frozen=True, kw_only=True):
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
    made_by: MadeBy
    object: ObjectTo


class ReceiptShown(Response, frozen=True, kw_only=True):
    """A receipt; where it is no longer kept, that alone."""

    code: str
    """As people read it."""
    kept: bool
    said: Said | None
    leaf_index: int
    told_how: str | None
    """``spoken`` or ``sent``; None where neither was tried."""
    told: bool | None
    """To its end."""
    why: str | None
    """Why not."""
    proof: ReceiptEvidence | None
    """None until a checkpoint is signed over it."""


class ReceiptShow(Request[ReceiptShown], frozen=True):
    """The receipt that has a code."""

    code: Annotated[
        Line,
        about(
            "The code that the callee was told: ten signs; spaces, hyphens and small letters make no difference.",
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
    vkey = folder.bundles.vkey()["vkey"]
    found = folder.read(lambda reader: _found(reader, code, folder.hash_of(code), vkey))
    if found is None:
        folder.one(Guesses).wrong(caller.actor, now)
        raise UsageError(UNKNOWN, hint="Ask for it again, sign by sign.")
    return found


def _found(reader: Reader, code: str, keyed: str, vkey: str) -> ReceiptShown | None:
    sql = "SELECT * FROM receipts WHERE number_hash = ? ORDER BY leaf_index DESC LIMIT 1"
    rows = reader.query(sql, [bytes.fromhex(keyed)])
    if not rows:
        return None
    (row,) = rows
    told = None if row["told"] is None else bool(row["told"])
    values: dict[str, Any] = {"code": shown(code), "leaf_index": row["leaf_index"], "told": told}
    values |= {name: row[name] for name in ("told_how", "why")}
    facts = reader.query("SELECT body FROM facts WHERE leaf_index = ? AND body IS NOT NULL", [row["leaf_index"]])
    if not facts or row["number"] is None:
        return ReceiptShown(**values, kept=False, said=None, proof=None)
    said = convert(json.loads(facts[0]["body"]), Said)
    checkpoint = newest_checkpoint(reader, row["leaf_index"])
    proof = proofs(reader, rows, checkpoint, vkey)[0] if checkpoint else None
    return ReceiptShown(**values, kept=True, said=said, proof=proof)
