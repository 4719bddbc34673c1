"""Copies in clear that are written here, for the ledger of such copies: entered before the first byte, and once more
when they are whole, or were not written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

from gate.client.gate import Gate
from gate.core.rows.audit import CopyKind
from gate.errors import GateError
from gate.operations.retention.copies import CopiesAdd, CopiesEnded, CopyEntered


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


@contextmanager
def written(gate: Gate, copy: CopiesAdd) -> Iterator[CopyEntered]:
    """Write a copy in this block. Raises what the block raises, and the gate where the copy cannot be entered."""
    entered = gate.ask(copy)
    try:
        yield entered
    except BaseException as error:
        with suppress(GateError):  # the ledger says that it was begun: it counts as one that is there
            gate.ask(ended(entered, copy, error))
        raise
    gate.ask(ended(entered, copy))


def ended(entered: CopyEntered, copy: CopiesAdd, error: BaseException | None = None) -> CopiesEnded:
    """The request that says how it ended."""
    if error is not None:
        return CopiesEnded(copy_id=entered.id, failed=f"not written: {error or type(error).__name__}"[:1000])
    path = Path(copy.place)
    if not path.is_file():  # standard output, a pipe
        return CopiesEnded(copy_id=entered.id)
    with path.open("rb") as file:
        return CopiesEnded(copy_id=entered.id, sha256=hashlib.file_digest(file, "sha256").hexdigest())
