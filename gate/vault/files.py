"""Files of the vault: they appear whole or not at all, for their owner only; sealed ones are removed, and looked for
again.

The text forms of bytes and times have one spelling only: what is written another way is not what was written.

When a sealed file is removed its key is gone before: what is left is ciphertext that nobody opens. A recording's files
are the sealed one and what a recorder may have left beside it for a gate that was away (a note of digest, size and
times). Whatever cannot be seen counts as still there."""

from __future__ import annotations

import base64
import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gate.durable import parts_of, read_regular, sync_folder, whole_file
from gate.errors import DiskFull, UsageError, VaultError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def trouble(error: OSError, what: str) -> VaultError:
    """The error to raise for an ``OSError``: ``DiskFull`` where there is no room, else ``VaultError``."""
    if error.errno in _NO_ROOM:
        return DiskFull(f"{what}: {error.strerror}", hint="Make room on the disk, or raise the quota.")
    return VaultError(f"{what}: {error.strerror or error}")


def make_folder(folder: Path) -> None:
    """Create ``folder`` and what is missing above it, each 0700 and durable. Raises ``OSError``."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


def write_whole(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write ``data`` to ``path``, as ``durable.whole_file`` does, in a folder that is made where it is missing.

    Raises ``VaultError`` where ``path`` exists and ``replace`` is false, or where it cannot be written; then nothing is
    left behind and an existing file is untouched.
    """
    if not replace and path.exists():
        raise VaultError(f"{path} exists already", hint="Choose another name, or move it away first.")
    try:
        make_folder(path.parent)
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise trouble(error, f"cannot write {path}") from error


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a small file. Raises ``VaultError`` where it cannot be read or is longer than ``limit``."""
    try:
        data = read_regular(path, limit + 1)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise VaultError(f"{path} is longer than {limit} bytes") from error
        raise trouble(error, f"cannot read {path}") from error
    if len(data) > limit:
        raise VaultError(f"{path} is longer than {limit} bytes")
    return data


def to_base64(data: bytes) -> str:
    """Standard base64 (RFC 4648 section 4), padded."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The inverse. Raises ``ValueError`` for anything that ``to_base64`` does not write (stray padding or bits)."""
    data = base64.b64decode(text, validate=True)
    if to_base64(data) != text:
        raise ValueError("base64 with stray padding")
    return data


def stamp(when: datetime) -> str:
    """UTC to the second, ``2026-01-05T09:00:00Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> datetime:
    """The inverse. Raises ``ValueError``."""
    when = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if stamp(when) != text:
        raise ValueError(f"a time is written {stamp(when)}")
    return when


SUFFIX: Final = ".dgr"
BESIDE: Final = (".closed.json", ".closed.tmp")
"""What a recorder leaves beside a sealed file, after its name."""


class BucketError(VaultError):
    """The bucket did not do what it was asked for, or must not be used."""


class BucketAway(BucketError):
    """It does not answer."""


class Stored(NamedTuple):
    """What the bucket says of an object."""

    size: int
    version: str
    """Empty where the bucket keeps no versions."""
    locked_until: datetime | None


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
