"""The store as it stood at a moment: read only, from the facts that the log held then.

A row of a derived table is the fold of its facts (``gate.store.projections``). So a reader of the past has views in the
place of the tables: rows that were made later are left out, and those that were changed since are folded again from the
facts of that time, into temporary tables in memory. What nothing has touched since is read where it lies, by its
indexes.

What counts is what was known then: the order of the log, and not the times that its entries name. What was erased since
stays erased: of its columns those are known that the log still has. Of several gates each log has its own order.

In PostgreSQL the views and tables are the session's own (``pg_temp``), which is found before the schemas of the store.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from gate.core.evidence import in_order, index_of, keys_of, log_of, stamp
from gate.core.facts.recordings import RecordingErased
from gate.core.facts.retention import FactsErased
from gate.core.rows.audit import EnteredLate, Erasure
from gate.errors import StoreError, UsageError
from gate.sqlite_thread import Connection
from gate.store.projections import TABLES, Table
from gate.store.queries import Source, logs, marks
from gate.store.reader import UNREADABLE, Place, Reader, open_file
from gate.store.tree import TILE_LEVEL

_INDEXED: Final = re.compile(r"\bINDEXED BY \w+")
_OWN: Final = {
    "leaves": "leaf_index < {size}",
    "tiles": f"(tile + 1) << {TILE_LEVEL} <= {{size}}",
    "checkpoints": "size <= {size} AND at <= '{at}'",
}
"""Tables of one log that are never changed but by an erasure, and what of each was there."""


@dataclass(frozen=True, slots=True)
class Past:
    """A moment of a log."""

    moment: datetime
    size: int
    """Leaves that the gate's own log had."""
    twice: bool
    """Entries before the last of them are dated later: the gate's clock was set back, and passed this moment twice."""
    sizes: tuple[tuple[int, int], ...] = ()
    """The number of each log that has an entry by now, and how many leaves it had."""

    def held(self, leaf: str) -> str:
        """Condition on a column with the key of a leaf: the log held it."""
        return _in([keys_of(log)[:size] for log, size in self.sizes if size], leaf)

    def later(self, leaf: str) -> str:
        """It came later."""
        return _in([keys_of(log)[size:] for log, size in self.sizes], leaf)


def _in(ranges: Sequence[range], leaf: str) -> str:
    within = (f"{leaf} >= {each.start} AND {leaf} < {each.stop}" for each in ranges)
    return f"({' OR '.join(within) or 'FALSE'})"


def find(reader: Reader, moment: datetime, now: datetime) -> Past:
    """A moment of this log; of two, where the clock was set back, the later one. Raises ``UsageError`` for one that
    no log can know: before its first entry, or ahead."""
    if moment > now:
        raise UsageError(f"{_shown(moment)} is in the future", hint="give a moment that is over")
    at, twice, own = stamp(moment), False, log_of(reader.own.start)
    sizes: dict[int, int] = {own: 0}
    within = "leaf_index >= ? AND leaf_index < ?"
    sql = f"SELECT leaf_index FROM facts WHERE {within} AND at <= ? ORDER BY leaf_index DESC LIMIT 1"  # noqa: S608
    later = f"SELECT 1 FROM facts WHERE {within} AND at > ? LIMIT 1"  # noqa: S608
    for log in logs(reader):
        first, end = keys_of(log).start, keys_of(log).stop
        last = reader.values(int, sql, [first, end, at])
        sizes[log] = index_of(last[0]) + 1 if last else 0
        twice = twice or bool(last and reader.values(int, later, [first, last[0], at]))
    if not any(sizes.values()):
        began = reader.values(str, "SELECT min(at) FROM facts WHERE at IS NOT NULL HAVING count(*) > 0")
        raise UsageError(
            f"the log knows nothing of {_shown(moment)}: "
            + (f"it began on {_shown(datetime.fromisoformat(began[0]))}" if began else "it is empty"),
            hint="give a later moment",
        )
    return Past(moment, sizes[own], twice, tuple(sizes.items()))


def _shown(moment: datetime) -> str:
    return moment.isoformat(" ", "seconds")


class _Views(sqlite3.Connection):
    """A view has no index of its own to be told to use."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(_INDEXED.sub("", sql), parameters)


class PastReader(Reader):
    """The store as it stood, for whoever reads what is over. Raises ``StoreError`` as ``Reader`` does."""

    def __init__(self, place: Place, past: Past) -> None:
        self._connection = open_file(place, _Views) if isinstance(place, Path) else place.open_past()
        own, every = ("main", "main") if isinstance(place, Path) else place.schemas
        try:
            self._connection.execute("BEGIN")
            views = {f"{own}.{name}": held for name, held in _OWN.items()} | {f"{every}.facts": past.held("leaf_index")}
            for name, held in views.items():
                where = held.format(size=int(past.size), at=stamp(past.moment))
                view = f"CREATE TEMP VIEW {name.partition('.')[2]} AS SELECT * FROM {name} WHERE {where}"  # noqa: S608
                self._connection.execute(view)
            for table in TABLES:
                _stand_in(self._connection, every, table, past)
            if not isinstance(place, Path):
                self._connection.execute("SET TRANSACTION READ ONLY")
        except UNREADABLE as error:
            self._connection.close()
            raise StoreError(f"cannot read {place}: {error}") from error
        except BaseException:
            self._connection.close()
            raise


def _stand_in(connection: Connection, schema: str, table: Table, past: Past) -> None:
    """The view that shows a table as it stood; ``schema``: where the table is."""
    name, key = table.name, table.key
    kinds = [kind for kind in table.derive if not table.makes(kind)]
    owner = "call_id" if table.by_call else "subject"
    changed = connection.execute(
        f"SELECT DISTINCT t.* FROM {schema}.facts AS f JOIN {schema}.{name} AS t ON t.{key} = f.{owner}"  # noqa: S608 - code's
        f" WHERE {past.later('f.leaf_index')} AND f.kind IN ({marks(kinds)}) AND {past.held('t.leaf_index')}",
        [*kinds],
    )
    names = [column[0] for column in changed.description]
    there = f"SELECT {', '.join(names)} FROM {schema}.{name} WHERE {past.held('leaf_index')}"  # noqa: S608 - code's
    rows = changed.fetchall()
    if rows:
        if schema == "main":
            (made,) = connection.execute("SELECT sql FROM main.sqlite_schema WHERE name = ?", [name]).fetchone()
            connection.execute(re.sub(r"^CREATE TABLE \"?\w+\"?", f"CREATE TEMP TABLE then_{name}", made))
        else:
            connection.execute(f"CREATE TEMP TABLE then_{name} (LIKE {schema}.{name} INCLUDING GENERATED)")
        for row in rows:
            then = _folded(connection, schema, table, dict(zip(names, row, strict=True)), past)
            columns = ", ".join(then)
            connection.execute(
                f"INSERT INTO then_{name} ({columns}) VALUES ({marks(then)})",  # noqa: S608 - names are code's
                list(then.values()),
            )
        there += (
            f" AND leaf_index NOT IN (SELECT leaf_index FROM then_{name})"  # noqa: S608 - names are code's
            f" UNION ALL SELECT {', '.join(names)} FROM then_{name}"
        )
    connection.execute(f"CREATE TEMP VIEW {name} AS {there}")


def _folded(connection: Connection, schema: str, table: Table, row: dict[str, Any], past: Past) -> dict[str, Any]:
    """What a row held at that moment. Of a column that rests on an erased fact, what stands in the row still, where no
    later fact has changed that."""
    owner, kinds = ("call_id" if table.by_call else "subject"), list(table.derive)
    apart = "" if table.by_call else " AND (call_id IS NULL OR call_id <> subject)"
    facts = connection.execute(
        "SELECT leaf_index, kind, subject, at, actor, body FROM"  # noqa: S608 - names are code's
        f" {schema}.facts WHERE {owner} = ? AND kind IN ({marks(kinds)}){apart} ORDER BY leaf_index",
        [row[table.key], *kinds],
    ).fetchall()
    facts = in_order(facts, at=itemgetter(3), leaf=itemgetter(0))
    held = {log: keys_of(log)[:size] for log, size in past.sizes}
    by_then = [fact for fact in facts if fact[0] in held.get(log_of(fact[0]), ())]
    before = table.fold(by_then)
    if before is None:
        raise StoreError(f"{table.name} has a row that no fact made", hint="dialgate audit verify")
    since = {name for fact in facts if fact not in by_then for name in table.sets(fact[1])}
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
    + (SELECT count(*) FROM json_each(f.body, '$.elsewhere') WHERE {{there}})
FROM facts AS f LEFT JOIN requests AS r ON r.id = f.subject
WHERE f.kind = '{FactsErased.kind}' AND f.leaf_index >= :size AND f.leaf_index < :beyond ORDER BY f.leaf_index
"""  # noqa: S608 - the code's own
_GONE: Final = """
SELECT max(f.at), f.actor, '', coalesce(json_extract(f.body, '$.basis'), ''), count(*)
FROM facts AS f JOIN recordings AS r ON r.recording_id = f.subject
WHERE f.kind = :kind AND {later} AND {held} GROUP BY f.actor, 4, substr(f.at, 1, 10) ORDER BY 1
"""
_LATE: Final = """
SELECT 'consent' AS kind, id, given_at AS dated, noted_at AS entered FROM consents
WHERE {consents} AND given_at <= :at
UNION ALL SELECT 'objection', o.id, o.made_at, f.at FROM objections AS o JOIN facts AS f USING (leaf_index)
WHERE {objections} AND o.made_at <= :at ORDER BY entered LIMIT :most
"""


def erased_since(now: Source, past: Past) -> list[Erasure]:
    """List what the log held then and was erased since, oldest first. ``now``: the store as it is."""
    facts: list[Erasure] = []
    for log, size in past.sizes:
        there = "".join(
            f" WHEN value LIKE '{other}/%' THEN CAST(substr(value, {len(str(other)) + 2}) AS INTEGER) < {held}"
            for other, held in past.sizes
        )
        sql = _EMPTIED.format(which=f"CAST(value AS INTEGER) < {size}", there=f"CASE{there} ELSE FALSE END")
        values = {"size": keys_of(log)[size], "beyond": keys_of(log).stop}
        facts += _erasures(now.values(_Act, sql, values))
    sql = _GONE.format(later=past.later("f.leaf_index"), held=past.held("r.leaf_index"))
    gone = now.values(_Act, sql, {"kind": RecordingErased.kind})
    recordings = [Erasure(at=act.at, actor=act.actor, why=act.basis, facts=0, recordings=act.leaves) for act in gone]
    return sorted([*facts, *recordings], key=lambda each: each.at)


def erasures_of(now: Source, emptied: Sequence[int]) -> list[Erasure]:
    """The acts of their own log that have emptied these leaves of one log, at least one, oldest first."""
    which = f"CAST(value AS INTEGER) IN ({', '.join(str(index_of(leaf)) for leaf in emptied)})"
    values = {"size": min(emptied), "beyond": keys_of(log_of(min(emptied))).stop}
    return _erasures(now.values(_Act, _EMPTIED.format(which=which, there="FALSE"), values))


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
    sql = _LATE.format(consents=past.later("leaf_index"), objections=past.later("o.leaf_index"))
    return now.rows(EnteredLate, sql, {"at": stamp(past.moment), "most": MOST})
