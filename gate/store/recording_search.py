"""Recordings found by a few typed signs, in pages both ways, each with whom its call was with."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from msgspec.structs import asdict

from gate.core.evidence import stamp
from gate.core.finding import terms
from gate.core.rows import Page
from gate.core.rows.calls import ListedRecording, RecordingRow
from gate.store.paging import Way, window
from gate.store.queries import Source
from gate.store.search import Arm, named, number_arms
from gate.store.sorting import order_of, sorted_window

STATES = ("open", "closed", "interrupted", "erasing", "erased")
SORTS: Final = {"at": "opened_at", "seconds": "seconds"}
"""What recordings may be sorted by."""
_HEX = re.compile(r"[0-9a-f]{4,32}").fullmatch


def recordings_window(
    tx: Source,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
    text: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: str | None = None,
) -> Page[ListedRecording]:
    """Recordings, newest first or by ``sort`` (of ``SORTS``, with ``-`` before it downwards), with ``number``,
    ``claimed_by`` and ``call_state`` of their calls; opened from ``since`` on, before ``until``. Each word of ``text``
    is the beginning of an id, a state, a number or its beginning, or part of who called."""
    order = order_of(sort, SORTS)
    clauses: list[str] = []
    values: list[Any] = []
    for condition, at in (("opened_at >= ?", since), ("opened_at < ?", until)):
        if at is not None:
            clauses.append(condition)
            values.append(stamp(at))
    for word in terms(text or ""):
        arms = _arms(tx, word)
        clauses.append(f"({' OR '.join(f'({arm.condition})' for arm in arms)})" if arms else "0")
        values += [value for arm in arms for value in arm.values]

    if order is not None:
        filters = {" AND ".join(clauses): tuple(values)} if clauses else {}
        key = ("opened_at", "recording_id")
        found = sorted_window(tx, RecordingRow, "recordings", key, order, filters, after, before, limit)
        return Page(items=_with_calls(tx, found.items), next=found.next, prev=found.prev)

    def read(way: Way) -> list[ListedRecording]:
        beyond = [f"(opened_at, recording_id) {way.sign} (?, ?)"] if way.cursor is not None else []
        where = " AND ".join([*clauses, *beyond]) or "1"
        return tx.rows(
            ListedRecording,
            "SELECT found.*, calls.number, calls.claimed_by, calls.state AS call_state FROM"  # noqa: S608 - names are the code's own
            f" (SELECT * FROM recordings WHERE {where}"
            f" ORDER BY opened_at {way.direction}, recording_id {way.direction} LIMIT ?) AS found"
            " LEFT JOIN calls ON calls.call_id = found.call_id"
            f" ORDER BY found.opened_at {way.direction}, found.recording_id {way.direction}",
            [*values, *(way.cursor or ()), way.most],
        )

    return window(read, ("opened_at", "recording_id"), after, before, limit)


def _with_calls(tx: Source, rows: list[RecordingRow]) -> list[ListedRecording]:
    """With whom the call of each was."""
    calls = tx.query(
        "SELECT call_id, number, claimed_by, state AS call_state FROM calls"
        " WHERE call_id IN (SELECT value FROM json_each(?))",
        [json.dumps([row.call_id for row in rows])],
    )
    of = {call.pop("call_id"): call for call in calls}
    nobody = {"number": None, "claimed_by": None, "call_state": None}
    return [ListedRecording(**asdict(row), **of.get(row.call_id, nobody)) for row in rows]


def _arms(tx: Source, word: str) -> list[Arm]:
    typed = word.strip().casefold()
    arms = [Arm("state = ?", (state,)) for state in STATES if typed and state.startswith(typed)]
    if _HEX(typed):
        between = (typed, typed + "g")
        arms += [Arm("recording_id >= ? AND recording_id < ?", between), Arm("call_id >= ? AND call_id < ?", between)]
    of_calls = [*named(tx, typed), *number_arms(tx, word)]
    return arms + [
        Arm(f"call_id IN (SELECT call_id FROM calls WHERE {arm.condition})", arm.values)  # noqa: S608
        for arm in of_calls
    ]
