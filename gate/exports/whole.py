"""A file that appears whole or not at all, for its owner only, written in a stream."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gate.durable import sync_folder
from gate.exports.wav import ExportError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write to what becomes ``path`` when the block has ended well, mode 0600 and durable; else nothing is left.

    Nothing that exists is replaced. Raises ``ExportError``, also for an ``OSError`` of the block itself.
    """
    if path.exists():
        raise ExportError(f"{path} exists already", hint="name a new file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}", hint="check the folder, its permissions and the disk"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
