"""What an import did."""

from __future__ import annotations

from datetime import date

import msgspec


class ImportReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A register file that was taken: the snapshot now in force, and how it differs from the one before."""

    name: str
    """``tps`` or ``ctps``."""
    as_of: date
    sha256: str
    """Of the snapshot file: the identity that decisions name."""
    count: int
    """Different numbers in it."""
    coverage: tuple[str, ...]
    added: int
    """Numbers that were not in the snapshot before; all of them where there was none."""
    removed: int
    lines: int
    """Lines read."""
    duplicates: int
    """Lines whose number was there already."""
    bad: int
    """Lines that are not numbers and were left out (at most 0.1 % of all)."""
    bad_lines: tuple[tuple[int, str], ...]
    """(line number, what is wrong with it) of the first hundred of them."""
    source_name: str
    source_sha256: str
    """Of the licensee's file."""
    accepted_shrink: bool
    """True where more numbers vanished than an import takes unasked, and the operator accepted it."""
    implausible: str = ""
    """What a live gate found odd about the file (``gate.registers.plausible``)."""
    accepted: str = ""
    """Why the operator took it all the same."""
    previous_sha256: str = ""
    """The snapshot it was compared with; empty where there was none, or none that is whole."""
