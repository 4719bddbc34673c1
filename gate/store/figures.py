"""What a month's report counts: sums that the database makes, by hours of UTC, which add up to days of London.

Nothing here names anybody: counts, times, codes, and the references of requests. Every function takes a ``Source``;
``since`` and ``until`` are times, the end left out.

Attempts by minute and reason are read once from an index, then only what is new. Attempts are counted as they lie in
the store, so that whoever asked (a phone, a PBX, a dialler) and whatever was decided is in it once, after its commit.
The table's key is the leaf: what is beyond the last one seen is new. A question counts until a call comes of it, which
then counts in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal, NamedTuple

from gate.core.abandoned import Tally
from gate.core.evidence import keys_of, stamp
from gate.core.facts.audit import LogVerified
from gate.core.facts.gate import ManyAbandoned, RefusedStrangers, RefusedWithoutEvidence
from gate.core.facts.lists import Consent, ConsentWithdrawn, Objection, ObjectionRemoved
from gate.core.rows.calls import AgentRow, TrendHour
from gate.core.rows.month import (
    AgainstRefusal,
    AttemptsOfHour,
    CampaignHour,
    CampaignStop,
    ErasedInHour,
    Heads,
    HoldsInMonth,
    Import,
    MadeInHour,
    Outcomes,
    OwnLists,
    RecordingsKept,
    RequestThen,
    ServiceClaimed,
    Verification,
)
from gate.store.queries import (
    ABANDONED,
    CALLER,
    CAMPAIGN,
    COUNTED,
    IS_ATTEMPT,
    LEFT,
    LIVE,
    REPLAYED,
    UNKNOWN,
    Source,
    came_after,
    logs,
    marks,
)
from gate.store.requests import LAST_ENTERED
from gate.store.schema import IS_OPEN

MOST_SHOWN = 1000
"""Calls that are listed one by one."""


class Counted(NamedTuple):
    """All of it."""

    began: str | None
    """When the log begins; None where it is empty."""
    attempts: list[AttemptsOfHour]
    outcomes: Outcomes
    service: list[ServiceClaimed]
    campaigns: list[CampaignHour]
    against: list[AgainstRefusal]
    imports: list[Import]
    made: list[MadeInHour]
    erased: list[ErasedInHour]
    kept: RecordingsKept
    facts: dict[str, int]
    without_evidence: int
    strangers: int
    verified: list[Verification]
    heads: Heads
    holds: HoldsInMonth
    own_lists: OwnLists
    requests: list[RequestThen]


def month(tx: Source, last: date, span: tuple[datetime, datetime], kinds: Sequence[str]) -> Counted:
    """All of it: ``last`` day, ``span`` from its beginning to its end, ``kinds`` of facts to count."""
    return Counted(
        began=began(tx),
        attempts=attempts(tx, *span),
        outcomes=outcomes(tx, *span),
        service=service_calls(tx, *span),
        campaigns=campaigns(tx, *span),
        against=against_refusal(tx, *span),
        imports=imports(tx, span[1]),
        made=recordings_made(tx, *span),
        erased=recordings_erased(tx, *span),
        kept=recordings_kept(tx, span[1]),
        facts=facts_by_kind(tx, kinds, *span),
        without_evidence=counted_in(tx, RefusedWithoutEvidence.kind, *span),
        strangers=counted_in(tx, RefusedStrangers.kind, *span),
        verified=verifications(tx, *span),
        heads=heads(tx, *span),
        holds=holds(tx, *span),
        own_lists=own_lists(tx, *span),
        requests=requests(tx, last, span[0]),
    )


def began(tx: Source) -> str | None:
    """When the log begins; None where it is empty."""
    return next(iter(tx.values(str, "SELECT at FROM facts ORDER BY leaf_index LIMIT 1")), None)


def attempts(tx: Source, since: datetime, until: datetime) -> list[AttemptsOfHour]:
    """Attempts by hour and reason, without calls in."""
    return tx.rows(
        AttemptsOfHour,
        "SELECT substr(at, 1, 13) AS hour, reason, count(*) AS attempts FROM calls INDEXED BY calls_at"  # noqa: S608 - the code's own
        f" WHERE at >= ? AND at < ? AND {IS_ATTEMPT} GROUP BY hour, reason",
        [stamp(since), stamp(until)],
    )


def trend(tx: Source, of: Literal["claimed_by", "reason"], since: datetime, until: datetime) -> list[TrendHour]:
    """Attempts and refusals by hour and by who asked, or why they were decided so; calls in are none."""
    return tx.rows(
        TrendHour,
        f"SELECT substr(at, 1, 13) AS hour, {of} AS name, count(*) AS attempts, sum(verdict IS NOT 'allow') AS refused"  # noqa: S608 - the code's own
        f" FROM calls INDEXED BY calls_at WHERE at >= ? AND at < ? AND {IS_ATTEMPT} GROUP BY hour, name",
        [stamp(since), stamp(until)],
    )


def agents(tx: Source, since: datetime) -> list[AgentRow]:
    """Who has asked for calls from ``since`` on: how many, and how many were refused, the last of them in a row."""
    return tx.rows(
        AgentRow,
        "WITH day AS (SELECT claimed_by, leaf_index, at, verdict IS NOT 'allow' AS refused, reason, seconds"  # noqa: S608 - the code's own
        f" FROM calls INDEXED BY calls_at WHERE at >= ? AND claimed_by IS NOT NULL AND {IS_ATTEMPT}),"
        " passed AS (SELECT claimed_by, max(leaf_index) AS leaf FROM day WHERE NOT refused GROUP BY claimed_by),"
        " last AS (SELECT claimed_by, reason FROM day JOIN (SELECT max(leaf_index) AS leaf_index FROM day WHERE refused"
        " GROUP BY claimed_by) AS newest USING (leaf_index))"
        " SELECT claimed_by, count(*) AS attempts, sum(refused) AS refused, max(at) AS at,"
        " sum(refused AND leaf_index > coalesce(passed.leaf, -1)) AS streak, max(last.reason) AS reason,"
        " coalesce(sum(seconds), 0.0) AS seconds"
        " FROM day LEFT JOIN passed USING (claimed_by) LEFT JOIN last USING (claimed_by) GROUP BY claimed_by",
        [stamp(since)],
    )


def outcomes(tx: Source, since: datetime, until: datetime) -> Outcomes:
    """What became of these attempts."""
    return tx.rows(
        Outcomes,
        "SELECT count(connected_at) AS connected, count(unrecorded_why) AS unrecorded,"
        " coalesce(sum(objected), 0) AS objected FROM calls INDEXED BY calls_at WHERE at >= ? AND at < ?"
        " AND reason IS NOT 'call_in'",
        [stamp(since), stamp(until)],
    )[0]


def service_calls(tx: Source, since: datetime, until: datetime) -> list[ServiceClaimed]:
    """Service calls by who claimed them, most of the listed first."""
    return tx.rows(
        ServiceClaimed,
        "SELECT claimed_by, count(*) AS calls, coalesce(sum(listed_service), 0) AS listed"  # noqa: S608 - the code's own
        f" FROM calls INDEXED BY calls_reason WHERE reason = 'service_call' AND at >= ? AND at < ? AND {IS_ATTEMPT}"
        " GROUP BY claimed_by ORDER BY listed DESC, claimed_by NULLS FIRST",
        [stamp(since), stamp(until)],
    )


def campaigns(tx: Source, since: datetime, until: datetime) -> list[CampaignHour]:
    """What became of answered calls, by hour and campaign, and how many nothing is known of."""
    return tx.rows(
        CampaignHour,
        f"SELECT substr(answered_at, 1, 13) AS hour, {CALLER} AS claimed_by, {CAMPAIGN} AS campaign,"  # noqa: S608
        f" sum({ABANDONED}) AS abandoned, coalesce(sum(informed), 0) AS informed, sum({LIVE}) AS live,"
        f" sum({LEFT}) AS left, 0 AS unknown FROM calls INDEXED BY calls_answered"
        f" WHERE answered_at >= :since AND answered_at < :until AND {COUNTED} GROUP BY 1, 2, 3"
        f" UNION ALL SELECT substr(at, 1, 13), {CALLER}, {CAMPAIGN}, 0, 0, 0, 0, count(*)"
        f" FROM calls INDEXED BY calls_unknown WHERE verdict = 'allow' AND {UNKNOWN}"
        f" AND at >= :since AND at < :until AND {IS_ATTEMPT} AND {COUNTED} GROUP BY 1, 2, 3"
        f" UNION ALL SELECT substr(answered_at, 1, 13), claimed_by, campaign, count(*), sum(informed), sum(live), 0, 0"
        f" FROM ({REPLAYED}) WHERE answered_at >= :since AND answered_at < :until GROUP BY 1, 2, 3",
        {"since": stamp(since), "until": stamp(until)},
    )


_ANSWERS: Final = came_after("stops", "calls", "stopped_at", "answered_at")
"""A stop came after a call."""


def tally(tx: Source, caller: str, campaign: str, since: datetime, until: datetime) -> Tally:
    """The answered calls of a campaign, or of all of a caller (empty), in a time: those for which no stop has answered
    yet."""
    span = {"since": stamp(since), "until": stamp(until), "caller": caller, "campaign": campaign}
    ((abandoned, live),) = tx.values(
        tuple[int, int],
        f"SELECT coalesce(sum({ABANDONED}), 0), coalesce(sum({LIVE}), 0)"  # noqa: S608
        f" FROM calls INDEXED BY calls_answered WHERE answered_at >= :since AND answered_at < :until AND {COUNTED}"
        f" AND {CALLER} = :caller AND (:campaign = '' OR {CAMPAIGN} = :campaign)"
        " AND NOT EXISTS (SELECT 1 FROM campaign_stops AS stops WHERE stops.claimed_by = :caller"
        f" AND stops.campaign IN ('', {CAMPAIGN}) AND {_ANSWERS})",
        span,
    )
    ((lost, kept_live),) = tx.values(
        tuple[int, int],
        f"SELECT count(*), coalesce(sum(live), 0) FROM ({REPLAYED}) AS calls"  # noqa: S608 - ours
        " WHERE answered_at >= :since AND answered_at < :until AND claimed_by = :caller"
        " AND (:campaign = '' OR campaign = :campaign)"
        " AND NOT EXISTS (SELECT 1 FROM campaign_stops AS stops WHERE stops.claimed_by = :caller"
        f" AND stops.campaign IN ('', calls.campaign) AND {_ANSWERS})",
        span,
    )
    return Tally(abandoned + lost, live + kept_live)


class Answered(NamedTuple):
    """An answered call."""

    caller: str
    campaign: str
    answered: datetime


def campaign_of_call(tx: Source, call_id: str) -> Answered | None:
    """Find whose campaign a call is of, and when it was answered; None where it does not count."""
    rows = tx.values(
        tuple[str | None, str, datetime],
        f"SELECT {CALLER}, {CAMPAIGN}, answered_at FROM calls"  # noqa: S608
        f" WHERE call_id = ? AND answered_at IS NOT NULL AND {COUNTED}",
        [call_id],
    )
    return next((Answered(caller or "", campaign, at) for caller, campaign, at in rows), None)


class Reportable(NamedTuple):
    """A call that was let through, and that the phone system dials itself."""

    decided: datetime
    asked_by: str | None
    """The token that asked, and its address; None where a PBX asked by SIP and was redirected."""


def reportable(tx: Source, call_id: str) -> Reportable | None:
    """It, where nothing is known of its outcome; None for every other call."""
    rows = tx.values(
        Reportable,
        "SELECT calls.at, json_extract(body, '$.asked_by') FROM calls"  # noqa: S608 - the code's own
        " JOIN facts ON facts.leaf_index = calls.leaf_index WHERE calls.call_id = ?"
        f" AND calls.verdict = 'allow' AND {COUNTED} AND {UNKNOWN} AND {IS_ATTEMPT} AND body IS NOT NULL",
        [call_id],
    )
    return next(iter(rows), None)


def campaign_stops(tx: Source) -> list[CampaignStop]:
    """The stops that nobody has released, the newest first."""
    return tx.rows(
        CampaignStop,
        "SELECT id, stopped_at, claimed_by, campaign, json_extract(body, '$.day') AS day,"
        " json_extract(body, '$.abandoned') AS abandoned, json_extract(body, '$.live') AS live FROM campaign_stops"
        " JOIN facts USING (leaf_index) WHERE released_at IS NULL ORDER BY leaf_index DESC",
    )


def alarmed(tx: Source, day: date, *, claimed_by: str, campaign: str) -> bool:
    """Whether an alarm of that day is kept of this campaign, or of any of this caller (empty)."""
    return bool(
        tx.values(
            int,
            "SELECT 1 FROM facts INDEXED BY facts_kind WHERE kind = ? AND json_extract(body, '$.day') = ?"
            " AND json_extract(body, '$.claimed_by') = ? AND ? IN ('', json_extract(body, '$.campaign')) LIMIT 1",
            [ManyAbandoned.kind, day.isoformat(), claimed_by, campaign],
        )
    )


def against_refusal(tx: Source, since: datetime, until: datetime) -> list[AgainstRefusal]:
    """Calls that were made although they had been refused, by when that was learnt; the first ``MOST_SHOWN``."""
    return tx.rows(
        AgainstRefusal,
        "SELECT against_at AS at, reason, claimed_by, call_id FROM calls INDEXED BY calls_against"
        " WHERE against_at >= ? AND against_at < ? ORDER BY against_at, call_id LIMIT ?",
        [stamp(since), stamp(until), MOST_SHOWN],
    )


def imports(tx: Source, until: datetime) -> list[Import]:
    """Every import of a register before the end, oldest first."""
    return tx.rows(
        Import,
        "SELECT name, at, as_of, count, added, removed FROM register_imports WHERE at < ? ORDER BY at, import_id",
        [stamp(until)],
    )


def recordings_made(tx: Source, since: datetime, until: datetime) -> list[MadeInHour]:
    """Recordings made, by hour."""
    return tx.rows(
        MadeInHour,
        "SELECT substr(opened_at, 1, 13) AS hour, count(*) AS made, coalesce(sum(seconds), 0.0) AS seconds,"
        " coalesce(sum(interrupted), 0) AS interrupted FROM recordings WHERE opened_at >= ? AND opened_at < ?"
        " GROUP BY hour",
        [stamp(since), stamp(until)],
    )


def recordings_erased(tx: Source, since: datetime, until: datetime) -> list[ErasedInHour]:
    """Recordings erased, by hour and basis."""
    return tx.rows(
        ErasedInHour,
        "SELECT substr(erased_at, 1, 13) AS hour, erasing_basis AS basis, count(*) AS erased FROM recordings"
        " WHERE erased_at >= ? AND erased_at < ? GROUP BY hour, basis",
        [stamp(since), stamp(until)],
    )


def recordings_kept(tx: Source, at: datetime) -> RecordingsKept:
    """Recordings that were there at a time."""
    return tx.rows(
        RecordingsKept,
        "SELECT count(*) AS recordings, coalesce(sum(seconds), 0.0) AS seconds, coalesce(sum(size), 0) AS bytes"
        " FROM recordings WHERE opened_at < :at AND (erased_at IS NULL OR erased_at >= :at)",
        {"at": stamp(at)},
    )[0]


def facts_by_kind(tx: Source, kinds: Sequence[str], since: datetime, until: datetime) -> dict[str, int]:
    """How often each of these happened; 0 where never."""
    rows = tx.values(
        tuple[str, int],
        f"SELECT kind, count(*) FROM facts WHERE kind IN ({marks(kinds)})"  # noqa: S608 - marks alone
        " AND at >= ? AND at < ? GROUP BY kind",
        [*kinds, stamp(since), stamp(until)],
    )
    return dict.fromkeys(kinds, 0) | dict(rows)


def counted_in(tx: Source, kind: str, since: datetime, until: datetime) -> int:
    """The sum of ``count`` in the bodies of a kind of fact: what has one leaf for many."""
    (total,) = tx.values(
        int,
        "SELECT coalesce(sum(CAST(json_extract(body, '$.count') AS INTEGER)), 0) FROM facts"
        " WHERE kind = ? AND at >= ? AND at < ? AND body IS NOT NULL",
        [kind, stamp(since), stamp(until)],
    )
    return total


def verifications(tx: Source, since: datetime, until: datetime) -> list[Verification]:
    """Each verification of the log."""
    return tx.rows(
        Verification,
        "SELECT at, json_extract(body, '$.ok') AS ok, json_extract(body, '$.size') AS size FROM facts"
        " WHERE kind = ? AND at >= ? AND at < ? ORDER BY leaf_index",
        [LogVerified.kind, stamp(since), stamp(until)],
    )


def heads(tx: Source, since: datetime, until: datetime) -> Heads:
    """Signed heads of the log."""
    return tx.rows(
        Heads,
        "SELECT count(*) AS checkpoints, min(size) AS first, max(size) AS last FROM checkpoints"
        " WHERE at >= ? AND at < ?",
        [stamp(since), stamp(until)],
    )[0]


def holds(tx: Source, since: datetime, until: datetime) -> HoldsInMonth:
    """``put`` and ``released`` in the time; ``in_force`` and ``restrictions`` at its end."""
    return tx.rows(
        HoldsInMonth,
        "SELECT coalesce(sum(made_at >= :since), 0) AS put,"
        " coalesce(sum(released_at >= :since AND released_at < :until), 0) AS released,"
        " coalesce(sum(released_at IS NULL OR released_at >= :until), 0) AS in_force,"
        " coalesce(sum(kind = 'restriction' AND (released_at IS NULL OR released_at >= :until)), 0) AS restrictions"
        " FROM holds WHERE made_at < :until",
        {"since": stamp(since), "until": stamp(until)},
    )[0]


def own_lists(tx: Source, since: datetime, until: datetime) -> OwnLists:
    """Changes of own lists: facts of the time, whatever day they speak of."""
    kinds = [each.kind for each in (Objection, ObjectionRemoved, Consent, ConsentWithdrawn)]
    return OwnLists(*facts_by_kind(tx, kinds, since, until).values())


def requests(tx: Source, last: date, since: datetime) -> list[RequestThen]:
    """Data-subject requests that were received by a day, and were not over before a time, by entry."""
    return tx.rows(
        RequestThen,
        "SELECT id, reference, asks, received FROM requests WHERE received <= ?"  # noqa: S608 - the code's own
        f" AND ({IS_OPEN} OR {LAST_ENTERED} >= ?) ORDER BY received, reference",
        (last.isoformat(), stamp(since)),
    )


Counts = dict[tuple[str, str], int]
"""(minute as ``2026-03-02T10:00``, reason) -> attempts."""


class _Beyond(NamedTuple):
    leaf: int
    at: str
    reason: str
    asked_at: str | None
    asked_reason: str | None


_BEYOND: Final = (
    "SELECT calls.leaf_index, calls.at, calls.reason, asked.at, asked.reason"
    " FROM calls LEFT JOIN calls AS asked ON asked.call_id = calls.question"
    " WHERE calls.leaf_index > ? AND calls.leaf_index < ? ORDER BY calls.leaf_index"
)
Reached = dict[int, int]
"""Log -> key of the last leaf of a decision that was counted."""


def attempts_since(tx: Source, since: datetime) -> tuple[Reached, Counts]:
    """The last decisions, and the attempts from ``since`` on. Reads indexes alone."""
    sql = "SELECT coalesce(max(leaf_index), ?1 - 1) FROM calls WHERE leaf_index >= ?1 AND leaf_index < ?2"
    last = {log: tx.values(int, sql, [keys_of(log).start, keys_of(log).stop])[0] for log in logs(tx)}
    rows = tx.values(
        tuple[str, str, int],
        "SELECT substr(at, 1, 16) AS minute, reason, count(*) FROM calls INDEXED BY calls_at"  # noqa: S608 - the code's own
        f" WHERE at >= ? AND {IS_ATTEMPT} GROUP BY minute, reason",
        [stamp(since)],
    )
    return last, {(minute, reason): attempts for minute, reason, attempts in rows}


def attempts_beyond(tx: Source, last: Reached) -> tuple[Reached, Counts]:
    """The same of the decisions after these; a question of which one of them came is taken off."""
    counts, reached = Counts(), Reached()

    def count(at: str, reason: str, by: int) -> None:
        key = (at[:16], reason)
        counts[key] = counts.get(key, 0) + by

    for log in logs(tx):
        reached[log] = last.get(log, keys_of(log).start - 1)
        given = [reached[log], keys_of(log).stop]
        for leaf, at, reason, asked_at, asked_reason in tx.values(_Beyond, _BEYOND, given):
            reached[log] = leaf
            if reason != "call_in":
                count(at, reason, 1)
            if asked_at is not None and asked_reason is not None:
                count(asked_at, asked_reason, -1)
    return reached, counts
