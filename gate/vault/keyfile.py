"""Private keys, in files that a passphrase protects.

The file is UTF-8 JSON, so that people can see whose it is, at most 32 KiB. Every field is there, and no other::

    {"dialgate": "private key",        what it is
     "version": 1,
     "recipient": {…},                 the public half: the fields of a recipient's text, see ``publickey``
     "kdf": {"name": "argon2id",
             "iterations": 3,          1 to 16
             "lanes": 4,               1 to 16
             "memory_kib": 65536,      1,024 to 1,048,576
             "salt": "<base64, 16 bytes>"},
     "sealed": "<base64, 112 bytes>",
     "sha256": "<64 hexadecimal digits>"}

To open it by other means: ``K = Argon2id(passphrase, salt, iterations, lanes, memory, 32 bytes)`` (RFC 9106, version
0x13, no secret, no associated data), the passphrase being UTF-8 of its NFC form, without a line end. ``sealed`` is
AES-256-GCM under K: 96 bytes of ciphertext and the tag (16); nonce: twelve zero bytes; associated data: the canonical
JSON (``gate.core.evidence.canonical``: keys sorted, no spaces, UTF-8, no escapes that need not be) of ``dialgate``,
``version``, ``recipient`` and ``kdf``, so that neither parameters, name nor role can be changed. In clear it is the
ML-KEM-768 seed (64 bytes, d then z of FIPS 203) and the X25519 private key (32 bytes, RFC 7748). Every save draws a new
salt, so that each K seals once and the nonce never comes twice.

The parameters are those that RFC 9106 recommends where memory is limited. ``sha256`` is over the canonical JSON of
everything else. It is no protection (anyone can compute it): it tells a damaged file from a wrong passphrase, which
authenticated encryption alone cannot.

A changed passphrase is a new file put in the place of the old one by rename, with a new salt; copies of the old file
still open with the old passphrase.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec.structs import asdict

from gate.converting import decode
from gate.core.evidence import canonical
from gate.errors import KeyFileDamaged, RecipientInvalid, UsageError, WrongPassphrase
from gate.vault.files import from_base64, read_bounded, to_base64, write_whole
from gate.vault.publickey import Recipient, make_recipient, parse_recipient

MIN_PASSPHRASE: Final = 8
"""Characters; NIST SP 800-63B asks for no less."""
MAX_PASSPHRASE: Final = 1024
MAX_FILE: Final = 32 * 1024
_SEED: Final = 64
_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An opened private key: whose it is, the key itself, and its file's text, in which it is closed."""

    recipient: Recipient
    key: MLKEM768X25519PrivateKey = field(repr=False, compare=False)
    text: str = field(repr=False, compare=False)
    """The passphrase-protected file, as it is to be written with ``save_private``."""

    @property
    def id(self) -> str:
        """The recipient's id."""
        return self.recipient.id


class _Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # The upper bounds keep a prepared file from eating the memory of whoever opens it.
    salt: str
    name: Literal["argon2id"] = "argon2id"
    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 64 * 1024

    def derive(self, passphrase: str) -> bytes:
        """The file's key. Raises ``ValueError`` for parameters out of bounds."""
        salt = from_base64(self.salt)
        bounded = 1 <= self.iterations <= 16 and 1 <= self.lanes <= 16 and 1024 <= self.memory_kib <= 1024 * 1024
        if not bounded or len(salt) != 16:
            raise ValueError("the passphrase parameters are out of bounds")
        kdf = Argon2id(salt=salt, length=32, iterations=self.iterations, lanes=self.lanes, memory_cost=self.memory_kib)
        return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dialgate: Literal["private key"]
    version: Literal[1]
    recipient: dict[str, Any]
    kdf: _Kdf
    sealed: str
    sha256: str


def generate(name: str, role: str, passphrase: str, now: datetime) -> tuple[PrivateKey, Recipient]:
    """A new key: its private half, closed with ``passphrase`` in ``.text``, and its public half.

    Raises ``UsageError`` for a passphrase of fewer than 8 characters, ``RecipientInvalid`` for a name or role.
    """
    secret = MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()
    recipient = make_recipient(name, role, now, _public(secret))
    private = PrivateKey(recipient, _key(secret), _seal(recipient, secret, passphrase))
    return private, recipient


def save_private(path: Path, private: PrivateKey) -> None:
    """Write the protected file, 0600, whole or not at all. Raises ``VaultError`` where ``path`` exists."""
    write_whole(path, private.text.encode())


def load_private(path: Path, passphrase: str) -> PrivateKey:
    """Open a private key. Raises ``WrongPassphrase``; ``KeyFileDamaged``; ``VaultError`` where it cannot be read."""
    private, _ = _open(read_bounded(path, MAX_FILE), passphrase, str(path))
    return private


def change_passphrase(path: Path, old: str, new: str) -> PrivateKey:
    """Close the key with another passphrase, in place; on failure the file stays as it was.

    Copies of the old file still open with the old passphrase: a key that was seen is replaced, not re-closed. Raises
    what ``load_private`` raises, and ``UsageError`` for a passphrase that is too short.
    """
    private, secret = _open(read_bounded(path, MAX_FILE), old, str(path))
    changed = PrivateKey(private.recipient, private.key, _seal(private.recipient, secret, new))
    write_whole(path, changed.text.encode(), replace=True)
    return changed


def _seal(recipient: Recipient, secret: bytes, passphrase: str) -> str:
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise UsageError(
            f"a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters, not {len(passphrase)}",
            hint="Several unrelated words are easy to keep and hard to guess.",
        )
    kdf = _Kdf(salt=to_base64(secrets.token_bytes(16)))
    try:
        key = kdf.derive(passphrase)
    except UnicodeEncodeError:
        raise UsageError("the passphrase has characters that are no text") from None
    fields: dict[str, Any] = {
        "dialgate": "private key",
        "version": 1,
        "recipient": json.loads(recipient.to_text()),
        "kdf": asdict(kdf),
    }
    sealed = AESGCM(key).encrypt(_NONCE, secret, canonical(fields))
    fields["sealed"] = to_base64(sealed)
    fields["sha256"] = hashlib.sha256(canonical(fields)).hexdigest()
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def _parse(data: bytes, where: str) -> tuple[_File, Recipient]:
    try:
        file = decode(data, _File)
        fields = json.loads(data)
        digest = fields.pop("sha256")
        if hashlib.sha256(canonical(fields)).hexdigest() != digest:
            raise KeyFileDamaged(f"{where} was changed or is damaged: its checksum does not match")
        return file, parse_recipient(json.dumps(file.recipient))
    except (msgspec.MsgspecError, ValueError, RecursionError, RecipientInvalid) as error:
        raise KeyFileDamaged(
            f"{where} is not a private key file: {error}",
            hint="Give the file that `dialgate key new` wrote with -o, not the recipient.",
        ) from error


def _open(data: bytes, passphrase: str, where: str) -> tuple[PrivateKey, bytes]:
    file, recipient = _parse(data, where)
    bound = canonical({"dialgate": "private key", "version": 1, "recipient": file.recipient, "kdf": asdict(file.kdf)})
    try:
        sealed = from_base64(file.sealed)
        secret = AESGCM(file.kdf.derive(passphrase)).decrypt(_NONCE, sealed, bound)
    except (InvalidTag, UnicodeEncodeError) as error:
        raise WrongPassphrase(
            f"the passphrase does not open {where}", hint="Mind capitals and keyboard layout."
        ) from error
    except ValueError as error:
        raise KeyFileDamaged(f"{where} is damaged: {error}") from error
    if len(secret) != _SEED + 32 or _public(secret) != recipient.public:
        raise KeyFileDamaged(f"{where} holds another key than it says")
    return PrivateKey(recipient, _key(secret), data.decode()), secret


def _parts(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return MLKEM768PrivateKey.from_seed_bytes(secret[:_SEED]), X25519PrivateKey.from_private_bytes(secret[_SEED:])


def _key(secret: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*_parts(secret))


def _public(secret: bytes) -> bytes:
    mlkem, x25519 = _parts(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
