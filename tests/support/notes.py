"""Signed notes (C2SP signed-note, Ed25519), as small as the specification allows."""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class NoteKey:
    """Signs and opens notes under one name."""

    def __init__(self, name: str = "example.co.uk/dialgate", seed: bytes = b"k" * 32) -> None:
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes_raw()
        self._id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]

    def sign(self, text: str) -> str:
        """The text, a blank line, and one signature line."""
        signature = base64.b64encode(self._id + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"

    def open(self, note: str) -> str:
        """The text of a note that is ours; raises ``ValueError``."""
        text, gap, signatures = note.rpartition("\n\n")
        if not gap:
            raise ValueError("not a signed note")
        text += "\n"
        prefix = f"— {self.name} "
        for line in signatures.split("\n"):
            if not line.startswith(prefix):
                continue
            blob = base64.b64decode(line[len(prefix) :], validate=True)
            if blob[:4] == self._id:
                try:
                    self._private.public_key().verify(blob[4:], text.encode())
                except InvalidSignature:
                    raise ValueError("the signature is not of this text") from None
                return text
        raise ValueError("no signature of ours")
