"""Verification as a whole: an untouched log, a damaged file, one that is written to."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.audit.checkpoints import Checkpointer
from gate.audit.heads import Findings, file_name
from gate.audit.verify import not_proven, proven, verify
from gate.errors import AuditError, StoppedError
from gate.ports import Fact
from gate.store.projections import TABLES
from tests.support.databases import query
from tests.support.evidence import START, a_call, open_store, put
from tests.support.examples import examples
from tests.support.tamper import CALLS, KEY, audit, change, erase, found


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
    assert base64.b64encode(report.root).decode() == text.split("\n")[2]


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


@pytest.mark.deep
@settings(max_examples=examples(60), deadline=None)
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
    reports = [audit(data) for _ in range(6)]
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


def test_whoever_stops_it_is_told_nothing_of_the_log(data, monkeypatch):
    monkeypatch.setattr("gate.audit.leaves.STEP", 4)

    def stop(done, _of):
        raise StoppedError(f"stopped at {done}")

    with pytest.raises(StoppedError, match="stopped at 4"):
        audit(data, progress=stop)


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


# --- what was proven


def test_without_a_second_place_a_rollback_cannot_be_seen_and_that_is_said(data):
    report = audit(data)
    assert report.proven == (
        "The log of 568 entries, its rows and its tree agree, and what the lists show follows from them.",
        "Since a checkpoint was signed over 568 entries, nothing of that was changed, moved, added or taken away.",
    )
    (said,) = report.not_proven
    assert "newest state of the log" in said and "older gate.db" in said and "gate.key" in said


def test_a_second_place_proves_that_the_log_has_grown_from_it(data):
    report = audit(data, folders=[data / "checkpoints", data / "second"])
    assert str(data / "second") in report.proven[-1] and "568" in report.proven[-1]
    assert report.not_proven == ()
    (data / "second" / file_name(568)).unlink()
    report = audit(data, folders=[data / "checkpoints", data / "second"])
    assert "after the checkpoint over 288 entries" in report.not_proven[0]


def test_what_was_erased_or_is_not_signed_yet_is_not_proven(data):
    erase(data, 0, 4, 8)
    said = audit(data, folders=[data / "checkpoints", data / "second"]).not_proven
    assert [sentence.split(" ")[0] for sentence in said] == ["That", "Who", "What"]
    assert "Who wrote 1 entry at its end" in said[1] and "3 erased facts" in said[2]


def test_one_entry_is_counted_as_one():
    findings = Findings()
    findings.checked |= {"given_up": 1, "erased": 1, "calls_unverified": 1}
    text = " ".join([*proven(1, 1, [], None), *not_proven(2, 1, [], None, findings)])
    for words in (
        "log of 1 entry,",
        "over 1 entry,",
        "wrote 1 entry",
        "1 checkpoint is",
        "1 erased fact said",
        "1 row of",
    ):
        assert words in text


def test_a_clock_that_was_set_back_shows_and_what_waited_a_few_hours_does_not(data):
    store = open_store(data)
    latest = datetime.fromisoformat(store.call(lambda tx: query(tx, "SELECT max(at) AS at FROM facts")[0]["at"]))
    for hours, expected in ((20, []), (24 * 9, ["When"]), (24 * 3, ["When"])):
        (leaf,) = put(store, Fact("exported", "rec-000000", latest - timedelta(hours=hours), "gate", {}))
        said = [each for each in audit(data).not_proven if each.startswith("When things happened")]
        assert [each.split(" ")[0] for each in said] == expected
        furthest = leaf if hours == 24 * 9 else leaf - 1
    store.close()
    dated = f"is dated {latest - timedelta(days=9):%Y-%m-%d}, and one before it {latest:%Y-%m-%d}"
    assert f"entry {furthest:,} {dated}" in said[0]


def test_nothing_is_proven_of_a_log_with_a_fault(data):
    change(data, "UPDATE facts SET actor = 'x' WHERE leaf_index = 8")
    assert audit(data).proven == ()


def test_a_gate_has_run_and_nothing_is_signed(data):
    for folder in ("checkpoints", "second"):
        shutil.rmtree(data / folder)
        (data / folder).mkdir()
    change(data, "DELETE FROM checkpoints")
    faults = audit(data).faults
    assert [fault.what for fault in faults] == ["checkpoint_missing"] * 2
    assert "log was signed over 288 leaves, and 1 more" in faults[0].message
    assert "no checkpoint of it anywhere" in faults[1].message


def test_a_tail_that_no_gate_could_have_left_unsigned(data):
    store = open_store(data)
    put(store, *a_call(CALLS), *a_call(CALLS + 7))
    store.close()
    assert found(audit(data)) == [("not_signed", 568)]


@pytest.mark.parametrize("size", [288, 568])
def test_a_file_that_is_not_there(data, size):
    (data / "checkpoints" / file_name(size)).unlink()
    report = audit(data)
    if size == 568:  # it may be on its way
        assert report.ok
    else:
        assert found(report) == [("checkpoint_missing", None)]
        assert "lacks the file of checkpoint 288" in report.first_fault.message


def test_fewer_checkpoints_than_the_second_place_holds(data):
    change(data, "DELETE FROM checkpoints WHERE size = 288")
    faults = audit(data, folders=[data / "checkpoints", data / "second"]).faults
    assert {fault.what for fault in faults} == {"checkpoint_missing"}
    assert "the database does not hold that checkpoint" in faults[1].message
