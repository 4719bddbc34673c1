"""What the marks say of all kinds together. Each of these was a list of names once; none is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gate.core.facts.fact import CATALOGUE, OWN, Body, From, Marks, Rests, Sort, Subject, Term, TimeOr, sorts
from gate.core.facts.keys import RecipientTerms


def _kinds(fits: Callable[[Marks], bool]) -> tuple[str, ...]:
    return tuple(kind for kind, body in CATALOGUE.items() if fits(body.marks))


def personal(kind: str) -> tuple[str, ...]:
    """The fields of a kind in which a person is named, or may be."""
    return tuple(name for name, sort in sorts(CATALOGUE[kind]).items() if sort.personal)


def record(kind: str) -> str:
    """The record that a kind is about (``Subject.record``); empty where it is about none, or is not known."""
    return CATALOGUE[kind].marks.about.record if kind in CATALOGUE else ""


def sorts_kept(term: Term) -> list[Sort]:
    """What sorts of personal data are kept for a term."""
    kept = {sort for body in CATALOGUE.values() if body.marks.term is term for sort in sorts(body).values()}
    return [sort for sort in Sort if sort in kept and sort.personal]


def _names_call(body: type[Body]) -> bool:
    return "call_id" in body.__struct_encode_fields__


OF_CALL: Final = frozenset(
    kind for kind, body in CATALOGUE.items() if body.marks.about is Subject.CALL and not _names_call(body)
)
"""Kinds whose subject is the call; others may name one in their body, as ``call_id``."""
ACTS: Final = _kinds(lambda marks: marks.outlives_restore)
"""What must outlive the store: the memory journal has it too."""
DECIDING: Final = _kinds(lambda marks: marks.decides)
"""Kinds that can change the verdict on one number."""
WITH_CALL: Final = _kinds(lambda marks: marks.term is Term.CALLS)
"""Kinds that go with the call, whatever number is looked for."""
ONLY_CALL: Final = tuple(
    kind
    for kind, body in CATALOGUE.items()
    if body.marks.about in (Subject.CALL, Subject.RECORDING) and Sort.WORDS not in sorts(body).values()
)
"""Kinds that hold no number but that of their call."""
OF_RECIPIENT: Final = tuple(kind for kind, body in CATALOGUE.items() if issubclass(body, RecipientTerms))
"""Kinds that say on which terms a recipient is."""
ENDS: Final = {
    body.marks.about.record: name
    for body in CATALOGUE.values()
    if body.marks.about in (Subject.HOLD, Subject.OBJECTION, Subject.CONSENT) and not body.marks.makes
    for name, source in body.marks.sets.items()
    if source is From.AT or isinstance(source, TimeOr)
}
"""Records of others' lists: hold, objection, consent -> the column that ends one."""
_OF_RECORD: Final = (Subject.REQUEST, Subject.ANY)
OF_REQUEST: Final = _kinds(lambda marks: marks.about in _OF_RECORD and marks.term in (Term.REQUESTS, Term.RECORD))
"""Kinds about a request in which a person is named, or may be."""
_WORDS: Final[Mapping[str, str]] = {
    kind: name
    for kind, body in CATALOGUE.items()
    if body.marks.about in OWN
    for name, sort in sorts(body).items()
    if sort is Sort.WORDS
}
ALONE: Final = {kind: name for kind, name in _WORDS.items() if CATALOGUE[kind].marks.rests is Rests.NOTHING}
"""Kinds of the gate's own on whose body nothing rests, and where people's words stand in it: they go with a person whom
they name, and after their term."""
STANDING_WORDS: Final = {kind: name for kind, name in _WORDS.items() if kind not in ALONE}
"""Kinds with words beside what rests on them: of most, from before these were a fact of their own
(``retention.Beside``)."""
AGEING: Final = _kinds(
    lambda marks: marks.term is Term.REQUESTS and marks.rests is Rests.NOTHING and marks.about in (*OWN, Subject.ANY)
)
"""Kinds of no record whose body goes after the term of requests, by its own age."""
STANDS: Final = frozenset(_kinds(lambda marks: marks.rests is Rests.LOG))
"""Kinds whose body stays, whoever stands in it: something else rests on it."""
OF_A_RECORD: Final = frozenset(_kinds(lambda marks: marks.rests is Rests.RECORD))
"""Kinds whose body goes only with a record of the person's own."""
