"""Data-subject requests in a running gate: what was begun is finished before the line opens, what is due is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from gate.core.deadlines import next_working_day
from gate.errors import GateError

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.operations.requests.request_watch import RequestWatch
    from gate.service.metrics import Metrics

log = structlog.get_logger()

LOOK_SECONDS = 60.0
"""How often deadlines are looked at."""


async def remind(folder: DataFolder, metrics: Metrics) -> None:
    """Keep the gauges of requests true, and log each day which of them are due; without end."""
    from gate.operations.requests.request_watch import RequestWatch
    from gate.store import requests

    # The library of public holidays takes a while to load: not on the store's thread, when the first request is opened.
    await asyncio.to_thread(next_working_day, folder.clock.now().date())
    watch = RequestWatch(folder.beside, requests, folder.clock)
    while True:
        await asyncio.to_thread(_look, watch, metrics)
        await asyncio.sleep(LOOK_SECONDS)


def _look(watch: RequestWatch, metrics: Metrics) -> None:
    try:
        now = watch.look()
    except GateError as error:
        log.error("requests_not_looked_at", error=str(error), hint=error.hint)
    except Exception:  # a guarded boundary: the next minute's look is tried all the same
        log.exception("requests_not_looked_at")
    else:
        metrics.requests_open.set(now["open"])
        metrics.requests_overdue.set(now["overdue"])
