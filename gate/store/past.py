"""The store as it stood at a moment: read only, from the facts that the log held then.

A row of a derived table is the fold of its facts (``gate.store.projections``). So a reader of the past has views in the
place of the tables: rows that were made later are left out, and those that were changed since are folded again from the
facts of that time, into temporary tables in memory. What nothing has touched since is read where it lies, by its
indexes.

What counts is what was known then: the order of the log, and not the times that its entries name. What was erased since
stays erased: of its columns those are known that the log still has.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from gate.core.evidence import index_of, keys_of, log_of, stamp
from gate.core.facts.recordings import RecordingErased
from gate.core.facts.retention import FactsErased
from gate.core.rows.audit import EnteredLate, Erasure
from gate.errors import StoreError, UsageError
from gate.sqlite_thread import Connection
from gate.store.projections import TABLES, Table
from gate.store.queries import Source, marks
from gate.store.reader import UNREADABLE, Place, Reader, open_file
from gate.store.tree import TILE_LEVEL

_INDEXED: Final = re.compile(r"\bINDEXED BY \w+")
_OWN: Final = {
    "facts": "leaf_index < {size}",
    "leaves": "leaf_index < {size}",
    "tiles": f"(tile + 1) << {TILE_LEVEL} <= {{size}}",
    "checkpoints": "size <= {size} AND at <= '{at}'",
}
"""Tables that are never changed but by an erasure, and what of each was there."""


@dataclass(frozen=True, slots=True)
class Past:
    """A moment of a log."""

    moment: datetime
    size: int
    """Leaves that the log had."""
    twice: bool
    """Entries before the last of them are dated later: the gate's clock was set back, and passed this moment twice."""


def find(reader: Reader, moment: datetime, now: datetime) -> Past:
    """A moment of this log; of two, where the clock was set back, the later one. Raises ``UsageError`` for one that
    the log cannot know: before its first entry, or ahead."""
    if moment > now:
        raise UsageError(f"{_shown(moment)} is in the future", hint="give a moment that is over")
    at = stamp(moment)
    own = [reader.own.start, reader.own.stop]
    log = "leaf_index >= ? AND leaf_index < ?"
    sql = f"SELECT leaf_index FROM facts WHERE {log} AND at <= ? ORDER BY leaf_index DESC LIMIT 1"  # noqa: S608
    last = reader.values(int, sql, [*own, at])
    if not last:
        began = reader.values(str, f"SELECT at FROM facts WHERE {log} ORDER BY leaf_index LIMIT 1", own)  # noqa: S608
        raise UsageError(
            f"the log knows nothing of {_shown(moment)}: "
            + (f"it began on {_shown(datetime.fromisoformat(began[0]))}" if began else "it is empty"),
            hint="give a later moment",
        )
    later = f"SELECT 1 FROM facts WHERE {log} AND at > ? LIMIT 1"  # noqa: S608
    return Past(moment, index_of(last[0]) + 1, bool(reader.values(int, later, [own[0], last[0], at])))


def _shown(moment: datetime) -> str:
    return moment.isoformat(" ", "seconds")


class _Views(sqlite3.Connection):
    """A view has no index of its own to be told to use."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(_INDEXED.sub("", sql), parameters)


class PastReader(Reader):
    """The store as it stood, for whoever reads what is over. Raises ``StoreError`` as ``Reader`` does."""

    def __init__(self, place: Place, past: Past) -> None:
        if not isinstance(place, Path):
            raise StoreError(
                f"{place} cannot be read as of a moment yet", hint="gates whose evidence lies in gate.db can"
            )
        self._connection = open_file(place, _Views)
        try:
            self._connection.execute("BEGIN")
            for name, held in _OWN.items():
                where = held.format(size=int(past.size), at=stamp(past.moment))
                self._connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM main.{name} WHERE {where}")  # noqa: S608
            for table in TABLES:
                _stand_in(self._connection, table, past.size)
        except UNREADABLE as error:
            self._connection.close()
            raise StoreError(f"cannot read {place}: {error}") from error
        except BaseException:
            self._connection.close()
            raise


def _stand_in(connection: Connection, table: Table, size: int) -> None:
    """The view that shows a table as it stood."""
    name, key = table.name, table.key
    kinds = [kind for kind in table.derive if not table.makes(kind)]
    owner = "call_id" if table.by_call else "subject"
    changed = connection.execute(
        f"SELECT DISTINCT t.* FROM main.facts AS f JOIN main.{name} AS t ON t.{key} = f.{owner}"  # noqa: S608 - code's
        f" WHERE f.leaf_index >= ? AND f.kind IN ({marks(kinds)}) AND t.leaf_index < ?",
        [size, *kinds, size],
    )
    names = [column[0] for column in changed.description]
    there = f"SELECT {', '.join(names)} FROM main.{name} WHERE leaf_index < {size:d}"  # noqa: S608 - names are code's
    rows = changed.fetchall()
    if rows:
        (made,) = connection.execute("SELECT sql FROM main.sqlite_schema WHERE name = ?", [name]).fetchone()
        connection.execute(re.sub(r"^CREATE TABLE \"?\w+\"?", f"CREATE TEMP TABLE then_{name}", made))
        for row in rows:
            then = _folded(connection, table, dict(zip(names, row, strict=True)), size)
            columns = ", ".join(then)
            connection.execute(
                f"INSERT INTO temp.then_{name} ({columns}) VALUES ({marks(then)})",  # noqa: S608 - names are code's
                list(then.values()),
            )
        there += (
            f" AND leaf_index NOT IN (SELECT leaf_index FROM temp.then_{name})"  # noqa: S608 - names are code's
            f" UNION ALL SELECT {', '.join(names)} FROM temp.then_{name}"
        )
    connection.execute(f"CREATE TEMP VIEW {name} AS {there}")


def _folded(connection: Connection, table: Table, row: dict[str, Any], size: int) -> dict[str, Any]:
    """What a row held when the log had so many leaves. Of a column that rests on an erased fact, what stands in the row
    still, where no later fact has changed that."""
    owner, kinds = ("call_id" if table.by_call else "subject"), list(table.derive)
    apart = "" if table.by_call else " AND (call_id IS NULL OR call_id <> subject)"
    facts = connection.execute(
        "SELECT leaf_index, kind, subject, at, actor, body FROM main.facts"  # noqa: S608 - names are code's
        f" WHERE {owner} = ? AND kind IN ({marks(kinds)}){apart} ORDER BY leaf_index",
        [row[table.key], *kinds],
    ).fetchall()
    before = table.fold(fact for fact in facts if fact[0] < size)
    if before is None:
        raise StoreError(f"{table.name} has a row that no fact made", hint="dialgate audit verify")
    since = {name for fact in facts if fact[0] >= size for name in table.sets(fact[1])}
    kept = {name: row[name] for name in before.unknown if name not in since}
    return {table.key: row[table.key], **before.columns, **kept}


# --- what has become of it since -----------------------------------------------------------------------------------


class _Act(NamedTuple):
    at: str
    actor: str
    subject: str
    basis: str
    leaves: int


MOST: Final = 100
_EMPTIED: Final = f"""
SELECT f.at, f.actor, coalesce(r.reference, f.subject), json_extract(f.body, '$.basis'),
    (SELECT count(*) FROM json_each(f.body, '$.leaves') WHERE {{which}})
FROM facts AS f LEFT JOIN requests AS r ON r.id = f.subject
WHERE f.kind = '{FactsErased.kind}' AND f.leaf_index >= :size AND f.leaf_index < :beyond ORDER BY f.leaf_index
"""  # noqa: S608 - the code's own
_GONE: Final = f"""
SELECT max(f.at), f.actor, '', coalesce(json_extract(f.body, '$.basis'), ''), count(*)
FROM facts AS f JOIN recordings AS r ON r.recording_id = f.subject
WHERE f.kind = '{RecordingErased.kind}' AND f.leaf_index >= :size AND r.leaf_index < :size
GROUP BY f.actor, 4, substr(f.at, 1, 10) ORDER BY 1
"""  # noqa: S608 - the code's own
_LATE: Final = """
SELECT 'consent' AS kind, id, given_at AS dated, noted_at AS entered FROM consents
WHERE leaf_index >= :size AND given_at <= :at
UNION ALL SELECT 'objection', o.id, o.made_at, f.at FROM objections AS o JOIN facts AS f USING (leaf_index)
WHERE o.leaf_index >= :size AND o.made_at <= :at ORDER BY entered LIMIT :most
"""


def erased_since(now: Source, past: Past) -> list[Erasure]:
    """List what the log held then and was erased since, oldest first. ``now``: the store as it is."""
    values = {"size": past.size}
    sql = _EMPTIED.format(which="CAST(value AS INTEGER) < :size")
    facts = _erasures(now.values(_Act, sql, values | {"beyond": keys_of(0).stop}))
    gone = now.values(_Act, _GONE, values)
    recordings = [Erasure(at=act.at, actor=act.actor, why=act.basis, facts=0, recordings=act.leaves) for act in gone]
    return sorted([*facts, *recordings], key=lambda each: each.at)


def erasures_of(now: Source, emptied: Sequence[int]) -> list[Erasure]:
    """The acts of their own log that have emptied these leaves of one log, at least one, oldest first."""
    which = f"CAST(value AS INTEGER) IN ({', '.join(str(index_of(leaf)) for leaf in emptied)})"
    values = {"size": min(emptied), "beyond": keys_of(log_of(min(emptied))).stop}
    return _erasures(now.values(_Act, _EMPTIED.format(which=which), values))


def _erasures(acts: Iterable[_Act]) -> list[Erasure]:
    return [
        Erasure(
            at=act.at,
            actor=act.actor,
            why=act.subject if act.basis == "request" else act.basis,
            facts=act.leaves,
            recordings=0,
        )
        for act in acts
        if act.leaves
    ]


def entered_since(now: Source, past: Past) -> list[EnteredLate]:
    """List what was entered since and dated before, oldest first, so many at most."""
    return now.rows(EnteredLate, _LATE, {"size": past.size, "at": stamp(past.moment), "most": MOST})
