"""Which call a recording session (SIPREC) belongs to, and whose voice each of its streams has.

Whose voice is the customer's is said by the number of the decision, else the second stream is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from gate.calls.binding import Bound, bound_to
from gate.core import numbers

if TYPE_CHECKING:
    from gate.ports.recording_sessions import SessionAsked
    from gate.store.queries import Source


class Found(NamedTuple):
    """What a session's call is."""

    bound: Bound | None
    number: str
    """Of the customer, E.164."""
    why_not: str = ""
    """It is not recorded, and why."""


def look(tx: Source, asked: SessionAsked, keep_unbound: bool, own: Collection[str], now: datetime) -> Found:
    """By its Call-IDs, else by the numbers of all but the first of its people. ``keep_unbound``: recorded where the
    gate made no decision on it, too, if a customer is named; ``own``: the firm's numbers."""
    customers = [each for who in asked.people[1:] if (each := _number(who)) and each not in own]
    by_call = (bound_to(tx, call_id, "", None) for call_id in asked.call_ids)
    by_number = (bound_to(tx, "", number, now) for number in customers)
    bound = next((found for found in chain(by_call, by_number) if found is not None), None)
    if bound is None:
        kept = keep_unbound and customers
        return Found(None, customers[0] if kept else "", "" if kept else "no_such_call")
    number = str(bound.row["number"] or "")
    return Found(bound, number, "recorded_already" if _recorded(tx, bound) else "")


def _recorded(tx: Source, bound: Bound) -> bool:
    """The call has a recording that stands in the way of another one: any but what is left of a session before, which
    its client begins anew. One that is found by number could be of another call: there only a crash counts."""
    rows = tx.query(
        "SELECT 1 FROM recordings WHERE call_id = ? AND NOT (bound_by IS NOT NULL AND source_sha256 IS NULL"
        " AND closed_at IS NOT NULL AND (interrupted OR ? <> 'number'))",
        [bound.row["call_id"], bound.by],
    )
    return bool(rows)


def _number(aor: str) -> str:
    """E.164 of an address of record; empty where it has no number."""
    scheme, colon, rest = aor.partition(":")
    plain = rest if colon and scheme.lower() in ("sip", "sips", "tel") else aor
    try:
        return numbers.parse(plain.partition("@")[0].partition(";")[0].strip()[:64]).e164
    except numbers.NumberRefused:
        return ""


def first_side(asked: SessionAsked, number: str) -> str:
    """Whose side the first stream is: the customer's where it alone is said to have their voice."""
    has = [number in map(_number, each.people) for each in asked.streams] if number else [False]
    return "callee" if has[0] and not any(has[1:]) and not is_mixed(asked) else "caller"


def is_mixed(asked: SessionAsked) -> bool:
    """One stream has everybody's voice, or nobody says whose."""
    return len(asked.streams) == 1 and len(asked.streams[0].people) != 1
