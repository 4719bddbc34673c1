"""Recordings given to another key: unwrapped and wrapped here, where the private key is; the gate sees neither.

Page by page, each kept by the gate in one transaction. Whatever ends it in the middle, the same command goes on: what
is done is passed over, and nothing is taken from the old key that the new one does not have.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from gate.cli.reach import Gate
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import Recipient
from gate.vault.wrap import half_of, rewrap

Progress = Callable[[float, str], None]


def rotate(
    gate: Gate, private: PrivateKey, target: Recipient, *, drop: bool, progress: Progress | None
) -> dict[str, Any]:
    """Give ``target`` whatever ``private`` opens, and with ``drop`` take it from the old key.

    The public key is that of the caller's own file: a gate that has been tampered with could name another one's. Of the
    gate it is only asked which half the recipient is of. Returns counts: ``recordings`` that the key opens, ``added``,
    ``there`` (the target had them), ``other_half`` (shares that may not go to it), ``dropped``. Raises ``GateError``.
    """
    done = dict.fromkeys(("recordings", "added", "there", "other_half", "dropped"), 0)
    asked: dict[str, Any] = {"source": private.id, "target": target.id}
    page: dict[str, Any] = gate.call("key_wraps", **asked)
    to = target.on_terms(half=page["target"]["half"])
    total = page["worth"]["recordings"]
    while page["items"]:
        wraps: dict[str, str] = {}
        for item in page["items"]:
            done["recordings"] += 1
            if item["wrap"] is None:
                done["there"] += 1
            elif new := _closed(private, base64.b64decode(item["wrap"]), to, item):
                wraps[item["recording_id"]] = base64.b64encode(new).decode()
            else:
                done["other_half"] += 1
        gone = [item["recording_id"] for item in page["items"]] if drop else []
        if wraps or gone:
            kept = gate.call("key_rewrap", **asked, wraps=wraps, drop=gone)
            done["added"] += kept["added"]
            done["dropped"] += kept["dropped"]
        if progress is not None:
            progress(min(1.0, done["recordings"] / max(1, total)), "Recordings")
        if page["next"] is None:
            break
        page = gate.call("key_wraps", **asked, after=page["next"])
    return done


def _closed(private: PrivateKey, wrapped: bytes, to: Recipient, item: dict[str, Any]) -> bytes | None:
    """The wrap closed to the recipient; None for a share of the half that they are not of."""
    if half_of(wrapped) not in ("", to.half):
        return None
    ((_, new),) = rewrap(private, wrapped, [to], recording_id=item["recording_id"], key_id=item["key_id"])
    return new
