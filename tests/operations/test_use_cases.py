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
from gate.handed_over_file import open_file
from gate.operations.data_folder import DataFolder
from tests.support.asking import ByName

ACTOR = "user:ann(1000)"
FREE = "020 7946 0123"
LISTED = "020 7946 0101"


def facts(data: DataFolder) -> list[dict[str, Any]]:
    rows = data.store.call(lambda tx: tx.query("SELECT kind, subject, actor FROM facts ORDER BY leaf_index"))
    return list(rows)


def test_a_check_answers_and_keeps_nothing(data: DataFolder) -> None:
    before = len(facts(data))
    assert ByName(data).check(number=LISTED, actor=ACTOR)["reason"] == "listed_tps"
    assert ByName(data).check(number=FREE, actor=ACTOR)["verdict"] == "allow"
    assert ByName(data).check(number="118 500", actor=ACTOR)["verdict"] == "block"
    assert len(facts(data)) == before


def test_a_check_at_another_time_sees_the_register_age(data: DataFolder) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    assert ByName(data).check(number=FREE, at=later, actor=ACTOR)["reason"] == "register_stale"


def test_a_decision_is_kept_before_it_is_given(data: DataFolder) -> None:
    answer = ByName(data).decide(number=FREE, account="alice", actor="http:127.0.0.1")
    shown = ByName(data).calls_show(call_id=answer["decision_id"], actor=ACTOR)
    assert (shown["call"]["number"], shown["call"]["claimed_by"]) == ("+442079460123", "account:alice")
    with pytest.raises(UsageError, match="no account or PBX 'mallory'"):
        ByName(data).decide(number=FREE, account="mallory", actor="http:127.0.0.1")


def test_an_objection_holds_for_its_number_with_a_digit_too_many(data: DataFolder) -> None:
    """The exchange rings the number of nine digits all the same (LAW 6.1)."""
    assert ByName(data).check(number="01632 960 981", actor=ACTOR)["reason"] == "not_listed"
    added = ByName(data).objection_add(number="01632 960 98", source="letter", note="", actor=ACTOR)
    assert ByName(data).check(number="01632 960 981", actor=ACTOR)["reason"] == "objected"
    ByName(data).objection_remove(target=added["id"], reason="a test", actor=ACTOR)


def test_an_objection_holds_at_once_and_goes_with_a_reason_only(data: DataFolder) -> None:
    number = "07700 900111"
    added = ByName(data).objection_add(number=number, source="letter", note="", actor=ACTOR)
    assert ByName(data).check(number="+44 7700 900111", actor=ACTOR)["reason"] == "objected"
    with pytest.raises(UsageError, match="for a reason only"):
        ByName(data).objection_remove(target=added["id"], reason=" ", actor=ACTOR)
    assert ByName(data).objection_remove(target=number, reason="typing mistake", actor=ACTOR) == {
        "removed": [added["id"]]
    }
    assert ByName(data).check(number=number, actor=ACTOR)["verdict"] == "allow"
    with pytest.raises(UsageError, match="no objection in force"):
        ByName(data).objection_remove(target=number, reason="again", actor=ACTOR)
    assert [row["actor"] for row in facts(data)[-2:]] == [ACTOR, ACTOR]


def test_a_consent_needs_its_evidence_and_ends_when_withdrawn(data: DataFolder) -> None:
    consent = {"how": "phone", "wording": "Yes, call me.", "who": "Mr Lee", "evidence": "note 17"}
    with pytest.raises(UsageError, match="without wording proves nothing"):
        ByName(data).consent_add(number=LISTED, given_at=None, **consent | {"wording": ""}, actor=ACTOR)
    with pytest.raises(UsageError, match="future"):
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        ByName(data).consent_add(number=LISTED, given_at=tomorrow, **consent, actor=ACTOR)
    added = ByName(data).consent_add(number=LISTED, given_at=None, **consent, actor=ACTOR)
    assert ByName(data).check(number=LISTED, actor=ACTOR)["consent_id"] == added["id"]
    ByName(data).consent_withdraw(target=added["id"], reason="phoned", actor=ACTOR)
    assert ByName(data).check(number=LISTED, actor=ACTOR)["reason"] == "consent_withdrawn"
    listed = ByName(data).consent_list(number=LISTED, actor=ACTOR)["items"]
    assert [row["wording"] for row in listed] == ["Yes, call me."]


def test_a_bad_number_is_named_and_kept_nowhere(data: DataFolder) -> None:
    before = len(facts(data))
    for number in ("0207", "999", "020 7946 0000 ext 5", "anonymous"):
        with pytest.raises(UsageError, match="not a number the gate can keep"):
            ByName(data).objection_add(number=number, actor=ACTOR)
    assert len(facts(data)) == before


def test_an_import_is_a_fact_with_the_snapshots_identity(data: DataFolder, tmp_path: Path) -> None:
    source = tmp_path / "ctps_ns.txt"
    source.write_bytes(b"".join(b"0207946%04d \r\n" % number for number in range(300, 700)))
    report = ByName(data).register_import(
        name="ctps", file=open_file(source), as_of=date.today(), accept_shrink=True, actor=ACTOR
    )
    assert report["count"] == 400
    status = {row["name"]: row for row in ByName(data).register_status(actor=ACTOR)["registers"]}
    assert status["ctps"]["sha256"] == report["sha256"]
    assert facts(data)[-1]["kind"] == "register_imported"


def test_a_recording_is_taken_for_a_purpose_and_an_unknown_one_is_named(data: DataFolder) -> None:
    with pytest.raises(UsageError, match="there is no recording"):
        ByName(data).recording_take(recording_id="none", purpose="x", recipient="y", actor=ACTOR)


def test_a_recording_whose_key_is_gone_is_refused_as_erased(data: DataFolder) -> None:
    from gate.ports import Fact

    opened = {"call_id": "c9", "key_id": "k9", "path": "2026/03/03/r9.dgr", "recipients": [], "purpose": "test"}
    data.store.call(lambda tx: tx.append(Fact("recording_opened", "r9", datetime.now(UTC), "gate", opened)))
    with pytest.raises(RefusedError) as refused:
        ByName(data).recording_take(recording_id="r9", purpose="complaint 1", recipient="y", actor=ACTOR)
    assert refused.value.reason == "erased"
    assert facts(data)[-1]["kind"] != "exported"
    with pytest.raises(UsageError, match="for a purpose only"):
        ByName(data).recording_take(recording_id="r9", purpose=" ", recipient="y", actor=ACTOR)


def test_the_log_is_signed_and_verified(data: DataFolder) -> None:
    signed = ByName(data).audit_checkpoint(actor=ACTOR)
    report = ByName(data).audit_verify(actor=ACTOR)
    assert report["ok"] and report["size"] == signed["size"] and report["root"] == signed["root"]


def test_the_status_says_whether_calls_can_be_decided(data: DataFolder) -> None:
    status = ByName(data).status(actor=ACTOR)
    assert status["ok"] is True
    assert {row["name"] for row in status["registers"]} == {"tps", "ctps"}


@pytest.mark.parametrize("target", ["nope", "id-that-is-not-there", "12"])
def test_what_is_neither_an_id_nor_a_number_is_said_to_be_neither(data: DataFolder, target: str) -> None:
    with pytest.raises(UsageError, match=f"'{target}' is neither the id of an objection in force nor a number") as told:
        ByName(data).objection_remove(target=target, reason="typing mistake", actor=ACTOR)
    assert "dialgate objection list" in told.value.hint
    with pytest.raises(UsageError, match="neither the id of a consent"):
        ByName(data).consent_withdraw(target=target, actor=ACTOR)


def test_law_3_5_an_emergency_number_with_a_route_is_allowed_and_kept_whenever_there_is_room(folder: Path) -> None:
    config = load(folder / "config.toml")
    with ExitStack() as stack:
        data = open_folder(config, stack)
        refused = ByName(data).check(number="999", actor=ACTOR)
        assert (refused["verdict"], refused["reason"]) == ("block", "destination_not_allowed")
        assert "direct line" in refused["explanation"]
    with ExitStack() as stack:
        data = open_folder(msgspec.structs.replace(config, emergency=Emergency(trunk="127.0.0.1:9")), stack)
        told = ByName(data).check(number="+44 999", actor=ACTOR)
        assert (told["verdict"], told["reason"], told["number"]) == ("allow", "emergency_call", "999")
        before = len(facts(data))
        told = ByName(data).decide(number="112", account="alice", actor="http:127.0.0.1")
        assert (told["verdict"], told["number"]) == ("allow", "112")
        kept = facts(data)[before:]
        assert kept == [{"kind": "decision", "subject": told["decision_id"], "actor": "account:alice"}]

        def full(work: Any, done: Any) -> None:
            done(None, StoreError("no room"))

        data.store.submit = full  # type: ignore[method-assign]
        assert ByName(data).decide(number="999", actor="http:127.0.0.1")["verdict"] == "allow"
