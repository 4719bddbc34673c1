"""The tables and their migrations."""

from __future__ import annotations

import dataclasses
import re
import sqlite3

import pytest
import sqlite_utils

from gate.audit.heads import Findings
from gate.audit.leaves import check_derived
from gate.errors import StoreError
from gate.ports import Fact
from gate.store import schema
from gate.store.erasure import erase_facts
from gate.store.projections import CALLS, CONSENTS, HOLDS, OBJECTIONS, RECORDINGS, TOUCHED
from gate.store.reader import open_reader, open_writer
from gate.store.schema import BESIDE, STEPS, Step, bring_up_to_date, refuse_newer
from tests.support.databases import query
from tests.support.evidence import PEPPER, START, a_call, decision, open_store, own_lists, put

pytestmark = pytest.mark.engine("sqlite")


def test_migrations_are_applied_once(tmp_path):
    open_writer(tmp_path / "gate.db").close()
    before = sqlite3.connect(tmp_path / "gate.db")
    applied = before.execute("SELECT * FROM _sqlite_migrations").fetchall()
    assert refuse_newer(before) == {step.name for step in STEPS} and len(applied) == len(STEPS)
    open_store(tmp_path).close()
    assert before.execute("SELECT * FROM _sqlite_migrations").fetchall() == applied
    before.close()


def test_a_database_that_lacks_a_change_gets_it(tmp_path, monkeypatch):
    open_writer(tmp_path / "gate.db").close()

    one_more = Step("m999_one_more", "CREATE TABLE one_more (id INTEGER PRIMARY KEY) STRICT")
    monkeypatch.setattr("gate.store.schema.STEPS", (*STEPS, one_more))
    connection = open_writer(tmp_path / "gate.db")
    assert connection.execute("SELECT count(*) FROM one_more").fetchone() == (0,)
    bring_up_to_date(connection)  # again: nothing to do
    assert refuse_newer(connection) == {*(step.name for step in STEPS), one_more.name}
    connection.close()


def before_listed_service(monkeypatch):
    """Decisions make rows as they did before service calls to the listed were told apart."""
    old = CALLS.derive["decision"]

    def derive(fact):
        newer = ("listed_service", "question", "sip_call_id", "on_behalf_of", "campaign")
        return {name: value for name, value in old(fact).items() if name not in newer}

    table = dataclasses.replace(CALLS, derive=CALLS.derive | {"decision": derive})
    monkeypatch.setitem(TOUCHED, "decision", ((table, derive),))
    for kind in ("recording_opened", "recording_closed"):
        newest = RECORDINGS.derive[kind]

        def derive_recording(fact, newest=newest):
            return {name: value for name, value in newest(fact).items() if name not in RECORDINGS.later}

        kept = tuple((each, derive_recording if each is RECORDINGS else of) for each, of in TOUCHED[kind])
        monkeypatch.setitem(TOUCHED, kind, kept)


def test_calls_kept_before_that_were_made_against_a_refusal_are_told_apart(tmp_path, monkeypatch):
    before = next(n for n, step in enumerate(STEPS) if step.name.endswith("calls_against_refusals"))
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:before])
    before_listed_service(monkeypatch)
    monkeypatch.setitem(TOUCHED, "called_against_refusal", ())
    against = {"call_id": "made", "recording_id": "rec", "reason": "listed_tps"}
    store = open_store(tmp_path)
    put(
        store,
        decision("made", reason="listed_tps"),
        decision("refused", reason="listed_tps"),
        Fact("called_against_refusal", "rec", START, "siprec:sbc", against),
    )
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    found = store.call(lambda tx: query(tx, "SELECT call_id, state FROM calls ORDER BY leaf_index"))
    assert [each["state"] for each in found] == ["called_against_refusal", "refused"]
    store.close()
    findings = Findings()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        check_derived(connection, CALLS, PEPPER, findings)
    assert findings.faults == []


def test_service_calls_kept_before_are_told_apart_by_what_the_registers_said(tmp_path, monkeypatch):
    before = next(n for n, step in enumerate(STEPS) if step.name.endswith("service_calls_to_the_listed"))
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:before])
    before_listed_service(monkeypatch)
    listed = {"registers": [{"name": "tps", "listed": False}, {"name": "ctps", "listed": True}]}
    store = open_store(tmp_path)
    put(
        store,
        decision("marketing", **listed),
        decision("free", reason="service_call"),
        decision("listed", reason="service_call", **listed),
        decision("erased", reason="service_call", **listed),
    )
    store.call(lambda tx: erase_facts(tx, [3], subject="r", at=START, actor="x", basis="request", what="facts"))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    put(store, decision("objected", reason="service_call", objection_id="obj-1"))
    rows = store.call(lambda tx: query(tx, "SELECT call_id, listed_service FROM calls"))
    assert {row["call_id"]: row["listed_service"] for row in rows} == {
        "marketing": None, "free": 0, "listed": 1, "erased": None, "objected": 1,
    }  # fmt: skip
    store.close()
    findings = Findings()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        check_derived(connection, CALLS, PEPPER, findings)
    assert findings.faults == []


def test_transfers_kept_before_are_known_by_their_calls(tmp_path, monkeypatch):
    before = next(n for n, step in enumerate(STEPS) if step.name.endswith("_transfers"))
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:before])
    before_listed_service(monkeypatch)
    monkeypatch.delitem(TOUCHED, "transferred")
    store = open_store(tmp_path)
    bodies = [{"call_id": "a", "to": to} for to in ("failed", "b")]
    put(store, decision("a"), decision("b"), *(Fact("transferred", "a", START, "account:x", body) for body in bodies))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    rows = store.call(lambda tx: query(tx, "SELECT call_id, transferred_to FROM calls ORDER BY call_id"))
    assert [tuple(row.values()) for row in rows] == [("a", "b"), ("b", None)]
    store.close()
    findings = Findings()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        check_derived(connection, CALLS, PEPPER, findings)
    assert findings.faults == []


def test_a_database_of_the_first_tables_is_brought_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:1])
    before_listed_service(monkeypatch)
    store = open_store(tmp_path)
    put(store, *a_call(0))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    (row,) = store.call(lambda tx: query(tx, "SELECT * FROM recordings"))
    assert (row["recording_id"], row["state"], row["erasing_at"]) == ("rec-000000", "closed", None)
    put(store, Fact("recording_erasing", "rec-000000", START, "gate", {"call_id": "call-000000"}))
    assert store.call(lambda tx: query(tx, "SELECT state FROM recordings")) == [{"state": "erasing"}]
    assert store.call(lambda tx: query(tx, "SELECT * FROM holds")) == []
    store.close()


def test_the_reference_of_a_hold_erased_before_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:6])
    newer = ("ground", "law", "review_on")  # columns of a later step

    def before(fact):
        return {name: value for name, value in HOLDS.derive["hold"](fact).items() if name not in newer}

    monkeypatch.setitem(
        TOUCHED,
        "hold",
        ((dataclasses.replace(HOLDS, personal=("number",), derive={**HOLDS.derive, "hold": before}), before),),
    )
    hold = {"kind": "hold", "target": "number", "recording_id": None, "call_id": None, "number": "+447700900123"}
    store = open_store(tmp_path)
    for name in ("gone", "kept"):
        put(store, Fact("hold", name, START, "x", hold | {"reason": "a claim", "reference": f"Pat {name}"}))
    store.call(lambda tx: erase_facts(tx, [0], subject="r", at=START, actor="x", basis="request", what="facts"))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    found = store.call(lambda tx: query(tx, "SELECT id, reference FROM holds ORDER BY id"))
    assert found == [{"id": "gone", "reference": None}, {"id": "kept", "reference": "Pat kept"}]
    store.close()
    assert b"Pat gone" not in (tmp_path / "gate.db").read_bytes()


NEWER = (
    "after_objection",
    "topics",
    "caller",
    "evidence_kind",
    "evidence_sha256",
    "purpose",
    "holds_until",
    "holds_longer",
    "on_behalf_of",
)
"""Columns of consents that later steps have added."""


def test_withdrawals_kept_before_get_the_place_in_which_they_were_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:8])
    old = CONSENTS.derive | OBJECTIONS.derive
    for kind, gone in (
        ("consent", NEWER),
        ("consent_withdrawn", ("withdrawn_leaf", "withdrawn_noted")),
        ("objection", ("scope", "on_behalf_of", "noted_at")),
    ):

        def derive(fact, kind=kind, gone=gone):
            return {name: value for name, value in old[kind](fact).items() if name not in gone}

        monkeypatch.setitem(TOUCHED, kind, ((OBJECTIONS if kind == "objection" else CONSENTS, derive),))
    store = open_store(tmp_path)
    put(store, *own_lists())
    put(store, Fact("consent_withdrawn", "con-2", START, "x", {"reason": "again"}))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    (kept,) = store.call(lambda tx: tx.consents("+447700900003"))
    (withdrawn,) = store.call(lambda tx: tx.consents("+447700900004"))
    assert (kept.learnt, kept.withdrawn_learnt, kept.after_objection) == (3, 0, False)
    assert (withdrawn.learnt, withdrawn.withdrawn_learnt) == (4, 5), "the first one stands"
    store.close()
    findings = Findings()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        check_derived(connection, CONSENTS, PEPPER, findings)
    assert findings.faults == []


def test_receipts_from_before_objections_had_a_scope_still_prove_what_stays(tmp_path, monkeypatch):
    before = next(n for n, step in enumerate(STEPS) if step.name.endswith("the_scope_of_objections"))
    ends = next(step for step in STEPS if step.name.endswith("the_ends_of_consents"))  # another table
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS[:before], ends))
    old = OBJECTIONS.derive["objection"]

    def derive(fact):
        return {name: value for name, value in old(fact).items() if name not in ("scope", "noted_at", *LATER)}

    table = dataclasses.replace(OBJECTIONS, derive=OBJECTIONS.derive | {"objection": derive})
    monkeypatch.setitem(TOUCHED, "objection", ((table, derive),))
    before_calls_for_others(monkeypatch, CONSENTS, "consent")
    before_calls_for_others(monkeypatch, CONSENTS, "consent_withdrawn")
    store = open_store(tmp_path)
    put(store, *own_lists())
    store.call(lambda tx: erase_facts(tx, [0], subject="r", at=START, actor="x", basis="request", what="facts"))
    store.close()
    monkeypatch.undo()
    open_store(tmp_path).close()

    def faults():
        findings = Findings()
        with sqlite3.connect(tmp_path / "gate.db") as connection:
            check_derived(connection, OBJECTIONS, PEPPER, findings)
        return findings.faults

    assert faults() == []
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        connection.execute("UPDATE objections SET scope = 'all' WHERE id = 'obj-1'")
    assert len(faults()) == 1


def test_receipts_from_before_calls_for_others_still_prove_what_stays(tmp_path, monkeypatch):
    """Of two columns that came later, a receipt may say something of the first and nothing of the second."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[: -len(AFTER)])
    before_calls_for_others(monkeypatch, OBJECTIONS, "objection")
    before_calls_for_others(monkeypatch, CONSENTS, "consent")
    before_calls_for_others(monkeypatch, CONSENTS, "consent_withdrawn")
    store = open_store(tmp_path)
    put(store, *own_lists())
    store.call(lambda tx: erase_facts(tx, [0], subject="r", at=START, actor="x", basis="request", what="facts"))
    store.close()
    monkeypatch.undo()
    open_store(tmp_path).close()
    findings = Findings()
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        check_derived(connection, OBJECTIONS, PEPPER, findings)
        connection.execute("UPDATE objections SET on_behalf_of = 'acme' WHERE id = 'obj-1'")
        changed = Findings()
        check_derived(connection, OBJECTIONS, PEPPER, changed)
    assert findings.faults == []
    assert len(changed.faults) == 1


AFTER = STEPS[next(n for n, step in enumerate(STEPS) if step.name.endswith("calls_for_others")) :]


LATER = ("on_behalf_of", "campaign", "withdrawn_noted")
"""Columns that came with it or after it."""


def before_calls_for_others(monkeypatch, table, kind):
    """A kind makes rows as it did before the gate knew for whom calls are made."""
    old = table.derive[kind]

    def derive(fact):
        return {
            name: value
            for name, value in old(fact).items()
            if name not in LATER + (("noted_at",) if table is OBJECTIONS else ())
        }

    monkeypatch.setitem(TOUCHED, kind, ((dataclasses.replace(table, derive=table.derive | {kind: derive}), derive),))


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "gate.db"
    of_the_future = Step("m999_of_the_future", "ALTER TABLE calls ADD COLUMN of_the_future TEXT")
    monkeypatch.setattr("gate.store.schema.STEPS", (*STEPS, of_the_future))
    open_writer(path).close()
    monkeypatch.undo()
    before = path.read_bytes()
    for opened in (open_writer, open_reader):
        with pytest.raises(StoreError, match=r"newer version of Dialgate.*m999_of_the_future") as told:
            opened(path)
        assert "run that version" in told.value.hint
    assert path.read_bytes() == before


def test_calls_kept_before_are_found_by_their_call_id(tmp_path, monkeypatch):
    before = next(n for n, step in enumerate(STEPS) if step.name.endswith("questions_and_call_ids"))
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:before])
    before_listed_service(monkeypatch)
    store = open_store(tmp_path)
    put(store, decision("a", sip_call_id="a@pbx"), decision("gone", sip_call_id="b@pbx"), decision("none"))
    store.call(lambda tx: erase_facts(tx, [1], subject="r", at=START, actor="x", basis="request", what="facts"))
    store.close()
    monkeypatch.undo()
    store = open_store(tmp_path)
    rows = store.call(lambda tx: query(tx, "SELECT call_id, sip_call_id FROM calls"))
    assert {row["call_id"]: row["sip_call_id"] for row in rows} == {"a": "a@pbx", "gone": None, "none": None}
    store.close()


def test_every_table_of_ours_is_strict(tmp_path):
    database = sqlite_utils.Database(open_writer(tmp_path / "gate.db"))
    ours = [table for table in database.tables if not table.name.startswith(("_sqlite", "sqlite_"))]
    assert {table.name for table in ours} >= {"facts", "leaves", "tiles", "checkpoints", "calls"}
    assert [table.name for table in ours if not table.strict] == []
    database.close()


ALONE = {"m035_gates_of_one_database"}
"""Changes since versions run side by side that no earlier version can run beside, each for its reason: those before
this one refuse whatever is newer."""
ADDS = re.compile(
    r"CREATE TABLE \w+ \(|CREATE (UNIQUE )?INDEX \w+ ON|UPDATE \w+ SET"
    r"|ALTER TABLE \w+ ADD COLUMN (?!.*NOT NULL(?!.*DEFAULT))"
)


def contracting(step: Step) -> list[str]:
    """The statements that take something away from a version that reads the tables as they were, or refuse its rows."""
    statements = [" ".join(re.sub(r"--[^\n]*", "", each).split()) for each in step.sql.split(";\n")]
    return [each for each in statements if each and not ADDS.match(each)]


def test_a_change_adds_and_what_it_replaces_goes_a_version_later():
    """Gates of two versions share a database while they are replaced one by one."""
    later = STEPS[[step.name for step in STEPS].index("m034_attempts_at_many_gates") + 1 :]
    for step in later:
        if step.name.endswith(BESIDE):
            assert contracting(step) == [], step.name
        else:
            assert step.name in ALONE, f"name it {step.name}{BESIDE}, or say in ALONE why none runs beside it"


@pytest.mark.parametrize(
    ("sql", "fits"),
    [
        ("CREATE TABLE a (b TEXT) STRICT", True),
        ("CREATE INDEX a_b ON a (b)", True),
        ("ALTER TABLE a ADD COLUMN c TEXT", True),
        ("ALTER TABLE a ADD COLUMN c TEXT NOT NULL DEFAULT ''", True),
        ("UPDATE a SET c = b", True),
        ("ALTER TABLE a ADD COLUMN c TEXT NOT NULL", False),
        ("ALTER TABLE a RENAME COLUMN b TO c", False),
        ("ALTER TABLE a DROP COLUMN b", False),
        ("DROP TABLE a", False),
        ("DROP INDEX a_b;\nCREATE INDEX a_b ON a (c)", False),
        ("DELETE FROM a", False),
    ],
)
def test_what_only_adds_is_told_from_what_takes_away(sql, fits):
    assert (contracting(Step("m999_x_beside", sql)) == []) is fits
