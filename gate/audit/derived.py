"""Every derived row made again from its facts, and compared. Streams: two ordered readings side by side."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from gate.audit.report import Findings
from gate.core.evidence import remnant
from gate.core.facts.derived import OF_CALL
from gate.core.facts.retention import FactsErased
from gate.store.fold import Folded, Raw, Table

Row = Mapping[str, Any]

_NOT_STORED = frozenset({"state"})
"""Columns that the database computes from the others."""


def check_derived(connection: sqlite3.Connection, table: Table, pepper: bytes | None, findings: Findings) -> None:
    """Compare a derived table with what its facts make, and what stays of erased ones with the receipt of that."""
    stays = _stays(connection, table.name)
    if table.by_call:
        _check_call_ids(connection, OF_CALL, findings)
    groups = _groups(connection, table)
    cursor = connection.execute(f"SELECT * FROM {table.name} ORDER BY {table.key}")  # noqa: S608 - names are code's
    names = [column[0] for column in cursor.description]
    rows = (dict(zip(names, row, strict=True)) for row in cursor)
    row, group = next(rows, None), next(groups, None)
    while row is not None or group is not None:
        if group is None or (row is not None and row[table.key] < group[0]):
            assert row is not None  # noqa: S101 - the loop's condition, for the type checker
            where = f"{table.name}: row {row[table.key]} (leaf {row['leaf_index']})"
            findings.fault("derived_extra", f"{where} is made by no fact", row["leaf_index"])
            row = next(rows, None)
        elif row is None or group[0] < row[table.key]:
            if table.fold(group[1], pepper) is not None:
                first = group[1][0][0]
                findings.fault("derived_missing", f"{table.name}: row {group[0]} (leaf {first}) is not there", first)
            group = next(groups, None)
        else:
            _compare(table, row, group[1], pepper, stays, findings)
            row, group = next(rows, None), next(groups, None)


def _groups(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[str, list[Raw]]]:
    """The facts that speak of each key, in the order of the keys."""
    key = "call_id" if table.by_call else "subject"
    about = "call_id IS NOT NULL" if table.by_call else "(call_id IS NULL OR call_id <> subject)"
    marks = ", ".join("?" * len(table.derive))
    cursor = connection.execute(
        f"SELECT {key}, leaf_index, kind, subject, at, actor, body FROM facts"  # noqa: S608 - names are code's
        f" WHERE {about} AND kind IN ({marks}) ORDER BY {key}, leaf_index",
        list(table.derive),
    )
    for name, facts in groupby(cursor, key=itemgetter(0)):
        yield name, [fact[1:] for fact in facts]


class Receipt(NamedTuple):
    """What a fact of kind ``ERASURE`` says (``gate.store.erasure``)."""

    leaf_index: int
    leaves: frozenset[int]
    """Facts that were emptied."""
    filed: Mapping[str, str] | None
    """Leaf -> call, of those that speak of a call in their body; None where the receipt does not say it."""
    stays: Mapping[str, Mapping[str, str]]
    """Table -> key -> what the row's columns came to."""


def receipts(connection: sqlite3.Connection) -> Iterator[Receipt]:
    """The receipts of erasures, in the order of the log."""
    query = "SELECT leaf_index, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index"
    for index, text in connection.execute(query, [FactsErased.kind]):
        body: Any = json.loads(text)
        if isinstance(body, dict):
            yield Receipt(index, frozenset(body.get("leaves", ())), body.get("filed"), body.get("stays", {}))


def _stays(connection: sqlite3.Connection, name: str) -> dict[str, list[Receipt]]:
    """The receipts that speak of the rows of a table, by their keys."""
    said: dict[str, list[Receipt]] = {}
    for receipt in receipts(connection):
        for key in receipt.stays.get(name, ()):
            said.setdefault(key, []).append(receipt)
    return said


def _compare(
    table: Table,
    row: Row,
    facts: list[Raw],
    pepper: bytes | None,
    stays: Mapping[str, Sequence[Receipt]],
    findings: Findings,
) -> None:
    findings.tally(table.name)
    where = f"{table.name}: row {row[table.key]} (leaf {row['leaf_index']})"
    try:
        folded = table.fold(facts, pepper)
    except ValueError as error:
        findings.fault("derived_changed", f"{where}: its facts cannot be read: {error}", facts[0][0])
        return
    if folded is None:
        findings.fault("derived_extra", f"{where} is made by no fact", row["leaf_index"])
        return
    wrong = list(_wrong(row, folded, table.key))
    wrong += _replaced(table, row, facts, stays.get(row[table.key], ()), findings)
    if wrong:
        leaf = folded.columns.get("leaf_index")
        findings.fault("derived_changed", f"{where} is not what its facts say: {', '.join(wrong)}", leaf)


def _wrong(row: Row, folded: Folded, key: str) -> Iterator[str]:
    """Names of the columns that do not follow from the facts."""
    for name, value in row.items():
        if name == key or name in _NOT_STORED:
            continue
        if name in folded.unknown:
            if name in folded.emptied and value is not None:
                yield name
        elif value != folded.columns.get(name):
            yield name


def _replaced(table: Table, row: Row, facts: Sequence[Raw], stays: Sequence[Receipt], findings: Findings) -> list[str]:
    """Names of the columns that rest on erased facts and are not as the receipts say; rows of which none speaks, or
    that later facts have changed since, are counted as unverified."""
    due = {fact[0]: table.stays(fact[1]) for fact in facts if fact[5] is None and table.stays(fact[1])}
    for receipt in stays:
        columns = frozenset[str]().union(*(due.get(leaf, ()) for leaf in receipt.leaves))
        later = (fact for fact in facts if fact[0] > receipt.leaf_index)
        if any(not columns.isdisjoint(table.sets(fact[1])) for fact in later):
            continue
        unset = {name for name in columns & table.later if row[name] is None}
        said = {remnant({name: row[name] for name in each}) for each in (columns, columns - unset)}
        if receipt.stays[table.name][row[table.key]] not in said:
            return sorted(columns)
        due = {leaf: left for leaf, left in due.items() if leaf not in receipt.leaves}
    if due:
        findings.tally(f"{table.name}_unverified")
    return []


def _check_call_ids(connection: sqlite3.Connection, own: Collection[str], findings: Findings) -> None:
    """The column by which a call's facts are found is what the facts say; of an erased one, what its receipt says."""
    filed: dict[int, str | None] = {}
    for receipt in receipts(connection):
        if receipt.filed is not None:
            filed |= {leaf: receipt.filed.get(str(leaf)) for leaf in receipt.leaves}
    marks = ", ".join("?" * len(own))
    rows = connection.execute(
        f"SELECT leaf_index, call_id, body IS NULL AND kind NOT IN ({marks}) FROM facts"  # noqa: S608 - marks alone
        f" WHERE (body IS NULL AND kind NOT IN ({marks})) OR call_id IS NOT CASE"
        f" WHEN kind IN ({marks}) THEN subject"
        " WHEN json_type(body, '$.call_id') = 'text' THEN nullif(json_extract(body, '$.call_id'), '')"
        " END ORDER BY leaf_index",
        [*own, *own, *own],
    )
    for index, call_id, to_receipt in rows:
        if to_receipt and index not in filed:
            findings.tally("facts_unverified")
        elif not to_receipt or call_id != filed[index]:
            findings.fault("row_changed", f"fact {index} is filed under a call that it does not speak of", index)
