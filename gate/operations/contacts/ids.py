"""Ids of contacts: what a list is asked about by, without a number standing in it.

A contact has no id of its own: the CRM's reference may be missing, or stand for several numbers. Its id is its number
and a digest of its reference, as one block of AES under a key of the data folder: the same contact has the same id at
any time, and only the gate can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, NamedTuple

_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_DIGITS: Final = 8
"""Bytes of the number, and as many of the reference's digest: together a block."""

_LONGEST: Final = 15
"""Digits of an E.164 number, at most."""


class Named(NamedTuple):
    """What an id says."""

    number: int
    """The digits of an E.164 number."""
    mark: bytes
    """The beginning of the reference's digest."""


class ContactIds:
    """Makes ids and reads them; stateless and thread-safe."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: of the data folder; what is made of it here serves nothing else."""
        self._key = hmac.digest(secret, b"dialgate contact ids", "sha256")

    def of(self, number: int, reference: str) -> str:
        """The id of a contact: 32 hexadecimal digits."""
        return self._block(number.to_bytes(_DIGITS) + mark(reference), backwards=False).hex()

    def read(self, ident: str) -> Named | None:
        """What an id says; None where it is none."""
        if not _ID(ident):
            return None
        block = self._block(bytes.fromhex(ident), backwards=True)
        number = int.from_bytes(block[:_DIGITS])
        return Named(number, block[_DIGITS:]) if number < 10**_LONGEST else None

    def _block(self, block: bytes, *, backwards: bool) -> bytes:
        # Not at the top: every command wires the contacts, and a check must not pay for it.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # One block, each with another number or reference: a permutation is what is wanted, so ECB is right here.
        cipher = Cipher(algorithms.AES256(self._key), modes.ECB())  # noqa: S305
        turned = cipher.decryptor() if backwards else cipher.encryptor()
        return turned.update(block) + turned.finalize()


def mark(reference: str) -> bytes:
    """What stands for a reference in an id."""
    return hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest()[:_DIGITS]
