"""What a running gate does beside the calls, again and again until it stops."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from gate.errors import GateError, RefusedError
from gate.operations.calls import against_refusal, one_sided
from gate.operations.lists import objections
from gate.operations.requests.reminding import RequestWatch
from gate.registers.snapshot_store import prune
from gate.store import search

if TYPE_CHECKING:
    from gate.calls.metrics import Metrics
    from gate.operations.data_folder import DataFolder

log = structlog.get_logger()


async def chore(
    work: Callable[[], object], failed: str, *, every: float, again: float = 0.0, first: float = 0.0
) -> None:
    """Do ``work`` on a thread after ``first`` seconds, then every ``every`` seconds, and ``again`` seconds after it
    failed (0: as ever); until cancelled. A failure is logged as ``failed`` and ends nothing."""
    await asyncio.sleep(first)
    while True:
        done = await asyncio.to_thread(attempt, work, failed)
        await asyncio.sleep(every if done else again or every)


def attempt(work: Callable[[], object], failed: str, **about: str) -> bool:
    """Do ``work`` once; False where it failed, which is logged as ``failed`` with ``about``."""
    try:
        work()
    except GateError as error:
        log.error(failed, error=str(error), hint=error.hint, **about)
        return False
    except Exception:  # a guarded boundary: one chore's fault ends neither the others nor the calls
        log.exception(failed, **about)
        return False
    return True


def sweep(folder: DataFolder, metrics: Metrics) -> None:
    """The day's sweep where it is due, and the gauge of one that waits for somebody to look. Raises ``GateError``."""
    try:
        folder.retention.daily()
        folder.terms.daily()
    except RefusedError as error:
        if error.reason == "retention_waits":
            metrics.retention_waits.set(1)
        raise
    metrics.retention_waits.set(0)


def measure(folder: DataFolder, metrics: Metrics, usage: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
    """Set the gauges of what changes slowly: limits in use, registers, the newest checkpoint, the disk."""
    with suppress(GateError):  # a line that does not answer shows in everything else
        metrics.usage(usage())
    metrics.registers(folder.registers.status(folder.today()))
    if checkpoint := folder.read(search.log_now)["checkpoint"]:
        age = folder.clock.now() - datetime.fromisoformat(checkpoint["at"])
        metrics.checkpoint_age.set(age.total_seconds())
    metrics.called_against_refusal.set(against_refusal.count(folder))
    metrics.one_sided_talks.set(one_sided.count(folder))
    counted = objections.held(folder)
    for trunk in folder.config.trunk:
        metrics.objections_held.labels(trunk.name).set(counted.get(trunk.name, 0))
    disk = shutil.disk_usage(folder.config.data)
    metrics.disk.set(disk.total)
    metrics.disk_free.set(disk.free)


def delete_superseded(folder: DataFolder) -> None:
    """Delete superseded snapshots of the registers whose time is over, whether or not new files come (LAW 2.5)."""
    for name in folder.config.calling.registers:
        attempt(
            lambda name=name: prune(folder.config.data / "registers", name, folder.clock.now()),  # type: ignore[misc]
            "superseded_not_deleted",
            register=name,
        )


def count_requests(watch: RequestWatch, metrics: Metrics) -> None:
    """Set the gauges of open and overdue requests; each day those that are due are logged."""
    now = watch.look()
    metrics.requests_open.set(now.open)
    metrics.requests_overdue.set(now.overdue)
