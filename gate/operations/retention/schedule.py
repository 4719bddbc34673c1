"""What is erased when: retention as it stands, the sweep, and the forecast."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, UnsetType

from gate.converting import convert
from gate.operations.erasure.terms import TermSweep
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import (
    EVERYBODY,
    KEEPERS,
    READERS,
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

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class RetentionTerms(Response, frozen=True):
    """How long recordings are kept."""

    months: int
    years: dict[str, int]
    """By class of call, where that is longer."""


class HeldRecording(Response, frozen=True):
    """A recording that is due, and what keeps it."""

    recording_id: str
    hold: str
    """Name of the hold."""


class ErasureFault(Response, frozen=True):
    """A file that would not go. Its key is gone; the next sweep tries again."""

    recording_id: str
    code: str
    fault: str


# --- as it stands ---------------------------------------------------------------------------------------------------


class LastSweep(Response, frozen=True, kw_only=True):
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


class RetentionNow(Response, frozen=True, kw_only=True):
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


class RetentionStatus(Request[RetentionNow], frozen=True):
    """Terms, what is due and held, the last sweep."""


@operation(RetentionStatus, "retention_status", roles=EVERYBODY)
def retention_status(folder: DataFolder, _asked: RetentionStatus, _caller: Caller) -> RetentionNow:
    """Terms, what is due and what is held, the last sweep, and what keeps the next one waiting."""
    more = {
        "terms_wait": folder.one(TermSweep).waits(),
        "memory_refused": folder.one(SecondPlace).why,
        "memory_waits": folder.one(SecondPlace).debt,
    }
    return convert(folder.retention.status() | more, RetentionNow)


# --- the sweep ------------------------------------------------------------------------------------------------------


class Sweep(Response, frozen=True, kw_only=True, omit_defaults=True):
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
    """Of a dry run only."""
    held_by: list[HeldRecording]


class RetentionSweep(Request[Sweep], frozen=True):
    """What a sweep would erase; with ``execute``, the digest of such a dry run, erase it."""

    execute: Annotated[
        Line | None, about("Erase what the dry run of this digest showed, and nothing else.", metavar="DIGEST")
    ] = None
    reason: Annotated[Note, about("Why it is done by hand; kept in the log.")] = ""


@operation(RetentionSweep, "retention_sweep", roles=KEEPERS, streams=True)
def retention_sweep(folder: DataFolder, asked: RetentionSweep, caller: Caller) -> Sweep:
    """Show what a sweep would erase now (a dry run), or with its digest erase that for good.

    Raises ``RefusedError``: ``plan_changed`` where it would not be what that dry run showed; ``sweep_running``.
    """
    if asked.execute is None:
        return convert({"dry_run": True} | folder.retention.plan().as_row(), Sweep)
    done = folder.retention.sweep(
        actor=caller.actor, digest=asked.execute, reason=asked.reason.strip(), progress=caller.progress
    )
    return convert({"dry_run": False} | done, Sweep)


# --- the forecast ---------------------------------------------------------------------------------------------------


class ForecastDay(Response, frozen=True):
    """What goes on a day."""

    day: date
    due: int
    held: int


class Forecast(Response, frozen=True):
    """What goes on the next days; a day on which nothing goes is left out."""

    days: list[ForecastDay]


class RetentionForecast(Request[Forecast], frozen=True):
    """What goes on each of the next days."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3660), about("How far to look, in days.")] = 30


@operation(RetentionForecast, "retention_forecast", roles=EVERYBODY)
def retention_forecast(folder: DataFolder, asked: RetentionForecast, _caller: Caller) -> Forecast:
    """Count the recordings that go on each of the next days; what should have gone before counts on today."""
    days = [ForecastDay(day=each.day, due=each.due, held=each.held) for each in folder.retention.forecast(asked.days)]
    return Forecast(days=days)


class DueRecording(Response, frozen=True):
    """A recording that goes on a day."""

    recording_id: str
    call_id: str | None
    opened_at: str
    purpose: str | None
    claimed_by: str | None
    """Who said what the call was for: ``account:alice``."""
    held: str | None
    """Name of the hold that keeps it; None where it goes."""


class RetentionDay(Paged[Page[DueRecording]], frozen=True):
    """The recordings that go on a day, held ones among them."""

    day: Annotated[date, about("In place of counts: what goes on this day.", "Day")]


@operation(RetentionDay, "retention_day", roles=READERS)
def retention_day(folder: DataFolder, asked: RetentionDay, _caller: Caller) -> Page[DueRecording]:
    """Recordings that go on a day, oldest first, held ones among them."""
    return convert(folder.retention.on_day(asked.day, asked.after, asked.limit), Page[DueRecording])
