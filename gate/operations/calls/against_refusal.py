"""Calls that were made although the gate had refused them, as their recordings show: the worst that there can be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gate.core.evidence import stamp
from gate.showing import local

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

DAYS: Final = 7
"""For so long after its recording came each is told of."""
_LATELY: Final = (
    "SELECT call_id, reason, claimed_by, against_at FROM calls INDEXED BY calls_against WHERE against_at > ?"
    " ORDER BY against_at DESC"
)


def count(folder: DataFolder) -> int:
    """How many there were in the last ``DAYS`` days."""
    return len(_lately(folder))


def alarms(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``DAYS`` days."""
    if not (rows := _lately(folder)):
        return []
    last, many = rows[0], len(rows)
    calls = "A call was made against the gate's refusal" if many == 1 else f"{many:,} calls were made against refusals"
    return [
        f"{calls}, known since {local(last['against_at'])} ({last['reason']}, {last['claimed_by'] or 'erased'}): find "
        f"the way past the gate and close it. dialgate calls show {last['call_id']}, dialgate trunk-test"
    ]


def _lately(folder: DataFolder) -> list[dict[str, str]]:
    since = stamp(folder.clock.now() - timedelta(days=DAYS))
    return folder.read(lambda tx: tx.query(_LATELY, [since]))
