"""Talks in which nothing came from one side at first: somebody was not heard, and is not in the recording."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from gate.core.evidence import stamp
from gate.core.facts.calls import OneSided
from gate.showing import local

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

HOURS: Final = 24
"""For so long after it each is told of."""
_LATELY: Final = (
    "SELECT subject, at, json_extract(body, '$.side') AS side FROM facts WHERE kind = ? AND at > ?"
    " ORDER BY leaf_index DESC"
)


def count(folder: DataFolder) -> int:
    """How many there were in the last ``HOURS`` hours."""
    return len(_lately(folder))


def one_sided_warnings(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``HOURS`` hours."""
    if not (rows := _lately(folder)):
        return []
    last, many = rows[0], len(rows)
    talks = "One-sided talk" if many == 1 else f"One-sided talks: {many:,} in {HOURS} hours"
    silent = {"both": "either side"}.get(str(last["side"]), f"the {last['side'] or 'erased side'}")
    return [f"{talks}: no audio came from {silent} ({local(last['at'])}). dialgate calls show {last['subject']}"]


def _lately(folder: DataFolder) -> list[dict[str, Any]]:
    since = stamp(folder.clock.now() - timedelta(hours=HOURS))
    return folder.read(lambda tx: tx.query(_LATELY, [OneSided.kind, since]))
