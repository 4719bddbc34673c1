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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, TypedDict

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

import gate
from gate.converting import decode
from gate.core.evidence import Checkpoint, keys_of, parse_checkpoint
from gate.core.rows.audit import ForBundle, VerifierKey
from gate.core.rows.keys import RegisteredKey
from gate.errors import AuditError, GateError, StoreError, UsageError, VaultError, WrapDamaged
from gate.exports import bundle as form
from gate.exports.bundle import announcement_member, seal_text
from gate.exports.bundle_write import Contents, OtherHead, Recorded, add_signature, wrap_line, write_parts
from gate.store.reader import Place, place_from_words, place_in_words
from gate.store.slices import LogSlice
from gate.types import Progress
from gate.vault.files import to_base64
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import Recipient
from gate.vault.recipients import load_recipients, load_retired
from gate.vault.sealer import Seal
from gate.vault.signing import CheckpointKey, public_pem, verify_note
from gate.vault.wrap import data_key, half_of, wrap

ROWS: Final = "rows.jsonl"
"""In the folder of the parts: what becomes of each recording."""
KEPT_SECONDS: Final = 86400.0
"""Parts that nobody has fetched for so long are removed."""


class OtherLog(msgspec.Struct, frozen=True, kw_only=True):
    """The log of another gate of the same database, which goes out too."""

    number: int
    checkpoint: str
    """Its newest signed note, over ``size`` leaves."""
    size: int
    vkey: str
    pem: str
    older: list[int] = []


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
    store: str = ""
    """Where the log is (``gate.store.reader.place_in_words``)."""
    folder: str = ""
    """Folder for its parts."""
    older: list[int] = []
    """Sizes of checkpoints that its recipient holds."""
    vkey: str = ""
    pem: str = ""
    number: int = 0
    """That of the gate's own log."""
    others: list[OtherLog] = []
    evidence_only: bool = False


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a bundle."""

    folder: str
    sha256: str
    """SHA-256 of the manifest."""
    size: int
    counts: dict[str, int]
    damaged: list[str]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the child reports: how far it is, what it has made, or what went wrong."""

    progress: float = 0.0
    what: str = ""
    made: Made | None = None
    error: str = ""
    hint: str = ""
    kind: str = ""


def make(job: Job, progress: Progress | None = None) -> Made:
    """Write ``head`` and ``tail``. Raises ``GateError``."""
    data, folder = Path(job.data), Path(job.folder)
    to = registered(data, job.recipient)
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
        recipients=key_list(data),
        statuses={row.recording_id: (row.status, row.why) for row in _rows(folder)},
        sound=lambda name: announcement(data, name),
        older=job.older,
        number=job.number if job.others else UNSET,
        others=[OtherHead(o.number, o.vkey, o.pem.encode(), o.checkpoint, o.older) for o in job.others],
        evidence_only=job.evidence_only,
    )
    log, *beside = log_slices(place_from_words(job.store), job, restrictions)
    going = (recorded(row) for row in _rows(folder) if row.status == "included")
    try:
        with (folder / "head").open("xb") as head, (folder / "tail").open("xb") as tail:
            parts = write_parts(
                head, tail, contents, log, going, seal=sealing(to), folder=folder, progress=progress, beside=beside
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
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    raise GateError(f"the bundle could not be made: {lines[-1] if lines else 'its process ended'}", hint="export anew")


_ERRORS: Final = {each.__name__: each for each in (AuditError, StoreError, UsageError, VaultError)}


def main() -> int:
    """Read the job from standard input; tell progress and what came of it, a line of JSON each."""
    job = decode(sys.stdin.read(), Job)

    def send(message: Message) -> None:
        sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        sys.stdout.flush()

    try:
        send(Message(made=make(job, lambda done, what: send(Message(done, what)))))
    except GateError as error:
        send(Message(error=error.message, hint=error.hint, kind=type(error).__name__))
        return 1
    return 0


class Bundles:
    """Bundles of a data folder: the parts that the gate makes, and signs."""

    def __init__(self, data: Path, place: Place, *, own_process: bool = False) -> None:
        """``data`` is the data folder: its ``gate.key`` signs; ``place``: where the log is. ``own_process``: bundles
        are made in a process of their own, so that no call waits for one."""
        self._data = data
        self._place = place
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
            log, *beside = log_slices(self._place, job)
            # Recipients of earlier bundles have the checkpoints that those were made with.
            logs = {key.vkey: log} | {each.vkey: its for each, its in zip(job.others, beside, strict=True)}
            held = older_checkpoints(logs, checkpoints)
            older = {vkey: sorted({*its.bundle_sizes(), *held[vkey]}) for vkey, its in logs.items()}
            with (folder / ROWS).open("xb") as file:
                for row in rows:
                    file.write(msgspec.json.encode(row) + b"\n")
            job = replace(job, data=str(self._data), store=place_in_words(self._place), folder=str(folder))
            job = replace(job, older=older[key.vkey], vkey=key.vkey, pem=key.pem)
            job = replace(job, others=[replace(each, older=older[each.vkey]) for each in job.others])
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


# --- what goes into a bundle ------------------------------------------------------------------------------------------

Wraps = Sequence[tuple[str, bytes]]
"""(recipient, wrapped key) of a recording."""


def recorded(row: ForBundle) -> Recorded:
    """A recording that goes out."""
    size = row.size if row.stored_in else None
    return Recorded(row.recording_id, row.key_id or "", Path(row.path or ""), row.sha256 or "", size)


def registered(data: Path, recipient_id: str) -> Recipient:
    """The recipient with its public key. Raises ``UsageError``, ``VaultError``."""
    for each in load_recipients(data / "recipients"):
        if each.id == recipient_id:
            return each
    raise UsageError(f"there is no recipient {recipient_id}", hint="See: dialgate key list")


def key_list(data: Path) -> list[RegisteredKey]:
    """The register of recipients with their public keys (base64), for the bundle. Raises ``VaultError``."""
    folder = data / "recipients"
    retired = load_retired(folder)
    both = [(each, False) for each in load_recipients(folder)] + [(each, True) for each in retired]
    return [RegisteredKey(**asdict(each.row()), public=to_base64(each.public), retired=gone) for each, gone in both]


def announcement(data: Path, name: str) -> Path | None:
    """The WAV of an announcement, ``ID@VERSION``; None where it is not there."""
    path = data / "prompts" / name / "announcement.wav"
    return path if announcement_member(name) and path.is_file() else None


class _Period(TypedDict):
    since: str
    until: str
    subjects: Sequence[str]


def log_slices(place: Place, job: Job, subjects: Sequence[str] = ()) -> list[LogSlice]:
    """The period of the gate's log, and of the others that go out with it. Raises ``StoreError``."""
    period: _Period = {"since": job.since, "until": job.until, "subjects": subjects}
    if isinstance(place, Path) or not job.others:
        return [log_slice(place, size=job.size, **period)]
    sizes = {job.number: job.size} | {each.number: each.size for each in job.others}
    together = [keys_of(number)[:size] for number, size in sizes.items()]
    return [
        LogSlice(place.of_log(number), size=size, together=together, ended=number != job.number, **period)
        for number, size in sizes.items()
    ]


def log_slice(place: Place, size: int, since: str, until: str, subjects: Sequence[str] = ()) -> LogSlice:
    """The period of the log. Raises ``StoreError``."""
    return LogSlice(place, size=size, since=since, until=until, subjects=subjects)


def older_checkpoints(logs: Mapping[str, LogSlice], notes: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Sizes of checkpoints that the recipient holds, of each log, by its key. Raises ``AuditError`` where a log is not
    the one that they were signed over: then nothing goes out."""
    sizes: dict[str, list[int]] = {vkey: [] for vkey in logs}
    for where, note in notes:
        vkey = next((each for each in logs if _is_signed(note, each)), next(iter(logs)))
        known, log = signed_checkpoint(where, note, vkey), logs[vkey]
        if known.size > log.size or log.root_at(known.size) != known.root:
            raise AuditError(
                f"the log has not grown from {where} ({known.size} entries): it was cut or rewritten",
                hint="run dialgate audit verify with the same --checkpoint",
            )
        sizes[vkey].append(known.size)
    return sizes


def _is_signed(note: str, vkey: str) -> bool:
    try:
        signed_checkpoint("", note, vkey)
    except UsageError:
        return False
    return True


def signed_checkpoint(where: str, note: str, vkey: str) -> Checkpoint:
    """A checkpoint that was signed with this key. Raises ``UsageError``."""
    try:
        return parse_checkpoint(verify_note(note, vkey))
    except (GateError, ValueError) as error:
        raise UsageError(f"{where} is not a checkpoint of this gate: {error}") from error


def sealing(recipient: Recipient) -> Callable[[str], Seal]:
    """A fresh key for each log of a bundle, wrapped to its recipient alone."""
    return lambda what: Seal(what, {}, (recipient,))


def rewrapped(
    wraps: Wraps, privates: Sequence[PrivateKey], recipient: Recipient, *, recording_id: str, key_id: str
) -> bytes:
    """A recording's key for the recipient: the wrap that they have, else one made with the private keys at hand.

    Raises ``VaultError``.
    """
    for who, each in wraps:
        if who == recipient.id and not half_of(each):
            return each
    if not privates:
        raise WrapDamaged(f"recording {recording_id} is not sealed to {recipient.name!r}, and no key was given")
    ids = {"recording_id": recording_id, "key_id": key_id}
    return wrap(data_key(wraps, privates, **ids), recipient, **ids)


class Wrapped:
    """Recordings that go out, their wraps in a file: nothing of a bundle's size stays in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb")
        self.recordings: list[tuple[str, Path, str]] = []
        """Id, sealed file and its SHA-256 in the log, in the order of the export."""

    def add(self, path: Path, sha256: str, wrapped: bytes, recipient: str, *, recording_id: str, key_id: str) -> None:
        """One more, in the order of the export."""
        self._file.write(wrap_line(recording_id, key_id, recipient, wrapped))
        self.recordings.append((recording_id, path, sha256))

    def close(self) -> None:
        """No more come."""
        self._file.close()

    def lines(self) -> Iterator[bytes]:
        """Their wraps, as they stand in the bundle."""
        with self._path.open("rb") as file:
            yield from file


if __name__ == "__main__":
    sys.exit(main())
