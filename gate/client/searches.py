"""Searches that somebody keeps: a small file in their own configuration folder, readable by them alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from gate.client.files import output_file
from gate.errors import UsageError

MOST: Final = 50
"""Searches that one person keeps."""
LARGEST: Final = 1 << 16
"""Bytes of the file; a larger one was not written here."""


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
                data = file.read(LARGEST + 1)
            if len(data) > LARGEST:
                raise ValueError("it is too large")
            return [(each.where, each.find) for each in msgspec.json.decode(data, type=list[_Kept])][:MOST]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}", hint="mend it or take it away") from None

    def keep(self, where: str, find: str) -> None:
        """Put one first; beyond ``MOST`` the oldest goes."""
        self._write([(where, find), *(each for each in self.all() if each != (where, find))])

    def drop(self, where: str, find: str) -> None:
        """Keep it no longer."""
        self._write([each for each in self.all() if each != (where, find)])

    def _write(self, kept: Sequence[tuple[str, str]]) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with output_file(self.path) as file:
                file.write(msgspec.json.format(msgspec.json.encode([_Kept(*each) for each in kept[:MOST]])))
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from None
