"""A backup put back whole, what was erased since erased again, before a gate starts on it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from gate.client.backup_sets import Set, put, sync
from gate.clock import SystemClock, today
from gate.config import Config
from gate.control.actors import user
from gate.core.facts.audit import BackupRestored, MemoryReplayed
from gate.durable import whole_file
from gate.errors import StoreError, UsageError
from gate.operations.data_folder import DataFolder
from gate.store.lock import DataLock


def belong(data: Set, wrapped: Set, *, late: bool) -> None:
    """Raise ``UsageError`` where the keys are of another backup, or, unless ``late``, had to be destroyed by now."""
    if data.said.get("id") != wrapped.said.get("id"):
        raise UsageError("these keys were not made with this backup", hint="name the set of the same day")
    try:
        until = date.fromisoformat(str(wrapped.said.get("until")))
    except ValueError:
        raise StoreError(f"{wrapped.folder} does not say until when its keys may be kept") from None
    if today() > until and not late:
        raise UsageError(
            f"the keys in {wrapped.folder} had to be destroyed by the end of {until}",
            hint="receipts of erasures promise it; take a newer backup, or --late where there is none",
        )


def put_back(config: Config, data: Set, wrapped: Set) -> tuple[Path | None, int]:
    """Build the folder beside its place, then let it take that; where the old one lies now, and how many files."""
    target = config.data
    part = target.with_name(f".{target.name}.restoring")
    aside: Path | None = None
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        files = put(data, "data", part) + put(wrapped, "keys", part)
        (part / "recordings").mkdir(exist_ok=True, mode=0o700)
        sync(part)
        if target.exists() and any(target.iterdir()):
            with DataLock(target):  # raises where a gate runs on it
                if not config.storage.memory:
                    _carry_over(target / "checkpoints", part / "checkpoints")
                stamp = f"{SystemClock().now():%Y%m%dT%H%M%S}"
                aside = target.with_name(f"{target.name}.before-{stamp}")
                target.rename(aside)
        elif target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if aside is not None and not target.exists():
            aside.rename(target)
        raise StoreError(
            f"{target} could not be put back: {error.strerror}",
            hint="is there room? a folder that is a mount of its own must be emptied and unmounted first",
        ) from error
    except StoreError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return aside, files


def _carry_over(signed: Path, restored: Path) -> None:
    """The checkpoints of the folder that goes: they alone show that the backup is older, where no second place knows
    who has objected since. With them marketing waits until somebody has seen to it (``evidence_rolled_back``)."""
    restored.mkdir(exist_ok=True, mode=0o700)
    there = {path.name for path in restored.iterdir()}
    for path in signed.glob("*.txt"):
        if path.name not in there and path.is_file() and not path.is_symlink():
            with whole_file(restored / path.name) as file:
                file.write(path.read_bytes())


def replayed(folder: DataFolder, data: Set, files: int) -> dict[str, Any]:
    """What opening a data folder that was put back replayed of the memory journal, and what is left to see to. The log
    keeps that it was put back."""
    restored = BackupRestored(backup=data.said.get("id"), made_at=data.said.get("made_at"), files=files)
    folder.keep(restored, "backup", user(os.getuid()))
    outcome = folder.retention.at_start()
    rows = folder.read(
        lambda tx: tx.query(
            "SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index DESC LIMIT 1", [MemoryReplayed.kind]
        )
    )
    folder.trust.look()
    said: dict[str, Any] = json.loads(rows[0]["body"] or "{}") if rows else {}
    warnings = [*folder.trust.warnings(), *folder.memory.warnings()]
    if not folder.memory.configured:
        warnings.append(
            "No second place is configured (storage.memory): objections and erasures since the backup are not "
            "known here. Add them again first."
        )
    return {"replayed": said, "erased_again": outcome.erased, "warnings": warnings}
