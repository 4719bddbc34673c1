"""A copy in clear that is about to be written here, for the ledger of such copies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gate.core.rows.audit import CopyKind
from gate.operations.retention.copies import CopiesAdd


def copy_of(
    what: CopyKind,
    place: Path,
    why: str,
    *,
    of: str = "",
    recordings: Sequence[str] = (),
    until: date | None = None,
) -> CopiesAdd:
    """The request that enters a copy in clear which is about to be written here."""
    where = "standard output" if str(place) == "-" else str(place.absolute())
    return CopiesAdd(what=what, recordings=tuple(recordings), of=of, place=where, why=why, until=until)
