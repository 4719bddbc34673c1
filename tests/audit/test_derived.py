"""A derived row that does not follow from its facts is named, before and after an erasure."""

from __future__ import annotations

import pytest

from gate.ports import Fact
from tests.support.evidence import START, open_store, put
from tests.support.tamper import audit, change, erase, found


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


# --- erasure


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
        "UPDATE objections SET number_hash = zeroblob(32) WHERE number IS NULL",
        "UPDATE objections SET made_at = '2026-01-01T00:00:00.000000Z' WHERE number IS NULL",
    ],
)
def test_a_row_changed_after_an_erasure(data, statement):
    erase(data, 0, 4, 8)
    change(data, statement)
    assert [fault.what for fault in audit(data).faults] == ["derived_changed"]
    assert [fault.what for fault in audit(data, pepper=None).faults] == ["derived_changed"]


def test_a_row_that_no_receipt_speaks_of_is_counted_as_unverified(data, monkeypatch):
    monkeypatch.setattr("gate.store.erasure.remnant", lambda _: "")
    monkeypatch.setattr("gate.audit.leaves._receipts_by_key", lambda *_: {})
    erase(data, 0, 1, 2)
    report = audit(data)
    assert report.ok, report.faults
    assert report.checked["objections_unverified"] == 2


def test_every_row_that_stays_is_spoken_of(data):
    erase(data, *range(30))
    report = audit(data)
    assert report.ok, report.faults
    assert not [name for name in report.checked if name.endswith("_unverified")]


def test_what_stays_may_be_changed_by_later_facts(data):
    leaves = range(8, 15)
    erase(data, *leaves)
    store = open_store(data)
    put(store, Fact("unrecorded", "call-000000", START, "gate", {"why": "recorder_unavailable"}))
    store.close()
    report = audit(data)
    assert report.ok, report.faults
    assert report.checked["calls_unverified"] == 1


def test_an_erased_fact_is_filed_where_its_receipt_says(data):
    erase(data, 11)  # the recording's opening, which names its call in its body
    assert audit(data).ok
    change(data, "UPDATE facts SET call_id = 'call-000001' WHERE leaf_index = 11")
    assert ("row_changed", 11) in found(audit(data))


def test_after_a_change_of_what_was_already_set(data):
    store = open_store(data)
    put(store, Fact("consent_withdrawn", "con-2", START, "y", {"at": "2027-01-01T00:00:00Z", "reason": "again"}))
    put(store, Fact("objection_removed", "obj-2", START, "y", {"reason": "again"}))
    put(store, Fact("recording_closed", "rec-000000", START, "y", {"call_id": "call-000000", "sha256": "ff"}))
    store.close()
    assert audit(data).ok
    erase(data, 5)
    assert audit(data).ok
