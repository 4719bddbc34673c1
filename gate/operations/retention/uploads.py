"""Recordings that go to the bucket, where the configuration names one (``[bucket]``).

A file in the folder of recordings is sent once its recording is closed, and leaves the folder when the bucket gave it
back byte for byte and the log says so. While the bucket is away files stay, calls go on, and somebody is told. A file
that is not the one in the log is never sent. What was fetched again, to be heard or handed out, leaves after hours.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from gate.core.facts.recordings import RecordingStored
from gate.core.rows.calls import RecordingRow
from gate.core.rows.retention import KeptRecording
from gate.errors import GateError, VaultError
from gate.log import Logger
from gate.operations.erasure.recordings import recording_of
from gate.showing import local, many
from gate.store import kept
from gate.types import batched
from gate.vault.files import BucketAway, sealed_at

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

log = Logger()

GAP: Final = timedelta(hours=1)
"""A closed recording may wait so long for the bucket before somebody must see to it."""
FETCHED: Final = timedelta(hours=6)
"""How long a copy stays that was fetched from the bucket."""
ACTOR: Final = "gate"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Recordings that are closed and not in the bucket."""

    count: int = 0
    since: datetime | None = None
    """When the oldest of them was closed."""
    fault: str = ""
    """Why the last one did not get there; empty where none failed."""


class Uploads:
    """One look at a time. Blocking."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._one = threading.Lock()
        self.waiting = Waiting()
        """As the last look found it."""

    def look(self) -> None:
        """Send what is closed, and remove copies that are in the bucket. Raises ``GateError``, once every file was
        tried that could be."""
        files = self._folder.files
        if files.bucket is None:
            return
        with self._one:
            checked, usable, fault = False, True, None
            left: list[RecordingRow] = []
            for part in batched(files.each_here(), 500):
                for row in self._closed(dict(part)):
                    try:
                        if row.stored_at:
                            self._drop_fetched(row)
                            continue
                        if not checked:
                            checked, usable = True, False
                            files.bucket.check()
                            usable = True
                        if usable:
                            self._send(row)
                        else:  # the others are not asked about one by one, each with its time limit
                            left.append(row)
                    except GateError as error:
                        fault = error
                        usable = usable and not isinstance(error, BucketAway)
                        if not row.stored_at:
                            left.append(row)
            oldest = min((row.closed_at or "" for row in left), default="")
            since = datetime.fromisoformat(oldest) if oldest else None
            self.waiting = Waiting(len(left), since, fault.message if fault else "")
        if fault is not None:
            raise fault

    def waited(self) -> timedelta:
        """How long the oldest closed recording waits for the bucket; 0 where none does."""
        since = self.waiting.since
        return max(self._folder.clock.now() - since, timedelta()) if since else timedelta()

    def warnings(self) -> Iterator[str]:
        """What somebody must see to, in sentences."""
        settings, now = self._folder.config.bucket, self.waiting
        if now.since is None:
            return
        if self.waited() > GAP:
            yield (
                f"{many(now.count, 'recording', 'waits')} for the bucket since {local(now.since.isoformat())}: "
                f"{now.fault}. The folder of recordings keeps what waits, and calls go on."
            )
        disk = shutil.disk_usage(self._folder.config.data)
        if (used := 100 - disk.free * 100 // disk.total) >= settings.disk_mark_percent:
            yield (
                f"The disk is {used} % full with {many(now.count, 'recording')} not in the bucket yet: when it is"
                f" full no call can be recorded. {now.fault}."
            )

    # --- steps

    def _closed(self, paths: dict[str, str]) -> list[RecordingRow]:
        """Those of these that are closed and not to be erased, where their files lie."""
        rows = self._folder.store.call(partial(kept.rows, recording_ids=list(paths)))
        return [
            row
            for row in rows
            if row.closed_at and row.size and not row.erasing_at and row.path == paths[row.recording_id]
        ]

    def _send(self, row: RecordingRow) -> None:
        folder, path = self._folder, row.path or ""
        digest = _digest(sealed_at(folder.files.folder, path))
        if digest is None:  # it was erased meanwhile
            return
        if digest != row.sha256:
            raise VaultError(
                f"the file of recording {row.recording_id} is not the one in the log: it is not sent",
                hint="dialgate recording verify",
            )

        def standing(tx: StoreTransaction) -> list[KeptRecording]:
            return [each for each in kept.these(tx, [row.recording_id]) if not each.erasing_at]

        found = folder.store.call(standing)
        if not found:
            return
        last = folder.retention.terms.last_day(recording_of(found[0]))
        until = datetime.combine(last, time(), folder.retention.terms.timezone).astimezone(UTC)
        stored = folder.files.store(path, row.sha256 or "", until, lambda: bool(folder.store.call(standing)))
        if stored is None:
            return

        def keep(tx: StoreTransaction) -> None:
            body = RecordingStored(
                call_id=row.call_id,
                bucket=folder.files.bucket.place if folder.files.bucket else "",
                region=folder.config.bucket.region,
                version=stored.version or UNSET,
                locked_until=stored.locked_until.isoformat() if stored.locked_until else UNSET,
            )
            if standing(tx):
                tx.append(body.fact(row.recording_id, folder.clock.now(), ACTOR))

        folder.store.call(keep)
        folder.files.drop(path)

    def _drop_fetched(self, row: RecordingRow) -> None:
        path = sealed_at(self._folder.files.folder, row.path)
        with suppress(FileNotFoundError):  # it went meanwhile
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < self._folder.clock.now() - FETCHED:
                self._folder.files.drop(row.path or "")


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(f"{path.name} cannot be read: {error.strerror or error}") from error
