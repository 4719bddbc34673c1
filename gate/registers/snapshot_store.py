"""The registers folder: which snapshot is in force, the lock, what is kept and what is deleted.

    tps.current                       the pointer: which snapshot of the TPS is in force
    tps-20260131-9f86d081884c7d65.snap   a snapshot: register, as-of date, first 16 digits of its SHA-256
    .tps.lock                         held while an import works on the TPS
    .tps-….part                       being written; left over from a killed import where the lock is free

The pointer is replaced by rename, so a reader sees the old one or the new one and nothing between. It is a JSON object:
``file``, ``sha256``, ``as_of`` and ``count`` of the snapshot, its ``seal``, ``kept`` (the files of superseded snapshots
that are still there, newest first) and ``check``, the SHA-256 of the same object with an empty ``check``.

The seal is the snapshot's inode, size, and times of last change, taken before it was read back and verified. Where it
still holds on opening, no process has written to the file since; where it does not (a restored backup, a copied folder,
an edit) the reader verifies the SHA-256 of the whole file before it gives an answer. Small files it verifies always.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from gate.converting import decode
from gate.errors import RegisterError
from gate.registers.snapshot import Snapshot

KEPT_SNAPSHOTS = 3
"""The snapshot in force and the two before it (LAW 2.5: superseded ones are deleted on a schedule)."""

KEPT_DAYS = 35
"""No superseded snapshot is kept for longer: past the 28 days in which it could have supported a call."""

SMALL = 8 << 20
"""Bytes up to which a snapshot is verified as a whole on every opening; it takes a few milliseconds."""

Seal = tuple[int, int, int, int]
"""Inode, size, mtime and ctime in nanoseconds."""


class Pointer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which snapshot is in force."""

    file: str
    sha256: str
    as_of: date
    count: int
    seal: Seal
    kept: tuple[str, ...] = ()
    check: str = ""

    def checked(self) -> Pointer:
        """The same with its ``check`` filled in."""
        bare = msgspec.structs.replace(self, check="")
        return msgspec.structs.replace(bare, check=hashlib.sha256(msgspec.json.encode(bare)).hexdigest())


def seal_of(path: Path) -> Seal:
    """The seal as it is now; ``OSError`` where there is no file."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def pointer_path(folder: Path, name: str) -> Path:
    """Where the pointer of a register is."""
    return folder / f"{name}.current"


def read_pointer(folder: Path, name: str) -> Pointer | None:
    """The pointer, or None where nothing was ever in force; ``RegisterError`` where it is damaged."""
    path = pointer_path(folder, name)
    hint = "import the licensee's file again"
    try:
        pointer = decode(path.read_bytes(), Pointer)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise RegisterError(f"the pointer {path} cannot be read: {error}", hint=hint) from error
    if pointer != pointer.checked() or not _is_snapshot_name(name, pointer.file):
        raise RegisterError(f"the pointer {path} is damaged", hint=hint)
    return pointer


def open_in_force(folder: Path, name: str) -> tuple[Pointer, Snapshot, Seal] | None:
    """The snapshot in force, verified as its seal asks for, and its seal as it is now; None where nothing was ever in
    force, ``RegisterError`` where it is damaged or gone."""
    pointer = read_pointer(folder, name)
    if pointer is None:
        return None
    path = folder / pointer.file
    try:
        seal = seal_of(path)
    except OSError as error:
        raise RegisterError(f"the register snapshot {path} cannot be read: {error}") from error
    snapshot = Snapshot(path)
    if seal != pointer.seal or snapshot.size <= SMALL:
        snapshot.verify(pointer.sha256)
    said = (snapshot.metadata.name, snapshot.metadata.as_of, snapshot.count)
    if said != (name, pointer.as_of, pointer.count):
        raise RegisterError(f"the register snapshot {path} is not what its pointer says")
    return pointer, snapshot, seal


def snapshot_name(name: str, as_of: date, sha256: str) -> str:
    """The file name of a snapshot."""
    return f"{name}-{as_of:%Y%m%d}-{sha256[:16]}.snap"


def _is_snapshot_name(name: str, file: str) -> bool:
    return file.startswith(f"{name}-") and file.endswith(".snap") and "/" not in file


def make_folder(folder: Path) -> None:
    """Make the folder for the gate's account alone; one that is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def locked(folder: Path, name: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a register's imports; calls ``waiting`` first where another import holds it. The system frees it
    with the process, so that a killed import locks nobody out."""
    descriptor = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def new_part(folder: Path, name: str) -> Path:
    """A name for a file that is being written."""
    return folder / f".{name}-{secrets.token_hex(8)}.part"


def create(path: Path) -> int:
    """Open a new file for writing that only this account can read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def clean(folder: Path, name: str, pointer: Pointer | None) -> None:
    """Delete what interrupted imports left behind: unfinished files, and finished snapshots that never were in force.
    Only under the lock. Without a pointer no snapshot is touched: which of them was in force is not known."""
    for path in folder.glob(f".{name}-*.part"):
        path.unlink(missing_ok=True)
    if pointer is None:
        return
    known = {pointer.file, *pointer.kept}
    for path in snapshots(folder, name):
        if path.name not in known:
            path.unlink(missing_ok=True)


def snapshots(folder: Path, name: str) -> list[Path]:
    """All snapshot files of a register, newest as-of date first."""
    return sorted(folder.glob(f"{name}-*.snap"), reverse=True)


def put_in_force(folder: Path, name: str, pointer: Pointer) -> None:
    """Replace the pointer, durably. ``OSError`` where it could not be: then the old one is still there."""
    part = new_part(folder, name)
    try:
        descriptor = create(part)
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.encode(pointer.checked()) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        part.replace(pointer_path(folder, name))
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def with_kept(pointer: Pointer, kept: tuple[str, ...]) -> Pointer:
    """The pointer with other superseded snapshots."""
    return msgspec.structs.replace(pointer, kept=kept)


def superseded(folder: Path, files: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """Which superseded snapshots to keep: of ``files``, newest first, the first ``KEPT_SNAPSHOTS - 1`` that can be
    opened and were made in the last ``KEPT_DAYS`` days."""
    kept: list[str] = []
    for file in files:
        if len(kept) == KEPT_SNAPSHOTS - 1:
            break
        with suppress(RegisterError):
            created = Snapshot(folder / file).metadata.created
            if now.astimezone(UTC) - created <= timedelta(days=KEPT_DAYS):
                kept.append(file)
    return tuple(kept)


def prune(folder: Path, name: str, now: datetime) -> None:
    """Delete superseded snapshots that have had their time (LAW 2.5), for a timer: imports do it by themselves.
    ``RegisterError`` where the folder cannot be read or written."""
    try:
        if not folder.is_dir():
            return
        with locked(folder, name, lambda: None):
            pointer = read_pointer(folder, name)
            if pointer is not None:
                kept = superseded(folder, pointer.kept, now)
                clean(folder, name, with_kept(pointer, kept))
    except OSError as error:
        raise RegisterError(f"superseded snapshots in {folder} could not be deleted: {error}") from error
