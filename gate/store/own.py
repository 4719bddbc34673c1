"""The firm's own lists read in one pass, for a run that asks a million numbers.

The answers are those of ``StoreTransaction.objections``, ``consents``, ``subscriber``, ``stops`` and
``last_unattended``; an erased person is found by the keyed hash of the number, as there.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from gate.core.facts.gate import AbandonedReplayed
from gate.core.terms import NOBODY_KNOWN, Consent, Objection, Stop, Subscriber
from gate.errors import StoreError
from gate.store.projections import number_hash
from gate.store.reader import Reader
from gate.store.transaction import (
    CONSENT,
    OBJECTION,
    OPEN_REQUESTS,
    RESTRICTIONS,
    SUBSCRIBER,
    consent_of,
    objection_of,
    stop_of,
    subscriber_of,
)

_OBJECTIONS = f"""SELECT number, number_hash, {OBJECTION} FROM objections
    WHERE removed_at IS NULL ORDER BY leaf_index"""  # noqa: S608 - the code's own
_CONSENTS = f"""SELECT number, {CONSENT} FROM consents
    WHERE number IS NOT NULL ORDER BY leaf_index"""  # noqa: S608 - the code's own
_SUBSCRIBERS = f"SELECT number, number_hash, {SUBSCRIBER} FROM subscribers ORDER BY noted_at, leaf_index"  # noqa: S608
_REQUESTS = f"SELECT numbers, reference {OPEN_REQUESTS}"
_RESTRICTED = f"SELECT number, coalesce(reference, '') AS reference {RESTRICTIONS} AND number IS NOT NULL"
_UNATTENDED = """SELECT number, max(answered_at) AS at FROM calls
    WHERE answered_at IS NOT NULL AND number IS NOT NULL
    AND (ended_at IS NOT NULL AND bridged = 0 OR abandoned_why IS NOT NULL) AND reason IS NOT 'call_in'
    GROUP BY number"""


_LOST = (
    "SELECT json_extract(body, '$.number_hash') AS digest, max(json_extract(body, '$.answered_at')) AS at FROM facts"  # noqa: S608
    f" WHERE kind = '{AbandonedReplayed.kind}' AND json_extract(body, '$.number_hash') IS NOT NULL GROUP BY 1"
)
"""Abandoned calls that a restore had lost: of their numbers there are hashes alone."""


class Entries(NamedTuple):
    """All entries that the firm holds of one number."""

    objections: tuple[Objection, ...]
    consents: tuple[Consent, ...]
    last_unattended: datetime | None
    stops: tuple[Stop, ...] = ()
    subscriber: Subscriber = NOBODY_KNOWN


NOTHING = Entries((), (), None)


class OwnLists:
    """Objections in force, consents and unattended calls, in memory."""

    def __init__(self, reader: Reader, pepper: bytes) -> None:
        """Read them all. Raises ``StoreError``, also where the key of the number hashes is another one."""
        if reader.values(bytes, "SELECT proof FROM number_key") != [number_hash(pepper, "")]:
            raise StoreError(
                "the key of the number hashes is not the one that this evidence was kept with",
                hint="restore the key that belongs to this database: without it nobody can tell who objected",
            )
        self._pepper = pepper
        objections: defaultdict[str, list[Objection]] = defaultdict(list)
        erased: defaultdict[bytes, list[Objection]] = defaultdict(list)
        consents: defaultdict[str, list[Consent]] = defaultdict(list)
        for number, digest, *columns in reader.each(_OBJECTIONS):
            if number is None:
                erased[digest].append(objection_of(*columns))
            else:
                objections[number].append(objection_of(*columns))
        for number, *columns in reader.each(_CONSENTS):
            consents[number].append(consent_of(*columns))
        stops: defaultdict[str, list[Stop]] = defaultdict(list)
        for numbers, reference in reader.values(tuple[list[str], str], _REQUESTS):
            for number in numbers:
                stops[number].append(stop_of(1, reference))
        for number, reference in reader.values(tuple[str, str], _RESTRICTED):
            stops[number].append(stop_of(0, reference))
        unattended = dict(reader.values(tuple[str, datetime], _UNATTENDED))
        # by the hash alone, as what an erased person left counts too
        noted = {digest: (number, kind, since) for number, digest, kind, since in reader.each(_SUBSCRIBERS)}
        self._subscribers = {digest: subscriber_of(*known) for digest, (_, *known) in noted.items()}
        self._objections, self._erased, self._consents = dict(objections), dict(erased), dict(consents)
        self._unattended, self._stops = unattended, dict(stops)
        lost = reader.values(tuple[str, datetime], _LOST)
        self._lost = {bytes.fromhex(digest): at for digest, at in lost}
        self.numbers: set[str] = self._objections.keys() | self._consents.keys() | stops.keys() | unattended.keys()
        """Every number of which something is held, but for those of erased persons."""
        self.noted = {number for number, *_ in noted.values() if number}
        """Every number of whose subscriber something is noted, but for those of erased persons."""
        self.has_erased = bool(erased or self._lost)
        """There are numbers that only ``entries`` can tell."""

    def entries(self, number: str) -> Entries:
        """Read the entries of an E.164 number."""
        objections, unattended = self._objections.get(number, []), self._unattended.get(number)
        if self.has_erased:
            digest = number_hash(self._pepper, number)
            objections = objections + self._erased.get(digest, [])
            unattended = max(filter(None, (unattended, self._lost.get(digest))), default=None)
        consents = self._consents.get(number, [])
        stops = tuple(self._stops.get(number, ()))
        known = tuple(objections), tuple(consents), unattended, stops
        return Entries(*known, self._subscriber(number) if self._subscribers else NOBODY_KNOWN)

    def _subscriber(self, number: str) -> Subscriber:
        return self._subscribers.get(number_hash(self._pepper, number), NOBODY_KNOWN)

    def is_erased(self, number: str) -> bool:
        """True where this is the number of an erased person who objected, or one that a restore left as a hash."""
        digest = number_hash(self._pepper, number)
        return digest in self._erased or digest in self._lost
