"""The register of recipients: whom recordings are sealed to, to whom exports may go, and who decided it."""

from __future__ import annotations

from typing import Protocol

from gate.service.desk_base import DeskBase
from gate.service.reads import Row

TERMS = ("name", "role", "purpose", "half", "seals", "fingerprint")
"""What the log keeps of a recipient: keys and people of the firm, nobody who was called."""


class Keyring(Protocol):
    """What the vault offers (``gate.vault.keyring``). All raise ``VaultError``."""

    def recipients(self) -> list[Row]:
        """Those in force: ``id`` and ``TERMS``, ``created``."""
        ...

    def read(self, text: str, *, role: str, purpose: str, half: str, exports_only: bool) -> Row:
        """The row that ``add`` would put in force, nothing done."""
        ...

    def add(self, text: str, *, role: str, purpose: str, half: str, exports_only: bool) -> Row:
        """Put a recipient in force."""
        ...


class KeyDesk(DeskBase):
    """Keys. A change is in the log before it is in force."""

    def key_list(self, *, actor: str) -> Row:
        """Whom new recordings are sealed to, and to whom exports may go."""
        return {"recipients": self._offers.keyring.recipients()}

    def key_add(
        self, *, text: str, role: str = "", purpose: str = "", half: str = "", exports_only: bool = False, actor: str
    ) -> Row:
        """Let the owner of a public key open what is recorded from now on, and be given exports for a purpose; with
        ``exports_only`` no more than that."""
        keyring = self._offers.keyring
        row = keyring.read(text, role=role, purpose=purpose, half=half, exports_only=exports_only)
        self._keep("recipient_added", actor, {name: row[name] for name in TERMS}, subject=row["id"])
        return keyring.add(text, role=role, purpose=purpose, half=half, exports_only=exports_only)
