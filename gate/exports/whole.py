"""A new file of an export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gate.durable import whole_file
from gate.exports.wav import ExportError


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """As ``durable.whole_file``, but nothing that exists is replaced, and every ``OSError``, of the block too, is an
    ``ExportError``."""
    if path.exists():
        raise ExportError(f"{path} exists already", hint="name a new file")
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}", hint="check the folder, its permissions and the disk"
        ) from error
