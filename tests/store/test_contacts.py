"""The CRM's contacts in the store: one list in force at a time, changed and forgotten by number, read in pages."""

from __future__ import annotations

import pytest

from gate.core.rows.lists import ContactChanges, ContactCount, ContactFault
from gate.ports import Fact
from gate.store import contacts
from gate.store.reader import Reader
from tests.support.databases import query
from tests.support.evidence import START, open_store

AT = "2026-03-02T09:00:00.000000Z"
ONE, TWO, THREE = 442079460001, 442079460002, 442079460003


def put(store, rows, *, faults=()):
    """A list of (number, reference, outcome, since, was), in force."""

    def work(tx):
        allow = contacts.outcome_of(tx, "allow", "not_listed")
        block = contacts.outcome_of(tx, "block", "listed_tps")
        assert (contacts.outcome_of(tx, "allow", "not_listed"), allow != block) == (allow, True)
        key = contacts.new_list(tx, at=AT, actor="user:ann(1000)", source_name="crm.csv", topic="general")
        added = contacts.add(
            tx,
            key,
            [(number, ref, block if blocked else allow, since, was) for number, ref, blocked, since, was in rows],
        )
        contacts.add_faults(tx, key, faults)
        contacts.put_in_force(tx, key, at=AT, sha256="ab" * 32, contacts=added, bad_rows=len(faults), leaf=0)
        return key

    return store.call(work)


def numbers(store):
    def read(tx):
        (current,) = contacts.in_force(tx)
        return [
            (row.number, row.reference, row.verdict)
            for row in contacts.page(tx, current.list, None, 100, {}, changed_since=None)[0]
        ]

    return store.call(read)


def drop_all(store, limit=1):
    for key in store.call(contacts.leftovers):
        while store.call(lambda tx, key=key: contacts.drop_some(tx, key, limit)):
            pass


def test_a_list_takes_the_place_of_the_one_before_and_that_one_goes_piece_by_piece(store):
    assert store.call(contacts.in_force) == []
    first = put(store, [(ONE, "a", False, 1, None), (TWO, "b", True, 1, None), (TWO, "b", True, 1, None)])
    assert numbers(store) == [(ONE, "a", "allow"), (TWO, "b", "block")]
    assert store.call(contacts.in_force)[0].contacts == 2, "the same row twice is one contact"
    put(store, [(THREE, "c", False, 2, None)])
    assert numbers(store) == [(THREE, "c", "allow")]
    assert store.call(contacts.leftovers) == [first]
    drop_all(store)
    left = store.call(lambda tx: query(tx, "SELECT list, number FROM contacts"))
    assert [row["number"] for row in left] == [THREE]
    assert store.call(contacts.leftovers) == []


def test_forgetting_reaches_every_list_and_one_that_is_just_coming_in(store):
    faults = [(7, "mobile", "a", "it is empty"), (8, "mobile", "c", "it is empty"), (9, "mobile", "", "it is empty")]
    put(store, [(ONE, "a", False, 1, None), (ONE, "b", False, 1, None), (TWO, "", False, 1, None)], faults=faults)

    def begin(tx):
        key = contacts.new_list(tx, at=AT, actor="user:ann(1000)", source_name="crm.csv", topic="general")
        contacts.add(tx, key, [(TWO, "", 1, 1, None)])
        return key

    loading = store.call(begin)
    assert store.call(lambda tx: contacts.forget_number(tx, f"+{ONE}")) == 2
    assert store.call(contacts.in_force)[0].contacts == 1
    assert [row["line"] for row in store.call(lambda tx: query(tx, "SELECT line FROM contact_faults"))] == [8, 9]
    store.call(lambda tx: contacts.add(tx, loading, [(ONE, "a", 1, 1, None)]))  # the file is read on, and holds it

    def swap(tx):
        return contacts.put_in_force(tx, loading, at=AT, sha256="", contacts=2, bad_rows=0, leaf=0)

    assert store.call(swap) == 1
    assert [number for number, _, _ in numbers(store)] == [TWO]
    assert store.call(lambda tx: query(tx, "SELECT * FROM contact_forgotten")) == []
    assert store.call(lambda tx: contacts.forget_number(tx, f"+{ONE}")) == 0


@pytest.mark.engine("sqlite")
def test_nothing_of_a_forgotten_number_stays_in_the_files(store, tmp_path):
    put(store, [(number, f"ref-{number}", False, 1, None) for number in range(442079460000, 442079460500)])
    assert b"ref-442079460123" in (tmp_path / "gate.db").read_bytes() + (tmp_path / "gate.db-wal").read_bytes()
    store.call(lambda tx: contacts.forget_number(tx, "+442079460123"))
    assert store.scrub() is True
    held = b"".join(path.read_bytes() for path in tmp_path.glob("gate.db*"))
    assert b"ref-442079460123" not in held
    assert b"ref-442079460124" in held


def test_pages_hold_each_contact_once(store):
    rows = [(number, ref, number % 2 == 0, 1, None) for number in range(ONE, ONE + 7) for ref in ("a", "b")]
    key = put(store, rows)
    seen, after = [], None
    while True:
        page, after = store.call(
            lambda tx, after=after: contacts.page(tx, key, after, 3, {"verdict": "allow"}, changed_since=None)
        )
        seen += [(row.number, row.reference) for row in page]
        if after is None:
            break
    assert seen == [(number, ref) for number, ref, blocked, _, _ in rows if not blocked]


def test_a_change_is_newly_blocked_newly_allowed_or_blocked_from_the_first_day(store):
    key = put(
        store,
        [
            (ONE, "blocked since", True, 50, "allow"),
            (TWO, "allowed since", False, 60, "block"),
            (THREE, "came so", True, 55, None),
            (THREE + 1, "earlier", True, 40, "allow"),
            (THREE + 2, "came allowed", False, 70, None),
        ],
    )
    counts = store.call(lambda tx: contacts.changes_since(tx, key, 50))
    assert counts == ContactChanges(newly_blocked=1, newly_allowed=1, first_blocked=1)
    rows, after = store.call(lambda tx: contacts.page(tx, key, None, 10, {}, changed_since=50))
    assert ([row.reference for row in rows], after) == (["blocked since", "allowed since", "came so"], None)
    assert store.call(lambda tx: contacts.counts(tx, key)) == [
        ContactCount(verdict="allow", reason="not_listed", contacts=2),
        ContactCount(verdict="block", reason="listed_tps", contacts=3),
    ]


def test_merging_carries_over_what_the_file_does_not_name_again(store):
    old = put(store, [(ONE, "a", True, 5, "allow"), (TWO, "b", False, 1, None), (THREE, "", False, 1, None)])

    def merge(tx):
        new = contacts.new_list(tx, at=AT, actor="user:ann(1000)", source_name="more.csv", topic="general")
        contacts.add(tx, new, [(THREE, "b", 1, 9, None)])
        total, after = 0, (-1, "")
        while after is not None:
            added, after = contacts.carry_over(tx, old, new, after, 1, {"b"})
            total += added
        contacts.put_in_force(tx, new, at=AT, sha256="", contacts=1 + total, bad_rows=0, leaf=0)
        return total

    assert store.call(merge) == 2
    assert numbers(store) == [(ONE, "a", "block"), (THREE, "", "allow"), (THREE, "b", "allow")]


def test_the_log_tells_whose_entries_have_changed(store):
    def append(kind, subject, **body):
        return store.call(lambda tx: tx.append(Fact(kind, subject, START, "user:ann(1000)", body)))

    append("objection", "o1", number=f"+{ONE}", source="told")
    append("consent", "c1", number=f"+{TWO}", given_at=START.isoformat(), how="", wording="", who="")
    append("gate_started", "gate")
    append("objection_removed", "o1", reason="a mistake")
    append("consent_withdrawn", "c1", at=START.isoformat())
    touched = contacts.touched
    assert store.call(lambda tx: touched(tx, 0, 100)) == ([f"+{ONE}", f"+{TWO}"], 5, False)
    assert store.call(lambda tx: touched(tx, 2, 1)) == ([f"+{ONE}"], 4, True)
    assert store.call(lambda tx: touched(tx, 4, 100)) == ([f"+{TWO}"], 5, False)
    assert store.call(lambda tx: touched(tx, 5, 100)) == ([], 5, False)


def test_states_and_changes(store, tmp_path):
    key = put(store, [(ONE, "a", False, 1, None), (ONE, "b", False, 1, None), (TWO, "", True, 2, "allow")])
    with Reader(store.path) as reader:
        assert list(contacts.states(reader, key)) == [(ONE, 1, 1, 0), (ONE, 1, 1, 0), (TWO, 2, 2, 1)]
    store.call(lambda tx: contacts.change(tx, key, [(ONE, 2, 7, "allow")]))
    assert [verdict for _, _, verdict in numbers(store)] == ["block", "block", "block"]
    held = store.call(lambda tx: contacts.contact_of_number(tx, key, ONE))
    assert (held.verdict, held.since, held.was) == ("block", 7, "allow")
    assert store.call(lambda tx: contacts.contact_of_number(tx, key, THREE)) is None


def test_what_was_no_contact_is_kept_apart(store):
    key = put(store, [(ONE, "a", False, 1, None)], faults=[(7, "phone", "b", "it is empty"), (3, "", "", "too short")])
    rows, after = store.call(lambda tx: contacts.faults_page(tx, key, None, 1))
    assert rows == [ContactFault(line=3, field="", reference="", fault="too short")]
    rows, after = store.call(lambda tx: contacts.faults_page(tx, key, after, 1))
    assert (rows[0].line, after) == (7, None)


def test_a_list_that_was_cut_off_leaves_the_one_before(store, tmp_path):
    put(store, [(ONE, "a", False, 1, None)])

    def begin(tx):
        key = contacts.new_list(tx, at=AT, actor="user:ann(1000)", source_name="crm.csv", topic="general")
        contacts.add(tx, key, [(TWO, "b", 1, 1, None)])

    store.call(begin)
    store.close()
    again = open_store(tmp_path)
    try:
        assert numbers(again) == [(ONE, "a", "allow")]
        drop_all(again)
        assert again.call(lambda tx: query(tx, "SELECT count(*) AS n FROM contacts")) == [{"n": 1}]
    finally:
        again.close()


def test_the_lists_of_two_firms_stand_side_by_side(store):
    put(store, [(ONE, "a", False, 1, None)])

    def of_acme(tx, rows):
        wanted = {"at": AT, "actor": "user:ann(1000)", "source_name": "acme.csv", "topic": "general"}
        key = contacts.new_list(tx, **wanted, on_behalf_of="acme")
        contacts.add(
            tx, key, [(number, "a", contacts.outcome_of(tx, "allow", "not_listed"), 1, None) for number in rows]
        )
        contacts.put_in_force(tx, key, at=AT, sha256="", contacts=len(rows), bad_rows=0, leaf=0)
        return key

    first = store.call(lambda tx: of_acme(tx, [ONE, TWO]))
    second = store.call(lambda tx: of_acme(tx, [ONE, THREE]))
    assert [(each.on_behalf_of, each.contacts) for each in store.call(contacts.in_force)] == [("", 1), ("acme", 2)]
    assert store.call(contacts.leftovers) == [first]
    assert store.call(lambda tx: contacts.forget_in(tx, second, ONE)) == 1
    assert [each.contacts for each in store.call(contacts.in_force)] == [1, 1], "the firm's own has it still"
