"""Every kind of tampering is found and named with its leaf."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.audit.checkpoints import Checkpointer
from gate.audit.heads import file_name
from gate.audit.verify import verify
from gate.core.evidence import Frontier, commitment, format_checkpoint, leaf_bytes, leaf_hash
from gate.errors import AuditError
from gate.ports import Fact
from gate.store.erasure import erase_facts
from gate.store.projections import TABLES
from tests.support.evidence import PEPPER, START, a_call, decision, fill, open_store, put
from tests.support.notes import NoteKey

KEY = NoteKey()
CALLS = 80


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """568 leaves: own lists, 80 calls; checkpoints at 288 and 568 in two folders."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "second").mkdir()
    store = open_store(folder)
    pointer = Checkpointer(store, KEY.sign, origin=KEY.name, folder=folder / "checkpoints", second=folder / "second")
    fill(store, 40)
    pointer.write(START)
    for n in range(40, CALLS):
        put(store, *a_call(n))
    pointer.write(START)
    store.close()
    return folder


@pytest.fixture
def data(original, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(original, tmp_path / "data")


def audit(folder, **more):
    arguments = {"tables": TABLES, "folders": [folder / "checkpoints"], "origin": KEY.name, "pepper": PEPPER}
    return verify(folder / "gate.db", KEY.open, **arguments | more)


def change(folder, *statements):
    connection = sqlite3.connect(folder / "gate.db", isolation_level=None)
    for statement in statements:
        sql, *parameters = statement if isinstance(statement, tuple) else (statement,)
        assert connection.execute(sql, parameters).rowcount != 0, f"nothing was changed: {sql}"
    connection.close()


def found(report):
    return [(fault.what, fault.leaf_index) for fault in report.faults]


def test_untouched(data):
    report = audit(data, folders=[data / "checkpoints", data / "second"])
    assert report.ok
    assert report.first_fault is None
    assert report.size == 568
    assert report.checked == {
        "leaves": 568, "erased": 0, "unsigned": 0, "tiles": 2, "checkpoints": 2, "checkpoint_files": 4,
        "calls": 80, "recordings": 80, "objections": 2, "consents": 2, "register_imports": 1,
    }  # fmt: skip
    text = (data / "checkpoints" / file_name(568)).read_text()
    assert report.as_json()["root"] == text.split("\n")[2]
    assert json.loads(json.dumps(report.as_json()))["first_fault"] is None


# --- facts and leaves


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE facts SET body = replace(body, 'allow', 'block') WHERE leaf_index = 8", "body"),
        ("UPDATE facts SET body = body || ' ' WHERE leaf_index = 8", "body"),
        ("UPDATE facts SET salt = zeroblob(16) WHERE leaf_index = 8", "body"),
        ("UPDATE facts SET at = '2026-03-02T09:00:01.000000Z' WHERE leaf_index = 8", "at"),
        ("UPDATE facts SET actor = 'account:bob' WHERE leaf_index = 8", "actor"),
        ("UPDATE facts SET subject = 'call-000001' WHERE leaf_index = 9", "subject"),
        ("UPDATE facts SET kind = 'answered', actor = 'x' WHERE leaf_index = 8", "kind, actor"),
    ],
)
def test_a_changed_row(data, statement, field):
    change(data, statement)
    report = audit(data)
    fault = report.first_fault
    assert (fault.what, fault.leaf_index) == ("row_changed", 8 if "= 8" in statement else 9)
    assert fault.message.endswith(f"commits to: {field}")


def test_half_a_row(data):
    change(data, "UPDATE facts SET salt = NULL WHERE leaf_index = 8")
    assert found(audit(data))[0] == ("row_changed", 8)


def test_a_changed_leaf(data):
    change(data, "UPDATE leaves SET leaf = CAST(replace(leaf, 'alice', 'carol') AS BLOB) WHERE leaf_index = 8")
    report = audit(data)
    assert found(report)[:2] == [("leaf_changed", 8), ("row_changed", 8)]
    assert ("tile_changed", 0) in found(report)
    assert ("log_rewritten", 0) in found(report)


def test_a_leaf_that_is_no_leaf(data):
    change(data, "UPDATE leaves SET leaf = x'ff00' WHERE leaf_index = 8")
    assert found(audit(data))[:2] == [("leaf_changed", 8), ("row_changed", 8)]


def test_a_changed_leaf_hash(data):
    change(data, "UPDATE leaves SET hash = zeroblob(32) WHERE leaf_index = 8")
    assert found(audit(data)) == [("leaf_changed", 8)]


def test_a_row_taken_out(data):
    change(data, "DELETE FROM facts WHERE leaf_index = 8")
    assert found(audit(data))[0] == ("row_missing", 8)


def test_a_row_and_its_leaf_taken_out(data):
    change(data, "DELETE FROM facts WHERE leaf_index = 8", "DELETE FROM leaves WHERE leaf_index = 8")
    assert found(audit(data))[0] == ("leaf_missing", 8)


def test_a_row_put_in(data):
    change(
        data,
        "INSERT INTO facts SELECT 5000, kind, subject, at, actor, call_id, salt, body FROM facts WHERE leaf_index = 9",
    )
    assert ("row_extra", 5000) in found(audit(data))


def test_rows_emptied_without_a_word(data):
    change(data, "UPDATE facts SET salt = NULL, body = NULL WHERE leaf_index = 8")
    assert ("row_emptied", 8) in found(audit(data))


def test_rows_that_change_places(data):
    for table in ("facts", "leaves"):
        change(
            data,
            f"UPDATE {table} SET leaf_index = -1 WHERE leaf_index = 300",  # noqa: S608
            f"UPDATE {table} SET leaf_index = 300 WHERE leaf_index = 301",  # noqa: S608
            f"UPDATE {table} SET leaf_index = 301 WHERE leaf_index = -1",  # noqa: S608
        )
    report = audit(data)
    assert ("tile_changed", 256) in found(report)
    fault = next(fault for fault in report.faults if fault.what == "log_rewritten")
    assert fault.leaf_index == 288
    assert "288 to 567" in fault.message


def test_rows_that_are_renumbered(data):
    for table in ("facts", "leaves"):
        change(data, f"UPDATE {table} SET leaf_index = leaf_index + 1000 WHERE leaf_index >= 100")  # noqa: S608
    report = audit(data)
    assert found(report)[0] == ("leaf_missing", 100)
    assert "100 to 1099" in report.first_fault.message


def test_a_tile_changed(data):
    change(data, "UPDATE tiles SET hash = zeroblob(32) WHERE tile = 1")
    assert found(audit(data)) == [("tile_changed", 256)]
    change(data, "DELETE FROM tiles WHERE tile = 0")
    assert found(audit(data)) == [("tile_changed", 0), ("tile_changed", 256)]


def test_a_tile_too_many(data):
    change(data, "INSERT INTO tiles VALUES (7, zeroblob(32))")
    assert found(audit(data)) == [("tile_changed", 7 * 256)]


# --- the whole tree


def rewrite(folder, leaf_index=None, **changed):
    """What somebody with the machine and without the signing key can do: every hash is made to fit again."""
    connection = sqlite3.connect(folder / "gate.db", isolation_level=None)
    if leaf_index is not None:
        (text,) = connection.execute("SELECT body FROM facts WHERE leaf_index = ?", [leaf_index]).fetchone()
        body = json.dumps(json.loads(text) | changed, sort_keys=True, separators=(",", ":"))
        connection.execute("UPDATE facts SET body = ? WHERE leaf_index = ?", [body, leaf_index])
    connection.execute("DELETE FROM leaves")
    connection.execute("DELETE FROM tiles")
    frontier, tile = Frontier(), Frontier()
    rows = connection.execute(
        "SELECT leaf_index, kind, subject, at, actor, salt, body FROM facts ORDER BY 1"
    ).fetchall()
    for index, kind, subject, at, actor, salt, body in rows:
        leaf = leaf_bytes(kind, subject, at, actor, commitment(salt, body.encode()))
        digest = leaf_hash(leaf)
        frontier, tile = frontier.push(digest), tile.push(digest)
        connection.execute("INSERT INTO leaves VALUES (?, ?, ?)", [index, leaf, digest])
        if tile.size == 256:
            connection.execute("INSERT INTO tiles VALUES (?, ?)", [index // 256, tile.root])
            tile = Frontier()
    connection.close()
    return frontier


def test_a_tree_made_again_is_caught_against_an_older_checkpoint(data):
    rewrite(data, 8, verdict="block", reason="objected")
    change(data, "UPDATE calls SET verdict = 'block', reason = 'objected' WHERE leaf_index = 8")
    report = audit(data, folders=[])
    assert found(report) == [("log_rewritten", 0)]
    assert "checkpoint 288 in the database" in report.first_fault.message
    change(data, "DELETE FROM checkpoints")
    assert audit(data, folders=[]).ok, "without any checkpoint nobody can tell"
    report = audit(data, folders=[data / "second"])
    assert found(report) == [("log_rewritten", 0)]
    assert str(data / "second" / file_name(288)) in report.first_fault.message


def test_a_later_change_is_narrowed_down_by_the_checkpoints(data):
    rewrite(data, 400, code=999)
    report = audit(data)
    fault = next(fault for fault in report.faults if fault.what == "log_rewritten")
    assert (fault.leaf_index, "288 to 567" in fault.message) == (288, True)


def test_a_log_cut_short(data):
    change(data, "DELETE FROM facts WHERE leaf_index >= 561", "DELETE FROM leaves WHERE leaf_index >= 561")
    change(data, "DELETE FROM calls WHERE leaf_index >= 561", "DELETE FROM recordings WHERE leaf_index >= 561")
    report = audit(data)
    assert found(report) == [("log_truncated", 561)]
    assert "leaves 561 to 567 are gone" in report.first_fault.message


def test_a_log_with_nothing_left(data):
    for table in ("facts", "leaves", "tiles", "checkpoints", *(table.name for table in TABLES)):
        change(data, f"DELETE FROM {table}")  # noqa: S608
    report = audit(data)
    assert found(report) == [("log_truncated", 0)]
    assert report.size == 0


def test_an_older_copy_of_the_database(data):
    store = open_store(data)
    copy = shutil.copytree(data, data.parent / "copy")
    put(store, decision("hidden"))
    Checkpointer(store, KEY.sign, origin=KEY.name, folder=data / "checkpoints").write(START)
    store.close()
    assert audit(data).ok
    report = audit(copy, folders=[data / "checkpoints"])
    assert found(report) == [("log_truncated", 568)]
    assert "leaf 568 is gone" in report.first_fault.message


# --- checkpoints


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n288\n", "\n287\n"),
        ("=\n\n", "=\nextension\n\n"),
        ("dialgate ", "dialgate A"),
        ("— ", "- "),
        (KEY.name, "other"),
    ],
)
def test_an_edited_checkpoint_file(data, old, new):
    path = data / "checkpoints" / file_name(288)
    edited(path, old, new)
    report = audit(data)
    assert found(report) == [("checkpoint_invalid", None)]
    assert str(path) in report.first_fault.message


def test_a_checkpoint_file_of_another_size_or_kind(data):
    folder = data / "checkpoints"
    (folder / file_name(288)).rename(folder / file_name(289))
    (folder / file_name(290)).write_bytes(b"\xff\xfe")
    (folder / file_name(291)).mkdir()
    report = audit(data)
    assert [fault.what for fault in report.faults] == ["checkpoint_invalid"] * 3
    assert "holds the checkpoint of size 288" in report.faults[0].message


def test_a_checkpoint_of_another_key_or_log(data):
    for key in (NoteKey(seed=b"x" * 32), NoteKey(name="another.log")):
        (data / "checkpoints" / file_name(3)).write_text(key.sign(format_checkpoint(key.name, 3, b"r" * 32)))
        assert found(audit(data)) == [("checkpoint_invalid", None)]
    other = KEY.sign(format_checkpoint("another.log", 3, b"r" * 32))
    (data / "checkpoints" / file_name(3)).write_text(other)
    assert "another log" in audit(data).first_fault.message


def test_an_edited_checkpoint_row(data):
    change(data, "UPDATE checkpoints SET root = zeroblob(32) WHERE size = 288")
    assert "is not what its note says" in audit(data).first_fault.message
    change(data, "UPDATE checkpoints SET note = replace(note, '288', '289') WHERE size = 288")
    assert found(audit(data)) == [("checkpoint_invalid", None)]


def test_two_signed_heads_of_one_size(data):
    frontier = rewrite(data, 8, verdict="block")
    forged = KEY.sign(format_checkpoint(KEY.name, frontier.size, frontier.root))
    change(data, ("UPDATE checkpoints SET note = ?, root = ? WHERE size = 568", forged, frontier.root))
    change(data, "DELETE FROM checkpoints WHERE size = 288")
    report = audit(data)
    assert report.first_fault.what == "checkpoints_disagree"


def test_no_such_folder_of_checkpoints(data):
    with pytest.raises(AuditError, match="no folder"):
        audit(data, folders=[data / "nowhere"])


# --- what is derived


@pytest.mark.parametrize(
    ("statement", "what", "leaf", "says"),
    [
        ("UPDATE calls SET reason = 'consented' WHERE leaf_index = 8", "derived_changed", 8, "reason"),
        ("UPDATE calls SET number = NULL WHERE leaf_index = 8", "derived_changed", 8, "number"),
        ("UPDATE calls SET ended_at = NULL WHERE leaf_index = 8", "derived_changed", 8, "ended_at"),
        ("UPDATE calls SET objected = 1 WHERE leaf_index = 8", "derived_changed", 8, "objected"),
        ("UPDATE calls SET call_id = 'zzz' WHERE leaf_index = 8", "derived_missing", 8, "call-000000"),
        ("DELETE FROM calls WHERE leaf_index = 8", "derived_missing", 8, "call-000000"),
        ("UPDATE recordings SET sha256 = 'ee' WHERE leaf_index = 11", "derived_changed", 11, "sha256"),
        ("UPDATE recordings SET erased_at = opened_at WHERE leaf_index = 11", "derived_changed", 11, "erased_at"),
        ("DELETE FROM recordings WHERE leaf_index = 11", "derived_missing", 11, "rec-000000"),
        ("UPDATE objections SET removed_at = made_at WHERE id = 'obj-1'", "derived_changed", 0, "removed_at"),
        ("UPDATE objections SET number_hash = zeroblob(32) WHERE id = 'obj-1'", "derived_changed", 0, "number_hash"),
        ("DELETE FROM objections WHERE id = 'obj-1'", "derived_missing", 0, "obj-1"),
        ("UPDATE consents SET withdrawn_at = NULL WHERE id = 'con-2'", "derived_changed", 4, "withdrawn_at"),
        (
            "INSERT INTO consents (leaf_index, id, noted_at, given_at) VALUES (7, 'new', '', '')",
            "derived_extra",
            7,
            "new",
        ),
        ("UPDATE register_imports SET count = 1", "derived_changed", 6, "count"),
        ("UPDATE facts SET call_id = NULL WHERE leaf_index = 11", "row_changed", 11, "filed under a call"),
        ("UPDATE facts SET call_id = 'call-000002' WHERE leaf_index = 9", "row_changed", 9, "filed under a call"),
    ],
)
def test_a_changed_derived_row(data, statement, what, leaf, says):
    change(data, statement)
    report = audit(data)
    assert (what, leaf) in found(report)
    assert any(says in fault.message for fault in report.faults if fault.what == what)


def test_without_the_pepper_hashes_are_left_alone(data):
    change(data, "UPDATE objections SET number_hash = zeroblob(32) WHERE id = 'obj-1'")
    assert audit(data, pepper=None).ok


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON objections BEGIN DELETE FROM objections; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE consents RENAME TO consents_",
    ],
)
def test_what_may_not_lie_in_the_database(data, statement):
    change(data, statement)
    assert audit(data).first_fault.what == "foreign_object"


# --- erasure


def erase(folder, *leaves):
    store = open_store(folder)
    store.call(lambda tx: erase_facts(tx, leaves, subject="req-1", at=START, actor="x", receipt={}))
    store.close()


def test_after_an_erasure_the_log_still_verifies(data):
    erase(data, 0, 1, 2, 3, 4, 5, *range(8, 15))
    report = audit(data)
    assert report.ok, report.faults
    assert report.checked["erased"] == 13
    assert audit(data, pepper=None).ok


def test_an_erasure_does_not_hide_a_change(data):
    erase(data, 0, 4, 8)
    change(data, "UPDATE facts SET actor = 'x' WHERE leaf_index = 8")
    assert found(audit(data))[0] == ("row_changed", 8)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calls SET number = '+442079460000' WHERE leaf_index = 8",
        "UPDATE calls SET ended_at = NULL WHERE leaf_index = 8",
        "UPDATE objections SET removed_at = made_at WHERE id = 'obj-1'",
        "UPDATE consents SET who = 'Bob Example' WHERE id = 'con-2'",
    ],
)
def test_a_row_changed_after_an_erasure(data, statement):
    erase(data, 0, 4, 8)
    change(data, statement)
    assert [fault.what for fault in audit(data).faults] == ["derived_changed"]


def test_after_a_change_of_what_was_already_set(data):
    store = open_store(data)
    put(store, Fact("consent_withdrawn", "con-2", START, "y", {"at": "2027-01-01T00:00:00Z", "reason": "again"}))
    put(store, Fact("objection_removed", "obj-2", START, "y", {"reason": "again"}))
    put(store, Fact("recording_closed", "rec-000000", START, "y", {"call_id": "call-000000", "sha256": "ff"}))
    store.close()
    assert audit(data).ok
    erase(data, 5)
    assert audit(data).ok


# --- a file that is damaged, and one that is written to


def test_no_database(tmp_path):
    with pytest.raises(AuditError, match="cannot read"):
        verify(tmp_path / "gate.db", KEY.open, tables=TABLES)
    (tmp_path / "gate.db").write_bytes(b"x" * 5000)
    with pytest.raises(AuditError, match="cannot read"):
        verify(tmp_path / "gate.db", KEY.open, tables=TABLES)


def snapshot(folder):
    """All that the database says, but for the time beside a checkpoint: it is for lists, and signed by nobody."""
    connection = sqlite3.connect(f"file:{folder}/gate.db?mode=ro", uri=True)
    names = ["facts", "leaves", "tiles", *(table.name for table in TABLES)]
    try:
        said = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in names]  # noqa: S608
        return [*said, connection.execute("SELECT size, root, note FROM checkpoints").fetchall()]
    finally:
        connection.close()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(original, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    content = bytearray((original / "gate.db").read_bytes())
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    (folder / "gate.db").write_bytes(content)
    try:
        report = audit(folder, folders=[original / "checkpoints"])
    except AuditError:
        return
    if report.ok:
        assert snapshot(folder) == snapshot(original), f"bit {place} changed what is said and was not found"
    shutil.rmtree(folder)


def test_while_the_gate_writes(data):
    store = open_store(data)
    pointer = Checkpointer(store, KEY.sign, origin=KEY.name, folder=data / "checkpoints")
    stop = threading.Event()

    def write():
        n = 1000
        while not stop.is_set():
            put(store, *a_call(n))
            pointer.write(START)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    reports = [audit(data, deep=False) for _ in range(6)]
    stop.set()
    writer.join()
    store.close()
    assert all(report.ok for report in reports), [report.first_fault for report in reports]
    sizes = [report.size for report in reports]
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


def test_progress(data, monkeypatch):
    monkeypatch.setattr("gate.audit.leaves.STEP", 100)
    steps = []
    audit(data, progress=lambda done, of: steps.append((done, of)))
    assert steps == [(n, 568) for n in (100, 200, 300, 400, 500, 568)]


def test_faults_are_counted_beyond_what_is_kept(data):
    change(data, "UPDATE facts SET actor = 'x'")
    report = audit(data)
    assert len(report.faults) == 100
    assert report.fault_count >= 568


def test_a_message_never_tells_a_number(data):
    change(data, "UPDATE facts SET body = replace(body, '+44', '+45')", "UPDATE calls SET number = '+4520'")
    report = audit(data)
    assert not [fault for fault in report.faults if "+4" in fault.message]


def test_the_file_on_disk_is_not_touched(data):
    before = hashlib.sha256((data / "gate.db").read_bytes()).hexdigest()
    audit(data)
    assert hashlib.sha256((data / "gate.db").read_bytes()).hexdigest() == before


def test_facts_of_a_kind_without_a_table_are_evidence_too(data):
    store = open_store(data)
    (leaf,) = put(store, Fact("exported", "rec-000000", START, "user:root(0)", {"purpose": "request 7"}))
    store.close()
    assert audit(data).ok
    change(data, ("UPDATE facts SET body = replace(body, '7', '8') WHERE leaf_index = ?", leaf))
    assert found(audit(data)) == [("row_changed", leaf)]
