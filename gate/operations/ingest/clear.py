"""A clear file is removed once its recording is sealed and in the log, and not before.

It is renamed first: from then on its name alone says that it is sealed, so that whoever is killed in the middle leaves
nothing that could be taken for another recording, and the next look goes on. Then it is overwritten, brought to the
disk, unlinked, and the folder synced. What a copying file system or a flash disk keeps of it is out of reach from here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from gate.durable import sync_folder
from gate.errors import GateError
from gate.handed_over_file import HandedOverFile

SEALED: Final = ".dialgate-sealed-"
"""Beginning of the name of a clear file whose recording is sealed."""
BESIDE: Final = ".json"
"""What lies beside ``NAME`` as ``NAME.json`` says whose call it is: it goes with it."""
_ZEROS: Final = bytes(1 << 20)


class NotRemoved(GateError):
    """A file that is sealed is still there in clear."""


def removable(folder: Path) -> bool:
    """Files in this folder can be removed by this account."""
    return os.access(folder, os.W_OK | os.X_OK)


def remove(path: Path, file: HandedOverFile) -> None:
    """Remove the file that was handed in, if ``path`` is still that one. Raises ``NotRemoved``."""
    sealed = path.with_name(f"{SEALED}{path.name}")
    try:
        seen = path.lstat()
        if (seen.st_dev, seen.st_ino) != (file.seen.st_dev, file.seen.st_ino) or file.changed:
            raise NotRemoved(
                f"{path.name} is sealed, and has been replaced or written to since: it was left",
                hint="see whether it is complete, and hand it in again",
            )
        path.rename(sealed)
        sync_folder(path.parent)
        path.with_name(path.name + BESIDE).unlink(missing_ok=True)
        _wipe(sealed, (seen.st_dev, seen.st_ino))
    except OSError as error:
        raise NotRemoved(
            f"{path.name} is sealed, and cannot be removed: {error.strerror}", hint="remove it: it is audio in clear"
        ) from error


def go_on(folder: Path) -> int:
    """Remove what an earlier run had sealed and not yet removed; how many. Raises ``NotRemoved``."""
    count = 0
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(SEALED):
                path.with_name(path.name.removeprefix(SEALED) + BESIDE).unlink(missing_ok=True)
                _wipe(path)
                count += 1
    except OSError as error:
        raise NotRemoved(
            f"what is sealed cannot be removed from {folder}: {error.strerror}", hint="remove it: it is audio in clear"
        ) from error
    return count


def _wipe(path: Path, only: tuple[int, int] | None = None) -> None:
    """``only``: device and inode of the one that may be overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        seen = os.fstat(descriptor)
        overwritten = stat.S_ISREG(seen.st_mode) and only in (None, (seen.st_dev, seen.st_ino))
        left = seen.st_size if overwritten else 0
        while left > 0:
            left -= os.write(descriptor, _ZEROS[:left])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)
