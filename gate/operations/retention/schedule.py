"""What is erased when: retention as it stands, the sweep, and the forecast."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec.structs import replace

from gate.core.rows import Page
from gate.core.rows.retention import DueRecording, RetentionNow, Sweep
from gate.operations.erasure.terms import TermSweep
from gate.operations.memory.place import SecondPlace
from gate.operations.operation import (
    EVERYBODY,
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Note,
    Paged,
    Request,
    Response,
    about,
    operation,
)

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


# --- as it stands ---------------------------------------------------------------------------------------------------


class RetentionStatus(Request[RetentionNow], frozen=True):
    """Terms, what is due and held, the last sweep."""

    as_of: AsOf = None


@operation(RetentionStatus, "retention_status", roles=EVERYBODY)
def retention_status(folder: DataFolder, _asked: RetentionStatus, _caller: Caller) -> RetentionNow:
    """Terms, what is due and what is held, the last sweep, and what keeps the next one waiting."""
    if folder.past is not None:
        return folder.retention.status()
    memory = folder.one(SecondPlace)
    return replace(
        folder.retention.status(),
        terms_wait=folder.one(TermSweep).waits(),
        memory_refused=memory.why,
        memory_waits=memory.debt,
    )


# --- the sweep ------------------------------------------------------------------------------------------------------


class RetentionSweep(Request[Sweep], frozen=True):
    """What a sweep would erase; with ``execute``, the digest of such a dry run, erase it."""

    execute: Annotated[
        Line | None, about("Erase what the dry run of this digest showed, and nothing else.", metavar="DIGEST")
    ] = None
    reason: Annotated[Note, about("Why it is done by hand; kept in the log.")] = ""


@operation(RetentionSweep, "retention_sweep", roles=KEEPERS, streams=True, final=True)
def retention_sweep(folder: DataFolder, asked: RetentionSweep, caller: Caller) -> Sweep:
    """Show what a sweep would erase now (a dry run), or with its digest erase that for good.

    Raises ``RefusedError``: ``plan_changed`` where it would not be what that dry run showed; ``sweep_running``.
    """
    if asked.execute is None:
        return folder.retention.plan().shown()
    return folder.retention.sweep(
        actor=caller.actor, digest=asked.execute, reason=asked.reason.strip(), progress=caller.progress
    )


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
    as_of: AsOf = None


@operation(RetentionForecast, "retention_forecast", roles=EVERYBODY)
def retention_forecast(folder: DataFolder, asked: RetentionForecast, _caller: Caller) -> Forecast:
    """Count the recordings that go on each of the next days; what should have gone before counts on today."""
    days = [ForecastDay(day=each.day, due=each.due, held=each.held) for each in folder.retention.forecast(asked.days)]
    return Forecast(days=days)


class RetentionDay(Paged[Page[DueRecording]], frozen=True):
    """The recordings that go on a day, held ones among them."""

    day: Annotated[date, about("List what is erased on this day, instead of counts.", "Day")]
    as_of: AsOf = None


@operation(RetentionDay, "retention_day", roles=READERS)
def retention_day(folder: DataFolder, asked: RetentionDay, _caller: Caller) -> Page[DueRecording]:
    """Recordings that go on a day, oldest first, held ones among them."""
    return folder.retention.on_day(asked.day, asked.after, asked.limit)
