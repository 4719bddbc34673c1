"""Proofs of leaves that a page checks in the browser: the data, and the script ``templates/proof/proof.js``.

The script makes one name, ``Proof``. ``await Proof.check(evidence)`` gives ``{origin, size, root, signature, leaves,
ok}``: ``signature`` is ``holds``, ``broken``, or ``unchecked`` where the browser has no Ed25519; ``leaves`` says of
each in its order ``holds``, ``changed`` (its value is not what it commits to) or ``missing`` (not in the tree).
``ok`` is true where nothing contradicts; what is not well formed throws. A page names the hash of its script in its
policy (``page.policy_hash``) and says "not checked" until the script has spoken.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from gate.core.evidence import Node, inclusion_proof
from gate.exports.page import source


def script() -> str:
    """``Proof``, to stand before a page's own script."""
    return source("proof/proof.js")


def leaf(index: int, size: int, node: Node, *, leaf: bytes, salt: bytes | None, body: str | None) -> dict[str, Any]:
    """A leaf with its value and its proof in the tree of ``size`` leaves; without a value where it was erased. Raises
    ``EvidenceError`` where there is no such leaf."""
    told = _proof(index, size, node) | {"leaf": leaf.decode()}
    return told if salt is None or body is None else told | {"salt": salt.hex(), "body": body}


def hash_alone(index: int, size: int, node: Node, digest: bytes) -> dict[str, Any]:
    """A leaf of which no more is told than its hash. Raises as ``leaf``."""
    return _proof(index, size, node) | {"hash": digest.hex()}


def evidence(note: str, vkey: str, leaves: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What ``Proof.check`` takes: a signed checkpoint, the key that it is signed with, and leaves of its tree."""
    return {"checkpoint": note, "vkey": vkey, "leaves": list(leaves)}


def _proof(index: int, size: int, node: Node) -> dict[str, Any]:
    path = [base64.b64encode(each).decode() for each in inclusion_proof(index, size, node)]
    return {"index": index, "proof": path}
