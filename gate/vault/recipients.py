"""Recipients: the public keys that every recording is sealed to.

A recipient is JSON, one file ``recipients/<id>.json`` each::

    {"created": "2026-01-05T09:00:00Z", "dialgate": "recipient", "id": "0123456789abcdef", "name": "Ada (compliance)",
     "public": "<base64 of 1,216 bytes>", "role": "compliance", "version": 1}

``public`` is the ML-KEM-768 encapsulation key (1,184 bytes, FIPS 203) followed by the X25519 public key (32 bytes, RFC
7748): ``cryptography`` gives the hybrid no serialisation of its own, so its two parts are stored. The fingerprint is
the SHA-256 of these 1,216 bytes, the id its first 16 hexadecimal digits: it cannot name another key by accident, and
whoever compares keys with intent compares fingerprints.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from gate.errors import VaultError
from gate.vault.errors import NoRecipients, RecipientInvalid
from gate.vault.files import read_bounded, sync_folder, trouble, write_whole
from gate.vault.text import from_base64, parse_stamp, stamp, to_base64

Role = Literal["compliance", "auditor", "escrow"]
ROLES: Final = get_args(Role)

SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""HPKE (RFC 9180): stays closed as long as either of ML-KEM-768 and X25519 holds."""

MLKEM_BYTES: Final = 1184
PUBLIC_BYTES: Final = MLKEM_BYTES + 32
MAX_TEXT: Final = 16 * 1024
MAX_NAME: Final = 100
_RETIRED: Final = "retired"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can open recordings, by their public key."""

    id: str
    name: str
    role: Role
    created: datetime
    """UTC, whole seconds."""
    public: bytes = field(repr=False)
    key: MLKEM768X25519PublicKey = field(repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of ``public``, hexadecimal."""
        return hashlib.sha256(self.public).hexdigest()

    def row(self) -> dict[str, Any]:
        """For lists: id, name, role, created (text) and fingerprint."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "created": stamp(self.created),
            "fingerprint": self.fingerprint,
        }

    def to_text(self) -> str:
        """The recipient file's text."""
        fields = {
            "created": stamp(self.created),
            "dialgate": "recipient",
            "id": self.id,
            "name": self.name,
            "public": to_base64(self.public),
            "role": self.role,
            "version": 1,
        }
        return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode() + "\n"


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    created: str
    dialgate: Literal["recipient"]
    id: str
    name: str
    public: str
    role: Role
    version: Literal[1]


def make_recipient(name: str, role: str, created: datetime, public: bytes) -> Recipient:
    """A recipient from its parts. Raises ``RecipientInvalid`` for a name, role or key that cannot be."""
    if role not in ROLES:
        raise RecipientInvalid(f"unknown role {role!r}", hint=f"Roles are {', '.join(ROLES)}.")
    if not name.strip() or len(name) > MAX_NAME or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise RecipientInvalid(f"a recipient's name is 1 to {MAX_NAME} printable characters, not {name[:MAX_NAME]!r}")
    if len(public) != PUBLIC_BYTES:
        raise RecipientInvalid(f"a public key has {PUBLIC_BYTES} bytes, not {len(public)}")
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_BYTES:]),
        )
        # Tried here, so that a key that cannot be used (a low-order X25519 point) is found at the door, not in a call.
        SUITE.encrypt(b"", key)
    except ValueError as error:
        raise RecipientInvalid(f"not a usable public key: {error}") from error
    when = created.astimezone(UTC).replace(microsecond=0)
    return Recipient(hashlib.sha256(public).hexdigest()[:16], name, role, when, public, key)  # type: ignore[arg-type]  # role is in ROLES


def parse_recipient(text: str | bytes) -> Recipient:
    """A recipient from its file's text (at most 16 KiB). Raises ``RecipientInvalid`` and nothing else."""
    if len(text) > MAX_TEXT:
        raise RecipientInvalid(f"longer than {MAX_TEXT} bytes")
    try:
        raw = msgspec.json.decode(text, type=_Text)
        public = from_base64(raw.public)
        created = parse_stamp(raw.created)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise RecipientInvalid(f"not a recipient: {error}", hint="Give what `dialgate key new` wrote.") from error
    recipient = make_recipient(raw.name, raw.role, created, public)
    if recipient.id != raw.id:
        raise RecipientInvalid(f"the public key is that of {recipient.id}, not of {raw.id[:64]!r}: it was changed")
    return recipient


def load_recipients(folder: Path) -> list[Recipient]:
    """The recipients in force, sorted by id; empty where the folder is empty or missing.

    Raises ``RecipientInvalid``, naming the file, for one that does not hold: passing over it would seal recordings that
    somebody with a right to them cannot open.
    """
    try:
        paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    except OSError as error:
        raise trouble(error, f"cannot read {folder}") from error
    return [_load(path) for path in paths]


def _load(path: Path) -> Recipient:
    try:
        recipient = parse_recipient(read_bounded(path, MAX_TEXT))
    except RecipientInvalid as error:
        raise RecipientInvalid(f"{path}: {error}", hint=error.hint) from error
    if path.name != f"{recipient.id}.json":
        raise RecipientInvalid(f"{path} holds recipient {recipient.id}", hint=f"Name it {recipient.id}.json.")
    return recipient


def add_recipient(folder: Path, text: str | bytes, role: str = "") -> Recipient:
    """Put a recipient in force; ``role`` replaces its own where given. The same one twice is no error.

    Raises ``RecipientInvalid``; ``VaultError`` where it is there with another name or role, or cannot be written.
    """
    recipient = parse_recipient(text)
    if role:
        recipient = make_recipient(recipient.name, role, recipient.created, recipient.public)
    path = folder / f"{recipient.id}.json"
    if path.exists():
        there = _load(path)
        if there != recipient:
            raise VaultError(
                f"recipient {recipient.id} is there already, as {there.name!r} ({there.role})",
                hint="Retire it first: dialgate key retire",
            )
        return there
    write_whole(path, recipient.to_text().encode())
    return recipient


def retire_recipient(folder: Path, recipient_id: str) -> Recipient:
    """Seal nothing more to this recipient: its file moves to ``retired/``, its wraps stay.

    Raises ``VaultError`` where it is not there; ``NoRecipients`` where it is the only one.
    """
    recipients = load_recipients(folder)
    found = next((one for one in recipients if one.id == recipient_id), None)
    if found is None:
        raise VaultError(f"there is no recipient {recipient_id}", hint="See: dialgate key list")
    if len(recipients) == 1:
        raise NoRecipients(f"{recipient_id} is the only recipient", hint="Add another one first: dialgate key add")
    write_whole(folder / _RETIRED / f"{found.id}.json", found.to_text().encode(), replace=True)
    try:
        (folder / f"{found.id}.json").unlink()
        sync_folder(folder)
    except OSError as error:
        raise trouble(error, f"cannot retire {recipient_id}") from error
    return found


def recipient_source(folder: Path) -> Callable[[], tuple[Recipient, ...]]:
    """A function that tells the recipients in force, reading the folder again only when it has changed.

    It raises ``NoRecipients`` where there are none, and what ``load_recipients`` raises. For one thread.
    """
    seen: frozenset[str] | None = None
    known: tuple[Recipient, ...] = ()

    def recipients() -> tuple[Recipient, ...]:
        nonlocal seen, known
        try:
            names = frozenset(entry.name for entry in folder.iterdir())
        except OSError as error:
            raise trouble(error, f"cannot read {folder}") from error
        if names != seen:
            # A file's name is the digest of the key in it, so that the same names are the same keys.
            known = tuple(load_recipients(folder))
            seen = names
        if not known:
            raise NoRecipients(f"there is no recipient in {folder}", hint="Add a public key: dialgate key add FILE")
        return known

    return recipients
