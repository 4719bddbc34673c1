"""Calls in stand among the calls, and in no count of attempts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.ports import Fact
from gate.store import figures, own, queries
from gate.store.store import EvidenceStore
from tests.support.databases import query
from tests.support.evidence import NUMBER, START, decision, put

END = START + timedelta(days=1)


@pytest.fixture
def calls(store: EvidenceStore) -> EvidenceStore:
    """One call out, and one in that was answered and put through to nobody."""
    body = {"number": NUMBER, "raw": NUMBER, "presentation": "+442079460999", "claimed_by": "carrier:c"}
    body |= {"verdict": "allow", "reason": "call_in", "source": "192.0.2.1:5060"}
    put(
        store,
        decision("out", "+442079460001"),
        Fact("call_in", "in", START, "carrier:c", body),
        Fact("answered", "in", START, "gate", {"codec": "PCMA"}),
        Fact("ended", "in", START, "gate", {"by": "callee", "cause": "no_answer", "bridged": False, "seconds": 0.0}),
    )
    return store


def test_a_call_in_is_a_row_of_the_calls(calls: EvidenceStore) -> None:
    told = calls.call(lambda tx: queries.call(tx, "in"))
    assert told is not None
    call = told.call
    assert (call.number, call.presentation, call.reason) == (NUMBER, "+442079460999", "call_in")
    assert (call.state, call.purpose, call.claimed_by) == ("ended", None, "carrier:c")
    assert [fact.kind for fact in told.facts] == ["call_in", "answered", "ended"]


def test_counts_of_attempts_leave_it_out(calls: EvidenceStore) -> None:
    assert calls.call(lambda tx: queries.counts_by_reason(tx, START)) == {"not_listed": 1}
    assert [row.reason for row in calls.call(lambda tx: figures.attempts(tx, START, END))] == ["not_listed"]
    last, counts = calls.call(lambda tx: figures.attempts_since(tx, START))
    assert {reason for _, reason in counts} == {"not_listed"}
    assert last[0] >= 1
    beyond, counts = calls.call(lambda tx: figures.attempts_beyond(tx, {}))
    assert {reason for _, reason in counts} == {"not_listed"} and beyond == last


def test_who_called_us_and_reached_nobody_may_be_called(calls: EvidenceStore) -> None:
    assert calls.call(lambda tx: tx.last_unattended(NUMBER)) is None
    assert calls.call(lambda tx: query(tx, own._UNATTENDED)) == []
