"""The drop folder of the registers: a licensee's daily file is imported when it has landed, the usual guarded way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from gate.config import Registers
from gate.converting import convert
from gate.daemon.chores import chore
from gate.operations.operation import Caller
from gate.operations.registers.importing import REGISTERS, RegisterImport, RegisterImported, register_import
from gate.registers.watch import DropFolder, FileOutcome

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder

log = structlog.get_logger()

Ask = Callable[[RegisterImport, "HandedOverFile"], RegisterImported]
"""Imports a file; raises ``GateError``."""
AGAIN_SECONDS = 60.0
"""How long after a look that failed."""


def drop_folder(section: Registers, folder: Path, ask: Ask, settle: float | None = None) -> DropFolder:
    """The folder as the configuration names its files."""

    def take(name: str, file: HandedOverFile) -> Mapping[str, Any]:
        fields = {"name": name, "path": file.said, "coverage": section.coverage, "once": True}
        report: Mapping[str, Any] = msgspec.to_builtins(ask(convert(fields, RegisterImport), file))
        return report

    names = {"tps": section.tps_names, "ctps": section.ctps_names}
    return DropFolder(folder.resolve(), names, section.settle_seconds if settle is None else settle, take)


async def watch(data: DataFolder) -> None:
    """Look at the configured drop folder until cancelled; at once back where there is none."""
    section = data.config.registers
    if not section.watch:
        return
    folder = drop_folder(
        section,
        data.config.path(section.watch),
        lambda asked, file: register_import(data, asked, Caller("gate:watch", file=file)),
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
        for name in REGISTERS:  # the gate does not wait for an import: its file is taken at the next start
            data.register_imports.cancel(name, "gate")


def look(folder: DropFolder, now: datetime) -> None:
    """Take what has landed, and log what became of each file. Raises ``GateError``."""
    for each in folder.look(time.monotonic(), now):
        _tell(each)


def _tell(outcome: FileOutcome) -> None:
    told = {"taken": log.info, "passed": log.warning}.get(outcome.state, log.error)
    counts = {key: outcome.report[key] for key in ("count", "as_of", "added", "removed") if key in outcome.report}
    told(f"register_{outcome.state}", register=outcome.name, file=str(outcome.file), why=outcome.why, **counts)
