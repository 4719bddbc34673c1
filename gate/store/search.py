"""Calls, and recordings with whom their call was with, found by a few typed signs, in pages both ways.

What was typed is read by ``gate.core.finding``: a verdict, a state, a reason, who called, a number or an id. Each
reading is an *arm*: a SELECT that an index answers in the order of the page, so that none reads more than it shows. The
one that could (the beginning of a number that a large part of all calls has) walks an index that holds the number
beside the time, and so touches no row either. A verdict, a state or a purpose has no index: rows are walked
by the time.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict, replace

from gate.converting import convert
from gate.core import numbers
from gate.core.evidence import stamp
from gate.core.facts.audit import LogVerified
from gate.core.facts.recordings import Exported
from gate.core.finding import CALLS, RECORDINGS, Condition, Term, meant
from gate.core.numbers import NumberRefused, beginning_of, shown_as
from gate.core.rows import Page
from gate.core.rows.audit import CheckpointRow, LastVerification, Leaf, LeafShown, LogHead, LogNow
from gate.core.rows.calls import CallRow, ListedRecording, RecordingRow
from gate.core.terms import Verdict
from gate.errors import StoreError
from gate.store.paging import Counts, Kept, Way, any_of, counted, no_place, order_of, sorted_window, where_of, window
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


UNINDEXED: Final = "none"
"""``by`` of an arm that no index answers: rows are walked."""


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


    Each word must hold (``gate.core.finding.meant``); one that is not known finds nothing."""
    order = order_of(sort, SORTS)
    filters = {"number = ?": number, "reason = ?": reason} | _span("at", since, until)
    kept = [Kept(condition, (value,)) for condition, value in filters.items() if value is not None]
    if agent:
        kept.append(_any_of(named(tx, agent.strip().casefold())))
    arms, more = _read_as(tx, text or "")
    kept += more
    if order is not None:
        found = kept if arms is None else [*kept, _any_of(arms)]
        page = sorted_window(tx, CallRow, "calls", ("at", "call_id"), order, _filters(found), after, before, limit)
        return replace(page, items=with_kept(tx, page.items))

    def read(way: Way) -> list[CallRow]:
        if arms is None:
            sql, values = _ordered("*", "", kept, "at", way)
        else:
            sql, values = _united(arms, kept, way)
        return with_kept(tx, tx.rows(CallRow, sql, values))

    return window(read, ("at", "call_id"), after, before, limit)


def _span(column: str, since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    return {f"{column} >= ?": stamp(since) if since else None, f"{column} < ?": stamp(until) if until else None}


def _any_of(arms: Sequence[Arm], *, denied: bool = False) -> Kept:
    return any_of([Kept(arm.condition, arm.values) for arm in arms], denied=denied)


def _fits(word: Term, arms_of: Callable[[Source, Condition], list[Arm]], tx: Source) -> Kept:
    return _any_of([arm for asked in word.conditions for arm in arms_of(tx, asked)], denied=word.denied)


def _filters(kept: Sequence[Kept]) -> dict[str, tuple[Any, ...]]:
    """One condition of all."""
    if not kept:
        return {}
    return {" AND ".join(each.condition for each in kept): tuple(value for each in kept for value in each.values)}


def _reads(arms: Sequence[Arm]) -> int:
    """Which of several words is looked for by its index: an id or a number before a caller or a reason."""
    orders = {"": 0, "calls_against": 0, "calls_number": 1, "calls_claimed": 2, "calls_reason": 3, "calls_at": 4}
    return max((orders.get(arm.by, len(orders)) for arm in arms), default=0)


def _read_as(tx: Source, text: str) -> tuple[list[Arm] | None, list[Kept]]:
    """What calls are looked for by (None: in the order of time), and the conditions that hold besides. Each word must
    hold; one that is not known finds nothing."""
    words = calls_meant(tx, text)
    each = [(word, [arm for found in word.conditions for arm in _call_arms(tx, found)]) for word in words]
    driven = [arms for word, arms in each if not word.denied and all(arm.by != UNINDEXED for arm in arms)]
    best = min(driven, key=_reads, default=None)
    kept = [_any_of(arms, denied=word.denied) for word, arms in each if arms is not best]
    return best or (None if best is None else [Arm("FALSE", ())]), kept


def _united(arms: Sequence[Arm], kept: Sequence[Kept], way: Way) -> tuple[str, list[Any]]:
    """The rows of all arms, each once; each arm gives a page at most."""
    pieces, values = [], []
    for arm in arms:
        index = f" INDEXED BY {arm.by}" if arm.by else ""
        conditions = [Kept(arm.condition, arm.values), *kept]
        sql, given = _ordered("at, call_id", index, conditions, "+at" if arm.sort else "at", way)
        pieces.append(f"SELECT * FROM ({sql})")  # noqa: S608 - the code's own
        values += given
    sql = (
        f"SELECT calls.* FROM (SELECT at, call_id FROM ({' UNION '.join(pieces)})"  # noqa: S608 - the code's own
        f" ORDER BY at {way.direction}, call_id {way.direction} LIMIT ?) AS found"
        " CROSS JOIN calls ON calls.call_id = found.call_id"
        f" ORDER BY found.at {way.direction}, found.call_id {way.direction}"
    )
    return sql, [*values, way.most]


def _ordered(columns: str, index: str, conditions: Sequence[Kept], at: str, way: Way) -> tuple[str, list[Any]]:
    """Rows of ``calls`` in the order of the page, beyond its cursor."""
    if way.cursor is not None:
        conditions = [*conditions, Kept(f"({at}, call_id) {way.sign} (?, ?)", tuple(way.cursor))]
    where = f" WHERE {' AND '.join(each.condition for each in conditions)}" if conditions else ""
    order = f" ORDER BY {at} {way.direction}, call_id {way.direction} LIMIT ?"
    values = [value for each in conditions for value in each.values]
    return f"SELECT {columns} FROM calls{index}{where}{order}", [*values, way.most]  # noqa: S608 - the code's own


def calls_meant(tx: Source, text: str) -> list[Term]:
    """What each word of a text means of calls."""
    return meant(text, CALLS, callers(tx)) if text.strip() else []


_FACT: Final = {
    "answered": "answered_at IS NOT NULL",
    "recorded": "recorded = 1",
    "silent": "EXISTS (SELECT 1 FROM recordings WHERE recordings.call_id = calls.call_id AND silent IS NOT NULL)",
    "said_no": "objected = 1",
    "erased": "number IS NULL",
}
"""What is so of a call, as SQL."""


def _call_arms(tx: Source, asked: Condition) -> list[Arm]:
    column, value = asked
    if column == "id":
        return [Arm("call_id >= ? AND call_id < ?", (value, value + "g"), sort=True)]
    if column == "number":
        return number_arms(tx, value)
    if column == "caller":
        return [Arm("claimed_by = ?", (value,), "calls_claimed")]
    if column == "reason":
        return [Arm("reason = ?", (value,), "calls_reason")]
    if asked == ("verdict", Verdict.BLOCK):
        return [Arm("verdict IS NOT 'allow'", (), UNINDEXED)]
    if asked == ("state", "called_against_refusal"):
        return [Arm("against_at IS NOT NULL", (), "calls_against", sort=True)]
    if column in _FACT:
        return [Arm(_FACT[column] if value == "yes" else f"NOT coalesce({_FACT[column]}, FALSE)", (), UNINDEXED)]
    return [Arm(f"{column} = ?", (value,), UNINDEXED)]


def callers(tx: Source) -> list[str]:
    """Who has called, as the log has them."""
    return tx.values(str, _WHO, [ACTORS])


def named(tx: Source, part: str) -> list[Arm]:
    """Callers whose name has this in it."""
    names = [name for name in callers(tx) if part in name.casefold()]
    return [Arm("claimed_by = ?", (name,), "calls_claimed") for name in names[: ACTORS // 50]]


def number_arms(tx: Source, typed: str) -> list[Arm]:
    """A number, the beginning of one, or what is shown of one that is hidden in part."""
    try:
        return [Arm("number = ?", (numbers.parse(typed).e164,), "calls_number")]
    except NumberRefused:
        pass
    shown = shown_as(typed)
    beginning = shown[0] if shown else beginning_of(typed)
    if not beginning:
        return []
    between, values = "number >= ? AND number < ?", [beginning, beginning + ":"]
    sql = f"SELECT count(*) FROM (SELECT 1 FROM calls INDEXED BY calls_number WHERE {between} LIMIT ?)"  # noqa: S608
    (few,) = tx.values(int, sql, [*values, FEW + 1])
    index = "calls_number" if few <= FEW else "calls_at"
    if shown:
        between, values = f"{between} AND number LIKE ?", [*values, "____".join(shown)]
    return [Arm(between, tuple(values), index, sort=few <= FEW)]


# --- the evidence log -----------------------------------------------------------------------------------------------


def leaves_window(
    tx: Source,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
    kind: str | None = None,
    text: str | None = None,
    unfolded: Sequence[str] | None = None,
) -> Page[Leaf]:
    """Leaves, newest first, of one kind of fact where named. ``text`` is what was typed: part of a kind or of an actor,
    the beginning of an id, a leaf's number. With ``unfolded``, ids of bundles, the recordings of every other bundle are
    left out."""
    typed = (text or "").strip()
    arms = _leaf_arms(tx, typed) if typed else [Arm("TRUE", ())]

    def read(way: Way) -> list[Leaf]:
        own = tx.own
        clauses, given = _beyond("leaf_index", way)
        clauses += ["leaf_index >= ?", "leaf_index < ?"]
        given = [own.start + each for each in given] + [own.start, own.stop]
        if kind is not None:
            clauses.append("kind = ?")
            given.append(kind)
        if unfolded is not None:
            shown = " OR ".join("body LIKE ?" for _ in unfolded) or "FALSE"
            clauses.append(f"(kind <> ? OR body IS NULL OR body NOT LIKE ? OR {shown})")
            given += [Exported.kind, _IN_BUNDLE.format("%"), *map(_IN_BUNDLE.format, unfolded)]
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
            'SELECT leaves.leaf_index AS "index", kind, subject, at, actor, lower(hex(hash)) AS hash'  # noqa: S608
            f" FROM (SELECT leaf_index FROM ({' UNION '.join(pieces)}) ORDER BY leaf_index {way.direction} LIMIT ?)"
            " CROSS JOIN facts USING (leaf_index) JOIN leaves ON leaves.leaf_index = facts.leaf_index - ?"
            f" ORDER BY facts.leaf_index {way.direction}",
            [*values, way.most, own.start],
        )

    return window(read, ("index",), after, before, limit)


_IN_BUNDLE: Final = '%"bundle":"{}"%'
"""In canonical JSON a quotation mark of somebody's words has a backslash before it: this is the field alone."""


def in_bundle(tx: Source, bundle: str, begun: int) -> int:
    """How many recordings have gone into a bundle, by the leaves behind the one by which it was begun."""
    sql = "SELECT count(*) FROM facts WHERE kind = ? AND leaf_index > ? AND body LIKE ?"
    return tx.values(int, sql, [Exported.kind, begun, _IN_BUNDLE.format(bundle)])[0]


def _leaf_arms(tx: Source, typed: str) -> list[Arm]:
    word = typed.casefold()
    arms = []
    number = word.replace(",", "")
    if number.isdecimal() and number.isascii() and len(number) <= 18:
        arms.append(Arm("leaf_index = ?", (tx.own.start + int(number),)))
    if _HEX(word):
        between = (word, word + "g")
        arms.append(Arm("call_id >= ? AND call_id < ?", between, "facts_call"))
        other = "subject >= ? AND subject < ? AND (call_id IS NULL OR call_id <> subject)"
        arms.append(Arm(other, between, "facts_subject"))
    for column, part in (("kind", re.sub(r"[ -]+", "_", word)), ("actor", word)):
        fit = [name for name in tx.values(str, _EACH.format(column=column), [ACTORS]) if part in name.casefold()]
        arms += [Arm(f"{column} = ?", (name,), f"facts_{column}") for name in fit[: ACTORS // 50]]
    return arms


def leaf(tx: Source, index: int) -> LeafShown | None:
    """One leaf with what it commits to; None where there is none."""
    rows = tx.values(
        tuple[str, str, str, str, str | None, dict[str, object] | None, bytes, bytes, int | None],
        "SELECT kind, subject, at, actor, call_id, body, leaf, hash,"
        " (SELECT min(size) FROM checkpoints WHERE size > leaves.leaf_index)"
        " FROM leaves JOIN facts ON facts.leaf_index = leaves.leaf_index + ? WHERE leaves.leaf_index = ?",
        [tx.own.start, index],
    )
    for kind, subject, at, actor, call_id, body, kept, digest, signed in rows:
        text = kept.decode(errors="replace")
        return LeafShown(
            index=index,
            kind=kind,
            subject=subject,
            at=at,
            actor=actor,
            call_id=call_id,
            leaf=text,
            hash=digest.hex(),
            commit=_commit(text),
            erased=body is None,
            body=body,
            signed=signed,
        )
    return None


def _commit(leaf: str) -> str | None:
    """The salted hash that a leaf names. Raises ``StoreError`` for one that is no leaf."""
    try:
        found: str | None = json.loads(leaf).get("commit")
    except (ValueError, AttributeError) as error:
        raise StoreError(f"a leaf of the database is not readable: {error}") from error
    return found


def checkpoints_window(
    tx: Source, after: str | None = None, before: str | None = None, limit: int = 50
) -> Page[CheckpointRow]:
    """Signed heads, newest first."""

    def read(way: Way) -> list[CheckpointRow]:
        clauses, values = _beyond("size", way)
        rows = tx.values(
            tuple[int, bytes, str, str],
            f"SELECT size, root, at, note FROM checkpoints {_where(clauses)} ORDER BY size {way.direction} LIMIT ?",  # noqa: S608
            [*values, way.most],
        )
        return [
            CheckpointRow(size=size, root=base64.b64encode(root).decode(), at=at, note=note, copies=[])
            for size, root, at, note in rows
        ]

    return window(read, ("size",), after, before, limit)


def log_now(tx: Source) -> LogNow:
    """How the log stands."""
    (size,) = tx.values(int, "SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves")
    newest = (
        "SELECT at, actor, coalesce(body, '{}') FROM facts WHERE kind = ? AND leaf_index >= ? AND leaf_index < ?"
        " ORDER BY leaf_index DESC LIMIT 1"
    )
    verified = [
        convert({"at": at, "actor": actor, **body}, LastVerification)
        for at, actor, body in tx.values(
            tuple[str, str, dict[str, Any]], newest, [LogVerified.kind, tx.own.start, tx.own.stop]
        )
    ]
    return LogNow(size=size, checkpoint=_head(tx, "ORDER BY size DESC"), verified=next(iter(verified), None))


def head_over(tx: Source, size: int) -> LogHead | None:
    """The first signed head over so many leaves."""
    return _head(tx, "WHERE size >= ? ORDER BY size", size)


def _head(tx: Source, which: str, *values: int) -> LogHead | None:
    sql = f"SELECT size, root, at FROM checkpoints {which} LIMIT 1"  # noqa: S608 - the code's own
    found = tx.values(tuple[int, bytes, str], sql, values)
    return next((LogHead(size=size, root=base64.b64encode(root).decode(), at=at) for size, root, at in found), None)


def _beyond(key: str, way: Way) -> tuple[list[str], list[Any]]:
    """The condition that a cursor of one whole number makes. Raises ``UsageError``."""
    if way.cursor is None:
        return [], []
    if not way.cursor[0].isdigit() or len(way.cursor[0]) > 18:
        raise no_place(way.cursor[0])
    return [f"{key} {way.sign} ?"], [int(way.cursor[0])]


def _where(clauses: list[str]) -> str:
    return "WHERE " + " AND ".join(clauses) if clauses else ""


def taken_by(
    tx: Source, recording_id: str, actor: str, body: Exported | None = None, since: datetime | None = None
) -> bool:
    """True where the log says that this account has taken the recording; ``body``: for this and in this way; ``since``:
    then or later."""
    found = tx.values(
        str,
        "SELECT coalesce(body, '') FROM facts WHERE subject = ? AND kind = ? AND actor = ? AND at >= ?"
        " AND (call_id IS NULL OR call_id <> subject)",
        [recording_id, Exported.kind, actor, stamp(since) if since else ""],
    )
    if body is None:
        return bool(found)
    return any(Exported.read(json.loads(each)) == body for each in found if each)


# --- a number in full -----------------------------------------------------------------------------------------------

_NUMBERS = {
    **{table.removesuffix("s"): sql for table, sql in NUMBER_OF.items()},
    "request": "SELECT coalesce((SELECT group_concat(value, ', ') FROM json_each(requests.numbers)), name) AS number"
    " FROM requests WHERE id = ?",
}
"""Kind of thing -> how its number is found by its id; of a request without one, who asks."""
_CONTACT = """SELECT '+' || number AS number FROM contacts
    WHERE list = (SELECT list FROM contact_lists WHERE state = 'in_force' AND on_behalf_of = '')
    AND reference = ? AND reference <> '' LIMIT 1"""
"""By the id of the firm's own CRM, which may be another person's in an instigator's list. Walks the list: not for the
store's own thread."""


def number_of(tx: Source, kind: str, key: str) -> str | None:
    """The number of one row; empty where it has none any more, None where there is no such row."""
    sql = _CONTACT if kind == "contact" else _NUMBERS.get(kind)
    rows = tx.values(tuple[str | None], sql, [key]) if sql else []
    return next((number or "" for (number,) in rows), None)


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
    must hold: a state, the beginning of an id or a number, or part of who called."""
    order = order_of(sort, RECORDING_SORTS)
    kept = _recordings_kept(tx, text or "", since, until)
    if order is not None:
        key = ("opened_at", "recording_id")
        found = sorted_window(tx, RecordingRow, "recordings", key, order, _filters(kept), after, before, limit)
        return Page(items=_with_calls(tx, found.items), next=found.next, prev=found.prev)

    def read(way: Way) -> list[ListedRecording]:
        cursor = [Kept(f"(opened_at, recording_id) {way.sign} (?, ?)", tuple(way.cursor))] if way.cursor else []
        where, values = where_of([*kept, *cursor])
        return tx.rows(
            ListedRecording,
            "SELECT found.*, calls.number, calls.claimed_by, calls.state AS call_state FROM"  # noqa: S608 - names are the code's own
            f" (SELECT * FROM recordings WHERE {where}"
            f" ORDER BY opened_at {way.direction}, recording_id {way.direction} LIMIT ?) AS found"
            " LEFT JOIN calls ON calls.call_id = found.call_id"
            f" ORDER BY found.opened_at {way.direction}, found.recording_id {way.direction}",
            [*values, way.most],
        )

    return window(read, ("opened_at", "recording_id"), after, before, limit)


def _with_calls(tx: Source, rows: list[RecordingRow]) -> list[ListedRecording]:
    """With whom the call of each was."""
    calls = tx.values(
        tuple[str, str | None, str | None, str | None],
        "SELECT call_id, number, claimed_by, state FROM calls WHERE call_id IN (SELECT value FROM json_each(?))",
        [json.dumps([row.call_id for row in rows])],
    )
    of = {call_id: its for call_id, *its in calls}
    each = [(row, of.get(row.call_id or "", [None, None, None])) for row in rows]
    return [
        ListedRecording(**asdict(row), number=number, claimed_by=claimed_by, call_state=state)
        for row, (number, claimed_by, state) in each
    ]


def _recordings_kept(tx: Source, text: str, since: datetime | None, until: datetime | None) -> list[Kept]:
    span = _span("opened_at", since, until)
    words = recordings_meant(tx, text)
    return [Kept(condition, (value,)) for condition, value in span.items() if value is not None] + [
        _any_of(
            [arm for found in word.conditions for arm in _recording_arms(tx, found)], denied=word.denied and word.known
        )
        for word in words
    ]


def recordings_meant(tx: Source, text: str) -> list[Term]:
    """What each word of a text means of recordings."""
    return meant(text, RECORDINGS, callers(tx)) if text.strip() else []


def _recording_arms(tx: Source, asked: Condition) -> list[Arm]:
    column, value = asked
    if column == "id":
        between = (value, value + "g")
        return [Arm("recording_id >= ? AND recording_id < ?", between), Arm("call_id >= ? AND call_id < ?", between)]
    if column == "silent":
        return [Arm("silent IS NOT NULL", ())]
    if column == "state":
        return [Arm("state = ?", (value,))]
    of_call = Condition("state", value) if column == "call_state" else asked
    return [
        Arm(f"call_id IN (SELECT call_id FROM calls WHERE {arm.condition})", arm.values)  # noqa: S608
        for arm in _call_arms(tx, of_call)
    ]


# --- how many there are ---------------------------------------------------------------------------------------------


def calls_counted(tx: Source, text: str, since: datetime | None, until: datetime | None) -> Counts:
    """How many calls of a period fit each word alone, and all of them (the last, None); at most one more than
    ``MOST_COUNTED``."""
    words = calls_meant(tx, text)
    span = [Kept(each, (value,)) for each, value in _span("at", since, until).items() if value is not None]
    each = [_fits(word, _call_arms, tx) for word in words]
    return counted(tx, "calls", words, span, each)


def recordings_counted(tx: Source, text: str, since: datetime | None, until: datetime | None) -> Counts:
    """As ``calls_counted``, of recordings."""
    words = recordings_meant(tx, text)
    span = _recordings_kept(tx, "", since, until)
    return counted(tx, "recordings", words, span, _recordings_kept(tx, text, None, None))
