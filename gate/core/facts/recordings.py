"""Facts about recordings."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, field

from gate.core.facts.fact import (
    COLUMN,
    Body,
    Code,
    Column,
    Firm,
    From,
    Id,
    Maybe,
    Rests,
    Sort,
    Subject,
    Term,
    Time,
    TimeOr,
    Words,
    fact,
)


@fact(
    "recording_opened",
    "{subject} began[ from {from}]",
    Subject.RECORDING,
    makes=True,
    # One from elsewhere began before it was handed in: its months count from then.
    sets={"leaf_index": From.LEAF, "opened_at": TimeOr("began_at"), "calls.recording_id": From.SUBJECT},
)
class RecordingOpened(Body, frozen=True, kw_only=True):
    """A recording of a call begins, or one from elsewhere is sealed."""

    call_id: Annotated[Id, COLUMN]
    path: Annotated[Firm, COLUMN]
    key_id: Annotated[Id, COLUMN]
    recipients: Annotated[list[Id], COLUMN]
    purpose: Annotated[Code, COLUMN]
    """The purpose of the configuration."""
    commitments: Annotated[Maybe[dict[str, str]], Sort.ID] = UNSET
    """What its wraps are proven against."""
    origin: Maybe[Code] = field(name="from", default=UNSET)
    """``ingest`` or ``siprec``: it was not made by the gate's own call."""
    bound_by: Annotated[Maybe[Code], Column(later=True)] = UNSET
    """How its call was found: ``call_id``, ``decision``, ``number``, ``nothing``."""
    began_at: Maybe[Time] = UNSET
    source_sha256: Annotated[Maybe[Id], Column(later=True)] = UNSET
    codec: Maybe[Code] = UNSET
    rate: Maybe[int] = UNSET
    channels: Maybe[int] = UNSET
    client: Maybe[Firm] = UNSET
    source: Maybe[Firm] = UNSET
    announced_by: Maybe[Firm] = UNSET
    streams: Maybe[int] = UNSET


@fact(
    "recording_closed",
    "{subject} ended[ after {seconds:second}]{interrupted|, interrupted||}",
    Subject.RECORDING,
    sets={"closed_at": From.AT},
)
class RecordingClosed(Body, frozen=True, kw_only=True):
    """It is whole, or as whole as it can be."""

    call_id: Id
    sha256: Annotated[Id, COLUMN]
    size: Annotated[int, COLUMN]
    seconds: Annotated[float, COLUMN]
    chunks: Annotated[int, COLUMN]
    packets: Annotated[dict[str, int], Sort.CODE, COLUMN]
    gaps: Annotated[list[list[float]], COLUMN]
    interrupted: Annotated[bool, COLUMN]
    cause: Annotated[Code, COLUMN]
    ended_by: Maybe[Code] = UNSET
    talked: Annotated[Maybe[float], Column(later=True)] = UNSET
    """Seconds for which the parties heard each other until it ended, where that is known."""
    kept: Annotated[Maybe[float], Column(later=True)] = UNSET
    """Seconds whose audio it has; pauses, which are meant, and what was lost have none."""
    lost: Annotated[Maybe[list[list[float]]], Column(later=True)] = UNSET
    """From and to, in seconds from its beginning: what was said then is not in it."""
    silent: Annotated[Maybe[Code], Column(later=True)] = UNSET
    """The side from which nothing came in the whole talk: ``caller``, ``callee`` or ``both``."""


@fact(
    "recording_stored", "{subject} was stored in a bucket[: {bucket}]", Subject.RECORDING, sets={"stored_at": From.AT}
)
class RecordingStored(Body, frozen=True, kw_only=True):
    """Its sealed file lies in a bucket, where it was read again: the copy in the folder of recordings goes."""

    call_id: Id | None
    bucket: Annotated[Firm, Column("stored_in")]
    """``s3://BUCKET/PREFIX``."""
    region: Firm
    version: Maybe[Id] = UNSET
    locked_until: Maybe[Time] = UNSET
    """Until when nobody deletes it but by going past the lock."""


@fact("recording_paused", "{actor} paused {subject}", Subject.RECORDING, term=Term.CALLS)
class RecordingPaused(Body, frozen=True, kw_only=True):
    """Nothing is recorded from here on."""

    call_id: Id
    why: Maybe[Words] = UNSET
    """Where somebody asked who takes no part in the call."""
    seconds: Maybe[int] = UNSET
    """It is recorded again after so many, by itself; a later pause of the same call sets it anew."""


@fact("recording_resumed", "{actor} resumed {subject}[ after {paused:second}]", Subject.RECORDING, term=Term.CALLS)
class RecordingResumed(Body, frozen=True, kw_only=True):
    """It is recorded again."""

    call_id: Id
    why: Maybe[Words] = UNSET
    """Where somebody asked who takes no part in the call, or the time of their pause is over."""
    paused: Maybe[float] = UNSET
    """Seconds for which nothing was kept."""


@fact(
    "recording_erasing",
    "{actor} decided to erase {subject}[: {basis}]",
    Subject.RECORDING,
    sets={"erasing_at": From.AT},
)
class RecordingErasing(Body, frozen=True, kw_only=True):
    """Its erasure is decided: whoever finds it without its receipt goes on with it."""

    call_id: Id | None
    basis: Annotated[Code, Column("erasing_basis")]


@fact(
    "recording_erased",
    "{actor} erased {subject}[: {basis}]",
    Subject.RECORDING,
    sets={"erased_at": From.AT},
    outlives_restore=True,
)
class RecordingErased(Body, frozen=True, kw_only=True):
    """The receipt: key and file are gone."""

    call_id: Id | None
    key_id: Id | None
    basis: Code | None
    file: Code
    """``removed`` or ``not_there``."""
    backups_until: Time
    """The day until which a backup may hold the ciphertext."""


@fact("erased_came_back", "{subject} was there again in part, and was erased again[: {what}]", Subject.RECORDING)
class ErasedCameBack(Body, frozen=True, kw_only=True):
    """Something of an erased recording was there again, and is erased again."""

    call_id: Id | None
    what: Code
    """``file`` or ``keys``."""


@fact(
    "exported",
    "{actor} {bundle|put|opened|handed out} {subject}{bundle| into a bundle||}",
    Subject.RECORDING,
    term=Term.REQUESTS,
    rests=Rests.RECORD,
)
class Exported(Body, frozen=True, kw_only=True):
    """A recording was handed out: by itself for a purpose, or in a bundle."""

    call_id: Id | None
    recipient: Id
    purpose: Maybe[Words] = UNSET
    bundle: Maybe[Id] = UNSET


@fact(
    "copy_made",
    "{actor} began {subject}",
    Subject.COPY,
    term=Term.REQUESTS,
    makes=True,
    sets={"leaf_index": From.LEAF, "made_at": From.AT, "actor": From.ACTOR},
)
class CopyMade(Body, frozen=True, kw_only=True):
    """Something is about to lie in clear outside the gate's seal."""

    what: Annotated[Code, COLUMN]
    """``recording``, ``pack``, ``list``, ``bundle``, ``data``."""
    calls: Annotated[list[Id], COLUMN]
    """None are named for a list or a bundle."""
    of: Annotated[Code, COLUMN]
    """The list, the request's reference or the bundle's id; empty of a recording."""
    place: Annotated[Firm, COLUMN]
    """Where it lies."""
    why: Annotated[Words, COLUMN]
    until: Annotated[Time, COLUMN]
    """The day by which it is to be destroyed."""


@fact("copy_written", "{actor} wrote {subject}", Subject.COPY, sets={"written_at": From.AT})
class CopyWritten(Body, frozen=True, kw_only=True):
    """It lies there, whole."""

    sha256: Annotated[Maybe[Id], COLUMN] = UNSET
    """The SHA-256 of the file; none of standard output."""


@fact(
    "copy_failed",
    "{actor} did not write {subject}",
    Subject.COPY,
    term=Term.REQUESTS,
    sets={"destroyed_at": From.AT, "destroyed_by": From.ACTOR},
)
class CopyFailed(Body, frozen=True, kw_only=True):
    """It was not written: there is no copy."""

    why: Annotated[Words, Column("how")]


@fact(
    "copy_destroyed",
    "{actor} destroyed {subject}[ on {on}]",
    Subject.COPY,
    term=Term.REQUESTS,
    sets={"destroyed_at": From.AT, "destroyed_by": From.ACTOR},
)
class CopyDestroyed(Body, frozen=True, kw_only=True):
    """It is no more, with what shows it."""

    how: Annotated[Words, COLUMN]
    on: Annotated[Time, Column("destroyed_on")]
    """The day on which it happened, as was said; the fact has that of the entry."""
    evidence: Maybe[Firm] = UNSET
    """The name of a file that proves it."""
    evidence_sha256: Maybe[Id] = UNSET
