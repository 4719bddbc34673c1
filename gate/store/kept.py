"""What retention asks of the store: recordings in the order of their age, holds, erasures under way, tombstones.

Every function takes what has ``query``, as those of ``queries``. Recordings come oldest first, from an index that holds
only those not erased: what has gone costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from gate.converting import convert
from gate.core.evidence import LOG_BITS, stamp
from gate.core.facts.retention import RetentionReason, RetentionSwept
from gate.core.rows import Page
from gate.core.rows.calls import RecordingRow
from gate.core.rows.retention import HoldRow, KeptRecording, LastSweep, Tombstone
from gate.store import transfers
from gate.store.queries import SLICE, Source, marks, rows_page, where_text

_ROW = (
    "SELECT r.recording_id, r.call_id, r.opened_at, r.path, r.key_id, r.erasing_at, r.erasing_basis,"
    " c.at, c.number, c.purpose, c.topic, c.claimed_by, r.stored_in"
    " FROM recordings AS r LEFT JOIN calls AS c ON c.call_id = r.call_id"
)

_SWEPT = f"FROM facts WHERE kind = '{RetentionSwept.kind}' AND subject = 'retention' AND body IS NOT NULL"


_HERE = "+r.leaf_index >= ? AND +r.leaf_index < ?"
"""Recordings of this gate: another one has the file and the keys of its own."""


class Next(NamedTuple):
    """Rows, and where the ones after them begin; ``None`` at the end."""

    items: list[KeptRecording]
    next: tuple[str, str] | None


def oldest(tx: Source, before: datetime, after: tuple[str, str] | None = None, limit: int = 500) -> Next:
    """Recordings of this gate not erased that were opened before a time, oldest first, with what the rules need of
    their calls."""
    rows = tx.rows(
        KeptRecording,
        f"{_ROW} WHERE r.erased_at IS NULL AND r.opened_at < ? AND (r.opened_at, r.recording_id) > (?, ?)"
        f" AND {_HERE} ORDER BY r.opened_at, r.recording_id LIMIT ?",
        [stamp(before), *(after or ("", "")), tx.own.start, tx.own.stop, limit],
    )
    rows = _with_joined(tx, rows)
    last = (rows[-1].opened_at, rows[-1].recording_id) if len(rows) == limit else None
    return Next(rows, last)


def these(tx: Source, recording_ids: Sequence[str]) -> list[KeptRecording]:
    """The same rows of these recordings, those erased left out; at most ``SLICE`` ids."""
    sql = f"{_ROW} WHERE r.erased_at IS NULL AND r.recording_id IN ({marks(recording_ids)})"
    rows = tx.rows(KeptRecording, sql, [*recording_ids])
    return _with_joined(tx, rows)


def erasing(tx: Source, limit: int = SLICE, after: str = "") -> list[KeptRecording]:
    """The same rows of recordings of this gate whose erasure was decided, here or at another one, and not yet finished,
    in the order of their ids."""
    rows = tx.rows(
        KeptRecording,
        f"{_ROW} WHERE r.erasing_at IS NOT NULL AND r.erased_at IS NULL AND r.recording_id > ?"
        f" AND {_HERE} ORDER BY r.recording_id LIMIT ?",
        [after, tx.own.start, tx.own.stop, limit],
    )
    return _with_joined(tx, rows)


def _with_joined(tx: Source, rows: list[KeptRecording]) -> list[KeptRecording]:
    """Each with those ``joined`` to its call by a transfer."""
    came = transfers.before(tx, {row.call_id for row in rows if row.call_id})
    numbers = {call: tuple(talk.number for talk in talks if talk.number) for call, talks in came.items()}
    return [replace(row, joined=numbers[row.call_id]) if row.call_id in numbers else row for row in rows]


def rows(tx: Source, recording_ids: Sequence[str]) -> list[RecordingRow]:
    """These recordings; at most ``SLICE`` ids."""
    sql = f"SELECT * FROM recordings WHERE recording_id IN ({marks(recording_ids)})"  # noqa: S608 - only marks are put in
    return tx.rows(RecordingRow, sql, [*recording_ids])


def erased_among(tx: Source, recording_ids: Sequence[str]) -> list[Tombstone]:
    """Those of these recordings that the log says are erased."""
    return tx.rows(
        Tombstone,
        "SELECT recording_id, call_id, key_id FROM recordings"  # noqa: S608 - only marks are put in
        f" WHERE erased_at IS NOT NULL AND recording_id IN ({marks(recording_ids)})",
        [*recording_ids],
    )


def here_among(tx: Source, recording_ids: Sequence[str]) -> set[str]:
    """Those of these recordings that are this gate's; at most ``SLICE`` ids."""
    sql = f"SELECT recording_id FROM recordings AS r WHERE recording_id IN ({marks(recording_ids)}) AND {_HERE}"  # noqa: S608
    return {*tx.values(str, sql, [*recording_ids, tx.own.start, tx.own.stop])}


def waiting_elsewhere(tx: Source) -> list[tuple[str, int]]:
    """Calls whose recording's erasure was decided and is another gate's to carry out, each with that gate's log."""
    sql = (
        f"SELECT r.call_id, r.leaf_index >> {LOG_BITS} FROM recordings AS r WHERE r.erasing_at IS NOT NULL"  # noqa: S608
        f" AND r.erased_at IS NULL AND r.call_id IS NOT NULL AND NOT ({_HERE}) ORDER BY r.recording_id"
    )
    return tx.values(tuple[str, int], sql, [tx.own.start, tx.own.stop])


def known_among(tx: Source, recording_ids: Sequence[str]) -> set[str]:
    """Those of these recordings that the log knows."""
    sql = f"SELECT recording_id FROM recordings WHERE recording_id IN ({marks(recording_ids)})"  # noqa: S608 - marks
    return {*tx.values(str, sql, [*recording_ids])}


def holds_on(tx: Source, recording_ids: Sequence[str]) -> list[HoldRow]:
    """The holds in force that bear on any of these recordings, or on somebody who was transferred to its call, oldest
    first; at most ``SLICE`` ids."""
    parts = [
        f"SELECT h.* FROM recordings AS r {join} WHERE r.recording_id IN ({marks(recording_ids)})"  # noqa: S608 - only marks
        for join in (
            "JOIN holds AS h ON h.recording_id = r.recording_id AND h.target = 'recording' AND h.released_at IS NULL",
            "JOIN holds AS h ON h.call_id = r.call_id AND h.target = 'call' AND h.released_at IS NULL",
            "JOIN calls AS c ON c.call_id = r.call_id"
            " JOIN holds AS h ON h.number = c.number AND h.target = 'number' AND h.released_at IS NULL",
        )
    ]
    calls = tx.values(
        str,
        f"SELECT call_id FROM recordings WHERE call_id IS NOT NULL AND recording_id IN ({marks(recording_ids)})",  # noqa: S608
        [*recording_ids],
    )
    came = transfers.before(tx, {*calls}).values()
    joined = json.dumps(sorted({talk.number for talks in came for talk in talks if talk.number}))
    parts.append(
        "SELECT * FROM holds WHERE target = 'number' AND released_at IS NULL"
        " AND number IN (SELECT value FROM json_each(?))"
    )
    ids = [*recording_ids] * (len(parts) - 1)
    return tx.rows(HoldRow, " UNION ".join(parts) + " ORDER BY leaf_index", [*ids, joined])


def hold(tx: Source, hold_id: str) -> HoldRow | None:
    """One hold."""
    rows = tx.rows(HoldRow, "SELECT * FROM holds WHERE id = ?", [hold_id])
    return rows[0] if rows else None


def holds_page(
    tx: Source,
    after: str | None = None,
    limit: int = 50,
    number: str | None = None,
    *,
    released: bool = False,
    text: str | None = None,
) -> Page[HoldRow]:
    """Holds in force, newest first; with ``released`` those that are over too. ``text``: those in whose reference,
    reason, kind, target, ids or number it stands."""
    where = {"number = ?": number, "coalesce(released_at, '') = ?": None if released else ""}
    where |= where_text(text, "reference", "reason", "kind", "target", "id", "recording_id", "call_id", "number")
    return rows_page(tx, HoldRow, "holds", "made_at", "id", where, after, limit)


def covered(tx: Source, target: str, value: str) -> tuple[list[str], int]:
    """The recordings that a hold on this keeps, by id, and how many it comes too late for."""
    joined = sorted(transfers.joined_by(tx, [value])) if target == "number" else []
    where = {
        "recording": "r.recording_id = ?",
        "call": "r.call_id = ?",
        "number": "r.call_id IN (SELECT call_id FROM calls WHERE number = ? UNION SELECT value FROM json_each(?))",
    }[target]
    rows = tx.values(
        tuple[str, str | None],
        "SELECT r.recording_id, coalesce(r.erasing_at, r.erased_at)"  # noqa: S608 - the code's own
        f" FROM recordings AS r WHERE {where} ORDER BY r.recording_id",
        [value, json.dumps(joined)] if target == "number" else [value],
    )
    return [each for each, gone in rows if not gone], sum(bool(gone) for _, gone in rows)


def last_sweep(tx: Source) -> LastSweep | None:
    """The newest sweep that the log has, with the reason that was given for it where that is not erased."""
    rows = tx.values(
        tuple[int, str, str, dict[str, Any]],
        f"SELECT leaf_index, at, actor, body {_SWEPT} ORDER BY at DESC, leaf_index DESC LIMIT 1",
    )
    if not rows:
        return None
    ((leaf, at, actor, body),) = rows
    sql = "SELECT body FROM facts WHERE leaf_index = ? AND kind = ? AND body IS NOT NULL"
    reasons = tx.values(tuple[dict[str, Any]], sql, [leaf + 1, RetentionReason.kind])
    return convert({**body, **(reasons[0][0] if reasons else {}), "at": at, "actor": actor}, LastSweep)


def swept_until(tx: Source, day: str) -> str | None:
    """The newest day, as ISO text and not after ``day``, on which there was a sweep."""
    sql = f"SELECT max(json_extract(body, '$.day')) {_SWEPT} AND json_extract(body, '$.day') <= ?"
    return tx.values(tuple[str | None], sql, [day])[0][0]
