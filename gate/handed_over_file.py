"""A file handed over to be read: opened by the account that names it, with its own rights.

The gate opens no path that it is told. Whoever names a file opens it (``open_file``), and the descriptor goes to the
gate over a Unix socket (``gate.control.files``), or stays in the process where no gate runs. What the file was called
comes along as ``said``: words of whoever named it, for messages and the log, never opened again.

A file system that does not answer holds up whoever asks it anything, also by ``fstat`` and ``close``. So what comes
over the socket is looked at without asking (``refusal``), and a file that is on no local file system is refused. Nor is
a file of the data folder taken: with the last ``close`` of any of its descriptors a process loses SQLite's locks on it
(fcntl(2)); such a descriptor is never closed.

Only regular files up to a size are taken. A descriptor shares its place in the file with whoever else holds it, so it
is read by places of our own, and never beyond the end that the file had when it was taken.
"""

from __future__ import annotations

import ctypes
import fcntl
import io
import os
import stat
import threading
import weakref
from pathlib import Path
from typing import Any, BinaryIO, Final

from gate.core.terms import many
from gate.errors import UsageError

LARGEST: Final = 2 << 30
"""Bytes of a file, at most: a register of 100 million numbers is 1.4 GB."""
_TYPES = "ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs jfs reiserfs tmpfs ramfs overlay vfat exfat ntfs3 iso9660 udf"
LOCAL: Final = frozenset(_TYPES.split())
"""Types of file systems that wait for nobody but a disk of this machine."""
_LOCAL_MAGIC: Final = frozenset({0x9123683E, 0x2FC12FC1, 0xCA451A4E, 0x01021994, 0x794C7630})
"""btrfs, zfs, bcachefs, tmpfs, overlayfs (statfs(2)): the device of a file there may be no mount's."""
_PATIENCE: Final = 2.0
_MOST_HUNG: Final = 16
"""Threads that wait for file systems that do not answer; beyond it nothing is asked any more."""
_hung: Final[set[threading.Thread]] = set()
_MOUNTS: Final = Path("/proc/self/mountinfo")
_SHOWN: Final = 1000
_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
}


class HandedOverFile:
    """An open regular file and what it was called. Closed by ``close``, or with the last reference to it."""

    def __init__(self, descriptor: int, said: str, largest: int = LARGEST) -> None:
        """Takes the descriptor over. Raises ``UsageError`` where it is no file to be read; then it is closed."""
        self.said = _shown(said)
        """The path as it was told, without control characters."""
        self._finish = weakref.finalize(self, os.close, descriptor)
        try:
            self.seen = os.fstat(descriptor)
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            why = _unfit(self.seen, flags, largest)
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
        if why:
            self.close()
            raise UsageError(f"{self.said} {why}", hint="name a file: a list as it was sent, unpacked")
        self._descriptor = descriptor

    def __str__(self) -> str:
        return self.said

    def __enter__(self) -> HandedOverFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The last part of what it was called, at most 200 characters."""
        return self.said.rstrip("/").rpartition("/")[2][-200:]

    @property
    def size(self) -> int:
        """Bytes when it was taken."""
        return self.seen.st_size

    @property
    def changed(self) -> bool:
        """Somebody has written to it since it was taken."""
        now = os.fstat(self._descriptor)
        return (now.st_size, now.st_mtime_ns) != (self.seen.st_size, self.seen.st_mtime_ns)

    def fileno(self) -> int:
        """The descriptor, which stays ours."""
        return self._descriptor

    def reader(self) -> BinaryIO:
        """Its bytes from the beginning, up to the size it had; raises ``OSError``. Each reader has its own place."""
        return io.BufferedReader(_Bytes(self), 1 << 20)

    def close(self) -> None:
        """Give it up; a second time is nothing."""
        self._finish()


class _Statx(ctypes.Structure):
    """``struct statx`` (statx(2)), as far as it is asked for here."""

    _fields_ = (
        ("_mask", ctypes.c_uint32),
        ("_blksize", ctypes.c_uint32),
        ("_attributes", ctypes.c_uint64),
        ("_nlink_uid_gid", ctypes.c_uint32 * 3),
        ("mode", ctypes.c_uint16),
        ("_spare", ctypes.c_uint16),
        ("inode", ctypes.c_uint64),
        ("_size_blocks_attributes", ctypes.c_uint64 * 3),
        ("_times", ctypes.c_uint64 * 8),
        ("_rdev", ctypes.c_uint32 * 2),
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("_rest", ctypes.c_uint64 * 14),
    )


_AT_EMPTY_PATH, _AT_STATX_DONT_SYNC, _STATX_TYPE_INO = 0x1000, 0x4000, 0x101
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_statx, _fstatfs = _LIBC.statx, _LIBC.fstatfs


def refusal(descriptor: int, data: Path | None = None) -> str:
    """Why a descriptor that somebody handed over is not taken, as words that follow its name; empty where it is.

    Its file system is not asked, or not for long, so that one that does not answer holds up nobody; not for an event
    loop all the same. ``data``: the data folder, none of
    whose files is taken.
    """
    seen = _Statx()
    if _statx(descriptor, b"", _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC, _STATX_TYPE_INO, ctypes.byref(seen)):
        return f"cannot be read: {os.strerror(ctypes.get_errno())}"
    if not stat.S_ISREG(seen.mode):
        return f"is {_KINDS.get(stat.S_IFMT(seen.mode), 'something else')}, and no file"
    if seen.major == 0 and not _is_local(descriptor, seen.major, seen.minor):
        return "lies on no local file system"
    if data is not None and (os.makedev(seen.major, seen.minor), seen.inode) in _files_of(data):
        return OWN
    return ""


OWN: Final = "is a file of the data folder"


def let_go(descriptor: int, why: str) -> None:
    """Give up a descriptor that was refused, without waiting for its file system. A file of the data folder stays open:
    with its closing this process would lose SQLite's locks on it."""
    if why != OWN:
        threading.Thread(target=os.close, args=(descriptor,), name="let-go", daemon=True).start()


def _is_local(descriptor: int, major: int, minor: int) -> bool:
    """Whether a file of a device that is no disk's lies on a local file system. One that is not mounted here, or whose
    files have devices of their own, is asked, on a thread that nobody waits for longer than ``_PATIENCE``."""
    for line in _MOUNTS.read_text("utf-8", "replace").splitlines():
        before, _, after = line.partition(" - ")
        if before.split(" ")[2] == f"{major}:{minor}":
            return after.split(" ")[0] in LOCAL
    _hung.difference_update([each for each in _hung if not each.is_alive()])
    if len(_hung) >= _MOST_HUNG:
        return False
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(_magic(descriptor)), name="statfs", daemon=True)
    _hung.add(asking)
    asking.start()
    asking.join(_PATIENCE)
    return bool(found) and found[0] in _LOCAL_MAGIC


def _magic(descriptor: int) -> int:
    """``f_type`` of its file system (statfs(2)); -1 where it cannot be asked."""
    room = ctypes.create_string_buffer(256)
    return -1 if _fstatfs(descriptor, room) else ctypes.c_long.from_buffer(room).value


def _files_of(folder: Path) -> set[tuple[int, int]]:
    """Device and inode of each file that lies in a folder."""
    with os.scandir(folder) as entries:
        found = [entry.stat(follow_symlinks=False) for entry in entries]
    return {(each.st_dev, each.st_ino) for each in found if stat.S_ISREG(each.st_mode)}


def open_file(path: str | Path, largest: int = LARGEST) -> HandedOverFile:
    """Open a file with this process's own rights, to be handed over.

    Never waits (a pipe is not opened for reading, a device not at all), and what was looked at is what is opened,
    wherever links lead to meanwhile. Raises ``UsageError``.
    """
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            seen = os.fstat(found)
            if not stat.S_ISREG(seen.st_mode):
                raise UsageError(f"{path} is {kind_of(seen)}, and no file", hint="name a file: a list as it was sent")
            opened = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        finally:
            os.close(found)
    except (OSError, ValueError) as error:  # no name that a file can have
        why = error.strerror if isinstance(error, OSError) else error
        hint = "the account that names a file must be able to read it"
        raise UsageError(f"{path} cannot be read: {why}", hint=hint) from None
    return HandedOverFile(opened, str(path), largest)


def open_within(folder: int, name: str, said: str, largest: int = LARGEST) -> HandedOverFile:
    """Open a file of an open folder in which others may write: no link is followed. Raises ``UsageError``."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
    try:
        opened = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise UsageError(f"{said} cannot be read: {error.strerror}") from None
    return HandedOverFile(opened, said, largest)


def _unfit(seen: os.stat_result, flags: int, largest: int) -> str:
    """Why it is not read; empty where it is."""
    if not stat.S_ISREG(seen.st_mode):
        return f"is {kind_of(seen)}, and no file"
    if flags & os.O_PATH or flags & os.O_ACCMODE == os.O_WRONLY:
        return "was not opened to be read"
    if seen.st_size > largest:
        return f"is too large: {many(seen.st_size, 'byte')}, and {largest:,} are read at most"
    return ""


def kind_of(seen: os.stat_result) -> str:
    """What sort of thing it is, in words."""
    return _KINDS.get(stat.S_IFMT(seen.st_mode), "something else")


def _shown(said: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in said[-_SHOWN:])


class _Bytes(io.RawIOBase):
    """The bytes of a descriptor, read by their place."""

    def __init__(self, given: HandedOverFile) -> None:
        self._given = given
        self._at = 0

    def readable(self) -> bool:
        """As the library calls it."""
        return True

    def seekable(self) -> bool:
        """As the library calls it."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As the library calls it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._given.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As the library calls it."""
        wanted = min(len(buffer), self._given.size - self._at)
        if wanted <= 0:
            return 0
        read = os.preadv(self._given.fileno(), [memoryview(buffer)[:wanted]], self._at)
        self._at += read
        return read
