"""Requests in the store: the table beside the rules, and a person found by number and time."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.core import request_words as events
from gate.core.facts.recordings import RecordingPaused
from gate.core.request_words import Asks
from gate.core.requests import UnexpectedEvent, handle, opened
from gate.core.rows.retention import CallPast
from gate.operations.erasure import terms
from gate.operations.requests.standing import KINDS, body_of, replay
from gate.ports import Fact
from gate.store import erasure, transfers
from gate.store import requests as book
from tests.support.databases import query
from tests.support.evidence import START, a_call, decision, put
from tests.support.examples import examples

PERSON, OTHER = "+447700900123", "+442079460555"
DAY = date(2026, 3, 2)
ANN = "user:ann(1)"

DAYS = "SELECT paused_on, searched_on FROM requests WHERE id = ?"


def open_facts(request_id, asks=Asks.ACCESS, reference="DSR-2026-0001", **person):
    body = {
        "reference": reference,
        "asks": asks.value,
        "channel": "email",
        "received": DAY.isoformat(),
        "written": True,
    }
    who = {"name": "Pat", "contact": "", "lines": [PERSON], "about": "", "since": None, "until": None} | person
    return Fact("request_opened", request_id, START, ANN, body), Fact("request_person", request_id, START, ANN, who)


def event(kind, day):
    extra = {
        events.Searched: {"found": 2},
        events.Refused: {"ground": events.Ground.CONTRACT},
        events.LetterMade: {"kind": events.LetterKind.ACKNOWLEDGEMENT},
    }
    extra |= {events.PartTold: {"who": ("person", "authority")[day % 2]}}
    extra |= {events.Erased: {"held": day % 2, "tell": ("r1",)}, events.RecipientTold: {"recipient": "r1"}}
    return kind(on=DAY + timedelta(days=day), **extra.get(kind, {}))


COUNTS = dict.fromkeys(("calls", "recordings", "facts", "held_back", "held_calls"), 0)
MORE = {
    events.PackMade: {"calls": 0, "recordings": 0, "left_out": 0, "sha256": ""},
    events.Erased: COUNTS | {"whole": True, "held_by": [], "open_requests": [], "backups_until": ""},
    events.Rectified: {"records": []},
}
"""What the facts hold besides the events."""
steps = st.lists(st.tuples(st.sampled_from(sorted(KINDS, key=lambda each: each.__name__)), st.integers(0, 40)))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(Asks), steps)
def test_the_state_of_the_table_is_that_of_the_rules(store, asks, walk):
    (row,) = store.call(lambda tx: query(tx, "SELECT count(*) AS n FROM requests"))
    request_id = f"r{row['n']}"
    put(store, *open_facts(request_id, asks, f"DSR-2026-{row['n'] + 1:04}"))
    request, _ = opened(asks, DAY)
    for kind, day in walk:
        try:
            request, _ = handle(request, event(kind, day))
        except UnexpectedEvent:
            continue
        fact = body_of(event(kind, day), **MORE.get(kind, {})).fact(request_id, START + timedelta(days=day), ANN)
        put(store, fact)
        found = store.call(lambda tx: book.find(tx, request_id))
        assert found.state == request.state
        (kept,) = store.call(lambda tx: query(tx, DAYS, (request_id,)))
        assert (kept["paused_on"] is None) == (request.paused_on is None)
        assert (kept["searched_on"] is not None) == request.searched
        assert replay(store.call(lambda tx: book.course(tx, request_id))) == request
    over = request.state in ("done", "closed")
    assert (request_id in {each.id for each in store.call(book.open_ones)}) is not over


def test_references_count_within_their_year(store):
    assert store.call(lambda tx: book.next_reference(tx, 2026)) == "DSR-2026-0001"
    put(store, *open_facts("a", reference="DSR-2026-0009"), *open_facts("b", reference="DSR-2026-12345"))
    assert store.call(lambda tx: book.next_reference(tx, 2026)) == "DSR-2026-12346"
    assert store.call(lambda tx: book.next_reference(tx, 2027)) == "DSR-2027-0001"
    assert store.call(lambda tx: book.find(tx, " dsr-2026-0009 ")).id == "a"
    assert store.call(lambda tx: book.find(tx, "a")).reference == "DSR-2026-0009"
    assert store.call(lambda tx: book.find(tx, "c")) is None


def calls(store, *arguments, **more):
    return [row.call_id for row in store.call(lambda tx: book.calls_of(tx, *arguments, **more))]


def test_calls_are_found_by_number_and_time_recorded_or_not(store):
    put(store, *a_call(0, PERSON), *a_call(1, OTHER), *a_call(2, PERSON))
    put(store, decision("no-recording", PERSON, at=START + timedelta(minutes=25)))
    put(store, decision("refused", PERSON, at=START + timedelta(minutes=30), reason="listed_tps"))
    assert calls(store, [PERSON]) == ["call-000000", "call-000002", "no-recording", "refused"]
    late = START + timedelta(minutes=20)
    assert calls(store, [PERSON], late) == ["call-000002", "no-recording", "refused"]
    assert calls(store, [PERSON], late, START + timedelta(minutes=25)) == ["call-000002"]
    assert calls(store, None, START, START + timedelta(minutes=11)) == ["call-000000", "call-000001"]
    assert calls(store, [PERSON, OTHER], limit=2) == ["call-000000", "call-000001"]
    assert calls(store, []) == []
    refused = {"raw": "07700-900 123 x5", "reason": "number_invalid"}
    put(store, decision("unread", "", at=late, **refused), decision("other", "", raw="0207", reason="number_invalid"))
    assert sorted(calls(store, [PERSON], late)) == ["call-000002", "no-recording", "refused", "unread"]
    (row,) = store.call(lambda tx: book.calls(tx, ["call-000002"]))
    assert (row.recording_id, row.recording, row.state) == ("rec-000002", "closed", "ended")


def test_an_hour_that_the_clocks_skip_or_repeat_is_found(store):
    london = ZoneInfo("Europe/London")
    first = datetime(2026, 10, 25, 1, 30, tzinfo=london, fold=0)
    put(store, decision("before", PERSON, at=first), decision("after", PERSON, at=first.replace(fold=1)))
    window = (datetime(2026, 10, 25, 1, 15, tzinfo=london), datetime(2026, 10, 25, 1, 45, tzinfo=london, fold=1))
    assert calls(store, [PERSON], *window) == ["before", "after"]


def test_the_lists_are_found_too_an_erased_persons_objection_as_well(store):
    put(
        store,
        Fact("objection", "o1", START, ANN, {"number": PERSON, "source": "told", "note": "angry", "call_id": None}),
    )
    put(store, Fact("objection_removed", "o1", START, ANN, {"reason": "mistake"}))
    put(store, Fact("objection", "o2", START, ANN, {"number": OTHER, "source": "told", "note": "", "call_id": None}))
    consent = {"given_at": "2026-01-05T10:00:00+00:00", "how": "phone", "wording": "yes", "who": "Pat", "evidence": ""}
    put(store, Fact("consent", "c1", START, ANN, {"number": PERSON, **consent}))
    hold = {"kind": "hold", "target": "number", "recording_id": None, "call_id": None, "number": PERSON}
    put(store, Fact("hold", "h1", START, ANN, hold | {"reason": "a claim", "reference": "17"}))
    of_call = hold | {"target": "call", "number": None, "call_id": "call-000000", "reason": "x", "reference": "18"}
    put(store, *a_call(0, PERSON), Fact("hold", "h2", START, ANN, of_call))
    (objection,) = store.call(lambda tx: book.objections_of(tx, [PERSON]))
    assert (objection.id, objection.removed_why, objection.erased) == ("o1", "mistake", 0)
    assert [row.who for row in store.call(lambda tx: book.consents_of(tx, [PERSON]))] == ["Pat"]
    assert [row.id for row in store.call(lambda tx: book.holds_of(tx, [PERSON], ["call-000000"]))] == ["h1", "h2"]
    leaves = store.call(lambda tx: erasure.leaves_of(tx, ["o1"]))
    assert len(leaves) == 2
    store.call(lambda tx: erasure.empty(tx, leaves, subject="r", basis="request", what="test", at=START, actor=ANN))
    (objection,) = store.call(lambda tx: book.objections_of(tx, [PERSON]))
    assert (objection.erased, objection.note, objection.removed_why) == (1, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "+447700900123",
        "07700900123",
        "07700 900123",
        "(07700) 900 123",
        "+44 (0)7700-900-123",
        "0044 7700.900.123",
        "447700900123",
    ],
)
def test_a_number_is_seen_in_any_spelling(store, text):
    put(store, Fact("note", "n", START, ANN, {"text": f"call {text} back"}))
    put(store, Fact("note", "m", START, ANN, {"text": "call 07700 9001234 or 07700 900124 or 7700 and 900123456"}))
    found, following = store.call(lambda tx: erasure.mentions(tx, [PERSON], 0, 100))
    assert ([each[2] for each in found], following) == (["n"], 0)


@pytest.mark.parametrize(
    ("person", "other"),
    [
        ("+44169772345", "+447169772345"),  # nine digits, and a mobile that ends in them
        ("+44169772345", "07169 772345"),
        ("+448001111", "+441298001111"),
        ("+447700900123", "+17700900123"),
    ],
)
def test_a_number_that_ends_in_anothers_digits_is_somebody_elses(store, person, other):
    consent = {"number": other, "how": "phone", "wording": "yes", "who": "Olu", "evidence": ""}
    put(store, Fact("consent", "c", START, ANN, consent), Fact("note", "n", START, ANN, {"text": f"call {other}"}))
    found, _ = store.call(lambda tx: erasure.mentions(tx, [person], 0, 100))
    assert "c" not in [each[2] for each in found] and "n" not in [each[2] for each in found]


@pytest.mark.parametrize("before", ["141", "1470 ", "9", "\x07", "ring:"])
def test_a_number_is_seen_behind_what_is_dialled_before_it(store, before):
    put(store, Fact("note", "n", START, ANN, {"text": f"{before}07700 900123"}))
    assert [each[2] for each in store.call(lambda tx: erasure.mentions(tx, [PERSON], 0, 100))[0]] == ["n"]


def test_mentions_are_read_a_piece_at_a_time(store):
    put(store, *(Fact("note", f"n{n}", START, ANN, {"text": PERSON}) for n in range(5)))
    found, following = store.call(lambda tx: erasure.mentions(tx, [PERSON], 0, 3))
    assert ([each[0] for each in found], following) == ([0, 1, 2], 3)
    found, following = store.call(lambda tx: erasure.mentions(tx, [PERSON], following, 3))
    assert ([each[0] for each in found], following) == ([3, 4], 0)
    assert store.call(lambda tx: erasure.mentions(tx, [], 0, 3))[0] == []


def test_nothing_to_erase_leaves_no_fact(store):
    put(store, *a_call(0, PERSON))
    how = {"subject": "r", "basis": "request", "what": "calls", "at": START, "actor": ANN}

    def erase(tx):
        return erasure.empty(tx, erasure.call_leaves(tx, ["call-000000"], [PERSON]), **how)

    assert store.call(erase) == 1
    size = store.call(lambda tx: tx.head()[0])
    assert store.call(erase) == 0
    assert store.call(lambda tx: tx.head()[0]) == size


@pytest.mark.engine("sqlite")
def test_searches_use_indexes(store):
    plans = []

    class Planned:
        def __init__(self, tx):
            self.tx = tx

        def hash_of(self, number):
            return self.tx.hash_of(number)

        def plan(self, sql, values):
            with self.tx._guarded() as connection:
                plans.append("; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)))

        def rows(self, kind, sql, values=()):
            self.plan(sql, values)
            return self.tx.rows(kind, sql, values)

        def values(self, kind, sql, values=()):
            self.plan(sql, values)
            return self.tx.values(kind, sql, values)

    def work(tx):
        planned = Planned(tx)
        book.calls_of(planned, [PERSON], START, START)
        book.calls_of(planned, None, START, START)
        book.calls(planned, ["a"])
        transfers.shared(planned, ["a"], [PERSON])
        transfers.after(planned, ["a"])
        book.objections_of(planned, [PERSON])
        book.consents_of(planned, [PERSON])
        book.holds_of(planned, [PERSON], ["a"])
        book.open_ones(planned)
        book.unfinished(planned)

    store.call(work)
    assert [plan for plan in plans if "SCAN" in re.sub("SCAN (requests USING INDEX|json_each)", "", plan)] == []


@pytest.mark.parametrize("erased", [("part-1",), ("part-2",), ("part-1", "part-2")])
def test_a_call_recorded_in_parts_names_its_callee_until_the_last_is_erased(store, erased):
    put(store, decision("call-1", PERSON))
    parts = ("part-1", "part-2")
    put(store, *(Fact("recording_opened", each, START, ANN, {"call_id": "call-1", "path": each}) for each in parts))
    put(store, *(Fact("recording_closed", each, START, ANN, {"call_id": "call-1"}) for each in parts))
    gone = {"call_id": "call-1", "basis": "retention"}
    put(
        store, *(Fact(f"recording_{kind}", each, START, ANN, gone) for each in erased for kind in ("erasing", "erased"))
    )
    (found,) = {each.call_id for each in store.call(lambda tx: book.calls_of(tx, [PERSON]))}
    rows = [CallPast(call_id=found, at="", number=PERSON)] * 2
    went = store.call(lambda tx: terms.erase_calls(tx, rows, at=START, actor=ANN, what="calls"))
    assert went == ((1, 0) if len(erased) == 2 else (0, 1))


def test_why_somebody_paused_a_recording_goes_with_the_call(store):
    paused = RecordingPaused(call_id="one", why="Pat reads out her card").fact("rec", START, ANN)
    put(store, decision("one", PERSON), decision("two", OTHER))
    (leaf,) = put(store, paused)
    assert leaf in store.call(lambda tx: erasure.call_leaves(tx, ["one"], [PERSON]))
    assert leaf not in store.call(lambda tx: erasure.call_leaves(tx, ["two"], [OTHER]))
