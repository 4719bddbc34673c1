"""What those ask who look, on a real data folder: numbers shown leave a leaf, and so does a verification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.errors import StoppedError, StoreError, UsageError
from gate.handed_over_file import open_file
from gate.operations.data_folder import DataFolder
from tests.support.asking import ByName

ACTOR = "user:ann(1000)"
NUMBER = "+442079460123"


def facts(data: DataFolder, kind: str) -> list[dict[str, Any]]:
    rows = data.store.call(
        lambda tx: tx.query("SELECT subject, actor, body FROM facts WHERE kind = ? ORDER BY leaf_index", [kind])
    )
    return [row | {"body": json.loads(row["body"])} for row in rows]


def things(data: DataFolder) -> dict[str, str]:
    """One of each kind that has a number, by its id."""
    desk = ByName(data)
    consent = {"how": "phone", "wording": "Yes.", "who": "Mr Lee", "evidence": "note 17"}
    return {
        "call": desk.decide(number=NUMBER, actor=ACTOR)["decision_id"],
        "objection": desk.objection_add(number=NUMBER, actor=ACTOR)["id"],
        "consent": desk.consent_add(number=NUMBER, **consent, actor=ACTOR)["id"],
        "hold": desk.hold_add(ground="claim", number=NUMBER, reason="a claim", reference="17", actor=ACTOR)["id"],
    }


def test_a_number_is_shown_after_the_leaf_that_says_to_whom_and_why(data: DataFolder) -> None:
    for kind, key in things(data).items():
        assert ByName(data).reveal(kind=kind, id=key, why="a callback", actor=ACTOR) == {"number": NUMBER}
        last = facts(data, "number_shown")[-1]
        assert last == {"subject": key, "actor": ACTOR, "body": {"kind": kind, "why": "a callback"}}


def test_a_contacts_number_is_shown_by_the_crms_own_id(data: DataFolder, tmp_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("id,phone\n10000017,020 7946 0123\n")
    ByName(data).contacts_import(file=open_file(crm), columns=["phone"], reference="id", actor=ACTOR)
    assert ByName(data).contacts_list(actor=ACTOR)["items"][0]["reference"] == "10000017"
    assert ByName(data).reveal(kind="contact", id="10000017", why="a callback", actor=ACTOR) == {"number": NUMBER}
    told = {"kind": "contact", "why": "a callback", "reference": "10000017"}
    assert facts(data, "number_shown")[-1] == {"subject": "contact", "actor": ACTOR, "body": told}
    with pytest.raises(UsageError, match="there is no contact 18"):
        ByName(data).reveal(kind="contact", id="18", why="x", actor=ACTOR)


def test_no_number_without_a_reason_nor_where_there_is_none(data: DataFolder) -> None:
    call = ByName(data).decide(number=NUMBER, actor=ACTOR)["decision_id"]
    before = len(facts(data, "number_shown"))
    with pytest.raises(UsageError, match="for a reason only"):
        ByName(data).reveal(kind="call", id=call, why=" ", actor=ACTOR)
    with pytest.raises(UsageError, match="there is no call nothing"):
        ByName(data).reveal(kind="call", id="nothing", why="x", actor=ACTOR)
    nameless = ByName(data).decide(number="no number", actor=ACTOR)["decision_id"]
    with pytest.raises(UsageError, match="has no number"):
        ByName(data).reveal(kind="call", id=nameless, why="x", actor=ACTOR)
    assert len(facts(data, "number_shown")) == before


def test_no_number_is_given_where_the_leaf_cannot_be_kept(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ByName(data).decide(number=NUMBER, actor=ACTOR)["decision_id"]

    def full(*_: Any) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("gate.store.transaction.StoreTransaction.append", full)
    with pytest.raises(StoreError, match="the disk is full"):
        ByName(data).reveal(kind="call", id=call, why="x", actor=ACTOR)


def test_a_verification_is_kept_with_what_it_found(data: DataFolder) -> None:
    report = ByName(data).audit_verify(actor=ACTOR)
    status = ByName(data).audit_status(actor=ACTOR)
    assert report["ok"]
    assert status["size"] == report["size"] + 1
    assert (status["verified"]["ok"], status["verified"]["size"], status["verified"]["actor"]) == (
        True,
        report["size"],
        ACTOR,
    )
    ByName(data).audit_checkpoint(actor=ACTOR)
    head = ByName(data).audit_status(actor=ACTOR)["checkpoint"]
    assert head["size"] == status["size"] + 1, "with the leaf of the checkpoint itself"
    assert ByName(data).checkpoints_list(actor=ACTOR)["items"][0]["root"] == head["root"]
    assert ByName(data).audit_verify(actor=ACTOR)["ok"]


def test_what_was_found_is_told_where_it_cannot_be_kept(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("gate.store.transaction.StoreTransaction.append", full)
    assert ByName(data).audit_verify(actor=ACTOR)["ok"]


def test_a_verification_is_stopped_by_who_asked_for_it_alone(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.audit.leaves.STEP", 1)
    desk = ByName(data)
    before = len(facts(data, "log_verified"))
    with pytest.raises(UsageError, match="no verification of yours"):
        desk.audit_cancel(actor=ACTOR)

    def stopping(_fraction: float, _text: str) -> None:
        with pytest.raises(UsageError, match="no verification of yours"):
            desk.audit_cancel(actor="user:bob(1001)")
        desk.audit_cancel(actor=ACTOR)

    with pytest.raises(StoppedError, match="stopped by user:ann"):
        desk.audit_verify(actor=ACTOR, progress=stopping)
    assert len(facts(data, "log_verified")) == before
    assert desk.audit_verify(actor=ACTOR)["ok"], "the stop was for that one"


def test_where_the_copies_of_a_checkpoint_lie(data: DataFolder, folder: Path) -> None:
    made = ByName(data).audit_checkpoint(actor=ACTOR)
    assert ByName(data).checkpoints_list(limit=1, actor=ACTOR)["items"][0]["copies"] == ["folder"]
    [file] = [each for each in (folder / "data" / "checkpoints").iterdir() if int(each.stem) == made["size"]]
    file.write_text(made["note"] + "\n")
    assert ByName(data).checkpoints_list(limit=1, actor=ACTOR)["items"][0]["copies"] == [], "another text is no copy"
    file.write_text(made["note"])


def test_a_leaf_with_what_it_commits_to(data: DataFolder) -> None:
    call = ByName(data).decide(number=NUMBER, actor=ACTOR)["decision_id"]
    row = ByName(data).audit_leaves(text=call[:8], limit=1, actor=ACTOR)["items"][0]
    leaf = ByName(data).audit_leaf(index=row["index"], actor=ACTOR)
    assert (leaf["subject"], leaf["hash"], leaf["body"]["number"]) == (call, row["hash"], NUMBER)
    with pytest.raises(UsageError, match="there is no leaf 999999"):
        ByName(data).audit_leaf(index=999_999, actor=ACTOR)


def test_calls_and_leaves_are_read_beside_the_store(data: DataFolder) -> None:
    ByName(data).decide(number=NUMBER, actor=ACTOR)
    call = ByName(data).decide(number=NUMBER, actor=ACTOR)["decision_id"]
    page = ByName(data).calls_list(text="020 7946 0123", limit=1, actor=ACTOR)
    assert [item["call_id"] for item in page["items"]] == [call]
    assert page["prev"] is None
    assert ByName(data).calls_list(after=page["next"], limit=1, actor=ACTOR)["prev"]
    leaves = ByName(data).audit_leaves(limit=1, kind="decision", actor=ACTOR)["items"]
    assert (leaves[0]["subject"], leaves[0]["actor"]) == (call, ACTOR)
