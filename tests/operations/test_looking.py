"""What those ask who look, on a real data folder: numbers shown leave a leaf, and so does a verification."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.feed import LOOKING
from gate.core.breaches import Nature
from gate.core.facts import CATALOGUE
from gate.core.facts.audit import BundleExported, BundleSigned
from gate.core.facts.recordings import Exported
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.errors import StoppedError, StoreError, UsageError
from gate.operations.audit.checkpoints import AuditCancel, AuditCheckpoint, AuditVerify, CheckpointsList
from gate.operations.audit.leaves import AuditLeaf, AuditLeaves, AuditStatus, audit_leaves, sentence
from gate.operations.breaches import BreachAdd
from gate.operations.calls.calls import CallsList, Kind, Reveal, Revealed
from gate.operations.calls.screening import Decide
from gate.operations.catalogue import OPERATIONS
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsList
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.operation import Caller
from gate.operations.retention.holds import HoldAdd
from gate.store.transaction import StoreTransaction
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.example_values import example
from tests.support.receipts import receipted
from tests.support.requesting import asked

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


# --- in sentences


WRITTEN = Path(__file__).parents[1] / "data" / "facts" / "as_written.jsonl"


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "erased"])
@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_kind_is_a_sentence(kind: str, whole: bool) -> None:
    bodies = [json.loads(line) for line in WRITTEN.read_text().splitlines()]
    shapes = [each["body"] for each in bodies if each["kind"] == kind] if whole else []
    for body in shapes or [""]:
        said = sentence(kind, "user:ann(1000)", "the recording", "the call", body)
        assert re.match(r"[A-Za-z].*[a-z0-9)%A-Z]$", said) and len(said) > 10, said
        assert not re.search(r"[{}\[\]|_]|\\bNone\\b|\d{10}|  ", said) or "/" in said, said


def test_a_leaf_says_who_did_what_to_whose_call(data: DataFolder) -> None:
    call = ask(data, Decide(number=NUMBER), ACTOR).decision_id
    ask(data, HoldAdd(ground=HoldGround.CLAIM, number=NUMBER, reason="a claim", reference="17"), ACTOR)
    added = ask(data, ObjectionAdd(number=NUMBER), ACTOR)
    rows = ask(data, AuditLeaves(limit=50), ACTOR).items
    said = {row.kind: row.said for row in reversed(rows)}
    assert said["hold"] == "ann placed the hold on 020 79** **23"
    assert said["objection"] == "ann noted the objection of 020 79** **23"
    assert said["decision"] == "ann asked to call 020 79** **23: allowed, not listed"
    leaf = next(row for row in rows if row.subject == call)
    assert ask(data, AuditLeaf(index=leaf.index), ACTOR).said == leaf.said
    assert added.id in {row.subject for row in rows}


def test_who_may_not_see_what_a_leaf_commits_to_reads_no_word_of_it(data: DataFolder) -> None:
    ask(data, Decide(number=NUMBER), ACTOR)
    for role, seen in (("viewer", False), ("auditor", True)):
        page = audit_leaves(data, AuditLeaves(kind="decision"), Caller(ACTOR, roles=frozenset({role})))
        assert ("allowed" in page.items[0].said) is seen


def test_the_recordings_of_a_bundle_are_one_line_that_unfolds(data: DataFolder) -> None:
    bundle, other = "ab" * 16, "cd" * 16
    begun = BundleExported(since="2026-01-01T00:00:00Z", to="2026-02-01T00:00:00Z", recipient="r")
    went = [Exported(call_id=None, recipient="r", bundle=each) for each in (bundle, bundle, bundle, other)]
    alone = Exported(call_id=None, recipient="r", purpose='a claim: "bundle":"x"')

    def append(tx: StoreTransaction) -> None:
        tx.append(data.fact(begun, bundle, ACTOR))
        for number, body in enumerate((*went, alone)):
            tx.append(data.fact(body, f"{number:032x}", ACTOR))
        tx.append(data.fact(BundleSigned(manifest_sha256="0" * 64, manifest_size=1, checkpoint=1), bundle, ACTOR))

    data.store.call(append)

    def listed(**asked: Any) -> list[tuple[str, int]]:
        page = ask(data, AuditLeaves(limit=8, **asked), ACTOR)
        return [(row.kind, row.folded) for row in page.items if row.kind.startswith(("bundle", "exported"))]

    signed, own = ("bundle_signed", 0), ("exported", 0)
    assert listed() == [signed, own, own, own, own, own, ("bundle_exported", 0)]
    assert listed(folded=True) == [signed, own, ("bundle_exported", 3)]
    assert listed(folded=True, unfolded=[bundle]) == [signed, own, own, own, own, ("bundle_exported", 0)]
    page = ask(data, AuditLeaves(limit=1, folded=True), ACTOR)
    page = ask(data, AuditLeaves(limit=1, folded=True, after=page.next), ACTOR)
    assert [row.said for row in page.items] == ["ann opened the recording of a call"]


def written_rows(data: DataFolder) -> dict[str, list[Any]]:
    """Every row of every table of the gate's database."""
    with closing(sqlite3.connect(f"file:{data.config.data / 'gate.db'}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}  # noqa: S608


@pytest.mark.engine("sqlite")
def test_what_a_console_that_only_looks_asks_writes_no_leaf_and_no_row(data: DataFolder, tmp_path: Path) -> None:
    things(data)
    crm = tmp_path / "crm.csv"
    crm.write_text("id,phone\n10000017,020 7946 0123\n")
    ask(data, ContactsImport(path=str(crm), columns=("phone",), reference="id"), ACTOR)
    call = ask(data, CallsList(), ACTOR).items[0].call_id
    now = data.clock.now().isoformat()
    fields: dict[str, dict[str, Any]] = {
        "breach_show": {"breach": ask(data, BreachAdd(nature=(Nature.DISCLOSED,)), ACTOR).reference},
        "calls_show": {"call_id": call},
        "calls_trend": {"since": now},
        "contacts_show": {"id": ask(data, ContactsList(), ACTOR).items[0].id},
        "find_meant": {"where": "calls", "text": "refused"},
        "moment_show": {"moment": now},
        "receipt_show": {"code": receipted(data.store, 1, NUMBER, data.clock.now())},
        "report_month": {"month": now[:7]},
        "request_show": {"request": asked(data, Asks.ACCESS)},
        "calls_prove": {"call_id": call},
    }
    wrote = set()
    of_the_line = {"session", "watch"}  # they take nothing of the data folder
    writing = {"calls_prove", "contacts_changes"}  # they sound like looking, and write
    for name in sorted((LOOKING | writing) - of_the_line):
        request = OPERATIONS[name].request
        before = written_rows(data)
        ask(data, msgspec.convert(fields.get(name) or example(request), request), ACTOR)
        if written_rows(data) != before:
            wrote.add(name)
    assert wrote == writing
    assert not LOOKING & writing
