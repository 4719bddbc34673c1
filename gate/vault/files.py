"""Files that appear whole or not at all, for their owner only."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from gate.durable import sync_folder, whole_file
from gate.errors import VaultError
from gate.vault.errors import DiskFull
from gate.within import read_regular

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
