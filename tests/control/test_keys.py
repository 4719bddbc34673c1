"""Wrapped keys in messages."""

from __future__ import annotations

import base64
import json

from gate.control.messages import parsed
from gate.control.work import LARGEST_BODY
from gate.operations.keys.wraps import BATCH
from gate.vault.wrap import PROOF_BYTES, WRAP_BYTES


def test_a_full_batch_fits_into_one_message() -> None:
    wrap = base64.b64encode(bytes(WRAP_BYTES)).decode()
    ids = [f"{number:032x}" for number in range(BATCH)]
    fields = {"source": "a" * 16, "target": "b" * 16, "wraps": dict.fromkeys(ids, wrap)}
    fields["proofs"] = dict.fromkeys(ids, base64.b64encode(bytes(PROOF_BYTES)).decode())
    assert len(json.dumps(fields)) < LARGEST_BODY
    assert list(parsed("key_rewrap", fields).proofs) == ids
