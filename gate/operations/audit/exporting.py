"""Exports to auditors: who may have one, what goes out, and the leaves that say so before the first byte does.

The bundle is written by whoever asks, beside the gate (``gate.exports.bundle_write``): private keys never come here.
What the gate does: it refuses recipients that are not on the register with a purpose, keeps the facts, gives out the
wrapped keys, and makes and signs all of the bundle that is signed: whoever asks adds recordings and their keys.

An account that may not read the gate's folder gets the parts of a bundle by piece, over the control socket. Whoever may
read it takes them where they lie.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from gate.converting import convert
from gate.core.evidence import log_of, stamp
from gate.core.facts.audit import BundleExported, BundleSigned
from gate.core.facts.gate import GateStarted
from gate.core.facts.recordings import Exported
from gate.core.facts.retention import Beside
from gate.core.retention import Hold, Kind
from gate.core.rows import keys
from gate.core.rows.audit import ForBundle, InPeriod, RecordingNow
from gate.core.rows.keys import Recipient
from gate.errors import AuditError, GateError, RefusedError, UsageError
from gate.exports.bundle import ELSEWHERE, NOT_ASKED, reader_sha256
from gate.operations.audit import bundles
from gate.operations.audit.bundles import Job, OtherLog, Wraps
from gate.operations.audit.checkpoints import Checkpoints
from gate.operations.audit.witnesses import Witnesses
from gate.operations.erasure.recordings import hold_of
from gate.operations.keys.recipients import must_be_logged
from gate.operations.operation import READERS, Caller, Cursor, Line, Moment, Note, Request, Response, about, operation
from gate.showing import local, many
from gate.store import kept
from gate.store.paging import no_place
from gate.store.queries import logs, marks
from gate.store.reader import Reader
from gate.store.transaction import StoreTransaction
from gate.vault.files import sealed_at
from gate.vault.sealed_files import Lying
from gate.vault.signing import public_pem

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


PAGE: Final = 100
"""Recordings of a page."""
_IN_PERIOD: Final = (
    "SELECT r.recording_id, r.call_id, r.key_id, r.path, r.sha256, r.size, r.state, r.closed_at, c.at, r.leaf_index,"
    " r.stored_in"
    " FROM calls AS c JOIN recordings AS r ON r.call_id = c.call_id"
    " WHERE c.at >= ? AND c.at < ? AND (c.at, c.call_id, r.leaf_index) > (?, ?, ?)"
    " ORDER BY c.at, c.call_id, r.leaf_index LIMIT ?"
)

# --- begun ---------------------------------------------------------------------------------------------------------


class ExportBegun(Response, frozen=True):
    """An export that the log has."""

    bundle: str
    recipient: Recipient
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    firm: str


class AuditExport(Request[ExportBegun], frozen=True):
    """Begin an export; refused unless its recipient is on the register with a purpose."""

    since: Annotated[Moment, about("The period's beginning.", "From, a day or a time")]
    until: Annotated[
        Moment, about("Its end: a day is included, a time is not.", "To, a day that is included, or a time that is not")
    ]
    recipient: Annotated[
        Line, about("Whom it is for, on the register with a purpose: id, name or fingerprint.", metavar="NAME|FILE")
    ]
    purpose: Annotated[
        Note,
        about(
            "Why it goes out; kept in the log before the first byte.",
            "Why it goes out, kept in the log",
            eg=("case 17/2026",),
        ),
    ]
    openers: Annotated[
        list[Line], msgspec.Meta(max_length=16), about("Ids of the private keys that whoever asks has at hand.")
    ] = msgspec.field(default_factory=list)
    evidence_only: Annotated[
        bool,
        about(
            "Leave out the recordings: all leaves, rows and proofs, for a key that cannot open them.",
            "Evidence alone, without recordings",
        ),
    ] = False


@operation(AuditExport, "audit_export", roles=READERS, streams=True)
def audit_export(folder: DataFolder, asked: AuditExport, caller: Caller) -> ExportBegun:
    """Begin an export of a period: refuse it, or keep the fact that it goes out.

    Raises ``RefusedError`` (``recipient_not_allowed``), and ``UsageError`` where there are recordings that neither the
    recipient nor the openers can open, and they were asked for.
    """
    if not asked.purpose.strip():
        raise UsageError("an export is made for a purpose only", hint="Say it: --purpose 'annual audit 2026'.")
    who, period = _asked(folder, asked)
    going = Exportable() if asked.evidence_only else _exportable(folder, period, who.id, asked.openers, caller)
    if going.closed:
        raise UsageError(
            f"recordings that are sealed neither to the recipient nor to a key that you gave: {going.closed:,}",
            hint="Give a private key that opens them with --key: it stays with you. Or leave all recordings out: "
            "--evidence-only.",
        )
    bundle = folder.new_id()
    begun = BundleExported(
        since=period[0],
        to=period[1],
        recipient=who.id,
        recipient_purpose=who.purpose,
        openers=asked.openers,
        reader=reader_sha256(),
        evidence_only=asked.evidence_only or UNSET,
    )
    purpose = Beside(of=begun.kind, text=asked.purpose)
    folder.store.call(lambda tx: [tx.append(folder.fact(body, bundle, caller.actor)) for body in (begun, purpose)])
    return ExportBegun(
        bundle=bundle,
        recipient=convert(who, Recipient),
        since=period[0],
        until=period[1],
        firm=folder.config.firm.legal_name,
    )


class Exportable(Response, frozen=True):
    """What an export would have of the recordings of its period."""

    recordings: int = 0
    """Those that it would have, if somebody could open them."""
    closed: int = 0
    """Those of them that neither the recipient nor the openers can open."""


class AuditExportable(Request[Exportable], frozen=True):
    """How many recordings an export would have, and how many of them could not be opened; nothing is begun."""

    since: Annotated[Moment, about("The period's beginning.")]
    until: Annotated[Moment, about("Its end: a day is included, a time is not.")]
    recipient: Annotated[Line, about("Whom it is for, on the register with a purpose: id, name or fingerprint.")]
    openers: Annotated[
        list[Line], msgspec.Meta(max_length=16), about("Ids of the private keys that whoever asks has at hand.")
    ] = msgspec.field(default_factory=list)


@operation(AuditExportable, "audit_exportable", roles=READERS, streams=True)
def audit_exportable(folder: DataFolder, asked: AuditExportable, caller: Caller) -> Exportable:
    """Count the recordings of a period that an export would have, and those that could not be opened.

    Raises ``RefusedError`` (``recipient_not_allowed``) and ``UsageError`` as the export itself.
    """
    who, period = _asked(folder, asked)
    return _exportable(folder, period, who.id, asked.openers, caller)


def _asked(folder: DataFolder, asked: AuditExport | AuditExportable) -> tuple[keys.Recipient, tuple[str, str]]:
    """The recipient and the period of an export that may be made. Raises ``RefusedError``, ``UsageError``."""
    if asked.since >= asked.until:
        raise UsageError("the period ends before it begins", hint="Give --from and --to, the latter not included.")
    if asked.until > folder.clock.now():
        ends = local(stamp(asked.until.astimezone(UTC)))
        raise UsageError(
            f"the period is not over: it ends {ends}",
            hint="Give an end that is past, a day or a time: what is still to come would be left out.",
        )
    who = _allowed(folder.keyring().recipients(), asked.recipient)
    must_be_logged(folder, who)
    return who, (stamp(asked.since.astimezone(UTC)), stamp(asked.until.astimezone(UTC)))


def _exportable(
    folder: DataFolder, period: tuple[str, str], recipient: str, openers: Sequence[str], caller: Caller
) -> Exportable:
    recordings, closed, looked, after = 0, 0, 0, ("", "", -1)
    while rows := _in_period(folder, period, after):
        ids = [row.recording_id for row in rows]
        held = folder.store.call(partial(_restrictions, ids=ids))
        for row in rows:
            goes = row.state in ("closed", "interrupted") and row.recording_id not in held
            wraps = folder.keys.wraps(row.recording_id) if goes else []
            recordings += bool(wraps)
            closed += bool(wraps) and not folder.bundles.openable(wraps, recipient, openers)
        after = (rows[-1].at, rows[-1].call_id, rows[-1].leaf_index)
        looked += len(rows)
        caller.progress(0.0, f"{many(looked, 'recording')} looked at")
    return Exportable(recordings=recordings, closed=closed)


# --- its recordings taken ------------------------------------------------------------------------------------------


class RecordingWrap(Response, frozen=True):
    """A recording's key, wrapped to one recipient."""

    recipient: str
    wrap: str
    """Base64."""


class ExportedRecording(InPeriod, frozen=True, kw_only=True):
    """A recording of the period, and what becomes of it; ``path`` is absolute."""

    status: str
    """See ``gate.exports.bundle.STATUSES``."""
    why: str
    wraps: list[RecordingWrap]
    """The wraps of one that goes out."""


class ExportPage(Response, frozen=True):
    """A page of the recordings of an export."""

    items: list[ExportedRecording]
    next: str | None
    """Give it as ``after`` for the page that follows; None at the end."""


class AuditExportTake(Request[ExportPage], frozen=True):
    """A page of the recordings of an export, with their wrapped keys."""

    bundle: Annotated[Line, about("Id of the bundle, as audit_export answered.")]
    after: Cursor = None


@operation(AuditExportTake, "audit_export_take", roles=READERS)
def audit_export_take(folder: DataFolder, asked: AuditExportTake, caller: Caller) -> ExportPage:
    """Take a page of the recordings of an export that has begun, each with what becomes of it.

    Those that go out come with their wrapped keys, after the leaf that says so.
    """
    begun = begun_export(folder, asked.bundle, caller.actor)
    rows = _in_period(folder, (begun.since, begun.to), _place(asked.after))
    wraps = {row.recording_id: folder.keys.wraps(row.recording_id) for row in rows}
    # before the log says that it went out
    there = {row.recording_id for row in rows if _is_there(folder, row, wraps[row.recording_id])}

    def take(tx: StoreTransaction) -> list[ExportedRecording]:
        ids = [row.recording_id for row in rows]
        states = {each.recording_id: each for each in _states(tx, ids)}
        held = _restrictions(tx, ids)
        items = []
        for row in rows:
            name = row.recording_id
            now = replace(row, **asdict(states[name]))
            restriction = held[name][-1].name if name in held else ""
            status, why = _status(now, restriction, wraps[name], name in there, tx.own, begun)
            if status == "included":
                body = Exported(call_id=row.call_id, recipient=begun.recipient, bundle=asked.bundle)
                tx.append(folder.fact(body, name, caller.actor))
            given = wraps[name] if status == "included" else ()
            found = asdict(now) | {"path": str(sealed_at(folder.files.folder, now.path)), "status": status, "why": why}
            shown = [RecordingWrap(who, base64.b64encode(wrap).decode()) for who, wrap in given]
            items.append(ExportedRecording(**found, wraps=shown))
        return items

    items = folder.store.call(take) if rows else []
    last = rows[-1] if len(rows) == PAGE else None
    return ExportPage(items=items, next=f"{last.at} {last.leaf_index} {last.call_id}" if last else None)


def _states(tx: StoreTransaction, ids: Sequence[str]) -> list[RecordingNow]:
    return tx.rows(
        RecordingNow,
        f"SELECT recording_id, state, sha256, size FROM recordings WHERE recording_id IN ({marks(ids)})",  # noqa: S608
        [*ids],
    )


# --- made ----------------------------------------------------------------------------------------------------------


class BundleMade(Response, frozen=True):
    """The signed part of a bundle."""

    folder: str
    """In the data folder: ``head`` and ``tail`` of the tar, with the recordings to be put between them."""
    checkpoint: int
    sha256: str
    """SHA-256 of the manifest."""
    size: int
    counts: dict[str, int]
    damaged: list[str]
    """Recordings whose file is not the one whose digest is in the log."""
    vkey: str
    reader: str
    """SHA-256 of the program in the bundle that opens it."""
    others: dict[str, str] = msgspec.field(default_factory=dict)
    """Of a bundle over several logs: the verifier key of each other one, by the log's number."""


class AuditExportMake(Request[BundleMade], frozen=True):
    """Make and sign a bundle, once every page of it was taken: all but its recordings, from the gate's own log."""

    bundle: Annotated[Line, about("Id of the bundle, as audit_export answered.")]
    checkpoints: Annotated[
        Checkpoints,
        about(
            "Checkpoints that its recipient holds, each as a name and the signed note. The log must have "
            "grown from each."
        ),
    ] = msgspec.field(default_factory=list)


@operation(AuditExportMake, "audit_export_make", roles=READERS, streams=True)
def audit_export_make(folder: DataFolder, asked: AuditExportMake, caller: Caller) -> BundleMade:
    """Make and sign all of a bundle but the recordings, once each of its pages has been taken.

    Everything in it is computed here, from the log as it is now: nothing that whoever asks has written is signed. Each
    of ``checkpoints`` must be one that this gate has signed. Raises ``UsageError`` where pages were left out, or the
    bundle was made before.
    """
    begun = begun_export(folder, asked.bundle, caller.actor)
    signed = folder.log.checkpoint()
    note = folder.one(Witnesses).cosigned(signed.size, signed.note)
    others = _other_logs(folder)
    made = folder.bundles.make(
        Job(
            bundle=asked.bundle,
            made=stamp(folder.clock.now()),
            firm=folder.config.firm.legal_name,
            checkpoint=note,
            size=signed.size,
            since=begun.since,
            until=begun.to,
            recipient=begun.recipient,
            number=log_of(folder.store.own.start),
            others=others,
            evidence_only=begun.evidence_only,
        ),
        _statuses(folder, asked.bundle, begun),
        asked.checkpoints,
        caller.progress,
    )

    def keep(tx: StoreTransaction) -> None:
        if tx.values(int, "SELECT 1 FROM facts WHERE subject = ? AND kind = ?", [asked.bundle, BundleSigned.kind]):
            raise UsageError(f"bundle {asked.bundle} is signed already", hint="export anew")
        body = BundleSigned(
            manifest_sha256=made.sha256,
            manifest_size=made.size,
            checkpoint=signed.size,
            others={str(each.number): each.size for each in others} or UNSET,
        )
        tx.append(folder.fact(body, asked.bundle, caller.actor))

    folder.store.call(keep)
    folder.bundles.sign(asked.bundle, made.sha256, made.folder)
    return BundleMade(
        **asdict(made),
        checkpoint=signed.size,
        vkey=folder.bundles.vkey().vkey,
        reader=reader_sha256(),
        others={str(each.number): each.vkey for each in others},
    )


def _other_logs(folder: DataFolder) -> list[OtherLog]:
    """The logs of the other gates of the database, each as its gate has signed it last, with what this gate's witnesses
    sign of it. Raises ``AuditError`` where one cannot be proven."""
    database, found = folder.place, []
    if isinstance(database, Path):
        return []
    for log in folder.read(logs):
        if log == log_of(folder.store.own.start):
            continue
        place = database.of_log(log)
        with Reader(place) as reader:
            newest = reader.values(tuple[int, str], "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
            given = [GateStarted.kind, reader.own.start, reader.own.stop]
            started = reader.values(tuple[dict[str, Any]], _STARTED, given)
        vkey = next((body.get("vkey") for (body,) in started), None)
        if not newest or not vkey:
            raise AuditError(
                f"log {log} of the database cannot be proven: its gate has "
                + ("not told the log which key it signs with" if newest else "signed nothing yet"),
                hint="start that gate once, with this version, and export again",
            )
        ((size, note),) = newest
        bundles.signed_checkpoint(f"the newest checkpoint of log {log}", note, vkey)
        note = folder.one(Witnesses).cosigned_of(place, size, note)
        pem = public_pem(vkey).decode()
        found.append(OtherLog(number=log, checkpoint=note, size=size, vkey=vkey, pem=pem))
    return found


_STARTED: Final = (
    "SELECT body FROM facts WHERE kind = ? AND leaf_index >= ? AND leaf_index < ? AND body IS NOT NULL"
    " ORDER BY leaf_index DESC LIMIT 1"
)


def _statuses(folder: DataFolder, bundle: str, begun: Begun) -> Iterator[ForBundle]:
    """What becomes of each recording of the period, page by page: what went out by the leaf that says so."""
    place, period = ("", "", -1), (begun.since, begun.to)
    while rows := _in_period(folder, period, place):
        wraps = {row.recording_id: folder.keys.wraps(row.recording_id) for row in rows}
        taken, held = folder.store.call(partial(_taken_and_restricted, bundle=bundle, ids=list(wraps)))
        for row in rows:
            name = row.recording_id
            there = name in taken or _is_there(folder, row, wraps[name])
            restriction = held[name][-1].name if name in held else ""
            status, why = _status(row, restriction, wraps[name], there, folder.store.own, begun)
            if name in taken and status != "included":
                raise UsageError(f"recording {name} is {status} by now", hint="export anew")
            if status == "included" and name not in taken:
                if (row.closed_at or "") < begun.at:
                    raise UsageError(f"recording {name} was not taken", hint="take every page, then have it made")
                status, why = "open", "it ended after the export had begun"
            if status == "included" and not row.stored_in:  # a backup may be older than its copy in the bucket
                folder.files.at(Lying(row.path or ""), row.sha256)
            found = asdict(row) | {"path": str(sealed_at(folder.files.folder, row.path))}
            yield ForBundle(**found, status=status, why=why, holds=[hold.id for hold in held.get(name, ())])
        place = (rows[-1].at, rows[-1].call_id, rows[-1].leaf_index)


def _taken_and_restricted(
    tx: StoreTransaction, bundle: str, ids: Sequence[str]
) -> tuple[set[str], dict[str, list[Hold]]]:
    """Those of these recordings that have gone out with this bundle, and the restrictions that bear on any."""
    gone = tx.values(
        str,
        f"SELECT subject FROM facts WHERE subject IN ({marks(ids)}) AND kind = ?"  # noqa: S608 - marks alone
        " AND (call_id IS NULL OR call_id <> subject) AND json_extract(body, '$.bundle') = ?",
        [*ids, Exported.kind, bundle],
    )
    return {*gone}, _restrictions(tx, ids)


# --- shared --------------------------------------------------------------------------------------------------------


def _in_period(folder: DataFolder, period: tuple[str, str], after: tuple[str, str, int]) -> list[InPeriod]:
    return folder.store.call(lambda tx: tx.rows(InPeriod, _IN_PERIOD, [*period, *after, PAGE]))


def _restrictions(tx: StoreTransaction, ids: Sequence[str]) -> dict[str, list[Hold]]:
    """Recording -> the restrictions that bear on it (LAW 4.7); recordings without one are left out."""
    found: dict[str, list[Hold]] = {}
    for recording_id in ids:
        for hold in map(hold_of, kept.holds_on(tx, [recording_id])):
            if hold.kind is Kind.RESTRICTION:
                found.setdefault(recording_id, []).append(hold)
    return found


class Begun(NamedTuple):
    """An export that was begun."""

    at: str
    since: str
    to: str
    recipient: str
    evidence_only: bool


def begun_export(folder: DataFolder, bundle: str, actor: str) -> Begun:
    """The export as it was begun by this actor. Raises ``UsageError`` where there is none."""
    sql = "SELECT at, body FROM facts WHERE subject = ? AND kind = ? AND actor = ? AND body IS NOT NULL"
    rows = folder.read(lambda reader: reader.values(tuple[str, str], sql, [bundle, BundleExported.kind, actor]))
    if not rows:
        raise UsageError(f"no export {bundle} of yours has begun", hint="dialgate audit export begins one")
    ((at, body),) = rows
    begun = BundleExported.read(json.loads(body))
    # still: it may have changed since
    must_be_logged(folder, _allowed(folder.keyring().recipients(), begun.recipient))
    return Begun(at, begun.since, begun.to, begun.recipient, begun.evidence_only is True)


def _allowed(register: Sequence[keys.Recipient], named: str) -> keys.Recipient:
    """The recipient on the register that exports may go to. Raises ``RefusedError``."""
    found = [row for row in register if named in (row.id, row.name, row.fingerprint)]
    if len(found) != 1:
        raise RefusedError(
            f"{named[:100]!r} names {'more than one' if found else 'nobody'} on the register of recipients",
            reason="recipient_not_allowed",
            hint="Exports go to registered recipients only: dialgate key list; dialgate key add FILE --purpose …",
        )
    row = found[0]
    if not row.purpose:
        raise RefusedError(
            f"{row.name!r} is on the register of recipients without a purpose: exports must not go to third parties",
            reason="recipient_not_allowed",
            hint=f"If it is a regulator, a court or an internal audit: dialgate key change {row.id} --purpose …",
        )
    if row.purpose == "data_subject":
        raise RefusedError(
            f"{row.name!r} is a data subject: the log of a period holds other people's calls",
            reason="recipient_not_allowed",
            hint="Answer with a data-subject pack: dialgate request",
        )
    return row


def _is_there(folder: DataFolder, row: InPeriod, wraps: Wraps) -> bool:
    return bool(row.size and wraps) and folder.files.is_there(Lying(row.path or "", row.stored_in))


def _status(row: InPeriod, restriction: str, wraps: Wraps, there: bool, own: range, begun: Begun) -> tuple[str, str]:
    """What becomes of a recording, and why; see ``gate.exports.bundle.STATUSES``. ``there``: its sealed file is;
    ``own``: the keys of this gate's log."""
    if row.state in ("erased", "erasing", "open"):
        return row.state, ""
    if not row.size or not row.path:
        return "empty", ""
    if restriction:
        return "restricted", restriction
    if row.leaf_index not in own and not (wraps and there):
        return ELSEWHERE, f"the gate of log {log_of(row.leaf_index)} keeps it"
    if not wraps:
        return "missing", "its wrapped keys are not in the key store"
    if not there:
        return "missing", "its sealed file is not in the folder of recordings"
    return NOT_ASKED if begun.evidence_only else "included", ""


def _place(after: str | None) -> tuple[str, str, int]:
    if after is None:
        return "", "", -1
    at, leaf, call = (*after.split(" ", 2), "", "")[:3]
    if not leaf.isdigit():
        raise no_place(after)
    return at, call, int(leaf)


PIECE: Final = 1 << 20
RECIPIENT: Final = "recipient"


class ExportPiece(Response, frozen=True, kw_only=True):
    """A piece of a part of a bundle."""

    data: str
    """Base64; empty at the end of the part."""


class AuditExportPart(Request[ExportPiece], frozen=True, kw_only=True):
    """A piece of a part of a bundle that this account has begun."""

    bundle: Annotated[Line, about("Id of the bundle, as audit_export answered.")]
    part: Annotated[
        Literal["recipient", "head", "tail"],
        about(
            "Which part: recipient is whom it is for, as the register has them; head and tail are what is "
            "around the recordings."
        ),
    ]
    offset: Annotated[int, msgspec.Meta(ge=0), about("Bytes of the part to pass over.")] = 0


@operation(AuditExportPart, "audit_export_part", roles=READERS)
def audit_export_part(folder: DataFolder, asked: AuditExportPart, caller: Caller) -> ExportPiece:
    """Read a piece of a bundle that the account has begun, where it may not read the gate's folder itself.

    Both parts are gone once the end of ``tail`` was read. Raises ``UsageError`` where no export of theirs has begun,
    or the bundle is not signed.
    """
    begun = begun_export(folder, asked.bundle, caller.actor)
    data = folder.config.data
    if asked.part == RECIPIENT:
        text = bundles.registered(data, begun.recipient).to_text().encode()
        return ExportPiece(data=base64.b64encode(text[asked.offset :]).decode())
    sql = "SELECT 1 FROM facts WHERE subject = ? AND kind = ?"
    if not folder.read(lambda reader: reader.values(int, sql, [asked.bundle, BundleSigned.kind])):
        raise UsageError(f"bundle {asked.bundle} is not signed yet", hint="take every page, then have it made")
    parts = data / "exports" / asked.bundle
    try:
        with (parts / asked.part).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(asked.offset)
            piece = file.read(PIECE)
    except OSError as error:
        raise GateError(f"the bundle's parts cannot be read: {error.strerror}", hint="export anew") from error
    if asked.part == "tail" and asked.offset >= size:
        shutil.rmtree(parts, ignore_errors=True)
    return ExportPiece(data=base64.b64encode(piece).decode())
