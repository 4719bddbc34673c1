"""A recipient: a public key, whose it is, and what it is for.

Its text is JSON::

    {"created": "2026-01-05T09:00:00Z", "dialgate": "recipient", "id": "0123456789abcdef", "name": "Ada (compliance)",
     "public": "<base64 of 1,216 bytes>", "role": "compliance", "version": 1}

and, where the gate's register of recipients says so, ``"purpose"`` (one of ``PURPOSES``: exports may go to them),
``"half"`` (``first`` or ``second``: which share of a two-person key is sealed to them) and ``"seals": false`` (new
recordings are not sealed to them, exports only).

``public`` is the ML-KEM-768 encapsulation key (1,184 bytes, FIPS 203) followed by the X25519 public key (32 bytes, RFC
7748): ``cryptography`` gives the hybrid no serialisation of its own, so its two parts are stored. The fingerprint is
the SHA-256 of these 1,216 bytes, the id its first 16 hexadecimal digits: it cannot name another key by accident, and
whoever compares keys with intent compares fingerprints.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from gate.converting import decode
from gate.core.rows import keys
from gate.errors import RecipientInvalid
from gate.vault.files import from_base64, parse_stamp, stamp, to_base64

Role = Literal["compliance", "auditor", "escrow"]
ROLES: Final = get_args(Role)
Purpose = Literal["", "regulator", "court", "internal_audit", "data_subject"]
PURPOSES: Final = get_args(Purpose)[1:]
"""What an export may go to a recipient for; one without a purpose is given none (the policy: no third parties)."""
Half = Literal["", "first", "second"]
HALVES: Final = get_args(Half)[1:]

SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""The base mode of HPKE (RFC 9180) with X-Wing as its KEM (0x647A at IANA, draft-connolly-cfrg-xwing-kem), which is not
of that RFC: stays closed as long as either of ML-KEM-768 and X25519 holds."""

MLKEM_BYTES: Final = 1184
PUBLIC_BYTES: Final = MLKEM_BYTES + 32
MAX_TEXT: Final = 16 * 1024
HINT: Final = "Give what `dialgate key new` wrote."
MAX_NAME: Final = 100


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
    purpose: Purpose = ""
    """What exports may go to them for; empty: none may."""
    half: Half = ""
    """The share of a two-person key that is theirs; empty: none."""
    seals: bool = True
    """New recordings are sealed to them; False: exports only."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of ``public``, hexadecimal."""
        return hashlib.sha256(self.public).hexdigest()

    def row(self) -> keys.Recipient:
        """The row that the register lists."""
        return keys.Recipient(
            id=self.id,
            name=self.name,
            role=self.role,
            purpose=self.purpose,
            half=self.half,
            seals=self.seals,
            created=stamp(self.created),
            fingerprint=self.fingerprint,
        )

    def to_text(self) -> str:
        """The recipient file's text."""
        fields: dict[str, Any] = {
            "created": stamp(self.created),
            "dialgate": "recipient",
            "id": self.id,
            "name": self.name,
            "public": to_base64(self.public),
            "role": self.role,
            "version": 1,
        }
        fields |= {name: getattr(self, name) for name in ("half", "purpose") if getattr(self, name)}
        if not self.seals:
            fields["seals"] = False
        return msgspec.json.format(msgspec.json.encode(dict(sorted(fields.items()))), indent=2).decode() + "\n"

    def on_terms(
        self, *, role: str = "", purpose: str | None = None, half: str | None = None, seals: bool | None = None
    ) -> Recipient:
        """The same key on other terms; what is not given stays. Raises ``RecipientInvalid`` for what cannot be."""
        role, purpose = role or self.role, self.purpose if purpose is None else purpose
        half, seals = self.half if half is None else half, self.seals if seals is None else seals
        for what, value, known in (("role", role, ROLES), ("purpose", purpose, PURPOSES), ("half", half, HALVES)):
            if value and value not in known:
                raise RecipientInvalid(f"unknown {what} {value!r}", hint=f"One of {', '.join(known)}.")
        if not seals and not purpose:
            raise RecipientInvalid(
                f"{self.name!r} would be given nothing: neither recordings nor exports",
                hint=f"Say what exports go to them for: --purpose {'|'.join(PURPOSES)}.",
            )
        terms: dict[str, Any] = {"role": role, "purpose": purpose, "half": half, "seals": seals}
        return replace(self, **terms)


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    created: str
    dialgate: Literal["recipient"]
    id: str
    name: str
    public: str
    role: Role
    version: Literal[1]
    purpose: Purpose = ""
    half: Half = ""
    seals: bool = True


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
        raise RecipientInvalid(f"longer than {MAX_TEXT} bytes", hint=HINT)
    try:
        raw = decode(text, _Text)
        public = from_base64(raw.public)
        created = parse_stamp(raw.created)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise RecipientInvalid(f"not a recipient: {error}", hint=HINT) from error
    recipient = make_recipient(raw.name, raw.role, created, public)
    if recipient.id != raw.id:
        raise RecipientInvalid(f"the public key is that of {recipient.id}, not of {raw.id[:64]!r}: it was changed")
    return recipient.on_terms(purpose=raw.purpose, half=raw.half, seals=raw.seals)
