"""Checkpoints read back, from the database and from folders."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

from gate.audit.given_up import GivenUp
from gate.audit.report import Findings
from gate.audit.signings import Kept, check_signings
from gate.core.evidence import Checkpoint, EvidenceError, parse_checkpoint
from gate.core.facts.gate import GateStarted
from gate.errors import GateError
from gate.within import read_regular

LARGEST: Final = 1 << 20
"""Bytes of a checkpoint's file, at most."""

CheckNote = Callable[[str], str]
"""A signed note (C2SP) to its text; raises ``GateError`` or ``ValueError`` where the signature does not hold."""

NAME_DIGITS = 12
LONGEST = timedelta(hours=1)
"""A gate that runs signs each minute; what is not signed for longer was not kept by one that could sign."""


def file_name(size: int, note: str = "") -> str:
    """Name of a checkpoint's file; with ``note`` the one that it has where the plain name is another's."""
    return f"{size:0{NAME_DIGITS}d}{'-' if note else ''}{sha256(note.encode()).hexdigest()[:8] if note else ''}.txt"


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
    given: bool = False
    """By whoever asked."""


def read_files(folders: Sequence[Path]) -> list[tuple[str, str | None]]:
    """Every checkpoint file as (path, note); None in place of what cannot be read as text."""
    notes: list[tuple[str, str | None]] = []
    for folder in folders:
        for path in sorted(folder.glob("*.txt")):
            try:
                notes.append((str(path), read_regular(path, LARGEST).decode()))
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
    given_up: Sequence[GivenUp] = (),
) -> list[Head]:
    """The checkpoints that hold, by size: those of the database, of ``files``, and ``notes`` from elsewhere.

    Those that do not hold are faults, and so are two roots for one size, but for what a restore has ``given_up``.
    """
    heads: list[Head] = []
    for size, root, note, _ in _kept(connection):
        place = f"checkpoint {size} in the database"
        head = _head(place, note, check_note, origin, findings)
        if head is not None and (head.checkpoint.size, head.checkpoint.root) != (size, root):
            findings.fault("checkpoint_invalid", f"{place} is not what its note says")
            head = None
        heads += [head] if head else []
        findings.tally("checkpoints")
    for path, file_note in files:
        head = _head(path, file_note, check_note, origin, findings)
        size = head.checkpoint.size if head else 0
        if head is not None and Path(path).name not in (file_name(size), file_name(size, file_note or "")):
            findings.fault("checkpoint_invalid", f"{path} holds the checkpoint of size {head.checkpoint.size}")
        heads += [head] if head else []
        findings.tally("checkpoint_files")
    for place, given in notes:
        head = _head(place, given, check_note, origin, findings)
        heads += [replace(head, given=True)] if head else []
        findings.tally("checkpoints_given")
    heads.sort(key=lambda head: head.checkpoint.size)
    for one, other in pairwise(heads):
        same = one.checkpoint.size == other.checkpoint.size and one.checkpoint.root != other.checkpoint.root
        if same and not is_given_up(one, given_up):
            findings.fault(
                "checkpoints_disagree",
                f"{one.place} and {other.place} are signed over the same {one.checkpoint.size} leaves with two roots",
            )
    return heads


def _kept(connection: sqlite3.Connection) -> Iterator[Kept]:
    for row in connection.execute("SELECT size, root, note, at FROM checkpoints ORDER BY size"):
        yield Kept(*row)


def check_missing(
    connection: sqlite3.Connection,
    log: int,
    settled: int,
    heads: Sequence[Head],
    own: Path | None,
    findings: Findings,
    given_up: Sequence[GivenUp] = (),
) -> None:
    """Are there as many checkpoints as there must be? One that the log itself speaks of lies in the database, and so
    does one that lies anywhere else; each has its file in the data folder, ``own``, but for the newest, whose file may
    be written just now; and where a gate has run, no entry has waited longer than ``LONGEST`` to be signed over.
    ``log``: the log's size; what is signed over more is told of by then. ``settled``: the largest size that fits."""
    check_signings(connection, (row for row in _kept(connection) if row.size <= log), findings)
    sizes = [row.size for row in _kept(connection)]
    there = set(sizes)
    lacking = [
        head
        for head in heads
        if head.checkpoint.size not in there and head.checkpoint.size <= log and not is_given_up(head, given_up)
    ]
    if lacking:
        more = f", nor {len(lacking) - 1} more" if len(lacking) > 1 else ""
        findings.fault(
            "checkpoint_missing",
            f"{lacking[0].place} is signed over {lacking[0].checkpoint.size} leaves, and the database does not hold "
            f"that checkpoint{more}",
        )
    _check_signed(connection, max([settled, *(head.checkpoint.size for head in heads)]), bool(heads), findings)
    if own is None:
        return
    names = {path.name for path in own.iterdir()}
    gone = [size for size in sizes[:-1] if file_name(size) not in names]
    if gone:
        more = f", and {len(gone) - 1} more" if len(gone) > 1 else ""
        findings.fault("checkpoint_missing", f"{own} lacks the file of checkpoint {gone[0]}{more}")


def is_given_up(head: Head, given_up: Sequence[GivenUp]) -> bool:
    """Whether a restore may have given this one up: it is one that the log need not fit."""
    return any(each.covers(head.checkpoint.size) for each in given_up)


def _check_signed(connection: sqlite3.Connection, settled: int, any_heads: bool, findings: Findings) -> None:
    if connection.execute("SELECT 1 FROM facts WHERE kind = ? LIMIT 1", [GateStarted.kind]).fetchone() is None:
        return  # entries made without a gate are signed when the next one starts
    if not any_heads:
        findings.fault("checkpoint_missing", "a gate has run on this log, and there is no checkpoint of it anywhere")
        return
    query = "SELECT min(at), max(at) FROM facts WHERE leaf_index >= ?"
    first, last = connection.execute(query, [settled]).fetchone()
    if first is not None and datetime.fromisoformat(last) - datetime.fromisoformat(first) > LONGEST:
        findings.fault("not_signed", f"no checkpoint is signed over leaf {settled} and those after it", settled)


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
