"""What a knowing restore has given up: checkpoints that the log need not have grown from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gate.core.facts.audit import EvidenceRestored
from gate.store.queries import Source


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Those in this range of sizes that the log does not fit."""

    after: int
    to: int
    leaf: int = 0
    """Of the fact that says so."""

    def covers(self, size: int) -> bool:
        """Whether a checkpoint of this size may be one of them."""
        return self.after < size <= self.to


def restores(log: Source) -> Iterator[GivenUp]:
    """What restores have given up, in the order of the log; one that is emptied gives up nothing. Raises ``ValueError``
    for a fact that is not understood."""
    sql = "SELECT leaf_index, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index"
    for row in log.query(sql, [EvidenceRestored.kind]):
        yield given_up(row["leaf_index"], row["body"])


def given_up(leaf: int, body: str | None) -> GivenUp:
    """What one fact says. Raises ``ValueError``."""
    said: Any = json.loads(body or "{}")
    try:
        return GivenUp(int(said["after"]), int(said["to"]), leaf)
    except (KeyError, TypeError) as error:
        raise ValueError(f"leaf {leaf} is no restore: {error}") from error
