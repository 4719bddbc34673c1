"""The drop folder of the registers: a licensee's daily file is imported when it has landed, the usual guarded way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from gate.config import Registers
from gate.daemon.chores import chore
from gate.errors import GateError

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder
    from gate.registers.watch import DropFolder, Outcome

log = structlog.get_logger()

AGAIN_SECONDS = 60.0
"""How long after a look that failed."""


def drop_folder(
    section: Registers, folder: Path, register_import: Callable[..., Mapping[str, Any]], settle: float | None = None
) -> DropFolder:
    """The folder as the configuration names its files. ``register_import`` takes the fields of that operation."""
    from gate.registers.watch import DropFolder

    def take(name: str, file: HandedOverFile) -> Mapping[str, Any]:
        return register_import(name=name, file=file, coverage=section.coverage, once=True)

    names = {"tps": section.tps_names, "ctps": section.ctps_names}
    return DropFolder(folder.resolve(), names, section.settle_seconds if settle is None else settle, take)


async def watch(data: DataFolder) -> None:
    """Look at the configured drop folder until cancelled; at once back where there is none."""
    section = data.config.registers
    if not section.watch:
        return
    folder = drop_folder(
        section, data.config.path(section.watch), partial(data.desk.register_import, actor="gate:watch")
    )
    log.info("registers_watched", folder=str(folder.folder))
    try:
        await chore(
            lambda: look(folder, data.clock.now()),
            "registers_not_watched",
            every=section.poll_seconds,
            again=AGAIN_SECONDS,
        )
    finally:
        for name in ("tps", "ctps"):  # the gate does not wait for an import: its file is taken at the next start
            with suppress(GateError):
                data.desk.register_cancel(name=name, actor="gate")


def look(folder: DropFolder, now: datetime) -> None:
    """Take what has landed, and log what became of each file. Raises ``GateError``."""
    for each in folder.look(time.monotonic(), now):
        _tell(each)


def _tell(outcome: Outcome) -> None:
    told = {"taken": log.info, "passed": log.warning}.get(outcome.state, log.error)
    counts = {key: outcome.report[key] for key in ("count", "as_of", "added", "removed") if key in outcome.report}
    told(f"register_{outcome.state}", register=outcome.name, file=str(outcome.file), why=outcome.why, **counts)
