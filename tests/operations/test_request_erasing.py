"""An erasure that was asked for: everything of the person goes, what is held stays, whatever happens in between."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.core.request_words import Asks, LetterKind
from gate.core.retention import HoldGround
from gate.errors import GateError, KeyShredded, RefusedError, StoreError
from gate.operations.calls.calls import CallsList, CallsShow, Kind, Reveal
from gate.operations.calls.recordings import RecordingTake
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut, Eraser, StoreRewrite
from gate.operations.erasure.plan import Carried
from gate.operations.lists.consents import ConsentList
from gate.operations.requests.course import AnswerSent, Clarified, Clarify, Decide, Open, VerifyIdentity, Withdraw
from gate.operations.requests.letters import WriteLetter
from gate.operations.requests.listing import Show
from gate.operations.requests.searching import Search
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.operations.status.glance import Status
from gate.ports import Fact
from gate.vault.reader import open_recording
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.requesting import (
    ANN,
    OTHER,
    PERSON,
    SPELLED,
    START,
    asked,
    granted,
    key_of,
    opened,
    prepared,
    spelled_in,
)
from tests.support.running_gate import dialgate
from tests.support.vault import found_in

SAID = ("7700900123", "7700 900123", "7700-900 123", "Pat Person", "1 High Street")
"""What must be in no file any more."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("erasing") / "gate"
    prepared(folder)
    return folder


@pytest.mark.engine("postgresql")
def test_an_erasure_in_a_large_table_is_done_when_the_table_was_written_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gate.store import postgresql  # psycopg is an extra

    monkeypatch.setattr(postgresql, "REWRITTEN", 0)
    with opened(folder) as data:
        reference = granted(data)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"free room of dialgate\.calls and .*too large") as failed:
                carry_out(data, reference)
            assert "dialgate store rewrite" in failed.value.hint
    with opened(folder) as data:
        data.one(Eraser).resume()
        assert facts(data, "request_carried") == [], "no receipt before it is so"
        assert "dialgate.calls" in " ".join(ask(data, Status(), ANN).warnings)
        done = ask(data, StoreRewrite(), ANN)
        assert (done.bytes > 0, done.requests) == (True, 1)
        assert len(facts(data, "request_carried")) == len(facts(data, "store_rewritten")) == 1
        assert "dialgate.calls" not in " ".join(ask(data, Status(), ANN).warnings)
        assert ask(data, StoreRewrite(), ANN).bytes == 0


def facts(data: DataFolder, kind: str) -> list[dict[str, Any]]:
    rows = data.store.call(lambda tx: query(tx, "SELECT subject, body FROM facts WHERE kind = ?", (kind,)))
    return [row | {"body": json.loads(row["body"]) if row["body"] else None} for row in rows]


def states(data: DataFolder) -> dict[str, str]:
    rows = data.store.call(lambda tx: query(tx, "SELECT recording_id, state FROM recordings"))
    return {row["recording_id"]: row["state"] for row in rows}


def carry_out(data: DataFolder, reference: str) -> Carried:
    return ask(data, CarryOut(request=reference, execute=True), ANN)


def gone(data: DataFolder, reference: str) -> None:
    """Nothing of the person is left but that she is not to be called."""
    files = data.config.data
    assert spelled_in(files, *SAID) == []
    assert {name for name, each in states(data).items() if each == "erased"} == {"rec0", "rec1", "rec2"}
    assert not list((files / "recordings").rglob("rec*.dgr"))
    assert data.keys.wraps("rec0") == []
    assert ask(data, Check(number=SPELLED), ANN).reason == "objected"
    assert [each["subject"] for each in facts(data, "recording_erased")] == ["rec0", "rec1", "rec2"]
    (receipt,) = facts(data, "request_carried")
    assert receipt["body"]["recordings"] == 3
    report = data.log.verify()
    assert report.ok, report.first_fault
    assert ask(data, Show(request=reference), ANN).name is None


def test_what_goes_is_what_was_shown_or_nothing_does(data: DataFolder) -> None:
    reference = granted(data)
    plan = ask(data, CarryOut(request=reference), ANN)
    ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", reason="a claim", reference="claim 1"), ANN)
    with pytest.raises(RefusedError) as refused:
        ask(data, CarryOut(request=reference, execute=True, digest=str(plan.digest)), ANN)
    assert refused.value.reason == "plan_changed"
    assert facts(data, "request_carrying") == [] and states(data)["rec1"] == "closed"
    now = ask(data, CarryOut(request=reference), ANN)
    done = ask(
        data, CarryOut(request=reference, execute=True, digest=str(now.digest), reason="asked for in writing"), ANN
    )
    assert (now.recordings, done.recordings, done.held_back) == (2, 2, 1)
    said = [each["body"] for each in facts(data, "request_words")]
    assert {"step": "erasing", "text": "asked for in writing"} in said


def test_what_would_go_is_told_before_it_is_granted_and_not_before_the_search(data: DataFolder) -> None:
    reference = ask(data, Open(asks=Asks.ERASURE, channel="post", name="Pat Person", numbers=(SPELLED,)), ANN).reference
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    with pytest.raises(RefusedError):
        ask(data, CarryOut(request=reference), ANN)
    ask(data, Search(request=reference), ANN)
    plan = ask(data, CarryOut(request=reference), ANN)
    assert (plan.calls, plan.recordings) == (5, 3)
    with pytest.raises(RefusedError):
        ask(data, CarryOut(request=reference, execute=True, digest=str(plan.digest)), ANN)
    assert states(data)["rec0"] == "closed"


@pytest.mark.engine("sqlite")
def test_nothing_is_left_in_any_file_and_the_person_stays_uncallable(data: DataFolder, folder: Path) -> None:
    wraps = [wrap for n in range(3) for _, wrap in data.keys.wraps(f"rec{n}")]
    sealed = {path.name: path.read_bytes() for path in (data.config.data / "recordings").rglob("rec*.dgr")}
    assert len(spelled_in(data.config.data, *SAID)) > 2
    assert len(found_in(data.config.data, wraps)) == 3
    reference = granted(data)
    plan = ask(data, CarryOut(request=reference), ANN)
    assert (plan.dry_run, plan.calls, plan.recordings, plan.held_by) == (True, 5, 3, [])
    assert states(data)["rec0"] == "closed", "a dry run erases nothing"

    done = carry_out(data, reference)

    assert (done.calls, done.recordings, done.held_back, done.open_requests) == (5, 3, 0, [])
    assert found_in(data.config.data, wraps) == []
    assert found_in(data.config.data, [each[400:] for each in sealed.values()]) == []
    assert spelled_in(data.config.data, SAID[0]) != [], "the request knows whom to tell"
    request_id = ask(data, Show(request=reference), ANN).id
    ask(data, Reveal(kind=Kind.REQUEST, id=request_id, why=f"to ring Pat Person back on {SPELLED}"), ANN)
    said = {"kind": "confirmation", "sha256": "ab" * 32, "server": "250 <Pat Person@example.org> 1 High Street: queued"}
    data.store.call(lambda tx: tx.append(Fact("letter_sent", request_id, START, ANN, said)))
    ask(data, AnswerSent(request=reference), ANN)
    gone(data, reference)
    with pytest.raises(KeyShredded):
        backup = folder / "rec0.dgr"
        backup.write_bytes(sealed["rec0.dgr"])
        open_recording(backup, data.keys.wraps("rec0"), key_of(folder), recording_id="rec0")
    assert states(data)["other"] == "closed"
    assert ask(data, CallsList(number=OTHER), ANN).items
    assert carry_again(data, reference) == "request_not_ready"


def carry_again(data: DataFolder, reference: str) -> str:
    with pytest.raises(RefusedError) as refused:
        carry_out(data, reference)
    return refused.value.reason


def test_the_receipt_names_nobody(data: DataFolder) -> None:
    reference = granted(data)
    carry_out(data, reference)
    (receipt,) = facts(data, "request_carried")
    assert receipt["body"] == {
        "calls": 5,
        "recordings": 3,
        "shared": 0,
        "facts": receipt["body"]["facts"],
        "whole": True,
        "tell": {},
        "held_back": 0,
        "held_calls": 0,
        "held_by": [],
        "held": 0,
        "open_requests": [],
        "mentions": [],
        "backups_until": data.retention.backups_until().isoformat(),
    }
    erased = [each["body"] for each in facts(data, "recording_erased")]
    assert {each["basis"] for each in erased} == {f"request {reference}"}


def test_twice_is_harmless(data: DataFolder) -> None:
    reference = granted(data)
    first = carry_out(data, reference)
    leaves = data.store.call(lambda tx: tx.head()[0])
    assert carry_out(data, reference) == first
    assert data.store.call(lambda tx: tx.head()[0]) == leaves


@pytest.mark.parametrize("target", ["recording_id", "call_id"])
def test_what_a_hold_keeps_stays_whole_and_is_named(data: DataFolder, folder: Path, target: str) -> None:
    value = {"recording_id": "rec1", "call_id": "call-rec1"}[target]
    why: dict[str, Any] = {target: value, "reason": "a claim", "reference": "case 17/2026"}
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, **why), ANN)
    reference = granted(data)
    done = carry_out(data, reference)
    assert done.held_by == [f"hold case 17/2026 ({hold.id})"]
    assert (done.recordings, done.held_back, done.held_calls) == (2, 1, 1)
    assert states(data)["rec1"] == "closed"
    taken = ask(data, RecordingTake(recording_id="rec1", purpose="the claim"), ANN)
    _, chunks = open_recording(Path(taken.path), data.keys.wraps("rec1"), key_of(folder), recording_id="rec1")
    assert b"".join(chunks)
    assert taken.call.number == PERSON, "evidence that is held is whole"
    letter = ask(data, WriteLetter(request=reference, kind=LetterKind.CONFIRMATION), ANN)
    assert "case 17/2026" in letter.text and hold.id not in letter.text
    ask(data, AnswerSent(request=reference), ANN)
    assert ask(data, Check(number=SPELLED), ANN).reason == "objected"
    assert data.log.verify().ok


@pytest.mark.parametrize("where", [{"call_id": "refused"}, {"number": SPELLED}])
def test_a_hold_put_on_at_the_last_moment_is_kept(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any]
) -> None:
    reference = granted(data)
    empty = data.one(Eraser)._empty

    def late(*arguments: Any) -> Any:
        ask(data, HoldAdd(ground=HoldGround.CLAIM, **where, reason="a claim", reference="case 19/2026"), ANN)
        return empty(*arguments)

    monkeypatch.setattr(data.one(Eraser), "_empty", late)
    carry_out(data, reference)
    left = {each.call_id for each in ask(data, CallsList(number=SPELLED), ANN).items}
    assert "refused" in left
    assert bool(ask(data, ConsentList(number=SPELLED), ANN).items) is ("number" in where)


def test_a_held_number_keeps_everything(data: DataFolder) -> None:
    ask(data, HoldAdd(ground=HoldGround.CLAIM, number=SPELLED, reason="a claim", reference="case 18/2026"), ANN)
    reference = granted(data)
    done = carry_out(data, reference)
    assert (done.recordings, done.held_calls) == (0, 5)
    assert set(states(data).values()) == {"closed"}
    assert len(ask(data, CallsList(number=SPELLED), ANN).items) == 4
    assert ask(data, ConsentList(number=SPELLED), ANN).items


def test_a_restriction_of_their_own_ends_with_their_erasure(data: DataFolder) -> None:
    """Their request is their consent (Article 18(2), LAW 7.2)."""
    granted(data, Asks.RESTRICTION)
    reference = granted(data)
    assert ask(data, CarryOut(request=reference), ANN).held_by == []
    done = carry_out(data, reference)
    assert (done.recordings, done.held_by) == (3, [])
    (released,) = ask(data, HoldList(released=True), ANN).items
    assert released.released_at is not None
    assert [states(data)[name] for name in ("rec0", "rec1", "rec2")] == ["erased"] * 3


def test_a_restriction_of_their_own_stands_for_what_they_did_not_ask_to_be_erased(data: DataFolder) -> None:
    """Asked for one call, the erasure ended the restriction of all others."""
    granted(data, Asks.RESTRICTION)
    reference = granted(data, since=START - timedelta(hours=1), until=START + timedelta(minutes=5))
    done = carry_out(data, reference)
    assert (done.recordings, done.held_by, done.whole) == (1, [], False)
    assert [states(data)[name] for name in ("rec0", "rec1", "rec2")] == ["erased", "closed", "closed"]
    (stands,) = ask(data, HoldList(), ANN).items
    assert (stands.kind, stands.released_at) == ("restriction", None)
    with pytest.raises(GateError):
        ask(data, RecordingTake(recording_id="rec1", purpose="training"), ANN)


def test_a_restriction_that_somebody_else_asked_for_stands(data: DataFolder) -> None:
    """On a line that two people share."""
    theirs = ask(data, Open(asks=Asks.RESTRICTION, channel="post", name="Olu Other", numbers=(SPELLED,)), ANN)
    ask(data, VerifyIdentity(request=theirs.reference, checked="passport seen"), ANN)
    ask(data, Search(request=theirs.reference), ANN)
    ask(data, Decide(request=theirs.reference, grant=True), ANN)
    done = carry_out(data, granted(data))
    assert done.recordings == 0
    assert done.held_by[0].startswith("restriction DSR-")


def test_a_search_narrowed_by_time_erases_those_calls_only(data: DataFolder) -> None:
    reference = granted(data, since=START - timedelta(hours=1), until=START + timedelta(minutes=5))
    done = carry_out(data, reference)
    assert (done.calls, done.recordings, done.whole) == (1, 1, False)
    assert states(data) | {"other": ""} == {"rec0": "erased", "rec1": "closed", "rec2": "closed", "other": ""}
    assert len(ask(data, CallsList(number=SPELLED), ANN).items) == 3
    assert ask(data, ConsentList(number=SPELLED), ANN).items
    text = ask(data, WriteLetter(request=reference, kind=LetterKind.CONFIRMATION), ANN).text
    assert "We have erased the calls that you named, and nothing else. We still hold" in " ".join(text.split())


def test_earlier_requests_forget_the_person_and_open_ones_are_named(data: DataFolder) -> None:
    done, open_ = granted(data, Asks.RESTRICTION), asked(data, Asks.ACCESS)
    ask(data, AnswerSent(request=done), ANN)
    (hold,) = ask(data, HoldList(), ANN).items
    told: dict[str, Any] = {"told_on": "2026-03-02", "evidence": "RM 7 of 2 March"}
    ask(data, HoldRelease(hold_id=hold.id, reason="lifted for Pat Person", **told), ANN)
    wordy = ask(
        data, Open(asks=Asks.COMPLAINT, channel="post", name="Pat Person", about=f"rung up on {SPELLED}"), ANN
    ).reference
    carried = carry_out(data, granted(data))
    assert (carried.open_requests, carried.mentions) == ([open_, wordy], [])
    assert ask(data, Show(request=done), ANN).name is None
    assert ask(data, Show(request=open_), ANN).name == "Pat Person"
    other = asked(data, Asks.ACCESS)
    for reference in (open_, wordy, other):
        ask(data, Withdraw(request=reference, reason="Pat takes it back"), ANN)
    worded = ask(data, Show(request=wordy), ANN)
    assert (worded.name, worded.about) == (None, None)
    gone, kept = (ask(data, Show(request=each), ANN) for each in (open_, other))
    assert (gone.state, gone.name) == ("closed", None)  # it outlived the erasure
    assert kept.name == "Pat Person"  # it came later
    subjects = [gone.id, hold.id]
    bodies = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE subject IN (?, ?)", subjects))
    assert not [row["body"] for row in bodies if "Pat" in (row["body"] or "")]
    (released,) = ask(data, HoldList(released=True), ANN).items
    assert (released.number, released.reason, released.reference, released.released_why) == (None,) * 4
    assert data.log.verify().ok


def test_the_contact_list_forgets_the_person(folder: Path, tmp_path: Path) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text(f"id,phone\n17,{SPELLED}\n18,{OTHER}\n")
    dialgate("contacts", "import", str(crm), "--reference", "id", config=folder / "config.toml")
    with opened(folder) as data:
        reference = granted(data)
        entries = facts(data, "request_searched")[-1]["body"]["entries"]
        assert entries == 2, "a consent and a contact"
        carry_out(data, reference)
        left = data.store.call(lambda tx: query(tx, "SELECT number, reference FROM contacts"))
        assert [row["reference"] for row in left] == ["18"]
        ask(data, AnswerSent(request=reference), ANN)
        assert spelled_in(data.config.data, *SAID) == []


def test_a_call_chosen_by_mistake_leads_to_nobody_elses_erasure(data: DataFolder) -> None:
    reference = ask(data, Open(asks=Asks.ERASURE, channel="post", name="Pat Person", numbers=(SPELLED,)), ANN).reference
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    assert OTHER in list(ask(data, Search(request=reference, calls=("call-other",)), ANN).lines or ())
    assert ask(data, Search(request=reference, everything=True), ANN).lines == [PERSON]
    assert ask(data, Show(request=reference), ANN).lines == [PERSON]
    ask(data, Search(request=reference, calls=("call-other",)), ANN)
    ask(data, Clarify(request=reference, question="which?"), ANN)
    ask(data, Clarified(request=reference, answer="all of mine"), ANN)
    assert ask(data, Search(request=reference, everything=True), ANN).lines == [PERSON]
    ask(data, Decide(request=reference, grant=True), ANN)
    carry_out(data, reference)
    assert states(data)["other"] == "closed" and states(data)["rec0"] == "erased"
    assert ask(data, Check(number=OTHER), ANN).reason != "objected"


def test_a_number_learnt_by_a_choice_is_that_of_the_last_choice(data: DataFolder) -> None:
    reference = ask(data, Open(asks=Asks.ACCESS, channel="post", name="Pat Person"), ANN).reference
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    for call, line in (("call-other", OTHER), ("call-rec0", PERSON)):
        assert ask(data, Search(request=reference, calls=(call,)), ANN).lines == [line]
        for _ in range(2):
            assert ask(data, Search(request=reference, everything=True), ANN).lines == [line]


def test_a_call_in_progress_is_waited_for(data: DataFolder) -> None:
    from tests.support.evidence import decision

    data.store.call(lambda tx: tx.append(decision("live", PERSON, at=START)))
    reference = granted(data)
    with pytest.raises(RefusedError) as refused:
        carry_out(data, reference)
    assert refused.value.reason == "call_in_progress"
    assert set(states(data).values()) == {"closed"}


def test_a_call_that_came_while_it_was_carried_out_stays_whole(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service call, say: nothing of its recording is gone, so nothing of its facts goes."""
    from tests.support.evidence import decision

    reference = granted(data)
    erase = data.retention.erase_asked

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        outcome = erase(*arguments, **more)
        opened = {"call_id": "live", "key_id": "k", "path": "x.dgr", "recipients": [], "purpose": "service"}
        late = [decision("live", PERSON, at=START), Fact("recording_opened", "rec-live", START, "gate", opened)]
        data.store.call(lambda tx: [tx.append(fact) for fact in late])
        return outcome

    monkeypatch.setattr(data.retention, "erase_asked", meanwhile)
    carry_out(data, reference)
    shown = ask(data, CallsShow(call_id="live"), ANN)
    assert shown.call.number == PERSON
    assert [each.call_id for each in ask(data, CallsList(number=SPELLED), ANN).items] == ["live"]


def test_a_file_that_will_not_go_is_told_and_tried_again(data: DataFolder) -> None:
    reference = granted(data)
    (file,) = (data.config.data / "recordings").rglob("rec1.dgr")
    file.unlink()
    file.mkdir()
    (file / "in-the-way").touch()
    with pytest.raises(StoreError, match="would not go"):
        carry_out(data, reference)
    assert data.keys.wraps("rec1") == []
    (file / "in-the-way").unlink()
    file.rmdir()
    assert carry_out(data, reference).recordings == 3


class Killed(Exception):
    """Stands for the end of the process."""


class Dying:
    """Lets so many calls pass and dies at the next: before it, or after its commit."""

    def __init__(self, passes: int, *, after: bool) -> None:
        self.left, self.after = passes, after

    def __call__(self, act: Any) -> Any:
        def acting(*arguments: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left < 0 and not self.after:
                raise Killed
            result = act(*arguments, **more)
            if self.left < 0:
                raise Killed
            return result

        return acting


@pytest.mark.deep
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_point_it_is_finished_at_the_next_start(original: Path, tmp_path: Path, after: bool) -> None:
    with_request = tmp_path / "with-request"
    shutil.copytree(original, with_request)
    with opened(with_request) as data:
        reference = granted(data)
    deaths = 0
    while True:
        folder = tmp_path / f"gate-{deaths}"
        shutil.copytree(with_request, folder)
        with opened(folder) as data, pytest.MonkeyPatch.context() as patch:
            dying = Dying(deaths, after=after)
            patch.setattr(data.store, "call", dying(data.store.call))
            patch.setattr(data.keys, "shred", dying(data.keys.shred))
            patch.setattr(data.one(Eraser), "_scrub", dying(data.store.scrub))
            try:
                data.one(Eraser).carry_out(reference, ANN)
            except Killed:
                pass
            else:
                break
        with opened(folder) as data:  # as the gate starts
            data.retention.at_start()
            data.one(Eraser).resume()
            shown = ask(data, Show(request=reference), ANN)
            if shown.carried_out is None:
                assert states(data)["rec0"] == "closed", "it had not begun"
                data.one(Eraser).carry_out(reference, ANN)
            ask(data, AnswerSent(request=reference), ANN)
            gone(data, reference)
        shutil.rmtree(folder)
        deaths += 1
    assert deaths >= 9


def test_an_erasure_that_cannot_be_resumed_does_not_keep_the_gate_from_starting(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = granted(data)
    with monkeypatch.context() as patch, pytest.raises(GateError):
        patch.setattr(data.one(Eraser), "_scrub", lambda: False)
        patch.setattr("gate.operations.erasure.eraser.time.sleep", lambda _: None)
        carry_out(data, reference)
    monkeypatch.setattr(data.retention, "erase_asked", _no_room)
    assert data.one(Eraser).resume() == 0
    monkeypatch.undo()
    assert data.one(Eraser).resume() == 1


def _no_room(*_: Any, **__: Any) -> None:
    raise StoreError("no room")
