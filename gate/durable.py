"""Files that appear whole or not at all, names in a folder that outlast a power cut, and whether its disk answers.

Names of files below a folder may come from elsewhere: a list, an archive, a database. Such a name has no empty part, no
``.`` and no ``..``, and does not begin at the root. Each of its parts is opened from the folder before it, and no link
is followed, so that nothing outside of the folder is read or written, whatever lies in it and whoever changes it
meanwhile. Only regular files are read; only new ones are written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from gate.errors import UsageError

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
