"""Files of whoever asks. Output: success arrives by rename, and what failed leaves nothing.

Searches that somebody keeps are a file in their own configuration folder, readable by them alone.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from gate.durable import whole_file
from gate.errors import UsageError
from gate.handed_over_file import open_file

LARGEST: Final = 256 << 20
"""Bytes of a file that is read whole, at most: some million consents with their evidence."""
MOST_SEARCHES: Final = 50
"""Searches that one person keeps."""
SEARCHES_SIZE: Final = 1 << 16
"""Bytes of their file; a larger one was not written here."""


def must_be_new(path: Path) -> None:
    """Raise ``UsageError`` where there is something already, or where no file can be written: what has no place is not
    taken out."""
    if path.exists():
        raise UsageError(f"{path} exists", hint="name a new file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", hint="make it, or name another file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another file") from error


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


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises ``UsageError`` for what is no regular file, or larger than ``LARGEST``."""
    with open_file(path, LARGEST) as given, given.reader() as source:
        return source.read()


class OutputFiles:
    """Files that the console writes, and looks into. Called on a worker's thread."""

    def write(self, path: Path, data: bytes) -> None:
        """There when it is whole, readable by its owner only."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            must_be_new(path)
            with output_file(path) as file:
                file.write(data)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another file") from None

    def open(self, path: Path) -> BinaryIO:
        """A regular file of this account's, and what no link leads to."""
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
            found = os.fstat(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror or error}", hint="It stays where it is."
            ) from None
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            return file
        file.close()
        raise UsageError(f"{path} is no file of yours", hint="It stays where it is.")

    def text(self, path: Path, most: int) -> str:
        """As it is; what is larger, or no text, is refused."""
        with open_file(path, most) as given, given.reader() as source:
            try:
                return source.read().decode()
            except UnicodeDecodeError:
                raise UsageError(f"{path} is no text", hint="name another file") from None

    def digest(self, path: Path) -> str:
        """The digest of a regular file, as this account may read it."""
        with open_file(path, LARGEST) as given, given.reader() as source:
            digest = hashlib.sha256()
            while piece := source.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()


# --- searches --------------------------------------------------------------------------------------------------------


class _Kept(msgspec.Struct, frozen=True):
    where: str
    find: str


class KeptSearches:
    """They are in ``~/.config/dialgate/searches.json`` (``XDG_CONFIG_HOME`` counts)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(click.get_app_dir("dialgate")) / "searches.json"

    def all(self) -> Sequence[tuple[str, str]]:
        """(where, what), the last kept first; none where there is no file."""
        try:
            with self.path.open("rb") as file:
                data = file.read(SEARCHES_SIZE + 1)
            if len(data) > SEARCHES_SIZE:
                raise ValueError("it is too large")
            return [(each.where, each.find) for each in msgspec.json.decode(data, type=list[_Kept])][:MOST_SEARCHES]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}", hint="mend it or take it away") from None

    def keep(self, where: str, find: str) -> None:
        """Put one first; beyond ``MOST_SEARCHES`` the oldest goes."""
        self._write([(where, find), *(each for each in self.all() if each != (where, find))])

    def drop(self, where: str, find: str) -> None:
        """Keep it no longer."""
        self._write([each for each in self.all() if each != (where, find)])

    def _write(self, kept: Sequence[tuple[str, str]]) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with output_file(self.path) as file:
                file.write(msgspec.json.format(msgspec.json.encode([_Kept(*each) for each in kept[:MOST_SEARCHES]])))
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from None
