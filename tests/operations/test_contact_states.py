"""What a screening changes of what is known, held against the plain rule, contact by contact."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.operations.contacts.bulk_screener import Outcome
from gate.operations.contacts.states import ALLOW, BLOCK, NONE, Outcomes, States, batches, rescreened, settle
from gate.store import contacts
from gate.store.store import EvidenceStore
from tests.support.evidence import open_store
from tests.support.examples import examples

WORDS = {1: ("allow", "not_listed"), 2: ("block", "listed_tps"), 3: ("block", "objected"), 4: ("allow", "consented")}
NOW = 1_900_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceStore]:
    """A store that numbers the outcomes as ``WORDS`` does."""
    store = open_store(tmp_path_factory.mktemp("states"))
    for number, (verdict, reason) in WORDS.items():
        assert store.call(partial(contacts.outcome_of, verdict=verdict, reason=reason)) == number
    yield store
    store.close()


class Screener:
    """Says of each number what it was told to."""

    def __init__(self, said: dict[int, int]) -> None:
        self.said = said
        self.outcomes = [Outcome(*WORDS[number], ()) for number in sorted(WORDS)]

    def screen(self, raws: list[str]) -> Any:
        class Screened:
            outcomes = np.array([self.said[int(raw)] - 1 for raw in raws], dtype=np.int64)

        return Screened


held = st.dictionaries(
    st.integers(442000000000, 442000000030),
    st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(1, 1000), st.sampled_from([0, 1, 2]), st.integers(1, 3)),
    max_size=12,
)


def states_of(known: dict[int, tuple[int, int, int, int]]) -> States:
    return States(
        (number, outcome, since, was)
        for number, (outcome, since, was, times) in sorted(known.items())
        for _ in range(times)
    )


def verdict(outcome: int) -> str:
    return WORDS[outcome][0]


@settings(max_examples=examples(60), deadline=None)
@given(held, st.data())
def test_a_screening_changes_what_the_plain_rule_changes(
    store: EvidenceStore, known: dict[int, Any], data: st.DataObject
) -> None:
    said = {number: data.draw(st.sampled_from([1, 2, 3, 4])) for number in known}
    counts = {"newly_blocked": 0, "newly_allowed": 0}
    changed: dict[int, tuple[int, int, str | None]] = {}
    for change, part in rescreened(states_of(known), Screener(said), Outcomes(store), NOW):  # type: ignore[arg-type]
        counts = {name: counts[name] + part[name] for name in counts}
        for batch in batches(change):
            changed |= {number: (outcome, since, was) for number, outcome, since, was in batch}
    expected: dict[int, tuple[int, int, str | None]] = {}
    told = {"newly_blocked": 0, "newly_allowed": 0}
    for number, (outcome, since, was, times) in known.items():
        new = said[number]
        if new == outcome:
            continue
        if verdict(new) == verdict(outcome):
            expected[number] = (new, since, (None, "allow", "block")[was])
        else:
            expected[number] = (new, NOW, verdict(outcome))
            told[f"newly_{verdict(new)}ed"] += times
    assert (changed, counts) == (expected, told)


@settings(max_examples=examples(60), deadline=None)
@given(held, st.lists(st.tuples(st.integers(442000000000, 442000000040), st.sampled_from([1, 2, 3, 4])), max_size=12))
def test_a_list_takes_over_the_time_of_a_verdict_that_stays(
    store: EvidenceStore, known: dict[int, Any], rows: list[tuple[int, int]]
) -> None:
    numbers = np.array([number for number, _ in rows], dtype=np.int64)
    outcomes = np.array([outcome for _, outcome in rows], dtype=np.int64)
    since, was = settle(states_of(known), numbers, outcomes, NOW, Outcomes(store))
    codes = {"allow": ALLOW, "block": BLOCK}
    for place, (number, outcome) in enumerate(rows):
        if number not in known:
            expected = (NOW, NONE)
        elif verdict(known[number][0]) == verdict(outcome):
            expected = known[number][1:3]
        else:
            expected = (NOW, codes[verdict(known[number][0])])
        assert (since[place], was[place]) == expected


def test_outcomes_that_are_new_are_learned(store: EvidenceStore) -> None:
    outcomes = Outcomes(store)
    numbers = outcomes.numbers_of([Outcome("block", "register_stale", ()), Outcome("allow", "not_listed", ("x",))])
    assert numbers.tolist() == [5, 1]
    assert outcomes.verdicts(numbers).tolist() == [BLOCK, ALLOW]
    assert outcomes.numbers_of([Outcome("block", "register_stale", ("y",))]).tolist() == [5]
    assert store.call(contacts.outcomes)[5] == ("block", "register_stale")
