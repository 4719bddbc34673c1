"""Own lists as CSV files: read as a whole and checked before anything is sent, sent in batches, and written out again.

The file's columns are ``gate.operations.lists.entries.COLUMNS``; the samples of ``dialgate init --example`` go this way
too.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET

from gate.client.gate import Gate, pages
from gate.core.cells import csv_text, plain
from gate.core.terms import many
from gate.errors import UsageError
from gate.operations.contacts.csv_reader import CsvReader
from gate.operations.lists.consents import ConsentExport, ConsentImport
from gate.operations.lists.entries import (
    COLUMNS,
    REQUIRED,
    BatchKept,
    ConsentEntry,
    Entry,
    objection_in_part,
    read_row,
)
from gate.operations.lists.objections import ObjectionExport, ObjectionImport
from gate.operations.operation import Page, Request
from gate.types import Progress

BATCH: Final = 200
"""Entries in one transaction, at most: calls that come in meanwhile wait for some hundredths of a second."""
BATCH_BYTES: Final = 96_000
"""The size of a batch as JSON, at most."""
SHOWN: Final = 1000
"""Faults in a message, at most."""


class _List(NamedTuple):
    """How a list is asked for in bulk."""

    batch: Callable[..., Request[BatchKept]]
    page: Callable[..., Request[Page[Any]]]


_LISTS: Final[Mapping[str, _List]] = {
    "objections": _List(ObjectionImport, ObjectionExport),
    "consents": _List(ConsentImport, ConsentExport),
}


@dataclass
class ListFile:
    """A list as it was read: what may be kept, and what is wrong with the rest."""

    name: str
    """``objections`` or ``consents``."""
    source_name: str
    sha256: str
    not_utf8: int = 0
    """From which line on it was read as Windows-1252; 0: it was not."""
    entries: list[Entry] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    """(line, what is wrong), in the file's order."""
    in_part: list[Entry] = field(default_factory=list)
    """Objections on wrong lines whose number is sound: a date that cannot be read lets nobody be called."""

    @property
    def bad(self) -> int:
        """How many lines are wrong."""
        return len({line for line, _ in self.faults})


def read_list(name: str, raw: bytes, source_name: str, now: datetime) -> ListFile:
    """Read and check a whole file. Raises ``UsageError`` where it is no such list: header, encoding, broken quoting."""
    shown = source_name[-200:].encode("utf-8", "replace").decode()
    reader = CsvReader(io.BytesIO(raw), quote='"')
    found = ListFile(name, shown, hashlib.sha256(raw).hexdigest())
    rows = ((line, [plain(cell) for cell in cells]) for line, cells in reader.rows())
    try:
        header = _header(name, next(rows, (1, []))[1])
        for line, values in rows:
            if any(values):
                _one(found, line, header, values, now)
    except UsageError as error:
        raise UsageError(f"{source_name}, {error.message}", hint=error.hint) from None
    found.not_utf8 = reader.not_utf8
    return found


def _one(found: ListFile, line: int, header: Sequence[str], values: Sequence[str], now: datetime) -> None:
    shifted = len(values) != len(header)
    row = dict(zip(header, values, strict=False))
    if shifted:
        faults = [f"it has {len(values)} fields and the header {len(header)}"]
    else:
        entry, faults = read_row(found.name, row, now, line)
        if entry is not None:
            found.entries.append(entry)
            return
    found.faults += [(line, fault) for fault in faults]
    if found.name == "objections" and (part := objection_in_part(row, shifted=shifted, line=line)):
        found.in_part.append(part)


def _header(name: str, values: Sequence[str]) -> list[str]:
    header = [value.strip().casefold().replace(" ", "_") for value in values]
    hint = f"columns: {', '.join(COLUMNS[name])}; needed: {', '.join(REQUIRED[name])}"
    for column in header:
        if column not in COLUMNS[name]:
            raise UsageError(f'line 1: "{column}" is not a column of {name}', hint=hint)
        if header.count(column) > 1:
            raise UsageError(f'line 1: the column "{column}" is there twice', hint=hint)
    missing = [column for column in REQUIRED[name] if column not in header]
    if missing:
        raise UsageError(f"line 1: no column {', '.join(missing)}", hint=hint)
    return header


def send_list(gate: Gate, found: ListFile, *, skip_bad: bool, progress: Progress | None = None) -> dict[str, Any]:
    """Keep what was read, in batches, each of them as a whole. Nothing is kept where a line is wrong, unless the wrong
    ones are to be skipped; of an objection what is wrong is, and its number is blocked where it can be read. Raises
    ``UsageError`` that names every wrong line."""
    if found.name == "consents" and (skip_bad or not found.faults):
        _ask_about(gate, found)
    if found.faults and not skip_bad:
        shown = [f"line {line}: {fault}" for line, fault in found.faults[:SHOWN]]
        if len(found.faults) > SHOWN:
            shown.append(f"and {len(found.faults) - SHOWN:,} more")
        raise UsageError(
            "\n".join([f"{found.source_name}: {many(found.bad, 'line', 'is')} wrong and nothing was imported", *shown]),
            hint="mend them, or import the others with --skip-bad",
        )
    counts = {"imported": 0, "held": 0, "without_effect": 0}
    done = 0
    # What was withdrawn comes first: a withdrawal that is learnt after a later consent would stand against it.
    entries = sorted([*found.entries, *found.in_part], key=lambda entry: getattr(entry, "withdrawn_at", None) is None)
    for batch in _batches(entries):
        asked = _LISTS[found.name].batch(entries=batch, source_name=found.source_name, sha256=found.sha256)
        kept = gate.ask(asked)
        counts = {name: count + getattr(kept, name) for name, count in counts.items()}
        done += len(batch)
        if progress:
            progress(done / len(entries), f"{done:,} of {len(entries):,}")
    blocked = {entry.line for entry in found.in_part}
    faults = [{"line": line, "fault": fault, "blocked": line in blocked} for line, fault in found.faults]
    left = {"skipped": found.bad - len(blocked), "blocked_without": len(blocked)}
    return counts | left | {"faults": faults, "sha256": found.sha256}


def _ask_about(gate: Gate, found: ListFile) -> None:
    """What firm and store have against consents whose lines are sound, before any is kept."""
    for batch in _batches(found.entries):
        consents = [entry for entry in batch if isinstance(entry, ConsentEntry)]
        faults = gate.ask(ConsentImport(entries=consents, check=True)).faults
        faults = [] if faults is UNSET else faults
        found.faults = sorted([*found.faults, *((each.line, each.fault) for each in faults)])
    wrong = {line for line, _ in found.faults}
    found.entries = [entry for entry in found.entries if entry.line not in wrong]


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        weight = len(msgspec.json.encode(entry)) + 1
        if batch and (len(batch) >= BATCH or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


def export_list(gate: Gate, name: str, left_out: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """The whole list as CSV in pieces; its first page leaves a leaf. An erased person has no number to write:
    ``left_out`` is told at the end how many such entries there are."""
    erased = 0
    columns = COLUMNS[name]
    yield csv_text([columns]).encode()
    for page in pages(gate, _LISTS[name].page()):
        numbered = [row for row in page.items if row.number]
        erased += len(page.items) - len(numbered)
        yield csv_text([str(getattr(row, column) or "") for column in columns] for row in numbered).encode()
    left_out(erased)
