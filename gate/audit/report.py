"""What verification says."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_FAULTS = 100
"""Faults kept in a report; those beyond are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold."""

    what: str
    """One of the words in ``gate.audit``."""
    message: str
    """One sentence; names places, never what a person's data is."""
    leaf_index: int | None = None
    """The leaf it is about; the first one of the range where it can only be narrowed down to a range."""

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"what": self.what, "message": self.message, "leaf_index": self.leaf_index}


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of ``verify``."""

    size: int
    root: bytes
    """Over the leaves that are there, up to the first one that is missing."""
    faults: tuple[Fault, ...]
    """In the order in which they were found, ``MOST_FAULTS`` at most."""
    fault_count: int
    checked: Mapping[str, int]
    """How many of each: ``leaves``, ``erased``, ``unsigned`` (leaves after the last checkpoint), ``tiles``,
    ``checkpoints``, ``checkpoint_files``, ``checkpoints_given``, one for each derived table, and ``TABLE_unverified``
    (rows of erased facts of which no receipt says what stays)."""
    proven: tuple[str, ...] = ()
    """What holds, in sentences; nothing where a fault was found."""
    not_proven: tuple[str, ...] = ()
    """What nobody can tell from here, in sentences."""

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.faults

    @property
    def first_fault(self) -> Fault | None:
        """The first one."""
        return self.faults[0] if self.faults else None

    def as_json(self) -> dict[str, Any]:
        """``ok``, ``size``, ``root`` (base64, as in a checkpoint), ``first_fault``, ``faults``, ``checked``,
        ``proven``, ``not_proven``."""
        return {
            "ok": self.ok,
            "size": self.size,
            "root": base64.b64encode(self.root).decode(),
            "first_fault": self.first_fault.as_json() if self.first_fault else None,
            "faults": [fault.as_json() for fault in self.faults],
            "fault_count": self.fault_count,
            "checked": dict(self.checked),
            "proven": list(self.proven),
            "not_proven": list(self.not_proven),
        }


@dataclass(slots=True)
class Findings:
    """Where the checks put what they find."""

    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    checked: dict[str, int] = field(default_factory=dict)

    def fault(self, what: str, message: str, leaf_index: int | None = None) -> None:
        """Something does not hold."""
        self.count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, message, leaf_index))

    def tally(self, what: str, number: int = 1) -> None:
        """So many were looked at."""
        self.checked[what] = self.checked.get(what, 0) + number
