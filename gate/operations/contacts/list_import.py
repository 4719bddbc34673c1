"""A CRM's list takes the place of the one that was kept, or is merged with it; and cancelling that.

Two rules. A list replaces: contacts that are not in the file are gone. With ``add`` it merges: every contact in the
file is kept, and so are those held before, but for the numbers of a reference that the file names again. Either way the
list comes in beside the one in force and takes its place in one transaction at the end. A contact's verdict keeps its
time as long as it stays the same.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from gate.converting import convert
from gate.core.evidence import stamp
from gate.core.facts import lists as facts
from gate.core.rows.lists import ContactList, RegisterIdentity
from gate.core.terms import Topic, many
from gate.errors import GateError, RefusedError, StoreError, UsageError
from gate.operations.contacts.bulk_screener import Outcome
from gate.operations.contacts.list_reading import (
    RECORD,
    Faults,
    Into,
    Job,
    Named,
    Part,
    Read,
    in_child,
    progress_of,
    read_list,
)
from gate.operations.contacts.rescreening import IMPORT, Contacts
from gate.operations.contacts.states import BATCH, WORDS, Outcomes, States, settle
from gate.operations.data_folder import NO_GATE
from gate.operations.lists.entries import AT_ONCE, ObjectionEntry, instigator_of
from gate.operations.lists.objections import keep_objections
from gate.operations.lists.subscribers import SubscriberEntry, keep_subscribers
from gate.operations.operation import KEEPERS, Caller, Line, Request, Response, about, operation
from gate.store import contacts as rows
from gate.types import Progress, batched

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

SHOWN = 1000
"""Faults in an answer, at most; all of them are kept with the list."""
SHRINK = 2
"""A list with fewer than one in so many of the contacts before needs the operator's word."""


PIECE = 20_000
"""Contacts of a file in memory at once."""
LARGEST: Final = 512 << 20
"""Bytes of the CRM's list, at most: some ten million rows."""
READ = 0.4
"""Part of the time that reading and screening takes; the rest is writing."""


class BadField(Response, frozen=True):
    """What in the file was no contact."""

    line: int
    column: str
    """Empty for the whole row."""
    reference: str
    fault: str


class ContactsImported(Response, frozen=True, kw_only=True, omit_defaults=True):
    """What an import did, or would do."""

    source_name: str
    path_said: str
    sha256: str
    on_behalf_of: str = ""
    """The instigator whose list it is; empty: the firm's own."""
    mode: str
    """``replace`` or ``add``."""
    columns: list[str]
    topic: str
    rows: int
    bad_rows: int
    objections: int = 0
    """Objections that the file's own columns hold and that were not kept before; of a dry run, all of them."""
    subscribers: int = 0
    """Numbers of which the file says who has them, and that were not noted so before; of a dry run, all of them."""
    before: int
    """Contacts before."""
    in_file: int
    new: int
    carried_over: int
    """Those of the list before that were kept beside the file's."""
    reasons: dict[str, int]
    registers: list[RegisterIdentity]
    contacts: int
    """In force now; of a dry run, then."""
    faults: list[BadField]
    """The first thousand."""
    shrinks: bool | None = None
    """Whether the list would need ``accept_shrink``; from a dry run."""
    not_utf8: int | None = None
    """The line from which on the file is not UTF-8; 0: it all is. Not of a dry run."""


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
    subscriber: Annotated[
        Line,
        about(
            "The column with individual or corporate for each line.",
            "Column of individual or corporate",
            absent="one that is called subscriber",
            metavar="COLUMN",
        ),
    ] = ""
    subscriber_since: Annotated[
        Line,
        about(
            "The column with the day on which a line passed to its present subscriber.",
            "Column of the day since when it is theirs",
            absent="one that is called subscriber_since",
            metavar="COLUMN",
        ),
    ] = ""
    delimiter: Annotated[
        str, msgspec.Meta(max_length=1), about("In place of the one that is guessed; 'tab' for a tab.", metavar="CHAR")
    ] = ""
    header: Annotated[
        bool, about("The file has no header: its first row is a row like the others, and columns are named by number.")
    ] = True
    add: Annotated[
        bool,
        about("Merge the file with the contacts that are kept; else it replaces them.", "Merge it with what is kept"),
    ] = False
    on_behalf_of: Annotated[
        Line,
        about(
            "The instigator whose list it is, as [[instigator]] names it: it takes the place of its list alone.",
            "On behalf of",
            absent="the firm's own",
        ),
    ] = ""
    topic: Annotated[Topic, about("What marketing calls to them are about.", "What calls are about")] = Topic.GENERAL
    accept_shrink: Annotated[bool, about("Accept a list of fewer than half as many contacts as before.")] = False
    dry_run: Annotated[bool, about("Read and screen the file, and only show the result.")] = False
    only: Annotated[Line, about("The SHA-256 that a dry run showed: another file is refused.")] = ""


@dataclass(slots=True)
class ListImport:
    """One import. The caller sees to it that there is no other."""

    folder: DataFolder
    asked: ContactsImport
    file: HandedOverFile
    actor: str
    progress: Progress
    _old: ContactList | None = None
    _states: States = field(default_factory=States)
    _for: str = ""
    """The instigator whose list it is; empty: the firm itself."""
    _list: int = 0
    _contacts: int = 0
    _new: int = 0
    _carried: int = 0
    _faults: list[BadField] = field(default_factory=list)
    _named: Container[str] = ()
    """The references of the file."""
    _objections: list[tuple[int, int, str]] = field(default_factory=list)
    _objecting: int = 0
    """Objections that were kept; of a dry run, those that the file holds."""
    _subscribers: dict[tuple[str, str], array[int]] = field(default_factory=dict)
    """Kind and day -> number and line, in turn, of the rows that say so: in little memory."""
    _noted: int = 0
    """Those that were noted; of a dry run, those that the file holds."""

    def run(self) -> ContactsImported:
        """Read, screen, keep, swap. Raises ``UsageError`` (no such file, column, or no contact in it), ``RefusedError``
        (``contacts_shrink``), ``RegisterError``, ``StoreError``; then the list in force has stayed."""
        folder, asked, topic = self.folder, self.asked, self.asked.topic.value
        now = folder.clock.now()
        to = instigator_of(folder, asked.on_behalf_of)
        self._for = to if isinstance(to, str) else ""
        self._old = old = folder.one(Contacts).in_force(self._for)
        if old:
            self._states = folder.read(lambda reader: States(rows.states(reader, old.list)))
        leaf = folder.store.call(rows.head)  # before own lists are read: what comes now is followed afterwards
        name = self.file.name
        self._list = folder.store.call(
            lambda tx: rows.new_list(
                tx, at=stamp(now), actor=self.actor, source_name=name, topic=topic, on_behalf_of=self._for
            )
        )
        file = self._read(topic, now)
        if self._contacts == 0:
            raise UsageError(
                f"{self.file} holds no telephone number: the contacts stay as they are",
                hint="is the right column named? --column NAME",
            )
        if asked.add and self._old:
            self._carry_over(self._old.list)
        if asked.only and file.sha256 != asked.only:
            raise RefusedError(
                f"{self.file} is not the file that was shown", reason="plan_changed", hint="Look again, then import it."
            )
        if asked.dry_run:
            self._objecting = len(self._objections)
            self._noted = sum(map(len, self._subscribers.values())) // 2
            return self._answer(self._body(file, name), shrinks=self._shrinks())
        self._check_size()
        self._keep_objections(name, file.sha256)
        self._keep_subscribers(name, file.sha256)
        body = self._body(file, name)
        at = stamp(folder.clock.now())

        def swap(tx: StoreTransaction) -> facts.ContactsImported:
            contacts = rows.put_in_force(
                tx,
                self._list,
                at=at,
                sha256=file.sha256,
                contacts=body.contacts,
                bad_rows=file.bad_rows,
                leaf=leaf,
            )
            rows.screened(tx, self._list, at=stamp(now), registers=file.registers, leaf=leaf)
            kept = replace(body, contacts=contacts)
            tx.append(folder.fact(kept, "contacts", self.actor))
            return kept

        return self._answer(folder.store.call(swap), not_utf8=file.not_utf8)

    # --- steps

    def _answer(self, body: facts.ContactsImported, **more: int) -> ContactsImported:
        return convert({**body.values(), "faults": self._faults, **more}, ContactsImported)

    def _report(self, done: float, what: str) -> None:
        if self.folder.one(Contacts).stopped:
            raise GateError("the gate is stopping: the contacts stay as they were", hint="import the list again")
        self.progress(min(done, 1.0), what)

    def _read(self, topic: str, now: datetime) -> Read:
        """Read and screen the file, beside a running gate in a process of its own, then keep its contacts."""
        asked, config = self.asked, self.folder.config
        job = Job(
            config=config,
            said=self.file.said,
            topic=topic,
            on_behalf_of=self._for,
            now=now,
            columns=asked.columns,
            reference=asked.reference,
            delimiter=asked.delimiter,
            header=asked.header,
            subscriber=(asked.subscriber.strip(), asked.subscriber_since.strip()),
        )
        heard = progress_of(self._report, READ)

        def take(part: Part) -> None:
            self._keep_faults(part.faults)
            self._objections += part.objections
            for number, line, kind, since in part.subscribers:
                self._subscribers.setdefault((kind, since), array("q")).extend((number, line))
            heard(part)

        work = read_list if self.folder.gate is NO_GATE else in_child
        try:
            with ExitStack() as files:
                into = Into(*(files.enter_context(tempfile.TemporaryFile(dir=config.data)) for _ in Into._fields))
                read = work(job, self.file, into, take)
                self._keep(read, into, int(now.timestamp()))
                if asked.reference:
                    self._named = Named(into.digests)
        except OSError as error:
            raise StoreError(
                f"the contacts cannot be written to {config.data}: {error.strerror}", hint="is there room?"
            ) from error
        return read

    def _keep(self, read: Read, into: Into, now: int) -> None:
        """Add the contacts by rising number, so many to a transaction; a piece of the file is in memory at a time."""
        known = Outcomes(self.folder.store)
        numbers_of = known.numbers_of([Outcome(*each) for each in read.outcomes])
        place = 0
        for start in range(0, read.contacts, PIECE):
            count = min(PIECE, read.contacts - start)
            data = os.pread(into.records.fileno(), count * RECORD.itemsize, start * RECORD.itemsize)
            piece = np.frombuffer(data, dtype=RECORD)
            numbers, outcomes = piece["number"].astype(np.int64), numbers_of[piece["outcome"]]
            since, was = settle(self._states, numbers, outcomes, now, known)
            self._new += int(np.count_nonzero(~self._states.places(numbers)[1]))
            ends = np.cumsum(piece["length"], dtype=np.int64).tolist()
            texts = os.pread(into.references.fileno(), ends[-1], place)
            place += len(texts)
            names = [texts[at:end].decode("utf-8", "surrogatepass") for at, end in pairwise([0, *ends])]
            columns = zip(numbers.tolist(), names, outcomes.tolist(), since.tolist(), was.tolist(), strict=True)
            rows_ = [(number, name, outcome, at, WORDS[before]) for number, name, outcome, at, before in columns]
            for some in batched(rows_, BATCH):
                self._contacts += self.folder.store.call(partial(rows.add, list_id=self._list, rows=some))
                self._report(READ + (1 - READ) * start / read.contacts, many(self._contacts, "contact"))

    def _keep_objections(self, name: str, sha256: str) -> None:
        """Keep the objections that the CRM knows: they hold for every call, whatever becomes of this import."""
        for some in batched(self._objections, AT_ONCE):
            keep = partial(
                keep_objections,
                folder=self.folder,
                actor=self.actor,
                entries=[
                    ObjectionEntry(number=f"+{number}", line=line, source=f"CRM column {column}")
                    for number, line, column in some
                ],
                source_name=name,
                sha256=sha256,
            )
            self._objecting += self.folder.store.call(keep).imported

    def _keep_subscribers(self, name: str, sha256: str) -> None:
        """Keep what the CRM knows of who has the numbers: it holds for every list that they stand in."""
        for (kind, since), held in self._subscribers.items():
            pairs = zip(held[::2], held[1::2], strict=True)
            entries = (
                SubscriberEntry(number=f"+{number}", line=line, kind=kind, since=since) for number, line in pairs
            )
            for some in batched(entries, AT_ONCE):
                keep = partial(
                    keep_subscribers,
                    folder=self.folder,
                    actor=self.actor,
                    entries=some,
                    source_name=name,
                    sha256=sha256,
                )
                self._noted += self.folder.store.call(keep)

    def _keep_faults(self, faults: Faults) -> None:
        if faults:
            self.folder.store.call(partial(rows.add_faults, list_id=self._list, faults=faults))
        for line, column, reference, fault in faults[: SHOWN - len(self._faults)]:
            self._faults.append(BadField(line, column, reference, fault))

    def _carry_over(self, old: int) -> None:
        """Copy the contacts of the list before that the file does not name."""
        following: rows.Key | None = (-1, "")
        while following is not None:
            added, following = self.folder.store.call(
                partial(rows.carry_over, old=old, new=self._list, after=following, limit=BATCH, without=self._named)
            )
            self._carried += added
            self._report(1.0, many(self._contacts + self._carried, "contact"))

    def _shrinks(self) -> bool:
        held = self._old.contacts if self._old else 0
        return bool(self._contacts + self._carried < held / SHRINK)

    def _check_size(self) -> None:
        if self.asked.accept_shrink or not self._shrinks():
            return
        held = self._old.contacts if self._old else 0
        raise RefusedError(
            f"{self.file} holds {many(self._contacts, 'contact')}, fewer than half of the {held:,} that are kept",
            reason="contacts_shrink",
            hint="see that it is the whole list; --add merges a part of it, --accept-shrink takes it all the same",
        )

    def _body(self, file: Read, name: str) -> facts.ContactsImported:
        """The fact for the log: counts, and no number."""
        counts = self.folder.read(lambda reader: rows.counts(reader, self._list))
        return facts.ContactsImported(
            source_name=name,
            path_said=self.file.said,
            sha256=file.sha256,
            on_behalf_of=self._for or UNSET,
            mode="add" if self.asked.add else "replace",
            columns=file.columns,
            topic=self.asked.topic.value,
            rows=file.rows,
            bad_rows=file.bad_rows,
            objections=self._objecting or UNSET,
            subscribers=self._noted or UNSET,
            before=self._old.contacts if self._old else 0,
            in_file=self._contacts,
            new=self._new,
            carried_over=self._carried,
            reasons={row.reason: row.contacts for row in counts},
            registers=file.registers,
            contacts=self._contacts + self._carried,
        )


# --- the operations ------------------------------------------------------------------------------------------------


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
