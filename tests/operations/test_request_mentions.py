"""An erasure leaves what is about somebody else: mentioning the person costs nobody a hold, a consent or a request."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.core.request_words import Asks, LetterKind
from gate.core.retention import HoldGround
from gate.daemon.opening import open_folder
from gate.errors import StoreError
from gate.operations.calls.calls import CallsShow, Kind, Reveal
from gate.operations.calls.recordings import RecordingTake
from gate.operations.calls.screening import Check
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut, Eraser
from gate.operations.erasure.plan import Carried
from gate.operations.lists.consents import ConsentAdd, ConsentList
from gate.operations.lists.objections import ObjectionAdd, ObjectionList
from gate.operations.requests.course import AnswerSent, Decide, Open, VerifyIdentity, Withdraw
from gate.operations.requests.letters import WriteLetter
from gate.operations.requests.listing import Show
from gate.operations.requests.searching import Search
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.store import kept
from gate.store.reader import Reader
from gate.store.store import IDLE_SECONDS
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.keeping import SetClock
from tests.support.requesting import ANN, OTHER, PERSON, SPELLED, START, granted, opened, prepared, spelled_in
from tests.support.waiting import until

SECOND = "+447700900777"
"""Another number of the person."""
WHY: dict[str, Any] = {"reason": "a claim", "reference": "case 17/2026"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mentions") / "gate"
    prepared(folder, recordings=1)
    return folder


def carry_out(data: DataFolder, reference: str) -> Carried:
    return ask(data, CarryOut(request=reference, execute=True), ANN)


def rows(data: DataFolder, sql: str, *values: str) -> list[dict[str, Any]]:
    return list(data.store.call(lambda tx: query(tx, sql, values)))


@pytest.mark.parametrize("restriction", [False, True], ids=["hold", "restriction"])
@pytest.mark.parametrize("where", ["reason", "reference"])
def test_a_hold_on_somebody_else_that_mentions_the_person_stays_in_force(
    folder: Path, where: str, restriction: bool
) -> None:
    with opened(folder) as data:
        why: dict[str, Any] = WHY | {where: f"Pat, {SPELLED}, is a witness"}
        hold = ask(
            data,
            HoldAdd(number=OTHER, restriction=restriction, ground=None if restriction else HoldGround.CLAIM, **why),
            ANN,
        )
        reference = granted(data)
        done = carry_out(data, reference)
        kind = "restriction" if restriction else "hold"
        assert done.held_by == [f"{kind} on another matter ({hold.id})"]
        assert (done.recordings, done.held_calls, done.mentions) == (1, 0, [])
        (receipt,) = rows(data, "SELECT body FROM facts WHERE kind = 'request_carried'")
        assert "900123" not in receipt["body"] and "900 123" not in receipt["body"]
        assert [row.id for row in data.store.call(lambda tx: kept.holds_on(tx, ["other"]))] == [hold.id]
        letter = ask(data, WriteLetter(request=reference, kind=LetterKind.CONFIRMATION), ANN)
        said = " ".join(letter.text.split())
        assert "appears in records about somebody else" in said and why["reference"] not in said
    with ExitStack() as stack:
        data = open_folder(load(folder / "config.toml"), stack, clock=SetClock(START + timedelta(days=600)))
        assert data.retention.sweep(actor=ANN).held == 1
        (row,) = rows(data, "SELECT state FROM recordings WHERE recording_id = 'other'")
        assert row["state"] == "closed"
        assert ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ANN).released
        assert data.retention.sweep(actor=ANN).erased == 1
        assert data.log.verify().ok


def test_a_hold_on_one_number_of_a_person_mentions_the_other(data: DataFolder) -> None:
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=SECOND, reason=f"also {SPELLED}", reference="case 3"), ANN)
    reference = ask(
        data, Open(asks=Asks.ERASURE, channel="post", name="Pat Person", numbers=(SPELLED, SECOND)), ANN
    ).reference
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    ask(data, Search(request=reference), ANN)
    ask(data, Decide(request=reference, grant=True), ANN)
    done = carry_out(data, reference)
    assert done.held_by == [f"hold case 3 ({hold.id})"]
    (kept_,) = ask(data, HoldList(), ANN).items
    assert (kept_.number, kept_.reason) == (SECOND, f"also {SPELLED}")
    assert ask(data, ConsentList(number=SPELLED), ANN).items == []


def test_a_request_of_another_person_on_the_same_line_is_theirs(data: DataFolder) -> None:
    closed, open_, own = (
        ask(data, Open(asks=Asks.ACCESS, channel="post", name=name, numbers=(PERSON,)), ANN).reference
        for name in ("Olu Other", "Olu Other", "Mr P. Person")
    )
    for each in (closed, own):
        ask(data, Withdraw(request=each), ANN)
    done = carry_out(data, granted(data))
    assert (done.mentions, done.open_requests) == ([f"request {closed}", f"request {open_}"], [])
    names = [ask(data, Show(request=each), ANN).name for each in (closed, open_, own)]
    assert names == ["Olu Other", "Olu Other", None]
    assert data.log.verify().ok


def test_what_others_said_is_theirs_and_the_receipt_says_where(data: DataFolder) -> None:
    consent = ask(
        data, ConsentAdd(number=OTHER, how="phone", wording="yes", who="Olu", evidence=f"asked from {SPELLED}"), ANN
    ).id
    objection = ask(data, ObjectionAdd(number=SECOND, note=f"not {SPELLED} either"), ANN).id
    released = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=OTHER, **WHY), ANN).id
    ask(data, HoldRelease(hold_id=released, reason=f"{SPELLED} says so"), ANN)
    closed, open_ = (
        ask(
            data,
            Open(asks=Asks.ACCESS, channel="post", name="Olu Other", numbers=(OTHER,), about=f"a call from {SPELLED}"),
            ANN,
        ).reference
        for _ in range(2)
    )
    ask(data, Withdraw(request=closed), ANN)
    reference = granted(data)
    done = carry_out(data, reference)
    assert done.mentions == sorted(
        [f"consent {consent}", f"objection {objection}", f"hold {released}", f"request {closed}", f"request {open_}"]
    )
    assert (done.held_by, done.open_requests) == ([], [])
    assert carry_out(data, reference).mentions == done.mentions
    ask(data, AnswerSent(request=reference), ANN)
    assert [each.who for each in ask(data, ConsentList(number=OTHER), ANN).items] == ["Olu"]
    assert ask(data, Check(number=OTHER), ANN).reason == "consented"
    assert [each.note for each in ask(data, ObjectionList(number=SECOND), ANN).items]
    ask(data, Withdraw(request=open_), ANN)
    assert {ask(data, Show(request=each), ANN).name for each in (closed, open_)} == {"Olu Other"}
    assert ask(data, Show(request=reference), ANN).carried_out.mentions == done.mentions
    assert data.log.verify().ok


def test_a_hold_put_on_while_the_log_is_gone_through_is_named(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = granted(data)
    put: list[str] = []
    read = data.one(Eraser)._read

    def late(query: Any) -> Any:
        found = read(query)
        if not put:
            put.append(ask(data, HoldAdd(ground=HoldGround.CLAIM, number=SPELLED, **WHY), ANN).id)
        return found

    monkeypatch.setattr(data.one(Eraser), "_read", late)
    assert carry_out(data, reference).held_by == [f"hold case 17/2026 ({put[0]})"]
    assert ask(data, ConsentList(number=SPELLED), ANN).items


def test_a_hold_that_ends_while_recordings_go_leaves_no_recording_behind(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", **WHY), ANN).id
    reference = granted(data)
    erase = data.retention.erase_asked

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        outcome = erase(*arguments, **more)
        if data.store.call(lambda tx: kept.hold(tx, hold)).released_at is None:
            ask(data, HoldRelease(hold_id=hold, reason="settled"), ANN)
        return outcome

    monkeypatch.setattr(data.retention, "erase_asked", meanwhile)
    done = carry_out(data, reference)
    assert (done.recordings, done.held_back, done.held_by) == (1, 0, [])
    (row,) = rows(data, "SELECT state FROM recordings WHERE recording_id = 'rec0'")
    assert row["state"] == "erased" and data.keys.wraps("rec0") == []


def test_facts_are_not_emptied_while_their_recording_opens(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds that come and go at the wrong moments each time: nothing of the call is lost, and it is told."""
    reference = granted(data)
    erase = data.retention.erase_asked

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", **WHY), ANN).id
        outcome = erase(*arguments, **more)
        ask(data, HoldRelease(hold_id=hold, reason="settled"), ANN)
        return outcome

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="held when the turn came"):
        patch.setattr(data.retention, "erase_asked", meanwhile)
        carry_out(data, reference)
    assert ask(data, CallsShow(call_id="call-rec0"), ANN).call.number == PERSON
    assert carry_out(data, reference).recordings == 1


def test_a_file_that_only_mentions_is_looked_for_in_clear(data: DataFolder) -> None:
    """What the receipt names is all that is left."""
    hold = ask(
        data, HoldAdd(ground=HoldGround.CLAIM, number=OTHER, reason=f"{SPELLED} is a witness", reference="case 4"), ANN
    ).id
    reference = granted(data)
    carry_out(data, reference)
    ask(data, AnswerSent(request=reference), ANN)
    assert spelled_in(data.config.data, "Pat Person", "1 High Street", "7700900123") == []
    left = rows(data, "SELECT subject, body FROM facts WHERE instr(body, ?) > 0", SPELLED)
    assert [(row["subject"], json.loads(row["body"])["reference"]) for row in left] == [(hold, "case 4")]


@pytest.mark.engine("sqlite")
def test_what_a_request_forgot_leaves_the_log_when_its_readers_are_done(data: DataFolder) -> None:
    reference = granted(data)
    carry_out(data, reference)
    reader = Reader(data.store.path)
    ask(data, AnswerSent(request=reference), ANN)
    names = ("Pat Person", "1 High Street", "7700900123")
    assert spelled_in(data.config.data, *names) != []
    assert ask(data, Check(number=SPELLED), ANN).reason == "objected"
    reader.close()
    until(lambda: not spelled_in(data.config.data, *names), seconds=10 * IDLE_SECONDS)


def test_what_was_written_about_the_persons_calls_goes_with_them(folder: Path) -> None:
    """Why their number was shown, why a recording was held and is no more, and a purpose that names them."""
    with opened(folder) as data:
        for call in ("call-rec0", "call-other"):
            ask(data, Reveal(kind=Kind.CALL, id=call, why=f"Pat Person's neighbour, {call}"), ANN)
        hold = ask(
            data,
            HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", reason="the Person claim", reference="Pat 17"),
            ANN,
        ).id
        ask(data, HoldRelease(hold_id=hold, reason="Mr Person settled"), ANN)
        for purpose in ("Pat Person complains", "quality"):
            ask(data, RecordingTake(recording_id="rec0", purpose=purpose, recipient="0123456789abcdef"), ANN)
        reference = granted(data)
        carry_out(data, reference)
        ask(data, AnswerSent(request=reference), ANN)
        bodies = [row["body"] for row in rows(data, "SELECT body FROM facts WHERE body IS NOT NULL")]
        (kept_hold,) = ask(data, HoldList(released=True), ANN).items
        assert (kept_hold.reason, kept_hold.reference, kept_hold.released_why) == (None, None, None)
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
    ask(data, ContactsImport(path=str(crm), reference="id"), ANN)
    for reference in ("P-1", "O-1"):
        ask(data, Reveal(kind=Kind.CONTACT, id=reference, why=f"a callback, {reference}"), ANN)
    carry_out(data, granted(data))
    shown = rows(data, "SELECT body FROM facts WHERE kind = 'number_shown' AND body IS NOT NULL")
    assert [json.loads(row["body"])["reference"] for row in shown] == ["O-1"]
