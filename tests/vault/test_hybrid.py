"""What the wraps of keys are, opened here from the two parts of a private key and the published formulas."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gate.vault.publickey import MLKEM_BYTES, SUITE, MLKEM768X25519PublicKey

XWING, HKDF_SHA256, AES_256_GCM = 0x647A, 0x0001, 0x0002
"""IANA's HPKE registries: the KEM is registered by a draft, and not one of RFC 9180's."""
SUITE_ID = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (XWING, HKDF_SHA256, AES_256_GCM))
LABEL = b"\\.//^\\"
"""draft-connolly-cfrg-xwing-kem, 5.3."""


def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    """``LabeledExtract`` of RFC 9180, 4."""
    mac = HMAC(salt or bytes(32), hashes.SHA256())
    mac.update(b"HPKE-v1" + SUITE_ID + label + material)
    return mac.finalize()


def expand(secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """``LabeledExpand`` of RFC 9180, 4."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    return HKDFExpand(hashes.SHA256(), length, labelled).derive(secret)


def test_it_is_the_base_mode_of_rfc_9180_with_x_wing_as_its_kem() -> None:
    mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    wrapped = SUITE.encrypt(
        b"k" * 32, MLKEM768X25519PublicKey(mlkem.public_key(), x25519.public_key()), info=b"what for"
    )
    assert len(wrapped) == 1088 + 32 + 32 + 16 and MLKEM_BYTES == 1184
    to_mlkem, to_x25519, sealed = wrapped[:1088], wrapped[1088:1120], wrapped[1120:]
    shared = hashlib.sha3_256(
        mlkem.decapsulate(to_mlkem)
        + x25519.exchange(X25519PublicKey.from_public_bytes(to_x25519))
        + to_x25519
        + x25519.public_key().public_bytes_raw()
        + LABEL
    ).digest()
    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", b"what for")
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    assert AESGCM(key).decrypt(nonce, sealed, b"") == b"k" * 32
