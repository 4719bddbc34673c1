"""Proof that a wrapped key opens, checked by the gate without the recording's key or anybody's private key.

HPKE is one-shot: nobody can tell from a wrap and a public key that there is the right key in it, or any key at all.
So when a recording is sealed, an Ed25519 key, the *proof key*, is derived from what is in each wrap (the recording's
key, or one share of it; HKDF-SHA-256, bound to kind and ids). Its public half, the *commitment*, stands in the sealed
file's header and in the fact ``recording_opened``. Whoever has opened a wrap can sign with the proof key; nobody else
can. Two statements are signed, each for one wrap by its SHA-256, so that none fits another wrap, recording or
recipient:

- ``closed``: by whoever re-wraps. "What the commitment names is what I have closed into this wrap." The gate keeps no
  new wrap of a recording with a commitment without it: random bytes have nobody who could say it.
- ``opened``: by whoever a wrap is for. "I have opened this wrap with the private key of this recipient." It answers a
  challenge that the gate seals to the recipient's public key, so that a public key whose private half nobody has
  proves nothing, and neither does whoever knows the recording's key from another wrap alone. Only a wrap that has been
  opened so lets another one be dropped.

What else was weighed. The gate could be given the recording's key for a moment, compare it with a commitment and make
the wrap itself: then a gate that is watched while keys are rotated gives away old recordings, and a recipient whose
private half does not exist would still pass. A deterministic encapsulation that the gate recomputes shows it the key as
well. A list of hashes whose preimages are given out one by one is a proof that can be repeated by whoever has read it.

What it does not show. One person who holds the private keys of both sides can say ``opened`` of a wrap that they have
spoilt on purpose, as they could destroy the second key afterwards: that is what the second person is for
(``roles.dual_control``). A recording that was sealed before there were commitments has none: it can be given to others,
and no wrap of it can ever be dropped.

Secrecy. The proof key comes out of HKDF over 256 random bits: neither the commitment nor a signature tells anything of
the recording's key that could be tried at less than 2^256. A quantum computer that finds the Ed25519 scalar finds
neither the seed that it was hashed from nor what that was derived from; it could forge a proof, and open nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.errors import WrapDamaged
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import SUITE, Half, Recipient
from gate.vault.wrap import close_wrap, half_of, open_wrap

Statement = Literal["closed", "opened"]
PROOF_BYTES: Final = 64
CHALLENGE_BYTES: Final = 32
_PROOF_KEY: Final = b"dialgate/wrap/proof key/1"
_STATEMENT: Final = b"dialgate/wrap/statement/1"
_CHALLENGE: Final = b"dialgate/wrap/challenge/1"
_NAMES: Final[dict[Half, str]] = {"": "whole", "first": "first", "second": "second"}

Commitments = dict[str, str]
"""``whole``, or ``first`` and ``second`` -> 32 bytes, hexadecimal."""


def commitments(inner: Mapping[Half, bytes], *, recording_id: str, key_id: str) -> Commitments:
    """What is published of a fresh key when it is sealed: a commitment to each thing that is wrapped."""
    return {
        _NAMES[half]: _proof_key(secret, half, recording_id, key_id).public_key().public_bytes_raw().hex()
        for half, secret in inner.items()
    }


def rewrapped(
    private: PrivateKey, wrapped: bytes, recipient: Recipient, *, recording_id: str, key_id: str
) -> tuple[bytes, bytes]:
    """Open a wrap and close what is in it to another recipient: the new wrap, and the proof ``closed`` of it.

    Raises ``WrapDamaged``; ``OtherHalf`` where a share would go to somebody of another half.
    """
    half = half_of(wrapped)
    inner = open_wrap(private, wrapped, recording_id=recording_id, key_id=key_id)
    new = close_wrap(inner, recipient, half, recording_id=recording_id, key_id=key_id)
    return new, _signed("closed", inner, half, new, recipient.id, recording_id, key_id, b"")


def opened(private: PrivateKey, wrapped: bytes, challenge: bytes, *, recording_id: str, key_id: str) -> bytes:
    """The proof ``opened`` of a wrap of this key's; ``challenge`` is what ``answer`` gave. Raises ``WrapDamaged``."""
    half = half_of(wrapped)
    inner = open_wrap(private, wrapped, recording_id=recording_id, key_id=key_id)
    return _signed("opened", inner, half, wrapped, private.id, recording_id, key_id, challenge)


def holds(
    statement: Statement,
    proof: bytes,
    known: Mapping[str, str],
    wrapped: bytes,
    recipient_id: str,
    challenge: bytes = b"",
) -> bool:
    """Whether the statement was signed by what the commitments ``known`` name. Never raises."""
    try:
        commitment = bytes.fromhex(known[_NAMES[half_of(wrapped)]])
        Ed25519PublicKey.from_public_bytes(commitment).verify(proof, _text(statement, wrapped, recipient_id, challenge))
    except (InvalidSignature, KeyError, TypeError, ValueError, WrapDamaged):
        return False
    return True


def challenge_to(recipient: Recipient, secret: bytes) -> bytes:
    """``secret``, closed so that only the recipient's private key finds it."""
    return SUITE.encrypt(secret, recipient.key, info=_CHALLENGE)


def answer(private: PrivateKey, sealed: bytes) -> bytes:
    """What ``challenge_to`` closed. Raises ``WrapDamaged`` where it was for another key."""
    try:
        return SUITE.decrypt(sealed, private.key, info=_CHALLENGE)
    except (InvalidTag, ValueError) as error:
        raise WrapDamaged(
            f"the gate's challenge does not open with key {private.recipient.id}",
            hint="It was made for another recipient: give the key of the one that is to be proven.",
        ) from error


def _signed(
    statement: Statement,
    inner: bytes,
    half: Half,
    wrapped: bytes,
    recipient_id: str,
    recording_id: str,
    key_id: str,
    challenge: bytes,
) -> bytes:
    return _proof_key(inner, half, recording_id, key_id).sign(_text(statement, wrapped, recipient_id, challenge))


def _proof_key(inner: bytes, half: Half, recording_id: str, key_id: str) -> Ed25519PrivateKey:
    info = b"".join(_framed(part.encode()) for part in (_NAMES[half], recording_id, key_id))
    return Ed25519PrivateKey.from_private_bytes(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=_PROOF_KEY + info).derive(inner)
    )


def _text(statement: str, wrapped: bytes, recipient_id: str, challenge: bytes) -> bytes:
    parts = (statement.encode(), recipient_id.encode(), hashlib.sha256(wrapped).digest(), challenge)
    return _STATEMENT + b"".join(map(_framed, parts))


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part
