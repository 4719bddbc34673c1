"""Recordings given to another key: unwrapped and wrapped here, where the private key is; the gate sees neither.

Page by page, each kept by the gate in one transaction. Whatever ends it in the middle, the same command goes on: what
is done is passed over. What is shown to the gate is shown by proofs (``gate.vault.wrap``), never by a key.
"""

from __future__ import annotations

import base64
from typing import Any

from msgspec import UNSET

from gate.client.gate import Gate, pages
from gate.errors import ControlError, WrapDamaged
from gate.operations.keys.wraps import KeyProve, KeyRewrap, KeyUnproven, KeyWraps
from gate.types import Progress
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import Recipient
from gate.vault.wrap import answer, half_of, opened, rewrapped


def rotate(gate: Gate, private: PrivateKey, target: Recipient, *, progress: Progress | None) -> dict[str, Any]:
    """Give ``target`` whatever ``private`` opens.

    The public key is that of the caller's own file: a gate that has been tampered with could name another one's. Of the
    gate it is only asked which half the recipient is of. Returns counts: ``recordings`` that the key opens, ``added``,
    ``there`` (the target had them), ``other_half`` (shares that may not go to it). Raises ``GateError``.
    """
    done = dict.fromkeys(("recordings", "added", "there", "other_half"), 0)
    page = gate.ask(KeyWraps(source=private.id, target=target.id))
    if page.target is UNSET or page.worth is UNSET:
        raise ControlError("the gate answered without saying who the recipient is")
    to, total = target.on_terms(half=page.target.half), page.worth.recordings
    while page.items:
        wraps: dict[str, str] = {}
        proofs: dict[str, str] = {}
        for item in page.items:
            done["recordings"] += 1
            if item.wrap is None:
                done["there"] += 1
                continue
            wrapped = base64.b64decode(item.wrap)
            if half_of(wrapped) not in ("", to.half):
                done["other_half"] += 1
                continue
            new, proof = rewrapped(private, wrapped, to, recording_id=item.recording_id, key_id=item.key_id)
            wraps[item.recording_id] = base64.b64encode(new).decode()
            proofs[item.recording_id] = base64.b64encode(proof).decode()
        if wraps:
            given = KeyRewrap(source=private.id, target=target.id, wraps=wraps, proofs=proofs)
            done["added"] += gate.ask(given).added
        if progress is not None:
            progress(min(1.0, done["recordings"] / max(1, total)), "Recordings")
        if page.next is None:
            break
        page = gate.ask(KeyWraps(source=private.id, target=target.id, after=page.next))
    return done


def prove(gate: Gate, private: PrivateKey, *, progress: Progress | None) -> dict[str, Any]:
    """Show the gate which wrapped keys ``private`` opens, by opening each of them here.

    Returns counts: ``proven``; ``failed``, with the ids in ``failed_ids``: wraps that do not open; ``without``: those
    of recordings without a commitment, of which nothing can be shown. Raises ``GateError``.
    """
    done: dict[str, Any] = {"proven": 0, "failed": 0, "without": 0, "failed_ids": []}
    for page in pages(gate, KeyUnproven(recipient_id=private.id)):
        challenge = answer(private, base64.b64decode(page.challenge)) if page.items else b""
        proofs: dict[str, str] = {}
        for item in page.items:
            if item.wrap is None:
                done["without"] += 1
                continue
            ids = {"recording_id": item.recording_id, "key_id": item.key_id}
            try:
                proof = opened(private, base64.b64decode(item.wrap), challenge, **ids)
                proofs[item.recording_id] = base64.b64encode(proof).decode()
            except WrapDamaged:
                done["failed_ids"].append(item.recording_id)
        if proofs:
            shown = gate.ask(KeyProve(recipient_id=private.id, proofs=proofs))
            done["proven"] += shown.proven
            done["failed_ids"] += shown.failed
        done["failed"] = len(done["failed_ids"])
        if progress is not None:
            progress(0.0, f"{done['proven']} proven")
    return done
