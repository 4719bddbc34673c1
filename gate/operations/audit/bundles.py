"""Bundles for auditors: the part that the gate makes and signs.

A running gate makes it in a process of its own (``python -m gate.operations.audit.bundles``): a month of calls is
minutes of work that no call waits for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

import gate
from gate.converting import decode
from gate.core.rows.audit import ForBundle, VerifierKey
from gate.errors import AuditError, GateError, StoreError, UsageError, VaultError
from gate.exports import bundle as form
from gate.exports.bundle import seal_text
from gate.exports.bundle_write import Contents, add_signature, write_parts
from gate.operations.audit import bundle_contents
from gate.operations.audit.bundle_contents import Wraps
from gate.types import Progress
from gate.vault.signing import CheckpointKey, public_pem
from gate.vault.wrap import half_of

ROWS: Final = "rows.jsonl"
"""In the folder of the parts: what becomes of each recording."""
KEPT_SECONDS: Final = 86400.0
"""Parts that nobody has fetched for so long are removed."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle to be made."""

    bundle: str
    made: str
    firm: str
    checkpoint: str
    """The signed note, over ``size`` leaves."""
    size: int
    since: str
    until: str
    recipient: str
    data: str = ""
    folder: str = ""
    """For its parts."""
    older: list[int] = []
    """Sizes of checkpoints that its recipient holds."""
    vkey: str = ""
    pem: str = ""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a bundle."""

    folder: str
    sha256: str
    """Of the manifest."""
    size: int
    counts: dict[str, int]
    damaged: list[str]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """From the child: how far it is, what it has made, or what went wrong."""

    progress: float = 0.0
    what: str = ""
    made: Made | None = None
    error: str = ""
    hint: str = ""
    kind: str = ""


def make(job: Job, progress: Progress | None = None) -> Made:
    """Write ``head`` and ``tail``. Raises ``GateError``."""
    data, folder = Path(job.data), Path(job.folder)
    to = bundle_contents.registered(data, job.recipient)
    restrictions = [hold for row in _rows(folder) for hold in row.holds]
    contents = Contents(
        bundle=job.bundle,
        made=job.made,
        firm=job.firm,
        vkey=job.vkey,
        pem=job.pem.encode(),
        checkpoint=job.checkpoint,
        period=form.Period(job.since, job.until),
        recipient=form.To(to.id, to.name, to.purpose, to.fingerprint),
        recipients=bundle_contents.key_list(data),
        statuses={row.recording_id: (row.status, row.why) for row in _rows(folder)},
        sound=lambda name: bundle_contents.announcement(data, name),
        older=job.older,
    )
    log = bundle_contents.log_slice(data, job.size, job.since, job.until, restrictions)
    recorded = (bundle_contents.recorded(row) for row in _rows(folder) if row.status == "included")
    try:
        with (folder / "head").open("xb") as head, (folder / "tail").open("xb") as tail:
            parts = write_parts(
                head, tail, contents, log, recorded, seal=bundle_contents.sealing(to), folder=folder, progress=progress
            )
    except FileNotFoundError as error:
        raise GateError(
            f"{error.filename} went away while the bundle was made", hint="if it was erased just now, export again"
        ) from error
    except OSError as error:
        raise GateError(f"cannot write to {folder}: {error.strerror or error}", hint="is there room?") from error
    counts = {name: count for name, count in parts.manifest.counts.items() if count}
    return Made(folder=job.folder, sha256=parts.sha256, size=parts.size, counts=counts, damaged=parts.damaged)


def _rows(folder: Path) -> Iterator[ForBundle]:
    with (folder / ROWS).open("rb") as file:
        for line in file:
            yield decode(line, ForBundle)


def sweep(exports: Path, now: datetime) -> None:
    """Remove parts that nobody has fetched."""
    with suppress(OSError):
        for folder in exports.iterdir():
            if folder.stat().st_mtime < now.timestamp() - KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def in_child(job: Job, progress: Progress | None = None) -> Made:
    """``make`` in a child process. Where ``progress`` raises, the child is ended."""
    home = str(Path(gate.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([home, inherited]) if inherited else home}
    command = [sys.executable, "-P", "-m", "gate.operations.audit.bundles"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 - asked for above
        try:
            child.stdin.write(msgspec.json.encode(job).decode())
            child.stdin.close()
            for line in child.stdout:
                message = decode(line, Message)
                if message.made is not None:
                    return message.made
                if message.error:
                    raise _ERRORS.get(message.kind, GateError)(message.error, hint=message.hint)
                if progress:
                    progress(message.progress, message.what)
        finally:
            child.kill()
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip().splitlines()
    raise GateError(f"the bundle could not be made: {said[-1] if said else 'its process ended'}", hint="export anew")


_ERRORS: Final = {each.__name__: each for each in (AuditError, StoreError, UsageError, VaultError)}


def main() -> int:
    """Read the job from standard input; tell progress and what came of it, a line of JSON each."""
    job = decode(sys.stdin.read(), Job)

    def tell(message: Message) -> None:
        sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        sys.stdout.flush()

    try:
        tell(Message(made=make(job, lambda done, what: tell(Message(done, what)))))
    except GateError as error:
        tell(Message(error=error.message, hint=error.hint, kind=type(error).__name__))
        return 1
    return 0


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
        sweep(exports, datetime.fromisoformat(job.made))
        folder = exports / job.bundle
        if not form.RECORDING_ID.fullmatch(job.bundle):
            raise UsageError(f"not a bundle: {job.bundle[:80]!r}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            log = bundle_contents.log_slice(self._data, job.size, job.since, job.until)
            # Recipients of earlier bundles have the checkpoints that those were made with.
            older = [*log.bundle_sizes(), *bundle_contents.older_checkpoints(key.vkey, log, checkpoints)]
            with (folder / ROWS).open("xb") as file:
                for row in rows:
                    file.write(msgspec.json.encode(row) + b"\n")
            job = replace(job, data=str(self._data), folder=str(folder), older=older, vkey=key.vkey, pem=key.pem)
            made = in_child(job, progress) if self._own_process else make(job, progress)
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


if __name__ == "__main__":
    sys.exit(main())
