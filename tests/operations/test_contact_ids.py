"""Ids of contacts: the same again, no two alike, read by nobody else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.operations.contacts.pages import ContactIds, mark
from tests.support.examples import examples

IDS = ContactIds(b"p" * 32)
NUMBERS = st.integers(min_value=10**9, max_value=10**15 - 1)


@given(NUMBERS, st.text(max_size=200))
@settings(max_examples=examples(50), deadline=None)
def test_an_id_says_its_number_to_its_gate_alone(number: int, reference: str) -> None:
    ident = IDS.make(number, reference)
    assert ident == ContactIds(b"p" * 32).make(number, reference)
    assert IDS.read(ident) == (number, mark(reference))
    other = ContactIds(b"q" * 32).read(ident)
    assert other is None or other.number != number


@given(st.text(max_size=40))
@settings(max_examples=examples(50), deadline=None)
def test_what_is_no_id_is_none(text: str) -> None:
    assert IDS.read(text) is None or len(text) == 32


def test_neighbours_do_not_look_alike() -> None:
    ids = {IDS.make(442079460000 + n, reference) for n in range(50) for reference in ("", "a", "b")}
    assert len(ids) == 150
    assert len({ident[:8] for ident in ids}) == 150
