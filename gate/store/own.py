"""The firm's own lists read in one pass, for a run that asks a million numbers.

The answers are those of ``StoreTransaction.objections``, ``consents`` and ``last_unattended``; an erased person is
found by the keyed hash of the number, as there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from gate.core.screening import Consent, Objection
from gate.errors import StoreError
from gate.store.fold import number_hash
from gate.store.reader import Reader

_PAGE = 20_000
_OBJECTIONS = """SELECT leaf_index, id, number, number_hash, made_at FROM objections
    WHERE removed_at IS NULL AND leaf_index > ? ORDER BY leaf_index LIMIT ?"""
_CONSENTS = """SELECT leaf_index, id, number, given_at, withdrawn_at FROM consents
    WHERE number IS NOT NULL AND leaf_index > ? ORDER BY leaf_index LIMIT ?"""
_UNATTENDED = """SELECT number, max(answered_at) AS at FROM calls
    WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL AND bridged = 0 AND number IS NOT NULL GROUP BY number"""


class Entries(NamedTuple):
    """What the firm holds of one number."""

    objections: tuple[Objection, ...]
    consents: tuple[Consent, ...]
    last_unattended: datetime | None


NOTHING = Entries((), (), None)


class OwnLists:
    """Objections in force, consents and unattended calls, in memory."""

    def __init__(self, reader: Reader, pepper: bytes) -> None:
        """Read them all. Raises ``StoreError``, also where the key of the number hashes is another one."""
        proof = [row["proof"] for row in reader.query("SELECT proof FROM number_key")]
        if proof != [number_hash(pepper, "")]:
            raise StoreError(
                "the key of the number hashes is not the one that this evidence was kept with",
                hint="restore the key that belongs to this database: without it nobody can tell who objected",
            )
        self._pepper = pepper
        objections: defaultdict[str, list[Objection]] = defaultdict(list)
        erased: defaultdict[bytes, list[Objection]] = defaultdict(list)
        consents: defaultdict[str, list[Consent]] = defaultdict(list)
        for row in _rows(reader, _OBJECTIONS):
            objection = Objection(row["id"], datetime.fromisoformat(row["made_at"]))
            if row["number"] is None:
                erased[row["number_hash"]].append(objection)
            else:
                objections[row["number"]].append(objection)
        for row in _rows(reader, _CONSENTS):
            withdrawn = datetime.fromisoformat(row["withdrawn_at"]) if row["withdrawn_at"] else None
            consents[row["number"]].append(Consent(row["id"], datetime.fromisoformat(row["given_at"]), withdrawn))
        unattended = {row["number"]: datetime.fromisoformat(row["at"]) for row in reader.query(_UNATTENDED)}
        self._objections, self._erased, self._consents = dict(objections), dict(erased), dict(consents)
        self._unattended = unattended
        self.numbers: set[str] = self._objections.keys() | self._consents.keys() | unattended.keys()
        """Every number of which something is held, but for those of erased persons."""
        self.has_erased = bool(erased)
        """There are numbers that only ``of`` can tell."""

    def of(self, number: str) -> Entries:
        """What is held of an E.164 number."""
        objections = self._objections.get(number, [])
        if self._erased:
            objections = objections + self._erased.get(number_hash(self._pepper, number), [])
        consents = self._consents.get(number, [])
        return Entries(tuple(objections), tuple(consents), self._unattended.get(number))

    def is_erased(self, number: str) -> bool:
        """True where this is the number of an erased person who objected."""
        return number_hash(self._pepper, number) in self._erased


def _rows(reader: Reader, sql: str) -> Iterator[dict[str, Any]]:
    last = -1
    while True:
        rows = reader.query(sql, (last, _PAGE))
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]["leaf_index"]
