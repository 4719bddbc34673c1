"""A number's contacts deleted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET

from gate.core.facts import contacts as facts
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.contacts.ids import ContactIds
from gate.operations.contacts.pages import contact_named, of_number
from gate.operations.operation import KEEPERS, Caller, Line, Masked, Note, Number, Request, Response, about, operation
from gate.operations.parsing import number_of
from gate.store import contacts as rows

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

log = Logger()


class ContactsForgotten(Response, frozen=True, kw_only=True, omit_defaults=True):
    """How many contacts a number had; of a dry run, has."""

    number: str
    forgotten: int
    dry_run: bool = False
    digest: str | None = None
    """Of a dry run: give it as ``execute``."""


class ContactsForget(Request[ContactsForgotten], frozen=True):
    """Delete what is kept of a number's contacts. One of ``number`` and ``id``, a contact's."""

    number: Annotated[Number | None, about("Every contact of this number.")] = None
    id: Annotated[Line | None, about("Or one contact, by its id.")] = None
    dry_run: Annotated[bool, about("Only say how many contacts would go.")] = False
    execute: Annotated[Line | None, about("The digest that a dry run gave: what it showed goes, and nothing else.")] = (
        None
    )
    reason: Annotated[Note, about("Why; kept in the log.")] = ""
    masked: Masked = False


@operation(ContactsForget, "contacts_forget", roles=KEEPERS)
def contacts_forget(folder: DataFolder, asked: ContactsForget, caller: Caller) -> ContactsForgotten:
    """Delete what is kept of a number's contacts; objections and consents are not touched.

    Nothing of them stays in the files of the database. Raises ``RefusedError`` (``plan_changed``) where the contacts
    are not those of ``execute``.
    """
    number = _number(folder, asked)
    if asked.dry_run:
        count, digest = folder.read(lambda reader: _plan(folder, reader, number))
        return ContactsForgotten(number=number, dry_run=True, forgotten=count, digest=digest)
    reason = asked.reason.strip()

    def work(tx: StoreTransaction) -> int:
        if asked.execute is not None and _plan(folder, tx, number)[1] != asked.execute:
            raise RefusedError(
                "the contacts of this number are not what was shown", reason="plan_changed", hint="Look again."
            )
        gone = rows.forget_number(tx, number)
        if gone:
            body = facts.ContactsForgotten(contacts=gone, reason=reason or UNSET)
            tx.append(folder.fact(body, "contacts", caller.actor))
        return gone

    gone = folder.store.call(work)
    if not gone:
        raise UsageError(f"{asked.number} is no contact's number", hint="See: dialgate contacts list")
    if not folder.store.scrub():
        log.warning("contacts_not_scrubbed", hint="the write-ahead log is cut at the next quiet moment")
    return ContactsForgotten(number=number, forgotten=gone)


def _number(folder: DataFolder, asked: ContactsForget) -> str:
    if asked.number is not None and asked.id is None:
        return number_of(asked.number)
    if asked.id is not None and asked.number is None:
        return contact_named(folder, asked.id).number
    raise UsageError("a number is forgotten, or a contact's number", hint="give one of number and id")


def _plan(folder: DataFolder, source: Any, number: str) -> tuple[int, str]:
    """How many contacts would go now, and the digest by which a deletion is bound to just these."""
    ids, found = ContactIds(folder.pepper), of_number(source, int(number[1:]))
    digest = hashlib.sha256(f"forget {number}\n".encode())
    for row in found:
        digest.update(f"{ids.of(row['number'], row['reference'])}\n".encode())
    return len(found), digest.hexdigest()[:32]
