"""What goes into an auditor's bundle, from the data folder: recipients, announcements, a slice of the log, keys.

Used by the gate, which makes the part that is signed, and by the command that adds the recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import asdict

from gate.core.evidence import Checkpoint, parse_checkpoint
from gate.core.rows.audit import ForBundle
from gate.core.rows.keys import RegisteredKey
from gate.errors import AuditError, GateError, UsageError
from gate.exports.bundle import announcement_member
from gate.exports.bundle_write import Recorded, wrap_line
from gate.store.slices import LogSlice
from gate.vault.errors import WrapDamaged
from gate.vault.files import to_base64
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import Recipient
from gate.vault.recipients import load_recipients, load_retired
from gate.vault.sealer import Seal
from gate.vault.signing import verify_note
from gate.vault.wrap import data_key, half_of, wrap

Wraps = Sequence[tuple[str, bytes]]
"""(recipient, wrapped key) of a recording."""


def recorded(row: ForBundle) -> Recorded:
    """A recording that goes out."""
    return Recorded(row.recording_id, row.key_id or "", Path(row.path or ""), row.sha256 or "")


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
        self._file.write(wrap_line(recording_id, key_id, recipient, wrapped))
        self.recordings.append((recording_id, path))

    def close(self) -> None:
        """No more come."""
        self._file.close()

    def lines(self) -> Iterator[bytes]:
        """Their wraps, as they stand in the bundle."""
        with self._path.open("rb") as file:
            yield from file
