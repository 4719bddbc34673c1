"""An auditor's bundle opened: signatures, and recordings with a private key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gate.errors import GateError, UsageError
from gate.exports.bundle_read import Signatures
from gate.vault.errors import WrapDamaged
from gate.vault.keyfile import PrivateKey
from gate.vault.opening import open_recording
from gate.vault.signing import parse_vkey, public_pem, verify_note, verify_signature

SIGNATURES = Signatures(note_text=verify_note, check=verify_signature, pem=public_pem)
Wraps = Sequence[tuple[str, bytes]]


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
