"""Which of the gate's decisions a recording from elsewhere belongs to.

By the Call-ID of the INVITE, by the id of a decision that was asked for by HTTP, or by number and time: then it is the
newest decision on that number in ``WITHIN`` before the recording began. An allowed one goes before a refused one. A
recording of a call that was refused is kept all the same: it is the evidence that somebody dialled against the answer.

Which call a recording session (SIPREC) belongs to, and whose voice each of its streams has.

Whose voice is the customer's is said by the number of the decision, else the second stream is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from msgspec.structs import replace

from gate.core import numbers
from gate.core.evidence import stamp
from gate.core.facts.calls import CalledAgainstRefusal
from gate.core.rows import Row
from gate.core.terms import Attempt, Purpose, Reason, Topic

if TYPE_CHECKING:
    from gate.calls.screener import Screener
    from gate.ports import SessionAsked
    from gate.store.queries import Source
    from gate.store.transaction import StoreTransaction


log = structlog.get_logger()

WITHIN: Final = timedelta(minutes=5)
"""How long before its recording a call was decided, at most: it rang meanwhile."""
AHEAD: Final = timedelta(seconds=5)
"""How far the phone system's clock may be behind the gate's."""
_COLUMNS = "call_id, at, number, verdict, reason, recording_id"
_BY_ID = f"SELECT {_COLUMNS} FROM calls WHERE call_id = ? AND reason IS NOT 'call_in'"  # noqa: S608 - the code's own
_BY_SIP = (
    f"SELECT {_COLUMNS} FROM calls WHERE sip_call_id = ? AND reason IS NOT 'call_in'"  # noqa: S608 - the code's own
    " ORDER BY verdict = 'allow' DESC, at DESC LIMIT 1"
)
_BY_NUMBER = (
    f"SELECT {_COLUMNS} FROM calls INDEXED BY calls_number WHERE number = ? AND at >= ? AND at <= ?"  # noqa: S608
    " AND reason NOT IN ('call_in', 'not_asked')"
    " AND NOT EXISTS (SELECT 1 FROM calls AS made WHERE made.question = calls.call_id)"
    " ORDER BY verdict = 'allow' DESC, recording_id IS NULL DESC, at DESC LIMIT 1"
)


class Bound(Row, frozen=True):
    """A decision, and how it was found."""

    call_id: str
    at: str
    number: str | None
    verdict: str
    reason: str
    recording_id: str | None
    by: str = ""
    """``call_id``, ``decision`` or ``number``."""


def bound_to(tx: Source, call_id: str, number: str, at: datetime | None) -> Bound | None:
    """The decision that a recording belongs to; ``number`` in E.164. None where the gate made none."""
    if call_id:
        for sql, by in ((_BY_SIP, "call_id"), (_BY_ID, "decision")):
            if rows := tx.rows(Bound, sql, [call_id]):
                return replace(rows[0], by=by)
        return None
    if not number or at is None:
        return None
    rows = tx.rows(Bound, _BY_NUMBER, [number, stamp(at - WITHIN), stamp(at + AHEAD)])
    return replace(rows[0], by="number") if rows else None


def why_refused(tx: Source, call_id: str) -> str:
    """The reason why this call was refused; empty where it was not."""
    sql = "SELECT reason FROM calls WHERE call_id = ? AND verdict <> 'allow'"
    return next(iter(tx.values(str, sql, [call_id])), "")


def note_against_refusal(tx: StoreTransaction, call_id: str, recording_id: str, actor: str, now: datetime) -> str:
    """A recording of a call that was refused shows that it was made all the same: that has a leaf of its own. Returns
    the reason of the refusal; empty where it was not refused."""
    if refused := why_refused(tx, call_id):
        against = CalledAgainstRefusal(call_id=call_id, recording_id=recording_id, reason=refused)
        tx.append(against.fact(recording_id, now, actor))
        log.error("called_against_refusal", call=call_id, recording=recording_id, reason=refused)
    return refused


def note_not_asked(
    tx: StoreTransaction, screener: Screener, number: str, actor: str, own: str, now: datetime, began: datetime,
    call_id: str, source: str,
) -> None:  # fmt: skip
    """A call was made without the gate: an attempt is noted, so that its recording is found by its number, goes with an
    erasure, and counts for what it is. ``own``: a number of the firm's."""
    attempt = Attempt(number, Purpose.MARKETING, Topic.GENERAL, own, False, actor, "request")
    origin = {"source": source, "began_at": began.isoformat()}
    screener.decide(tx, attempt, now, call_id=call_id, obstacle=Reason.NOT_ASKED, origin=origin)


class Found(NamedTuple):
    """The call that a recording session belongs to."""

    bound: Bound | None
    number: str
    """The customer's number, E.164."""
    why_not: str = ""
    """Why the session is not recorded; empty where it is."""


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
    number = bound.number or ""
    return Found(bound, number, "recorded_already" if _recorded(tx, bound) else "")


def _recorded(tx: Source, bound: Bound) -> bool:
    """The call has a recording that stands in the way of another one: any but what is left of a session before, which
    its client begins anew. One that is found by number could be of another call: there only a crash counts."""
    rows = tx.values(
        int,
        "SELECT 1 FROM recordings WHERE call_id = ? AND NOT (bound_by IS NOT NULL AND source_sha256 IS NULL"
        " AND closed_at IS NOT NULL AND (interrupted = 1 OR ? <> 'number'))",
        [bound.call_id, bound.by],
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
    """Which side the first stream carries: the customer's where the client names them for that stream alone."""
    has = [number in map(_number, each.people) for each in asked.streams] if number else [False]
    return "callee" if has[0] and not any(has[1:]) and not is_mixed(asked) else "caller"


def is_mixed(asked: SessionAsked) -> bool:
    """Whether one stream carries several voices, or voices of nobody named."""
    return len(asked.streams) == 1 and len(asked.streams[0].people) != 1
