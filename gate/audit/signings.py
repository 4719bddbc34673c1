"""What the log itself says of its checkpoints: each is made together with a leaf, the last one that it is signed over.

So a checkpoint that is taken away, or put in, is found by the log alone, as long as the log is the one that was signed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from gate.audit.report import Findings
from gate.core.facts.audit import LogSigned


class Kept(NamedTuple):
    """A row of ``checkpoints``."""

    size: int
    root: bytes
    note: str
    at: str


def earlier(kept: Iterable[Kept]) -> dict[str, Any]:
    """What the first such leaf says of checkpoints from before there were any: how many, and a hash of all of them."""
    digest, count = sha256(), 0
    for row in kept:
        digest.update(json.dumps([row.size, row.root.hex(), row.note, row.at]).encode() + b"\n")
        count += 1
    return {"checkpoints": count, "sha256": digest.hexdigest()}


def check_signings(connection: sqlite3.Connection, kept: Iterable[Kept], findings: Findings) -> None:
    """Compare the rows of ``checkpoints`` with the leaves that speak of them."""
    facts = connection.execute(
        "SELECT leaf_index, at, body FROM facts WHERE kind = ? ORDER BY leaf_index", [LogSigned.kind]
    )
    said = {index + 1: (at, body) for index, at, body in facts}
    if not said:
        return
    first = min(said)
    _, body = said[first]
    told = json.loads(body or "{}").get("earlier")
    before: list[Kept] = []
    for row in kept:
        if row.size < first:
            before.append(row)
        elif row.size not in said:
            findings.fault("checkpoint_invalid", f"checkpoint {row.size} is one that the log does not speak of")
        elif row.at != said.pop(row.size)[0]:
            findings.fault("checkpoint_invalid", f"checkpoint {row.size} does not bear the time of its leaf")
    for size in list(said)[:1]:
        more = f", and {len(said) - 1} more" if len(said) > 1 else ""
        findings.fault("checkpoint_missing", f"the log was signed over {size} leaves{more}: the database lacks that")
    if told is not None and earlier(before) != told:
        what = "checkpoint_missing" if len(before) < told["checkpoints"] else "checkpoint_invalid"
        message = f"the {told['checkpoints']} checkpoints up to {first} are not those that leaf {first - 1} speaks of"
        findings.fault(what, message, first - 1)
