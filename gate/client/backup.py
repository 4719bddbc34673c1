"""A backup: data, keys, configuration and the files that it names, in the order in which nothing that is needed can be
missed.

``gate.db`` first: what it knows of is in what follows. Then the wrapped keys, in a set of their own: no recording that
the store knows lacks its keys. Then the sealed audio and the rest; what is secret of it is sealed to the recipients.
What is erased meanwhile is missing, as it must be.
"""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gate.client.backup_secrets import named_files, seal_secrets, sealed_to
from gate.client.backup_sets import Set, keep_proof, new_set
from gate.client.gate import Gate, pages
from gate.config import Config
from gate.errors import StoreError, UsageError
from gate.operations.backup.backup import BackupBegin, BackupDone, BackupKeys
from gate.types import Progress
from gate.vault.keystore import SCHEMA

CONFIG: Final = "config/config.toml"
FOLDERS: Final = ("checkpoints", "recipients", "registers", "prompts", "prompts_in", "recordings")
_ROOM: Final = "See that there is room and that it can be written; nothing is left of this backup."
_ADD: Final = "INSERT INTO wraps (recording_id, recipient_id, key_id, wrap, proven) VALUES (?, ?, ?, ?, ?)"


def back_up(gate: Gate, config: Config, path: Path, folder: Path, keys: Path, progress: Progress) -> dict[str, Any]:
    """Data folder and the configuration at ``path`` into a new ``folder``, wrapped keys into a new folder ``keys``.

    Returns what ``dialgate backup --json`` writes. Raises ``UsageError``, ``StoreError``, and what the gate raises.
    """
    folder, keys = folder.resolve(), keys.resolve()
    if keys.is_relative_to(folder) or folder.is_relative_to(keys):
        raise UsageError("the keys must not lie with the recordings", hint="name another disk, or another folder")
    begun = gate.ask(BackupBegin())
    said = {"id": begun.id, "made_at": begun.made_at, "verifier": _verifier(config.data)}
    with (
        new_set(folder, "data", **said) as data,
        new_set(keys, "keys", **said, until=begun.keys_until) as wrapped,
    ):
        progress(0.0, "the store")
        _copy_store(config.data / "gate.db", data)
        progress(0.2, "keys")
        count = _copy_keys(gate, wrapped)
        progress(0.4, "recordings and the rest")
        for name in FOLDERS:
            data.copy_all(config.data / name, f"data/{name}")
        data.copy(path, CONFIG)
        named = named_files(config)
        for name in named.plain:
            data.copy(Path(config.base) / name, f"config/{name}")
        seal_secrets(config, data, named.secret)
    files = len(data.files)
    done = BackupDone(id=begun.id, files=files, data_sha256=data.sha256, keys_sha256=wrapped.sha256)
    keep_proof((data, wrapped), gate.ask(done))
    return {
        "id": begun.id,
        "data": str(folder),
        "files": files,
        "keys": str(keys),
        "wrapped_keys": count,
        "keys_until": begun.keys_until,
        "sealed_to": sealed_to(data),
        "elsewhere": named.elsewhere,
    }


def _verifier(data: Path) -> str:
    try:
        return (data / "gate.key").read_text().partition("\n")[0]
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read: {error.strerror}", hint="run as the gate's account"
        ) from error


def _copy_store(source: Path, made: Set) -> None:
    """The store as one state, beside a gate that writes."""
    (made.folder / "data").mkdir()
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(made.folder / "data" / "gate.db")) as writing,
        ):
            reading.backup(writing, pages=4096, sleep=0)
    except sqlite3.Error as error:
        raise StoreError(
            f"{source} could not be copied to {made.folder.parent}: {error}",
            hint=_ROOM,
        ) from error
    made.note("data/gate.db")


def _copy_keys(gate: Gate, made: Set) -> int:
    (made.folder / "keys").mkdir()
    try:
        count = _wraps_into(gate, made.folder / "keys" / "keys.db")
    except sqlite3.Error as error:
        raise StoreError(
            f"the wrapped keys could not be copied to {made.folder.parent}: {error}", hint=_ROOM
        ) from error
    made.note("keys/keys.db")
    return count


def _wraps_into(gate: Gate, path: Path) -> int:
    count = 0
    with closing(sqlite3.connect(path)) as writing:
        writing.executescript(SCHEMA)
        for page in pages(gate, BackupKeys()):
            rows = [
                (each.recording_id, each.recipient_id, each.key_id, base64.b64decode(each.wrap), int(each.proven))
                for each in page.items
            ]
            writing.executemany(_ADD, rows)
            count += len(rows)
        writing.commit()
    return count
