"""What verification says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
