"""The passphrase of a data-subject pack, and what is encrypted with it.

A passphrase is told by another way (on the phone, in a second letter), so it is made to be read aloud and typed: groups
of letters and digits without the ones that look alike. ``normalised`` forgives what people do when they type it.

Keys and nonces: the passphrase with a fresh random salt gives a key for one message only, the index, so its nonce can
be zero. A random key, kept inside the index, encrypts the pieces of audio; a piece's nonce is its number, counted over
the whole file, so that none comes twice and a piece that is moved, repeated or left out does not open.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from gate.exports.wav import ExportError

ITERATIONS: Final = 1_000_000
"""Of PBKDF2-HMAC-SHA256; browsers have no scrypt and no Argon2. OWASP asks for 600,000."""
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
INDEX_NONCE: Final = bytes(12)
ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u."""
GROUPS, GROUP = 5, 4
SHORTEST: Final = 16
"""Letters and digits that a passphrase has at least."""


def new_passphrase() -> str:
    """A random passphrase of 100 bits: ``k7qm-2x9d-…``."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def normalised(passphrase: str) -> str:
    """What the key is made from: ASCII letters and digits alone, small, ``o`` as ``0``, ``i`` and ``l`` as ``1``."""
    small = re.sub(r"[A-Z]", lambda found: found[0].lower(), passphrase)
    return re.sub(r"[^a-z0-9]", "", small).translate(str.maketrans("oil", "011"))


def checked(passphrase: str) -> str:
    """``normalised``, long enough. Raises ``ExportError``."""
    typed = normalised(passphrase)
    if len(typed) < SHORTEST:
        raise ExportError(
            f"the passphrase is too short: {len(typed)} letters and digits, at least {SHORTEST} (ASCII)",
            hint="let one be made, or take several words that nobody would guess",
        )
    return typed


def index_key(passphrase: str, salt: bytes, iterations: int) -> bytes:
    """The key of the index; about a third of a second with ``ITERATIONS``."""
    return PBKDF2HMAC(SHA256(), KEY_BYTES, salt, iterations).derive(normalised(passphrase).encode("ascii"))


def seal_index(key: bytes, index: bytes, header: bytes) -> bytes:
    """The index, bound to the header as it stands in the file."""
    return AESGCM(key).encrypt(INDEX_NONCE, index, header)


def piece_nonce(number: int) -> bytes:
    """Of a piece, by its number in the file from 0."""
    return number.to_bytes(12, "big")
