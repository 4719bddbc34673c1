"""A fact, how a kind of fact is declared, and its marks: what the catalogue knows of the kind and of its fields.

A field that holds text has a ``Sort``: what stands in it, and so whether a person may be named there. A field with a
``Column`` sets a column of a derived table. The kind itself says what it is about, how long what is personal in it is
kept, whether something rests on its body, and whether it outlives a restore (``Marks``). Erasure, retention, the memory
journal, projections, bundles and the record of processing are read from these marks; nothing else lists kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeAlias, TypeVar, get_type_hints

import msgspec
from msgspec import UnsetType

T = TypeVar("T")


class Sort(Enum):
    """What stands in a text."""

    ID = "a random id, a digest, the id of a key, a leaf's place"
    CODE = "a word of the gate's own or of its configuration, or its sentence"
    TIME = "a day or a time"
    FIRM = "the firm, its staff, its machines: an account, an address of the network, a path, one of its own numbers"
    NUMBER = "a person's telephone number, in E.164"
    TRACE = "what leads to a person: a number as it was dialled, the code of a receipt, a phone's own id of a call"
    PERSON = "a person: a name, an address, what they agreed to"
    WORDS = "what people wrote in their own words: anybody may be named"

    @property
    def personal(self) -> bool:
        """A person is named there, or may be."""
        return self in (Sort.NUMBER, Sort.TRACE, Sort.PERSON, Sort.WORDS)


Id = Annotated[str, Sort.ID]
Code = Annotated[str, Sort.CODE]
Time = Annotated[str, Sort.TIME]
Firm = Annotated[str, Sort.FIRM]
Number = Annotated[str, Sort.NUMBER]
Trace = Annotated[str, Sort.TRACE]
Person = Annotated[str, Sort.PERSON]
Words = Annotated[str, Sort.WORDS]
Maybe: TypeAlias = T | UnsetType
"""A field that a body may lack: it came later than its kind, or is written only where there is something to say. None
is a value, and is written as ``null``."""


class Column(NamedTuple):
    """A field is kept in a column of the table of what its kind is about."""

    name: str = ""
    """Empty: the field's own."""
    later: bool = False
    """It came after the first receipts of erasures: an old one says nothing of it."""


COLUMN: Final = Column()


class From(Enum):
    """What a column takes from the fact itself."""

    AT = "the time of the fact"
    ACTOR = "who"
    LEAF = "the index of its leaf"
    SUBJECT = "its subject"


class TimeOr(NamedTuple):
    """A time in the body; where it names none, the fact's own."""

    field: str


class Computed(NamedTuple):
    """What follows from several fields of a body, which is empty where it was erased."""

    of: Callable[[Mapping[str, Any]], Any]
    later: bool = False
    """As that of ``Column``."""


Source = From | TimeOr | Computed | int | None
"""Where a column's value comes from; a number or None: always that."""


class Subject(Enum):
    """What a kind of fact is about: the name of its table, where it has one."""

    CALL = "calls"
    RECORDING = "recordings"
    RECEIPT = "receipts"
    COPY = "copies"
    OBJECTION = "objections"
    CONSENT = "consents"
    SUBSCRIBER = "subscribers"
    HOLD = "holds"
    REQUEST = "requests"
    REGISTER = "register_imports"
    ANY = "whatever has a number, a statement or a proposal"
    RECIPIENT = "a recipient's key"
    BUNDLE = "a bundle of evidence"
    BREACH = "a breach of personal data"
    CONTACTS = "the contacts"
    LOG = "the log"
    CAMPAIGN = "campaign_stops"
    GATE = "the gate"

    @property
    def record(self) -> str:
        """``hold``, ``objection``, ``consent``, ``request``: a record that people look up; empty where it is none."""
        return self.value[:-1] if self in _RECORDS else ""


_RECORDS: Final = (Subject.HOLD, Subject.OBJECTION, Subject.CONSENT, Subject.REQUEST)
OWN: Final = (
    Subject.COPY,
    Subject.REGISTER,
    Subject.BUNDLE,
    Subject.BREACH,
    Subject.CONTACTS,
    Subject.LOG,
    Subject.CAMPAIGN,
    Subject.GATE,
)
"""The gate's own: no record of a person stands behind these."""


class Term(Enum):
    """How long what is personal in a kind is kept: its time limit, as the record of processing activities names it."""

    RECORD = "as long as what it is about"
    CALLS = "evidence of calls"
    REQUESTS = "requests"
    STAYS = "objections and consents"
    """No term while they hold: a wish not to be called, an agreement; and an account of who was given what."""


class Rests(Enum):
    """What somebody's number or name in a body means for it, where it is found there."""

    NOTHING = "nothing rests on it: the body is emptied"
    LOG = "something rests on it: the body stands, and the receipt of the erasure names it"
    RECORD = "as LOG, but where it is of a call, a consent or an objection of theirs: then the body is emptied"


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a kind in the catalogue."""

    sentence: str
    """What happened, for people: ``{actor} verified the log[ of {size:leaf}]{ok|: it held|: it did not hold|}``.

    ``{actor}``, ``{subject}``, ``{call}`` and its ``{number}`` are always there. A field of the body stands in
    brackets, which go with it where it is missing or was erased; ``{size:leaf}`` counts (of a list its length);
    ``{ok|yes|no|not known}`` chooses. No field is named that may name a person: numbers are hidden in part."""
    about: Subject
    term: Term | None = None
    """None: nothing in it is personal."""
    rests: Rests = Rests.NOTHING
    outlives_restore: bool = False
    """It is an act: the memory journal has it too."""
    decides: bool = False
    """It may change the verdict on a number."""
    makes: bool = False
    """It makes a row of the table; others change it."""
    replaces: bool = False
    """Its fields replace earlier values, in a table in which the first value stands otherwise."""
    sets: Mapping[str, Source] = field(default_factory=dict)
    """Columns besides those of the marked fields; one of another table as ``table.column``."""


_AS_THEY_ARE: Final = (datetime, date)
"""Canonical JSON has its own way with these (``gate.core.evidence.canonical``)."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a fact says: one subclass a kind, its fields in the body of the fact under the same names."""

    kind: ClassVar[str] = ""
    """A kind is stored in the log: it never changes, and is never used for something else."""
    marks: ClassVar[Marks]

    def values(self) -> dict[str, Any]:
        """The body as it is written: what is not set is left out, None is ``null``."""
        found: dict[str, Any] = msgspec.to_builtins(self, builtin_types=_AS_THEY_ARE)
        return found

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The body that was written so; what it does not know is left out. Raises ``msgspec.ValidationError``."""
        return msgspec.convert(values, cls)

    def fact(self, subject: str, at: datetime, actor: str) -> Fact:
        """The fact that says this."""
        return Fact(self.kind, subject, at, actor, self)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, to be kept with a leaf that commits to it. Made by ``Body.fact``.

    ``body`` may hold personal data; the leaf holds only ``SHA-256(salt || canonical JSON of body)``. ``subject`` is the
    id of what the fact speaks of (a call, a recording, an objection): random, so that it names nobody.
    """

    kind: str
    subject: str
    at: datetime
    actor: str
    body: Body | Mapping[str, Any] = field(default_factory=dict)
    """A mapping: what another version has written, kept as it is."""

    def values(self) -> Mapping[str, Any]:
        """The body as it is written."""
        return self.body.values() if isinstance(self.body, Body) else self.body


CATALOGUE: Final[dict[str, type[Body]]] = {}
"""Kind -> its type, filled by ``fact``."""
B = TypeVar("B", bound=Body)


def fact(
    kind: str,
    sentence: str,
    about: Subject,
    *,
    term: Term | None = None,
    rests: Rests = Rests.NOTHING,
    outlives_restore: bool = False,
    decides: bool = False,
    makes: bool = False,
    replaces: bool = False,
    sets: Mapping[str, Source] | None = None,
) -> Callable[[type[B]], type[B]]:
    """Declare a kind of fact; the arguments are those of ``Marks``. Raises ``TypeError`` where a field that may hold
    text says nothing of what stands there (``Sort``), the sentence names what it may not, or the kind is declared
    already."""

    def declare(body: type[B]) -> type[B]:
        if unmarked := [name for name, hint, _ in marked(body) if _may_hold_text(hint)]:
            raise TypeError(
                f"{kind}: a text is unmarked, so nobody knows when it is to be erased: {', '.join(unmarked)}"
            )
        if wrong := _unfit(sentence, body):
            raise TypeError(f"the sentence of {kind}: {wrong}")
        body.kind = kind
        body.marks = Marks(sentence, about, term, rests, outlives_restore, decides, makes, replaces, sets or {})
        if kind in CATALOGUE:
            raise TypeError(f"two kinds of fact are called {kind}")
        CATALOGUE[kind] = body
        return body

    return declare


def read(kind: str, values: Mapping[str, Any]) -> Body:
    """The body of a fact of a known kind. Raises ``KeyError`` for a kind that is not known, and
    ``msgspec.ValidationError`` for a body that no gate has written."""
    return CATALOGUE[kind].read(values)


@cache
def marked(body: type[Body]) -> tuple[tuple[str, Any, tuple[Any, ...]], ...]:
    """The fields of a kind: the name in the body, the type, and the marks anywhere in it. Kept, because reading the
    types of all kinds takes a tenth of a second."""
    hints = get_type_hints(body, include_extras=True)
    names = zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True)
    return tuple((written, hints[name], tuple(_marks_in(hints[name]))) for name, written in names)


def _marks_in(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for each in (*getattr(hint, "__args__", ()), getattr(hint, "__origin__", None)):
        if each is not None and not isinstance(each, type):
            yield from _marks_in(each)


def _may_hold_text(hint: Any) -> bool:
    """Whether text without a ``Sort`` may stand there."""
    if any(isinstance(mark, Sort) for mark in getattr(hint, "__metadata__", ())):
        return False
    parts = (hint.__origin__,) if hasattr(hint, "__metadata__") else getattr(hint, "__args__", ())
    return hint in (str, Any, object) or any(_may_hold_text(each) for each in parts)


_ALWAYS: Final = ("actor", "subject", "call", "number")
_OPTIONAL: Final = re.compile(r"(\[[^\[\]]*\])")
_CHOICE: Final = re.compile(r"\{(\w+)\|([^{}|]*)\|([^{}|]*)\|([^{}|]*)\}")
_FIELD: Final = re.compile(r"\{(\w+)(?::([a-z ]+))?\}")


def _unfit(sentence: str, body: type[Body]) -> str:
    """Say what is wrong with a sentence; empty where it is as ``Marks`` has it."""
    fields, held = [name for name, _, _ in marked(body)], sorts(body)
    named = {found[1] for pattern in (_CHOICE, _FIELD) for found in pattern.finditer(sentence)} - {*_ALWAYS}
    bare = {found[1] for found in _FIELD.finditer(_OPTIONAL.sub("", sentence))} - {*_ALWAYS}
    if unknown := sorted(named - {*fields}):
        return f"no field is {', '.join(unknown)}"
    if personal := sorted(name for name in named if name in held and held[name].personal):
        return f"a person may be named by {', '.join(personal)}"
    if bare:
        return f"without brackets, though it may be missing: {', '.join(sorted(bare))}"
    return (
        ""
        if sentence.strip() and not set("{}[]") & set(filled(sentence, lambda *_: "x", bool))
        else "it cannot be read"
    )


def filled(sentence: str, value: Callable[[str, str], str], chosen: Callable[[str], bool | None]) -> str:
    """A sentence with its fields: ``value(name, thing)`` is the text of one (``thing`` where it is counted), empty
    where there is none; ``chosen(name)`` is which of the two texts of a choice stands, None for the third."""

    def choice(found: re.Match[str]) -> str:
        which = chosen(found[1])
        return found[4] if which is None else found[2] if which else found[3]

    def field(found: re.Match[str]) -> str:
        return value(found[1], found[2] or "")

    pieces = _OPTIONAL.split(_CHOICE.sub(choice, sentence))
    return "".join(
        _FIELD.sub(field, piece.strip("[]"))
        for piece in pieces
        if piece[:1] != "[" or all(field(each) for each in _FIELD.finditer(piece))
    )


def sorts(body: type[Body]) -> dict[str, Sort]:
    """The fields of a kind in which text stands: by name, what stands there."""
    return {name: mark for name, _, marks in marked(body) for mark in marks if isinstance(mark, Sort)}
