"""Requests and answers of the CRM's contacts."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from gate.control.answers import Response
from gate.control.request import Line, Moment, Note, Page, Request, Showing
from gate.core.screening import Topic

CHANGE_COLUMNS: Final = ("reference", "number", "change", "verdict", "reason", "since")
"""Of the file of changes that the CRM takes back."""
LARGEST: Final = 512 << 20
"""Bytes of the CRM's list, at most: some ten million rows."""


class ContactsImport(Request, frozen=True):
    """Keep and screen the CRM's list: a file that was handed over (``gate.control.files``)."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    """What the caller calls it: kept as that, and not opened."""
    file: Line = ""
    """Its ticket."""
    columns: Annotated[tuple[Line, ...], msgspec.Meta(max_length=100)] = ()
    """Phone columns by name, or number from 1; empty: those that look like phones."""
    reference: Line = ""
    """The column of the CRM's own id."""
    delimiter: Annotated[str, msgspec.Meta(max_length=1)] = ""
    header: bool = True
    add: bool = False
    """Merge it with the list in force; else it takes its place."""
    topic: Topic = Topic.GENERAL
    accept_shrink: bool = False
    dry_run: bool = False
    """Only say what would come of it; nothing is kept."""
    only: Line = ""
    """The SHA-256 that a dry run told: another file is refused."""


class ContactsRescreen(Request, frozen=True):
    """Screen all contacts now."""


class ContactsStatus(Request, frozen=True):
    """Counts by verdict and reason, and what has changed since a time."""

    since: Moment | None = None
    """``None``: since yesterday, London time."""


class ContactsList(Showing, frozen=True):
    """A page of the contacts, by rising number."""

    after: Line | None = None
    limit: Page = 50
    number: Line | None = None
    reference: Line | None = None
    verdict: Literal["allow", "block"] | None = None
    reason: Line | None = None
    text: Line | None = None
    """As it was typed: the beginning of a number in any spelling, or part of a reference, a verdict or a reason."""


class ContactsShow(Showing, frozen=True, kw_only=True):
    """One contact, and what a check says of it now."""

    id: Line


class ContactsCancel(Request, frozen=True):
    """End an import of contacts that is under way; they stay as they were."""


class ContactsFaults(Showing, frozen=True):
    """A page of what in the CRM's file was no contact."""

    after: Line | None = None
    limit: Page = 50


class ContactsChanges(Showing, frozen=True, kw_only=True):
    """A page of the contacts that are newly blocked or newly allowed."""

    since: Moment
    after: Line | None = None
    limit: Page = 50
    export: bool = False
    """The list is taken out; the first page is logged."""


class ContactsForget(Showing, frozen=True):
    """Delete what is kept of a number's contacts. One of ``number`` and ``id``, a contact's."""

    number: Line | None = None
    id: Line | None = None
    dry_run: bool = False
    """Only say what would go."""
    execute: Line | None = None
    """The digest that a dry run gave: what it showed goes, and nothing else."""
    reason: Note = ""


class ContactsImported(Response, frozen=True, kw_only=True):
    """The answer to ``contacts_import``."""

    contacts: int
    """In force now."""
    in_file: int
    rows: int
    bad_rows: int
    reasons: dict[str, int]
    faults: list[dict[str, Any]]
    """``line``, ``column``, ``reference`` and ``fault`` of the first thousand."""
    sha256: str
    shrinks: bool = False
    """Of a dry run: it would need ``accept_shrink``."""


class ContactsScreened(Response, frozen=True, kw_only=True):
    """The answer to ``contacts_rescreen``."""

    contacts: int
    newly_blocked: int
    newly_allowed: int


class ContactsNow(Response, frozen=True, kw_only=True):
    """The answer to ``contacts_status``."""

    contacts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    bad_rows: int
    imported_at: str | None
    screened_at: str | None = None
    newly_blocked: int = 0
    newly_allowed: int = 0
    first_blocked: int = 0


class Forgotten(Response, frozen=True, kw_only=True):
    """The answer to ``contacts_forget``."""

    number: str
    forgotten: int
    """Contacts; of a dry run, those that would go."""
    digest: str = ""
    dry_run: bool = False


class ContactShown(Response, frozen=True, kw_only=True):
    """The answer to ``contacts_show``."""

    contact: dict[str, Any]
    """As in ``contacts_list``, with ``same_number`` (contacts with its number) and ``topic`` (of the list)."""
    now: dict[str, Any]
    """As ``check`` answers."""
