"""What the tables say, derived from the facts by the marks of the catalogue (``gate.core.facts``).

A kind of fact sets always the same columns of a table, whatever its body holds: where the body is empty (erased), those
that rest on it are None. Kinds that make a row are marked so; the others change it, and change nothing where it is not
there. So a row is the fold of its facts, in the order of their leaves, and ``gate.audit`` can make it again from them.

A kind that sets no column is kept too: its row in ``facts`` and its leaf are all there is of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from gate.core.facts.derived import OF_CALL
from gate.core.facts.fact import CATALOGUE, Body, Column, Computed, From, Sort, Source, Subject, TimeOr, marked
from gate.store.fold import Derive, LogEntry, Table
from gate.store.values import flag, number, real, text, when

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
    """Of text: what stands there."""
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
CONSENTS = _table(Subject.CONSENT, "id", hashed=True, first_stands=True, personal=("number_hash",))
HOLDS = _table(Subject.HOLD, "id", first_stands=True)
REGISTER_IMPORTS = _table(Subject.REGISTER, "import_id")
REQUESTS = _table(Subject.REQUEST, "id")
RECEIPTS = _table(Subject.RECEIPT, "id", hashed=True)
TABLES: tuple[Table, ...] = (CALLS, RECORDINGS, OBJECTIONS, CONSENTS, HOLDS, REGISTER_IMPORTS, REQUESTS, RECEIPTS)

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
