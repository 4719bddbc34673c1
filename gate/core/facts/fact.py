"""A fact, and how a kind of fact is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Final, Self, TypeVar, get_type_hints

import msgspec

from gate.core.facts.marks import Marks, Rests, Sort, Source, Subject, Term

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
    text says nothing of what stands there (``Sort``), or the kind is declared already."""

    def declare(body: type[B]) -> type[B]:
        if unmarked := [name for name, hint, _ in marked(body) if _may_hold_text(hint)]:
            raise TypeError(
                f"{kind}: a text is unmarked, so nobody knows when it is to be erased: {', '.join(unmarked)}"
            )
        body.kind = kind
        body.marks = Marks(about, term, rests, outlives_restore, decides, makes, replaces, sets or {})
        if kind in CATALOGUE:
            raise TypeError(f"two kinds of fact are called {kind}")
        CATALOGUE[kind] = body
        return body

    return declare


def read(kind: str, values: Mapping[str, Any]) -> Body:
    """The body of a fact of a known kind. Raises ``KeyError`` for a kind that is not known, and
    ``msgspec.ValidationError`` for a body that no gate has written."""
    return CATALOGUE[kind].read(values)


def marked(body: type[Body]) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """The fields of a kind: the name in the body, the type, and the marks anywhere in it."""
    hints = get_type_hints(body, include_extras=True)
    for name, written in zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True):
        yield written, hints[name], tuple(_marks_in(hints[name]))


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


def sorts(body: type[Body]) -> dict[str, Sort]:
    """The fields of a kind in which text stands: by name, what stands there."""
    return {name: mark for name, _, marks in marked(body) for mark in marks if isinstance(mark, Sort)}
