"""The log of a data folder verified: rows, leaves, root and checkpoints, with what is known from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

from gate.audit.verify import verify
from gate.core.rows.audit import LogFault, LogVerified
from gate.store.projections import TABLES, number_hash
from gate.store.reader import Place
from gate.store.schema import differences
from gate.vault.signing import CheckpointKey, check_vkey, verify_note


def verified_log(
    data: Path,
    place: Place,
    pepper: bytes,
    folders: Sequence[Path],
    vkey: str,
    checkpoints: Sequence[tuple[str, str]],
    progress: Callable[[float, str], None] | None,
) -> LogVerified:
    """The report of ``gate.audit.verify``, with ``vkey`` and where it is from (``vkey_from``).

    ``folders`` hold checkpoints. ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are
    known from elsewhere. Raises ``GateError``.
    """
    shape = differences if isinstance(place, Path) else place.differences
    trusted = check_vkey(vkey) if vkey else CheckpointKey.load(data / "gate.key").vkey
    report = verify(
        place,
        lambda note: verify_note(note, trusted),
        tables=TABLES,
        folders=folders,
        notes=checkpoints,
        origin=trusted.partition("+")[0],
        pepper=pepper,
        shape=lambda connection: shape(connection, number_hash(pepper, "")),
        progress=None if progress is None else lambda done, of: progress(done / max(of, 1), "leaves"),
    )
    faults = [LogFault(what=each.what, message=each.message, leaf_index=each.leaf_index) for each in report.faults]
    own = "That the key is the gate's: it is the one that lies in gate.key (--vkey gives another)."
    return LogVerified(
        ok=report.ok,
        size=report.size,
        root=base64.b64encode(report.root).decode(),
        first_fault=faults[0] if faults else None,
        faults=faults,
        fault_count=report.fault_count,
        checked=dict(report.checked),
        proven=[*report.proven],
        not_proven=[*report.not_proven, *(() if vkey else (own,))],
        vkey=trusted,
        vkey_from="elsewhere" if vkey else "gate.key",
    )
