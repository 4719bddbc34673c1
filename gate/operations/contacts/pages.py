"""What is known of the CRM's contacts: counts, pages, one contact, what has changed, the rows that were faulty; a
number's contacts deleted.

A list is asked about by ids, without a number standing in it. A contact has no id of its own: the CRM's reference may
be missing, or stand for several numbers. Its id is its number and a digest of its reference, as one block of AES under
a key of the data folder: the same contact has the same id at any time, and only the gate can read it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from gate.core.days import LONDON
from gate.core.facts import lists as facts
from gate.core.facts.lists import ListExported
from gate.core.rows.lists import Contact, ContactChange, ContactFault, ContactList, ContactRow, RegisterIdentity
from gate.core.terms import Topic
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.calls.screening import Check, Checked, check
from gate.operations.contacts.rescreening import WHOSE_LIST, Contacts, identity
from gate.operations.operation import (
    KEEPERS,
    READERS,
    Caller,
    Line,
    Masked,
    Moment,
    Note,
    Number,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
    sorted_by,
)
from gate.operations.parsing import must_have, number_of, seconds_of
from gate.store import contacts as rows
from gate.store.paging import Order, order_of
from gate.store.queries import Source

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction


_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_DIGITS: Final = 8
"""Bytes of the number, and as many of the reference's digest: together a block."""

_LONGEST: Final = 15
"""Digits of an E.164 number, at most."""


class Named(NamedTuple):
    """What an id says."""

    number: int
    """The digits of an E.164 number."""
    mark: bytes
    """The beginning of the reference's digest."""


class ContactIds:
    """Makes ids and reads them; stateless and thread-safe."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: of the data folder; what is made of it here serves nothing else."""
        self._key = hmac.digest(secret, b"dialgate contact ids", "sha256")

    def make(self, number: int, reference: str, on_behalf_of: str = "") -> str:
        """The id of a contact in the list of an instigator, or the firm's own: 32 hexadecimal digits."""
        return self._block(number.to_bytes(_DIGITS) + mark(reference, on_behalf_of), backwards=False).hex()

    def read(self, ident: str) -> Named | None:
        """What an id says; None where it is none."""
        if not _ID(ident):
            return None
        block = self._block(bytes.fromhex(ident), backwards=True)
        number = int.from_bytes(block[:_DIGITS])
        return Named(number, block[_DIGITS:]) if number < 10**_LONGEST else None

    def _block(self, block: bytes, *, backwards: bool) -> bytes:
        # Not at the top: every command wires the contacts, and a check must not pay for it.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # One block, each with another number or reference: a permutation is what is wanted, so ECB is right here.
        cipher = Cipher(algorithms.AES256(self._key), modes.ECB())  # noqa: S305
        turned = cipher.decryptor() if backwards else cipher.encryptor()
        return turned.update(block) + turned.finalize()


def mark(reference: str, on_behalf_of: str = "") -> bytes:
    """What stands in an id for a reference in a list; in an instigator's it is another contact."""
    named = f"{reference}\0{on_behalf_of}" if on_behalf_of else reference
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()[:_DIGITS]


CHANGE_COLUMNS: Final = ("reference", "number", "change", "verdict", "reason", "since")
"""Columns of the file of changes that the CRM takes back."""
_WHICH: Final = about(
    "Only the list of this instigator; an empty name is the firm's own.",
    "On behalf of",
    absent="every list; of a file that is taken out, the firm's own",
)
ALL: Final = 1_000_000
"""More contacts than one number has."""

# --- counts --------------------------------------------------------------------------------------------------------


class ContactsNow(Response, frozen=True, kw_only=True, omit_defaults=True):
    """The contacts in counts, and what they rest on; without contacts only the first six."""

    contacts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    bad_rows: int
    imported_at: str | None
    registers: list[RegisterIdentity]
    """The editions that the verdicts rest on."""
    topic: str | None = None
    since: str | None = None
    newly_blocked: int | None = None
    """Since then; the next two as well."""
    newly_allowed: int | None = None
    first_blocked: int | None = None
    """Blocked from their first day on."""
    imported_by: str | None = None
    source_name: str | None = None
    screened_at: str | None = None
    up_to_date: bool | None = None
    """They rest on the registers in force."""
    on_behalf_of: str = ""
    """The instigator whose list it is; empty: the firm's own."""
    others: dict[str, int] = msgspec.field(default_factory=dict)
    """How many contacts the other lists have, by instigator, the firm's own under an empty name."""


class ContactsStatus(Request[ContactsNow], frozen=True):
    """Counts by verdict and reason, and what has changed since a time."""

    since: Annotated[Moment | None, about("For what changed.", absent="yesterday")] = None
    on_behalf_of: Annotated[Line, WHOSE_LIST] = ""


@operation(ContactsStatus, "contacts_status", roles=READERS)
def contacts_status(folder: DataFolder, asked: ContactsStatus, caller: Caller) -> ContactsNow:
    """Counts by verdict and reason, the registers they rest on, and what has changed since a time."""
    since = asked.since or datetime.combine(folder.today() - timedelta(days=1), time(), LONDON)
    since = since.astimezone(LONDON)
    folder.one(Contacts).up_to_date()
    current, lists = folder.one(Contacts).in_force(asked.on_behalf_of), folder.one(Contacts).lists()
    others = {each.on_behalf_of: each.contacts for each in lists if current is None or each.list != current.list}
    if current is None:
        name = asked.on_behalf_of.strip().lower()
        none = ContactsNow(contacts=0, verdicts={}, reasons={}, bad_rows=0, imported_at=None, registers=[])
        return replace(none, on_behalf_of=name, others=others)

    with folder.reader() as reader:
        counts = rows.counts(reader, current.list)
        changes = rows.changes_since(reader, current.list, int(since.timestamp()))
    verdicts: dict[str, int] = {}
    for row in counts:
        verdicts[row.verdict] = verdicts.get(row.verdict, 0) + row.contacts
    return ContactsNow(
        contacts=sum(verdicts.values()),
        verdicts=verdicts,
        reasons={row.reason: row.contacts for row in counts},
        bad_rows=current.bad_rows,
        imported_at=current.imported_at,
        registers=[*(current.registers or ())],
        topic=current.topic,
        since=since.isoformat(),
        **asdict(changes),
        imported_by=current.actor,
        source_name=current.source_name,
        screened_at=current.screened_at,
        on_behalf_of=current.on_behalf_of,
        others=others,
        up_to_date=identity(current.registers or ()) == folder.one(Contacts).editions(),
    )


# --- the list ------------------------------------------------------------------------------------------------------


class ContactsList(Paged[Page[ContactRow]], frozen=True):
    """The contacts, by rising number."""

    number: Annotated[Number | None, about("This number only.")] = None
    reference: Annotated[Line | None, about("The CRM's own id.", metavar="ID")] = None
    verdict: Annotated[Literal["allow", "block"] | None, about("Those that may be called, or may not.")] = None
    reason: Annotated[Line | None, about("A reason code, such as listed_tps.", eg=("listed_tps",), metavar="CODE")] = (
        None
    )
    text: Annotated[
        Line | None,
        about(
            "Only those that fit: a verdict, a word of a reason, the beginning of a number in any spelling, or part "
            "of a reference. All words must fit."
        ),
    ] = None
    on_behalf_of: Annotated[Line | None, _WHICH] = None
    since: Annotated[Moment | None, about("The verdict is so from this time on, e.g. yesterday, 25/11.")] = None
    until: Annotated[Moment | None, about("The verdict has been so since before this time.")] = None
    sort: Annotated[Line | None, sorted_by("reference", "verdict", "reason", "since", then="by number")] = None
    masked: Masked = False


@operation(ContactsList, "contacts_list", roles=READERS)
def contacts_list(folder: DataFolder, asked: ContactsList, caller: Caller) -> Page[ContactRow]:
    """A page of the contacts, by rising number or by a column, with what the last screening said of them."""
    folder.one(Contacts).up_to_date()
    key = int(number_of(asked.number)[1:]) if asked.number else None
    where = {"number": key, "reference": asked.reference, "verdict": asked.verdict, "reason": asked.reason}
    order = order_of(asked.sort, rows.SORTS)
    place, span = (asked.after, asked.limit), seconds_of(asked)
    found, following = _page(folder, *place, where, asked.on_behalf_of, text=asked.text, between=span, order=order)
    return Page(items=[_shown(folder, *each) for each in found], next=following)


def _shown(folder: DataFolder, of: ContactList, row: Contact) -> ContactRow:
    return ContactRow(
        id=ContactIds(folder.pepper).make(row.number, row.reference, of.on_behalf_of),
        on_behalf_of=of.on_behalf_of,
        reference=row.reference,
        number=f"+{row.number}",
        verdict=row.verdict,
        reason=row.reason,
        since=datetime.fromtimestamp(row.since, LONDON).isoformat(),
    )


def _page(
    folder: DataFolder,
    after: str | None,
    limit: int,
    where: Mapping[str, str | int | None],
    on_behalf_of: str | None,
    *,
    changed_since: datetime | None = None,
    text: str | None = None,
    between: tuple[int | None, int | None] = (None, None),
    order: Order | None = None,
) -> tuple[list[tuple[ContactList, Contact]], str | None]:
    """A page of the list of a firm, or of all, one after the other. The cursor names the list, and the place in it."""
    second = int(changed_since.timestamp()) if changed_since else None
    begun, place = _begun(after)
    found: list[tuple[ContactList, Contact]] = []
    for each in _lists(folder, on_behalf_of):
        if each.list < begun:
            continue
        if len(found) == limit:
            return found, f"{each.list} 0 "
        some, following = folder.read(
            partial(
                rows.page,
                list_id=each.list,
                after=place if each.list == begun else None,
                limit=limit - len(found),
                where=where,
                changed_since=second,
                text=text,
                between=between,
                order=order,
            )
        )
        found += [(each, row) for row in some]
        if following:
            return found, f"{each.list} {_cursor(following)}"
    return found, None


def _lists(folder: DataFolder, on_behalf_of: str | None) -> list[ContactList]:
    """The lists of a firm, or of all, in the order in which they came."""
    contacts = folder.one(Contacts)
    found = contacts.lists() if on_behalf_of is None else [contacts.in_force(on_behalf_of)]
    return sorted(filter(None, found), key=lambda each: each.list)


def _begun(after: str | None) -> tuple[int, rows.Key | None]:
    begun, _, place = (after or "").partition(" ")
    return int(begun) if begun.isdecimal() and len(begun) <= rows.LONGEST else 0, _key(place or None)


def _key(after: str | None) -> rows.Key | None:
    if after is None:
        return None
    number, _, rest = after.partition(" ")
    return (int(number) if number.isdecimal() and len(number) <= rows.LONGEST else 0, rest)


def _cursor(key: rows.Key | None) -> str | None:
    return f"{key[0]} {key[1]}" if key else None


# --- one contact ---------------------------------------------------------------------------------------------------


class ContactFound(ContactRow, frozen=True, kw_only=True):
    """One contact."""

    same_number: int
    """Contacts with its number, itself among them."""
    topic: str
    """What calls to the list are about."""


class ContactShown(Response, frozen=True):
    """One contact, as it was screened last and as a check answers now."""

    contact: ContactFound
    now: Checked


class ContactsShow(Request[ContactShown], frozen=True, kw_only=True):
    """One contact, and what a check says of it now."""

    id: Annotated[Line, about("Id of the contact.")]
    masked: Masked = False


@operation(ContactsShow, "contacts_show", roles=READERS)
def contacts_show(folder: DataFolder, asked: ContactsShow, caller: Caller) -> ContactShown:
    """One contact: what the last screening said of it, and what a check says now."""
    folder.one(Contacts).up_to_date()
    found = contact_named(folder, asked.id)
    asked_now = Check(number=found.number, topic=Topic(found.topic), on_behalf_of=found.on_behalf_of)
    return ContactShown(contact=found, now=check(folder, asked_now, caller))


def contact_named(folder: DataFolder, ident: str) -> ContactFound:
    """The contact with an id. Raises ``UsageError`` where there is none."""
    found = find_contact(folder, ident)
    if found is None:
        raise UsageError(f"there is no contact {ident}", hint="it may have gone with the last list: look again")
    return found


def find_contact(folder: DataFolder, ident: str) -> ContactFound | None:
    """The contact with an id; None where there is none."""
    named = ContactIds(folder.pepper).read(ident)
    if named is None:
        return None
    found = folder.read(lambda reader: contacts_of_number(reader, named.number))
    shown = [(of, _shown(folder, of, row)) for of, row in found]
    return next(
        (
            ContactFound(**asdict(each), same_number=len(shown), topic=of.topic)
            for of, each in shown
            if each.id == ident
        ),
        None,
    )


def contacts_of_number(source: Source, number: int) -> list[tuple[ContactList, Contact]]:
    """Every contact in force with the digits of an E.164 number, as the store has it, with its list."""
    return [
        (of, row)
        for of in rows.in_force(source)
        for row in rows.page(source, of.list, None, ALL, {"number": number}, changed_since=None)[0]
    ]


# --- changes -------------------------------------------------------------------------------------------------------


class ContactsChanges(Paged[Page[ContactChange]], frozen=True, kw_only=True):
    """The contacts whose verdict has changed since a time."""

    since: Annotated[Moment, about("yesterday, today, or a time.", "Day")]
    export: Annotated[bool, about("The list is taken out; the first page is logged.")] = False
    on_behalf_of: Annotated[Line | None, _WHICH] = None
    masked: Masked = False


@operation(ContactsChanges, "contacts_changes", roles=READERS)
def contacts_changes(folder: DataFolder, asked: ContactsChanges, caller: Caller) -> Page[ContactChange]:
    """A page of the contacts that are newly blocked or newly allowed since a time."""
    # the CRM of one firm takes back its own: the same reference may be another person's in another firm's list
    which = asked.on_behalf_of or "" if asked.export else asked.on_behalf_of
    if asked.after is None:
        folder.one(Contacts).up_to_date()
        if asked.export:
            of = which.strip().lower() if which else ""
            body = ListExported(list="contacts", since=asked.since.isoformat(), on_behalf_of=of or UNSET)
            folder.keep(body, folder.new_id(), caller.actor)
    found, following = _page(folder, asked.after, asked.limit, {}, which, changed_since=asked.since)
    items = [
        ContactChange(
            **asdict(_shown(folder, of, row)), change="first_blocked" if row.was is None else f"newly_{row.verdict}ed"
        )
        for of, row in found
    ]
    return Page(items=items, next=following)


# --- rows that were faulty -----------------------------------------------------------------------------------------


class ContactsFaults(Paged[Page[ContactFault]], frozen=True):
    """The rows of the CRM's file that hold no contact."""

    on_behalf_of: Annotated[Line, WHOSE_LIST] = ""
    masked: Masked = False


@operation(ContactsFaults, "contacts_faults", roles=READERS)
def contacts_faults(folder: DataFolder, asked: ContactsFaults, caller: Caller) -> Page[ContactFault]:
    """A page of what in the CRM's file was no contact: line, column, reference, what is wrong."""
    current = folder.one(Contacts).in_force(asked.on_behalf_of)
    if current is None:
        return Page(items=[])
    found, following = folder.read(
        lambda reader: rows.faults_page(reader, current.list, _key(asked.after), asked.limit)
    )
    return Page(items=found, next=_cursor(following))


log = Logger()


class ContactsForgotten(Response, frozen=True, kw_only=True, omit_defaults=True):
    """How many contacts a number had; of a dry run, has."""

    number: str
    forgotten: int
    dry_run: bool = False
    digest: str | None = None
    """The digest of a dry run: give it as ``execute``."""


class ContactsForget(Request[ContactsForgotten], frozen=True):
    """Delete what is kept of a number's contacts. One of ``number`` and ``id``, a contact's."""

    number: Annotated[Number | None, about("Every contact of this number.")] = None
    id: Annotated[Line | None, about("Or one contact, by its id.")] = None
    dry_run: Annotated[bool, about("Only show how many contacts would be deleted.")] = False
    execute: Annotated[Line | None, about("The digest that a dry run gave: what it showed goes, and nothing else.")] = (
        None
    )
    reason: Annotated[Note, about("Why; kept in the log.")] = ""
    masked: Masked = False


@operation(ContactsForget, "contacts_forget", roles=KEEPERS, final=True)
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


def _plan(folder: DataFolder, source: Source, number: str) -> tuple[int, str]:
    """How many contacts would go now, and the digest by which a deletion is bound to just these."""
    ids, found = ContactIds(folder.pepper), contacts_of_number(source, int(number[1:]))
    digest = hashlib.sha256(f"forget {number}\n".encode())
    for of, row in found:
        digest.update(f"{ids.make(row.number, row.reference, of.on_behalf_of)}\n".encode())
    return len(found), digest.hexdigest()[:32]


# --- a whole list ---------------------------------------------------------------------------------------------------


class ContactsGone(Response, frozen=True):
    """The list that was deleted."""

    on_behalf_of: str
    """The instigator whose it was; empty: the firm's own."""
    contacts: int


class ContactsDrop(Request[ContactsGone], frozen=True):
    """Delete the whole list of a firm: it is called for no more."""

    on_behalf_of: Annotated[
        Line,
        about("The instigator whose list goes; an empty name is the firm's own.", "Whose list", metavar="INSTIGATOR"),
    ]
    reason: Annotated[Note, about("Why; kept in the log.", "Reason, kept in the log")] = ""


@operation(ContactsDrop, "contacts_drop", roles=KEEPERS, final=True)
def contacts_drop(folder: DataFolder, asked: ContactsDrop, caller: Caller) -> ContactsGone:
    """Delete all contacts that are kept on behalf of a firm; objections and consents are not touched.

    Nothing of them stays in the files of the database. Raises ``RefusedError`` (``contacts_busy``).
    """
    must_have("the end of a list", reason=asked.reason)
    name, reason = asked.on_behalf_of.strip().lower() or UNSET, asked.reason.strip()
    gone = folder.one(Contacts).drop(
        asked.on_behalf_of,
        lambda of: facts.ContactsDropped(on_behalf_of=name, contacts=of.contacts, reason=reason),
        caller.actor,
    )
    return ContactsGone(on_behalf_of=gone.on_behalf_of, contacts=gone.contacts)
