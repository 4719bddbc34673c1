"""Sealed recordings: listed, handed out, verified. Whoever takes one leaves a leaf before the first byte."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.facts.recordings import Exported
from gate.core.retention import Kind
from gate.core.rows import Heading
from gate.core.rows.calls import CallRow, FactRow, ListedRecording, RecordingRow
from gate.errors import RefusedError, UsageError, VaultError
from gate.operations.erasure.recordings import hold_of
from gate.operations.operation import (
    EVERYBODY,
    READERS,
    AsOf,
    Back,
    Caller,
    Line,
    Masked,
    Moment,
    Note,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
    sorted_by,
)
from gate.store import kept, queries, search
from gate.store.search import recordings_window
from gate.vault.files import sealed_at
from gate.vault.reader import scan
from gate.vault.sealed_files import Lying

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

AGAIN: Final = timedelta(minutes=15)
"""A recording that is taken again so soon, by the same account for the same purpose, was taken once."""
PIECE: Final = 1 << 20
"""Bytes of a sealed file in one answer."""


class RecordingList(Paged[Page[ListedRecording]], frozen=True, kw_only=True):
    """A page of the recordings."""

    before: Back = None
    text: Annotated[
        Line | None,
        about(
            "Only those that fit: the beginning of an id, a state or a number, or part of who called. All words "
            "must fit."
        ),
    ] = None
    since: Annotated[Moment | None, about("Opened at this time or later.")] = None
    until: Annotated[Moment | None, about("Opened before this time.")] = None
    sort: Annotated[Line | None, sorted_by("at", "seconds")] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(RecordingList, "recording_list", roles=EVERYBODY)
def recording_list(folder: DataFolder, asked: RecordingList, caller: Caller) -> Page[ListedRecording]:
    """The recordings, newest first or sorted."""
    return folder.read(
        lambda tx: recordings_window(
            tx,
            asked.after,
            asked.before,
            asked.limit,
            asked.text,
            since=asked.since,
            until=asked.until,
            sort=asked.sort,
        )
    )


# --- handed out ----------------------------------------------------------------------------------------------------


class Wrap(Response, frozen=True):
    """The recording's key, wrapped to one recipient."""

    recipient: str
    wrap: str
    """Base64."""


class RecordingTaken(Response, frozen=True, kw_only=True):
    """What is needed to open a recording."""

    path: str
    """The sealed file, absolute."""
    wraps: list[Wrap]
    header: RecordingRow
    call: CallRow | None
    facts: list[FactRow]


class RecordingTake(Request[RecordingTaken], frozen=True, kw_only=True):
    """Hand out a sealed recording with its wraps, to be opened by the caller."""

    recording_id: Annotated[Line, about("Id of a recording.", metavar="ID", ids=("recording",))]
    purpose: Annotated[
        Note,
        about(
            "Why it is opened; kept in the log before the first byte.",
            "Why: kept in the log, for everybody who reads it",
            eg=("access request 17",),
        ),
    ]
    recipient: Annotated[
        Line, about("Id of the recipient whose private key will open it; of two, both with a space between.")
    ] = ""


@operation(RecordingTake, "recording_take", roles=READERS)
def recording_take(folder: DataFolder, asked: RecordingTake, caller: Caller) -> RecordingTaken:
    """Hand out a sealed recording with its wrapped keys. Who takes it, and for what, is logged before the answer.

    Whoever takes it again for the same purpose within a quarter of an hour, to hear it after its wave was drawn, has
    taken it once. The private key never comes to the gate: whoever asks opens the file with it. Raises
    ``RefusedError`` (``erased``, ``restricted``).
    """
    if not asked.purpose.strip():
        raise UsageError("a recording is taken for a purpose only", hint="Say it: --purpose 'complaint 17'.")
    _recording(folder, asked.recording_id)
    wraps = folder.keys.wraps(asked.recording_id)

    def take(tx: StoreTransaction) -> RecordingRow:
        row = _openable(tx, asked.recording_id, there=bool(wraps))
        body = Exported(call_id=row.call_id, purpose=asked.purpose, recipient=asked.recipient)
        if not search.taken_by(tx, asked.recording_id, caller.actor, body, folder.clock.now() - AGAIN):
            tx.append(folder.fact(body, asked.recording_id, caller.actor))
        return row

    row = folder.store.call(take)
    shown = folder.store.call(lambda tx: queries.call(tx, row.call_id or ""))
    return RecordingTaken(
        path=str(folder.files.at(_lying(row), row.sha256)),
        header=row,
        wraps=[Wrap(who, base64.b64encode(wrap).decode()) for who, wrap in wraps],
        call=shown.call if shown else None,
        facts=shown.facts if shown else [],
    )


def _openable(tx: StoreTransaction, recording_id: str, *, there: bool = True) -> RecordingRow:
    """The recording's row. Raises ``RefusedError`` where it may not be opened; ``there``: its key is."""
    row = queries.recording(tx, recording_id)
    if not there or row is None or row.state in ("erasing", "erased"):
        raise RefusedError(
            f"recording {recording_id} cannot be opened: its key is gone",
            reason="erased",
            hint="Erased recordings stay closed; that is what erasing means.",
        )
    for hold in map(hold_of, kept.holds_on(tx, [recording_id])):
        if hold.kind is Kind.RESTRICTION:
            raise RefusedError(
                f"recording {recording_id} may not be opened: {hold.name}",
                reason="restricted",
                hint="When the matter is settled: dialgate hold release",
            )
    return row


class RecordingPieceRead(Response, frozen=True, kw_only=True):
    """A piece of a sealed file."""

    data: str
    """Base64; empty at the end of the file."""
    size: int
    """Bytes of the whole file."""


class RecordingPiece(Request[RecordingPieceRead], frozen=True, kw_only=True):
    """A piece of the sealed file of a recording that this account has taken."""

    recording_id: Annotated[Line, about("Id of a recording.", metavar="ID", ids=("recording",))]
    offset: Annotated[int, msgspec.Meta(ge=0), about("Bytes of the file to pass over.")] = 0


@operation(RecordingPiece, "recording_piece", roles=READERS)
def recording_piece(folder: DataFolder, asked: RecordingPiece, caller: Caller) -> RecordingPieceRead:
    """Read a piece of a sealed file that the account has taken, where it may not read the gate's folder itself.

    It opens with the key alone, as the whole file does. Raises ``RefusedError`` (``not_taken``).
    """
    recording_id = asked.recording_id

    def look(tx: StoreTransaction) -> RecordingRow:
        if not search.taken_by(tx, recording_id, caller.actor):
            raise RefusedError(
                f"recording {recording_id} was not taken by {caller.actor}",
                reason="not_taken",
                hint="Take it first, with its purpose: dialgate recording export",
            )
        return _openable(tx, recording_id)

    _recording(folder, recording_id)
    row = folder.store.call(look)
    try:
        piece, size = folder.files.piece(_lying(row), asked.offset, PIECE)
    except UsageError as error:
        raise VaultError(f"recording {recording_id} has no file: {error.message}") from error
    except OSError as error:
        raise VaultError(f"the file of recording {recording_id} cannot be read: {error.strerror}") from error
    return RecordingPieceRead(data=base64.b64encode(piece).decode(), size=size)


# --- verified ------------------------------------------------------------------------------------------------------


class RecordingVerified(Response, frozen=True):
    """Whether one recording's file is the one in the log."""

    recording_id: str
    ok: Annotated[bool, Heading("Holds")]
    fault: str | None = None


class RecordingsVerified(Response, frozen=True):
    """Whether files are those in the log."""

    items: list[RecordingVerified]


class RecordingVerify(Request[RecordingsVerified], frozen=True, kw_only=True):
    """Compare sealed files with the digests in the log."""

    recording_id: Annotated[Line | None, about("Id of a recording.", ids=("recording",), absent="all of them")] = None


@operation(RecordingVerify, "recording_verify", roles=READERS)
def recording_verify(folder: DataFolder, asked: RecordingVerify, caller: Caller) -> RecordingsVerified:
    """Compare each recording's file with its digest in the log; no key is needed."""
    rows = [_recording(folder, asked.recording_id)] if asked.recording_id else _all_recordings(folder)
    return RecordingsVerified([RecordingVerified(row.recording_id, *_verified(folder, row)) for row in rows])


def _verified(folder: DataFolder, row: RecordingRow) -> tuple[bool, str | None]:
    if row.state in ("erasing", "erased"):
        there = sealed_at(folder.files.folder, row.path).exists()
        return not there, "erased, but its file is still there" if there else "erased"
    if row.state == "open":
        return True, "still being recorded"
    if not row.size:
        return True, "nothing was recorded"
    here = sealed_at(folder.files.folder, row.path).is_file()
    try:
        found = scan(folder.files.at(_lying(row), row.sha256))
        if not here:  # all that lie in the bucket would fill the disk
            folder.files.drop(row.path or "")
    except FileNotFoundError:
        return False, "the file is missing"
    except Exception as error:  # noqa: BLE001 - each file's fault is a row of the report, whatever it is
        return False, str(error)
    if found.sha256 != row.sha256:
        return False, "the file is not the one whose digest is in the log"
    return True, None


def _recording(folder: DataFolder, recording_id: str) -> RecordingRow:
    row = folder.store.call(lambda tx: queries.recording(tx, recording_id))
    if row is None:
        raise UsageError(f"there is no recording {recording_id}", hint="See: dialgate recording list")
    return row


def _all_recordings(folder: DataFolder) -> Iterator[RecordingRow]:
    after: str | None = None
    while True:
        page = folder.store.call(partial(queries.recordings_page, after=after, limit=1000))
        yield from page.items
        after = page.next
        if after is None:
            return


def _lying(row: RecordingRow) -> Lying:
    return Lying(row.path or "", row.stored_in)
