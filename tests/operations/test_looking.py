"""What those ask who look, on a real data folder: numbers shown leave a leaf, and so does a verification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.core.retention import HoldGround
from gate.errors import StoppedError, StoreError, UsageError
from gate.operations.audit.checkpoints import AuditCancel, AuditCheckpoint, AuditVerify, CheckpointsList
from gate.operations.audit.leaves import AuditLeaf, AuditLeaves, AuditStatus
from gate.operations.calls.calls import CallsList, Kind, Reveal, Revealed
from gate.operations.calls.screening import Decide
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsList
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.retention.holds import HoldAdd
from tests.support.asking import ask
from tests.support.databases import query

ACTOR = "user:ann(1000)"
NUMBER = "+442079460123"


def facts(data: DataFolder, kind: str) -> list[dict[str, Any]]:
    rows = data.store.call(
        lambda tx: query(tx, "SELECT subject, actor, body FROM facts WHERE kind = ? ORDER BY leaf_index", [kind])
    )
    return [row | {"body": json.loads(row["body"])} for row in rows]


def things(data: DataFolder) -> dict[Kind, str]:
    """One of each kind that has a number, by its id."""
    consent: dict[str, Any] = {"how": "phone", "wording": "Yes.", "who": "Mr Lee", "evidence": "note 17"}
    return {
        Kind.CALL: ask(data, Decide(number=NUMBER), ACTOR).decision_id,
        Kind.OBJECTION: ask(data, ObjectionAdd(number=NUMBER), ACTOR).id,
        Kind.CONSENT: ask(data, ConsentAdd(number=NUMBER, **consent), ACTOR).id,
        Kind.HOLD: ask(
            data, HoldAdd(ground=HoldGround.CLAIM, number=NUMBER, reason="a claim", reference="17"), ACTOR
        ).id,
    }


def test_a_number_is_shown_after_the_leaf_that_says_to_whom_and_why(data: DataFolder) -> None:
    for kind, key in things(data).items():
        assert ask(data, Reveal(kind=kind, id=key, why="a callback"), ACTOR) == Revealed(number=NUMBER)
        last = facts(data, "number_shown")[-1]
        assert last == {"subject": key, "actor": ACTOR, "body": {"kind": kind, "why": "a callback"}}


def test_a_contacts_number_is_shown_by_the_crms_own_id(data: DataFolder, tmp_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("id,phone\n10000017,020 7946 0123\n")
    ask(data, ContactsImport(path=str(crm), columns=("phone",), reference="id"), ACTOR)
    assert ask(data, ContactsList(), ACTOR).items[0].reference == "10000017"
    assert ask(data, Reveal(kind=Kind.CONTACT, id="10000017", why="a callback"), ACTOR) == Revealed(number=NUMBER)
    told = {"kind": "contact", "why": "a callback", "reference": "10000017"}
    assert facts(data, "number_shown")[-1] == {"subject": "contact", "actor": ACTOR, "body": told}
    with pytest.raises(UsageError, match="there is no contact 18"):
        ask(data, Reveal(kind=Kind.CONTACT, id="18", why="x"), ACTOR)


def test_no_number_without_a_reason_nor_where_there_is_none(data: DataFolder) -> None:
    call = ask(data, Decide(number=NUMBER), ACTOR).decision_id
    before = len(facts(data, "number_shown"))
    with pytest.raises(UsageError, match="for a reason only"):
        ask(data, Reveal(kind=Kind.CALL, id=call, why=" "), ACTOR)
    with pytest.raises(UsageError, match="there is no call nothing"):
        ask(data, Reveal(kind=Kind.CALL, id="nothing", why="x"), ACTOR)
    nameless = ask(data, Decide(number="no number"), ACTOR).decision_id
    with pytest.raises(UsageError, match="has no number"):
        ask(data, Reveal(kind=Kind.CALL, id=nameless, why="x"), ACTOR)
    assert len(facts(data, "number_shown")) == before


def test_no_number_is_given_where_the_leaf_cannot_be_kept(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ask(data, Decide(number=NUMBER), ACTOR).decision_id

    def full(*_: Any) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("gate.store.transaction.StoreTransaction.append", full)
    with pytest.raises(StoreError, match="the disk is full"):
        ask(data, Reveal(kind=Kind.CALL, id=call, why="x"), ACTOR)


def test_a_verification_is_kept_with_what_it_found(data: DataFolder) -> None:
    report = ask(data, AuditVerify(), ACTOR)
    status = ask(data, AuditStatus(), ACTOR)
    assert report.ok
    assert status.size == report.size + 1
    assert (status.verified.ok, status.verified.size, status.verified.actor) == (
        True,
        report.size,
        ACTOR,
    )
    ask(data, AuditCheckpoint(), ACTOR)
    head = ask(data, AuditStatus(), ACTOR).checkpoint
    assert head.size == status.size + 1, "with the leaf of the checkpoint itself"
    assert ask(data, CheckpointsList(), ACTOR).items[0].root == head.root
    assert ask(data, AuditVerify(), ACTOR).ok


def test_what_was_found_is_told_where_it_cannot_be_kept(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("gate.store.transaction.StoreTransaction.append", full)
    assert ask(data, AuditVerify(), ACTOR).ok


def test_a_verification_is_stopped_by_who_asked_for_it_alone(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.audit.leaves.STEP", 1)
    before = len(facts(data, "log_verified"))
    with pytest.raises(UsageError, match="no verification of yours"):
        ask(data, AuditCancel(), ACTOR)

    def stopping(_fraction: float, _text: str) -> None:
        with pytest.raises(UsageError, match="no verification of yours"):
            ask(data, AuditCancel(), "user:bob(1001)")
        ask(data, AuditCancel(), ACTOR)

    with pytest.raises(StoppedError, match="stopped by user:ann"):
        ask(data, AuditVerify(), ACTOR, progress=stopping)
    assert len(facts(data, "log_verified")) == before
    assert ask(data, AuditVerify(), ACTOR).ok, "the stop was for that one"


def test_where_the_copies_of_a_checkpoint_lie(data: DataFolder, folder: Path) -> None:
    made = ask(data, AuditCheckpoint(), ACTOR)
    assert ask(data, CheckpointsList(limit=1), ACTOR).items[0].copies == ["folder"]
    [file] = [each for each in (folder / "data" / "checkpoints").iterdir() if int(each.stem) == made.size]
    file.write_text(made.note + "\n")
    assert ask(data, CheckpointsList(limit=1), ACTOR).items[0].copies == [], "another text is no copy"
    file.write_text(made.note)


def test_a_leaf_with_what_it_commits_to(data: DataFolder) -> None:
    call = ask(data, Decide(number=NUMBER), ACTOR).decision_id
    row = ask(data, AuditLeaves(text=call[:8], limit=1), ACTOR).items[0]
    leaf = ask(data, AuditLeaf(index=row.index), ACTOR)
    assert (leaf.subject, leaf.hash, leaf.body and leaf.body["number"]) == (call, row.hash, NUMBER)
    with pytest.raises(UsageError, match="there is no leaf 999999"):
        ask(data, AuditLeaf(index=999_999), ACTOR)


def test_calls_and_leaves_are_read_beside_the_store(data: DataFolder) -> None:
    ask(data, Decide(number=NUMBER), ACTOR)
    call = ask(data, Decide(number=NUMBER), ACTOR).decision_id
    page = ask(data, CallsList(text="020 7946 0123", limit=1), ACTOR)
    assert [item.call_id for item in page.items] == [call]
    assert page.prev is None
    assert ask(data, CallsList(after=page.next, limit=1), ACTOR).prev
    leaves = ask(data, AuditLeaves(limit=1, kind="decision"), ACTOR).items
    assert (leaves[0].subject, leaves[0].actor) == (call, ACTOR)
