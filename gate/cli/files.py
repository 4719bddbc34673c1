"""Output files: success arrives by rename, and what failed leaves nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gate.durable import whole_file
from gate.errors import UsageError


def must_be_new(path: Path) -> None:
    """Raise ``UsageError`` where there is something already."""
    if path.exists():
        raise UsageError(f"{path} exists", hint="name a new file")


@contextmanager
def output_file(path: Path, new: int = 0o600) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when the block has ended well; ``-`` is standard output.

    It is readable by its owner only, as it may hold telephone numbers, unless ``new`` says otherwise; a file that is
    replaced keeps its own rights.
    """
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        with path.open("wb") as other:
            yield other
        return
    with whole_file(path, mode=path.stat().st_mode & 0o777 if path.exists() else new) as file:
        yield file
