"""Auditors' bundles, wired: what the desk, the command that writes them and the one that opens them need of the vault
and the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gate.core.evidence import Checkpoint, parse_checkpoint
from gate.errors import AuditError, GateError, UsageError
from gate.exports import bundle as form
from gate.exports.bundle import announcement_member, seal_text
from gate.exports.bundle_parts import Recorded
from gate.exports.bundle_read import Signatures
from gate.store.slices import LogSlice
from gate.vault.errors import WrapDamaged
from gate.vault.keyfile import PrivateKey
from gate.vault.opening import open_recording
from gate.vault.recipients import Recipient, load_recipients
from gate.vault.sealer import Seal
from gate.vault.signing import CheckpointKey, parse_vkey, public_pem, verify_note, verify_signature
from gate.vault.wrap import data_key, half_of, wrap

SIGNATURES = Signatures(note_text=verify_note, check=verify_signature, pem=public_pem)

Wraps = Sequence[tuple[str, bytes]]


class Bundles:
    """Bundles of a data folder: the parts that the gate makes, and signs."""

    def __init__(self, data: Path, *, apart: bool = False) -> None:
        """``data`` is the data folder: its ``gate.key`` signs. ``apart``: bundles are made in a process of their own,
        so that no call waits for one."""
        self._data = data
        self._path = data / "gate.key"
        self._apart = apart

    def vkey(self) -> dict[str, Any]:
        """``name``, ``vkey`` and ``pem`` of the key that signs. Raises ``VaultError``."""
        key = CheckpointKey.load(self._path)
        return {"name": key.name, "vkey": key.vkey, "pem": public_pem(key.vkey).decode()}

    def make(
        self,
        job: dict[str, Any],
        rows: Iterable[dict[str, Any]],
        checkpoints: Sequence[tuple[str, str]],
        progress: Callable[[float, str], None] | None,
    ) -> dict[str, Any]:
        """The parts of a bundle in a folder of their own. What was left by exports that nobody fetched goes first."""
        from gate.operations.audit import bundling

        key = self.vkey()
        exports = self._data / "exports"
        bundling.sweep(exports, datetime.fromisoformat(job["made"]))
        folder = exports / job["bundle"]
        if not form.RECORDING_ID.fullmatch(job["bundle"]):
            raise UsageError(f"not a bundle: {job['bundle'][:80]!r}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            log = log_slice(self._data, job["size"], job["from"], job["to"])
            older = [*earlier(log), *older_checkpoints(key["vkey"], log, checkpoints)]
            with (folder / bundling.ROWS).open("xb") as file:
                for row in rows:
                    file.write(form.json_line(row))
            job = {**job, "data": str(self._data), "folder": str(folder), "older": older, **key}
            made = bundling.in_child(job, progress) if self._apart else bundling.make(job, progress)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return made | {"folder": str(folder)}

    def sign(self, bundle: str, manifest_sha256: str, folder: str) -> None:
        """Put the signature of a bundle's seal to its parts. Raises ``VaultError``."""
        from gate.exports.bundle_write import add_signature

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


# --- writing -------------------------------------------------------------------------------------------------------


def recorded(row: dict[str, Any]) -> Recorded:
    """A recording that goes out."""
    return Recorded(row["recording_id"], row["key_id"], Path(row["path"]), row["sha256"])


def registered(data: Path, recipient_id: str) -> Recipient:
    """The recipient with its public key. Raises ``UsageError``, ``VaultError``."""
    for each in load_recipients(data / "recipients"):
        if each.id == recipient_id:
            return each
    raise UsageError(f"there is no recipient {recipient_id}", hint="See: dialgate key list")


def key_list(data: Path) -> list[dict[str, Any]]:
    """The register of recipients with their public keys (base64), for the bundle. Raises ``VaultError``."""
    from gate.vault.recipients import load_retired
    from gate.vault.text import to_base64

    folder = data / "recipients"
    retired = load_retired(folder)
    both = [(each, False) for each in load_recipients(folder)] + [(each, True) for each in retired]
    return [each.row() | {"public": to_base64(each.public), "retired": gone} for each, gone in both]


def announcement(data: Path, name: str) -> Path | None:
    """The WAV of an announcement, ``ID@VERSION``; None where it is not there."""
    path = data / "prompts" / name / "announcement.wav"
    return path if announcement_member(name) and path.is_file() else None


def log_slice(data: Path, size: int, since: str, until: str, subjects: Sequence[str] = ()) -> LogSlice:
    """The period of the log. Raises ``StoreError``."""
    return LogSlice(data / "gate.db", size=size, since=since, until=until, subjects=subjects)


def older_checkpoints(vkey: str, slice_: LogSlice, notes: Sequence[tuple[str, str]]) -> list[int]:
    """Sizes of checkpoints that the recipient holds. Raises ``AuditError`` where the log is not the one that they were
    signed over: then nothing goes out."""
    sizes = []
    for where, note in notes:
        known = signed_checkpoint(where, note, vkey)
        if known.size > slice_.size or slice_.root_at(known.size) != known.root:
            raise AuditError(
                f"the log has not grown from {where} ({known.size} entries): it was cut or rewritten",
                hint="run dialgate audit verify with the same --checkpoint",
            )
        sizes.append(known.size)
    return sizes


def earlier(slice_: LogSlice) -> list[int]:
    """Sizes of the checkpoints that earlier bundles were made with: their recipients have them."""
    return slice_.bundle_sizes()


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
        self.recordings: list[tuple[str, Path]] = []
        """Id and sealed file, in the order of the export."""

    def add(self, path: Path, wrapped: bytes, recipient: str, *, recording_id: str, key_id: str) -> None:
        """One more, in the order of the export."""
        from gate.exports.bundle_write import wrap_line

        self._file.write(wrap_line(recording_id, key_id, recipient, wrapped))
        self.recordings.append((recording_id, path))

    def close(self) -> None:
        """No more come."""
        self._file.close()

    def lines(self) -> Iterator[bytes]:
        """Their wraps, as they stand in the bundle."""
        with self._path.open("rb") as file:
            yield from file


# --- opening -------------------------------------------------------------------------------------------------------


def opener(private: PrivateKey) -> Callable[[Path, str, str, Wraps, bool], Iterator[bytes]]:
    """``gate.exports.bundle_check.OpenSealed`` with this key."""

    def open_sealed(
        path: Path, recording_id: str, key_id: str, wraps: Wraps, allow_interrupted: bool
    ) -> Iterator[bytes]:
        header, chunks = open_recording(
            path, wraps, private, recording_id=recording_id, allow_interrupted=allow_interrupted
        )
        if header["key_id"] != key_id:
            raise WrapDamaged(f"recording {recording_id} was sealed with another key than the list of keys says")
        return chunks

    return open_sealed


def check_vkey(vkey: str) -> str:
    """A verifier key as it was given. Raises ``UsageError``."""
    text = vkey.strip()
    try:
        parse_vkey(text)
    except GateError as error:
        raise UsageError(
            f"not a verifier key: {text[:100]!r}", hint="One line as dialgate audit key prints it, or a file with it."
        ) from error
    return text
