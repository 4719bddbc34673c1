"""An erasure leaves what is about somebody else: mentioning the person costs nobody a hold, a consent or a request."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.daemon.opening import open_folder
from gate.errors import StoreError
from gate.handed_over_file import open_file
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import Eraser
from gate.store import kept
from gate.store.reader import Reader
from gate.store.store import IDLE_SECONDS
from tests.support.asking import ByName
from tests.support.keeping import SetClock
from tests.support.requesting import ANN, OTHER, PERSON, SPELLED, START, granted, opened, prepared, spelled_in
from tests.support.waiting import until

SECOND = "+447700900777"
"""Another number of the person."""
WHY = {"reason": "a claim", "reference": "case 17/2026"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mentions") / "gate"
    prepared(folder, recordings=1)
    return folder


def carry_out(data: DataFolder, reference: str) -> dict[str, Any]:
    return dict(ByName(data).request_carry_out(request=reference, execute=True, actor=ANN))


def rows(data: DataFolder, sql: str, *values: str) -> list[dict[str, Any]]:
    return list(data.store.call(lambda tx: tx.query(sql, values)))


@pytest.mark.parametrize("restriction", [False, True], ids=["hold", "restriction"])
@pytest.mark.parametrize("where", ["reason", "reference"])
def test_a_hold_on_somebody_else_that_mentions_the_person_stays_in_force(
    folder: Path, where: str, restriction: bool
) -> None:
    with opened(folder) as data:
        why = WHY | {where: f"Pat, {SPELLED}, is a witness"}
        hold = ByName(data).hold_add(
            number=OTHER, restriction=restriction, ground=None if restriction else "claim", **why, actor=ANN
        )
        reference = granted(data)
        done = carry_out(data, reference)
        kind = "restriction" if restriction else "hold"
        assert done["held_by"] == [f"{kind} on another matter ({hold['id']})"]
        assert (done["recordings"], done["held_calls"], done["mentions"]) == (1, 0, [])
        (receipt,) = rows(data, "SELECT body FROM facts WHERE kind = 'request_carried'")
        assert "900123" not in receipt["body"] and "900 123" not in receipt["body"]
        assert [row.id for row in data.store.call(lambda tx: kept.holds_on(tx, ["other"]))] == [hold["id"]]
        letter = ByName(data).request_letter(request=reference, kind="confirmation", actor=ANN)
        said = " ".join(letter["text"].split())
        assert "appears in records about somebody else" in said and why["reference"] not in said
    with ExitStack() as stack:
        data = open_folder(load(folder / "config.toml"), stack, clock=SetClock(START + timedelta(days=600)))
        assert data.retention.sweep(actor=ANN).held == 1
        (row,) = rows(data, "SELECT state FROM recordings WHERE recording_id = 'other'")
        assert row["state"] == "closed"
        assert ByName(data).hold_release(hold_id=hold["id"], reason="settled", actor=ANN)["released"]
        assert data.retention.sweep(actor=ANN).erased == 1
        assert data.log.verify().ok


def test_a_hold_on_one_number_of_a_person_mentions_the_other(data: DataFolder) -> None:
    hold = ByName(data).hold_add(ground="claim", number=SECOND, reason=f"also {SPELLED}", reference="case 3", actor=ANN)
    desk = ByName(data)
    reference = desk.request_open(
        asks="erasure", channel="post", name="Pat Person", numbers=[SPELLED, SECOND], actor=ANN
    )["reference"]
    desk.request_verify_identity(request=reference, checked="passport seen", actor=ANN)
    desk.request_search(request=reference, actor=ANN)
    desk.request_decide(request=reference, grant=True, actor=ANN)
    done = carry_out(data, reference)
    assert done["held_by"] == [f"hold case 3 ({hold['id']})"]
    (kept_,) = desk.hold_list(actor=ANN)["items"]
    assert (kept_["number"], kept_["reason"]) == (SECOND, f"also {SPELLED}")
    assert desk.consent_list(number=SPELLED, actor=ANN)["items"] == []


def test_a_request_of_another_person_on_the_same_line_is_theirs(data: DataFolder) -> None:
    desk = ByName(data)
    closed, open_, own = (
        desk.request_open(asks="access", channel="post", name=name, numbers=[PERSON], actor=ANN)["reference"]
        for name in ("Olu Other", "Olu Other", "Mr P. Person")
    )
    for each in (closed, own):
        desk.request_withdraw(request=each, actor=ANN)
    done = carry_out(data, granted(data))
    assert (done["mentions"], done["open_requests"]) == ([f"request {closed}", f"request {open_}"], [])
    names = [desk.request_show(request=each, actor=ANN)["name"] for each in (closed, open_, own)]
    assert names == ["Olu Other", "Olu Other", None]
    assert data.log.verify().ok


def test_what_others_said_is_theirs_and_the_receipt_says_where(data: DataFolder) -> None:
    desk = ByName(data)
    consent = desk.consent_add(
        number=OTHER, how="phone", wording="yes", who="Olu", evidence=f"asked from {SPELLED}", actor=ANN
    )["id"]
    objection = desk.objection_add(number=SECOND, note=f"not {SPELLED} either", actor=ANN)["id"]
    released = desk.hold_add(ground="claim", number=OTHER, **WHY, actor=ANN)["id"]
    desk.hold_release(hold_id=released, reason=f"{SPELLED} says so", actor=ANN)
    closed, open_ = (
        desk.request_open(
            asks="access", channel="post", name="Olu Other", numbers=[OTHER], about=f"a call from {SPELLED}", actor=ANN
        )["reference"]
        for _ in range(2)
    )
    desk.request_withdraw(request=closed, actor=ANN)
    reference = granted(data)
    done = carry_out(data, reference)
    assert done["mentions"] == sorted(
        [f"consent {consent}", f"objection {objection}", f"hold {released}", f"request {closed}", f"request {open_}"]
    )
    assert (done["held_by"], done["open_requests"]) == ([], [])
    assert carry_out(data, reference)["mentions"] == done["mentions"]
    desk.request_told(request=reference, actor=ANN)
    assert [each["who"] for each in desk.consent_list(number=OTHER, actor=ANN)["items"]] == ["Olu"]
    assert desk.check(number=OTHER, actor=ANN)["reason"] == "consented"
    assert [each["note"] for each in desk.objection_list(number=SECOND, actor=ANN)["items"]]
    desk.request_withdraw(request=open_, actor=ANN)
    assert {desk.request_show(request=each, actor=ANN)["name"] for each in (closed, open_)} == {"Olu Other"}
    assert desk.request_show(request=reference, actor=ANN)["carried_out"]["mentions"] == done["mentions"]
    assert data.log.verify().ok


def test_a_hold_put_on_while_the_log_is_gone_through_is_named(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = granted(data)
    read, put = data.one(Eraser)._read, []

    def late(query: Any) -> Any:
        found = read(query)
        if not put:
            put.append(ByName(data).hold_add(ground="claim", number=SPELLED, **WHY, actor=ANN)["id"])
        return found

    monkeypatch.setattr(data.one(Eraser), "_read", late)
    assert carry_out(data, reference)["held_by"] == [f"hold case 17/2026 ({put[0]})"]
    assert ByName(data).consent_list(number=SPELLED, actor=ANN)["items"]


def test_a_hold_that_ends_while_recordings_go_leaves_no_recording_behind(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = ByName(data).hold_add(ground="claim", recording_id="rec0", **WHY, actor=ANN)["id"]
    reference = granted(data)
    erase = data.retention.erase_asked

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        outcome = erase(*arguments, **more)
        if data.store.call(lambda tx: kept.hold(tx, hold)).released_at is None:
            ByName(data).hold_release(hold_id=hold, reason="settled", actor=ANN)
        return outcome

    monkeypatch.setattr(data.retention, "erase_asked", meanwhile)
    done = carry_out(data, reference)
    assert (done["recordings"], done["held_back"], done["held_by"]) == (1, 0, [])
    (row,) = rows(data, "SELECT state FROM recordings WHERE recording_id = 'rec0'")
    assert row["state"] == "erased" and data.keys.wraps("rec0") == []


def test_facts_are_not_emptied_while_their_recording_opens(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds that come and go at the wrong moments each time: nothing of the call is lost, and it is told."""
    reference = granted(data)
    erase = data.retention.erase_asked

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        hold = ByName(data).hold_add(ground="claim", recording_id="rec0", **WHY, actor=ANN)["id"]
        outcome = erase(*arguments, **more)
        ByName(data).hold_release(hold_id=hold, reason="settled", actor=ANN)
        return outcome

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="held when their turn came"):
        patch.setattr(data.retention, "erase_asked", meanwhile)
        carry_out(data, reference)
    assert ByName(data).calls_show(call_id="call-rec0", actor=ANN)["call"]["number"] == PERSON
    assert carry_out(data, reference)["recordings"] == 1


def test_a_file_that_only_mentions_is_looked_for_in_clear(data: DataFolder) -> None:
    """What the receipt names is all that is left."""
    hold = ByName(data).hold_add(
        ground="claim", number=OTHER, reason=f"{SPELLED} is a witness", reference="case 4", actor=ANN
    )["id"]
    reference = granted(data)
    carry_out(data, reference)
    ByName(data).request_told(request=reference, actor=ANN)
    assert spelled_in(data.config.data, "Pat Person", "1 High Street", "7700900123") == []
    left = rows(data, "SELECT subject, body FROM facts WHERE instr(body, ?) > 0", SPELLED)
    assert [(row["subject"], json.loads(row["body"])["reference"]) for row in left] == [(hold, "case 4")]


def test_what_a_request_forgot_leaves_the_log_when_its_readers_are_done(data: DataFolder) -> None:
    reference = granted(data)
    carry_out(data, reference)
    reader = Reader(data.store.path)
    ByName(data).request_told(request=reference, actor=ANN)
    names = ("Pat Person", "1 High Street", "7700900123")
    assert spelled_in(data.config.data, *names) != []
    assert ByName(data).check(number=SPELLED, actor=ANN)["reason"] == "objected"
    reader.close()
    until(lambda: not spelled_in(data.config.data, *names), seconds=10 * IDLE_SECONDS)


def test_what_was_written_about_the_persons_calls_goes_with_them(folder: Path) -> None:
    """Why their number was shown, why a recording was held and is no more, and a purpose that names them."""
    with opened(folder) as data:
        desk = ByName(data)
        for call in ("call-rec0", "call-other"):
            desk.reveal(kind="call", id=call, why=f"Pat Person's neighbour, {call}", actor=ANN)
        hold = desk.hold_add(
            ground="claim", recording_id="rec0", reason="the Person claim", reference="Pat 17", actor=ANN
        )["id"]
        desk.hold_release(hold_id=hold, reason="Mr Person settled", actor=ANN)
        for purpose in ("Pat Person complains", "quality"):
            desk.recording_take(recording_id="rec0", purpose=purpose, recipient="0123456789abcdef", actor=ANN)
        reference = granted(data)
        carry_out(data, reference)
        desk.request_told(request=reference, actor=ANN)
        bodies = [row["body"] for row in rows(data, "SELECT body FROM facts WHERE body IS NOT NULL")]
        (kept_hold,) = desk.hold_list(released=True, actor=ANN)["items"]
        assert [kept_hold[name] for name in ("reason", "reference", "released_why")] == [None, None, None]
        told = "Pat Person", "Pat 17", "Person claim", "Person settled"
        assert [body for body in bodies if any(each in body for each in told)] == [
            json.dumps({"kind": "call", "why": "Pat Person's neighbour, call-other"}, separators=(",", ":"))
        ]
        assert any('"purpose":"quality"' in body for body in bodies)
        assert data.log.verify().ok
    assert spelled_in(folder / "data", "Person claim", "Person settled", "Pat Person complains") == []


def test_why_a_contacts_number_was_shown_goes_with_the_contact(data: DataFolder, tmp_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text(f"id,phone\nP-1,{PERSON}\nO-1,{OTHER}\n", encoding="utf-8")
    desk = ByName(data)
    desk.contacts_import(file=open_file(crm), reference="id", actor=ANN)
    for reference in ("P-1", "O-1"):
        desk.reveal(kind="contact", id=reference, why=f"a callback, {reference}", actor=ANN)
    carry_out(data, granted(data))
    shown = rows(data, "SELECT body FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL")
    assert [json.loads(row["body"])["reference"] for row in shown] == ["O-1"]
