"""The gate's signing key, and signed notes in the form of C2SP (signed-note.md).

``gate.key`` is two things in one file, 0600: a line with the verifier key, then the Ed25519 private key as PKCS #8 PEM,
not encrypted. The signer must work unattended after a restart; a passphrase in a file beside it would protect nothing.
Whoever holds the file can sign another log, which the checkpoints that were given away before contradict.

A note is text that ends in a newline, an empty line, and signature lines ``— name base64(key id || signature)``. The
key id is the first four bytes of ``SHA-256(name || 0x0A || 0x01 || public key)``; the verifier key is ``name+key id in
hexadecimal+base64(0x01 || public key)``. Ed25519 (RFC 8032) signs the text with its last newline; it takes no nonce
from us.

A cosignature (tlog-cosignature.md) is what a witness adds to the note of a checkpoint. Its signature line holds the
time in seconds since 1970 (8 bytes, big-endian), and an Ed25519 signature over ``cosignature/v1``, ``time SECONDS`` and
the text. Its keys have the type 0x04 where a log's have 0x01.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gate.core.evidence import EvidenceError, key_id, verifier_key
from gate.errors import KeyFileDamaged, NoteInvalid, UsageError
from gate.vault.files import from_base64, read_bounded, to_base64, write_whole

ED25519: Final = b"\x01"
COSIGNATURE: Final = b"\x04"
MAX_NOTE: Final = 1024 * 1024
MAX_SIGNATURES: Final = 100
_MAX_KEY_FILE: Final = 4096
_DASH: Final = "— "


class CheckpointKey:
    """An Ed25519 key with the name that it signs under."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        if not _name_ok(name):
            raise UsageError(
                f"a signing key's name has no spaces and no '+': {name!r}", hint="E.g. gate.example.co.uk/log"
            )
        self.name = name
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def create(cls, path: Path, name: str) -> CheckpointKey:
        """A new key, written to ``path``. Raises ``UsageError`` for the name; ``VaultError`` where the file exists."""
        made = cls(name, Ed25519PrivateKey.generate())
        pem = made._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_whole(path, made.vkey.encode() + b"\n" + pem)
        return made

    @classmethod
    def load(cls, path: Path) -> CheckpointKey:
        """Raises ``KeyFileDamaged``; ``VaultError`` where it cannot be read."""
        vkey, _, pem = read_bounded(path, _MAX_KEY_FILE).partition(b"\n")
        try:
            name, _ = parse_vkey(vkey.decode())
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, NoteInvalid) as error:
            raise KeyFileDamaged(f"{path} is not a signing key: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileDamaged(f"{path} is not an Ed25519 key")
        loaded = cls(name, key)
        if loaded.vkey.encode() != vkey:
            raise KeyFileDamaged(f"{path} names another key than it holds")
        return loaded

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._public

    @property
    def vkey(self) -> str:
        """The verifier key to give away: ``name+hash+base64``."""
        return f"{self.name}+{key_id(self.name, ED25519, self._public).hex()}+{to_base64(ED25519 + self._public)}"

    def sign(self, data: bytes) -> bytes:
        """Ed25519 over ``data``: 64 bytes."""
        return self._key.sign(data)

    def verify(self, data: bytes, signature: bytes) -> None:
        """A signature that this key made. Raises ``NoteInvalid`` where it does not hold."""
        verify_signature(data, signature, self.vkey)

    def verify_note(self, note: str) -> str:
        """The text of a note that this key has signed (``verify_note``). Raises ``NoteInvalid``."""
        return verify_note(note, self.vkey)

    def sign_note(self, text: str) -> str:
        """The signed note of ``text``. Raises ``NoteInvalid`` where it does not end in a newline, has control
        characters or is too long."""
        if not text.endswith("\n") or not _text_ok(text) or len(text) > MAX_NOTE // 4 - 1024:
            raise NoteInvalid("a note is text that ends in a newline, without control characters")
        signature = key_id(self.name, ED25519, self._public) + self.sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {to_base64(signature)}\n"


def parse_vkey(vkey: str, algorithm: bytes = ED25519) -> tuple[str, Ed25519PublicKey]:
    """Name and public key of a verifier key of a log, or of a witness (``COSIGNATURE``). Raises ``NoteInvalid``."""
    try:
        name, found, public = verifier_key(vkey)
    except EvidenceError as error:
        raise NoteInvalid(str(error)) from error
    if found != algorithm or not _name_ok(name):
        whose = "a witness (cosignature/v1)" if algorithm == COSIGNATURE else "a log"
        raise NoteInvalid(f"not an Ed25519 verifier key of {whose}: name+hash+base64")
    return name, Ed25519PublicKey.from_public_bytes(public)


def check_vkey(vkey: str, *, witness: bool = False) -> str:
    """A verifier key of a log, or of a witness, as somebody gave it, without the space around it. Raises
    ``UsageError``."""
    text = vkey.strip()
    try:
        parse_vkey(text, COSIGNATURE if witness else ED25519)
    except NoteInvalid as error:
        made = "its operator gives it" if witness else "dialgate audit key prints it"
        raise UsageError(
            f"not a verifier key: {text[:100]!r}", hint=f"One line as {made}, or a file with it."
        ) from error
    return text


def verify_signature(data: bytes, signature: bytes, vkey: str) -> None:
    """A signature that ``CheckpointKey.sign`` made. Raises ``NoteInvalid`` where it does not hold."""
    name, public = parse_vkey(vkey)
    _verify(name, public, signature, data)


def public_pem(vkey: str) -> bytes:
    """The public key as PEM (SubjectPublicKeyInfo, RFC 8410), as ``openssl`` takes it. Raises ``NoteInvalid``."""
    _, public = parse_vkey(vkey)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def verify_note(note: str, vkey: str) -> str:
    """The text of a note that the key has signed. Signatures by other keys are passed over.

    Raises ``NoteInvalid`` and nothing else: malformed, not signed by this key, or one signature by it does not hold.
    """
    name, public = parse_vkey(vkey)
    text, mine = _signed_by(note, name, key_id(name, ED25519, public.public_bytes_raw()))
    for signature in mine:
        _verify(name, public, signature, text.encode())
    return text


def cosigned_at(note: str, vkey: str) -> datetime:
    """When the witness with this key says that it saw the checkpoint of a note: the last time, where there are several.

    Raises ``NoteInvalid`` and nothing else: malformed, no cosignature by this key, or one of them does not hold.
    """
    name, public = parse_vkey(vkey, COSIGNATURE)
    text, mine = _signed_by(note, name, key_id(name, COSIGNATURE, public.public_bytes_raw()))
    times = []
    for signature in mine:
        seconds = int.from_bytes(signature[:8], "big")
        _verify(name, public, signature[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
        try:
            times.append(datetime.fromtimestamp(seconds, UTC))
        except (ValueError, OverflowError, OSError) as error:
            raise NoteInvalid(f"{name} says that it signed at {seconds} seconds after 1970") from error
    return max(times)


def _signed_by(note: str, name: str, key: bytes) -> tuple[str, list[bytes]]:
    text, signatures = _split(note)
    mine = [signature[4:] for signer, signature in signatures if signer == name and signature[:4] == key]
    if not mine:
        raise NoteInvalid(f"the note is not signed by {name}")
    return text, mine


def _verify(name: str, public: Ed25519PublicKey, signature: bytes, data: bytes) -> None:
    try:
        public.verify(signature, data)
    except InvalidSignature as error:
        raise NoteInvalid(f"the signature of {name} does not hold: the text or the signature was changed") from error


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and (name, key id || signature) pairs; the last empty line parts them."""
    if len(note) > MAX_NOTE or not _text_ok(note) or not note.endswith("\n"):
        raise NoteInvalid("not a signed note")
    head, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")[:-1]
    if not blank or not lines or len(lines) > MAX_SIGNATURES:
        raise NoteInvalid("a note without signatures")
    signatures = []
    for line in lines:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            signature = from_base64(encoded)
        except ValueError as error:
            raise NoteInvalid("a malformed signature line") from error
        if not line.startswith(_DASH) or not _name_ok(name) or len(signature) < 5:
            raise NoteInvalid("a malformed signature line")
        signatures.append((name, signature))
    return head + "\n", signatures


def _name_ok(name: str) -> bool:
    return bool(name) and len(name) <= 255 and _text_ok(name) and not any(c.isspace() or c == "+" for c in name)


def _text_ok(text: str) -> bool:
    if any(c < " " and c != "\n" for c in text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
