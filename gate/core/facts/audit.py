"""Facts about the log itself, its checkpoints, and bundles of evidence."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, field

from gate.core.facts.fact import Body, Code, Firm, Id, Maybe, Rests, Sort, Subject, Term, Time, Words, fact


@fact("log_signed", "{actor} signed the log", Subject.LOG)
class LogSigned(Body, frozen=True, kw_only=True):
    """A checkpoint was signed: the index of this leaf and one is its size, the time is the checkpoint's."""

    earlier: Annotated[Maybe[dict[str, Any]], Sort.ID] = UNSET
    """Checkpoints from before there was such a leaf: how many, and a hash of all of them."""


@fact("log_verified", "{actor} verified the log[ of {size:leaf}]{ok|: it held|: it did not hold|}", Subject.LOG)
class LogVerified(Body, frozen=True, kw_only=True):
    """Somebody had the log verified."""

    ok: bool
    size: int
    root: Id
    first_fault: Annotated[dict[str, Any] | None, Sort.CODE]


@fact("checkpoint_mailed", "{actor} mailed the checkpoint of the day[ to {to}]", Subject.LOG)
class CheckpointMailed(Body, frozen=True, kw_only=True):
    """The day's checkpoint went to the firm's own address."""

    size: int
    to: Firm
    said: Firm
    """By the mail server."""


@fact(
    "evidence_restored",
    "{actor} went on with older evidence[: what was signed after leaf {after} is given up]",
    Subject.LOG,
    term=Term.STAYS,
    rests=Rests.LOG,
)
class EvidenceRestored(Body, frozen=True, kw_only=True):
    """The gate goes on with evidence that is older than what was signed."""

    after: int
    to: int
    places: Annotated[list[dict[str, Any]], Sort.FIRM]
    """Each with its ``place`` and the ``size`` of the checkpoint there."""
    reason: Maybe[Words] = UNSET
    """Before it was a fact of its own (``words``)."""


@fact("clock_accepted", "{actor} accepted the machine's clock again", Subject.LOG, term=Term.REQUESTS)
class ClockAccepted(Body, frozen=True, kw_only=True):
    """The machine's clock is believed again: what was dated before this leaf counts no more."""

    latest: Time
    reason: Words


@fact(
    "bundle_exported",
    "{actor} began {subject}[ of {from} to {to}]{evidence_only|, evidence alone||}",
    Subject.BUNDLE,
    term=Term.STAYS,
    rests=Rests.LOG,
)
class BundleExported(Body, frozen=True, kw_only=True):
    """A bundle of evidence is about to go out."""

    since: Time = field(name="from")
    to: Time
    recipient: Id
    recipient_purpose: Maybe[Code] = UNSET
    openers: Maybe[list[Id]] = UNSET
    reader: Maybe[Id] = UNSET
    """SHA-256 of the program in it that opens it."""
    evidence_only: Maybe[bool] = UNSET
    """It has no recordings, because none were asked for; only written where that is so."""
    purpose: Maybe[Words] = UNSET
    """Before it was a fact of its own (``words``)."""


@fact("bundle_signed", "{actor} signed {subject}", Subject.BUNDLE, rests=Rests.LOG)
class BundleSigned(Body, frozen=True, kw_only=True):
    """Its manifest is signed."""

    manifest_sha256: Id
    manifest_size: int
    checkpoint: int
    others: Annotated[Maybe[dict[str, int]], Sort.ID] = UNSET
    """Of a bundle over several logs: the checkpoint of each other one, by the log's number."""


@fact("backup_begun", "{actor} began a backup[, whose keys are to be destroyed by {keys_until}]", Subject.GATE)
class BackupBegun(Body, frozen=True, kw_only=True):
    """Wrapped keys are taken out for a backup."""

    keys_until: Time
    """The day by whose end they must be destroyed."""


@fact("backup_made", "{actor} finished a backup[ of {files:file}]", Subject.GATE)
class BackupMade(Body, frozen=True, kw_only=True):
    """It is whole."""

    files: int
    data_sha256: Id
    keys_sha256: Id


@fact("backup_restored", "{actor} put a backup back[, made {made_at}]", Subject.GATE)
class BackupRestored(Body, frozen=True, kw_only=True):
    """A backup was put back."""

    backup: Id | None
    made_at: Time | None
    files: int
    proven: Maybe[bool] = UNSET
    """By the leaf of the gate that made it; not in older logs."""


@fact("memory_renewed", "{actor} began a new memory journal", Subject.LOG, term=Term.REQUESTS)
class MemoryRenewed(Body, frozen=True, kw_only=True):
    """A new memory journal begins in the place of one that is lost or damaged."""

    reason: Words
    why: Firm


@fact("memory_completed", "{actor} completed the memory journal[ with {acts:act}]", Subject.LOG)
class MemoryCompleted(Body, frozen=True, kw_only=True):
    """Acts of the log that the memory journal lacked, though the store said that it holds them, are written into it."""

    acts: int


@fact("memory_replayed", "{actor} replayed the memory journal[: {entries:entry}]", Subject.LOG)
class MemoryReplayed(Body, frozen=True, kw_only=True):
    """Acts that the memory journal holds and the store lacked were kept."""

    entries: int
    holds_released: int
    holds: int
    objections: int
    withdrawals: int
    blocked: int
    recordings: int
    facts: int
    requests: int
    reopened: Maybe[list[Code]] = UNSET
    """References of open requests that the store lacked: each is opened again, without who asked."""
    gone: Maybe[list[Code]] = UNSET
    """References of requests that were over, and that the store lacked: none of them is given to another."""
    breaches: Maybe[list[Code]] = UNSET
    """References of breaches of which the store lacked steps: what was written of them is lost."""
    subscribers: Maybe[int] = UNSET
    """Notes of who has a line."""
    campaigns: Maybe[int] = UNSET
    """Stops and releases of campaigns."""
    abandoned: Maybe[int] = UNSET
    """Abandoned calls of the last days."""
