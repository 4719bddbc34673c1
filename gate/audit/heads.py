"""Checkpoints read back, from the database and from folders."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gate.audit.report import Findings
from gate.core.evidence import Checkpoint, EvidenceError, parse_checkpoint
from gate.errors import GateError

CheckNote = Callable[[str], str]
"""A signed note (C2SP) to its text; raises ``GateError`` or ``ValueError`` where the signature does not hold."""

NAME_DIGITS = 12


def file_name(size: int) -> str:
    """Name of a checkpoint's file."""
    return f"{size:0{NAME_DIGITS}d}.txt"


def note_text(note: str) -> str:
    """The text of a signed note, without regard to its signatures. Raises ``EvidenceError``."""
    text, gap, _signatures = note.partition("\n\n")
    if not gap:
        raise EvidenceError("not a signed note: no blank line before the signatures")
    return text + "\n"


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint whose signature holds, and where it was found."""

    checkpoint: Checkpoint
    place: str


def read_files(folders: Sequence[Path]) -> list[tuple[str, str | None]]:
    """Every checkpoint file as (path, note); None in place of what cannot be read as text."""
    notes: list[tuple[str, str | None]] = []
    for folder in folders:
        for path in sorted(folder.glob("*.txt")):
            try:
                notes.append((str(path), path.read_bytes().decode()))
            except (OSError, UnicodeDecodeError):
                notes.append((str(path), None))
    return notes


def check_heads(
    connection: sqlite3.Connection,
    files: Sequence[tuple[str, str | None]],
    check_note: CheckNote,
    origin: str | None,
    findings: Findings,
    notes: Sequence[tuple[str, str]] = (),
) -> list[Head]:
    """The checkpoints that hold, by size: those of the database, of ``files``, and ``notes`` from elsewhere.

    Those that do not hold are faults, and so are two roots for one size.
    """
    heads: list[Head] = []
    for size, root, note in connection.execute("SELECT size, root, note FROM checkpoints ORDER BY size"):
        place = f"checkpoint {size} in the database"
        head = _head(place, note, check_note, origin, findings)
        if head is not None and (head.checkpoint.size, head.checkpoint.root) != (size, root):
            findings.fault("checkpoint_invalid", f"{place} is not what its note says")
            head = None
        heads += [head] if head else []
        findings.tally("checkpoints")
    for path, file_note in files:
        head = _head(path, file_note, check_note, origin, findings)
        if head is not None and Path(path).name != file_name(head.checkpoint.size):
            findings.fault("checkpoint_invalid", f"{path} holds the checkpoint of size {head.checkpoint.size}")
        heads += [head] if head else []
        findings.tally("checkpoint_files")
    for place, given in notes:
        head = _head(place, given, check_note, origin, findings)
        heads += [head] if head else []
        findings.tally("checkpoints_given")
    heads.sort(key=lambda head: head.checkpoint.size)
    for one, other in pairwise(heads):
        if one.checkpoint.size == other.checkpoint.size and one.checkpoint.root != other.checkpoint.root:
            findings.fault(
                "checkpoints_disagree",
                f"{one.place} and {other.place} are signed over the same {one.checkpoint.size} leaves with two roots",
            )
    return heads


def _head(place: str, note: object, check_note: CheckNote, origin: str | None, findings: Findings) -> Head | None:
    try:
        if not isinstance(note, str):
            raise EvidenceError("it is not text")
        checkpoint = parse_checkpoint(check_note(note))
        if origin is not None and checkpoint.origin != origin:
            raise EvidenceError(f"it is of another log: {checkpoint.origin!r}")
    except (GateError, ValueError) as error:
        findings.fault("checkpoint_invalid", f"{place} does not hold: {error}")
        return None
    return Head(checkpoint, place)
