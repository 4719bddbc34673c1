"""Facts about the CRM's contacts and files that were screened: counts, and no number."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET

from gate.core.facts.fact import Body, Code, Firm, Id, Maybe, Sort, Subject, Term, Time, Words, fact

Editions = Annotated[list[dict[str, Any]], Sort.CODE]
"""The editions of the registers that something rested on."""


@fact("contacts_imported", Subject.CONTACTS)
class ContactsImported(Body, frozen=True, kw_only=True):
    """A list of contacts came in, and takes the place of the one before."""

    source_name: Firm
    path_said: Maybe[Firm] = UNSET
    sha256: Id
    mode: Code
    """``add`` or ``replace``."""
    columns: list[Firm]
    topic: Code
    rows: int
    bad_rows: int
    objections: Maybe[int] = UNSET
    """Kept because the file's own columns say so; none where it is missing."""
    before: int
    in_file: int
    new: int
    carried_over: int
    reasons: Annotated[dict[str, int], Sort.CODE]
    registers: Editions
    contacts: int


@fact("contacts_screened", Subject.CONTACTS)
class ContactsScreened(Body, frozen=True, kw_only=True):
    """All contacts were screened again."""

    why: Code
    contacts: int
    newly_blocked: int
    newly_allowed: int
    topic: Code
    registers: Editions


@fact("contacts_forgotten", Subject.CONTACTS, term=Term.REQUESTS)
class ContactsForgotten(Body, frozen=True, kw_only=True):
    """The contacts of a number were deleted."""

    contacts: int
    reason: Maybe[Words] = UNSET


@fact("screened", Subject.GATE)
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
    as_of: Time
    hours_applied: bool
