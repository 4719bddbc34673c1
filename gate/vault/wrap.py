"""A recording's key, closed to one recipient.

A wrap is one byte, the kind (1: the whole key, by HPKE base mode of RFC 9180 with ``recipients.SUITE``), then the
encapsulated key (1,120 bytes), then the sealed data key (32 bytes) and its tag (16): 1,169 bytes. Another kind can
stand beside it later (a share of a key that takes two recipients).

Its ``info`` binds the ids of recording and key, each with its length before it, so that no two pairs of ids give the
same bytes: a wrap moved to another recording does not open. The recipient's public key is bound by HPKE itself.

Nonces: HPKE derives key and nonce from a fresh encapsulation for each wrap, and each seals one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag

from gate.vault.errors import WrapDamaged
from gate.vault.keyfile import PrivateKey
from gate.vault.recipients import SUITE, Recipient

KEY_BYTES: Final = 32
WRAP_BYTES: Final = 1 + 1120 + KEY_BYTES + 16
_WHOLE: Final = b"\x01"


def wrap(data_key: bytes, recipient: Recipient, *, recording_id: str, key_id: str) -> bytes:
    """Close a 32-byte data key to a recipient; 1,169 bytes. Raises ``ValueError`` for a key of another length."""
    if len(data_key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(data_key)}")
    return _WHOLE + SUITE.encrypt(data_key, recipient.key, info=_info(recording_id, key_id))


def unwrap(private: PrivateKey, wrapped: bytes, *, recording_id: str, key_id: str) -> bytes:
    """The 32-byte data key. Raises ``WrapDamaged`` where it was changed, is another recipient's or another recording's:
    these cannot be told apart, because HPKE answers only yes or no."""
    if len(wrapped) != WRAP_BYTES or wrapped[:1] != _WHOLE:
        raise WrapDamaged(f"not a wrapped key that this version knows ({len(wrapped)} bytes)")
    try:
        return SUITE.decrypt(wrapped[1:], private.key, info=_info(recording_id, key_id))
    except (InvalidTag, ValueError) as error:
        raise WrapDamaged(
            f"the wrapped key of recording {recording_id} does not open with key {private.recipient.id}",
            hint="It was changed, or belongs to another recording or recipient.",
        ) from error


def rewrap(
    private: PrivateKey, wrapped: bytes, recipients: Iterable[Recipient], *, recording_id: str, key_id: str
) -> list[tuple[str, bytes]]:
    """Open a wrap and close its key to others: access is given and keys are rotated without touching the audio.

    Returns (recipient id, wrap) pairs. Raises ``WrapDamaged``.
    """
    data_key = unwrap(private, wrapped, recording_id=recording_id, key_id=key_id)
    return [(one.id, wrap(data_key, one, recording_id=recording_id, key_id=key_id)) for one in recipients]


def _info(recording_id: str, key_id: str) -> bytes:
    ids = [text.encode() for text in (recording_id, key_id)]
    return b"dialgate/wrap/1" + b"".join(len(one).to_bytes(2, "big") + one for one in ids)
