"""A recording's key, closed to recipients: whole to each of them, or in two shares that it takes two people to join.

A wrap is one byte, the kind (1: the whole key; 2: its first share; 3: its second), then HPKE base mode (RFC 9180, but
for its KEM) with ``publickey.SUITE``: the encapsulated key (1,120 bytes), the sealed 32 bytes and their tag (16). In
all 1,169 bytes.

Its ``info`` binds the kind and the ids of recording and key, each id with its length before it, so that no two
different ones give the same bytes: a wrap moved to another recording, or a share passed off as a whole key, does not
open. The recipient's public key is bound by HPKE itself.

Two people. The first share is 32 bytes from the system's generator, the second the key XOR the first. Each alone is
uniformly random whatever the key is (a one-time pad, used once): a holder of one share knows of the key no more than
somebody without any, and no guess at it can be tried but against the file itself or the published commitments
(below), at 2^256. Every recipient of half ``first`` gets the same first share, every one of half ``second`` the second:
any one of each half opens the recording, no number of one half does. A wrong share gives a wrong key, and a
sealed file tells that (``WrongKey``) without giving out a byte: it commits to its key. Splitting once for each
recording, with a fresh pad, is what makes this safe: two keys under one pad would give away their XOR.

Nonces: HPKE derives key and nonce from a fresh encapsulation for each wrap, and each seals one message.

Proofs
======

A wrap is proven to open, to a gate that has neither the recording's key nor anybody's private key.

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
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.errors import HalfMissing, KeyShredded, NoRecipients, NoWrapForKey, OtherHalf, VaultError, WrapDamaged
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import HALVES, SUITE, Half, Recipient

KEY_BYTES: Final = 32
WRAP_BYTES: Final = 1 + 1120 + KEY_BYTES + 16
_KINDS: Final[dict[int, Half]] = {1: "", 2: "first", 3: "second"}
_CODES: Final = {half: bytes([code]) for code, half in _KINDS.items()}

Wraps = tuple[tuple[str, bytes], ...]
"""(recipient id, wrap)."""
Inner = Mapping[Half, bytes]
"""What is in the wraps of a recording, by their kind."""


def split(data_key: bytes, *, two_person: bool) -> Inner:
    """What goes into wraps: the key as it is, or its two shares."""
    if not two_person:
        return {"": data_key}
    pad = secrets.token_bytes(KEY_BYTES)
    return {"first": pad, "second": _xor(data_key, pad)}


def close_all(inner: Inner, recipients: Sequence[Recipient], *, recording_id: str, key_id: str) -> Wraps:
    """What ``split`` gave, closed to each recipient: the whole, or the share of their half.

    Raises ``NoRecipients`` where nobody could open it then: of shares, where a half has nobody; ``OtherHalf`` for a
    recipient of no half, who would be left out unseen.
    """
    ids = {"recording_id": recording_id, "key_id": key_id}
    if "" in inner:
        if not recipients:
            raise NoRecipients("there is no recipient to seal to", hint="Add a public key: dialgate key add FILE")
        return tuple((one.id, close_wrap(inner[""], one, "", **ids)) for one in recipients)
    halves_filled(recipients)
    return tuple((one.id, close_wrap(inner[one.half], one, one.half, **ids)) for one in recipients)


def halves_filled(recipients: Iterable[Recipient]) -> None:
    """Nothing where a two-person key can be sealed to these. Raises as ``close_all``."""
    halves: dict[str, list[str]] = {half: [] for half in HALVES}
    for one in recipients:
        if not one.half:
            raise OtherHalf(
                f"recipient {one.id} ({one.name!r}) is of no half, and recordings take two people",
                hint=f"Say which: dialgate key change {one.id} --half first|second (or --exports-only).",
            )
        halves[one.half].append(one.id)
    if missing := [half for half, names in halves.items() if not names]:
        raise NoRecipients(
            f"recordings take two people, and there is no recipient of the {' nor of the '.join(missing)} half",
            hint="Add one: dialgate key add FILE --half first|second",
        )


def wrap(data_key: bytes, recipient: Recipient, *, recording_id: str, key_id: str) -> bytes:
    """Close a whole 32-byte data key to a recipient; 1,169 bytes. Raises ``ValueError`` for a key of another length."""
    return close_wrap(data_key, recipient, "", recording_id=recording_id, key_id=key_id)


def half_of(wrapped: bytes) -> Half:
    """Which share a wrap holds; empty for the whole key. Raises ``WrapDamaged`` for what is no wrap."""
    half = _KINDS.get(wrapped[0]) if len(wrapped) == WRAP_BYTES else None
    if half is None:
        raise WrapDamaged(f"not a wrapped key that this version knows ({len(wrapped)} bytes)")
    return half


def data_key(
    wraps: Sequence[tuple[str, bytes]], privates: Iterable[PrivateKey], *, recording_id: str, key_id: str
) -> bytes:
    """The 32-byte data key, from whichever of these private keys opens it: one to which it was closed whole, else one
    of each half.

    Raises ``KeyShredded``, ``NoWrapForKey``, ``HalfMissing``, ``WrapDamaged``.
    """
    if not wraps:
        raise KeyShredded(f"recording {recording_id} cannot be opened: no key is left", hint="It was erased.")
    by_id = {private.id: private for private in privates}
    opened: dict[Half, tuple[PrivateKey, bytes]] = {}
    damaged: WrapDamaged | None = None
    mine = [(by_id[who], wrapped) for who, wrapped in wraps if who in by_id]
    for private, wrapped in mine:
        try:
            half = half_of(wrapped)
            opened[half] = private, open_wrap(private, wrapped, recording_id=recording_id, key_id=key_id)
        except WrapDamaged as error:  # another key may do; if none does, this is what there is to say
            damaged = error
    if "" in opened:
        return opened[""][1]
    if {*HALVES} <= opened.keys():
        return _xor(opened["first"][1], opened["second"][1])
    if damaged is not None:
        raise damaged
    if not mine:
        names = ", ".join(by_id) or "none"
        others = ", ".join(sorted(who for who, _ in wraps))
        raise NoWrapForKey(f"recording {recording_id} is not sealed to key {names}", hint=f"It opens with: {others}")
    ((half, (private, _)),) = opened.items()
    others = ", ".join(sorted(who for who, wrapped in wraps if half_of(wrapped) not in (half, "")))
    raise HalfMissing(
        f"recording {recording_id} takes two people: key {private.id} is of its {half} half",
        hint=f"Give a second key beside it, one of: {others}" if others else "No key of the other half is left.",
    )


def close_wrap(inner: bytes, recipient: Recipient, half: Half, *, recording_id: str, key_id: str) -> bytes:
    """Close a whole key, or the share of one half, to a recipient. Raises ``ValueError`` for a key of another length;
    ``OtherHalf`` for a share and a recipient of another half."""
    if half and recipient.half != half:
        raise OtherHalf(
            f"recipient {recipient.id} is not of the {half} half of recording {recording_id}",
            hint="A share goes to its own half only, so that it still takes two people.",
        )
    if len(inner) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(inner)}")
    code = _CODES[half]
    return code + SUITE.encrypt(inner, recipient.key, info=_info(code, recording_id, key_id))


def open_wrap(private: PrivateKey, wrapped: bytes, *, recording_id: str, key_id: str) -> bytes:
    """What is in a wrap: the whole key, or a share. Raises ``WrapDamaged``."""
    try:
        inner = SUITE.decrypt(wrapped[1:], private.key, info=_info(wrapped[:1], recording_id, key_id))
    except (InvalidTag, ValueError) as error:
        raise WrapDamaged(
            f"the wrapped key of recording {recording_id} does not open with key {private.recipient.id}",
            hint="It was changed, or belongs to another recording or recipient.",
        ) from error
    if len(inner) != KEY_BYTES:
        raise VaultError(f"the wrapped key of recording {recording_id} has {len(inner)} bytes")
    return inner


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _info(code: bytes, recording_id: str, key_id: str) -> bytes:
    ids = [text.encode() for text in (recording_id, key_id)]
    return b"dialgate/wrap/%d" % code[0] + b"".join(len(one).to_bytes(2, "big") + one for one in ids)


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
