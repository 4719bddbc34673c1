"""The ledger of copies in clear: what left the gate's seal, who has it, why, until when, and that it was destroyed.

Whoever opens a recording into a WAV, makes a pack or takes a list out enters the copy before its first byte, and then
that it was written, or why it was not. Where that was cut off the copy counts as one that is there. What is made out
of the gate's sight (a bundle that was opened, a transcript) people enter by hand. An erasure tells of the copies that
are not destroyed (``gate.operations.erasure``), and so does its letter.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.days import short_day
from gate.core.facts.audit import BundleExported
from gate.core.facts.recordings import CopyDestroyed, CopyFailed, CopyMade, CopyWritten
from gate.core.facts.requests import Searched
from gate.core.rows import Page
from gate.core.rows.audit import CopyKind, CopyRow
from gate.errors import UsageError
from gate.operations.operation import READERS, AsOf, Caller, Line, Note, Request, Response, about, operation
from gate.operations.requests.standing import last
from gate.showing import many
from gate.store import requests as book
from gate.store.handed_out import copies_page, open_copies
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

LISTS: Final = ("objections", "consents", "contacts")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}|")


class CopyEntered(Response, frozen=True):
    """A copy stands in the ledger."""

    id: str
    until: date
    """The day by which it is to be destroyed."""


class CopiesAdd(Request[CopyEntered], frozen=True, kw_only=True):
    """Enter a copy in clear."""

    what: Annotated[CopyKind, about("What it is.", metavar="KIND")]
    recordings: Annotated[
        tuple[Line, ...],
        msgspec.Meta(max_length=10_000),
        about("A recording that is in it; repeat for more.", metavar="ID", ids=("recording",)),
    ] = ()
    of: Annotated[
        Line,
        about("What it was made of: a list (objections, consents, contacts), a request's reference, a bundle's id."),
    ] = ""
    place: Annotated[Line, about("Where it lies.", eg=("/srv/training/17.wav",))]
    why: Annotated[Note, about("Why; kept in the log.")]
    until: Annotated[
        date | None, about("The day by which it must be destroyed.", absent="after retention.copy_days")
    ] = None


@operation(CopiesAdd, "copies_add", roles=READERS)
def copies_add(folder: DataFolder, asked: CopiesAdd, caller: Caller) -> CopyEntered:
    """Enter a copy in clear: who has it, where, why, and until when.

    Raises ``UsageError`` where it is of nothing that the gate knows.
    """
    if not asked.why.strip() or not asked.place.strip():
        raise UsageError("a copy is entered with its place and a reason", hint="Example: --place FILE --why training")
    today = folder.today()
    until = asked.until or today + timedelta(days=folder.config.retention.copy_days)
    if until < today:
        raise UsageError(f"{until} is over", hint="Give the day by which the copy will be destroyed.")
    copy_id = folder.new_id()

    def work(tx: StoreTransaction) -> None:
        calls = _calls_in(tx, asked)
        body = CopyMade(
            what=asked.what.value,
            calls=calls,
            of=asked.of.strip(),
            place=asked.place.strip(),
            why=asked.why.strip(),
            until=until.isoformat(),
        )
        tx.append(folder.fact(body, copy_id, caller.actor))

    folder.store.call(work)
    return CopyEntered(copy_id, until)


def _calls_in(tx: StoreTransaction, asked: CopiesAdd) -> list[str]:
    """The calls that a copy is of. Raises ``UsageError``."""
    name, calls = asked.of.strip(), []
    for each in asked.recordings:
        rows = tx.values(tuple[str | None], "SELECT call_id FROM recordings WHERE recording_id = ?", [each])
        if not rows:
            raise UsageError(f"there is no recording {each}", hint="See: dialgate recording list")
        calls += [call_id for (call_id,) in rows if call_id]
    if asked.what is CopyKind.LIST and name not in LISTS:
        raise UsageError(f"{name or 'no name'} is no list", hint=f"Give one of {', '.join(LISTS)} with --of.")
    if asked.what is CopyKind.PACK:
        row = book.find(tx, name)
        if row is None:
            raise UsageError(f"there is no request {name}", hint="See: dialgate request list --all")
        scope = last(book.course(tx, row.id), Searched)
        calls += (scope.calls or []) if scope else []
    if asked.what is CopyKind.BUNDLE and not tx.values(
        int, "SELECT 1 FROM facts WHERE subject = ? AND kind = ?", [name, BundleExported.kind]
    ):
        raise UsageError(f"{name or 'no id'} is no bundle of this gate", hint="Give its id with --of BUNDLE.")
    if asked.what in (CopyKind.RECORDING, CopyKind.DATA) and not calls:
        raise UsageError("whose data is in it?", hint="Name the recordings that it was made of: --recording ID")
    return list(dict.fromkeys(calls))


class CopiesList(Request[Page[CopyRow]], frozen=True):
    """The ledger."""

    destroyed: Annotated[bool, about("Those that are destroyed too.")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000), about("How many, at most.")] = 50
    after: Annotated[Line | None, about("Go on after this; a page ends with it.")] = None
    as_of: AsOf = None


@operation(CopiesList, "copies_list", roles=READERS)
def copies_list(folder: DataFolder, asked: CopiesList, caller: Caller) -> Page[CopyRow]:
    """Copies in clear that are not destroyed, newest first: who made them, where they lie, why and until when."""
    return folder.store.call(lambda tx: copies_page(tx, asked.after, asked.limit, destroyed=asked.destroyed))


class CopyEnded(Response, frozen=True):
    """How the writing of a copy ended is in the log."""

    id: str


class CopiesEnded(Request[CopyEnded], frozen=True, kw_only=True):
    """A copy was written, or could not be."""

    copy_id: Annotated[Line, about("Id of the copy.", metavar="ID")]
    sha256: Annotated[Line, about("SHA-256 of the file, where it is one.")] = ""
    failed: Annotated[Note, about("Why there is no copy; empty: it is there, whole.")] = ""


@operation(CopiesEnded, "copies_ended", roles=READERS)
def copies_ended(folder: DataFolder, asked: CopiesEnded, caller: Caller) -> CopyEnded:
    """Enter how the writing of a copy ended: whole, with its digest, or that there is none. By who began it, once."""
    if not _DIGEST.fullmatch(asked.sha256):
        raise UsageError("a SHA-256 is 64 digits from 0 to 9 and a to f")

    def work(tx: StoreTransaction) -> None:
        begun = [each for each in open_copies(tx) if each.id == asked.copy_id and each.written_at is None]
        if not begun or begun[0].actor != caller.actor:
            raise UsageError(f"{asked.copy_id} is no copy that {caller.actor} is writing")
        written = CopyWritten(sha256=asked.sha256) if asked.sha256 else CopyWritten()
        body = CopyFailed(why=asked.failed.strip()) if asked.failed.strip() else written
        tx.append(folder.fact(body, asked.copy_id, caller.actor))

    folder.store.call(work)
    return CopyEnded(asked.copy_id)


class CopyGone(Response, frozen=True):
    """A copy is destroyed."""

    id: str
    open: int
    """Copies that are not destroyed yet."""


class CopiesDestroyed(Request[CopyGone], frozen=True, kw_only=True):
    """A copy was destroyed, with what proves it."""

    copy_id: Annotated[Line, about("Id of the copy, as copies list has it.", metavar="ID")]
    how: Annotated[Note, about("How, and what shows it.", eg=("shred -u on the agent's disk, ticket 4711",))]
    on: Annotated[
        date | None, about("The day it happened; an earlier day needs a file that proves it.", absent="today")
    ] = None
    evidence: Annotated[Line, about("The name of a file that proves it.")] = ""
    evidence_sha256: Annotated[Line, about("Its SHA-256.")] = ""


@operation(CopiesDestroyed, "copies_destroyed", roles=READERS)
def copies_destroyed(folder: DataFolder, asked: CopiesDestroyed, caller: Caller) -> CopyGone:
    """Enter that a copy in clear was destroyed, with its proof. A claimed day stands beside that of the entry."""
    if not asked.how.strip():
        raise UsageError("how was it destroyed?", hint="Example: --how 'shred -u, ticket 4711'")
    if not _DIGEST.fullmatch(asked.evidence_sha256) or bool(asked.evidence) != bool(asked.evidence_sha256):
        raise UsageError("a file proves by its name and its SHA-256, 64 digits from 0 to 9 and a to f")
    if asked.on and asked.on > folder.today():
        raise UsageError(f"{short_day(asked.on)} is in the future", hint="give the day on which it happened")
    if asked.on and asked.on < folder.today() and not asked.evidence:
        raise UsageError(
            f"{short_day(asked.on)} is before today, and nothing proves it",
            hint="Give a file that proves it, with --file; without --on it counts as destroyed today.",
        )

    def work(tx: StoreTransaction) -> CopyGone:
        found = [each for each in open_copies(tx) if each.id.startswith(asked.copy_id)] if asked.copy_id else []
        if len(found) != 1:
            raise UsageError(
                f"{asked.copy_id} is the beginning of {len(found)} copies that are not destroyed",
                hint="See: dialgate copies list",
            )
        body = CopyDestroyed(
            how=asked.how.strip(),
            on=(asked.on or folder.today()).isoformat(),
            **({"evidence": asked.evidence, "evidence_sha256": asked.evidence_sha256} if asked.evidence else {}),
        )
        tx.append(folder.fact(body, found[0].id, caller.actor))
        return CopyGone(found[0].id, len(open_copies(tx)))

    return folder.store.call(work)


def copy_warnings(folder: DataFolder) -> list[str]:
    """Copies in clear that are past their day."""
    today = folder.today().isoformat()
    late = [each for each in folder.read(open_copies) if each.until < today]
    if not late:
        return []
    return [
        f"{many(len(late), 'copy')} in clear should be destroyed, the first by {late[0].until}: "
        "dialgate copies list, then dialgate copies destroyed ID --how …"
    ]
