"""What the lists show: pages by key (never by offset), newest first, and counts.

Every function takes a ``Source``: a transaction (``store.call(lambda tx: recordings_page(tx))``) or a ``Reader``.

A phone system's question and the call that came of it are two decisions and one attempt. The call's decision names the
question (``calls.question``). Where attempts are counted, a question that a call names is not: what became of the call
counts, also where it was refused after the question was not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from gate.core.abandoned import SERVICE, Why
from gate.core.allowances import Used
from gate.core.days import london_day, midnight
from gate.core.evidence import LOG_BITS, in_order, keys_of, log_of, stamp
from gate.core.facts.calls import Decision, Ended
from gate.core.facts.gate import AbandonedReplayed
from gate.core.facts.recordings import RecordingClosed
from gate.core.numbers import beginning_of
from gate.core.rows import Page
from gate.core.rows.calls import CallRow, CallShown, FactRow, RecordingRow
from gate.core.rows.lists import ConsentRow, ObjectionRow, RegisterImportRow, SubscriberRow
from gate.core.terms import Reason
from gate.store.paging import Way, window
from gate.store.projections import utf8
from gate.store.rows import R, V, Values
from gate.types import batched

if TYPE_CHECKING:
    from gate.ports import Fact
    from gate.store.transaction import StoreTransaction


ONE_ATTEMPT: Final = timedelta(seconds=60)
"""How long after its question a call may come and still be the one that was asked about."""
IS_ATTEMPT: Final = (
    "reason IS NOT 'call_in' AND NOT EXISTS (SELECT 1 FROM calls AS made WHERE made.question = calls.call_id)"
)
"""Condition on a row of ``calls``: it counts as an attempt."""
SCHEMA: Final = """
ALTER TABLE calls ADD COLUMN question TEXT;
ALTER TABLE calls ADD COLUMN sip_call_id TEXT;
UPDATE calls SET sip_call_id = (SELECT json_extract(body, '$.sip_call_id') FROM facts
    WHERE leaf_index = calls.leaf_index AND body IS NOT NULL);
CREATE INDEX calls_question ON calls (question) WHERE question IS NOT NULL;
CREATE INDEX calls_sip ON calls (sip_call_id) WHERE sip_call_id IS NOT NULL;
"""
"""The columns by which both are found, for a migration."""
ASKED: Final = "CREATE INDEX calls_asked ON calls (number, claimed_by, at, call_id) WHERE source = 'ask'"
"""The index of questions alone. Each decision looks for one, and by ``calls_number`` it would go through every attempt
to call the same number in that minute."""
TRIED: Final = "CREATE INDEX calls_tried ON calls (number, at, call_id) WHERE verdict = 'allow'"
"""The index of what was let through: each decision counts that, and refused attempts may be many."""
CALLER: Final = (
    "CASE WHEN claimed_by LIKE 'http:%@%' THEN substr(claimed_by, 1, instr(claimed_by, '@') - 1) ELSE claimed_by END"
)
"""As ``core.abandoned.caller_of``."""
CAMPAIGN: Final = f"coalesce(calls.campaign, CASE purpose WHEN '{SERVICE}' THEN purpose ELSE topic END, '')"
"""As ``core.abandoned.campaign_of``."""
_FOUND_NOBODY: Final = (
    f"(abandoned_why IS NOT NULL AND NOT (abandoned_why = '{Why.ANSWERED_LATE.value}' AND bridged IS 1))"
)
"""Where two phones of one line pick up, the one that is put through counts."""
ABANDONED: Final = f"({_FOUND_NOBODY} OR ended_at IS NOT NULL AND bridged IS 0 AND ended_by IS NOT 'callee')"
"""Whether a call without a fact of it was abandoned, as far as its end shows."""
LIVE: Final = f"(NOT {_FOUND_NOBODY} AND ended_at IS NOT NULL AND bridged IS 1)"
LEFT: Final = "(abandoned_why IS NULL AND ended_at IS NOT NULL AND bridged IS 0 AND ended_by IS 'callee')"
UNKNOWN: Final = "answered_at IS NULL AND (source = 'ask' AND ended_at IS NULL OR cause = 'redirected' AND bridged = 0)"
"""The phone system dials it itself, and has not reported its outcome."""
COUNTED: Final = "reason NOT IN ('call_in', 'emergency_call')"
REPLAYED: Final = (
    "SELECT json_extract(body, '$.answered_at') AS answered_at, json_extract(body, '$.claimed_by') AS claimed_by,"  # noqa: S608
    " json_extract(body, '$.campaign') AS campaign,"
    " CAST(json_extract(body, '$.informed') AS INTEGER) AS informed,"
    " coalesce(CAST(json_extract(body, '$.live') AS INTEGER), 0) AS live, leaf_index"
    f" FROM facts WHERE kind = '{AbandonedReplayed.kind}'"
)
"""Abandoned calls that a restore had lost, and how many live ones with each."""
LIVE_OF_DAY: Final = (
    f"SELECT (SELECT coalesce(sum({LIVE}), 0) FROM calls INDEXED BY calls_answered WHERE answered_at >= ?1"  # noqa: S608
    f" AND answered_at < ?2 AND {COUNTED} AND {CALLER} = ?3 AND {CAMPAIGN} = ?4)"
    f" + (SELECT coalesce(sum(live), 0) FROM ({REPLAYED}) WHERE answered_at >= ?1 AND answered_at < ?2"
    " AND claimed_by = ?3 AND campaign = ?4) AS live"
)
"""Live calls of a campaign on a day; its values are those of ``values_of_day``."""


def values_of_day(answered_at: str, caller: str, campaign: str) -> tuple[str, str, str, str]:
    """The London day of an answer, and the campaign, as the values of ``LIVE_OF_DAY``."""
    day = london_day(answered_at)
    return stamp(midnight(day)), stamp(midnight(day + timedelta(days=1))), caller, campaign


def question_of(tx: StoreTransaction, number: str, claimed_by: str, now: datetime) -> str | None:
    """The newest question of an account or PBX about this number (E.164) that no call has come of yet; None where there
    is none in ``ONE_ATTEMPT``."""
    return tx.question(number, claimed_by, now - ONE_ATTEMPT)


def with_question(tx: StoreTransaction, fact: Fact) -> Fact:
    """``fact`` as it is to be kept: the decision on an emergency call, which is out before anything is looked up, names
    its question as that on any other call does. Any other fact, and the question itself, stay as they are."""
    body = fact.body
    if not isinstance(body, Decision) or body.reason != Reason.EMERGENCY_CALL or body.source == "ask":
        return fact
    question = question_of(tx, body.number, fact.actor, fact.at)
    return dataclasses.replace(fact, body=replace(body, question=question)) if question else fact


_HELD: Final = (
    "SELECT 1 FROM facts WHERE call_id = ?1 AND subject = ?1 AND kind = ?2 AND actor = ?4"
    " AND (salt = ?5 OR salt IS NULL AND at = ?3) UNION ALL SELECT 1 FROM facts WHERE subject = ?1"
    " AND (call_id IS NULL OR call_id <> subject) AND kind = ?2 AND actor = ?4"
    " AND (salt = ?5 OR salt IS NULL AND at = ?3) LIMIT 1"
)
"""A fact by its salt, or by what its leaf has where it was erased since: each half by an index."""


def holds(source: Source, fact: Fact, salt: bytes) -> bool:
    """True where this fact was appended with this salt, whatever has been erased of it since."""
    return bool(source.values(int, _HELD, (utf8(fact.subject), fact.kind, stamp(fact.at), utf8(fact.actor), salt)))


UNDECIDED: Final = (Reason.EVIDENCE_UNAVAILABLE, Reason.DECISION_LATE)
"""Causes for which a call is refused while nobody knows whether its decision is in the log."""


def ends_nothing(source: Source, fact: Fact) -> bool:
    """True for the end of a call that was refused before its decision was known (``UNDECIDED``), where the log has no
    call of this id that was let through and has not ended; and for the closing of a recording that it never opened."""
    body = fact.body
    if isinstance(body, RecordingClosed):
        return not source.values(int, "SELECT 1 FROM recordings WHERE recording_id = ?", (fact.subject,))
    if not isinstance(body, Ended) or body.bridged or body.cause not in UNDECIDED:
        return False
    sql = "SELECT 1 FROM calls WHERE call_id = ? AND verdict = 'allow' AND ended_at IS NULL"
    return not source.values(int, sql, (fact.subject,))


T = TypeVar("T")
SLICE: Final = 500
"""Ids in one statement, at most."""


class Rows(Protocol):
    """What can be asked for rows."""

    @property
    def own(self) -> range:
        """The keys of the leaves of this gate's log."""
        ...

    def rows(self, kind: type[R], sql: str, parameters: Values = ()) -> list[R]:
        """Rows of a SELECT as Structs."""
        ...


class Source(Rows, Protocol):
    """What can be asked."""

    def values(self, kind: type[V], sql: str, parameters: Values = ()) -> list[V]:
        """Rows of a SELECT as tuples (``tuple[str, int | None]``), or as the values of their only column (``str``)."""
        ...


def logs(tx: Source) -> list[int]:
    """The logs that have an entry: of a gate each."""
    found: list[int] = []
    while first := tx.values(
        int,
        "SELECT leaf_index FROM facts WHERE leaf_index >= ? ORDER BY leaf_index LIMIT 1",
        [keys_of(found[-1]).stop if found else 0],
    ):
        found.append(log_of(first[0]))
    return found


def came_after(one: str, other: str, time: str = "at", other_time: str = "at") -> str:
    """Condition on rows of these names: ``one`` was entered after ``other``: by their log, where they are of two by
    their times."""
    return (
        f"CASE WHEN {one}.leaf_index >> {LOG_BITS} = {other}.leaf_index >> {LOG_BITS}"
        f" THEN {one}.leaf_index > {other}.leaf_index ELSE {one}.{time} >= {other}.{other_time} END"
    )


def marks(values: Collection[Any]) -> str:
    """Return as many question marks, for IN; NULL, which is in no list, where there is none."""
    return ", ".join("?" * len(values)) or "NULL"


def slices(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values, as many at a time as go into one statement."""
    return batched(values, SLICE)


def rows_page(
    tx: Source,
    kind: type[R],
    table: str,
    time: str,
    key: str,
    where: Mapping[str, Any],
    after: str | None,
    limit: int,
    *,
    also: str = "",
) -> Page[R]:
    """Rows ordered by (time, key) descending. ``where`` maps conditions, each with one ``?``, to their values; those
    whose value is None do not count. ``also``: columns that take the place of those of the table. Conditions and names
    come from code alone."""
    conditions = {condition: value for condition, value in where.items() if value is not None}

    def read(way: Way) -> list[R]:
        clauses = [*conditions, *([f"({time}, {key}) < (?, ?)"] if way.cursor else [])]
        return tx.rows(
            kind,
            f"SELECT *{also} FROM {table} {'WHERE ' + ' AND '.join(clauses) if clauses else ''}"  # noqa: S608 - code's names
            f" ORDER BY {time} DESC, {key} DESC LIMIT ?",
            [*conditions.values(), *(way.cursor or ()), way.most],
        )

    return replace(window(read, (time, key), after, None, limit), prev=None)


MOST_ASKED = 500
"""Rows of another table that are asked for at once."""

# --- calls --------------------------------------------------------------------------------------------------------


def with_kept(tx: Source, calls: list[CallRow]) -> list[CallRow]:
    """Calls, each with how much of the talk its recording has kept: ``kept`` and ``silent``."""
    by_call: dict[str, RecordingRow] = {}
    for some in batched([row.call_id for row in calls if row.recording_id], MOST_ASKED):
        found = tx.rows(RecordingRow, f"SELECT * FROM recordings WHERE call_id IN ({marks(some)})", some)  # noqa: S608
        by_call |= {each.call_id: each for each in found if each.call_id}
    kept = [(row, by_call.get(row.call_id)) for row in calls]
    return [replace(row, kept=its.kept, silent=its.silent) if its else row for row, its in kept]


def call(tx: Source, call_id: str) -> CallShown | None:
    """One attempt with every fact that speaks of it, and its recordings."""
    calls = tx.rows(CallRow, "SELECT * FROM calls WHERE call_id = ?", [call_id])
    if not calls:
        return None
    facts = tx.rows(
        FactRow,
        "SELECT leaf_index, kind, subject, at, actor, body FROM facts WHERE call_id = ? ORDER BY leaf_index",
        [call_id],
    )
    facts = in_order(facts, at=attrgetter("at"), leaf=attrgetter("leaf_index"))
    recordings = tx.rows(RecordingRow, "SELECT * FROM recordings WHERE call_id = ? ORDER BY opened_at", [call_id])
    return CallShown(call=with_kept(tx, calls)[0], facts=facts, recordings=recordings)


def facts_of(tx: Source, subject: str) -> list[FactRow]:
    """Every fact about a recording, an objection, a consent, … (``call`` for calls), in the order of the log."""
    found = tx.rows(
        FactRow,
        "SELECT leaf_index, kind, subject, at, actor, body FROM facts"
        " WHERE subject = ? AND (call_id IS NULL OR call_id <> subject) ORDER BY leaf_index",
        [subject],
    )
    return in_order(found, at=attrgetter("at"), leaf=attrgetter("leaf_index"))


def open_calls(tx: Source) -> list[CallRow]:
    """Allowed calls of this gate that have not ended: at its start those that it was killed in, oldest first."""
    return tx.rows(
        CallRow,
        "SELECT * FROM calls WHERE verdict = 'allow' AND ended_at IS NULL AND source IS NOT 'ask'"
        " AND +leaf_index >= ? AND +leaf_index < ? ORDER BY at, call_id",
        [tx.own.start, tx.own.stop],
    )


def counts_by_reason(tx: Source, since: datetime) -> dict[str, int]:
    """Attempts from ``since`` on, by reason code, without calls in."""
    sql = (
        f"SELECT reason, count(*) FROM calls INDEXED BY calls_at WHERE at >= ? AND {IS_ATTEMPT}"  # noqa: S608
        " GROUP BY reason"
    )
    return dict(tx.values(tuple[str, int], sql, [stamp(since)]))


_ASKED_SINCE: Final = (
    "SELECT substr(asked_by, 1, instr(asked_by || '@', '@') - 1) AS claimed_by, 0.0 AS seconds_today,"
    " count(*) AS calls_today, sum(reason = 'service_call') AS service_today,"
    " coalesce(sum(listed_service), 0) AS listed_today"
    " FROM (SELECT json_extract(facts.body, '$.asked_by') AS asked_by, calls.reason, listed_service"
    " FROM calls INDEXED BY calls_at JOIN facts USING (leaf_index) WHERE calls.at >= :since AND verdict = 'allow'"
    " AND leaf_index >= :first AND leaf_index < :stop"
    " AND source = 'ask' AND reason IS NOT 'emergency_call') GROUP BY 1"
)


class _UsedBy(NamedTuple):
    who: str | None
    seconds: float
    calls: int
    service: int
    listed: int
    """The service calls to numbers that are listed or have objected."""


def used_since(tx: Source, since: datetime, longest: float) -> dict[str, Used]:
    """What each account, PBX and token has used at this gate from ``since`` on, by the calls that were let through and
    began since. A call that a crash cut counts from its connection to the start that closed it, ``longest`` seconds."""
    values = {"since": stamp(since), "first": tx.own.start, "stop": tx.own.stop}
    rows = tx.values(
        _UsedBy,
        "SELECT claimed_by, sum(coalesce(seconds,"
        " min((julianday(ended_at) - julianday(connected_at)) * 86400, :longest), 0.0)) AS seconds_today,"
        " count(*) AS calls_today, sum(reason = 'service_call') AS service_today,"
        " coalesce(sum(listed_service), 0) AS listed_today"
        " FROM calls INDEXED BY calls_at WHERE at >= :since AND verdict = 'allow' AND source IS NOT 'ask'"
        " AND reason IS NOT 'emergency_call' AND leaf_index >= :first AND leaf_index < :stop GROUP BY claimed_by",
        values | {"longest": longest},
    )
    rows += tx.values(_UsedBy, _ASKED_SINCE, values)
    return {
        who: Used(seconds_today=seconds, calls_today=calls, service_today=service, listed_today=listed)
        for who, seconds, calls, service, listed in rows
        if who
    }


def let_through_by_hour(tx: Source, claimed_by: str, since: datetime, until: datetime) -> list[tuple[str, int, int]]:
    """Calls of one account or PBX that were let through: the hour of UTC (``2026-03-02T10``), how many, and of them
    the service calls to numbers that are listed or have objected. Reads an index alone."""
    return tx.values(
        tuple[str, int, int],
        "SELECT substr(at, 1, 13) AS hour, count(*) AS calls, coalesce(sum(listed_service), 0) AS listed"
        " FROM calls INDEXED BY calls_let_through WHERE claimed_by = ? AND at >= ? AND at < ? AND verdict = 'allow'"
        " AND source IS NOT 'ask' AND reason IS NOT 'emergency_call' GROUP BY hour",
        [claimed_by, stamp(since), stamp(until)],
    )


def proven_since(tx: Source, since: datetime) -> list[tuple[str, str]]:
    """Accounts that have asked for calls from ``since`` on, and the addresses where they did, oldest first."""
    return tx.values(
        tuple[str, str],
        "SELECT claimed_by, source FROM calls INDEXED BY calls_at"
        " WHERE at >= ? AND claimed_by LIKE 'account:%' AND source LIKE '%:%'"
        " GROUP BY claimed_by, source ORDER BY max(at)",
        [stamp(since)],
    )


# --- recordings ---------------------------------------------------------------------------------------------------


def recordings_page(tx: Source, after: str | None = None, limit: int = 50) -> Page[RecordingRow]:
    """Recordings, newest first."""
    return rows_page(tx, RecordingRow, "recordings", "opened_at", "recording_id", {}, after, limit)


def where_text(text: str | None, *columns: str) -> dict[str, str | None]:
    """For ``rows_page``: what was typed stands in one of these columns; the beginning of a number in any spelling."""
    typed = (text or "").strip().casefold()
    joined = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
    return {f"instr(lower({joined}), ?) > 0": (beginning_of(typed) or typed) or None}


def recording(tx: Source, recording_id: str) -> RecordingRow | None:
    """One recording."""
    rows = tx.rows(RecordingRow, "SELECT * FROM recordings WHERE recording_id = ?", [recording_id])
    return rows[0] if rows else None


def open_recordings(tx: Source) -> list[RecordingRow]:
    """Recordings of this gate that the log opened and never closed, oldest first."""
    return tx.rows(
        RecordingRow,
        "SELECT * FROM recordings INDEXED BY recordings_open"
        " WHERE closed_at IS NULL AND erased_at IS NULL AND +leaf_index >= ? AND +leaf_index < ? ORDER BY opened_at",
        [tx.own.start, tx.own.stop],
    )


# --- own lists ----------------------------------------------------------------------------------------------------


def objections_page(
    tx: Source,
    after: str | None = None,
    limit: int = 50,
    number: str | None = None,
    *,
    text: str | None = None,
) -> Page[ObjectionRow]:
    """Objections in force, newest first; ``number`` is NULL where erased.

    ``text``: those in whose number, note, source or id it stands.
    """
    where = {"number = ?": number, "coalesce(removed_at, '') = ?": ""}
    where |= where_text(text, "number", "note", "source", "id")
    return rows_page(tx, ObjectionRow, "objections", "made_at", "id", where, after, limit)


def consents_page(
    tx: Source, after: str | None = None, limit: int = 50, number: str | None = None, *, text: str | None = None
) -> Page[ConsentRow]:
    """Consents, newest first, the withdrawn ones too (``withdrawn_at``); with ``text`` those in whose number, way,
    giver, evidence or id it stands."""
    where = {"number = ?": number} | where_text(text, "number", "how", "who", "evidence", "id")
    also = ", nullif(holds_until, '') AS holds_until"
    return rows_page(tx, ConsentRow, "consents", "noted_at", "id", where, after, limit, also=also)


def subscribers_page(
    tx: Source, after: str | None = None, limit: int = 50, number: str | None = None
) -> Page[SubscriberRow]:
    """Read a page of the notes of who has which line, newest first."""
    return rows_page(tx, SubscriberRow, "subscribers", "noted_at", "id", {"number = ?": number}, after, limit)


def register_imports_page(tx: Source, after: str | None = None, limit: int = 50) -> Page[RegisterImportRow]:
    """Imports of registers, newest first."""
    return rows_page(tx, RegisterImportRow, "register_imports", "at", "import_id", {}, after, limit)
