"""What is personal beside recordings and is kept for a term: call records, refused attempts, requests that are over
and holds that were released, contacts that nobody calls nor imports any more.

What goes are the values and salts of facts (``gate.store.erasure``): leaves and rows stay, and so do counts. Objections
and consents have no term: they hold as long as they hold. Every function takes a transaction, or what has ``query``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from gate.core.evidence import stamp
from gate.core.facts.derived import ALONE
from gate.store import contacts, erasure, requests, said, transfers
from gate.store.queries import Source, marks
from gate.store.transaction import StoreTransaction
from gate.types import Row

SUBJECT: Final = "retention"
_CALLS: Final = (
    "FROM calls AS c INDEXED BY calls_at LEFT JOIN recordings AS r ON r.call_id = c.call_id"
    " WHERE c.at < :before AND c.number IS NOT NULL AND (c.verdict IS NOT 'allow') = :refused"
)
_OVER: Final = (
    "max(coalesce(fulfilled_on, ''), coalesce(withdrawn_on, ''), coalesce(person_told_on, ''),"
    " coalesce(authority_told_on, ''))"
)
_CLOSED: Final = (
    f"FROM requests WHERE state IN ('done', 'closed') AND {_OVER} <= ?"
    " AND coalesce(name, contact, numbers, about, since, until) IS NOT NULL"
)


_RELEASED: Final = (
    "FROM holds WHERE released_at IS NOT NULL AND substr(released_at, 1, 10) <= ?"
    " AND coalesce(number, reason, reference, released_why) IS NOT NULL"
)
_OLD_WORDS: Final = f"SELECT leaf_index FROM facts WHERE kind IN ({marks(ALONE)}) AND body IS NOT NULL AND at < ?"  # noqa: S608


def calls_before(tx: Source, before: datetime, *, refused: bool) -> int:
    """How many call records, or refused attempts, from before a time still say who was called; held ones too."""
    (row,) = tx.query(f"SELECT count(*) AS n {_CALLS}", {"before": stamp(before), "refused": refused})
    return int(row["n"])


def call_page(tx: Source, before: datetime, *, refused: bool, after: tuple[str, str], limit: int) -> list[Row]:
    """A page of them, oldest first: ``call_id``, ``at``, ``number`` and the state of the ``recording``."""
    return tx.query(
        f"SELECT c.call_id, c.at, c.number, r.recording_id, r.state AS recording {_CALLS}"
        " AND (c.at, c.call_id) > (:at, :call) ORDER BY c.at, c.call_id LIMIT :limit",
        {"before": stamp(before), "refused": refused, "at": after[0], "call": after[1], "limit": limit},
    )


def erase_calls(tx: StoreTransaction, rows: Sequence[Row], *, at: datetime, actor: str, what: str) -> tuple[int, int]:
    """Empty the facts of these calls that name a number, but for calls that are held, that still have a recording or
    whose callee is heard in that of another one, or whose number somebody with an open request has. Returns how many
    calls went, and how many stay."""
    numbers = sorted({row["number"] for row in rows if row["number"]})
    ids = list(dict.fromkeys(row["call_id"] for row in rows))
    holds = requests.holds_of(tx, numbers, ids)
    kept_calls = {hold["call_id"] for hold in holds if hold["target"] == "call"}
    kept_recordings = {hold["recording_id"] for hold in holds if hold["target"] == "recording"}
    kept_numbers = {hold["number"] for hold in holds if hold["target"] == "number"} | _asking(tx)
    calls = requests.calls(tx, ids)  # one that was recorded in parts has a row for each
    states = {row["call_id"]: row for row in calls}
    recorded_still = {
        row["call_id"]
        for row in calls
        if row["recording"] not in (None, "erased") or row["recording_id"] in kept_recordings
    }
    onward = {call: [each["call_id"] for each in rows] for call, rows in transfers.after(tx, ids).items()}
    there = requests.calls(tx, {each for calls in onward.values() for each in calls})
    recorded = {row["call_id"] for row in there if row["recording"] not in (None, "erased")}
    heard = {call for call, calls in onward.items() if not recorded.isdisjoint(calls)}
    going = [
        call
        for call in ids
        if call in states
        and call not in kept_calls
        and call not in recorded_still
        and call not in heard
        and states[call]["number"] not in kept_numbers
    ]
    gone = [states[call]["number"] for call in going if states[call]["number"]]
    leaves = requests.call_leaves(tx, going, gone)
    leaves += said.about_calls(tx, going)
    _empty(tx, leaves, at=at, actor=actor, what=what)
    return len(going), len(ids) - len(going)


def _empty(tx: StoreTransaction, leaves: Sequence[int], *, at: datetime, actor: str, what: str) -> None:
    if leaves:
        erasure.erase_facts(tx, leaves, subject=SUBJECT, at=at, actor=actor, basis="retention", what=what)


def _asking(tx: StoreTransaction) -> set[str]:
    """Numbers of people whose requests are not over."""
    return {number for row in requests.open_ones(tx) for number in row["numbers"]}


def requests_over(tx: Source, day: date) -> list[str]:
    """Requests that were over by a day and still name somebody."""
    return [row["id"] for row in tx.query(f"SELECT id {_CLOSED} ORDER BY id", [day.isoformat()])]


def erase_request(tx: StoreTransaction, request_id: str, *, at: datetime, actor: str) -> int:
    """Empty what a request says of who asked; how many facts. Its course, without a name, stays."""
    leaves = requests.personal_leaves(tx, request_id)
    _empty(tx, leaves, at=at, actor=actor, what="requests")
    return len(leaves)


def holds_over(tx: Source, day: date) -> list[str]:
    """Holds that were released by a day and still say of whom, or why."""
    return [row["id"] for row in tx.query(f"SELECT id {_RELEASED} ORDER BY id", [day.isoformat()])]


def erase_hold(tx: StoreTransaction, hold_id: str, *, at: datetime, actor: str) -> int:
    """Empty what a hold that was released says; 1. When it was put on and released stays."""
    _empty(tx, requests.leaves_of(tx, [hold_id]), at=at, actor=actor, what="holds")
    return 1


def old_words(tx: Source, day: date) -> list[int]:
    """The leaves of reasons and purposes, on whose facts nothing rests (``ALONE``), from before a day."""
    rows = tx.query(_OLD_WORDS, [*ALONE, day.isoformat()])
    return [row["leaf_index"] for row in rows]


def erase_words(tx: StoreTransaction, leaves: Sequence[int], *, at: datetime, actor: str) -> int:
    """Empty what was written about contacts that are kept no more, and what is too old; how many facts."""
    _empty(tx, leaves, at=at, actor=actor, what="contacts")
    return len(leaves)


_IDLE: Final = (
    "FROM contacts AS k WHERE k.list = ? AND NOT EXISTS (SELECT 1 FROM calls AS c"
    " WHERE c.number = '+' || k.number AND c.at >= ?)"
)


def idle_contacts(tx: Source, before: datetime) -> int:
    """How many contacts were neither imported nor called since a time."""
    found = _list_from_before(tx, before)
    if found is None:
        return 0
    (row,) = tx.query(f"SELECT count(*) AS n {_IDLE}", [found["list"], stamp(before)])
    return int(row["n"])


def forget_idle(tx: StoreTransaction, before: datetime, limit: int) -> int:
    """Delete so many of them; returns how many went."""
    found = _list_from_before(tx, before)
    if found is None:
        return 0
    rows = tx.query(f"SELECT DISTINCT number {_IDLE} LIMIT ?", [found["list"], stamp(before), limit])
    return sum(contacts.forget_number(tx, f"+{row['number']}") for row in rows)


def _list_from_before(tx: Source, before: datetime) -> Row | None:
    found = contacts.in_force(tx)
    return found if found is not None and found["imported_at"] < stamp(before) else None


def last(tx: Source, kind: str) -> Row | None:
    """The body of the newest fact of a kind about retention, that is not erased."""
    rows = tx.query(
        "SELECT body FROM facts WHERE kind = ? AND subject = ? AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT 1",
        [kind, SUBJECT],
    )
    body: Row | None = json.loads(rows[0]["body"]) if rows else None
    return body


def due(tx: Source, before: Mapping[str, datetime], day: date) -> dict[str, int]:
    """How many of each sort are due: from before a time, or over by a day."""
    return {
        "calls": calls_before(tx, before["calls"], refused=False),
        "refused": calls_before(tx, before["refused"], refused=True),
        "requests": len(requests_over(tx, day)) + len(holds_over(tx, day)),
        "contacts": idle_contacts(tx, before["contacts"]),
    }
