"""Bundles for auditors: the part that the gate makes and signs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gate.core.rows.audit import ForBundle, VerifierKey
from gate.errors import GateError, UsageError
from gate.exports import bundle as form
from gate.exports.bundle import seal_text
from gate.exports.bundle_write import add_signature
from gate.operations.audit import bundle_contents, bundle_process
from gate.operations.audit.bundle_contents import Wraps
from gate.operations.audit.bundle_process import Job, Made
from gate.vault.signing import CheckpointKey, public_pem
from gate.vault.wrap import half_of


class Bundles:
    """Bundles of a data folder: the parts that the gate makes, and signs."""

    def __init__(self, data: Path, *, own_process: bool = False) -> None:
        """``data`` is the data folder: its ``gate.key`` signs. ``own_process``: bundles are made in a process of their
        own, so that no call waits for one."""
        self._data = data
        self._path = data / "gate.key"
        self._own_process = own_process

    def vkey(self) -> VerifierKey:
        """The key that all signatures are checked with. Raises ``VaultError``."""
        key = CheckpointKey.load(self._path)
        return VerifierKey(key.name, key.vkey, public_pem(key.vkey).decode())

    def make(
        self,
        job: Job,
        rows: Iterable[ForBundle],
        checkpoints: Sequence[tuple[str, str]],
        progress: Callable[[float, str], None] | None,
    ) -> Made:
        """The parts of a bundle in a folder of their own. What was left by exports that nobody fetched goes first."""
        key = self.vkey()
        exports = self._data / "exports"
        bundle_process.sweep(exports, datetime.fromisoformat(job.made))
        folder = exports / job.bundle
        if not form.RECORDING_ID.fullmatch(job.bundle):
            raise UsageError(f"not a bundle: {job.bundle[:80]!r}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            log = bundle_contents.log_slice(self._data, job.size, job.since, job.until)
            # Recipients of earlier bundles have the checkpoints that those were made with.
            older = [*log.bundle_sizes(), *bundle_contents.older_checkpoints(key.vkey, log, checkpoints)]
            with (folder / bundle_process.ROWS).open("xb") as file:
                for row in rows:
                    file.write(msgspec.json.encode(row) + b"\n")
            job = replace(job, data=str(self._data), folder=str(folder), older=older, vkey=key.vkey, pem=key.pem)
            made = bundle_process.in_child(job, progress) if self._own_process else bundle_process.make(job, progress)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return replace(made, folder=str(folder))

    def sign(self, bundle: str, manifest_sha256: str, folder: str) -> None:
        """Put the signature of a bundle's seal to its parts. Raises ``VaultError``."""
        signature = CheckpointKey.load(self._path).sign(seal_text(bundle, manifest_sha256).encode())
        try:
            with (Path(folder) / "tail").open("r+b") as tail:
                add_signature(tail, signature)
        except OSError as error:
            raise GateError(f"cannot write to {folder}: {error.strerror or error}") from error

    def openable(self, wraps: Wraps, recipient: str, openers: Sequence[str]) -> bool:
        """Whether the recipient can open a recording, or the owners of these keys together. Raises ``VaultError``."""
        halves = {half_of(each) for who, each in wraps if who in openers}
        whole = {half_of(each) for who, each in wraps if who == recipient}
        return "" in whole or "" in halves or {"first", "second"} <= halves
