"""Recipients and the keys that are wrapped to them, for the desk: rows in, rows out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gate.vault.recipients import add_recipient, load_recipients, read_recipient


class Keyring:
    """``gate.service.keys.Keyring``. Every method raises ``VaultError`` for what cannot be."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the register of recipients."""
        self._folder = folder

    def recipients(self) -> list[dict[str, Any]]:
        """Those in force."""
        return [each.row() for each in load_recipients(self._folder)]

    def read(self, text: str, **terms: Any) -> dict[str, Any]:
        """The row that ``add`` would put in force."""
        return read_recipient(self._folder, text, **terms).row()

    def add(self, text: str, **terms: Any) -> dict[str, Any]:
        """Put a recipient in force, on terms as ``add_recipient`` has them."""
        return add_recipient(self._folder, text, **terms).row()
