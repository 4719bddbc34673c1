"""Facts about the firm's own lists: objections and consents."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Column,
    From,
    Id,
    Maybe,
    Number,
    Person,
    Sort,
    Subject,
    Term,
    Time,
    TimeOr,
    Words,
    fact,
)

File = Annotated[dict[str, str | int | None], Sort.CODE]
"""Where an entry was imported from: ``name``, ``sha256``, ``line``."""


@fact(
    "objection",
    Subject.OBJECTION,
    term=Term.STAYS,
    makes=True,
    outlives_restore=True,
    decides=True,
    sets={"leaf_index": From.LEAF, "made_at": TimeOr("made_at"), "actor": From.ACTOR, "calls.objected": 1},
)
class Objection(Body, frozen=True, kw_only=True):
    """Somebody does not want to be called."""

    number: Annotated[Maybe[Number], COLUMN] = UNSET
    number_hash: Maybe[Id] = UNSET
    """In place of the number, where a replay knows no more."""
    source: Annotated[Code, COLUMN]
    note: Annotated[Words, COLUMN]
    call_id: Annotated[Maybe[Id | None], COLUMN] = UNSET
    scope: Annotated[Maybe[Code], Column(later=True)] = UNSET
    made_at: Maybe[Time] = UNSET
    file: Maybe[File] = UNSET


@fact(
    "objection_removed",
    Subject.OBJECTION,
    term=Term.STAYS,
    outlives_restore=True,
    decides=True,
    sets={"removed_at": From.AT, "removed_by": From.ACTOR},
)
class ObjectionRemoved(Body, frozen=True, kw_only=True):
    """It was a mistake, or its maker says so."""

    reason: Annotated[Words, Column("removed_why")]


@fact(
    "consent",
    Subject.CONSENT,
    term=Term.STAYS,
    makes=True,
    decides=True,
    sets={"leaf_index": From.LEAF, "noted_at": From.AT, "given_at": TimeOr("given_at"), "actor": From.ACTOR},
)
class Consent(Body, frozen=True, kw_only=True):
    """A subscriber agreed to calls of this firm on this line, with the evidence."""

    number: Annotated[Number, COLUMN]
    given_at: Time
    how: Annotated[Person, COLUMN]
    wording: Annotated[Person, COLUMN]
    who: Annotated[Person, COLUMN]
    evidence: Annotated[Person, COLUMN]
    evidence_kind: Annotated[Maybe[Person], COLUMN] = UNSET
    evidence_sha256: Annotated[Maybe[Person], COLUMN] = UNSET
    topics: Annotated[Maybe[Person], COLUMN] = UNSET
    """With commas."""
    caller: Annotated[Maybe[Person], COLUMN] = UNSET
    """The firm that it was given to, where it was named."""
    purpose: Annotated[Maybe[Person], COLUMN] = UNSET
    holds_until: Annotated[Maybe[Person], COLUMN] = UNSET
    holds_longer: Annotated[Maybe[bool], Sort.PERSON, COLUMN] = UNSET
    after_objection: Annotated[Maybe[bool], Sort.PERSON, COLUMN] = UNSET
    file: Maybe[File] = UNSET


@fact(
    "consent_withdrawn",
    Subject.CONSENT,
    term=Term.STAYS,
    outlives_restore=True,
    decides=True,
    sets={"withdrawn_at": TimeOr("at"), "withdrawn_leaf": From.LEAF, "withdrawn_by": From.ACTOR},
)
class ConsentWithdrawn(Body, frozen=True, kw_only=True):
    """It is taken back."""

    at: Time
    reason: Annotated[Words, Column("withdrawn_why")]
    file: Maybe[File] = UNSET


@fact("list_exported", Subject.GATE)
class ListExported(Body, frozen=True, kw_only=True):
    """A list was taken out as a file."""

    list: Code
    """``objections``, ``consents``, ``contacts``."""
    since: Maybe[Time] = UNSET
