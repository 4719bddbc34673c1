"""Pages by key, single rows and counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.errors import UsageError
from gate.ports import Fact
from gate.store import queries, search
from gate.store.queries import question_of
from tests.support.evidence import NUMBER, START, a_call, decision, own_lists, put


def pages(store, function, **kwargs):
    """Every row, page by page."""
    found, after = [], None
    while True:
        page = store.call(lambda tx, after=after: function(tx, after, **kwargs))
        found.append(page.items)
        after = page.next
        if after is None:
            return found


def test_pages_hold_every_call_once_newest_first(store):
    same_moment = [decision(f"c{n:02}", at=START + timedelta(seconds=n // 4)) for n in range(23)]
    put(store, *same_moment)
    found = pages(store, search.calls_window, limit=5)
    assert [len(page) for page in found] == [5, 5, 5, 5, 3]
    assert [call.call_id for page in found for call in page] == [f"c{n:02}" for n in reversed(range(23))]


def test_a_call_that_comes_while_one_reads_moves_no_page(store):
    put(store, *(decision(f"c{n}", at=START + timedelta(seconds=n)) for n in range(4)))
    first = store.call(lambda tx: search.calls_window(tx, None, limit=2))
    put(store, decision("new", at=START + timedelta(seconds=9)))
    second = store.call(lambda tx: search.calls_window(tx, first.next, limit=2))
    assert [call.call_id for call in (*first.items, *second.items)] == ["c3", "c2", "c1", "c0"]
    assert second.next is None


def test_calls_of_one_number_reason_and_time(store):
    put(store, *(decision(f"c{n}", f"+44207946000{n % 3}", at=START + timedelta(days=n)) for n in range(9)))
    put(store, decision("no", "+442079460001", reason="listed_tps", at=START + timedelta(days=4, hours=1)))

    def ids(**kwargs):
        return [call.call_id for page in pages(store, search.calls_window, limit=2, **kwargs) for call in page]

    assert ids(number="+442079460001") == ["c7", "no", "c4", "c1"]
    assert ids(reason="listed_tps") == ["no"]
    assert ids(number="+442079460000", reason="listed_tps") == []
    assert ids(since=START + timedelta(days=2), until=START + timedelta(days=4)) == ["c3", "c2"]
    assert ids(number="+442079460001", since=START + timedelta(days=2), until=START + timedelta(days=7)) == ["no", "c4"]


@pytest.mark.parametrize("after", ["", "nonsense"])
def test_a_place_that_is_none(store, after):
    with pytest.raises(UsageError, match="not a place in a list"):
        store.call(lambda tx: search.calls_window(tx, after))


def test_limits_are_kept(store):
    put(store, decision("a"), decision("b"))
    assert len(store.call(lambda tx: search.calls_window(tx, None, limit=-5)).items) == 1
    assert len(store.call(lambda tx: search.calls_window(tx, None, limit=10**9)).items) == 2


def test_one_call_with_all_that_speaks_of_it(store):
    put(store, *a_call(3), *a_call(4))
    put(store, Fact("objection", "o", START, "callee", {"number": NUMBER, "call_id": "call-000003"}))
    shown = store.call(lambda tx: queries.call(tx, "call-000003"))
    assert [fact.kind for fact in shown.facts] == [
        "decision", "answered", "announced", "recording_opened", "connected", "recording_closed", "ended", "objection",
    ]  # fmt: skip
    assert shown.facts[0].body["registers"][0]["name"] == "tps"
    assert (shown.call.state, shown.call.objected) == ("ended", True)
    assert [recording.gaps for recording in shown.recordings] == [[(1.0, 2.5)]]
    assert store.call(lambda tx: queries.call(tx, "nobody")) is None
    assert [f.kind for f in store.call(lambda tx: queries.facts_of(tx, "rec-000003"))] == [
        "recording_opened",
        "recording_closed",
    ]


def test_what_a_killed_gate_left_open(store):
    put(store, *a_call(0), *list(a_call(1))[:5], *list(a_call(2))[:1])
    put(store, decision("ask", source="ask"), decision("no", reason="objected"))
    assert [call.call_id for call in store.call(queries.open_calls)] == ["call-000001", "call-000002"]
    assert [recording.recording_id for recording in store.call(queries.open_recordings)] == ["rec-000001"]


def test_own_lists(store):
    put(store, *own_lists())
    objections = store.call(queries.objections_page).items
    assert [(row.id, row.note) for row in objections] == [("obj-1", "angry")]
    assert not hasattr(objections[0], "number_hash")
    consents = store.call(queries.consents_page).items
    assert [(row.id, bool(row.withdrawn_at)) for row in consents] == [("con-2", True), ("con-1", False)]
    assert [c.id for c in store.call(lambda tx: queries.consents_page(tx, None, 9, "+447700900003")).items] == ["con-1"]
    assert store.call(queries.register_imports_page).items[0].count == 18_000_000


def test_counts(store):
    put(
        store,
        decision("old", at=START - timedelta(days=1)),
        decision("a"),
        decision("b"),
        decision("c", reason="objected"),
    )
    assert store.call(lambda tx: queries.counts_by_reason(tx, START)) == {"not_listed": 2, "objected": 1}


def test_a_recording(store):
    put(store, *a_call(0))
    assert store.call(lambda tx: queries.recording(tx, "rec-000000")).packets == {"caller": 10, "callee": 12}
    assert store.call(lambda tx: queries.recording(tx, "rec-1")) is None
    assert len(store.call(queries.recordings_page).items) == 1


# --- no list reads the whole table

PLANS = [
    (lambda tx: search.calls_window(tx, "2026 x"), "calls_at ((at,call_id)<"),
    (lambda tx: search.calls_window(tx, "2026 x", number=NUMBER), "calls_number (number=? AND (at,call_id)<"),
    (
        lambda tx: search.calls_window(tx, None, number=NUMBER, since=START, until=START),
        "calls_number (number=? AND at>? AND at<?",
    ),
    (lambda tx: search.calls_window(tx, None, reason="objected"), "calls_reason (reason=?)"),
    (queries.open_calls, "calls_open"),
    (queries.open_recordings, "recordings_open"),
    (queries.recordings_page, "recordings_opened"),
    (queries.objections_page, "objections_made"),
    (queries.consents_page, "consents_noted"),
    (lambda tx: queries.counts_by_reason(tx, START), "COVERING INDEX calls_at (at>?"),
    (
        lambda tx: queries.let_through_by_hour(tx, "account:alice", START, START + timedelta(days=28)),
        "COVERING INDEX calls_let_through (claimed_by=? AND at>? AND at<?)",
    ),
    (lambda tx: queries.facts_of(tx, "x"), "facts_subject (subject=?)"),
    (lambda tx: tx.objections(NUMBER), "objections_hash (number_hash=?)"),
    (lambda tx: tx.consents(NUMBER), "consents_hash (number_hash=?)"),
    (lambda tx: tx.stops(NUMBER), "requests USING COVERING INDEX requests_stopping (asks=?"),
    (lambda tx: tx.stops(NUMBER), "holds USING INDEX holds_number (number=?)"),
    (lambda tx: tx.last_unattended(NUMBER), "calls_unattended (number=?"),
    (lambda tx: tx.tried(NUMBER, START), "calls_tried (number=? AND at>?)"),
    (lambda tx: question_of(tx, NUMBER, "pbx:a", START), "calls_asked (number=? AND claimed_by=? AND at>?)"),
]


def test_attempts_at_a_number_are_those_that_were_let_through_and_count_once(store):
    minutes = [START + timedelta(minutes=n) for n in range(9)]
    ended = Fact("ended", "over", minutes[1], "gate", {"by": "caller", "cause": "cancelled", "code": 487})
    put(
        store,
        decision("too old", at=START - timedelta(seconds=1)),
        decision("over", at=minutes[1]),
        ended,
        decision("never left", at=minutes[1]),
        Fact("ended", "never left", minutes[1], "gate", {"by": "trunk", "cause": "trunk_unreachable", "code": 503}),
        decision("unanswered", at=minutes[2]),
        Fact("ended", "unanswered", minutes[2], "gate", {"by": "trunk", "cause": "trunk_unreachable", "code": 408}),
        decision("busy there", at=minutes[3]),
        Fact("ended", "busy there", minutes[3], "gate", {"by": "trunk", "cause": "Full", "code": 503}),
        decision("refused", at=minutes[2], reason="objected"),
        decision("another's", "+442079460001", at=minutes[3]),
        decision("asked", at=minutes[4], source="ask"),
        decision("its call", at=minutes[5], question="asked"),
        decision("asked alone", at=minutes[6], source="ask"),
        Fact("call_in", "theirs", minutes[7], "gate", {"number": NUMBER, "verdict": "allow", "reason": "call_in"}),
        decision("service", at=minutes[8], reason="service_call"),
    )
    since = START - timedelta(seconds=1)
    found = store.call(lambda tx: tx.tried(NUMBER, since))
    assert (found.in_hand, found.times) == (
        2, tuple(minutes[n] for n in (8, 6, 5, 3, 2, 1)),
    )  # fmt: skip
    besides = store.call(lambda tx: tx.tried(NUMBER, since, "asked alone"))
    assert besides.times == tuple(minutes[n] for n in (8, 5, 3, 2, 1))


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize(
    ("ask", "index"), PLANS, ids=[index.split(" ")[0] + str(n) for n, (_, index) in enumerate(PLANS)]
)
def test_every_question_has_its_index(store, ask, index):
    asked = []

    def work(tx):
        connection = tx._connection
        connection.set_trace_callback(asked.append)
        ask(tx)
        connection.set_trace_callback(None)
        sql = next(sql for sql in asked if sql.startswith("SELECT"))
        return [row["detail"] for row in rows_of(connection, f"EXPLAIN QUERY PLAN {sql}")]

    plan = store.call(work)
    assert any(index in step for step in plan), plan
    assert not any(step == "SCAN calls" or "TEMP B-TREE FOR ORDER" in step for step in plan), plan


def rows_of(connection, sql):
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def test_lists_are_found_by_what_was_typed(store):
    store.call(lambda tx: [tx.append(fact) for fact in (*own_lists(), *a_call(1))])

    def found(read, text):
        return [
            row["id"] if isinstance(row, dict) else row.id for row in store.call(lambda tx: read(tx, text=text)).items
        ]

    assert found(queries.objections_page, "07700 9000") == ["obj-1"]
    assert found(queries.objections_page, "ANGRY") == ["obj-1"]
    assert found(queries.objections_page, "nobody") == []
    assert found(queries.consents_page, "bob") == ["con-2"]
    assert found(queries.consents_page, "") == ["con-2", "con-1"]
