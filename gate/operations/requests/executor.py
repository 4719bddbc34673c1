"""Carries out what the rules of a request command (``gate.core.request_words.Do``), each once, in their order.

What the gate does by itself (``AT_ONCE``) is done in the transaction of the event: a gate that dies leaves both or
neither, and what is there already is not made again. What waits for a person stays in ``Request.todo``, which is read
from the log, until the fact is there of the operation that carries it out (``WAITS_FOR``). An erasure that was begun
and has no receipt is finished at the next start (``gate.operations.erasure``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from gate.calls.objecting import last_word
from gate.core.facts.lists import Objection
from gate.core.facts.requests import Opened
from gate.core.facts.retention import Hold
from gate.core.request_words import AT_ONCE, LETTER_OF, Asks, Do, Request, State
from gate.core.retention import Kind, Target
from gate.errors import UsageError
from gate.operations.requests.facts import last
from gate.store import erasure
from gate.store import requests as book
from gate.store.transaction import StoreTransaction
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


OWN_RESTRICTION: Final = "-r"
"""Between the id of a request for a restriction and the place of the number, in the id of the restriction."""


def carry_out(
    folder: DataFolder, tx: StoreTransaction, row: Row, request: Request, commands: Sequence[Do], actor: str
) -> bool:
    """Carry out those commands that the gate carries out by itself; ``request``: after the event.

    True where something was erased: the store's write-ahead log is to be cut after the transaction. Raises
    ``UsageError`` where a command cannot be carried out: then the event has not happened either.
    """
    erased = [_AT_ONCE[each](folder, tx, row, request, actor) for each in commands if each in AT_ONCE]
    return any(erased)


def _keep_objections(folder: DataFolder, tx: StoreTransaction, row: Row, request: Request, actor: str) -> bool:
    """The person's numbers are uncallable from the next attempt on (LAW 1.2, 4.6)."""
    if request.asks is Asks.OBJECTION:
        _named(row)
    opened = last(book.course(tx, row["id"]), Opened)
    scope = opened.scope if opened else UNSET
    for place, number in enumerate(row["numbers"]):
        objection_id = f"{row['id']}-o{place}"
        if not tx.query("SELECT id FROM objections WHERE id = ?", (objection_id,)):
            body = Objection(number=number, source="request", note="", call_id=None, scope=scope)
            tx.append(last_word(tx, folder.fact(body, objection_id, actor)))
    return False


def _restrict(folder: DataFolder, tx: StoreTransaction, row: Row, _request: Request, actor: str) -> bool:
    """Recordings with the person's numbers are neither opened nor erased (LAW 4.7)."""
    _named(row)
    for place, number in enumerate(row["numbers"]):
        hold_id = f"{row['id']}{OWN_RESTRICTION}{place}"
        if not tx.query("SELECT id FROM holds WHERE id = ?", (hold_id,)):
            body = Hold(
                sort=Kind.RESTRICTION.value,
                target=Target.NUMBER.value,
                recording_id=None,
                call_id=None,
                number=number,
                reason="asked for by the person",
                reference=row["reference"],
            )
            tx.append(folder.fact(body, hold_id, actor))
    return False


def _named(row: Row) -> None:
    if not row["numbers"]:
        raise UsageError(
            f"{row['reference']}: which number is it about?",
            hint=f"dialgate request verify-identity {row['reference']} --number … --checked …",
        )


def _forget(folder: DataFolder, tx: StoreTransaction, row: Row, request: Request, actor: str) -> bool:
    """Forget who asked where they need not be known any more: they were told of their erasure, or another request of
    theirs erased them while this one was open. Reference, dates, decision and receipts stay."""
    erased = request.asks is Asks.ERASURE and request.state is State.DONE
    if not erased and not book.outlived(tx, row["reference"]):
        return False
    leaves, now = erasure.personal_leaves(tx, row["id"]), folder.clock.now()
    erasure.empty(tx, leaves, subject=row["id"], at=now, actor=actor, basis="request", what="request")
    return True


_AT_ONCE: Final[Mapping[Do, Callable[[DataFolder, StoreTransaction, Row, Request, str], bool]]] = {
    Do.KEEP_OBJECTION: _keep_objections,
    Do.RESTRICT: _restrict,
    Do.FORGET: _forget,
}
WAITS_FOR: Final[Mapping[Do, str]] = {
    Do.SEARCH: "request_search",
    Do.MAKE_PACK: "request_pack_made",
    Do.ERASE: "request_carry_out",
    Do.RECTIFY: "request_rectify",
    **dict.fromkeys(LETTER_OF, "request_letter"),
}
"""Command -> the operation by which a person carries it out."""
