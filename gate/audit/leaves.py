"""The rows of an evidence database held against its leaves. Streams.

Leaf by leaf: bytes, hash, row, tile, and the root at every signed size; holds one tile of hashes. Then every derived
row is made again from its facts, and compared: two ordered readings side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import combinations, groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec

from gate.audit.heads import Findings, GivenUp, Head, is_given_up
from gate.core.evidence import (
    EvidenceError,
    Frontier,
    commitment,
    days_between,
    in_order,
    index_of,
    leaf_bytes,
    leaf_name,
    leaf_named,
    log_of,
    remnant,
)
from gate.core.facts.derived import OF_CALL
from gate.core.facts.retention import FactsErased
from gate.sqlite_thread import Connection
from gate.store.projections import Columns, Folded, Raw, Table
from gate.store.reader import each
from gate.store.tree import keys

TILE_LEVEL = 8
TILE = 1 << TILE_LEVEL
STEP = 10_000

Progress = Callable[[int, int], None]
"""``progress(done, of)`` in leaves; called every ``STEP`` leaves and at the end."""

_ROWS = """
SELECT leaves.leaf_index, leaf, hash, facts.leaf_index, kind, subject, at, actor, salt, body
FROM leaves LEFT JOIN facts ON facts.leaf_index = leaves.leaf_index + ? ORDER BY leaves.leaf_index
"""
_EXTRA = """
SELECT leaf_index FROM facts WHERE leaf_index >= ?1 AND leaf_index < ?2
AND NOT EXISTS (SELECT 1 FROM leaves WHERE leaves.leaf_index = facts.leaf_index - ?1) ORDER BY leaf_index
"""
_FIELDS = ("kind", "subject", "at", "actor")


class LeafCheck:
    """One pass over the log. ``run`` it once; then ``frontier`` is the whole tree."""

    def __init__(
        self,
        connection: Connection,
        heads: Sequence[Head],
        findings: Findings,
        given_up: Sequence[GivenUp] = (),
    ) -> None:
        """``given_up``: checkpoints that the log need not fit, as a restore has said."""
        self._connection = connection
        self._own = keys(connection)
        self._given_up = given_up
        self._findings = findings
        self._heads = list(heads)
        """Those still to be met, by size."""
        self.settled = 0
        """The largest signed size whose root held."""
        self._rewritten: int | None = None
        """The smallest signed size whose root did not hold."""
        self._tiles: Iterator[tuple[int, bytes]] = iter(())
        self._next_tile: tuple[int, bytes] | None = None
        self._hashes: list[bytes] = []
        """Leaf hashes of the tile that is being read."""
        self._above = self._edge = Frontier()
        """The complete tiles before it; and with those of its leaves that a checkpoint has been compared with."""
        self._whole = True
        """No leaf is missing so far: after that no root can be compared any more."""
        self._emptied: set[int] = set()
        self._receipts: set[int] = set()
        self.size = 0
        self._latest = ""
        """The latest time of any entry so far."""
        self._days_back = 0
        self.set_back: tuple[int, str, str] | None = None
        """The entry that is dated the furthest before one that stands before it, its time and that one's."""

    @property
    def frontier(self) -> Frontier:
        """The tree over the leaves read so far, up to the first one that is missing."""
        for digest in self._hashes[self._edge.size - self._above.size :]:
            self._edge = self._edge.push(digest)
        return self._edge

    def run(self, progress: Progress | None) -> None:
        """Read the whole log."""
        (last,) = self._connection.execute("SELECT max(leaf_index) FROM leaves").fetchone()
        total = 0 if last is None else last + 1
        self._tiles = each(self._connection, "SELECT tile, hash FROM tiles ORDER BY tile")
        self._next_tile = next(self._tiles, None)
        self._meet_heads()
        for row in each(self._connection, _ROWS, [self._own.start]):
            self._leaf(*row)
            if progress is not None and self.size % STEP == 0:
                progress(self.size, total)
        for (key,) in each(self._connection, _EXTRA, [self._own.start, self._own.stop]):
            self._findings.fault("row_extra", f"fact {index_of(key)} has no leaf", index_of(key))
        for receipt in receipts(self._connection):
            if receipt.leaf_index not in self._own:  # another gate has erased what is in this log
                self._explained(receipt)
        if progress is not None:
            progress(self.size, total)
        self._finish()

    def _leaf(
        self, index: int, leaf: bytes, digest: bytes, fact: int | None, kind: str, subject: str, at: str, actor: str,
        salt: bytes | None, body: str | None,
    ) -> None:  # fmt: skip
        findings = self._findings
        if index != self.size:
            self._whole = False
            gone = f"leaf {self.size} is" if index == self.size + 1 else f"leaves {self.size} to {index - 1} are"
            findings.fault("leaf_missing", f"{gone} not there", self.size)
        true_digest = sha256(b"\x00" + leaf).digest()
        if true_digest != digest:
            findings.fault("leaf_changed", f"leaf {index} is not what its hash says", index)
        if fact is None:
            findings.fault("row_missing", f"leaf {index} has no fact", index)
        elif salt is None and body is None:
            self._emptied.add(index)
            self._compare(index, leaf, (kind, subject, at, actor), None)
        elif salt is None or body is None:
            findings.fault("row_changed", f"fact {index}: half of what its leaf commits to is gone", index)
        else:
            commit = commitment(salt, body.encode())
            whole = self._compare(index, leaf, (kind, subject, at, actor), commit)
            if whole and kind == FactsErased.kind and (receipt := _receipt(self._own.start + index, at, body)):
                self._explained(receipt)
        if fact is not None:
            self._dated(index, at)
        self.size = index + 1
        if not self._whole:
            return
        self._hashes.append(true_digest)
        if len(self._hashes) == TILE:
            self._tile()
        if self._heads and self._heads[0].checkpoint.size <= self.size:
            self._meet_heads()

    def _explained(self, receipt: Receipt) -> None:
        self._receipts.update(index_of(key) for key in receipt.leaves if key in self._own)

    def _dated(self, index: int, at: str) -> None:
        """What waited for room in the store keeps its own time, so a day is let pass."""
        if at >= self._latest:
            self._latest = at
        elif at[:10] < self._latest[:10] and (days := days_between(at, self._latest)) > max(1, self._days_back):
            self._days_back, self.set_back = days, (index, at, self._latest)

    def _compare(self, index: int, leaf: bytes, fields: tuple[str, str, str, str], commit: bytes | None) -> bool:
        """The fact against its leaf; without a commitment (erased) against all the rest of it."""
        try:
            if commit is not None and leaf == leaf_bytes(*fields, commit):
                return True
            said = json.loads(leaf)
            if commit is None and leaf == leaf_bytes(*fields, bytes.fromhex(said["commit"])):
                return True
            changed = [name for name, value in zip(_FIELDS, fields, strict=True) if said.get(name) != value]
            changed += ["body"] if commit is not None and said.get("commit") != commit.hex() else []
        except (EvidenceError, ValueError, KeyError, TypeError, AttributeError):
            changed = []
        names = ", ".join(changed) or "the form of the leaf"
        self._findings.fault("row_changed", f"fact {index} is not the one its leaf commits to: {names}", index)
        return False

    def _tile(self) -> None:
        """A tile is complete: fold it, and compare it with the stored one."""
        tile = Frontier()
        for digest in self._hashes:
            tile = tile.push(digest)
        number = self._above.size >> TILE_LEVEL
        self._above = self._edge = self._above.push(tile.root, TILE_LEVEL)
        # A checkpoint that ends inside of the tile has been met before this: its hashes are no longer needed.
        self._hashes = []
        stored = self._next_tile
        if stored is not None and stored[0] <= number:
            self._next_tile = next(self._tiles, None)
        self._findings.tally("tiles")
        if stored != (number, tile.root):
            first = number << TILE_LEVEL
            self._findings.fault(
                "tile_changed", f"tile {number} is not the one over leaves {first} to {first + TILE - 1}", first
            )

    def _meet_heads(self) -> None:
        """Compare every checkpoint of this size with the tree. What was signed after a root that does not hold cannot
        hold either, unless it was signed over the other leaves: only the first is reported."""
        while self._heads and self._heads[0].checkpoint.size <= self.size:
            head = self._heads.pop(0)
            size = head.checkpoint.size
            if self.frontier.root == head.checkpoint.root:
                self.settled = size
            elif is_given_up(head, self._given_up):
                self._findings.tally("given_up")
            elif self._rewritten is None:
                self._rewritten = size
                self._findings.fault(
                    "log_rewritten",
                    f"{head.place} is signed over other leaves: one from {self.settled} to {size - 1} was changed, "
                    "moved, added or taken away",
                    self.settled,
                )

    def _finish(self) -> None:
        findings = self._findings
        beyond = [head for head in self._heads if head.checkpoint.size > self.size]
        lost = [head for head in beyond if not is_given_up(head, self._given_up)]
        if len(beyond) > len(lost):
            findings.tally("given_up", len(beyond) - len(lost))
        for head in lost[-1:]:
            size = head.checkpoint.size
            gone = f"leaf {self.size} is" if size == self.size + 1 else f"leaves {self.size} to {size - 1} are"
            findings.fault("log_truncated", f"{gone} gone: {head.place} is signed over {size} leaves", self.size)
        if self._whole and self._next_tile is not None:
            tile = self._next_tile[0]
            findings.fault("tile_changed", f"tile {tile} is over leaves that are not there", tile << TILE_LEVEL)
        for index in sorted(self._emptied - self._receipts):
            findings.fault("row_emptied", f"fact {index} is empty, and no fact says that it was erased", index)
        findings.tally("leaves", self.size)
        findings.tally("erased", len(self._emptied))
        findings.tally("unsigned", self.size - self.settled)


_NOT_STORED = frozenset({"state"})
"""Columns that the database computes from the others."""


def check_derived(connection: Connection, table: Table, pepper: bytes | None, findings: Findings) -> None:
    """Compare a derived table with what its facts make, and what stays of erased ones with the receipt of that."""
    stays = _receipts_by_key(connection, table.name)
    if table.by_call:
        _check_call_ids(connection, OF_CALL, findings)
    groups = _groups(connection, table)
    sql = f"SELECT * FROM {table.name}"  # noqa: S608 - names are code's
    names = [column[0] for column in connection.execute(f"{sql} LIMIT 0").description]
    rows = (dict(zip(names, row, strict=True)) for row in each(connection, f"{sql} ORDER BY {table.key}"))
    row, group = next(rows, None), next(groups, None)
    while row is not None or group is not None:
        if group is None or (row is not None and row[table.key] < group[0]):
            assert row is not None  # noqa: S101 - the loop's condition, for the type checker
            where = f"{table.name}: row {row[table.key]} (leaf {leaf_name(row['leaf_index'])})"
            findings.fault("derived_extra", f"{where} is made by no fact", row["leaf_index"])
            row = next(rows, None)
        elif row is None or group[0] < row[table.key]:
            if table.fold(group[1], pepper) is not None:
                first = group[1][0][0]
                findings.fault(
                    "derived_missing", f"{table.name}: row {group[0]} (leaf {leaf_name(first)}) is not there", first
                )
            group = next(groups, None)
        else:
            _compare(table, row, group[1], pepper, stays, findings)
            row, group = next(rows, None), next(groups, None)


def _groups(connection: Connection, table: Table) -> Iterator[tuple[str, list[Raw]]]:
    """The facts that speak of each key, in the order of the keys."""
    key = "call_id" if table.by_call else "subject"
    about = "call_id IS NOT NULL" if table.by_call else "(call_id IS NULL OR call_id <> subject)"
    marks = ", ".join("?" * len(table.derive))
    cursor = each(
        connection,
        f"SELECT {key}, leaf_index, kind, subject, at, actor, body FROM facts"  # noqa: S608 - names are code's
        f" WHERE {about} AND kind IN ({marks}) ORDER BY {key}, leaf_index",
        list(table.derive),
    )
    for name, facts in groupby(cursor, key=itemgetter(0)):
        yield name, in_order([fact[1:] for fact in facts], at=itemgetter(3), leaf=itemgetter(0))


class Receipt(NamedTuple):
    """The content of a fact of kind ``ERASURE`` (``gate.store.erasure``)."""

    leaf_index: int
    at: str
    leaves: frozenset[int]
    """The keys of the facts that were emptied."""
    filed: Mapping[int, str] | None
    """Key -> call, of those that speak of a call in their body; None where the receipt does not say it."""
    stays: Mapping[str, Mapping[str, str]]
    """Table -> key -> what the row's columns came to."""


def receipts(connection: Connection) -> Iterator[Receipt]:
    """The receipts of erasures, in the order of the log. One that is not written as the gate writes them explains
    nothing: what it should explain stays a fault."""
    query = "SELECT leaf_index, at, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index"
    for row in each(connection, query, [FactsErased.kind]):
        if receipt := _receipt(*row):
            yield receipt


def _receipt(key: int, at: str, text: str) -> Receipt | None:
    log = log_of(key)
    with suppress(ValueError):  # no JSON, other fields, or a name that no leaf has
        body = msgspec.json.decode(text, type=FactsErased)
        emptied = frozenset(leaf_named(each, log) for each in [*map(str, body.leaves), *(body.elsewhere or ())])
        filed = {leaf_named(leaf, log): call for leaf, call in (body.filed or {}).items()}
        return Receipt(key, at, emptied, None if body.filed is msgspec.UNSET else filed, body.stays or {})
    return None


def _receipts_by_key(connection: Connection, name: str) -> dict[str, list[Receipt]]:
    """The receipts that speak of the rows of a table, by their keys."""
    said: dict[str, list[Receipt]] = {}
    for receipt in receipts(connection):
        for key in receipt.stays.get(name, ()):
            said.setdefault(key, []).append(receipt)
    return said


def _compare(
    table: Table,
    row: Columns,
    facts: list[Raw],
    pepper: bytes | None,
    stays: Mapping[str, Sequence[Receipt]],
    findings: Findings,
) -> None:
    findings.tally(table.name)
    where = f"{table.name}: row {row[table.key]} (leaf {leaf_name(row['leaf_index'])})"
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


def _wrong(row: Columns, folded: Folded, key: str) -> Iterator[str]:
    """Names of the columns that do not follow from the facts."""
    for name, value in row.items():
        if name == key or name in _NOT_STORED:
            continue
        if name in folded.unknown:
            if name in folded.emptied and value is not None:
                yield name
        elif value != folded.columns.get(name):
            yield name


def _replaced(
    table: Table, row: Columns, facts: Sequence[Raw], stays: Sequence[Receipt], findings: Findings
) -> list[str]:
    """Names of the columns that rest on erased facts and are not as the receipts say; rows of which none speaks, or
    that later facts have changed since, are counted as unverified."""
    due = {fact[0]: table.remaining(fact[1]) for fact in facts if fact[5] is None and table.remaining(fact[1])}
    for receipt in stays:
        columns = frozenset[str]().union(*(due.get(leaf, ()) for leaf in receipt.leaves))
        later = (
            fact
            for fact in facts
            if (fact[0] > receipt.leaf_index if log_of(fact[0]) == log_of(receipt.leaf_index) else fact[3] > receipt.at)
        )
        if any(not columns.isdisjoint(table.sets(fact[1])) for fact in later):
            continue
        # columns came one after the other: a receipt says nothing of those that came after it
        unset = sorted(name for name in columns & table.later if row[name] is None)
        gone = (each for count in range(len(unset) + 1) for each in combinations(unset, count))
        said = {remnant({name: row[name] for name in columns.difference(each)}) for each in gone}
        if receipt.stays[table.name][row[table.key]] not in said:
            return sorted(columns)
        due = {leaf: left for leaf, left in due.items() if leaf not in receipt.leaves}
    if due:
        findings.tally(f"{table.name}_unverified")
    return []


def _check_call_ids(connection: Connection, own: Collection[str], findings: Findings) -> None:
    """The column by which a call's facts are found is what the facts say; of an erased one, what its receipt says."""
    filed: dict[int, str | None] = {}
    for receipt in receipts(connection):
        if receipt.filed is not None:
            filed |= {leaf: receipt.filed.get(leaf) for leaf in receipt.leaves}
    marks = ", ".join("?" * len(own))
    rows = each(
        connection,
        f"SELECT leaf_index, call_id, body IS NULL AND kind NOT IN ({marks}) FROM facts"  # noqa: S608 - marks alone
        f" WHERE (body IS NULL AND kind NOT IN ({marks})) OR call_id IS NOT CASE"
        f" WHEN kind IN ({marks}) THEN subject"
        " WHEN json_type(body, '$.call_id') = 'text' THEN nullif(json_extract(body, '$.call_id'), '')"
        " END ORDER BY leaf_index",
        [*own, *own, *own],
    )
    for leaf, call_id, to_receipt in rows:
        if to_receipt and leaf not in filed:
            findings.tally("facts_unverified")
        elif not to_receipt or call_id != filed[leaf]:
            findings.fault(
                "row_changed", f"fact {leaf_name(leaf)} is filed under a call that it does not speak of", index_of(leaf)
            )
