"""What the tables say, derived from the facts by the marks of the catalogue (``gate.core.facts``).

A kind of fact sets always the same columns of a table, whatever its body holds: where the body is empty (erased), those
that rest on it are None. Kinds that make a row are marked so; the others change it, and change nothing where it is not
there. So a row is the fold of its facts, in the order of their leaves, and ``gate.audit`` can make it again from them.

A kind that sets no column is kept too: its row in ``facts`` and its leaf are all there is of it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from gate.core.evidence import canonical, stamp
from gate.core.facts.derived import OF_CALL
from gate.core.facts.fact import CATALOGUE, Body, Column, Computed, From, Sort, Source, Subject, TimeOr, marked


def utf8(value: str) -> str:
    """Text that a database can hold: lone surrogates (bytes of a SIP header that were not UTF-8) become ``?``."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def text(value: Any) -> str | None:
    """Text as it is; anything else as its canonical JSON."""
    if value is None:
        return None
    return utf8(value) if isinstance(value, str) else canonical(value).decode()


def number(value: Any) -> int | None:
    """A whole number."""
    return int(value) if isinstance(value, (int, float)) else None


def real(value: Any) -> float | None:
    """Any number."""
    return float(value) if isinstance(value, (int, float)) else None


def flag(value: Any) -> int | None:
    """Yes or no, as 1 or 0."""
    return None if value is None else int(bool(value))


def when(fact: LogEntry, name: str) -> str | None:
    """A time in a body as a stamp, the fact's own where it names none; one without a zone counts as UTC.

    Raises ``ValueError`` for what is no time.
    """
    value = fact.body.get(name)
    if not value:
        return None if fact.erased else fact.at
    at = datetime.fromisoformat(str(value))
    return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A fact as it lies in the store: times are stamps, the body is what its canonical JSON says."""

    leaf_index: int
    """The key of its leaf (``gate.core.evidence.leaf_key``)."""
    kind: str
    subject: str
    at: str
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)
    erased: bool = False
    """The body is gone."""


HASH_LENGTH: Final = 64
"""The length of a hash in hexadecimal."""
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

    def remaining(self, kind: str) -> frozenset[str]:
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


CALL_ID: Final = "call_id"


def call_of(kind: str, subject: str, body: Mapping[str, Any]) -> str | None:
    """Id of the call that a fact speaks of."""
    if kind in OF_CALL:
        return subject
    call_id = body.get(CALL_ID)
    return call_id if isinstance(call_id, str) and call_id else None


Value = Callable[[LogEntry], Any]


def _field(name: str, hint: Any) -> Value:
    """What a column takes from a field of the body, by the field's type; None where it is not there."""
    types = set(_types(hint))
    read = flag if bool in types else real if float in types else number if int in types else text
    return lambda fact: read(fact.body.get(name))


def _types(hint: Any) -> Iterator[Any]:
    """The plain types among which a field's value is; of a list or dictionary itself alone."""
    if get_origin(hint) is Annotated:
        yield from _types(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        for each in get_args(hint):
            yield from _types(each)
    else:
        yield hint


_ENVELOPE: Final[Mapping[From, Value]] = {
    From.AT: lambda fact: fact.at,
    From.ACTOR: lambda fact: fact.actor,
    From.LEAF: lambda fact: fact.leaf_index,
    From.SUBJECT: lambda fact: fact.subject,
}


def _source(source: Source) -> Value:
    if isinstance(source, From):
        return _ENVELOPE[source]
    if isinstance(source, TimeOr):
        return lambda fact: when(fact, source.field)
    if isinstance(source, Computed):
        return lambda fact: source.of(fact.body)
    return lambda _: source


class _Set(NamedTuple):
    """A column that a kind of fact sets."""

    table: str
    name: str
    value: Value
    sort: Sort | None = None
    """What stands in a text."""
    many: bool = False
    """A list of them, as JSON."""
    later: bool = False


def _columns(body: type[Body]) -> Iterator[_Set]:
    own = body.marks.about.value
    for place, source in body.marks.sets.items():
        table, _, name = place.rpartition(".")
        yield _Set(table or own, name, _source(source), later=isinstance(source, Computed) and source.later)
    for name, hint, marks in marked(body):
        for mark in marks:
            if isinstance(mark, Column):
                sort = next((each for each in marks if isinstance(each, Sort)), None)
                many = any(get_origin(each) is list for each in _types(hint))
                yield _Set(own, mark.name or name, _field(name, hint), sort, many, mark.later)


def _derive(values: Mapping[str, Value]) -> Derive:
    return lambda fact: {name: value(fact) for name, value in values.items()}


_SET: Final = {kind: tuple(_columns(body)) for kind, body in CATALOGUE.items()}


def _table(subject: Subject, key: str, *, personal: tuple[str, ...] = (), **how: bool) -> Table:
    """The table of what is a subject of facts; ``personal``: columns that are, beside those of the marked fields."""
    name = subject.value
    of = {kind: [each for each in columns if each.table == name] for kind, columns in _SET.items()}
    every = [each for columns in of.values() for each in columns]
    return Table(
        name=name,
        key=key,
        makers=frozenset(kind for kind, body in CATALOGUE.items() if body.marks.makes and body.marks.about is subject),
        derive={kind: _derive({each.name: each.value for each in columns}) for kind, columns in of.items() if columns},
        personal=tuple(dict.fromkeys([*(each.name for each in every if each.sort and each.sort.personal), *personal])),
        replacing=frozenset(kind for kind in of if CATALOGUE[kind].marks.replaces),
        later=frozenset(each.name for each in every if each.later),
        **how,
    )


CALLS = _table(Subject.CALL, CALL_ID, by_call=True)
RECORDINGS = _table(Subject.RECORDING, "recording_id")
OBJECTIONS = _table(Subject.OBJECTION, "id", hashed=True, first_stands=True)
SUBSCRIBERS = _table(Subject.SUBSCRIBER, "id", hashed=True)
CONSENTS = _table(Subject.CONSENT, "id", hashed=True, first_stands=True, personal=("number_hash",))
HOLDS = _table(Subject.HOLD, "id", first_stands=True)
REGISTER_IMPORTS = _table(Subject.REGISTER, "import_id")
REQUESTS = _table(Subject.REQUEST, "id")
RECEIPTS = _table(Subject.RECEIPT, "id", hashed=True)
COPIES = _table(Subject.COPY, "id", first_stands=True)
CAMPAIGN_STOPS = _table(Subject.CAMPAIGN, "id", first_stands=True)
TABLES: tuple[Table, ...] = (
    *(CALLS, RECORDINGS, OBJECTIONS, CONSENTS, HOLDS, REGISTER_IMPORTS, REQUESTS, RECEIPTS, COPIES),
    CAMPAIGN_STOPS,
    SUBSCRIBERS,
)

_NUMBERS: Final = {each.table: each for columns in _SET.values() for each in columns if each.sort is Sort.NUMBER}
NUMBER_OF: Final = {
    table.name: f"SELECT {_NUMBERS[table.name].name} AS number FROM {table.name} WHERE {table.key} = ?"  # noqa: S608
    for table in TABLES
    if table.name in _NUMBERS and not _NUMBERS[table.name].many
}
"""Table -> how the number of a row is found by its key."""
NUMBERS: Final = tuple(
    f"SELECT DISTINCT value AS number FROM {table}, json_each({table}.{each.name})"  # noqa: S608 - the code's names
    if each.many
    else f"SELECT DISTINCT {each.name} AS number FROM {table} WHERE {each.name} <> ''"  # noqa: S608
    for table, each in _NUMBERS.items()
)
"""Every number in clear of every derived table, in E.164."""

TOUCHED: dict[str, tuple[tuple[Table, Derive], ...]] = {
    kind: tuple((table, table.derive[kind]) for table in TABLES if kind in table.derive)
    for kind, columns in _SET.items()
    if columns
}
"""For each kind of fact the tables it touches, each with its function."""
