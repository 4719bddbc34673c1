"""A changed, moved, added or missing leaf or row is named; a log made again is caught by what was signed."""

from __future__ import annotations

import shutil

import pytest

from gate.audit.checkpoints import Checkpointer
from gate.audit.heads import file_name
from gate.core.evidence import commitment, leaf_bytes, leaf_hash
from gate.store.projections import TABLES
from tests.support.evidence import START, decision, open_store, put
from tests.support.tamper import KEY, audit, change, erase, found, opened, rewrite


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


def test_a_tree_made_again_is_caught_against_an_older_checkpoint(data):
    rewrite(data, 8, verdict="block", reason="objected")
    change(data, "UPDATE calls SET verdict = 'block', reason = 'objected' WHERE leaf_index = 8")
    report = audit(data, folders=[])
    assert found(report) == [("log_rewritten", 0)]
    assert "checkpoint 288 in the database" in report.first_fault.message
    change(data, "DELETE FROM checkpoints")
    assert found(audit(data, folders=[])) == [("checkpoint_missing", None)] * 2, "the log itself knows of two"
    report = audit(data, folders=[data / "second"])
    assert found(report)[0] == ("log_rewritten", 0)
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
    for table in (
        "facts",
        "leaves",
        "tiles",
        "checkpoints",
        *(
            table.name
            for table in TABLES
            if table.name not in ("holds", "requests", "receipts", "copies", "campaign_stops", "subscribers")
        ),
    ):  # none was made
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
    assert "leaves 568 to 569 are gone" in report.first_fault.message


@pytest.mark.parametrize(
    "body",
    [
        "[1]", '{"leaves":5}', '{"leaves":["x/y"]}', '{"leaves":[-5]}', '{"leaves":[9999999999999]}',
        '{"leaves":[3],"elsewhere":["9999/1"]}', '{"leaves":[3],"filed":{"a/b":"c"}}', '{"leaves":[3],"filed":[1]}',
        '{"leaves":[3],"stays":7}', '{"leaves":[3],"stays":{"calls":7}}',
    ],
)  # fmt: skip
def test_a_receipt_of_an_erasure_that_is_none_explains_nothing_and_ends_no_verification(data, body):
    erase(data, 3)
    change(data, ("UPDATE facts SET body = ? WHERE kind = 'facts_erased'", body), "UPDATE objections SET source = 'x'")
    told = found(audit(data))
    assert told[:2] == [("row_changed", 568), ("row_emptied", 3)]
    assert "derived_changed" in {what for what, _ in told}
    assert "damaged" not in {what for what, _ in told}


def test_a_receipt_that_is_none_and_fits_its_leaf_explains_nothing_either(data):
    erase(data, 3)
    (kind, subject, at, actor, salt) = opened(data).execute(
        "SELECT kind, subject, at, actor, salt FROM facts WHERE leaf_index = 568"
    ).fetchone()  # fmt: skip
    body = '{"basis":"request","leaves":[3],"elsewhere":["x/y"],"what":"facts"}'
    leaf = leaf_bytes(kind, subject, at, actor, commitment(salt, body.encode()))
    change(
        data,
        ("UPDATE facts SET body = ? WHERE leaf_index = 568", body),
        ("UPDATE leaves SET leaf = ?, hash = ? WHERE leaf_index = 568", leaf, leaf_hash(leaf)),
    )
    assert found(audit(data)) == [("row_emptied", 3)]
