"""Sealed files removed, and looked for again. The key is gone before: what is left is ciphertext that nobody opens.

A recording's files are the sealed one and what a recorder may have left beside it for a gate that was away (a note of
digest, size and times). Whatever cannot be seen counts as still there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gate.durable import sync_folder
from gate.errors import UsageError, VaultError
from gate.vault.files import trouble
from gate.within import parts_of

SUFFIX: Final = ".dgr"
BESIDE: Final = (".closed.json", ".closed.tmp")
"""What a recorder leaves beside a sealed file, after its name."""


class Removal(NamedTuple):
    """What became of one recording's files."""

    path: str
    found: bool
    """There was one."""
    fault: str
    """Why one is still there; empty where none is."""


def remove(recordings: Path, paths: Sequence[str]) -> list[Removal]:
    """Remove these files (relative to the folder of recordings) and what lies beside them, durably, and look again.

    Never raises for a single file's sake: its fault is in its ``Removal``.
    """
    removals = [_remove(recordings, path) for path in paths]
    for folder in {(recordings / each.path).parent for each in removals if each.found}:
        with contextlib.suppress(OSError):  # after a power failure the file may be there again: the next start looks
            sync_folder(folder)
    return removals


def sealed_at(recordings: Path, name: str | None) -> Path:
    """Where the log says that a sealed file lies; the folder itself where it says nothing. Raises ``VaultError`` for a
    name that leads elsewhere: somebody has changed the database."""
    try:
        return recordings.joinpath(*parts_of(name)) if name else recordings
    except UsageError as error:
        raise VaultError(error.message, hint="dialgate audit verify: somebody has changed gate.db") from error


def sealed_files(recordings: Path) -> Iterator[tuple[str, str]]:
    """(recording id, relative path of its sealed file) for every file that belongs to a recording; one may come twice,
    where only a note is left too. Raises ``VaultError`` where a folder cannot be read."""
    for folder, _, names in os.walk(recordings, onerror=_raise):
        for name in names:
            stem, dot, _ = name.partition(SUFFIX)
            if dot and stem:
                yield stem, (Path(folder) / (stem + SUFFIX)).relative_to(recordings).as_posix()


def _raise(error: OSError) -> None:
    raise trouble(error, f"cannot look for sealed files in {error.filename}") from error


def _remove(recordings: Path, path: str) -> Removal:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or pure.suffix != SUFFIX:
        return Removal(path, False, "its path does not lead to a sealed file in the folder of recordings")
    sealed = recordings / path
    files = [sealed, *(sealed.with_name(sealed.name + suffix) for suffix in BESIDE)]
    found, why = False, ""
    for file in files:
        try:
            file.unlink()
            found = True
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            why = error.strerror or str(error)
    return Removal(path, found, _still_there(files, why))


def _still_there(files: Sequence[Path], why: str) -> str:
    for file in files:
        try:
            file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return f"{file.name} cannot be looked for: {error.strerror}"
        return f"{file.name} is still there: {why or 'it came back'}"
    return ""
