"""Facts about telephone numbers on lists: the firm's own objections and consents, the preference service registers,
and the CRM's contacts and files that were screened (counts, and nobody named).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, field

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Column,
    Firm,
    From,
    Id,
    Maybe,
    Number,
    Person,
    Rests,
    Sort,
    Subject,
    Term,
    Time,
    TimeOr,
    Words,
    fact,
)
from gate.core.rows.lists import RegisterIdentity

File = Annotated[dict[str, str | int | None], Sort.CODE]
"""Where an entry was imported from: ``name``, ``sha256``, ``line``."""


@fact(
    "objection",
    "{actor} noted {subject}",
    Subject.OBJECTION,
    term=Term.STAYS,
    makes=True,
    outlives_restore=True,
    decides=True,
    sets={
        "leaf_index": From.LEAF,
        "noted_at": From.AT,
        "made_at": TimeOr("made_at"),
        "actor": From.ACTOR,
        "calls.objected": 1,
    },
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
    on_behalf_of: Annotated[Maybe[Firm], Column(later=True)] = UNSET
    """The one instigator whose calls it is to."""
    made_at: Maybe[Time] = UNSET
    file: Maybe[File] = UNSET


@fact(
    "objection_removed",
    "{actor} removed {subject}",
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
    "{actor} noted {subject}",
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
    on_behalf_of: Annotated[Maybe[Firm], Column(later=True)] = UNSET
    """The instigator whose calls it is to."""
    file: Maybe[File] = UNSET


@fact(
    "consent_withdrawn",
    "{actor} noted the withdrawal of {subject}",
    Subject.CONSENT,
    term=Term.STAYS,
    outlives_restore=True,
    decides=True,
    sets={
        "withdrawn_at": TimeOr("at"),
        "withdrawn_noted": From.AT,
        "withdrawn_leaf": From.LEAF,
        "withdrawn_by": From.ACTOR,
    },
)
class ConsentWithdrawn(Body, frozen=True, kw_only=True):
    """It is taken back."""

    at: Time
    reason: Annotated[Words, Column("withdrawn_why")]
    file: Maybe[File] = UNSET


@fact(
    "subscriber",
    "{actor} noted whose line it is: {subject}[, {kind}]",
    Subject.SUBSCRIBER,
    term=Term.STAYS,
    makes=True,
    outlives_restore=True,
    decides=True,
    sets={"leaf_index": From.LEAF, "noted_at": From.AT, "actor": From.ACTOR},
)
class Subscriber(Body, frozen=True, kw_only=True):
    """Who has a line, and since when; the newest one of a number counts."""

    number: Annotated[Maybe[Number], COLUMN] = UNSET
    number_hash: Maybe[Id] = UNSET
    """In place of the number, where a replay knows no more."""
    sort: Annotated[Code, COLUMN] = field(name="kind")
    """``individual``, ``corporate`` or ``unknown``."""
    since: Annotated[Time | None, COLUMN]
    """The day since when it is theirs, where it was another's before."""
    source: Annotated[Code, COLUMN]
    file: Maybe[File] = UNSET


@fact("consent_letter_made", "{actor} made the letter about {subject}", Subject.CONSENT)
class ConsentLetterMade(Body, frozen=True, kw_only=True):
    """The letter that confirms a withdrawal was made: its digests, and what each sentence rests on, as of any other."""

    letter: Code = field(name="kind")
    sha256: Id
    text_sha256: Id
    html_sha256: Id
    rests: Annotated[dict[str, list[int | str]], Sort.CODE]


@fact("list_exported", "{actor} took out a list[: {list}]", Subject.GATE)
class ListExported(Body, frozen=True, kw_only=True):
    """A list was taken out as a file."""

    list: Code
    """``objections``, ``consents``, ``contacts``."""
    since: Maybe[Time] = UNSET
    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator whose contacts they were."""


@fact(
    "register_imported",
    "{actor} imported {subject}[ as of {as_of}][: {count:number}]",
    Subject.REGISTER,
    term=Term.REQUESTS,
    rests=Rests.LOG,
    makes=True,
    sets={"leaf_index": From.LEAF, "at": From.AT, "actor": From.ACTOR},
)
class RegisterImported(Body, frozen=True, kw_only=True):
    """A licensee's file is in force; of a snapshot whose import was never told, only what the snapshot says."""

    name: Annotated[Code, COLUMN]
    count: Annotated[int, COLUMN]
    as_of: Annotated[Time | None, COLUMN]
    sha256: Annotated[Id, COLUMN]
    coverage: Annotated[list[Code], COLUMN]
    source_name: Annotated[Firm, COLUMN]
    source_sha256: Maybe[Id] = UNSET
    previous_sha256: Maybe[Id] = UNSET
    lines: Maybe[int] = UNSET
    duplicates: Maybe[int] = UNSET
    bad: Maybe[int] = UNSET
    bad_lines: Annotated[Maybe[list[Any]], Sort.CODE] = UNSET
    added: Annotated[Maybe[int], COLUMN] = UNSET
    removed: Annotated[Maybe[int], COLUMN] = UNSET
    accepted_shrink: Annotated[Maybe[bool], COLUMN] = UNSET
    accepted: Maybe[Words] = UNSET
    """Why a file was taken that cannot be the whole register."""
    implausible: Maybe[Code] = UNSET
    first_seen: Maybe[Time | None] = UNSET
    contacts: Maybe[dict[Code, int] | None] = UNSET
    path_said: Maybe[Firm] = UNSET
    noted_late: Maybe[bool] = UNSET
    provider: Maybe[Firm] = UNSET
    """Whose answers it is made of; with it the four below."""
    asked: Maybe[int] = UNSET
    """How many numbers it was asked in this run."""
    asked_at: Maybe[Time] = UNSET
    references: Maybe[list[Firm]] = UNSET
    """The provider's own, of each answer."""
    answers_sha256: Maybe[list[Id]] = UNSET


@fact("register_refused", "{actor} offered a register's file, which was refused[: {name}]", Subject.REGISTER)
class RegisterRefused(Body, frozen=True, kw_only=True):
    """A file was refused: the register in force has stayed."""

    name: Code
    source_name: Firm
    why: Firm
    watched: bool
    source_sha256: Id
    path_said: Maybe[Firm] = UNSET


Editions = Annotated[list[RegisterIdentity], Sort.CODE]
"""The editions of the registers that something rested on."""


@fact("contacts_imported", "{actor} imported contacts[: {rows:row}]", Subject.CONTACTS)
class ContactsImported(Body, frozen=True, kw_only=True):
    """A list of contacts came in, and takes the place of the one before."""

    source_name: Firm
    path_said: Maybe[Firm] = UNSET
    sha256: Id
    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator whose list it is; missing of the firm's own."""
    mode: Code
    """``add`` or ``replace``."""
    columns: list[Firm]
    topic: Code
    rows: int
    bad_rows: int
    objections: Maybe[int] = UNSET
    """Kept because the file's own columns say so; none where it is missing."""
    subscribers: Maybe[int] = UNSET
    """Numbers of which it says who has them, as was not noted before."""
    before: int
    in_file: int
    new: int
    carried_over: int
    reasons: Annotated[dict[str, int], Sort.CODE]
    registers: Editions
    contacts: int


@fact(
    "contacts_screened",
    "The gate screened the contacts again[: {newly_blocked} newly blocked][, {newly_allowed} newly allowed]",
    Subject.CONTACTS,
)
class ContactsScreened(Body, frozen=True, kw_only=True):
    """All contacts of a list were screened again."""

    why: Code
    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator whose list it is; missing of the firm's own."""
    contacts: int
    newly_blocked: int
    newly_allowed: int
    topic: Code
    registers: Editions


@fact(
    "contacts_dropped",
    "{actor} deleted a whole list of contacts[: {contacts:contact}]",
    Subject.CONTACTS,
    term=Term.REQUESTS,
)
class ContactsDropped(Body, frozen=True, kw_only=True):
    """The whole list of a firm was deleted."""

    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator whose it was; missing of the firm's own."""
    contacts: int
    reason: Words


@fact(
    "contacts_forgotten",
    "{actor} deleted the contacts of a number[: {contacts:contact}]",
    Subject.CONTACTS,
    term=Term.REQUESTS,
)
class ContactsForgotten(Body, frozen=True, kw_only=True):
    """The contacts of a number were deleted."""

    contacts: int
    reason: Maybe[Words] = UNSET


@fact("screened", "{actor} screened a file[: {rows:row}]", Subject.GATE)
class Screened(Body, frozen=True, kw_only=True):
    """A file was screened beside the gate (``dialgate screen``)."""

    source_name: Firm
    sha256: Id
    output_sha256: Id
    columns: list[Firm]
    rows: int
    reasons: Annotated[dict[str, dict[str, int]], Sort.CODE]
    bad_rows: int
    registers: Editions
    purpose: Code
    topic: Code
    on_behalf_of: Maybe[Firm] = UNSET
    """The instigator for whom the calls would be."""
    as_of: Time
    hours_applied: bool
