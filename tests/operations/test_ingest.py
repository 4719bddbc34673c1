"""Recordings from elsewhere: bound to a decision, sealed as the gate's own are, and nothing left in clear."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.client.packs import contents_of
from gate.config import load
from gate.core.days import LONDON
from gate.core.request_words import Asks
from gate.core.terms import Attempt, Purpose, Topic
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.handed_over_file import HandedOverFile, open_file
from gate.operations.calls.recordings import RecordingList, RecordingTake, RecordingVerify
from gate.operations.data_folder import DataFolder
from gate.operations.ingest.folder import SEALED, IngestFolder, NotRemoved, Outcome, remove
from gate.operations.ingest.ingesting import RecordingIngest, RecordingIngested, recording_ingest
from gate.operations.operation import Caller
from gate.operations.requests.course import Decide, Open, VerifyIdentity
from gate.operations.requests.searching import ContentsOf, Search
from gate.ports import Fact
from gate.store import queries
from tests.support.asking import Asking, ask
from tests.support.audio import tone
from tests.support.commands import dialgate
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.wavs import wav

NUMBER, LISTED = "+442079460123", "+442079460101"
SIP = "6f2c-11@192.0.2.7"


class IngestCase:
    """A data folder, a phone system's folder, and decisions of the gate."""

    def __init__(self, folder: DataFolder, drop: Path) -> None:
        self.folder = folder
        self.drop = drop
        drop.mkdir()
        self.gate = Asking(folder, "uid:0")
        self.watched = IngestFolder(drop, folder.config.ingest)

    def decide(self, call_id: str, number: str = NUMBER, sip_call_id: str = "") -> Any:
        attempt = Attempt(
            number, Purpose.MARKETING, Topic.GENERAL, self.folder.config.firm.numbers[0], False, "trunk:pbx1"
        )
        now, screener = self.folder.clock.now(), self.folder.screener
        origin = {"source": "192.0.2.7:5060", "sip_call_id": sip_call_id}
        return self.folder.store.call(lambda tx: screener.decide(tx, attempt, now, call_id=call_id, origin=origin))

    def put(self, name: str, data: bytes, **note: Any) -> Path:
        path = self.drop / name
        path.write_bytes(data)
        if note:
            path.with_name(name + ".json").write_text(json.dumps(note))
        return path

    def ask(self, asked: RecordingIngest, file: HandedOverFile) -> RecordingIngested:
        return recording_ingest(self.folder, asked, Caller("gate:ingest", file=file))

    def ingest(self, path: Path, **fields: Any) -> RecordingIngested:
        with open_file(path) as file:
            return self.ask(RecordingIngest(path=path.name, **fields), file)

    def look(self) -> list[Outcome]:
        return list(self.watched.look(time.monotonic(), self.ask, settle=0.0))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return list(self.folder.store.call(lambda tx: query(tx, sql)))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[IngestCase]:
    make_example(tmp_path / "gate")
    with ExitStack() as stack:
        yield IngestCase(open_folder(load(tmp_path / "gate" / "config.toml"), stack), tmp_path / "drop")


def sound(seconds: float = 1.0, hz: float = 440.0) -> bytes:
    return wav(tone(hz, seconds), tone(2 * hz, seconds))


def test_it_is_sealed_bound_by_call_id_and_the_clear_file_goes(case: IngestCase) -> None:
    case.decide("call-1", sip_call_id=SIP)
    case.put(f"{SIP}.wav", sound())
    (outcome,) = case.look()
    assert outcome.why == ""
    assert outcome.sealed is not None
    assert (outcome.sealed.call_id, outcome.sealed.bound_by, outcome.sealed.refused) == ("call-1", "call_id", "")
    assert list(case.drop.iterdir()) == []
    (row,) = case.gate.ask(RecordingList()).items
    assert (row.call_id, row.number, row.state, row.seconds) == ("call-1", NUMBER, "closed", 1.0)
    assert case.gate.ask(RecordingVerify()).items[0].ok
    taken = case.gate.ask(RecordingTake(recording_id=row.recording_id, purpose="test"))
    assert taken.wraps
    assert [fact.kind for fact in taken.facts] == ["decision", "recording_opened", "recording_closed", "exported"]
    assert list((case.folder.config.data / "recordings").glob(".ingest-*")) == []


def test_by_number_and_time_the_newest_decision_counts(case: IngestCase) -> None:
    case.decide("older")
    case.decide("newer")
    at = case.folder.clock.now() + timedelta(seconds=1)
    found = case.ingest(case.put("a.wav", sound()), number="020 7946 0123", at=at)
    assert (found.call_id, found.bound_by) == ("newer", "number")
    assert case.rows("SELECT opened_at FROM recordings")[0]["opened_at"] == f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"
    again = case.ingest(case.put("b.wav", sound()), number="020 7946 0123", at=at)
    assert again.already
    assert again.recording_id == found.recording_id
    other = case.ingest(case.put("c.wav", sound(hz=500)), number="020 7946 0123", at=at)
    assert other.call_id == "older"


def test_a_name_says_number_and_time(case: IngestCase) -> None:
    case.decide("call")
    local = case.folder.clock.now().astimezone(LONDON)
    case.put(f"out-02079460123-1001-{local:%Y%m%d-%H%M%S}-1783.12.wav", sound())
    (outcome,) = case.look()
    assert outcome.sealed is not None, outcome.why
    assert outcome.sealed.call_id == "call"


def test_what_the_gate_never_decided_is_refused_and_stays(case: IngestCase) -> None:
    path = case.put("unknown@pbx.wav", sound())
    (outcome,) = case.look()
    assert outcome.sealed is None
    assert "no decision" in outcome.why
    assert path.exists()
    assert case.look() == [], "it is not tried again at once"
    assert case.watched.warnings() == [f"Recordings in clear, not sealed: 1: {outcome.why}"]
    assert case.rows("SELECT 1 FROM recordings") == []
    assert list((case.folder.config.data / "recordings").rglob("*.dgr")) == []


def test_by_choice_it_is_kept_as_a_call_that_was_not_asked_about(tmp_path: Path) -> None:
    config = make_example(tmp_path / "gate") / "config.toml"
    config.write_text(config.read_text() + '\n[ingest]\nunbound = "keep"\n')
    with ExitStack() as stack:
        case = IngestCase(open_folder(load(config), stack), tmp_path / "drop")
        at = case.folder.clock.now()
        for name, number, reason in (("a", NUMBER, "not_asked"), ("b", LISTED, "listed_tps")):
            found = case.ingest(case.put(f"{name}.wav", sound(hz=300 + len(number))), number=number, at=at)
            assert (found.bound_by, found.refused) == ("nothing", reason)
            (call,) = [row for row in case.rows("SELECT * FROM calls") if row["call_id"] == found.call_id]
            assert (call["number"], call["reason"], call["recording_id"]) == (number, reason, found.recording_id)
            at += timedelta(seconds=1)
        assert case.ingest(case.put("again.wav", sound(hz=313)), number=LISTED, at=at - timedelta(seconds=1)).already
        since = at - timedelta(hours=1)
        counted = case.folder.store.call(lambda tx: queries.counts_by_reason(tx, since))
        assert counted == {"not_asked": 1, "listed_tps": 1}


def test_a_call_against_a_refusal_is_evidence_of_it(case: IngestCase) -> None:
    assert not case.decide("refused", LISTED, SIP).allowed
    found = case.ingest(case.put("a.wav", sound()), call_id=SIP)
    assert (found.call_id, found.refused) == ("refused", "listed_tps")
    assert case.rows("SELECT kind FROM facts WHERE kind = 'called_against_refusal'")


def test_whoever_was_called_all_the_same_is_told_so_and_when(tmp_path: Path) -> None:
    config = make_example(tmp_path / "gate") / "config.toml"
    config.write_text(config.read_text() + '\n[ingest]\nunbound = "keep"\n')
    with ExitStack() as stack:
        case = IngestCase(open_folder(load(config), stack), tmp_path / "drop")
        case.decide("refused", LISTED, SIP)
        case.decide("not dialled", LISTED)
        case.ingest(case.put("a.wav", sound()), call_id=SIP)
        began = case.folder.clock.now().replace(microsecond=0) - timedelta(days=3)
        case.ingest(case.put("b.wav", sound(hz=300)), number=NUMBER, at=began)
        numbers = (LISTED, NUMBER)
        opened = ask(case.folder, Open(asks=Asks.ACCESS, channel="post", name="Pat Person", numbers=numbers), "uid:0")
        reference = opened.reference
        ask(case.folder, VerifyIdentity(request=reference, checked="passport seen"), "uid:0")
        ask(case.folder, Search(request=reference), "uid:0")
        ask(case.folder, Decide(request=reference, grant=True), "uid:0")
        held = ask(case.folder, ContentsOf(request=reference), "uid:0")
        calls = contents_of(case.folder.config, held, {}, began.date()).calls
        told = {(call.number, call.decision, call.outcome.partition(":")[0]): call.at for call in calls}
        listed = "No: your number was on the Telephone Preference Service."
        unasked = "No: the call was made without a look at registers and objections before it."
        assert set(told) == {
            (LISTED, listed, "called all the same, although it had been refused, 1 s"),
            (LISTED, listed, "not dialled"),
            (NUMBER, unasked, "called all the same, without being checked first, 1 s"),
        }
        assert told[NUMBER, unasked, "called all the same, without being checked first, 1 s"] == began


def test_a_call_has_one_recording(case: IngestCase) -> None:
    case.decide("call", sip_call_id=SIP)
    first = case.ingest(case.put("a.wav", sound()), call_id=SIP)
    assert case.ingest(case.put("a.wav", sound()), call_id="call").recording_id == first.recording_id
    with pytest.raises(RefusedError) as refused:
        case.ingest(case.put("b.wav", sound(hz=600)), call_id=SIP)
    assert refused.value.reason == "recorded_already"


def test_what_is_erased_does_not_come_back(case: IngestCase) -> None:
    case.decide("call", sip_call_id=SIP)
    first = case.ingest(case.put("a.wav", sound()), call_id=SIP)
    now = case.folder.clock.now()
    for kind in ("recording_erasing", "recording_erased"):
        body = {"call_id": "call", "basis": "test"}
        case.folder.store.call(
            lambda tx, kind=kind, body=body: tx.append(Fact(kind, first.recording_id, now, "x", body))
        )
    assert case.ingest(case.put("a.wav", sound()), call_id=SIP).already
    assert len(case.rows("SELECT 1 FROM recordings")) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "whose call is it"),
        ({"number": NUMBER}, "whose call is it"),
        ({"number": "no number", "at": "now"}, "not a number"),
        ({"number": NUMBER, "at": "later"}, "in the future"),
    ],
)
def test_whose_it_is_must_be_said(case: IngestCase, fields: dict[str, Any], why: str) -> None:
    now = case.folder.clock.now()
    times = {"now": now, "later": now + timedelta(minutes=1)}
    asked = {name: times.get(value, value) for name, value in fields.items()}
    with pytest.raises(UsageError, match=why):
        case.ingest(case.put("a.wav", sound()), **asked)


def test_a_file_that_somebody_still_writes_to_is_not_taken(case: IngestCase) -> None:
    case.decide("call", sip_call_id=SIP)
    path = case.put(f"{SIP}.wav", sound())

    def ask(asked: RecordingIngest, file: HandedOverFile) -> RecordingIngested:
        with path.open("ab") as more:
            more.write(b"more")
        return case.ask(asked, file)

    (outcome,) = case.watched.look(time.monotonic(), ask, settle=0.0)
    assert "written to" in outcome.why
    assert path.exists()
    assert case.rows("SELECT 1 FROM recordings") == []
    assert list((case.folder.config.data / "recordings").rglob("*.dgr")) == []
    assert list(case.watched.look(time.monotonic(), case.ask, settle=60.0)) == [], "it has not settled"


def test_another_file_of_the_same_name_is_not_removed(case: IngestCase) -> None:
    path = case.put("a.wav", sound())
    with open_file(path) as file:
        path.unlink()
        path.write_bytes(b"another")
        with pytest.raises(NotRemoved, match="replaced"):
            remove(path, file)
    assert path.read_bytes() == b"another"


def test_what_was_sealed_and_not_yet_removed_goes_at_the_next_look(case: IngestCase) -> None:
    case.put(f"{SEALED}old.wav", sound())
    case.put("old.wav.json", b"{}")
    assert case.look() == []
    assert list(case.drop.iterdir()) == []


def test_notes_beside_files(case: IngestCase) -> None:
    case.decide("call")
    at = case.folder.clock.now().isoformat()
    case.put("x.wav", sound(), number=NUMBER, at=at, swap=True)
    case.put("y.wav", sound(hz=700), colour="red")
    first, second = case.look()
    assert first.sealed is not None
    assert first.sealed.call_id == "call"
    assert "not understood" in second.why
    assert sorted(path.name for path in case.drop.iterdir()) == ["y.wav", "y.wav.json"]


def test_the_command(tmp_path: Path) -> None:
    config = make_example(tmp_path / "gate") / "config.toml"
    with ExitStack() as stack:
        IngestCase(open_folder(load(config), stack), tmp_path / "drop").decide("call", sip_call_id=SIP)
    path = tmp_path / "drop" / "a.wav"
    path.write_bytes(sound())
    (tmp_path / "drop" / "other@pbx.wav").write_bytes(sound(hz=900))
    done = dialgate("recording", "ingest", str(path), "--call-id", SIP, "-c", str(config), "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["items"][0]["call_id"] == "call"
    assert not path.exists()
    left = dialgate("recording", "ingest", str(tmp_path / "drop"), "-c", str(config))
    assert left.code == 1
    assert "still there in clear" in left.err
    assert (tmp_path / "drop" / "other@pbx.wav").exists()


def test_a_recording_begins_with_its_call_whatever_is_said_of_it(case: IngestCase) -> None:
    """Its months are counted from then: one that is said to be years old would be erased tonight."""
    case.decide("call-1", sip_call_id=SIP)
    decided = case.rows("SELECT at FROM calls")[0]["at"]
    long_ago = case.folder.clock.now() - timedelta(days=800)
    sealed = case.ingest(case.put("a.wav", sound()), call_id=SIP, at=long_ago)
    assert case.rows("SELECT opened_at FROM recordings")[0]["opened_at"] == decided
    assert case.folder.retention.plan().due == []
    again = case.ingest(case.put("b.wav", sound()), call_id=SIP, at=long_ago)
    assert again.already and again.recording_id == sealed.recording_id
    bare = case.ingest(case.put("c.wav", sound()), call_id=SIP)
    assert bare.already, "said with a time or without, it is the same call's"
    other = case.ingest(case.put("d.wav", sound()), call_id=SIP, at=case.folder.clock.now())
    assert other.already


def test_a_number_that_is_not_the_calls_is_refused(case: IngestCase) -> None:
    """The audio of one person would be given to another who asks for theirs."""
    case.decide("call-1", sip_call_id=SIP)
    with pytest.raises(RefusedError, match="went to another number") as caught:
        case.ingest(case.put("a.wav", sound()), call_id=SIP, number="020 7946 0199")
    assert caught.value.reason == "other_number" and case.rows("SELECT 1 FROM recordings") == []
    case.put("b.wav", sound(), call_id=SIP, number="020 7946 0199")
    outcomes = {each.name: each.why for each in case.look()}
    assert "went to another number" in outcomes["b.wav"] and (case.drop / "b.wav").exists()
    assert case.ingest(case.put("c.wav", sound()), call_id=SIP, number="020 7946 0123").call_id == "call-1"
