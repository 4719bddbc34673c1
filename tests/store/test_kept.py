"""What retention asks of the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import asdict, replace

from gate.audit.verify import verify
from gate.core.rows.retention import Tombstone
from gate.ports import Fact
from gate.store import kept, queries
from gate.store.projections import TABLES
from tests.support.evidence import NUMBER, PEPPER, START, a_call, put

LATER = START + timedelta(days=400)


def hold(name, target, value, *, kind="hold", number=None, at=LATER):
    body = {"kind": kind, "target": target, "recording_id": None, "call_id": None, "number": number}
    key = {"recording": "recording_id", "call": "call_id", "number": "number"}[target]
    return Fact("hold", name, at, "user:root(0)", {**body, key: value, "reason": "a claim", "reference": f"{name}/26"})


def erased(n, *kinds):
    return [Fact(kind, f"rec-{n:06}", LATER, "gate", {"call_id": f"call-{n:06}"}) for kind in kinds]


def calls(store, count, number=NUMBER):
    put(store, *(fact for n in range(count) for fact in a_call(n, number)))


def ids(rows):
    return [row.recording_id for row in rows]


def test_oldest_first_by_key_without_the_erased_ones(store):
    calls(store, 7)
    put(store, *erased(2, "recording_erasing", "recording_erased"), *erased(3, "recording_erasing"))
    found, after = [], None
    while True:
        page = store.call(lambda tx, after=after: kept.oldest(tx, LATER, after, 2))
        found += page.items
        after = page.next
        if after is None:
            break
    assert ids(found) == [f"rec-{n:06}" for n in (0, 1, 3, 4, 5, 6)]
    assert asdict(found[0]) == {
        "recording_id": "rec-000000",
        "call_id": "call-000000",
        "opened_at": "2026-03-02T09:00:09.000000Z",
        "path": "2026/03/02/rec-000000.dgr",
        "key_id": "key-0",
        "stored_in": None,
        "erasing_at": None,
        "erasing_basis": None,
        "at": "2026-03-02T09:00:00.000000Z",
        "number": NUMBER,
        "purpose": "marketing",
        "topic": "general",
        "claimed_by": "account:alice",
        "joined": (),
    }
    some = store.call(lambda tx: kept.oldest(tx, START + timedelta(minutes=15)))
    assert ids(some.items) == ["rec-000000", "rec-000001"]
    assert some.next is None


def test_the_states_of_an_erasure(store):
    calls(store, 1)
    states = []
    for kind in ("recording_erasing", "recording_erased"):
        put(store, *erased(0, kind))
        row = store.call(lambda tx: queries.recording(tx, "rec-000000"))
        states.append(row.state)
    assert states == ["erasing", "erased"]
    assert (row.erasing_at, row.erased_at) == ("2027-04-06T09:00:00.000000Z",) * 2
    assert row.sha256 == "cd" * 32, "what was erased can be told from what was not"


def test_erasures_under_way_and_tombstones(store):
    calls(store, 4)
    put(store, *erased(0, "recording_erasing"), *erased(1, "recording_erasing", "recording_erased"))
    assert ids(store.call(kept.erasing)) == ["rec-000000"]
    assert store.call(lambda tx: kept.erasing(tx, after="rec-000000")) == []
    among = [f"rec-{n:06}" for n in range(9)]
    assert store.call(lambda tx: kept.erased_among(tx, among)) == [
        Tombstone(recording_id="rec-000001", call_id="call-000001", key_id="key-1")
    ]
    assert ids(store.call(lambda tx: kept.these(tx, among))) == ["rec-000000", "rec-000002", "rec-000003"]


def test_holds_bear_by_recording_call_and_number(store):
    calls(store, 4)
    put(store, *a_call(4, "+447700900001"), *a_call(5, "+447700900001"))
    put(
        store,
        hold("h1", "recording", "rec-000000"),
        hold("h2", "call", "call-000001"),
        hold("h3", "number", "+447700900001", kind="restriction"),
        hold("h4", "recording", "rec-000002"),
        Fact("hold_released", "h4", LATER, "user:ann(1)", {"reason": "settled"}),
    )
    among = [f"rec-{n:06}" for n in range(6)]
    assert [row.id for row in store.call(lambda tx: kept.holds_on(tx, among))] == ["h1", "h2", "h3"]
    assert [row.id for row in store.call(lambda tx: kept.holds_on(tx, among[1:4]))] == ["h2"]
    assert store.call(lambda tx: kept.holds_on(tx, among[2:4])) == []
    row = store.call(lambda tx: kept.hold(tx, "h4"))
    assert (row.released_by, row.released_why, row.reference) == ("user:ann(1)", "settled", "h4/26")
    put(store, *erased(4, "recording_erasing"))
    assert store.call(lambda tx: kept.covered(tx, "number", "+447700900001")) == (["rec-000005"], 1)
    assert store.call(lambda tx: kept.covered(tx, "call", "call-000001")) == (["rec-000001"], 0)
    assert store.call(lambda tx: kept.covered(tx, "recording", "no")) == ([], 0)


def test_pages_of_holds(store):
    put(store, *(hold(f"h{n}", "call", f"c{n}", at=LATER + timedelta(seconds=n)) for n in range(5)))
    put(store, Fact("hold_released", "h3", LATER, "user:ann(1)", {"reason": "settled"}))
    first = store.call(lambda tx: kept.holds_page(tx, None, 3))
    second = store.call(lambda tx: kept.holds_page(tx, first.next, 3))
    assert [[row.id for row in page.items] for page in (first, second)] == [["h4", "h2", "h1"], ["h0"]]
    everything = store.call(lambda tx: kept.holds_page(tx, released=True))
    assert [row.id for row in everything.items] == ["h4", "h3", "h2", "h1", "h0"]
    found = store.call(lambda tx: kept.holds_page(tx, text="H2/26"))
    assert [row.id for row in found.items] == ["h2"]
    assert store.call(lambda tx: kept.holds_page(tx, text="h3")).items == []


def test_the_last_sweep(store):
    assert store.call(kept.last_sweep) is None
    for day in (1, 2):
        at = START + timedelta(days=day)
        body = {"day": at.date().isoformat(), "erased": day, "terms": {"months": 12, "years": {}}}
        put(store, Fact("retention_swept", "retention", at, "gate", body))
    known = store.call(kept.last_sweep)
    assert (known.erased, known.at, known.actor) == (2, "2026-03-04T09:00:00.000000Z", "gate")
    put(store, Fact("retention_reason", "retention", at, "gate", {"reason": "their year is over"}))
    assert store.call(kept.last_sweep) == replace(known, reason="their year is over")


def test_the_newest_day_of_a_sweep(store):
    put(store, *(Fact("retention_swept", "retention", START, "x", {"day": f"2027-03-{n:02}"}) for n in (2, 9, 4)))
    days = [
        store.call(lambda tx, day=day: kept.swept_until(tx, day)) for day in ("2027-03-01", "2027-03-04", "2027-03-08")
    ]
    assert days == [None, "2027-03-04", "2027-03-04"]


@pytest.mark.engine("sqlite")
def test_the_log_holds_with_all_of_it(store):
    calls(store, 2)
    put(
        store,
        hold("h1", "number", NUMBER),
        Fact("hold_released", "h1", LATER, "user:ann(1)", {"reason": "settled"}),
        *erased(0, "recording_erasing", "recording_erased"),
    )
    report = verify(store.path, str, tables=TABLES, pepper=PEPPER)
    assert report.ok, report.first_fault
    assert report.checked["holds"] == 1


PLANS = [
    (
        lambda tx: kept.oldest(tx, LATER),
        "SEARCH r USING INDEX recordings_kept ((opened_at,recording_id)>(?,?) AND opened_at<?",
    ),
    (
        lambda tx: kept.oldest(tx, LATER, ("2026", "x")),
        "SEARCH r USING INDEX recordings_kept ((opened_at,recording_id)>",
    ),
    (kept.erasing, "recordings_erasing (recording_id>?)"),
    (lambda tx: kept.these(tx, ["a", "b"]), "recording_id=?"),
    (lambda tx: kept.erased_among(tx, ["a", "b"]), "recording_id=?"),
    (lambda tx: kept.holds_on(tx, ["a", "b"]), "holds_number (number=?)"),
    (kept.holds_page, "holds_made"),
    (kept.last_sweep, "facts_kind (kind=?)"),
    (lambda tx: kept.swept_until(tx, "2027-03-02"), "facts_kind (kind=?)"),
]


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize(("ask", "index"), PLANS)
def test_every_question_has_its_index(store, ask, index):
    asked = []

    def work(tx):
        connection = tx._connection
        connection.set_trace_callback(asked.append)
        ask(tx)
        connection.set_trace_callback(None)
        selects = [sql for sql in asked if sql.startswith("SELECT")]
        return [row[3] for sql in selects for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    plan = store.call(work)
    assert any(index in step for step in plan), plan
    assert not any(step.startswith(("SCAN r", "SCAN c", "SCAN facts")) for step in plan), plan
