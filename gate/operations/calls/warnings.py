"""Calls that somebody must look at: those made although the gate had refused them, as their recordings show (the worst
that there can be), and talks in which nothing came from one side at first: somebody was not heard, and is not in
the recording.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from gate.core.evidence import stamp
from gate.core.facts.calls import OneSided
from gate.showing import local

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


DAYS: Final = 7
"""For so long after its recording came each is told of."""
_AGAINST: Final = (
    "SELECT call_id, reason, claimed_by, against_at FROM calls INDEXED BY calls_against WHERE against_at > ?"
    " ORDER BY against_at DESC"
)


def count_against_refusal(folder: DataFolder) -> int:
    """How many there were in the last ``DAYS`` days."""
    return len(_against(folder))


def alarms(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``DAYS`` days."""
    if not (rows := _against(folder)):
        return []
    last, many = rows[0], len(rows)
    calls = "A call was made against the gate's refusal" if many == 1 else f"{many:,} calls were made against refusals"
    return [
        f"{calls}, known since {local(last['against_at'])} ({last['reason']}, {last['claimed_by'] or 'erased'}): find "
        f"the way past the gate and close it. dialgate calls show {last['call_id']}, dialgate trunk-test"
    ]


def _against(folder: DataFolder) -> list[dict[str, str]]:
    since = stamp(folder.clock.now() - timedelta(days=DAYS))
    return folder.read(lambda tx: tx.query(_AGAINST, [since]))


HOURS: Final = 24
"""For so long after it each is told of."""
_ONE_SIDED: Final = (
    "SELECT subject, at, json_extract(body, '$.side') AS side FROM facts WHERE kind = ? AND at > ?"
    " ORDER BY leaf_index DESC"
)


def count_one_sided(folder: DataFolder) -> int:
    """How many there were in the last ``HOURS`` hours."""
    return len(_one_sided(folder))


def one_sided_warnings(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``HOURS`` hours."""
    if not (rows := _one_sided(folder)):
        return []
    last, many = rows[0], len(rows)
    talks = "One-sided talk" if many == 1 else f"One-sided talks: {many:,} in {HOURS} hours"
    silent = {"both": "either side"}.get(str(last["side"]), f"the {last['side'] or 'erased side'}")
    return [f"{talks}: no audio came from {silent} ({local(last['at'])}). dialgate calls show {last['subject']}"]


def _one_sided(folder: DataFolder) -> list[dict[str, Any]]:
    since = stamp(folder.clock.now() - timedelta(hours=HOURS))
    return folder.read(lambda tx: tx.query(_ONE_SIDED, [OneSided.kind, since]))
