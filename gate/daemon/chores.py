"""What a running gate does beside the calls, again and again until it stops: measured, swept, counted; the drop folder
of the registers and the folder of recordings from elsewhere looked into; the log signed, compared with every place
where its checkpoints lie, and its newest checkpoint mailed once a day (``storage.checkpoints_mail``).
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gate.clock import Clock
from gate.config import Config
from gate.core.facts.audit import CheckpointMailed
from gate.core.rows.calls import UsageRow
from gate.errors import GateError, RefusedError
from gate.exports.mail import MailError, checkpoint_mail, send
from gate.operations.audit.witnesses import Witnesses
from gate.operations.breaches import breach_warnings
from gate.operations.calls.campaigns import over_alarm, rates_of_day, standing
from gate.operations.calls.warnings import count_against_refusal, count_one_sided
from gate.operations.erasure.terms import TermSweep
from gate.operations.ingest.ingesting import RecordingIngest, RecordingIngested, recording_ingest
from gate.operations.lists import objections
from gate.operations.operation import Caller
from gate.operations.registers.importing import (
    REGISTERS,
    drop_folder,
    imports_under_way,
    register_import,
)
from gate.operations.requests.standing import RequestWatch
from gate.operations.retention.uploads import Uploads
from gate.registers.snapshot_store import prune
from gate.registers.watch import DropFolder, FileOutcome
from gate.store import search
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.calls.metrics import Metrics
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder
    from gate.operations.ingest.folder import IngestFolder


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
        folder.one(TermSweep).daily()
    except RefusedError as error:
        if error.reason == "retention_waits":
            metrics.retention_waits.set(1)
        raise
    metrics.retention_waits.set(0)


def measure(folder: DataFolder, metrics: Metrics, usage: Callable[[], Sequence[UsageRow]]) -> None:
    """Set the gauges of what changes slowly: limits in use, registers, the newest checkpoint, the disk."""
    with suppress(GateError):  # a line that does not answer shows in everything else
        metrics.usage(usage())
    metrics.registers(folder.registers.status(folder.today()))
    if checkpoint := folder.read(search.log_now).checkpoint:
        age = folder.clock.now() - datetime.fromisoformat(checkpoint.at)
        metrics.checkpoint_age.set(age.total_seconds())
    metrics.unwitnessed.set(folder.one(Witnesses).waited().total_seconds())
    metrics.unstored.set(folder.one(Uploads).waited().total_seconds())
    metrics.breaches_due.set(len(breach_warnings(folder)))
    metrics.called_against_refusal.set(count_against_refusal(folder))
    metrics.one_sided_talks.set(count_one_sided(folder))
    today = rates_of_day(folder, folder.today())
    metrics.campaigns(today, len(over_alarm(folder, today)), len(standing(folder)))
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


AGAIN_SECONDS = 60.0
"""How long after a look that failed."""


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
            lambda: look_for_registers(folder, data.clock.now()),
            "registers_not_watched",
            every=section.poll_seconds,
            again=AGAIN_SECONDS,
        )
    finally:
        for name in REGISTERS:  # the gate does not wait for an import: its file is taken at the next start
            data.one(imports_under_way).cancel(name, "gate")


def look_for_registers(folder: DropFolder, now: datetime) -> None:
    """Take what has landed, and log what became of each file. Raises ``GateError``."""
    for each in folder.look(time.monotonic(), now):
        _log_outcome(each)


def _log_outcome(outcome: FileOutcome) -> None:
    level = {"taken": log.info, "passed": log.warning}.get(outcome.state, log.error)
    counts = {key: getattr(outcome.report, key, None) for key in ("count", "as_of", "added", "removed")}
    counts = {key: str(value) if key == "as_of" else value for key, value in counts.items() if value is not None}
    level(f"register_{outcome.state}", register=outcome.name, file=str(outcome.file), why=outcome.why, **counts)


POLL_SECONDS = 2.0
"""How long after a look that failed."""


async def watch_recordings(data: DataFolder, watched: IngestFolder) -> None:
    """Look at the configured folder until cancelled; at once back where there is none."""
    if watched.folder is None:
        return
    log.info("recordings_watched", folder=str(watched.folder))
    await chore(
        partial(look_for_recordings, data, watched), "recordings_not_watched", every=POLL_SECONDS, again=AGAIN_SECONDS
    )


def look_for_recordings(data: DataFolder, watched: IngestFolder) -> None:
    """Hand in what has landed, and log what became of each, without its name: that holds a number."""

    def ask(asked: RecordingIngest, file: HandedOverFile) -> RecordingIngested:
        return recording_ingest(data, asked, Caller("gate:ingest", file=file))

    for outcome in watched.look(time.monotonic(), ask):
        if outcome.sealed is None:
            log.error("recording_not_ingested", why=outcome.why)
        else:
            sealed = outcome.sealed
            log.info("recording_ingested", recording=sealed.recording_id, call=sealed.call_id, bound_by=sealed.bound_by)


class CheckpointPost:
    """Sends at most one a day (UTC). What was sent is a fact: a restart sends none twice."""

    def __init__(self, config: Config, store: EvidenceStore, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock

    def look(self) -> bool:
        """Send today's if it is due; whether one was sent. Raises ``GateError``."""
        now = self._clock.now()
        head = self._store.call(lambda tx: _due(tx, now))
        if head is None:
            return False
        self._send(*head, now)
        return True

    def _send(self, size: int, note: str, now: datetime) -> None:
        to = self._config.storage.checkpoints_mail
        name = note.partition("\n")[0]
        mail = checkpoint_mail(note, log=name, size=size, sender=self._config.mail_sender, to=to, now=now)
        try:
            said = send(to, mail, self._config).said
        except MailError as error:
            if not error.uncertain:
                raise
            said = error.message  # it may have arrived; another one comes tomorrow
        body = CheckpointMailed(size=size, to=to, said=said)
        self._store.call(lambda tx: tx.append(body.fact("log", now, "gate")))


def _due(tx: StoreTransaction, now: datetime) -> tuple[int, str] | None:
    """Size and note of the newest checkpoint, where none was mailed today. One that was mailed on a day to come holds
    none back: the clock was ahead."""
    last = tx.values(
        datetime,
        "SELECT at FROM facts WHERE subject = 'log' AND (call_id IS NULL OR call_id <> subject) AND kind = ?"
        " AND leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index DESC LIMIT 1",
        [CheckpointMailed.kind, tx.own.start, tx.own.stop],
    )
    if last and last[0].date() == now.date():
        return None
    sql = "SELECT size, note FROM checkpoints WHERE size > 0 ORDER BY size DESC LIMIT 1"
    return next(iter(tx.values(tuple[int, str], sql)), None)


class Signer:
    """Reports the outcome to the folder's ``trust``. Neither from the line nor from the store thread."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def compare(self) -> None:
        """Compare the store with what was signed last. Where that fails, it is tried again each day."""
        try:
            self._folder.trust.look()
        except (GateError, OSError) as error:
            log.error("checkpoints_not_compared", error=str(error))

    def sign(self) -> bool:
        """Whether the log is signed as it stands. Where it could not be, whether it still is the log that was signed
        is looked at again: that is what a signature is refused for."""
        try:
            missed = self._folder.log.checkpoint().missed
        except GateError as error:
            log.error("not_signed", error=str(error), hint=error.hint)
            return self._not_signed(str(error))
        except Exception as error:  # a guarded boundary: whatever it was, the next minute's checkpoint is tried again
            log.exception("not_signed")
            return self._not_signed(repr(error))
        for each in missed:
            log.warning("checkpoint_copy_missed", why=each)
        self._folder.trust.signed(missed)
        return True

    def _not_signed(self, why: str) -> bool:
        try:
            self._folder.trust.not_signed(why)
        except GateError as error:
            log.error("not_signed", error=str(error))
        self.compare()
        return False
