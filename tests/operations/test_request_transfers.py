"""Requests of people whose call was transferred: the talk before, and the call in whose recording they are heard."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.client.packs import contents_of
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.core.rows.retention import CallPast
from gate.errors import RefusedError, UsageError
from gate.operations.calls.recordings import RecordingTake
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.erasure import terms
from gate.operations.erasure.eraser import CarryOut
from gate.operations.erasure.plan import Carried
from gate.operations.requests.course import Decide, Open, Rectify, VerifyIdentity
from gate.operations.requests.listing import Show
from gate.operations.requests.searching import ContentsOf, Found, Search
from gate.operations.requests.telling import to_tell_of_restriction
from gate.operations.retention.holds import HoldAdd
from gate.ports import Fact
from gate.store import kept, queries, transfers
from tests.support.asking import ask
from tests.support.commands import dialgate
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.keeping import plant
from tests.support.requesting import ANN, OTHER, PERSON, START, key_of, opened

THIRD = "+447700900777"
RIGHT = "My name is Pat Person, not Pam Parson."
CALLED = {"first": PERSON, "next": OTHER, "last": THIRD}
"""Recordings of talks that were transferred, one to the other: a chain."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transfers") / "gate"
    make_example(folder)
    private = key_of(folder)
    with opened(folder) as data:
        place = data.config.data / "recordings"
        # The first transfer is blind, its decision names the talk; the second joins two talks.
        for n, (name, number) in enumerate(CALLED.items()):
            of: dict[str, Any] = {"transfer_of": "call-first"} if name == "next" else {}
            at = START + timedelta(minutes=n)
            plant(data.store, data.keys, place, private.recipient, name, at, number, **of)
        plant(data.store, data.keys, place, private.recipient, "alone", START, THIRD)
        for talk, to in (("call-first", "call-next"), ("call-next", "call-last")):
            body = {"call_id": talk, "to": to}
            data.store.call(lambda tx, talk=talk, body=body: tx.append(Fact("transferred", talk, START, ANN, body)))
    return folder


def found(data: DataFolder, number: str, asks: Asks = Asks.ACCESS, **search: Any) -> tuple[str, Found]:
    """A request by somebody with this number, searched for; its reference and the answer."""
    reference = ask(
        data, Open(asks=asks, channel="post", name="Pat Person", contact="1 High Street", numbers=(number,)), ANN
    ).reference
    ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    return reference, ask(data, Search(request=reference, **search), ANN)


def granted(data: DataFolder, number: str, asks: Asks) -> str:
    reference, _ = found(data, number, asks)
    ask(data, Decide(request=reference, grant=True), ANN)
    return reference


def erased(data: DataFolder, number: str) -> Carried:
    reference = granted(data, number, Asks.ERASURE)
    return ask(data, CarryOut(request=reference, execute=True), ANN)


def states(data: DataFolder) -> dict[str, str]:
    rows = data.store.call(lambda tx: query(tx, "SELECT recording_id, state FROM recordings"))
    return {row["recording_id"]: row["state"] for row in rows}


def numbers(data: DataFolder) -> dict[str, str | None]:
    rows = data.store.call(lambda tx: query(tx, "SELECT call_id, number FROM calls"))
    return {row["call_id"].removeprefix("call-"): row["number"] for row in rows}


@pytest.mark.parametrize(
    ("number", "calls"),
    [(PERSON, ["first", "next", "last"]), (OTHER, ["next", "last"]), (THIRD, ["alone", "last"])],
)
def test_a_search_finds_every_recording_in_which_somebody_is_heard(
    data: DataFolder, number: str, calls: list[str]
) -> None:
    _, answer = found(data, number)
    assert [each.recording_id for each in answer.calls] == calls
    by_transfer = [each.recording_id for each in answer.calls if each.by_transfer]
    assert by_transfer == [name for name in calls if CALLED.get(name, THIRD) != number]
    shared = [each.recording_id for each in answer.calls if "another person is heard in it" in each.outcome]
    assert shared == [name for name in calls if name in ("next", "last")]
    assert answer.whole and answer.outside == []


def test_whoever_handles_it_is_told_that_another_person_is_heard(folder: Path, tmp_path: Path) -> None:
    config = ("-c", str(folder / "config.toml"))
    with opened(folder) as data:
        reference, _ = found(data, PERSON, Asks.ERASURE)
    said = dialgate("request", "search", reference, *config)
    print(said.out, said.err)
    assert sum("another person is heard in it" in line for line in said.out.splitlines()) == 2
    assert dialgate("request", "decide", reference, "--grant", *config).code == 0
    asked = dialgate("request", "fulfil", reference, "--letters", str(tmp_path / "letters"), *config)
    print(asked.out, asked.err)
    assert "To be erased: 3 calls, 3 recordings" in asked.err
    assert "Another person is heard in 2 recordings of these." in asked.err


def test_a_span_counts_for_the_call_after_a_transfer_too(data: DataFolder) -> None:
    at = START + timedelta(minutes=1)
    _, answer = found(data, PERSON, since=at, until=at + timedelta(seconds=1))
    assert [each.recording_id for each in answer.calls] == ["next"]
    assert [each.recording_id for each in answer.outside] == ["first", "last"]


def test_what_is_chosen_makes_no_number_of_another_the_persons(data: DataFolder) -> None:
    reference, _ = found(data, PERSON, calls=["call-first", "call-next"])
    assert ask(data, Show(request=reference), ANN).lines == [PERSON]


def test_a_pack_has_the_recordings_and_nothing_else_of_the_other_person(data: DataFolder) -> None:
    theirs = granted(data, OTHER, Asks.RECTIFICATION)
    ask(data, Rectify(request=theirs, records=("next",), statement="My name is Olly Other."), ANN)
    reference = granted(data, PERSON, Asks.ACCESS)
    held = ask(data, ContentsOf(request=reference), ANN)
    contents = contents_of(data.config, held, {}, date(2026, 3, 2))
    assert [call.number for call in contents.calls] == [PERSON, "", ""]
    assert [bool(call.decision) for call in contents.calls] == [True, False, False]
    assert contents.calls[1].recording.startswith("in this file")
    assert contents.calls[1].outcome == "after a transfer: answered, 1 s (another person is heard in it)"
    assert "Olly" not in repr(contents) and OTHER not in repr(contents)


def test_whoever_was_transferred_puts_right_what_both_are_heard_in(data: DataFolder) -> None:
    reference = granted(data, PERSON, Asks.RECTIFICATION)
    ask(data, Rectify(request=reference, records=("first", "next", "call-last"), statement=RIGHT), ANN)
    facts = data.store.call(lambda tx: query(tx, "SELECT subject FROM facts WHERE kind = 'rectification'"))
    assert [row["subject"] for row in facts] == ["first", "next", "call-last"]
    with pytest.raises(UsageError, match="recording alone is of another number"):
        ask(data, Rectify(request=reference, records=("alone",), statement=RIGHT), ANN)
    of_callee = granted(data, THIRD, Asks.RECTIFICATION)
    with pytest.raises(UsageError, match="call call-first is of another number"):
        ask(data, Rectify(request=of_callee, records=("call-first",), statement=RIGHT), ANN)


def test_what_the_transferred_put_right_is_theirs_alone(data: DataFolder) -> None:
    theirs = granted(data, PERSON, Asks.RECTIFICATION)
    ask(data, Rectify(request=theirs, records=("next",), statement=RIGHT), ANN)
    for number, said in ((PERSON, True), (OTHER, False)):
        held = ask(data, ContentsOf(request=granted(data, number, Asks.ACCESS)), ANN)
        assert (RIGHT in repr(held)) is said
    erased(data, PERSON)
    left = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'rectification'"))
    assert [row["body"] for row in left] == [None]


def test_an_erasure_takes_the_shared_recordings_and_leaves_what_is_the_others(data: DataFolder) -> None:
    done = erased(data, PERSON)
    assert (done.calls, done.recordings, done.shared) == (3, 3, 2)
    assert states(data) == {"first": "erased", "next": "erased", "last": "erased", "alone": "closed"}
    assert numbers(data) == {"first": None, "next": OTHER, "last": THIRD, "alone": THIRD}
    calls = [f"call-{name}" for name in CALLED]
    assert data.store.call(lambda tx: transfers.of_others(tx, calls, [PERSON])) == {*calls[1:]}, "told apart after it"
    _, answer = found(data, OTHER)
    assert [(each.recording_id, each.recording) for each in answer.calls] == [
        ("next", "erased"), ("last", "erased"),
    ]  # fmt: skip
    assert ask(data, Check(number=OTHER), ANN).reason != "objected"
    report = data.log.verify()
    assert report.ok, report.first_fault


@pytest.mark.parametrize(("held", "asks"), [(PERSON, OTHER), (OTHER, PERSON)])
def test_a_hold_on_either_keeps_what_both_are_heard_in(data: DataFolder, held: str, asks: str) -> None:
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=held, reason="a claim", reference="claim 1"), ANN)
    assert hold.kept == (3 if held == PERSON else 2)
    done = erased(data, asks)
    assert (states(data)["next"], states(data)["last"]) == ("closed", "closed")
    assert states(data)["first"] == ("closed" if held == PERSON else "erased")
    assert (done.held_calls, done.held_by) == (2, [f"hold claim 1 ({hold.id})"])


def test_a_restriction_closes_what_they_are_heard_in(data: DataFolder) -> None:
    exported = {"call_id": "call-last", "bundle": "bundle-1", "recipient": "regulator", "purpose": "asked"}
    data.store.call(lambda tx: tx.append(Fact("exported", "last", START, ANN, exported)))
    granted(data, PERSON, Asks.RESTRICTION)
    for name in CALLED:
        with pytest.raises(RefusedError) as refused:
            ask(data, RecordingTake(recording_id=name, purpose="a complaint"), ANN)
        assert refused.value.reason == "restricted"
    told = data.store.call(lambda tx: to_tell_of_restriction(tx, [PERSON]))
    assert [each.recording for each in told["regulator"]] == ["last"]
    assert data.store.call(lambda tx: kept.holds_on(tx, ["alone"])) == []


def test_a_record_stays_while_its_callee_is_heard_in_another_recording(data: DataFolder) -> None:
    ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="last", reason="a claim", reference="claim 1"), ANN)
    facts = [
        Fact(kind, "first", START, ANN, {"call_id": "call-first", "basis": "retention"})
        for kind in ("recording_erasing", "recording_erased")
    ]
    data.store.call(lambda tx: [tx.append(fact) for fact in facts])
    rows = [CallPast(call_id="call-first", at="", number=PERSON)]
    went = data.store.call(lambda tx: terms.erase_calls(tx, rows, at=START, actor=ANN, what="calls"))
    assert went == (0, 1)
    assert data.store.call(lambda tx: queries.call(tx, "call-first")).call.number == PERSON
