"""Signed heads of the log: made, listed, the key that signs them; an older state, or the clock, accepted knowingly;
the log verified, and a verification ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec.structs import asdict, replace

from gate.audit.heads import MOST_FAULTS
from gate.core.facts import audit as facts
from gate.core.facts.audit import EvidenceRestored
from gate.core.facts.retention import Beside
from gate.core.rows.audit import CheckpointRow, LogBehind, LogFault, LogVerified, VerifierKey
from gate.errors import GateError, StoppedError, StoreError, UsageError
from gate.log import Logger
from gate.operations.audit.signed_log import SignedCheckpoint
from gate.operations.data_folder import AT_ONCE, Cancellations
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import (
    ADMINS,
    EVERYBODY,
    READERS,
    AsOf,
    Back,
    Caller,
    Line,
    Note,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.store import search
from gate.store.memory import JournalAway

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


# --- made ----------------------------------------------------------------------------------------------------------


class AuditCheckpoint(Request[SignedCheckpoint], frozen=True):
    """Sign the log as it is now."""


@operation(AuditCheckpoint, "audit_checkpoint", roles=READERS)
def audit_checkpoint(folder: DataFolder, asked: AuditCheckpoint, caller: Caller) -> SignedCheckpoint:
    """Sign the log as it stands."""
    signed = folder.log.checkpoint()
    folder.trust.signed(signed.missed)
    return signed


# --- listed --------------------------------------------------------------------------------------------------------


class CheckpointsList(Paged[Page[CheckpointRow]], frozen=True):
    """A page of the signed heads of the log, newest first."""

    before: Back = None
    as_of: AsOf = None


@operation(CheckpointsList, "checkpoints_list", roles=EVERYBODY)
def checkpoints_list(folder: DataFolder, asked: CheckpointsList, caller: Caller) -> Page[CheckpointRow]:
    """Signed heads of the log, newest first, and where their files lie."""
    page = folder.read(lambda reader: search.checkpoints_window(reader, asked.after, asked.before, asked.limit))
    return replace(page, items=[replace(row, copies=folder.log.copies(row.size, row.note)) for row in page.items])


# --- the key that signs them ---------------------------------------------------------------------------------------


class AuditKey(Request[VerifierKey], frozen=True):
    """The verifier key, for auditors."""


@operation(AuditKey, "audit_key", roles=READERS)
def audit_key(folder: DataFolder, asked: AuditKey, caller: Caller) -> VerifierKey:
    """The verifier key, to be handed to auditors: what all signatures of this gate are checked with."""
    return folder.bundles.vkey()


# --- an older state accepted ---------------------------------------------------------------------------------------


class Restored(LogBehind, frozen=True):
    """The log after an older state of it was accepted, and what was given up."""

    size: int
    """Size of the log, signed anew."""
    rolled_back: bool
    """It still is behind a checkpoint."""


class AuditRestore(Request[Restored], frozen=True):
    """Go on with evidence that is older than what was signed: what came after it is given up."""

    reason: Annotated[Note, about("Why; kept in the log.")]


@operation(AuditRestore, "audit_restore", roles=ADMINS)
def audit_restore(folder: DataFolder, asked: AuditRestore, caller: Caller) -> Restored:
    """Go on with a store that is behind its checkpoints: the log says who, why, and which checkpoints are given up.

    Entries that only the newer state held are lost by it, objections among them. Raises ``UsageError`` where there
    is no reason, or the store is behind nothing.
    """
    if not asked.reason.strip():
        raise UsageError("an older state is accepted for a reason only", hint="Say it: --reason 'disk lost, backup'")
    given_up = folder.log.behind()
    if given_up is None:
        raise UsageError(
            "the evidence is behind no checkpoint: there is nothing to accept",
            hint="dialgate audit verify says what is wrong, where anything is",
        )
    places = [asdict(each) for each in given_up.places]
    accepted = EvidenceRestored(after=given_up.after, to=given_up.to, places=places)
    reason = Beside(of=accepted.kind, text=asked.reason)
    folder.store.call(lambda tx: [tx.append(folder.fact(body, "log", caller.actor)) for body in (accepted, reason)])
    signed = folder.log.checkpoint()
    return Restored(**asdict(given_up), size=signed.size, rolled_back=bool(folder.trust.look()))


# --- a clock that was ahead ----------------------------------------------------------------------------------------


class ClockAccepted(Response, frozen=True):
    """The machine's clock is believed again."""

    at: str
    """The time by it."""
    latest: str
    """What the log was dated until then, by a clock that was ahead."""
    clock_behind: bool
    """It still is."""


class AuditClock(Request[ClockAccepted], frozen=True):
    """The machine's clock is right, and entries of the log are dated later because it was ahead."""

    reason: Annotated[Note, about("Why; kept in the log.")]


@operation(AuditClock, "audit_clock", roles=ADMINS)
def audit_clock(folder: DataFolder, asked: AuditClock, caller: Caller) -> ClockAccepted:
    """Go on where entries of the log are dated later than now, because the clock was ahead and is right again.

    Raises ``UsageError`` where there is no reason, or the clock is behind nothing.
    """
    if not asked.reason.strip():
        raise UsageError("a clock is accepted for a reason only", hint="Say it: --reason 'a year ahead until 09:10'")
    folder.trust.look()
    latest = folder.trust.clock_behind
    if latest is None:
        raise UsageError("the clock is not behind the log: there is nothing to accept", hint="dialgate status")
    at = folder.clock.now().isoformat()
    folder.keep(facts.ClockAccepted(latest=latest.isoformat(), reason=asked.reason), "log", caller.actor)
    folder.log.checkpoint()
    folder.trust.look()
    return ClockAccepted(at=at, latest=latest.isoformat(), clock_behind=folder.trust.clock_behind is not None)


log = Logger()

Checkpoints = Annotated[
    list[tuple[Line, Annotated[str, msgspec.Meta(max_length=8000)]]],
    msgspec.Meta(max_length=100),
]
"""Checkpoints kept elsewhere: (where, signed note)."""


class AuditVerify(Request[LogVerified], frozen=True):
    """Recompute the whole evidence log from its rows."""

    vkey: Annotated[
        Note,
        about(
            "The gate's verifier key, as it is known from elsewhere.",
            "Verifier key, as you know it from elsewhere",
            metavar="KEY|FILE",
        ),
    ] = ""
    checkpoints: Annotated[
        Checkpoints,
        about(
            "Checkpoints kept elsewhere, each as a name and the signed note. The log must have grown from each.",
            "Checkpoints that you have kept",
        ),
    ] = msgspec.field(default_factory=list)


@operation(AuditVerify, "audit_verify", roles=READERS, streams=True)
def audit_verify(folder: DataFolder, asked: AuditVerify, caller: Caller) -> LogVerified:
    """Verify leaves, rows, root, checkpoints and the memory journal. That it was asked, and the answer, is kept.

    Raises ``StoppedError`` where it is ended by ``audit_cancel``.
    """
    with folder.one(verifications).running(caller.actor):
        heed = folder.one(verifications).checked(caller.actor, caller.progress, _stopped)
        heed(0.0, "the database file")
        report = _with_memory(folder, folder.log.verify(heed, asked.vkey, asked.checkpoints))
    body = facts.LogVerified(
        ok=report.ok,
        size=report.size,
        root=report.root,
        first_fault=msgspec.structs.asdict(report.first_fault) if report.first_fault else None,
    )
    try:
        folder.keep(body, "log", caller.actor)
    except StoreError as error:  # what was found must be told even where nothing can be kept any more
        log.error("not_noted", kind=body.kind, error=str(error))
    return report


def _with_memory(folder: DataFolder, report: LogVerified) -> LogVerified:
    """Add where the memory journal, the log and the rows contradict one another."""
    try:
        found = folder.one(SecondPlace).differences()
    except JournalAway as error:
        unknown = f"That the memory journal holds what the log does: {error}."
        return msgspec.structs.replace(report, not_proven=[*report.not_proven, unknown])
    if not found:
        return report
    faults = [*report.faults, *(LogFault(what="memory_differs", message=each, leaf_index=None) for each in found)]
    return msgspec.structs.replace(
        report,
        ok=False,
        first_fault=faults[0],
        faults=faults[:MOST_FAULTS],
        fault_count=report.fault_count + len(found),
        proven=[],
    )


def verifications(_folder: DataFolder) -> Cancellations:
    """Those under way, by who asked."""
    return Cancellations(
        lambda _: GateError(f"{AT_ONCE} verifications of yours are under way already", hint="wait for them")
    )


def _stopped(actor: str) -> StoppedError:
    return StoppedError(
        f"the verification was stopped by {actor}", hint="nothing is known of the log by it: verify again"
    )


class AuditCancelled(Response, frozen=True):
    """It ends."""


class AuditCancel(Request[AuditCancelled], frozen=True):
    """End a verification of one's own that is under way."""


@operation(AuditCancel, "audit_cancel", roles=READERS)
def audit_cancel(folder: DataFolder, asked: AuditCancel, caller: Caller) -> AuditCancelled:
    """End one's own verification that is under way: nothing is found then, and nothing kept."""
    if not folder.one(verifications).cancel(caller.actor, caller.actor):
        raise UsageError("no verification of yours is under way", hint="dialgate audit verify begins one")
    return AuditCancelled()
