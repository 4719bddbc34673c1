"""The daily sweep in a running gate, beside the calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from gate.errors import GateError, RefusedError

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.service.metrics import Metrics

log = structlog.get_logger()

LOOK_SECONDS = 30.0
"""How often it is asked whether the day's sweep is to begin."""
AGAIN_SECONDS = 3600.0
"""How long after one that failed, or waits for somebody to look."""


async def sweep(folder: DataFolder, metrics: Metrics) -> None:
    """Sweep once a day, and keep the gauge of a sweep that waits; without end."""
    while True:
        done = await asyncio.to_thread(_sweep, folder, metrics)
        await asyncio.sleep(LOOK_SECONDS if done else AGAIN_SECONDS)


def _sweep(folder: DataFolder, metrics: Metrics) -> bool:
    try:
        folder.retention.daily()
    except GateError as error:
        log.error("retention_not_swept", error=str(error), hint=error.hint)
        if isinstance(error, RefusedError) and error.reason == "retention_waits":
            metrics.retention_waits.set(1)
        return False
    except Exception:  # a guarded boundary: what is due stays until the next look, and calls go on
        log.exception("retention_not_swept")
        return False
    metrics.retention_waits.set(0)
    return True
