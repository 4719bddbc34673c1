"""A backup put back whole, what was erased since erased again, before a gate starts on it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from gate.client.backup import CONFIG, Set, put, put_one, sync, write_below
from gate.clock import SystemClock, today
from gate.config import Config
from gate.core.facts.audit import BackupRestored, MemoryReplayed
from gate.durable import whole_file
from gate.errors import StoreError, UsageError
from gate.operations.accounts import user
from gate.operations.data_folder import DataFolder
from gate.operations.keys.recipients import unlogged
from gate.operations.memory.place import SecondPlace
from gate.store.reader import DataLock


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


def take_configuration(path: Path, data: Set, secrets: Mapping[str, bytes]) -> list[str]:
    """Write the configuration of a set to a path where none is, with the files that it names, where none are; the names
    of those written. Raises ``StoreError``."""
    base, written = path.parent, []
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in data.under("config"):
            if f"config/{name}" != CONFIG and not os.path.lexists(base / name):
                put_one(data, f"config/{name}", base, name)
                written.append(name)
        for name, content in secrets.items():
            inside = name.removeprefix("config/")
            if inside != name and not os.path.lexists(base / inside):
                write_below(base, inside, content)
                written.append(inside)
        put_one(data, CONFIG, base, path.name)
    except (OSError, UsageError) as error:
        why = error.strerror if isinstance(error, OSError) else error.message
        raise StoreError(f"the configuration cannot be put back: {why}", hint="is there room?") from error
    return sorted(written)


def put_back(config: Config, data: Set, wrapped: Set, secrets: Mapping[str, bytes]) -> tuple[Path | None, int]:
    """Build the folder beside its place, then let it take that; where the old one lies now, and how many files.

    ``secrets``: those that were sealed in the set, by name. Raises ``StoreError``.
    """
    target = config.data
    part = target.with_name(f".{target.name}.restoring")
    aside: Path | None = None
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        files = put(data, "data", part) + put(wrapped, "keys", part)
        for name, content in secrets.items():
            if name.startswith("data/"):
                write_below(part, name.removeprefix("data/"), content)
                files += 1
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
    except UsageError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"{data.folder}: {error.message}", hint="somebody has changed the list of this set") from error
    except StoreError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return aside, files


def of_the_gate(secrets: Mapping[str, bytes], vkey: str) -> None:
    """Raise ``StoreError`` where the signing key of a set is not that of the gate with this verifier key."""
    found = secrets["data/gate.key"].partition(b"\n")[0].decode("utf-8", "replace")
    if found != vkey:
        raise StoreError(f"the gate.key of this set is another gate's: {found[:200]}", hint="take another backup")


def _carry_over(signed: Path, restored: Path) -> None:
    """The checkpoints of the folder that goes: they alone show that the backup is older, where no second place knows
    who has objected since. With them marketing waits until somebody has seen to it (``evidence_rolled_back``)."""
    restored.mkdir(exist_ok=True, mode=0o700)
    there = {path.name for path in restored.iterdir()}
    for path in signed.glob("*.txt"):
        if path.name not in there and path.is_file() and not path.is_symlink():
            with whole_file(restored / path.name) as file:
                file.write(path.read_bytes())


def replayed(folder: DataFolder, data: Set, files: int, *, proven: bool) -> dict[str, Any]:
    """What opening a data folder that was put back replayed of the memory journal, and what is left to see to. The log
    keeps that it was put back."""
    said_then = {"backup": data.said.get("id"), "made_at": data.said.get("made_at")}
    folder.keep(BackupRestored(**said_then, files=files, proven=proven), "backup", user(os.getuid()))
    outcome = folder.retention.at_start()
    rows = folder.read(
        lambda tx: tx.query(
            "SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index DESC LIMIT 1", [MemoryReplayed.kind]
        )
    )
    folder.trust.look()
    said: dict[str, Any] = json.loads(rows[0]["body"] or "{}") if rows else {}
    warnings = [*unlogged(folder), *folder.trust.warnings(), *folder.one(SecondPlace).warnings()]
    if not folder.one(SecondPlace).configured:
        warnings.append(
            "No second place is configured (storage.memory): objections and erasures since the backup are not "
            "known here. Add them again first."
        )
    return {"replayed": said, "erased_again": outcome.erased, "warnings": warnings}
