"""What a verification has shown, and what it cannot show: in sentences, for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gate.audit.heads import Head
from gate.audit.report import Findings


def proven(size: int, settled: int, heads: Sequence[Head], second: Path | None) -> list[str]:
    """What holds, of a log in which no fault was found. ``settled``: the largest size whose checkpoint fits."""
    said = [
        f"The {size:,} entries, their rows and the tree over them agree, and what the lists show follows from them."
    ]
    if settled:
        said.append(f"Nothing of the first {settled:,} was changed, moved, added or taken away since they were signed.")
    said += [
        f"The log has grown from the newest checkpoint of {where}, which is over {newest:,} entries."
        for where, newest in _outside(heads, second).items()
    ]
    return said


def not_proven(size: int, settled: int, heads: Sequence[Head], second: Path | None, findings: Findings) -> list[str]:
    """What nobody can tell from here."""
    outside = _outside(heads, second)
    known = max(outside.values(), default=0)
    said = []
    if not known:
        said.append(
            "That this is the newest state of the log: there is no checkpoint outside of the data folder "
            "(storage.checkpoints_copy), so an older gate.db put back together with its checkpoints looks the same, "
            "and so does a log made anew by whoever holds gate.key."
        )
    elif known < size:
        said.append(
            f"That nothing after the first {known:,} entries was taken away or made anew: no checkpoint over more of "
            "them lies outside of the data folder."
        )
    if settled < size:
        last = "entry" if size - settled == 1 else f"{size - settled:,} entries"
        said.append(f"Who wrote the last {last}: no checkpoint is signed over that yet.")
    if given_up := findings.checked.get("given_up"):
        said.append(
            f"What was in the log and was given up by a restore: {given_up:,} checkpoints are signed over entries that "
            "are not in it (leaves evidence_restored say who accepted that, and why)."
        )
    if erased := findings.checked.get("erased"):
        said.append(
            f"What the {erased:,} erased facts said: only when they were kept, by whom, and that they were erased."
        )
    unverified = sum(number for name, number in findings.checked.items() if name.endswith("_unverified"))
    if unverified:
        said.append(
            f"What {unverified:,} rows of erased facts held: the receipts of their erasure do not speak of them."
        )
    return said


def clock_not_proven(set_back: tuple[int, str, str] | None) -> list[str]:
    """Times are those of the gate's own clock; that it was set back shows in the order of the entries."""
    if set_back is None:
        return []
    index, at, latest = set_back
    return [
        f"When things happened: entry {index:,} is dated {at[:10]}, and one before it {latest[:10]}. The clock was set "
        "back, or had been ahead: registers may have been older than they looked, and answers later."
    ]


def contacts_not_proven(connection: sqlite3.Connection) -> list[str]:
    """The CRM's contacts are no evidence."""
    (there,) = connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'contacts')").fetchone()
    if not there or connection.execute("SELECT 1 FROM contacts LIMIT 1").fetchone() is None:
        return []
    return [
        "The contacts of the CRM and their verdicts: they are a copy that each screening makes anew, and no evidence."
    ]


def _outside(heads: Sequence[Head], second: Path | None) -> dict[str, int]:
    """The newest checkpoint of the second place and of those given: where, and its size."""
    found: dict[str, int] = {}
    for head in heads:
        if head.given:
            found["what you gave"] = head.checkpoint.size
        elif second is not None and Path(head.place).parent == second:
            found[str(second)] = head.checkpoint.size
    return found
