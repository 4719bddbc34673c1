"""Superseded snapshots of the registers have their time, whether or not new files come (LAW 2.5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from gate.errors import GateError

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = structlog.get_logger()

EVERY_SECONDS = 6 * 3600.0


async def delete_superseded(folder: DataFolder) -> None:
    """Delete those whose time is over, at once and every few hours; without end."""
    while True:
        await asyncio.to_thread(look, folder)
        await asyncio.sleep(EVERY_SECONDS)


def look(folder: DataFolder) -> None:
    """Delete them now. Never raises: what went wrong is in the gate's log."""
    from gate.registers.importer import prune

    for name in folder.config.calling.registers:
        try:
            prune(folder.config.data / "registers", name, folder.clock.now())
        except GateError as error:
            log.error("superseded_not_deleted", register=name, error=str(error), hint=error.hint)
        except Exception:  # a guarded boundary: the next look is tried all the same
            log.exception("superseded_not_deleted", register=name)
