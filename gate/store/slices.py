"""A period of the log, read for an export beside whatever is written: facts, leaves with their proofs, checkpoints.

Everything is read in pages, each with a connection of its own: no state of the database is held for long, so that what
is erased meanwhile leaves the write-ahead log too. Only facts below ``size`` are seen; they never change, except that
their bodies may be erased between two pages.

Facts as they lie in the tree (leaf, salt and the text of the value) are for whoever shows some of them with proofs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from gate.core.evidence import Node, consistency_proof, in_order, inclusion_proof, index_of, log_of
from gate.core.facts.audit import BundleSigned, LogSigned
from gate.core.facts.derived import OF_RECIPIENT
from gate.core.facts.gate import GateStopped
from gate.core.facts.retention import FactsErased
from gate.core.rows.audit import ProvenFact, SignedNote
from gate.errors import StoreError
from gate.sqlite_thread import Connection
from gate.store.queries import marks, slices
from gate.store.reader import Place, Reader, open_reader
from gate.store.tree import TILE_LEVEL, keys, load_frontier, node_provider
from gate.types import batched

PAGE: Final = 500
LEAVES: Final = 4096

Fact = tuple[int, str, str, str, str, bytes | None, str | None]
"""index, kind, subject, at, actor, salt, body."""
_FACT = "leaf_index - :base, kind, subject, at, actor, salt, body"
_OWN_LOG = "leaf_index >= :first AND leaf_index < :end"
"""Of the first ``size`` leaves."""
_OF_RECIPIENTS = ", ".join(f"'{kind}'" for kind in OF_RECIPIENT)
_OF_ITS_END = f"'{LogSigned.kind}', '{GateStopped.kind}'"


class SliceBounds(NamedTuple):
    """The first and the last leaf of a period; both None where it has none."""

    first: int | None
    last: int | None


class LogSlice:
    """The facts from ``since`` until before ``until`` (stamps) in the first ``size`` leaves.

    Of several logs that go out together each has a slice: calls come from one of them, whichever log they and their
    facts are in; the rest is each log's own. Every method raises ``StoreError`` where the database cannot be read,
    ``AuditError`` where the tree has holes.
    """

    def __init__(
        self,
        place: Place,
        *,
        size: int,
        since: str,
        until: str,
        subjects: Sequence[str] = (),
        together: Sequence[range] = (),
        ended: bool = False,
    ) -> None:
        """``subjects``: what facts are given of besides, whenever they were kept. ``together``: the keys of all logs
        that go out; facts have those as their leaves then, and else the index in this log. ``ended``: when the log was
        signed last is given too, and that its gate had stopped."""
        self._place = place
        self.size = size
        self._subjects = subjects
        self._ended = ended
        with self._open() as db:
            first = keys(db).start
            self.number = log_of(first) if together else 0
            """In the leaves of the facts that are given."""
            self._log = {"first": first, "end": first + size, "base": 0 if together else first}
            going = together or (range(first, first + size),)
            self._going, self._calls_going = (
                f"({' OR '.join(f'{name} >= {each.start} AND {name} < {each.stop}' for each in going)})"
                for name in ("leaf_index", "calls.leaf_index")
            )
            self._in_calls = (
                "EXISTS (SELECT 1 FROM calls WHERE calls.call_id = facts.call_id"  # noqa: S608 - numbers
                f" AND calls.at >= :since AND calls.at < :until AND {self._calls_going})"
            )
            self._period = {"since": since, "until": until, **self._log}
            row = db.execute(
                "SELECT min(leaf_index) - :first, max(leaf_index) - :first FROM facts"  # noqa: S608 - constants, here and below
                f" WHERE {_OWN_LOG} AND at >= :since AND at < :until",
                self._period,
            ).fetchone()
            before = db.execute(
                f"SELECT max(leaf_index) - :first FROM facts WHERE {_OWN_LOG} AND at < :since",  # noqa: S608
                {**self._log, "since": since},
            ).fetchone()[0]
        self.bounds = SliceBounds(*row)
        self.gap = None if self.bounds.first is not None else 0 if before is None else int(before) + 1
        """The first leaf after a period without entries; None for one that has some."""

    @property
    def run(self) -> range:
        """The leaves that are given whatever they are: the period's, and one on either side."""
        first, last = self.bounds
        if first is None or last is None:
            gap = self.gap or 0
            return range(max(gap - 1, 0), min(gap + 1, self.size))
        return range(max(first - 1, 0), min(last + 2, self.size))

    def _open(self) -> closing[Connection]:
        connection = open_reader(self._place)
        connection.execute("BEGIN")
        return closing(connection)

    def count_calls(self) -> int:
        """How many calls were attempted in the period."""
        with self._open() as db:
            sql = f"SELECT count(*) FROM calls WHERE at >= :since AND at < :until AND {self._going}"  # noqa: S608
            return int(db.execute(sql, self._period).fetchone()[0])

    def calls(self) -> Iterator[tuple[str, list[Fact]]]:
        """The calls attempted in the period, in the order of their attempts, each with every fact that speaks of it:
        those after the period too."""
        after = ("", "")
        while True:
            with self._open() as db:
                page = db.execute(
                    f"SELECT at, call_id FROM calls WHERE at >= :since AND at < :until AND {self._going}"  # noqa: S608
                    " AND (at, call_id) > (:at, :call) ORDER BY at, call_id LIMIT :page",
                    self._period | {"at": after[0], "call": after[1], "page": PAGE},
                ).fetchall()
                facts = self._facts_of([call_id for _, call_id in page], db)
            for _, call_id in page:
                yield call_id, facts[call_id]
            if len(page) < PAGE:
                return
            after = page[-1]

    def _facts_of(self, call_ids: Sequence[str], db: Connection) -> dict[str, list[Fact]]:
        names = {f"call{place}": call_id for place, call_id in enumerate(call_ids)}
        cursor = db.execute(
            f"SELECT call_id, {_FACT} FROM facts WHERE call_id IN ({', '.join(map(':{}'.format, names)) or 'NULL'})"  # noqa: S608
            f" AND {self._going} ORDER BY call_id, leaf_index",
            self._log | names,
        )
        found = {call: [row[1:] for row in rows] for call, rows in groupby(cursor, key=itemgetter(0))}
        return {call: in_order(facts, at=itemgetter(3), leaf=itemgetter(0)) for call, facts in found.items()}

    def others(self, subject: str) -> Iterator[Fact]:
        """The other facts, in the order of the log: those of the period that speak of none of its calls; the imports of
        the registers that were in force when it began; what was erased since; who was put on the register of
        recipients, ever; and those about ``subject`` and ``subjects``."""
        with self._open() as db:
            extra = self._extra(db, subject)
        first, last = self.bounds
        if first is None or last is None:
            first, last = 0, -1
        yield from self._these([index for index in extra if index < first])
        more = ",".join(str(index) for index in extra if first <= index <= last) or "-1"
        after = first - 1
        while after < last:
            with self._open() as db:
                page = db.execute(
                    f"SELECT {_FACT} FROM facts WHERE leaf_index > :after AND leaf_index <= :last"  # noqa: S608
                    f" AND ((at >= :since AND at < :until) OR leaf_index - :first IN ({more}))"
                    f" AND NOT {self._in_calls} ORDER BY leaf_index LIMIT {PAGE}",
                    self._period | {"after": self._log["first"] + after, "last": self._log["first"] + last},
                ).fetchall()
            yield from page
            if len(page) < PAGE:
                break
            after = page[-1][0] + self._log["base"] - self._log["first"]
        yield from self._these([index for index in extra if index > last])

    def _extra(self, db: Connection, subject: str) -> list[int]:
        begun = db.execute(
            "SELECT max(leaf_index) - :first FROM register_imports"  # noqa: S608
            f" WHERE at < :since AND {_OWN_LOG} GROUP BY name",
            self._log | {"since": self._period["since"]},
        ).fetchall()
        own = [
            row
            for each in (subject, *self._subjects)
            for row in db.execute(
                "SELECT leaf_index - :first FROM facts"  # noqa: S608
                f" WHERE subject = :subject AND (call_id IS NULL OR call_id <> subject) AND {_OWN_LOG}",
                self._log | {"subject": each},
            )
        ]
        keys = db.execute(
            f"SELECT leaf_index - :first FROM facts WHERE kind IN ({_OF_RECIPIENTS}) AND {_OWN_LOG}",  # noqa: S608
            self._log,
        ).fetchall()
        # A receipt comes after what it speaks of.
        erased = db.execute(
            "SELECT leaf_index - :first FROM facts WHERE leaf_index >= :from AND leaf_index < :end"  # noqa: S608
            f" AND kind = '{FactsErased.kind}'",
            self._log | {"from": self._log["first"] + (self.bounds.first or 0)},
        ).fetchall()
        end = db.execute(
            "SELECT leaf_index - :first FROM facts WHERE leaf_index >= :from AND leaf_index < :end"  # noqa: S608
            f" AND kind IN ({_OF_ITS_END})",
            self._log | {"from": max(self._log["end"] - 2, self._log["first"])},
        ).fetchall()
        return sorted({index for (index,) in [*begun, *own, *keys, *erased, *(end if self._ended else ())]})

    def _these(self, indexes: Sequence[int]) -> Iterator[Fact]:
        for batch in batched(indexes, PAGE):
            with self._open() as db:
                part = ",".join(str(self._log["first"] + index) for index in batch)
                page = db.execute(
                    f"SELECT {_FACT} FROM facts WHERE leaf_index IN ({part}) AND NOT {self._in_calls}"  # noqa: S608
                    " ORDER BY leaf_index",
                    self._period,
                ).fetchall()
            yield from page

    def leaf(self, index: int) -> bytes:
        """One leaf."""
        with self._open() as db:
            row = db.execute("SELECT leaf FROM leaves WHERE leaf_index = ?", [index]).fetchone()
        if row is None:
            raise StoreError(f"the evidence log has no leaf {index}")
        return bytes(row[0])

    def leaves(self, others: Collection[int]) -> Iterator[tuple[int, bytes, list[bytes]]]:
        """Leaves with their inclusion proofs in the tree of ``size``, in order: every one from just before the period's
        first to just after its last, and ``others`` (given in order)."""
        run = self.run
        yield from self._proven([index for index in others if index < run.start] if run else list(others))
        for start in range(run.start, run.stop, LEAVES):
            yield from self._proven(range(start, min(start + LEAVES, run.stop)))
        if run:
            yield from self._proven([index for index in others if index >= run.stop])

    def _proven(self, indexes: Sequence[int]) -> Iterator[tuple[int, bytes, list[bytes]]]:
        for part in batched(indexes, LEAVES):
            with self._open() as db:
                prove = _prover(node_provider(db), self.size)
                page = []
                for index in part:
                    row = db.execute("SELECT leaf FROM leaves WHERE leaf_index = ?", [index]).fetchone()
                    if row is None:
                        raise StoreError(f"the evidence log has no leaf {index}")
                    page.append((index, bytes(row[0]), prove(index)))
            yield from page

    def heads(self, sizes: Collection[int]) -> Iterator[tuple[int, bytes, str | None, list[bytes]]]:
        """Size, root, signed note (None where none is kept) and the proof that the tree of ``size`` begins with it: for
        ``sizes``, and the last checkpoint of each day (UTC)."""
        with self._open() as db:
            daily = db.execute(
                "SELECT max(size) FROM checkpoints WHERE size < ? AND size > 0 GROUP BY substr(at, 1, 10)", [self.size]
            ).fetchall()
            node = node_provider(db)
            for size in sorted({size for (size,) in daily} | {size for size in sizes if 0 < size < self.size}):
                row = db.execute("SELECT root, note FROM checkpoints WHERE size = ?", [size]).fetchone()
                root = load_frontier(db, size).root if row is None else bytes(row[0])
                yield size, root, row[1] if row else None, consistency_proof(size, self.size, node)

    def bundle_sizes(self) -> list[int]:
        """Sizes of the checkpoints of this log that earlier bundles were made with, by whichever gate."""
        with self._open() as db:
            sql = f"SELECT body FROM facts WHERE kind = :kind AND {_OWN_LOG}"  # noqa: S608
            own = db.execute(sql, self._log | {"kind": BundleSigned.kind}).fetchall()
            sql = "SELECT body FROM facts WHERE kind = ? AND json_extract(body, '$.others') IS NOT NULL"
            with_others = db.execute(sql, [BundleSigned.kind]).fetchall()
        sizes = {json.loads(body or "{}").get("checkpoint") for (body,) in own}
        number = str(log_of(self._log["first"]))
        sizes |= {json.loads(body)["others"].get(number) for (body,) in with_others}
        return sorted(size for size in sizes if isinstance(size, int))

    def root_at(self, size: int) -> bytes:
        """Root over the first ``size`` leaves."""
        with self._open() as db:
            return load_frontier(db, size).root


def _prover(node: Node, size: int) -> Callable[[int], list[bytes]]:
    """Inclusion proofs of many leaves: what leads from a whole tile up is the same for all of its leaves."""
    tops: dict[int, list[bytes]] = {}

    def prove(index: int) -> list[bytes]:
        tile = index >> TILE_LEVEL
        if (tile + 1) << TILE_LEVEL > size:
            return inclusion_proof(index, size, node)
        if tile not in tops:
            tops.clear()
            tops[tile] = inclusion_proof(index, size, node)[TILE_LEVEL:]
        return [node(level, (index >> level) ^ 1) for level in range(TILE_LEVEL)] + tops[tile]

    return prove


_WITH_LEAF = (
    "SELECT l.leaf_index, f.kind, f.subject, f.salt, f.body, l.leaf"
    " FROM facts AS f JOIN leaves AS l ON l.leaf_index = f.leaf_index - ?"
)
"""Of the reader's own log."""
_OWN = "(f.call_id IS NULL OR f.call_id <> f.subject)"


def nodes(reader: Reader) -> Node:
    """The nodes of the tree, for proofs; lives as long as the reader."""
    return node_provider(reader.connection)


def of_subject(reader: Reader, subject: str, kinds: Sequence[str], size: int) -> list[ProvenFact]:
    """Facts of these kinds about a subject among the first ``size`` leaves."""
    return reader.rows(
        ProvenFact,
        f"{_WITH_LEAF} WHERE f.subject = ? AND {_OWN} AND f.kind IN ({marks(kinds)}) AND l.leaf_index < ?"
        " AND f.leaf_index >= ? AND f.leaf_index < ? ORDER BY f.leaf_index",
        [reader.own.start, subject, *kinds, size, reader.own.start, reader.own.stop],
    )


def of_call(reader: Reader, call_id: str, last: int) -> list[ProvenFact]:
    """Every fact of the reader's log that speaks of a call, up to a leaf."""
    sql = f"{_WITH_LEAF} WHERE f.call_id = ? AND f.leaf_index >= ? AND f.leaf_index <= ? ORDER BY f.leaf_index"
    return reader.rows(ProvenFact, sql, [reader.own.start, call_id, reader.own.start, last])


def signed_over(reader: Reader, leaf: int) -> SignedNote | None:
    """The newest signed checkpoint, where this leaf of the reader's log is under it."""
    sql = "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size DESC LIMIT 1"
    rows = reader.rows(SignedNote, sql, [index_of(leaf)]) if leaf in reader.own else []
    return rows[0] if rows else None


def erased_for(reader: Reader, kind: str, basis: str, calls: Sequence[str], size: int) -> list[ProvenFact]:
    """The same of receipts of recordings of these calls that were erased on a basis."""
    found: list[ProvenFact] = []
    for part in slices(calls):
        found += reader.rows(
            ProvenFact,
            f"{_WITH_LEAF} WHERE f.subject IN (SELECT recording_id FROM recordings"  # noqa: S608 - only marks are put in
            f" WHERE call_id IN ({marks(part)})) AND {_OWN} AND f.kind = ?"
            " AND json_extract(f.body, '$.basis') = ? AND l.leaf_index < ? AND f.leaf_index >= ? AND f.leaf_index < ?"
            " ORDER BY f.leaf_index",
            [reader.own.start, *part, kind, basis, size, reader.own.start, reader.own.stop],
        )
    return found


def bodies(reader: Reader, subject: str, kind: str) -> list[dict[str, Any]]:
    """Values of the facts of a kind about a subject that are not erased."""
    sql = f"SELECT f.body FROM facts AS f WHERE f.subject = ? AND {_OWN} AND f.kind = ? AND f.body IS NOT NULL"  # noqa: S608
    return [body for (body,) in reader.values(tuple[dict[str, Any]], sql, [subject, kind])]
