"""The watched folder of recordings from elsewhere: what has landed is sealed, and its clear file removed."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.daemon.chores import chore
from gate.operations.ingest.ingesting import RecordingIngest, RecordingIngested, recording_ingest
from gate.operations.operation import Caller

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder
    from gate.operations.ingest.folder import IngestFolder

log = structlog.get_logger()

POLL_SECONDS = 2.0
AGAIN_SECONDS = 60.0
"""How long after a look that failed."""


async def watch_recordings(data: DataFolder, watched: IngestFolder) -> None:
    """Look at the configured folder until cancelled; at once back where there is none."""
    if watched.folder is None:
        return
    log.info("recordings_watched", folder=str(watched.folder))
    await chore(partial(look, data, watched), "recordings_not_watched", every=POLL_SECONDS, again=AGAIN_SECONDS)


def look(data: DataFolder, watched: IngestFolder) -> None:
    """Hand in what has landed, and log what became of each, without its name: that holds a number."""

    def ask(asked: RecordingIngest, file: HandedOverFile) -> RecordingIngested:
        return recording_ingest(data, asked, Caller("gate:ingest", file=file))

    for outcome in watched.look(time.monotonic(), ask):
        if outcome.sealed is None:
            log.error("recording_not_ingested", why=outcome.why)
        else:
            sealed = outcome.sealed
            log.info("recording_ingested", recording=sealed.recording_id, call=sealed.call_id, bound_by=sealed.bound_by)
