"""What each request answers, keeps and refuses, on a real data folder."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import Emergency, load
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, StoreError, UsageError
from gate.operations.audit.checkpoints import AuditCheckpoint, AuditVerify
from gate.operations.calls.calls import CallsShow
from gate.operations.calls.recordings import RecordingTake
from gate.operations.calls.screening import Check, Decide
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd, ConsentList, ConsentWithdraw
from gate.operations.lists.objections import ObjectionAdd, ObjectionRemove, ObjectionsRemoved
from gate.operations.registers.importing import RegisterImport
from gate.operations.registers.in_force import RegisterStatus
from gate.operations.status.glance import Status
from tests.support.asking import ask
from tests.support.databases import query

ACTOR = "user:ann(1000)"
FREE = "020 7946 0123"
LISTED = "020 7946 0101"


def facts(data: DataFolder) -> list[dict[str, Any]]:
    rows = data.store.call(lambda tx: query(tx, "SELECT kind, subject, actor FROM facts ORDER BY leaf_index"))
    return list(rows)


def test_a_check_answers_and_keeps_nothing(data: DataFolder) -> None:
    before = len(facts(data))
    assert ask(data, Check(number=LISTED), ACTOR).reason == "listed_tps"
    assert ask(data, Check(number=FREE), ACTOR).verdict == "allow"
    assert ask(data, Check(number="118 500"), ACTOR).verdict == "block"
    assert len(facts(data)) == before


def test_a_check_at_another_time_sees_the_register_age(data: DataFolder) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    assert ask(data, Check(number=FREE, at=later), ACTOR).reason == "register_stale"


def test_a_decision_is_kept_before_it_is_given(data: DataFolder) -> None:
    answer = ask(data, Decide(number=FREE, account="alice"), "http:127.0.0.1")
    shown = ask(data, CallsShow(call_id=answer.decision_id), ACTOR)
    assert (shown.call.number, shown.call.claimed_by) == ("+442079460123", "account:alice")
    with pytest.raises(UsageError, match="no account or PBX 'mallory'"):
        ask(data, Decide(number=FREE, account="mallory"), "http:127.0.0.1")


def test_an_objection_holds_for_its_number_with_a_digit_too_many(data: DataFolder) -> None:
    """The exchange rings the number of nine digits all the same (LAW 6.1)."""
    assert ask(data, Check(number="01632 960 981"), ACTOR).reason == "not_listed"
    added = ask(data, ObjectionAdd(number="01632 960 98", source="letter", note=""), ACTOR)
    assert ask(data, Check(number="01632 960 981"), ACTOR).reason == "objected"
    ask(data, ObjectionRemove(target=added.id, reason="a test"), ACTOR)


def test_an_objection_holds_at_once_and_goes_with_a_reason_only(data: DataFolder) -> None:
    number = "07700 900111"
    added = ask(data, ObjectionAdd(number=number, source="letter", note=""), ACTOR)
    assert ask(data, Check(number="+44 7700 900111"), ACTOR).reason == "objected"
    with pytest.raises(UsageError, match="for a reason only"):
        ask(data, ObjectionRemove(target=added.id, reason=" "), ACTOR)
    assert ask(data, ObjectionRemove(target=number, reason="typing mistake"), ACTOR) == ObjectionsRemoved(
        removed=[added.id]
    )
    assert ask(data, Check(number=number), ACTOR).verdict == "allow"
    with pytest.raises(UsageError, match="no objection in force"):
        ask(data, ObjectionRemove(target=number, reason="again"), ACTOR)
    assert [row["actor"] for row in facts(data)[-2:]] == [ACTOR, ACTOR]


def test_a_consent_needs_its_evidence_and_ends_when_withdrawn(data: DataFolder) -> None:
    consent: dict[str, Any] = {"how": "phone", "wording": "Yes, call me.", "who": "Mr Lee", "evidence": "note 17"}
    with pytest.raises(UsageError, match="without wording proves nothing"):
        ask(data, ConsentAdd(number=LISTED, given_at=None, **consent | {"wording": ""}), ACTOR)
    with pytest.raises(UsageError, match="future"):
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        ask(data, ConsentAdd(number=LISTED, given_at=tomorrow, **consent), ACTOR)
    added = ask(data, ConsentAdd(number=LISTED, given_at=None, **consent), ACTOR)
    assert ask(data, Check(number=LISTED), ACTOR).consent_id == added.id
    ask(data, ConsentWithdraw(target=added.id, reason="phoned"), ACTOR)
    assert ask(data, Check(number=LISTED), ACTOR).reason == "consent_withdrawn"
    listed = ask(data, ConsentList(number=LISTED), ACTOR).items
    assert [row.wording for row in listed] == ["Yes, call me."]


def test_a_bad_number_is_named_and_kept_nowhere(data: DataFolder) -> None:
    before = len(facts(data))
    for number in ("0207", "999", "020 7946 0000 ext 5", "anonymous"):
        with pytest.raises(UsageError, match="not a number the gate can keep"):
            ask(data, ObjectionAdd(number=number), ACTOR)
    assert len(facts(data)) == before


def test_an_import_is_a_fact_with_the_snapshots_identity(data: DataFolder, tmp_path: Path) -> None:
    source = tmp_path / "ctps_ns.txt"
    source.write_bytes(b"".join(b"0207946%04d \r\n" % number for number in range(300, 700)))
    report = ask(data, RegisterImport(name="ctps", path=str(source), as_of=date.today(), accept_shrink=True), ACTOR)
    assert report.count == 400
    status = {row.name: row for row in ask(data, RegisterStatus(), ACTOR).registers}
    assert status["ctps"].sha256 == report.sha256
    assert facts(data)[-1]["kind"] == "register_imported"


def test_a_recording_is_taken_for_a_purpose_and_an_unknown_one_is_named(data: DataFolder) -> None:
    with pytest.raises(UsageError, match="there is no recording"):
        ask(data, RecordingTake(recording_id="none", purpose="x", recipient="y"), ACTOR)


def test_a_recording_whose_key_is_gone_is_refused_as_erased(data: DataFolder) -> None:
    from gate.ports import Fact

    opened = {"call_id": "c9", "key_id": "k9", "path": "2026/03/03/r9.dgr", "recipients": [], "purpose": "test"}
    data.store.call(lambda tx: tx.append(Fact("recording_opened", "r9", datetime.now(UTC), "gate", opened)))
    with pytest.raises(RefusedError) as refused:
        ask(data, RecordingTake(recording_id="r9", purpose="complaint 1", recipient="y"), ACTOR)
    assert refused.value.reason == "erased"
    assert facts(data)[-1]["kind"] != "exported"
    with pytest.raises(UsageError, match="for a purpose only"):
        ask(data, RecordingTake(recording_id="r9", purpose=" ", recipient="y"), ACTOR)


def test_the_log_is_signed_and_verified(data: DataFolder) -> None:
    signed = ask(data, AuditCheckpoint(), ACTOR)
    report = ask(data, AuditVerify(), ACTOR)
    assert report.ok and report.size == signed.size and report.root == signed.root


def test_the_status_says_whether_calls_can_be_decided(data: DataFolder) -> None:
    status = ask(data, Status(), ACTOR)
    assert status.ok is True
    assert {row.name for row in status.registers} == {"tps", "ctps"}


@pytest.mark.parametrize("target", ["nope", "id-that-is-not-there", "12"])
def test_what_is_neither_an_id_nor_a_number_is_said_to_be_neither(data: DataFolder, target: str) -> None:
    with pytest.raises(UsageError, match=f"'{target}' is neither the id of an objection in force nor a number") as told:
        ask(data, ObjectionRemove(target=target, reason="typing mistake"), ACTOR)
    assert "dialgate objection list" in told.value.hint
    with pytest.raises(UsageError, match="neither the id of a consent"):
        ask(data, ConsentWithdraw(target=target), ACTOR)


def test_law_3_5_an_emergency_number_with_a_route_is_allowed_and_kept_whenever_there_is_room(folder: Path) -> None:
    config = load(folder / "config.toml")
    with ExitStack() as stack:
        data = open_folder(config, stack)
        refused = ask(data, Check(number="999"), ACTOR)
        assert (refused.verdict, refused.reason) == ("block", "destination_not_allowed")
        assert "direct line" in refused.explanation
    with ExitStack() as stack:
        data = open_folder(msgspec.structs.replace(config, emergency=Emergency(trunk="127.0.0.1:9")), stack)
        told = ask(data, Check(number="+44 999"), ACTOR)
        assert (told.verdict, told.reason, told.number) == ("allow", "emergency_call", "999")
        before = len(facts(data))
        told = ask(data, Decide(number="112", account="alice"), "http:127.0.0.1")
        assert (told.verdict, told.number) == ("allow", "112")
        kept = facts(data)[before:]
        assert kept == [{"kind": "decision", "subject": told.decision_id, "actor": "account:alice"}]

        def full(work: Any, done: Any, asks: Any = None) -> None:
            done(None, StoreError("no room"))

        data.store.submit = full  # type: ignore[method-assign]
        assert ask(data, Decide(number="999"), "http:127.0.0.1").verdict == "allow"
