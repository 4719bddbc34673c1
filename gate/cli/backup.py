"""``dialgate backup``: data, keys and configuration, in the order in which nothing that is needed can be missed.

``gate.db`` first: what it knows of is in what follows. Then the wrapped keys, in a set of their own: no recording that
the store knows lacks its keys. Then the sealed audio and the rest. What is erased meanwhile is missing, as it must be.
"""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from gate.cli.backup_sets import Set, new_set
from gate.cli.command import make
from gate.cli.output import View, say
from gate.cli.reach import Gate, pages, reach
from gate.errors import StoreError, UsageError
from gate.operations.backup.backup import BackupBegin, BackupDone, BackupKeys
from gate.vault.keyrows import SCHEMA

FILES: Final = ("number.key", "gate.key")
FOLDERS: Final = ("checkpoints", "recipients", "registers", "prompts", "recordings")
_ROOM: Final = "See that there is room and that it can be written; nothing is left of this backup."
_ADD: Final = "INSERT INTO wraps (recording_id, recipient_id, key_id, wrap, proven) VALUES (?, ?, ?, ?, ?)"


@make("backup", example="dialgate backup /mnt/backup/2027-03-02 --keys /mnt/keys/2027-03-02")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    "keys",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A new folder for the wrapped keys: on another disk than DIR, and destroyed in time.",
)
def command(view: View, folder: Path, keys: Path) -> None:
    """Back up data folder and configuration into DIR, and the wrapped keys of recordings into a set of their own.

    Goes beside a running gate, from the gate's own account. The keys must be destroyed within retention.backup_days:
    until then a recording that is erased could still be opened from the two sets together. Secrets (passwords, private
    keys) are not in it.
    """
    folder, keys = folder.resolve(), keys.resolve()
    if keys.is_relative_to(folder) or folder.is_relative_to(keys):
        raise UsageError("the keys must not lie with the recordings", hint="name another disk, or another folder")
    with reach(view.config) as gate, view.progress("Backing up") as progress:
        tell = progress or _quiet
        begun = gate.ask(BackupBegin())
        said = {"id": begun.id, "made_at": begun.made_at, "verifier": _verifier(view.config.data)}
        with (
            new_set(folder, "data", **said) as data,
            new_set(keys, "keys", **said, until=begun.keys_until) as wrapped,
        ):
            tell(0.0, "the store")
            _copy_store(view.config.data / "gate.db", data)
            tell(0.2, "keys")
            count = _copy_keys(gate, wrapped)
            tell(0.4, "recordings and the rest")
            for name in FILES:
                data.copy(view.config.data / name, f"data/{name}")
            for name in FOLDERS:
                data.copy_all(view.config.data / name, f"data/{name}")
            data.copy(view.path, "config/config.toml")
        files = len(data.files)
        gate.ask(BackupDone(id=begun.id, files=files, data_sha256=data.sha256, keys_sha256=wrapped.sha256))
    view.data(
        {"id": begun.id, "data": str(folder), "files": files, "keys": str(keys), "wrapped_keys": count}
        | {"keys_until": begun.keys_until}
    )
    say(f"Destroy {keys} by the end of {begun.keys_until}: until then it can hold keys of what is erased.")


def _quiet(_part: float, _text: str) -> None:
    pass


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
