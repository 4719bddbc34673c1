"""Who else is heard in a call: the callees of talks that were transferred to it, or joined with it.

``transferred_to`` of a talk is the call that its callee went over to, and they may have gone on from there. So a person
is a party to calls of other numbers, and a call has parties besides the number that was called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from gate.core.rows.requests import Talk
from gate.store.queries import Source, marks, slices

SCHEMA: Final = """
ALTER TABLE calls ADD COLUMN transferred_to TEXT;
UPDATE calls SET transferred_to = (SELECT json_extract(body, '$.to') FROM facts WHERE facts.call_id = calls.call_id
    AND kind = 'transferred' AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT 1)
    WHERE call_id IN (SELECT call_id FROM facts WHERE kind = 'transferred');
CREATE INDEX calls_transferred ON calls (transferred_to) WHERE transferred_to IS NOT NULL;
"""
"""The indexes by which both are found, for a migration."""
_BEFORE: Final = "SELECT transferred_to AS place, call_id, number FROM calls WHERE transferred_to IN ({})"
_AFTER: Final = (
    "SELECT talk.call_id AS place, onward.call_id, onward.number FROM calls AS talk"
    " JOIN calls AS onward ON onward.call_id = talk.transferred_to WHERE talk.call_id IN ({})"
)


def before(tx: Source, call_ids: Iterable[str]) -> dict[str, list[Talk]]:
    """The talks whose callees came to each of these calls. Calls to which nobody came are left out."""
    return _walk(tx, call_ids, _BEFORE)


def after(tx: Source, call_ids: Iterable[str]) -> dict[str, list[Talk]]:
    """The calls that the callee of each of these talks went over to, in the same way."""
    return _walk(tx, call_ids, _AFTER)


def joined_by(tx: Source, numbers: Collection[str]) -> set[str]:
    """Calls to which somebody with one of these numbers was transferred."""
    talks: list[str] = []
    for part in slices(numbers):
        sql = f"SELECT call_id FROM calls WHERE number IN ({marks(part)}) AND transferred_to IS NOT NULL"  # noqa: S608
        talks += tx.values(str, sql, part)
    return {talk.call_id for found in after(tx, talks).values() for talk in found}


def of_others(tx: Source, call_ids: Collection[str], numbers: Collection[str]) -> set[str]:
    """Those of these calls of a person that are to somebody else: the person, known by these numbers or by another one
    of these calls, was transferred to them."""
    ids = set(call_ids)
    came = before(tx, ids)
    called: dict[str, str | None] = {}
    for part in slices(came):
        sql = f"SELECT call_id, number FROM calls WHERE call_id IN ({marks(part)})"  # noqa: S608
        called |= dict(tx.values(tuple[str, str | None], sql, part))
    return {
        call
        for call, talks in came.items()
        if called.get(call)
        and called[call] not in numbers
        and any(talk.call_id in ids or talk.number in numbers for talk in talks)
    }


def shared(tx: Source, call_ids: Collection[str], numbers: Collection[str]) -> set[str]:
    """Those of these calls of a person, known by these numbers, in which somebody else is heard, too."""
    came, theirs = before(tx, call_ids), of_others(tx, call_ids, numbers)
    return theirs | {call for call, talks in came.items() if any(talk.number not in numbers for talk in talks)}


def _walk(tx: Source, starts: Iterable[str], sql: str) -> dict[str, list[Talk]]:
    """Return the calls that are reached from each, over as many transfers as there were."""
    ways = {each: {each} for each in starts}
    found: dict[str, list[Talk]] = {}
    places = set(ways)
    while places:
        rows: list[tuple[str, str, str | None]] = []
        for part in slices(sorted(places)):
            rows += tx.values(tuple[str, str, str | None], sql.format(marks(part)), part)
        places = set()
        for place, call_id, number in rows:
            known = ways.setdefault(call_id, set())
            fresh = ways[place] - known
            for start in fresh:
                found.setdefault(start, []).append(Talk(call_id=call_id, number=number))
            if fresh:
                known |= fresh
                places.add(call_id)
    return found
