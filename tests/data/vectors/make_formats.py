"""Makes ``gate/manual/vectors.json``, the test vectors of the manual's page on formats. Run from the repository's root.

The keys are new each time, and so are the bytes: what holds is that they open.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from gate.core.evidence import format_checkpoint
from gate.vault.keyfile import generate
from gate.vault.sealer import Seal
from gate.vault.signing import CheckpointKey
from tests.support.vault import PASSPHRASE

CLEAR = "Hello from the vectors.\n"


def main() -> None:
    """Write the file."""
    private, recipient = generate("Vector", "auditor", PASSPHRASE, datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seal = Seal("vector-1", {}, (recipient,))
        writer = seal.create(folder / "sealed")
        writer.write_chunk(CLEAR.encode())
        writer.close({"end": True})
        sealed = (folder / "sealed").read_bytes()
        signer = CheckpointKey.create(folder / "gate.key", "vectors.example/log")
        root = hashlib.sha256(b"").digest()
        note = signer.sign_note(format_checkpoint(signer.name, 0, root))
        checkpoint = {"vkey": signer.vkey, "note": note, "name": signer.name, "size": 0, "root": root.hex()}
    wrap = base64.b64encode(seal.wraps[0][1]).decode()
    line = {"id": "vector-1", "key_id": seal.key_id, "recipient": recipient.id, "wrap": wrap}
    vectors = {
        "key file": {"passphrase": PASSPHRASE, "file": json.loads(private.text)},
        "wrap": {"line": line},
        "sealed file": {"hex": sealed.hex(), "clear": CLEAR},
        "checkpoint": checkpoint,
    }
    Path("gate/manual/vectors.json").write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
