"""What the tables say, derived from the facts."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.facts.derived import OF_CALL
from gate.core.terms import Consent, Objection
from gate.ports import Fact
from gate.store.projections import TABLES, TOUCHED, LogEntry, call_of, number_hash
from tests.support.databases import query
from tests.support.evidence import NUMBER, PEPPER, START, a_call, decision, open_store, own_lists, put
from tests.support.examples import examples


def row(store, table, **key):
    ((name, value),) = key.items()
    rows = store.call(lambda tx: query(tx, f"SELECT * FROM {table} WHERE {name} = ?", [value]))  # noqa: S608
    return rows[0] if rows else None


def state(store, call_id):
    return row(store, "calls", call_id=call_id)["state"]


def test_the_life_of_a_call(store):
    states = []
    for fact in a_call(0):
        put(store, fact)
        states.append(state(store, "call-000000"))
    assert states == ["dialling", "answered", "answered", "answered", "talking", "talking", "ended"]
    assert row(store, "calls", call_id="call-000000") == {
        "leaf_index": 0,
        "call_id": "call-000000",
        "at": "2026-03-02T09:00:00.000000Z",
        "number": NUMBER,
        "raw": NUMBER,
        "presentation": "+442079460999",
        "purpose": "marketing",
        "topic": "general",
        "claimed_by": "account:alice",
        "source": "127.0.0.1:5062",
        "verdict": "allow",
        "reason": "not_listed",
        "consent_id": None,
        "objection_id": None,
        "question": None,
        "on_behalf_of": None,
        "sip_call_id": None,
        "listed_service": None,
        "answered_at": "2026-03-02T09:00:05.000000Z",
        "codec": "PCMU",
        "announced": 1,
        "connected_at": "2026-03-02T09:00:09.000000Z",
        "recording_id": "rec-000000",
        "recorded": 1,
        "unrecorded_why": None,
        "objected": None,
        "transferred_to": None,
        "against_at": None,
        "campaign": None,
        "abandoned_why": None,
        "informed": None,
        "ended_at": "2026-03-02T09:00:41.000000Z",
        "ended_by": "callee",
        "cause": "hung_up",
        "code": 200,
        "seconds": 30.5,
        "bridged": 1,
        "state": "ended",
    }
    recording = row(store, "recordings", recording_id="rec-000000")
    assert (recording["state"], recording["path"]) == ("closed", "2026/03/02/rec-000000.dgr")
    assert (recording["gaps"], recording["packets"]) == ("[[1.0,2.5]]", '{"callee":12,"caller":10}')


def test_a_refused_call_and_one_that_a_phone_system_dials_itself(store):
    put(store, decision("no", reason="listed_tps"), decision("ask", source="ask"))
    assert (state(store, "no"), state(store, "ask")) == ("refused", "asked")


def test_a_call_that_went_on_unrecorded(store):
    put(store, decision("c"), Fact("connected", "c", START, "gate", {"recorded": True}))
    put(store, Fact("unrecorded", "c", START, "gate", {"why": "recorder_unavailable"}))
    call = row(store, "calls", call_id="c")
    assert (call["recorded"], call["unrecorded_why"]) == (0, "recorder_unavailable")


def test_the_opt_out_digit_marks_the_call_and_holds_at_once(store):
    put(store, decision("c"))
    put(store, Fact("objection", "o1", START, "callee", {"number": NUMBER, "source": "keypad", "call_id": "c"}))
    assert row(store, "calls", call_id="c")["objected"] == 1
    assert store.call(lambda tx: tx.objections(NUMBER)) == [Objection("o1", START, 1, noted_at=START)]


@pytest.mark.parametrize(("interrupted", "expected"), [(True, "interrupted"), (False, "closed")])
def test_the_life_of_a_recording(store, interrupted, expected):
    put(store, Fact("recording_opened", "r", START, "gate", {"call_id": "c", "key_id": "k", "path": "p"}))
    assert row(store, "recordings", recording_id="r")["state"] == "open"
    put(store, Fact("recording_closed", "r", START, "gate", {"call_id": "c", "interrupted": interrupted}))
    assert row(store, "recordings", recording_id="r")["state"] == expected
    put(store, Fact("recording_erased", "r", START, "gate", {}))
    assert row(store, "recordings", recording_id="r")["state"] == "erased"


def test_facts_about_what_was_never_opened_are_kept_without_a_row(store):
    put(store, Fact("ended", "ghost", START, "gate", {}), Fact("of_the_future", "x", START, "gate", {"call_id": 7}))
    assert row(store, "calls", call_id="ghost") is None
    assert store.call(lambda tx: query(tx, "SELECT kind, call_id FROM facts")) == [
        {"kind": "ended", "call_id": "ghost"},
        {"kind": "of_the_future", "call_id": None},
    ]


# --- what decisions read


def test_objections_and_consents_of_a_number(store):
    put(store, *own_lists())
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)

    noted = {"noted_at": START, "withdrawal_noted_at": START}

    def ask(tx):
        return {n: (tx.objections(f"+44770090000{n}"), tx.consents(f"+44770090000{n}")) for n in range(1, 6)}

    assert store.call(ask) == {
        1: ([Objection("obj-1", START, 0, noted_at=START)], []),
        2: ([], []),
        3: ([], [Consent("con-1", at, learnt=3, noted_at=START)]),
        4: (
            [],
            [Consent("con-2", at, datetime(2026, 2, 1, tzinfo=UTC), 4, 5, **noted)],
        ),
        5: ([], []),
    }


def test_a_second_withdrawal_does_not_move_the_first(store):
    put(store, *own_lists())
    later = {"at": "2027-01-01T00:00:00Z", "reason": "again"}
    put(store, Fact("consent_withdrawn", "con-2", START, "x", later))
    put(store, Fact("consent_withdrawn", "con-1", START, "x", {}), Fact("objection_removed", "obj-2", START, "y", {}))
    (consent,) = store.call(lambda tx: tx.consents("+447700900004"))
    assert consent.withdrawn_at == datetime(2026, 2, 1, tzinfo=UTC)
    (other,) = store.call(lambda tx: tx.consents("+447700900003"))
    assert other.withdrawn_at == START, "withdrawn when it was told, where no other time is named"
    assert row(store, "objections", id="obj-2")["removed_by"] == "user:root(0)"


def test_last_unattended(store):
    def ask():
        return store.call(lambda tx: tx.last_unattended(NUMBER))

    def call(name, minutes, *kinds, **ended):
        at = START + timedelta(minutes=minutes)
        put(
            store,
            decision(name, at=at),
            *(Fact(kind, name, at, "gate", ended if kind == "ended" else {}) for kind in kinds),
        )

    assert ask() is None
    call("talked", 0, "answered", "connected", "ended", bridged=True, seconds=3.0)
    call("not-answered", 1, "ended", bridged=False)
    call("in-hand", 2, "answered")
    assert ask() is None
    call("nobody-there", 3, "answered", "ended", bridged=False)
    assert ask() == START + timedelta(minutes=3)
    call("connected-too-late", 4, "answered", "connected", "ended", bridged=False)
    assert ask() == START + timedelta(minutes=4)
    put(store, Fact("ended", "in-hand", START + timedelta(minutes=9), "gate", {"seconds": 0.0}))
    assert ask() == START + timedelta(minutes=4)
    assert store.call(lambda tx: tx.last_unattended("+442079460001")) is None


def test_a_hash_says_nothing_without_its_key():
    assert number_hash(PEPPER, NUMBER) != number_hash(b"q" * 32, NUMBER)
    assert number_hash(PEPPER, NUMBER) != number_hash(PEPPER, NUMBER[:-1] + "1")


# --- the table of functions

KINDS = sorted(TOUCHED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_gives_the_same_columns_whatever_the_body(kind):
    for _table, derive in TOUCHED[kind]:
        empty = derive(LogEntry(1, kind, "s", "2026-03-02T09:00:00.000000Z", "a", {}))
        erased = derive(LogEntry(1, kind, "s", "2026-03-02T09:00:00.000000Z", "a", {}, erased=True))
        odd = derive(
            LogEntry(1, kind, "s", "2026-03-02T09:00:00.000000Z", "a", {"number": 7, "code": "x", "gaps": {"a": 1}})
        )
        assert list(empty) == list(erased) == list(odd)


COLUMNS = {
    "sqlite": 'SELECT name, hidden, "notnull" FROM pragma_table_xinfo(?)',
    "postgresql": "SELECT attname AS name, attgenerated <> '' OR attname = 'log' AS hidden, attnotnull AS notnull"
    " FROM pg_attribute WHERE attrelid = ('dialgate.' || ?)::regclass AND attnum > 0 AND NOT attisdropped",
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_there_and_personal_ones_may_be_empty(store, engine, table):
    columns = {c["name"]: c for c in store.call(lambda tx: query(tx, COLUMNS[engine], [table.name]))}
    entry = LogEntry(1, "k", "s", "2026-03-02T09:00:00.000000Z", "a", {})
    derived = set().union(*(derive(entry) for derive in table.derive.values()))
    stored = {name for name, column in columns.items() if column["hidden"] == 0}
    assert stored - {table.key, "number_hash"} == derived
    assert not [name for name in table.personal if columns[name]["notnull"]]
    assert table.makers and table.makers <= table.derive.keys()


STAYS = json.loads((Path(__file__).parents[1] / "data" / "facts" / "stays.json").read_text())
"""Table -> kind -> the columns to which the receipts of erasures commit that are in logs already."""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_receipts_of_erasures_that_are_in_logs_still_hold(table):
    for kind, columns in STAYS[table.name].items():
        assert table.remaining(kind) - set(columns) <= table.later, "what came since is not in the receipts from before"
        assert not set(columns) - table.remaining(kind), "they commit to these columns"


def test_calls_are_named_by_their_own_facts_or_in_the_body():
    assert all(call_of(kind, "c", {"call_id": "other"}) == "c" for kind in OF_CALL)
    assert call_of("objection", "o", {"call_id": "c"}) == "c"
    assert call_of("objection", "o", {"call_id": None}) is None
    assert call_of("objection", "o", {"call_id": ["c"]}) is None


bodies = st.fixed_dictionaries(
    {"number": st.sampled_from(["+442079460000", "+442079460001"])},
    optional={
        "call_id": st.sampled_from(["a", "b", None]),
        "verdict": st.sampled_from(["allow", "block"]),
        "code": st.integers(0, 700) | st.none(),
        "seconds": st.floats(0, 1e6) | st.integers(0, 9),
        "bridged": st.booleans(),
        "interrupted": st.booleans(),
        "given_at": st.just("2026-01-05T10:00:00+01:00"),
        "at": st.just("2026-01-06T10:00:00"),
        "gaps": st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=2),
        "note": st.text(max_size=5),
        "reason": st.text(max_size=5),
        "count": st.integers(0, 10**9),
    },
)
facts = st.builds(
    lambda kind, subject, second, body: Fact(kind, subject, START + timedelta(seconds=second), "x", body),
    st.sampled_from(KINDS),
    st.sampled_from("ab"),
    st.integers(0, 100),
    bodies,
)


@pytest.mark.deep
@settings(max_examples=examples(40), deadline=None)
@given(st.lists(facts, max_size=25))
def test_every_row_is_the_fold_of_its_facts(history):
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        made = set()
        for fact in history:
            creating = [table for table, _ in TOUCHED[fact.kind] if table.makes(fact.kind)]
            keys = {(table.name, fact.subject) for table in creating}
            if keys & made:
                continue
            made |= keys
            put(store, fact)
        for table in TABLES:
            check_folds(store, table)
        store.close()


def check_folds(store, table):
    key = "call_id" if table.by_call else "subject"
    for subject in "ab":
        raw = store.call(
            lambda tx, subject=subject: query(
                tx,
                f"SELECT leaf_index, kind, subject, at, actor, body FROM facts WHERE {key} = ? ORDER BY leaf_index",  # noqa: S608
                [subject],
            )
        )
        folded = table.fold([tuple(fact.values()) for fact in raw], PEPPER)
        stored = row(store, table.name, **{table.key: subject})
        if folded is None:
            assert stored is None
            continue
        assert not folded.unknown
        stored.pop(table.key)
        stored.pop("state", None)
        assert stored == dict.fromkeys(stored) | folded.columns
