"""Something wrong that is put right (Art 16 UK GDPR).

Recordings and the log are never rewritten: what is right is kept as a statement beside the record, a fact of its own
that goes where the record goes and is erased with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET

from gate.core import request_words as events
from gate.core.facts.requests import Rectification
from gate.errors import UsageError
from gate.operations.operation import KEEPERS, Caller, Line, Note, about, operation
from gate.operations.requests.course import OfRequest
from gate.operations.requests.facts import STATEMENT
from gate.operations.requests.standing import Standing
from gate.operations.requests.steps import day_of, load, shown, take
from gate.operations.requests.telling import to_tell_of_rectification
from gate.store import transfers
from gate.store.transaction import StoreTransaction
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

_RECORDS: Final = {
    "call": "SELECT call_id AS id, call_id, number FROM calls WHERE call_id = ?",
    "recording": "SELECT r.recording_id AS id, c.call_id, c.number FROM recordings AS r JOIN calls AS c"
    " ON c.call_id = r.call_id WHERE r.recording_id = ?",
    "consent": "SELECT id, NULL AS call_id, number FROM consents WHERE id = ?",
    "objection": "SELECT id, NULL AS call_id, number FROM objections WHERE id = ?",
}
"""What a statement can stand beside."""


class Rectify(OfRequest, frozen=True, kw_only=True):
    """Keep what is right as a statement beside the records that are wrong."""

    statement: Annotated[
        Note,
        about(
            "What was wrong and what is right; it goes into the letters.",
            "What was wrong and what is right",
            eg=("The name is Ann Lee, not Anne Leigh.",),
        ),
    ]
    records: Annotated[
        tuple[Line, ...],
        msgspec.Meta(max_length=50),
        about(
            "A call, recording, consent or objection; repeat for more.",
            "Beside which records: ids of calls, consents …",
            absent="the request",
            metavar="ID",
            ids=("call", "recording", "consent", "objection"),
        ),
    ] = ()


@operation(Rectify, "request_rectify", roles=KEEPERS)
def request_rectify(folder: DataFolder, asked: Rectify, caller: Caller) -> Standing:
    """Keep what is right beside what is wrong, as often as there is something to put right (Art 16).

    Those who were given the records are to be told of it (Art 19). Raises ``UsageError`` where a record is not there,
    or is of a number that the request does not name.
    """
    if not asked.statement.strip():
        raise UsageError("say what is right", hint="--statement 'The name is Ann Lee, not Anne Leigh.'")

    def work(tx: StoreTransaction) -> Standing:
        row, course, before = load(tx, asked.request)
        records = [_record(tx, row, each.strip()) for each in dict.fromkeys(asked.records)]
        calls = [each["call_id"] for each in records if each["call_id"]]
        tell = to_tell_of_rectification(tx, course, calls, [each["id"] for each in records if not each["call_id"]])
        event = events.Rectified(day_of(folder, asked.on, before), tuple(tell))
        named: dict[str, Any] = {"records": [f"{each['record']} {each['id']}" for each in records]}
        named |= {"tell": tell} if tell else {}
        take(folder, tx, row, before, event, caller.actor, words={STATEMENT: asked.statement}, **named)
        for each in records:
            body = Rectification(
                request=row["reference"],
                record=each["record"],
                statement=asked.statement.strip(),
                call_id=each["call_id"] or UNSET,
                talk=each["talk"] or UNSET,
            )
            tx.append(folder.fact(body, each["id"], caller.actor))
        return shown(folder, tx, row["id"])

    return folder.store.call(work)


def _record(tx: StoreTransaction, request: Row, name: str) -> Row:
    for record, sql in _RECORDS.items():
        for row in tx.query(sql, (name,)):
            talk = "" if row["number"] in request["numbers"] else _talk(tx, request, row["call_id"])
            if talk is None:
                raise UsageError(
                    f"{record} {name} is of another number than those of {request['reference']}",
                    hint=f"dialgate request verify-identity {request['reference']} --number … adds a number of theirs",
                )
            return row | {"record": record, "talk": talk}
    raise UsageError(
        f"there is no call, recording, consent or objection {name}",
        hint="See: dialgate calls list --number …, dialgate consent list --number …",
    )


def _talk(tx: StoreTransaction, request: Row, call_id: str | None) -> str | None:
    """The call of this person from which they were transferred to a call of somebody else's, which makes them a
    party to it: the statement is theirs, and not of whoever was called. None where there is none."""
    came = transfers.before(tx, [call_id] if call_id else ())
    theirs = (talk["call_id"] for talks in came.values() for talk in talks if talk["number"] in request["numbers"])
    return next(theirs, None)
