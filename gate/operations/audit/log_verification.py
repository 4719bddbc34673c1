"""The log of a data folder verified: rows, leaves, root and checkpoints, with what is known from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gate.audit.verify import verify
from gate.store.projections import TABLES, number_hash
from gate.store.schema import differences
from gate.vault.signing import CheckpointKey, check_vkey, verify_note


def verified_log(
    data: Path,
    pepper: bytes,
    folders: Sequence[Path],
    vkey: str,
    checkpoints: Sequence[tuple[str, str]],
    progress: Callable[[float, str], None] | None,
) -> dict[str, Any]:
    """The report of ``gate.audit.verify``, with ``vkey`` and where it is from (``vkey_from``).

    ``folders`` hold checkpoints. ``vkey`` (else that of ``gate.key``) and ``checkpoints``, (where, signed note), are
    known from elsewhere. Raises ``GateError``.
    """
    trusted = check_vkey(vkey) if vkey else CheckpointKey.load(data / "gate.key").vkey
    report = verify(
        data / "gate.db",
        lambda note: verify_note(note, trusted),
        tables=TABLES,
        folders=folders,
        notes=checkpoints,
        origin=trusted.partition("+")[0],
        pepper=pepper,
        shape=lambda connection: differences(connection, number_hash(pepper, "")),
        progress=None if progress is None else lambda done, of: progress(done / max(of, 1), "leaves"),
    )
    found: dict[str, Any] = msgspec.to_builtins(report)
    found |= {"ok": report.ok, "first_fault": msgspec.to_builtins(report.first_fault)}
    if vkey:
        return found | {"vkey": trusted, "vkey_from": "elsewhere"}
    own = "That the key is the gate's: it is the one that lies in gate.key (--vkey gives another)."
    return found | {"not_proven": [*report.not_proven, own], "vkey": trusted, "vkey_from": "gate.key"}
