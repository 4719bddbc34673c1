"""Files that appear whole or not at all, names in a folder that outlast a power cut, and whether its disk answers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_TOUCHED = 512


@contextmanager
def whole_file(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write. It is at ``path``, durable, when the block has ended well, in place of what was there; else
    nothing is left of it, and what was there stays. Raises ``OSError`` that names ``path``, also where it is there but
    its name may not outlast a power cut; one of the block's own that names another file stays as it is."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(part, flags, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(part)):
            raise OSError(error.errno, error.strerror, str(path)) from error  # nobody knows of the other one
        raise
    sync_folder(path.parent)


class DiskProbe:
    """Asks the disk of a folder to take a few bytes, in a file without a name."""

    def __init__(self, path: Path) -> None:
        """``path``: the name that the file has for a moment."""
        self._path = path
        self._handle = -1

    def touch(self) -> None:
        """Returns when the disk has them. Raises ``OSError``."""
        if self._handle < 0:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._path.unlink()
        os.pwrite(self._handle, bytes(_TOUCHED), 0)
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed and removed in ``folder`` durable. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
