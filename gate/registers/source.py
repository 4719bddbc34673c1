"""Reads a licensee's file from end to end, or refuses it.

Refused (LAW 2.3): an empty file, one that is cut in the middle of a record, one with more than 0.1 % bad lines; and one
that changes while it is read, as a file that is still being uploaded does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from gate.errors import RegisterFailed
from gate.handed_over_file import HandedOverFile
from gate.registers.lines import Keys, LineCounts, read_fast
from gate.registers.packing import LONGEST_LINE, ListFile, refused
from gate.types import Progress

READ_AT_ONCE = 4 << 20
SHORTEST_RECORD = 11
"""Bytes of a number's line at least: ``0``, nine digits, LF."""

TOLERATED = 1000
"""One bad line in so many is tolerated."""

SHOWN_FAULTS = 3
"""Lines that are told of a file that is refused, each with a fault of its own."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file that was read and found good."""

    name: str
    sha256: str
    """Of the list's bytes, unpacked where it came packed."""
    keys: Keys
    """The number of every good line, in the order of the file."""
    tally: LineCounts


def read_source(path: HandedOverFile, progress: Progress) -> RegisterFile:
    """Read a register file. ``RegisterError`` where it is refused, with line numbers; ``OSError`` where it cannot be
    read."""
    with ListFile(path) as file:
        keys = np.empty(file.largest // SHORTEST_RECORD + 1, np.int64)  # memory that is never written to takes none
        used, read, tail, tally, sha256 = 0, 0, b"", LineCounts(), hashlib.sha256()
        while chunk := file.read(READ_AT_ONCE):
            sha256.update(chunk)
            data = tail + (chunk.removeprefix(_BYTE_ORDER_MARK) if read == 0 else chunk)
            read += len(chunk)
            end = data.rfind(b"\n") + 1
            if len(data) - end > LONGEST_LINE:
                raise refused(
                    path, f"line {tally.lines + 1 + data[:end].count(10):,} is longer than {LONGEST_LINE:,} bytes"
                )
            for part in read_fast(data[:end], tally):
                keys[used : used + part.size] = part
                used += part.size
            tail = data[end:]
            progress(min(read / path.size, 1.0), "reading")
        if (read != path.size and not file.packed) or path.changed:
            raise RegisterFailed(f"{path} changed while it was read", hint="import it when its upload is complete")
    if tail:
        raise refused(
            path,
            f"line {tally.lines + 1:,}, the last one, has no line end: the file was cut in the middle of a record",
        )
    _judge(path, tally)
    return RegisterFile(path.name, sha256.hexdigest(), keys[:used], tally)


def _judge(path: HandedOverFile, tally: LineCounts) -> None:
    """Refuse a file with too many bad lines."""
    if tally.bad * TOLERATED <= tally.lines:
        return
    first: dict[str, str] = {}
    for fault in tally.faults:
        first.setdefault(fault.fault, str(fault))
    shown = list(first.values())[:SHOWN_FAULTS]
    more = f"; and {tally.bad - len(shown):,} more" if tally.bad > len(shown) else ""
    raise refused(
        path, f"{tally.bad:,} of {tally.lines:,} lines are no numbers, more than 0.1 %: {'; '.join(shown)}{more}"
    )
