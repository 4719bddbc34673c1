"""Files below a folder, by names that come from elsewhere: a list, an archive, a database.

A name has no empty part, no ``.`` and no ``..``, and does not begin at the root. Each of its parts is opened from the
folder before it, and no link is followed, so that nothing outside of the folder is read or written, whatever lies in it
and whoever changes it meanwhile. Only regular files are read; only new ones are written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from gate.errors import UsageError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST: Final = 32
"""Parts of a name."""


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a name. Raises ``UsageError`` for one that may lead elsewhere."""
    parts = tuple(name.split("/"))
    if len(parts) > _MOST or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise UsageError(
            f"{name[:200]!r} is no name of a file below a folder",
            hint="no empty part, no '.', no '..', and no '/' at the beginning",
        )
    return parts


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a small file that others may have put there: a pipe, a device, or a link to one is not waited for.
    Raises ``OSError``, also for what is no regular file or larger than ``most``."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        seen = os.fstat(file)
        if stat.S_ISDIR(seen.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if seen.st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        return os.pread(file, most, 0)
    finally:
        os.close(file)


@contextmanager
def read_below(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A regular file below a folder, to be read. Raises ``UsageError`` for the name, ``OSError``."""
    with _parent(folder, name, make=False) as (parent, last):
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=parent)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(folder / name))
            yield opened


@contextmanager
def new_below(folder: Path, name: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A new file below a folder, to be written and read again; folders on the way are made, 0700. Durable with the
    folders above it (``gate.durable.sync_folder``). Raises ``UsageError`` for the name, ``OSError``, also where
    something is there."""
    with _parent(folder, name, make=True) as (parent, last):
        file = os.open(last, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)
        with os.fdopen(file, "w+b") as opened:
            os.fchmod(file, mode)
            yield opened
            opened.flush()
            os.fsync(file)


def remove_below(folder: Path, name: str) -> None:
    """Remove a file below a folder. Raises ``UsageError`` for the name, ``OSError``."""
    with _parent(folder, name, make=False) as (parent, last):
        os.unlink(last, dir_fd=parent)


@contextmanager
def _parent(folder: Path, name: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """The open folder that a name's last part lies in, and that part."""
    *above, last = parts_of(name)
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=here)
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        yield here, last
    except OSError as error:
        if error.filename in (None, last, *above):
            raise OSError(error.errno, error.strerror, str(folder / name)) from error
        raise
    finally:
        os.close(here)
