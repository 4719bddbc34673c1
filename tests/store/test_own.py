"""The own lists in memory say what a transaction says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.errors import StoreError
from gate.ports import Fact
from gate.store.erasure import erase_facts
from gate.store.own import OwnLists
from gate.store.projections import number_hash
from gate.store.reader import Reader
from tests.support.evidence import PEPPER, START, a_call, decision, put

NUMBERS = [f"+4477009000{n:02}" for n in range(20)]


def fill(store):
    facts = []
    for n, number in enumerate(NUMBERS[:12]):
        said = {"number": number, "source": "list", "made_at": (START + timedelta(days=n)).isoformat()}
        facts.append(Fact("objection", f"o{n}", START, "user:ann(1)", said))
    facts.append(Fact("objection", "o-again", START, "user:ann(1)", {"number": NUMBERS[0], "source": "call"}))
    facts.append(Fact("objection_removed", "o1", START, "user:ann(1)", {"reason": "mistake"}))
    for n, number in enumerate(NUMBERS[8:16]):
        facts.append(Fact("consent", f"c{n}", START, "user:ann(1)", {"number": number, "given_at": START.isoformat()}))
    facts.append(Fact("consent_withdrawn", "c1", START, "user:ann(1)", {"at": START.isoformat()}))
    put(store, *facts, *a_call(0, NUMBERS[17]))
    for n, asks in enumerate(("erasure", "objection", "access", "erasure")):
        put(store, Fact("request_opened", f"r{n}", START, "x", {"reference": f"DSR-2026-000{n}", "asks": asks}))
        put(store, Fact("request_person", f"r{n}", START, "x", {"lines": [NUMBERS[n], NUMBERS[19]]}))
    put(store, Fact("request_withdrawn", "r3", START, "x", {"on": "2026-03-02"}))
    for n, kind in enumerate(("hold", "restriction", "restriction")):
        put(store, Fact("hold", f"h{n}", START, "x", {"kind": kind, "target": "number", "number": NUMBERS[15 + n]}))
    put(store, Fact("hold_released", "h2", START, "x", {"reason": "over"}))
    put(store, decision("lost", NUMBERS[18]), Fact("answered", "lost", START, "gate", {"codec": "PCMU"}))
    put(store, Fact("ended", "lost", START, "gate", {"by": "callee", "bridged": False, "seconds": 0.0}))
    for n, number in enumerate((NUMBERS[18], NUMBERS[14])):  # what a restore had lost, and is later
        said = {"number_hash": number_hash(PEPPER, number).hex(), "claimed_by": "trunk:x", "campaign": "spring"}
        said |= {"answered_at": (START + timedelta(hours=1 + n)).isoformat(), "informed": True}
        put(store, Fact("abandoned_replayed", f"lost-{n}", START, "memory", said))
    store.call(
        lambda tx: erase_facts(tx, [2], subject="req", at=START, actor="user:ann(1)", basis="request", what="facts")
    )


def test_every_number_is_answered_as_in_a_transaction(store):
    fill(store)
    with Reader(store.path) as reader:
        lists = OwnLists(reader, PEPPER)
    for number in NUMBERS:
        held = lists.entries(number)
        assert list(held.objections) == store.call(lambda tx, n=number: tx.objections(n)), number
        assert list(held.consents) == store.call(lambda tx, n=number: tx.consents(n)), number
        assert list(held.stops) == store.call(lambda tx, n=number: tx.stops(n)), number
        assert held.last_unattended == store.call(lambda tx, n=number: tx.last_unattended(n)), number
        assert bool(held.objections or held.consents or held.stops or held.last_unattended) == (
            number in lists.numbers or lists.is_erased(number)
        )
    assert lists.has_erased and lists.is_erased(NUMBERS[2]) and NUMBERS[2] not in lists.numbers
    assert [each.reference for each in lists.entries(NUMBERS[19]).stops] == ["DSR-2026-0000", "DSR-2026-0001"]
    assert [each.reason for each in lists.entries(NUMBERS[16]).stops] == ["restricted"]
    assert [n for n in range(20) if lists.entries(NUMBERS[n]).stops] == [0, 1, 16, 19]
    assert lists.entries(NUMBERS[18]).last_unattended == START + timedelta(hours=1)
    assert lists.entries(NUMBERS[14]).last_unattended == START + timedelta(hours=2)


def test_another_key_of_the_number_hashes_is_refused(store):
    fill(store)
    with Reader(store.path) as reader, pytest.raises(StoreError, match="not the one"):
        OwnLists(reader, b"q" * 32)
