"""Calls, and recordings with whom their call was with, found by a few typed signs, in pages both ways.

What was typed may be the beginning of an id, a number or its beginning, a word of a reason code, part of who called.
Each reading is an *arm*: a SELECT that an index answers in the order of the page, so that none reads more than it
shows. The one that could (the beginning of a number that a large part of all calls has) walks an index that holds the
number beside the time, and so touches no row either.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict, replace

from gate.converting import convert
from gate.core import numbers
from gate.core.evidence import stamp
from gate.core.facts.audit import LogVerified
from gate.core.facts.recordings import Exported
from gate.core.finding import terms
from gate.core.numbers import NumberRefused, beginning_of
from gate.core.rows import Page
from gate.core.rows.audit import CheckpointRow, LastVerification, Leaf, LeafShown, LogHead, LogNow
from gate.core.rows.calls import CallRow, ListedRecording, RecordingRow
from gate.core.terms import Reason
from gate.store.paging import Way, no_place, order_of, sorted_window, window
from gate.store.projections import NUMBER_OF
from gate.store.queries import Source, with_kept

FEW = 50_000
"""So many calls are sorted rather than looked for in the order of time."""
SORTS: Final = {"at": "at", "agent": "claimed_by", "reason": "reason", "seconds": "seconds"}
"""What calls may be sorted by. Not by number: its order tells of digits that are hidden."""
ACTORS = 1000
"""Different callers that are looked through, and at most a fiftieth of them taken."""

_HEX = re.compile(r"[0-9a-f]{4,32}").fullmatch

_WHO = """
WITH RECURSIVE who (name) AS (
    SELECT min(claimed_by) FROM calls
    UNION ALL
    SELECT (SELECT min(claimed_by) FROM calls WHERE claimed_by > who.name) FROM who WHERE who.name IS NOT NULL
)
SELECT name FROM who WHERE name IS NOT NULL LIMIT ?
"""
"""Every caller there is, a step of the index each."""


_EACH = """
WITH RECURSIVE each (name) AS (
    SELECT min({column}) FROM facts
    UNION ALL
    SELECT (SELECT min({column}) FROM facts WHERE {column} > each.name) FROM each WHERE each.name IS NOT NULL
)
SELECT name FROM each WHERE name IS NOT NULL LIMIT ?
"""
"""Every kind or actor of the facts, likewise."""


class Arm(NamedTuple):
    """One reading of what was typed."""

    condition: str
    values: tuple[Any, ...]
    by: str = ""
    """Name of the index."""
    sort: bool = False
    """Few rows: found by the condition, then sorted."""


Kept = dict[str, tuple[Any, ...]]
"""Conditions that hold besides, each with its values."""


def calls_window(
    tx: Source,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
    number: str | None = None,
    reason: str | None = None,
    text: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    agent: str | None = None,
    sort: str | None = None,
) -> Page[CallRow]:
    """Call attempts, newest first or by ``sort`` (a name of ``SORTS``, with ``-`` before it downwards): of one E.164
    number, of one reason code, fitting ``text``, from ``since`` on, before ``until``, of those callers whose name has
    ``agent`` in it.

    Where the text as a whole fits nothing, each of its words must fit."""
    order = order_of(sort, SORTS)
    span = {"at >= ?": stamp(since) if since else None, "at < ?": stamp(until) if until else None}
    filters = {"number = ?": number, "reason = ?": reason} | span
    kept: Kept = {condition: (value,) for condition, value in filters.items() if value is not None}
    if agent:
        kept |= _any_of(named(tx, agent.strip().casefold()))
    arms = _arms(tx, text) if text and text.strip() else None
    if arms is not None and not arms and len(words := terms(text or "")) > 1:
        arms, *others = sorted((_arms(tx, word) for word in words), key=_reads)
        for other in others:
            kept |= _any_of(other)
    if order is not None:
        found = kept if arms is None else kept | _any_of(arms)
        page = sorted_window(tx, CallRow, "calls", ("at", "call_id"), order, found, after, before, limit)
        return replace(page, items=with_kept(tx, page.items))

    def read(way: Way) -> list[CallRow]:
        if arms is None:
            values: list[Any] = [value for given in kept.values() for value in given]
            sql, values = _ordered("*", "", list(kept), values, "at", way)
        elif arms:
            sql, values = _united(arms, kept, way)
        else:
            return []
        return with_kept(tx, tx.rows(CallRow, sql, values))

    return window(read, ("at", "call_id"), after, before, limit)


def _any_of(arms: list[Arm]) -> Kept:
    """The condition that one of these holds; nothing fits none."""
    if not arms:
        return {"0": ()}
    return {f"({' OR '.join(f'({arm.condition})' for arm in arms)})": tuple(v for arm in arms for v in arm.values)}


def _reads(arms: list[Arm]) -> int:
    """Which of several words is looked for by its index: an id or a number before a caller or a reason."""
    orders = {"": 0, "calls_number": 1, "calls_claimed": 2, "calls_reason": 3, "calls_at": 4}
    return max((orders[arm.by] for arm in arms), default=0)


def _united(arms: list[Arm], kept: Kept, way: Way) -> tuple[str, list[Any]]:
    """The rows of all arms, each once; each arm gives a page at most."""
    pieces, values = [], []
    for arm in arms:
        index = f" INDEXED BY {arm.by}" if arm.by else ""
        conditions = [arm.condition, *kept]
        given: list[Any] = [*arm.values, *(value for each in kept.values() for value in each)]
        sql, given = _ordered("at, call_id", index, conditions, given, "+at" if arm.sort else "at", way)
        pieces.append(f"SELECT * FROM ({sql})")  # noqa: S608 - the code's own
        values += given
    sql = (
        f"SELECT calls.* FROM (SELECT at, call_id FROM ({' UNION '.join(pieces)})"  # noqa: S608 - the code's own
        f" ORDER BY at {way.direction}, call_id {way.direction} LIMIT ?) AS found"
        " CROSS JOIN calls ON calls.call_id = found.call_id"
        f" ORDER BY found.at {way.direction}, found.call_id {way.direction}"
    )
    return sql, [*values, way.most]


def _ordered(
    columns: str, index: str, conditions: list[str], values: list[Any], at: str, way: Way
) -> tuple[str, list[Any]]:
    """Rows of ``calls`` in the order of the page, beyond its cursor."""
    if way.cursor is not None:
        conditions, values = [*conditions, f"({at}, call_id) {way.sign} (?, ?)"], [*values, *way.cursor]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f" ORDER BY {at} {way.direction}, call_id {way.direction} LIMIT ?"
    return f"SELECT {columns} FROM calls{index}{where}{order}", [*values, way.most]  # noqa: S608 - the code's own


def _arms(tx: Source, text: str) -> list[Arm]:
    typed = text.strip().casefold()
    arms = []
    if _HEX(typed):
        arms.append(Arm("call_id >= ? AND call_id < ?", (typed, typed + "g"), sort=True))
    word = re.sub(r"[ -]+", "_", typed)
    arms += [Arm("reason = ?", (each.value,), "calls_reason") for each in Reason if len(word) > 1 and word in each]
    return arms + named(tx, typed) + number_arms(tx, text.strip())


def named(tx: Source, part: str) -> list[Arm]:
    """Callers whose name has this in it."""
    names = [row["name"] for row in tx.query(_WHO, [ACTORS]) if part in row["name"].casefold()]
    return [Arm("claimed_by = ?", (name,), "calls_claimed") for name in names[: ACTORS // 50]]


def number_arms(tx: Source, typed: str) -> list[Arm]:
    """A number, or the beginning of one."""
    try:
        return [Arm("number = ?", (numbers.parse(typed).e164,), "calls_number")]
    except NumberRefused:
        pass
    beginning = beginning_of(typed)
    if not beginning:
        return []
    between, values = "number >= ? AND number < ?", (beginning, beginning + ":")
    few = tx.query(
        f"SELECT count(*) AS calls FROM (SELECT 1 FROM calls INDEXED BY calls_number WHERE {between} LIMIT ?)",  # noqa: S608
        [*values, FEW + 1],
    )[0]["calls"]
    if few <= FEW:
        return [Arm(between, values, "calls_number", sort=True)]
    return [Arm(between, values, "calls_at")]


# --- the evidence log -----------------------------------------------------------------------------------------------


def leaves_window(
    tx: Source,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
    kind: str | None = None,
    text: str | None = None,
) -> Page[Leaf]:
    """Leaves, newest first, of one kind of fact where named. ``text`` is what was typed: part of a kind or of an actor,
    the beginning of an id, a leaf's number."""
    typed = (text or "").strip()
    arms = _leaf_arms(tx, typed) if typed else [Arm("1", ())]

    def read(way: Way) -> list[Leaf]:
        clauses, given = _beyond("leaf_index", way)
        if kind is not None:
            clauses.append("kind = ?")
            given.append(kind)
        pieces, values = [], []
        for arm in arms:
            index = f" INDEXED BY {arm.by}" if arm.by else ""
            pieces.append(
                f"SELECT * FROM (SELECT leaf_index FROM facts{index} {_where([arm.condition, *clauses])}"  # noqa: S608
                f" ORDER BY leaf_index {way.direction} LIMIT ?)"
            )
            values += [*arm.values, *given, way.most]
        if not pieces:
            return []
        return tx.rows(
            Leaf,
            "SELECT facts.leaf_index AS 'index', kind, subject, at, actor, lower(hex(hash)) AS hash"  # noqa: S608
            f" FROM (SELECT leaf_index FROM ({' UNION '.join(pieces)}) ORDER BY leaf_index {way.direction} LIMIT ?)"
            " CROSS JOIN facts USING (leaf_index) JOIN leaves USING (leaf_index)"
            f" ORDER BY facts.leaf_index {way.direction}",
            [*values, way.most],
        )

    return window(read, ("index",), after, before, limit)


def _leaf_arms(tx: Source, typed: str) -> list[Arm]:
    word = typed.casefold()
    arms = []
    number = word.replace(",", "")
    if number.isdecimal() and number.isascii() and len(number) <= 18:
        arms.append(Arm("leaf_index = ?", (int(number),)))
    if _HEX(word):
        between = (word, word + "g")
        arms.append(Arm("call_id >= ? AND call_id < ?", between, "facts_call"))
        other = "subject >= ? AND subject < ? AND (call_id IS NULL OR call_id <> subject)"
        arms.append(Arm(other, between, "facts_subject"))
    for column, part in (("kind", re.sub(r"[ -]+", "_", word)), ("actor", word)):
        names = [row["name"] for row in tx.query(_EACH.format(column=column), [ACTORS])]
        fit = [name for name in names if part in name.casefold()]
        arms += [Arm(f"{column} = ?", (name,), f"facts_{column}") for name in fit[: ACTORS // 50]]
    return arms


def leaf(tx: Source, index: int) -> LeafShown | None:
    """One leaf with what it commits to; None where there is none."""
    rows = tx.rows(
        LeafShown,
        "SELECT facts.leaf_index AS 'index', kind, subject, at, actor, call_id, body, CAST(leaf AS TEXT) AS leaf,"
        " lower(hex(hash)) AS hash, json_extract(CAST(leaf AS TEXT), '$.commit') AS 'commit', body IS NULL AS erased,"
        " (SELECT min(size) FROM checkpoints WHERE size > facts.leaf_index) AS signed"
        " FROM facts JOIN leaves USING (leaf_index) WHERE facts.leaf_index = ?",
        [index],
    )
    return rows[0] if rows else None


def checkpoints_window(
    tx: Source, after: str | None = None, before: str | None = None, limit: int = 50
) -> Page[CheckpointRow]:
    """Signed heads, newest first."""

    def read(way: Way) -> list[CheckpointRow]:
        clauses, values = _beyond("size", way)
        rows = tx.query(
            f"SELECT size, root, at, note FROM checkpoints {_where(clauses)} ORDER BY size {way.direction} LIMIT ?",  # noqa: S608
            [*values, way.most],
        )
        return [CheckpointRow(**row | {"root": base64.b64encode(row["root"]).decode(), "copies": []}) for row in rows]

    return window(read, ("size",), after, before, limit)


def log_now(tx: Source) -> LogNow:
    """How the log stands."""
    size: int = tx.query("SELECT coalesce(max(leaf_index) + 1, 0) AS size FROM leaves")[0]["size"]
    heads = tx.query("SELECT size, root, at FROM checkpoints ORDER BY size DESC LIMIT 1")
    newest = "SELECT at, actor, body FROM facts WHERE kind = ? ORDER BY leaf_index DESC LIMIT 1"
    verified = [
        convert({"at": each["at"], "actor": each["actor"], **json.loads(each["body"] or "{}")}, LastVerification)
        for each in tx.query(newest, [LogVerified.kind])
    ]
    return LogNow(
        size=size,
        checkpoint=LogHead(**heads[0] | {"root": base64.b64encode(heads[0]["root"]).decode()}) if heads else None,
        verified=verified[0] if verified else None,
    )


def _beyond(key: str, way: Way) -> tuple[list[str], list[Any]]:
    """The condition that a cursor of one whole number makes. Raises ``UsageError``."""
    if way.cursor is None:
        return [], []
    if not way.cursor[0].isdigit() or len(way.cursor[0]) > 18:
        raise no_place(way.cursor[0])
    return [f"{key} {way.sign} ?"], [int(way.cursor[0])]


def _where(clauses: list[str]) -> str:
    return "WHERE " + " AND ".join(clauses) if clauses else ""


def taken_by(tx: Source, recording_id: str, actor: str) -> bool:
    """True where the log says that this account has taken the recording."""
    found = tx.query(
        "SELECT 1 FROM facts WHERE subject = ? AND kind = ? AND actor = ?"
        " AND (call_id IS NULL OR call_id <> subject) LIMIT 1",
        [recording_id, Exported.kind, actor],
    )
    return bool(found)


# --- a number in full -----------------------------------------------------------------------------------------------

_NUMBERS = {
    **{table.removesuffix("s"): sql for table, sql in NUMBER_OF.items()},
    "request": "SELECT coalesce((SELECT group_concat(value, ', ') FROM json_each(requests.numbers)), name) AS number"
    " FROM requests WHERE id = ?",
}
"""Kind of thing -> how its number is found by its id; of a request without one, who asks."""
_CONTACT = """SELECT '+' || number AS number FROM contacts
    WHERE list = (SELECT list FROM contact_lists WHERE state = 'in_force') AND reference = ? AND reference <> ''
    LIMIT 1"""
"""By the CRM's own id; walks the list: not for the store's own thread."""


def number_of(tx: Source, kind: str, key: str) -> str | None:
    """The number of one row; empty where it has none any more, None where there is no such row."""
    sql = _CONTACT if kind == "contact" else _NUMBERS.get(kind)
    rows = tx.query(sql, [key]) if sql else []
    return (rows[0]["number"] or "") if rows else None


STATES = ("open", "closed", "interrupted", "erasing", "erased")
RECORDING_SORTS: Final = {"at": "opened_at", "seconds": "seconds"}
"""What recordings may be sorted by."""


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
    order = order_of(sort, RECORDING_SORTS)
    clauses: list[str] = []
    values: list[Any] = []
    for condition, at in (("opened_at >= ?", since), ("opened_at < ?", until)):
        if at is not None:
            clauses.append(condition)
            values.append(stamp(at))
    for word in terms(text or ""):
        arms = _recording_arms(tx, word)
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


def _recording_arms(tx: Source, word: str) -> list[Arm]:
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
