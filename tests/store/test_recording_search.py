"""Recordings found by number, caller, day and id, both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.ports import Fact
from gate.store import search
from gate.store.search import recordings_window
from gate.store.store import EvidenceStore

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALLS = (("aaaa1", "+442079460123", "account:alice"), ("aaaa2", "+447700900456", "account:bilal"))


@pytest.fixture
def store(tmp_path: Path):
    store = EvidenceStore(tmp_path / "gate.db", pepper=b"p" * 32)
    for place, (call, number, who) in enumerate(CALLS):
        at = START + timedelta(days=place)
        reason = ("not_listed", "listed_tps")[place]
        body = {"number": number, "raw": number, "verdict": "allow", "reason": reason, "claimed_by": who}
        opened = {"call_id": call, "key_id": "k", "path": "p", "recipients": ["r"], "purpose": "quality"}
        store.call(lambda tx, c=call, a=at, w=who, b=body: tx.append(Fact("decision", c, a, w, b)))
        store.call(lambda tx, c=call, a=at, o=opened: tx.append(Fact("recording_opened", f"{c}beef", a, "gate", o)))
    yield store
    store.close()


def ids(store, *given, **named):
    return [row.recording_id for row in store.call(lambda tx: recordings_window(tx, *given, **named)).items]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("020 7946 0123", ["aaaa1beef"]),
        ("020 79", ["aaaa1beef"]),
        ("bilal", ["aaaa2beef"]),
        ("alice 020 7946", ["aaaa1beef"]),
        ("alice 07700 900456", []),
        ("aaaa2", ["aaaa2beef"]),
        ("open", ["aaaa2beef", "aaaa1beef"]),
        ("nobody", []),
        ("", ["aaaa2beef", "aaaa1beef"]),
    ],
)
def test_every_word_must_fit(store, text, found):
    assert ids(store, text=text) == found


def test_each_has_whom_its_call_was_with_and_pages_go_both_ways(store):
    page = store.call(lambda tx: recordings_window(tx, limit=1))
    assert (page.items[0].number, page.items[0].claimed_by) == CALLS[1][1:]
    assert ids(store, page.next, None, 1) == ["aaaa1beef"]
    assert ids(store, None, "end", 1) == ["aaaa1beef"]


def test_of_a_period(store):
    assert ids(store, since=START + timedelta(hours=1)) == ["aaaa2beef"]
    assert ids(store, until=START + timedelta(hours=1)) == ["aaaa1beef"]


def test_calls_by_several_words_and_by_part_of_who_called(store):
    def calls(**named):
        return [row.call_id for row in store.call(lambda tx: search.calls_window(tx, **named)).items]

    assert calls(text="bilal listed_tps") == calls(text="bilal tps 07700 900456") == ["aaaa2"]
    assert calls(text="alice listed tps") == calls(text="alice nonsense") == []
    assert calls(agent="ali") == ["aaaa1"] and calls(agent="nobody") == []
    assert calls(agent="bilal", since=START + timedelta(hours=1)) == ["aaaa2"]
