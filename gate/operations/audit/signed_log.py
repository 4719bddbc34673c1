"""The evidence log of a data folder: signed, verified, compared with every place where its checkpoints lie."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.audit.checkpoints import Checkpointer, Newest
from gate.audit.heads import file_name
from gate.clock import Clock
from gate.config import Config
from gate.converting import convert
from gate.core.rows.audit import LogFault
from gate.errors import GateError, VaultError
from gate.operations.audit.standing import StoreLog, behind, newest_entry, signing_key, standing, unsigned_since
from gate.store.reader import Reader
from gate.types import Response
from gate.vault.errors import NoteInvalid

if TYPE_CHECKING:
    from gate.audit.heads import Standing
    from gate.store.store import EvidenceStore


class SignedCheckpoint(Response, frozen=True):
    """A checkpoint that was just signed."""

    size: int
    root: str
    """Base64."""
    note: str
    """C2SP signed note."""
    missed: list[str]
    """Why a copy could not be put into the second place; it is tried again with the next checkpoint."""


class LogVerified(Response, frozen=True):
    """What a verification found; see ``gate.audit.report.Report``."""

    ok: bool
    size: int
    root: str
    first_fault: LogFault | None
    faults: list[LogFault]
    fault_count: int
    checked: dict[str, int]
    proven: list[str]
    not_proven: list[str]
    """What it cannot show, in sentences."""
    vkey: str
    vkey_from: str
    """``elsewhere`` or ``gate.key``."""


class SignedLog:
    """Blocking and thread-safe; not for the line thread, nor for the store's."""

    def __init__(self, config: Config, clock: Clock, store: EvidenceStore, pepper: bytes) -> None:
        self._config = config
        self._clock = clock
        self._store = store
        self._pepper = pepper
        self._newest: dict[Path, Newest] = {}
        self._opened_with: int = store.call(lambda tx: tx.head()[0])
        """Entries when the data folder was opened."""

    @property
    def _second_folder(self) -> Path | None:
        name = self._config.storage.checkpoints_copy
        return self._config.path(name) if name else None

    # --- signing ---------------------------------------------------------------------------------------------------

    def check_signer(self) -> None:
        """Raises ``VaultError`` where the key that signs the log is missing, or is not the one that has signed it."""
        path = self._config.data / "gate.key"
        hint = "restore it: what it has signed holds under no other key"
        if not path.exists():
            raise VaultError(f"{path} is missing", hint=hint)
        key = signing_key(path)
        for row in self._store.call(lambda tx: tx.query("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")):
            try:
                key.verify_note(row["note"])
            except NoteInvalid as error:
                raise VaultError(f"{path} is not the key that has signed this log: {error}", hint=hint) from error

    def checkpoint(self) -> SignedCheckpoint:
        """Sign the log as it stands. Raises ``GateError``."""
        data = self._config.data
        key = signing_key(data / "gate.key")
        written = Checkpointer(
            self._store,
            key.sign_note,
            origin=key.name,
            folder=data / "checkpoints",
            second=self._second_folder,
            newest=self._newest,
        ).write(self._clock.now())
        root = base64.b64encode(written.root).decode()
        return SignedCheckpoint(size=written.size, root=root, note=written.note, missed=list(written.missed))

    def sign_new_entries(self) -> None:
        """Sign what was kept since the data folder was opened. What cannot be signed is signed by the next gate."""
        with suppress(GateError):
            if self._store.call(lambda tx: tx.head()[0]) > self._opened_with:
                self.checkpoint()

    def copies(self, size: int, note: str) -> list[str]:
        """Where the file of a checkpoint lies as it was signed: ``folder``, ``second place``."""
        found = []
        for place, folder in (("folder", self._config.data / "checkpoints"), ("second place", self._second_folder)):
            with suppress(OSError):
                files = [folder / file_name(size), folder / file_name(size, note)] if folder else []
                if any(file.is_file() and file.read_bytes() == note.encode() for file in files):
                    found.append(place)
        return found

    # --- comparing -------------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        """The store compared with every place where checkpoints lie. Raises ``GateError``."""
        return standing(self._config, StoreLog(self._store))

    def behind(self) -> dict[str, Any]:
        """What a restore would give up (``gate.operations.audit.standing.behind``). Raises ``GateError``."""
        return behind(self._config, StoreLog(self._store))

    def unsigned_since(self) -> datetime | None:
        """When the oldest entry was kept over which no checkpoint is signed. Raises ``GateError``."""
        with Reader(self._config.data / "gate.db") as reader:
            return unsigned_since(reader.query)

    def newest_entry(self) -> datetime | None:
        """The latest time that an entry bears, since the clock was accepted last. Raises ``GateError``."""
        with Reader(self._config.data / "gate.db") as reader:
            return newest_entry(reader.query)

    # --- verifying -------------------------------------------------------------------------------------------------

    def verify(
        self,
        progress: Callable[[float, str], None] | None = None,
        vkey: str = "",
        checkpoints: Sequence[tuple[str, str]] = (),
    ) -> LogVerified:
        """Verify rows, leaves, root and checkpoints, reading beside whatever is written.

        ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are known from elsewhere: what
        lies here cannot have been made to fit them. Raises ``GateError``.
        """
        from gate.operations.audit.log_verification import verified_log  # ciphers and more: not to sign or compare

        folders = [self._config.data / "checkpoints", *([self._second_folder] if self._second_folder else [])]
        report = verified_log(self._config.data, self._pepper, folders, vkey, checkpoints, progress)
        return convert(report, LogVerified)
