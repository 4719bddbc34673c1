"""Calls found by a few typed signs, and pages turned both ways."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.finding import sought
from gate.core.rows.audit import LastVerification, LogNow
from gate.errors import UsageError
from gate.ports import Fact
from gate.store import figures, paging, search
from gate.store.erasure import erase_facts
from tests.support.evidence import NUMBER, START, decision, open_store, own_lists, put
from tests.support.examples import examples


def window(store, function=search.calls_window, **kwargs):
    return store.call(lambda tx: function(tx, **kwargs))


def ids(page):
    return [call.call_id for call in page.items]


def fill(store, count=23):
    put(store, *(decision(f"c{n:02}", at=START + timedelta(seconds=n // 4)) for n in range(count)))
    return [f"c{n:02}" for n in reversed(range(count))]


def only_read(fill):
    """A fixture: a store with what ``fill`` puts into it. The tests of this file only read it."""

    @pytest.fixture(scope="module")
    def filled(engine, tmp_path_factory):
        opened = open_store(tmp_path_factory.mktemp("read"))
        fill(opened)
        yield opened
        opened.close()

    return filled


empty = only_read(lambda store: None)


# --- both ways


def test_pages_forward_hold_every_call_once_newest_first(store):
    everything, found, after = fill(store), [], None
    while True:
        page = window(store, after=after, limit=5)
        found += ids(page)
        after = page.next
        if after is None:
            break
    assert found == everything


def test_pages_backward_from_the_end_are_the_same(store):
    everything, found, before = fill(store), [], paging.END
    while True:
        page = window(store, before=before, limit=5)
        found = ids(page) + found
        before = page.prev
        if before is None:
            break
    assert found == everything


def test_the_first_page_has_none_before_it_and_the_last_none_after(store):
    everything = fill(store)
    first = window(store, limit=5)
    assert (first.prev, ids(first)) == (None, everything[:5])
    second = window(store, after=first.next, limit=5)
    assert ids(window(store, before=second.prev, limit=5)) == ids(first)
    last = window(store, before=paging.END, limit=5)
    assert (last.next, ids(last)) == (None, everything[-5:])
    assert ids(window(store, after=window(store, before=last.prev, limit=5).next, limit=5)) == ids(last)


def test_a_call_that_comes_meanwhile_moves_no_page_and_is_found_before_it(store):
    everything = fill(store)
    first = window(store, limit=5)
    put(store, decision("new", at=START + timedelta(hours=1)))
    assert ids(window(store, after=first.next, limit=5)) == everything[5:10]
    again = window(store, after=first.next, limit=5)
    assert ids(window(store, before=again.prev, limit=50)) == ["new", *everything[:5]]


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(1, 9), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_whatever_the_order_each_row_is_met_once(times, limit, backward):
    rows = sorted(((str(at), str(n)) for n, at in enumerate(times)), reverse=True)

    def read(way):
        found = [row for row in (rows if way.newest_first else rows[::-1]) if way.cursor is None or beyond(row, way)]
        return [SimpleNamespace(at=at, id=key) for at, key in found[: way.most]]

    def beyond(row, way):
        return row < way.cursor if way.newest_first else row > way.cursor

    found, cursor = [], paging.END if backward else None
    while True:
        page = paging.window(read, ("at", "id"), None if backward else cursor, cursor if backward else None, limit)
        met = [(row.at, row.id) for row in page.items]
        found = met + found if backward else found + met
        cursor = page.prev if backward else page.next
        if cursor is None:
            break
    assert found == rows


@pytest.mark.parametrize("cursor", ["", "nonsense", "2026-03-02T10:00:00Z "])
@pytest.mark.parametrize("name", ["after", "before"])
def test_a_place_that_is_none(empty, cursor, name):
    with pytest.raises(UsageError, match="not a place in a list"):
        window(empty, **{name: cursor})


def test_both_ways_at_once_are_none(empty):
    with pytest.raises(UsageError, match="not both"):
        window(empty, after="a b", before="a b")


# --- what was typed

TYPED = [
    ("020 7946 0001", {"a"}),
    ("+442079460001", {"a"}),
    ("(020) 7946-0001", {"a"}),
    ("0044 20 7946 0001", {"a"}),
    ("020 7946", {"a", "b"}),
    ("+44 7700", {"c"}),
    ("0770", {"c"}),
    ("00447700", {"c"}),
    ("tps", {"b"}),
    ("ctps", {"c"}),
    ("listed", {"b", "c"}),
    ("listed tps", {"b"}),
    ("NOT_LISTED", {"a"}),
    ("alice", {"a", "b"}),
    ("account:", {"a", "b"}),
    ("PBX", {"c"}),
    ("00aa", {"a"}),
    ("00aabb", {"a"}),
    ("00AABB", {"a"}),
    ("00aabbcc", set()),
    ("079", set()),
    ("zebra", set()),
    ("%", set()),
    ("' OR 1=1 --", set()),
    ("  ", {"a", "b", "c"}),
]


THREE = {
    "00aabb": decision("00aabb", "+442079460001", claimed_by="account:alice"),
    "11aabb": decision("11aabb", "+442079460002", claimed_by="account:alice", reason="listed_tps", verdict="block"),
    "22aabb": decision("22aabb", "+447700900001", claimed_by="trunk:pbx1", reason="listed_ctps", verdict="block"),
}
NAMES = dict(zip(THREE, "abc", strict=True))
three = only_read(lambda store: put(store, *THREE.values()))


@pytest.mark.parametrize("few", [0, search.FEW])
@pytest.mark.parametrize(("text", "found"), TYPED)
def test_what_was_typed_is_understood(three, text, found, few, monkeypatch):
    monkeypatch.setattr(search, "FEW", few)
    assert {NAMES[call] for call in ids(window(three, text=text))} == found
    assert {NAMES[call] for call in ids(window(three, text=text, before=paging.END))} == found


CLOCKS = {
    "first": decision("01", at=datetime(2026, 10, 25, 0, 35, tzinfo=UTC), claimed_by="account:allowed"),
    "second": decision(
        "02", at=datetime(2026, 10, 25, 1, 35, tzinfo=UTC), claimed_by="account:simon", reason="objected"
    ),
    "noon": decision(
        "03", at=datetime(2026, 10, 25, 12, tzinfo=UTC), claimed_by="account:not", reason="too_many_calls_at_once"
    ),
    "late": decision("04", at=datetime(2026, 10, 25, 23, 59, 30, tzinfo=UTC), claimed_by="account:today"),
    "next": decision(
        "05",
        "+441614960000",
        at=datetime(2026, 10, 26, 14, tzinfo=UTC),
        reason="pensions_not_authorised",
        topic="pensions",
    ),
}
ON_CLOCKS = {fact.subject: name for name, fact in CLOCKS.items()}
clocks = only_read(lambda store: put(store, *CLOCKS.values()))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("25 Oct 01:35", "first second"),
        ("25/10 01:30-01:40 not simon", "first"),
        ("before Sun 25 Oct 2026 12:00", "first second"),
        ("after 25/10 12:30", "late next"),
        ("since 25/10 01:50", "second noon late next"),
        ("25 Oct 23:59:30", "late"),
        ("25/10 evening", "late"),
        ("25/10 12:00 to 26/10 09:00", "noon late"),
        ("Monday 26 October 2026", "next"),
        ("calls at 12:00 25/10", "noon"),
        ("calls on 25/10 by allowed", "first"),
        ("not by allowed", "second noon late next"),
        ("allowed", "first late"),
        ("by not", "noon"),
        ("not simon blocked", "noon next"),
        ("pensions not alice", ""),
        ("pensions not simon", "next"),
        ("by today", "late"),
        ("not today", "first second noon next"),
        ("not 25/10", ""),
        ("not 25/10 alice", ""),
        ("simon or 26/10 alice", ""),
        ("simon or not alice", ""),
        ("not not simon", ""),
        ("this month 12:00-13:00", ""),
        ("not 020 7946", "next"),
        ("not 0161 4** **00", "first second noon late"),
        ("all the calls", "first second noon late next"),
    ],
)
def test_a_line_gives_the_rows_that_it_names_and_no_other(clocks, line, found):
    read = sought(line, date(2026, 10, 30))
    rows = window(clocks, text=read.text or None, since=read.since, until=read.until).items
    assert {ON_CLOCKS[row.call_id] for row in rows} == set(found.split())


def test_a_filter_beside_the_text_holds_too(three):
    assert ids(window(three, text="alice", reason="listed_tps")) == ["11aabb"]
    assert ids(window(three, text="020 79", number="+442079460001")) == ["00aabb"]
    assert ids(window(three, text="alice", number="+447700900001")) == []


@pytest.mark.parametrize("few", [0, search.FEW])
def test_what_is_found_comes_page_by_page_as_if_all_of_it_had_been_looked_at(store, few, monkeypatch):
    monkeypatch.setattr(search, "FEW", few)
    chance = random.Random(5)
    facts = [
        decision(
            f"{chance.getrandbits(64):016x}",
            f"+4420794600{chance.randrange(30):02}",
            at=START + timedelta(seconds=chance.randrange(40)),
            reason=chance.choice(["listed_tps", "not_listed", "objected"]),
            claimed_by=chance.choice(["account:alice", "account:tps", "trunk:pbx"]),
        )
        for _ in range(300)
    ]
    put(store, *facts)
    everything = sorted(((fact.at, fact.subject) for fact in facts if fits(fact)), reverse=True)
    for backward in (False, True):
        found, cursor = [], paging.END if backward else None
        while True:
            page = window(store, text="tps", limit=7, **{"before" if backward else "after": cursor})
            found = ids(page) + found if backward else found + ids(page)
            cursor = page.prev if backward else page.next
            if cursor is None:
                break
        assert found == [key for _, key in everything]
    number = sorted(((f.at, f.subject) for f in facts if f.body["number"].startswith("+44207946001")), reverse=True)
    assert ids(window(store, text="020 7946 001", limit=1000)) == [key for _, key in number]


def fits(fact):
    return "tps" in fact.body["reason"] or "tps" in fact.body["claimed_by"]


@pytest.mark.parametrize(
    ("typed", "beginning"),
    [
        ("020 79", "+442079"),
        ("0044 20", "+4420"),
        ("+44(0)20", "+44020"),
        ("44 20", "+4420"),
        ("+33 1", "+331"),
        ("2079", ""),
        ("020", ""),
        ("020x79", ""),
        ("", ""),
    ],
)
def test_the_beginning_of_a_number(typed, beginning):
    assert search.beginning_of(typed) == beginning


# --- the log


def test_the_log_page_by_page(store):
    put(store, *own_lists(), decision("a"))
    page = window(store, search.leaves_window, limit=2)
    assert [row.index for row in page.items] == [int(page.next) + 1, int(page.next)]
    assert page.items[0].kind == "decision"
    assert len(page.items[0].hash) == 64
    oldest = window(store, search.leaves_window, before=paging.END, limit=2)
    assert [row.index for row in oldest.items] == [1, 0]
    only = window(store, search.leaves_window, kind="objection_removed")
    assert {row.kind for row in only.items} == {"objection_removed"}
    for cursor in ("x", "-1", "9" * 40):
        with pytest.raises(UsageError, match="not a place"):
            window(store, search.leaves_window, after=cursor)


ENDED = Fact("ended", "00aabbcc", START, "gate", {"by": "caller"})
HELD = Fact("hold", "0a1b2c3d", START, "gate", {"kind": "hold", "target": "recording"})
written = only_read(
    lambda store: put(store, *own_lists(), decision("00aabbcc", claimed_by="account:alice"), ENDED, HELD)
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("objection rem", {"objection_removed"}),
        ("alice", {"decision"}),
        ("USER:", {"objection", "objection_removed", "consent", "consent_withdrawn", "register_imported"}),
        ("00aabb", {"decision", "ended"}),
        ("0a1b2c3d", {"hold"}),
        ("nothing of it", set()),
    ],
)
def test_the_log_by_what_is_typed(written, text, found):
    rows = window(written, search.leaves_window, text=text).items
    assert {row.kind for row in rows} == found
    assert [row.index for row in rows] == sorted((row.index for row in rows), reverse=True)


def test_a_leaf_by_its_number_and_pages_of_what_was_typed(store):
    put(store, *(decision(f"c{n:02}") for n in range(12)))
    assert [row.index for row in window(store, search.leaves_window, text="7").items] == [7]
    first = window(store, search.leaves_window, text="decision", limit=5)
    rest = window(store, search.leaves_window, text="decision", after=first.next, limit=50)
    assert [row.index for row in (*first.items, *rest.items)] == list(range(11, -1, -1))
    back = window(store, search.leaves_window, text="decision", before=rest.prev, limit=5)
    assert back.items == first.items


def test_a_leaf_with_what_it_commits_to(store):
    put(store, decision("a", NUMBER), decision("b"))
    store.call(lambda tx: tx.keep_checkpoint(1, b"r" * 32, "note", START))
    found = window(store, lambda tx: search.leaf(tx, 0))
    assert (found.kind, found.subject, found.body["number"], found.signed) == ("decision", "a", NUMBER, 1)
    assert hashlib.sha256(b"\x00" + found.leaf.encode()).hexdigest() == found.hash
    assert found.commit in found.leaf
    store.call(lambda tx: erase_facts(tx, [1], subject="r-1", at=START, actor="gate", basis="request", what="facts"))
    gone = window(store, lambda tx: search.leaf(tx, 1))
    assert (gone.erased, gone.body, gone.signed) == (True, None, None)
    assert window(store, lambda tx: search.leaf(tx, 99)) is None


def test_signed_heads(store):
    put(store, decision("a"), decision("b"))
    for size in (1, 2):
        store.call(lambda tx, size=size: tx.keep_checkpoint(size, bytes([size]) * 32, f"note {size}", START))
    page = window(store, search.checkpoints_window, limit=1)
    assert (page.items[0].size, page.items[0].note, page.next) == (2, "note 2", "2")
    assert [row.size for row in window(store, search.checkpoints_window, after="2").items] == [1]


def test_how_the_log_is(store):
    assert window(store, search.log_now) == LogNow(size=0, checkpoint=None, verified=None)
    put(store, decision("a"), Fact("log_verified", "log", START, "user:ann(1)", {"ok": True, "size": 1}))
    now = window(store, search.log_now)
    assert now.size == 2
    assert now.verified == LastVerification("2026-03-02T09:00:00.000000Z", "user:ann(1)", ok=True, size=1)


def test_a_number_by_the_id_of_what_has_it(store):
    put(store, decision("a", NUMBER), *own_lists())
    assert window(store, lambda tx: search.number_of(tx, "call", "a")) == NUMBER
    assert window(store, lambda tx: search.number_of(tx, "call", "b")) is None
    assert window(store, lambda tx: search.number_of(tx, "nothing", "a")) is None


# --- the tally


def test_attempts_are_counted_once_however_often_one_looks(store):
    put(store, decision("a", at=START), decision("b", at=START + timedelta(minutes=1), reason="listed_tps"))
    last, counts = store.call(lambda tx: figures.attempts_since(tx, START))
    assert counts == {("2026-03-02T09:00", "not_listed"): 1, ("2026-03-02T09:01", "listed_tps"): 1}
    assert store.call(lambda tx: figures.attempts_beyond(tx, last)) == (last, {})
    put(store, decision("late", at=START - timedelta(hours=2)), decision("c", at=START))
    newer, more = store.call(lambda tx: figures.attempts_beyond(tx, last))
    assert (last, newer) == ({0: 1}, {0: 3})
    assert more == {("2026-03-02T07:00", "not_listed"): 1, ("2026-03-02T09:00", "not_listed"): 1}
    assert store.call(lambda tx: figures.attempts_beyond(tx, newer)) == (newer, {})


# --- no question reads the whole table

PLANS = [
    (search.calls_window, ["calls_at"]),
    (lambda tx: search.calls_window(tx, "2026 x"), ["calls_at ((at,call_id)<"]),
    (lambda tx: search.calls_window(tx, None, "2026 x"), ["calls_at ((at,call_id)>"]),
    (lambda tx: search.calls_window(tx, "2026 x", text="tps"), ["calls_reason (reason=? AND (at,call_id)<"]),
    (lambda tx: search.calls_window(tx, "2026 x", text="alice"), ["calls_claimed (claimed_by=? AND (at,call_id)<"]),
    (lambda tx: search.calls_window(tx, text=NUMBER), ["calls_number (number=?"]),
    (lambda tx: search.calls_window(tx, text="020 7946"), ["calls_number (number>? AND number<?"]),
    (lambda tx: search.calls_window(tx, text="00aabbcc"), ["(call_id>? AND call_id<?"]),
    (lambda tx: search.leaves_window(tx, "5", kind="hold"), ["facts_kind (kind=? AND rowid>? AND rowid<?"]),
    (
        lambda tx: search.leaves_window(tx, "5", text="00aabbcc"),
        ["facts_call (call_id>? AND call_id<?", "facts_subject (subject>? AND subject<?"],
    ),
    (
        lambda tx: search.leaves_window(tx, "5", text="decision"),
        ["facts_kind (kind=? AND rowid>? AND rowid<?", "facts_kind (kind>?"],
    ),
    (
        lambda tx: search.leaves_window(tx, "5", text="alice"),
        ["facts_actor (actor=? AND rowid>? AND rowid<?", "facts_actor (actor>?"],
    ),
    (search.log_now, ["facts_kind (kind=? AND rowid>? AND rowid<?)", "SEARCH leaves"]),
    (lambda tx: figures.attempts_since(tx, START), ["COVERING INDEX calls_at (at>?"]),
    (lambda tx: figures.attempts_beyond(tx, {0: 7}), ["INTEGER PRIMARY KEY (rowid>?"]),
]


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize(("ask", "steps"), PLANS, ids=range(len(PLANS)))
def test_every_question_has_its_index(three, ask, steps):

    def work(tx):
        asked = []
        connection = tx._connection
        connection.set_trace_callback(asked.append)
        ask(tx)
        connection.set_trace_callback(None)
        return [row[3] for sql in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    plan = three.call(work)
    for step in steps:
        assert any(step in line for line in plan), plan
    assert not any(line in ("SCAN calls", "SCAN facts") for line in plan), plan


# --- in the order of a column

LENGTHS = (None, 12.5, 3.25, None, 3.25, 60.1, 3.25, 0.1 + 0.2, None)


def lasted(store):
    """Calls of these lengths, by two agents in turn; one of them was erased, the agent's name with it."""
    for n, seconds in enumerate(LENGTHS):
        at = START + timedelta(minutes=n // 2)
        put(store, decision(f"c{n}", at=at, claimed_by=f"account:{'ab'[n % 2]}"))
        if seconds is not None:
            put(store, Fact("ended", f"c{n}", at, "gate", {"seconds": seconds, "by": "caller", "bridged": True}))


sorted_calls = only_read(lasted)


def walked(store, sort, limit, *, backward=False, **more):
    found, place = [], paging.END if backward else None
    while True:
        page = window(store, sort=sort, limit=limit, **{"before" if backward else "after": place}, **more)
        found = ids(page) + found if backward else found + ids(page)
        place = page.prev if backward else page.next
        if place is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("backward", [False, True])
def test_sorted_pages_hold_every_call_once_those_without_a_value_last(sorted_calls, limit, backward):
    up = ["c7", "c2", "c4", "c6", "c1", "c5", "c0", "c3", "c8"]
    assert walked(sorted_calls, "seconds", limit, backward=backward) == up
    assert walked(sorted_calls, "-seconds", limit, backward=backward) == [*reversed(up[:6]), *reversed(up[6:])]
    assert walked(sorted_calls, "at", limit, backward=backward) == [f"c{n}" for n in range(9)]
    by_agent = [f"c{n}" for n in (0, 2, 4, 6, 8, 1, 3, 5, 7)]
    assert walked(sorted_calls, "agent", limit, backward=backward) == by_agent
    assert walked(sorted_calls, "-seconds", limit, backward=backward, agent="b") == ["c5", "c1", "c7", "c3"]
    assert walked(sorted_calls, "-seconds", limit, backward=backward, text="account:a") == [
        "c6",
        "c4",
        "c2",
        "c8",
        "c0",
    ]


def test_a_page_that_is_sorted_tells_no_value_in_its_cursor(sorted_calls):
    page = window(sorted_calls, sort="agent", limit=2)
    assert "account" not in page.next


@pytest.mark.parametrize("sort", ["number", "-number", "seconds; DROP TABLE calls", "--seconds", "-"])
def test_a_column_that_no_list_is_sorted_by_is_refused(empty, sort):
    with pytest.raises(UsageError, match="not sorted"):
        window(empty, sort=sort)


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize("sort", ["seconds", "-seconds", "agent", "-reason", "at"])
def test_sorting_all_calls_sorts_nothing_an_index_has_the_order(sorted_calls, sort):

    def read(tx):
        asked = []
        connection = tx._connection
        connection.set_trace_callback(asked.append)
        page = search.calls_window(tx, sort=sort, limit=2)
        search.calls_window(tx, sort=sort, limit=2, after=page.next)
        connection.set_trace_callback(None)
        return [row[3] for sql in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    plans = sorted_calls.call(read)
    assert plans and not [plan for plan in plans if "B-TREE" in plan], plans
