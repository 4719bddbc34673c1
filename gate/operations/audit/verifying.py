"""The evidence log verified, and a verification ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from gate.audit.report import MOST_FAULTS
from gate.core.facts import audit as facts
from gate.core.rows.audit import LogFault
from gate.errors import GateError, StoppedError, StoreError, UsageError
from gate.log import Logger
from gate.operations.audit.signed_log import LogVerified
from gate.operations.cancellation import AT_ONCE, Cancellations
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import READERS, Caller, Line, Note, Request, Response, about, operation
from gate.store.memory import JournalAway

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

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
        first_fault=msgspec.to_builtins(report.first_fault),
    )
    try:
        folder.keep(body, "log", caller.actor)
    except StoreError as error:  # what was found must be told even where nothing can be kept any more
        log.error("not_noted", kind=body.kind, error=str(error))
    return report


def _with_memory(folder: DataFolder, report: LogVerified) -> LogVerified:
    """With what the memory journal, the log and the rows say otherwise than one another."""
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
