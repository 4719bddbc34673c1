"""The gate's part of an auditor's bundle made, for a running gate in a process of its own (``python -m
gate.operations.audit.bundle_process``): a month of calls is minutes of work that no call waits for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

import gate
from gate.converting import decode
from gate.core.rows.audit import ForBundle
from gate.errors import AuditError, GateError, StoreError, UsageError, VaultError
from gate.exports import bundle as form
from gate.exports.bundle_write import Contents, write_parts
from gate.operations.audit import bundle_contents
from gate.types import Progress

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
    command = [sys.executable, "-P", "-m", "gate.operations.audit.bundle_process"]
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


if __name__ == "__main__":
    sys.exit(main())
