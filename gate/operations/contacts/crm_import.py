"""The CRM's list imported, and cancelling that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.terms import Topic
from gate.errors import GateError, UsageError
from gate.operations.contacts.list_import import ContactsImported, ListImport
from gate.operations.contacts.rescreening import IMPORT, Contacts
from gate.operations.operation import KEEPERS, Caller, Line, Request, Response, about, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

LARGEST: Final = 512 << 20
"""Bytes of the CRM's list, at most: some ten million rows."""

# --- importing -----------------------------------------------------------------------------------------------------


class ContactsImport(Request[ContactsImported], frozen=True):
    """Keep and screen the CRM's list: a file that was handed over (``gate.control.files``)."""

    path: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=4096),
        about(
            "The file, on the machine of whoever asks; kept as its name, and opened there.",
            "File on this machine",
            eg=("/srv/crm/export.csv",),
        ),
    ]
    file: Annotated[Line, about("Ticket of the file, which was handed over before.")] = ""
    columns: Annotated[
        tuple[Line, ...],
        msgspec.Meta(max_length=100),
        about(
            "A phone column by name or number; may be repeated.",
            "Phone columns",
            eg=("phone", "mobile"),
            absent="those that look like it",
            metavar="NAME",
        ),
    ] = ()
    reference: Annotated[
        Line,
        about(
            "The column of the CRM's own id.", "Column of the CRM's own id", eg=("id",), absent="none", metavar="COLUMN"
        ),
    ] = ""
    delimiter: Annotated[
        str, msgspec.Meta(max_length=1), about("In place of the one that is guessed; 'tab' for a tab.", metavar="CHAR")
    ] = ""
    header: Annotated[
        bool, about("Without a header the first row is a row like the others, and columns are numbers.")
    ] = True
    add: Annotated[
        bool,
        about("Merge the file with the contacts that are kept; else it replaces them.", "Merge it with what is kept"),
    ] = False
    topic: Annotated[Topic, about("What marketing calls to them are about.", "What calls are about")] = Topic.GENERAL
    accept_shrink: Annotated[bool, about("Accept a list of fewer than half as many contacts as before.")] = False
    dry_run: Annotated[bool, about("Read and screen it, and only say what would come of it.")] = False
    only: Annotated[Line, about("The SHA-256 that a dry run showed: another file is refused.")] = ""


@operation(ContactsImport, "contacts_import", roles=KEEPERS, streams=True, file=LARGEST)
def contacts_import(folder: DataFolder, asked: ContactsImport, caller: Caller) -> ContactsImported:
    """Keep and screen the CRM's list: in place of the one before, or merged with it.

    Raises ``RefusedError`` (``contacts_shrink``, ``plan_changed``, ``contacts_busy``).
    """
    progress = folder.one(Contacts).imports.checked(
        IMPORT,
        caller.progress,
        lambda actor: GateError(f"the import of contacts was stopped by {actor}", hint="the contacts are as they were"),
    )
    run = ListImport(folder, asked, caller.opened, caller.actor, progress)
    return folder.one(Contacts).importing(run.run)


# --- cancelling ----------------------------------------------------------------------------------------------------


class ContactsCancelled(Response, frozen=True):
    """The import ends soon."""


class ContactsCancel(Request[ContactsCancelled], frozen=True):
    """Cancel the import of contacts."""


@operation(ContactsCancel, "contacts_cancel", roles=KEEPERS)
def contacts_cancel(folder: DataFolder, asked: ContactsCancel, caller: Caller) -> ContactsCancelled:
    """Cancel an import of contacts that is under way; the contacts stay as they were."""
    if not folder.one(Contacts).imports.cancel(IMPORT, caller.actor):
        raise UsageError("no import of contacts is under way", hint="See: dialgate contacts status")
    return ContactsCancelled()
