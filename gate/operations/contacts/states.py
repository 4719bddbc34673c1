"""What is known of a million contacts, as arrays, and what a screening changes of it.

A contact's *verdict* has a time from which on it holds (``since``) and the verdict before (``was``). A screening that
says the same leaves both alone, whatever the reason is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gate.operations.contacts.bulk_screener import BulkScreener, Integers, Outcome
from gate.operations.contacts.bulk_screener import bulk_screener as bulk_screener
from gate.registers.fixed import reached_many
from gate.registers.snapshot import Snapshot
from gate.registers.snapshot_store import open_in_force
from gate.store import contacts

if TYPE_CHECKING:
    from gate.store.store import EvidenceStore

BATCH: Final = 1000
"""Rows of one transaction: what a call's decision may have to wait for is some milliseconds."""
AT_ONCE: Final = 50_000
"""Numbers screened at once."""
NONE, ALLOW, BLOCK = 0, 1, 2
WORDS: Final = (None, "allow", "block")
"""Verdicts by their code."""

_STATE = np.dtype([("number", np.int64), ("outcome", np.int32), ("since", np.int64), ("was", np.int8)])


class Change(NamedTuple):
    """Numbers with new outcomes; arrays of one length."""

    numbers: Integers
    outcomes: Integers
    since: Integers
    was: Integers


class States:
    """The contacts of a list, each number once and rising."""

    def __init__(self, rows: Iterable[tuple[int, int, int, int]] = ()) -> None:
        """``rows`` as ``gate.store.contacts.states`` gives them: those of one number are alike and adjacent."""
        table: npt.NDArray[Any] = np.fromiter(rows, dtype=_STATE)
        first = np.ones(len(table), dtype=np.bool_)
        np.not_equal(table["number"][1:], table["number"][:-1], out=first[1:])
        starts = np.flatnonzero(first)
        table, self.contacts = table[first], len(table)
        self.weights: Integers = np.diff(starts, append=self.contacts)
        """How many contacts have each number."""
        self.numbers: Integers = table["number"].copy()
        self.outcomes: Integers = table["outcome"].astype(np.int64)
        self.since: Integers = table["since"].copy()
        self.was: Integers = table["was"].astype(np.int64)

    def places(self, numbers: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
        """Where each of these numbers is (anywhere, for one that is not there), and which are there."""
        if not len(self.numbers):
            return np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return places, self.numbers[places] == numbers


class Listed:
    """The numbers that an edition of a register lists."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @classmethod
    def in_force(cls, folder: Path, name: str) -> Listed | None:
        """Those of the edition in force; None where none ever was. Raises ``RegisterError``."""
        found = open_in_force(folder, name)
        return cls(found[1]) if found else None

    def compared(self, rows: Iterable[tuple[int, int, int, int]], before: Listed | None) -> dict[str, int]:
        """How many contacts (``rows`` as in ``States``) this edition lists that the one before did not, and the other
        way round. Raises ``RegisterError``."""
        known = States(rows)
        now = reached_many(self._snapshot, known.numbers)
        was = reached_many(before._snapshot, known.numbers) if before else now & False
        return {
            "newly_listed": int(known.weights[now & ~was].sum()),
            "no_longer_listed": int(known.weights[was & ~now].sum()),
        }


class Outcomes:
    """Outcomes by their numbers in the store."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], int] = {}
        self._verdicts = np.zeros(16, dtype=np.int64)
        for number, (verdict, reason) in store.call(contacts.outcomes).items():
            self._learn(number, verdict, reason)

    def _learn(self, number: int, verdict: str, reason: str) -> None:
        self._known[verdict, reason] = number
        if number >= len(self._verdicts):
            self._verdicts = np.concatenate([self._verdicts, np.zeros(number, dtype=np.int64)])
        self._verdicts[number] = WORDS.index(verdict)

    def numbers_of(self, outcomes: Sequence[Outcome]) -> Integers:
        """The store's number of each of a screener's outcomes, in their order."""
        for each in outcomes:
            if (each.verdict, each.reason) not in self._known:
                verdict, reason = each.verdict, each.reason
                number = self._store.call(partial(contacts.outcome_of, verdict=verdict, reason=reason))
                self._learn(number, verdict, reason)
        return np.array([self._known[each.verdict, each.reason] for each in outcomes], dtype=np.int64)

    def verdicts(self, outcomes: Integers) -> Integers:
        """``ALLOW`` or ``BLOCK`` of each."""
        return self._verdicts[outcomes]


def settle(
    states: States, numbers: Integers, outcomes: Integers, now: int, known: Outcomes
) -> tuple[Integers, Integers]:
    """Since and was of these numbers, now that these are their outcomes."""
    places, there = states.places(numbers)
    if not there.any():
        return np.full(len(numbers), now), np.zeros(len(numbers), dtype=np.int64)
    before = np.where(there, known.verdicts(states.outcomes[places]), NONE)
    same = there & (before == known.verdicts(outcomes))
    return np.where(same, states.since[places], now), np.where(same, states.was[places], before)


def rescreened(
    states: States, screener: BulkScreener, known: Outcomes, now: int
) -> Iterator[tuple[Change, dict[str, int]]]:
    """What a screening changes, piece by piece: the changes, and how many contacts are newly blocked and allowed."""
    for start in range(0, len(states.numbers), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        numbers = states.numbers[part]
        screened = screener.screen([f"+{number}" for number in numbers.tolist()])
        outcomes = known.numbers_of(screener.outcomes)[screened.outcomes]
        changed = np.flatnonzero(outcomes != states.outcomes[part])
        before = known.verdicts(states.outcomes[part][changed])
        after = known.verdicts(outcomes[changed])
        since, was = settle(states, numbers[changed], outcomes[changed], now, known)
        weights = states.weights[part][changed]
        counts = {
            "newly_blocked": int(weights[(before == ALLOW) & (after == BLOCK)].sum()),
            "newly_allowed": int(weights[(before == BLOCK) & (after == ALLOW)].sum()),
        }
        yield Change(numbers[changed], outcomes[changed], since, was), counts


def batches(change: Change) -> Iterator[list[tuple[int, int, int, str | None]]]:
    """The rows of a change as the store takes them."""
    for start in range(0, len(change.numbers), BATCH):
        columns = [column[start : start + BATCH].tolist() for column in change]
        yield [(number, outcome, since, WORDS[was]) for number, outcome, since, was in zip(*columns, strict=True)]
