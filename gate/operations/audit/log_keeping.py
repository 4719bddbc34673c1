"""What the house does with the evidence log: signs it, verifies it, compares it with where its checkpoints lie."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.clock import Clock
from gate.config import Config
from gate.errors import GateError, VaultError

if TYPE_CHECKING:
    from gate.audit.checkpoints import Newest
    from gate.audit.places import Standing
    from gate.store.store import EvidenceStore


class LogKeeping:
    """A part of ``gate.operations.data_folder.DataFolder``, which has these."""

    config: Config
    clock: Clock
    store: EvidenceStore
    pepper: bytes
    _newest_checkpoints: dict[Path, Newest]
    _opened_with: int
    """Size of the log when the data folder was opened."""

    def beside(self, read: Callable[[Any], Any]) -> Any:
        """What a function reads from the store as it is now, without holding it up. Raises ``StoreError``."""
        from gate.store.reader import Reader

        with Reader(self.config.data / "gate.db") as reader:
            return read(reader)

    @property
    def _second_folder(self) -> Path | None:
        name = self.config.storage.checkpoints_copy
        return self.config.path(name) if name else None

    def standing(self) -> Standing:
        """The store compared with every place where checkpoints lie. Raises ``GateError``."""
        from gate.operations.audit.standing import StoreLog, standing

        return standing(self.config, StoreLog(self.store))

    def behind(self) -> dict[str, Any]:
        """What a restore would give up (``gate.operations.audit.standing.behind``). Raises ``GateError``."""
        from gate.operations.audit.standing import StoreLog, behind

        return behind(self.config, StoreLog(self.store))

    def unsigned_since(self) -> datetime | None:
        """When the oldest entry was kept over which no checkpoint is signed. Raises ``GateError``."""
        from gate.operations.audit.standing import unsigned_since

        return unsigned_since(lambda sql: self.beside(lambda reader: reader.query(sql)))

    def check_signer(self) -> None:
        """Raises ``VaultError`` where the key that signs the log is missing, or is not the one that has signed it."""
        from gate.vault.errors import NoteInvalid
        from gate.vault.signing import CheckpointKey, verify_note

        path = self.config.data / "gate.key"
        hint = "restore it: what it has signed holds under no other key"
        if not path.exists():
            raise VaultError(f"{path} is missing", hint=hint)
        key = CheckpointKey.load(path)
        for row in self.store.call(lambda tx: tx.query("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")):
            try:
                verify_note(row["note"], key.vkey)
            except NoteInvalid as error:
                raise VaultError(f"{path} is not the key that has signed this log: {error}", hint=hint) from error

    def checkpoint(self) -> dict[str, Any]:
        """Sign the log as it stands."""
        from gate.audit.checkpoints import Checkpointer
        from gate.vault.signing import CheckpointKey

        data = self.config.data
        key = CheckpointKey.load(data / "gate.key")
        written = Checkpointer(
            self.store,
            key.sign_note,
            origin=key.name,
            folder=data / "checkpoints",
            second=self._second_folder,
            newest=self._newest_checkpoints,
        ).write(self.clock.now())
        return {
            "size": written.size,
            "root": base64.b64encode(written.root).decode(),
            "note": written.note,
            "missed": list(written.missed),
        }

    def sign_what_came(self) -> None:
        """Sign what was kept since the data folder was opened. What cannot be signed is signed by the next gate."""
        with suppress(GateError):
            if self.store.call(lambda tx: tx.head()[0]) > self._opened_with:
                self.checkpoint()

    def copies(self, size: int, note: str) -> list[str]:
        """Where the file of a checkpoint lies as it was signed."""
        from gate.audit.heads import file_name

        found = []
        for place, folder in (("folder", self.config.data / "checkpoints"), ("second place", self._second_folder)):
            with suppress(OSError):
                files = [folder / file_name(size), folder / file_name(size, note)] if folder else []
                if any(file.is_file() and file.read_bytes() == note.encode() for file in files):
                    found.append(place)
        return found

    def verify_log(
        self,
        progress: Callable[[float, str], None] | None = None,
        vkey: str = "",
        checkpoints: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Verify rows, leaves, root and checkpoints, reading beside whatever is written.

        ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are known from elsewhere: what
        lies here cannot have been made to fit them. Raises ``GateError``.
        """
        from gate.audit.verify import verify
        from gate.operations.audit.bundles import check_vkey
        from gate.store.fold import number_hash
        from gate.store.projections import TABLES
        from gate.store.shape import differences
        from gate.vault.signing import CheckpointKey, verify_note

        data = self.config.data
        trusted = check_vkey(vkey) if vkey else CheckpointKey.load(data / "gate.key").vkey
        report = verify(
            data / "gate.db",
            lambda note: verify_note(note, trusted),
            tables=TABLES,
            folders=[data / "checkpoints", *([self._second_folder] if self._second_folder else [])],
            notes=checkpoints,
            origin=trusted.partition("+")[0],
            pepper=self.pepper,
            shape=lambda connection: differences(connection, number_hash(self.pepper, "")),
            progress=None if progress is None else lambda done, of: progress(done / max(of, 1), "leaves"),
        )
        told = report.as_json()
        if not vkey:
            told["not_proven"].append(
                "That the key is the gate's: it is the one that lies in gate.key (--vkey gives another)."
            )
        return told | {"vkey": trusted, "vkey_from": "elsewhere" if vkey else "gate.key"}
