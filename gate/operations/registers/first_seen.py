"""When the bytes of a register file came first: they never become newer than they were then.

Every import leaves a fact with the SHA-256 of what was read, a refused one too. ``touch``, another name, another way in
and ``--as-of`` change nothing about what a file holds, so they give it no other days (LAW 2.3).
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from gate.core.days import london_day
from gate.core.facts.registers import RegisterImported, RegisterRefused
from gate.errors import RegisterError, RegisterFailed
from gate.registers.packing import ListFile

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder


class FirstSeen(NamedTuple):
    """What is known of bytes that came before."""

    day: date
    """In London, on which they came first; taken or refused, and as whichever register."""
    as_of: date | None
    """The earliest day as of which they were imported; None where they were only ever refused."""
    names: frozenset[str]
    """Registers as which they were imported."""

    @property
    def latest(self) -> date:
        """The latest day that they may speak of."""
        return min(self.day, self.as_of) if self.as_of else self.day


def sha256_of(source: HandedOverFile) -> str:
    """The SHA-256 of a list's bytes, unpacked where it is packed. Raises ``RegisterError`` where the file is no list,
    ``RegisterFailed`` where it cannot be read."""
    try:
        with ListFile(source) as file:
            sha256 = hashlib.sha256()
            while piece := file.read(1 << 20):
                sha256.update(piece)
    except OSError as error:
        raise RegisterFailed(f"{source} cannot be read: {error.strerror}") from None
    return sha256.hexdigest()


def first_seen(folder: DataFolder, sha256: str) -> FirstSeen | None:
    """What is known of these bytes; None where they never came before."""
    rows = folder.store.call(
        lambda tx: tx.query(
            "SELECT kind, at, body FROM facts WHERE kind IN (?, ?) AND json_extract(body, '$.source_sha256') = ?",
            (RegisterImported.kind, RegisterRefused.kind, sha256),
        )
    )
    if not rows:
        return None
    taken = [json.loads(row["body"]) for row in rows if row["kind"] == RegisterImported.kind]
    days = [date.fromisoformat(body["as_of"]) for body in taken if body.get("as_of")]
    return FirstSeen(
        min(london_day(row["at"]) for row in rows),
        min(days, default=None),
        frozenset(body["name"] for body in taken if "name" in body),
    )


def refuse_again(source: HandedOverFile, name: str, seen: FirstSeen | None) -> None:
    """Raises ``RegisterError`` where these bytes were imported before as this register."""
    if seen and name in seen.names:
        raise RegisterError(
            f"{source} is refused: the same bytes were imported on {seen.day} as of {seen.as_of}",
            hint="a file that is sent again does not become newer by it: does the fetch still work?",
        )


def day_of(source: HandedOverFile, asked: date | None, guessed: date, seen: FirstSeen | None) -> date:
    """The day that the file speaks of: the one ``asked`` for, else the one ``guessed``, and never a later one than
    these bytes had before. Raises ``RegisterError`` where a later one is asked for."""
    if seen is None:
        return asked or guessed
    if asked is None:
        return min(guessed, seen.latest)
    if asked > seen.latest:
        came = f"were imported on {seen.day} as of {seen.as_of}" if seen.as_of else f"came on {seen.day} already"
        raise RegisterError(
            f"{source} is refused: the same bytes {came}, and cannot speak of a later day: {asked}",
            hint="fetch the licensee's newest file; without --as-of these bytes keep their day",
        )
    return asked
