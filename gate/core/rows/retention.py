"""Rows of retention: what goes when, what was swept, what is held."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import UNSET, UnsetType

from gate.core.retention import HoldGround
from gate.core.rows import Heading, Row


class RetentionTerms(Row, frozen=True):
    """How long recordings are kept."""

    months: int
    years: dict[str, int]
    """By class of call, where that is longer."""


class LastSweep(Row, frozen=True, kw_only=True):
    """The newest sweep, as the log has it: of an older version some counts may be missing."""

    day: date
    digest: str = ""
    due: int = 0
    erased: int = 0
    resumed: int = 0
    """Erasures that were begun before and are finished."""
    held: int = 0
    faults: int = 0
    """Files that would not go."""
    unknown_files: int = 0
    """Sealed files of which the log knows nothing."""
    complete: bool = True
    terms: RetentionTerms
    reason: str | UnsetType = UNSET
    """Why it was done by hand."""
    at: str
    actor: str


class RetentionNow(Row, frozen=True):
    """Retention as it stands."""

    terms: RetentionTerms
    sweep_at: str
    """Time of day of the daily sweep, ``HH:MM`` in London."""
    backup_days: int
    day: date
    due: int
    held: int
    """Due but for a hold."""
    unfinished: int
    """Erasures decided and not finished: a file would not go, or the gate died."""
    last: LastSweep | None
    waits: str
    """Why the daily sweep does not run; empty where it does."""
    terms_wait: str = ""
    """Why that of call records, requests and contacts does not."""
    memory_refused: str = ""
    """Why the second place that outlives a restore cannot be relied on, so that marketing is refused."""
    memory_waits: str = ""
    """Why acts wait to be written there."""


class HeldRecording(Row, frozen=True):
    """A recording that is due, and what keeps it."""

    recording_id: str
    hold: str
    """Name of the hold."""


class ErasureFault(Row, frozen=True):
    """A file that would not go. Its key is gone; the next sweep tries again."""

    recording_id: str
    code: str
    """``erased_file_still_there``."""
    fault: str


class Sweep(Row, frozen=True, kw_only=True, omit_defaults=True):
    """What a sweep would erase (a dry run), or what it erased. Lists have at most 1,000 entries, counts are of all."""

    dry_run: bool
    day: date
    digest: str
    """Stands for what is due: a sweep is bound to it."""
    due: int
    erased: int | None = None
    """None in a dry run, as all that follows without a word about it."""
    resumed: int | None = None
    held: int
    unfinished: int | None = None
    """Erasures begun before that go in any case; of a dry run only."""
    faults: int | None = None
    unknown_files: int | None = None
    complete: bool | None = None
    terms: RetentionTerms | None = None
    reason: str | None = None
    ok: bool | None = None
    """It is complete, and every file has gone."""
    fault_list: list[ErasureFault] | None = None
    due_ids: list[str] | None = None
    """Only from a dry run."""
    held_by: list[HeldRecording]


class DueRecording(Row, frozen=True):
    """A recording that goes on a day."""

    recording_id: str
    call_id: str | None
    opened_at: str
    purpose: str | None
    claimed_by: str | None
    """Who said what the call was for: ``account:alice``."""
    held: str | None
    """Name of the hold that keeps it; None where it goes."""


class KeptRecording(Row, frozen=True):
    """A recording that is not erased, with what the terms need of its call."""

    recording_id: str
    call_id: str | None
    opened_at: str
    path: str | None
    key_id: str | None
    erasing_at: str | None
    """Set: its erasure is decided."""
    erasing_basis: str | None
    at: str | None
    """The time of the call."""
    number: str | None
    purpose: str | None
    topic: str | None
    claimed_by: str | None
    stored_in: str | None = None
    """The bucket in which its sealed file lies, if it does."""
    joined: tuple[str, ...] = ()
    """Numbers of others who are heard in it: they were transferred to its call."""


class Tombstone(Row, frozen=True):
    """A recording that the log says is erased."""

    recording_id: str
    call_id: str | None
    key_id: str | None


class HoldRow(Row, frozen=True):
    """A hold or a restriction; what is personal in it is None where it was erased."""

    id: str
    made_at: Annotated[str, Heading("Put")]
    actor: Annotated[str | None, Heading("By")]
    kind: str
    target: Annotated[str, Heading("On")]
    recording_id: str | None
    call_id: str | None
    number: str | None
    reason: str | None
    reference: str | None
    released_at: str | None
    released_by: str | None
    released_why: str | None
    ground: HoldGround | None = None
    """None of a restriction, and of a hold of which nobody has said it."""
    law: str | None = None
    review_on: str | None = None


class CallPast(Row, frozen=True):
    """A call that is past its term and still says who was called; one that was recorded in parts has a row for each."""

    call_id: str
    at: str
    number: str | None


class RecordKept(Row, frozen=True):
    """What a fact is part of: a hold, an objection, a consent or a request."""

    record: str
    """Which of them."""
    id: str
    name: str
    """What people look it up by."""
    kind: str | None
    """The kind of a hold."""
    numbers: list[str] | None
    """It is about these; None where they were erased."""
    call_id: str | None
    """It belongs to this call."""
    in_force: bool
    person: str
    """Who asks or agreed; empty where nobody is named."""
    at: str
    """Since when it is."""
