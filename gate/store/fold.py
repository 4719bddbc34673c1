"""How a derived row follows from its facts: the machinery that ``projections`` fills in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A fact as it lies in the store: times are stamps, the body is what its canonical JSON says."""

    leaf_index: int
    kind: str
    subject: str
    at: str
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)
    erased: bool = False
    """The body is gone."""


HASH_LENGTH: Final = 64
"""Of a hash in hexadecimal."""
Columns = dict[str, Any]
Derive = Callable[[LogEntry], Columns]


Raw = tuple[int, str, str, str, str, str | None]
"""A row of ``facts``: leaf_index, kind, subject, at, actor, body (None where it was erased)."""


class Folded(NamedTuple):
    """What a row must hold, by the facts that speak of it."""

    columns: Columns
    """All that the facts set; a column that is not here is NULL."""
    unknown: frozenset[str]
    """Columns of which nothing can be said: they rest on an erased fact, or on the key of the number hashes."""
    emptied: frozenset[str]
    """Those of them that must be NULL, because an erased person's data stood there."""


@dataclass(frozen=True, slots=True)
class Table:
    """A derived table."""

    name: str
    key: str
    makers: frozenset[str]
    """The kinds of fact that make a row."""
    derive: Mapping[str, Derive]
    by_call: bool = False
    """The key is the call that the fact speaks of, not the fact's subject."""
    hashed: bool = False
    """``number_hash``, the keyed hash of ``number``, is set with it."""
    first_stands: bool = False
    """A change of what is already set changes nothing: a second withdrawal does not undo the first."""
    replacing: frozenset[str] = frozenset()
    """The kinds that change it all the same."""
    personal: tuple[str, ...] = ()
    """Columns emptied when the person is erased."""
    later: frozenset[str] = frozenset()
    """Columns that stay, and that came after the first receipts: an old one says nothing of them."""

    def fold(self, facts: Iterable[Raw], pepper: bytes | None = None) -> Folded | None:
        """The row that these facts, in the order of their leaves, make; None where none of them creates one.

        ``number_hash`` is known with the ``pepper`` only. Raises ``ValueError`` where a body cannot be read.
        """
        columns: Columns | None = None
        unknown: set[str] = set()
        emptied: set[str] = set()
        for leaf_index, kind, subject, at, actor, body in facts:
            derive = self.derive.get(kind)
            if derive is None or (columns is None and not self.makes(kind)):
                continue
            new = derive(LogEntry(leaf_index, kind, subject, at, actor, json.loads(body or "{}"), body is None))
            if self.hashed and self.makes(kind):
                read = json.loads(body or "{}")
                new["number_hash"] = number_hash(pepper, new["number"]) if pepper and new["number"] else hash_in(read)
                if new["number_hash"] is None:
                    unknown.add("number_hash")
            if body is None:
                lost = {name for name, value in new.items() if value is None}
                unknown |= lost
                emptied |= lost.intersection(self.personal)
            elif not self.stands(kind):
                unknown.difference_update(new)
                emptied.difference_update(new)
            columns = self._changed(kind, columns or {}, new)
        return None if columns is None else Folded(columns, frozenset(unknown), frozenset(emptied))

    def makes(self, kind: str) -> bool:
        """True for a kind of fact that makes a row."""
        return kind in self.makers

    def sets(self, kind: str) -> Columns:
        """The columns that a fact of this kind sets; None in those that rest on its body, which go with it."""
        derive = self.derive.get(kind)
        if derive is None:
            return {}
        hashed: Columns = {"number_hash": None} if self.hashed and self.makes(kind) else {}
        return derive(LogEntry(0, kind, "", "", "", erased=True)) | hashed

    def stays(self, kind: str) -> frozenset[str]:
        """Those that rest on the body and are not personal: they stay when it goes, and nothing else shows what they
        held."""
        return frozenset(name for name, value in self.sets(kind).items() if value is None).difference(self.personal)

    def stands(self, kind: str) -> bool:
        """True where what is already set stands, whatever a fact of this kind says."""
        return self.first_stands and kind not in self.replacing

    def _changed(self, kind: str, columns: Columns, new: Columns) -> Columns:
        if self.stands(kind):
            new = {name: value for name, value in new.items() if columns.get(name) is None}
        return columns | new


def hash_in(body: Mapping[str, Any]) -> bytes | None:
    """The hash that a fact names in the place of a number, where it knows no more: what a replay has kept."""
    told = body.get("number_hash")
    try:
        return bytes.fromhex(told) if isinstance(told, str) and len(told) == HASH_LENGTH else None
    except ValueError:
        return None


def number_hash(pepper: bytes, number: str) -> bytes:
    """What stays of a number when its owner is erased: HMAC-SHA-256 under a key of its own."""
    return hmac.digest(pepper, number.encode(), "sha256")
