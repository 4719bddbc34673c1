"""Recording sessions (SIPREC): what the rooms are told and when, what is in the log by then, what stands in the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.calls.recording_sessions import ANSWER_SECONDS, RecordingSessions
from gate.calls.screener import Screener
from gate.config import Config, Firm, Siprec, Trunk
from gate.core.days import LONDON
from gate.core.hours import Hours
from gate.core.rules import Rules
from gate.core.terms import Attempt, Purpose, Topic
from gate.errors import StoreError
from gate.ports import HeardIn, RecordingClosed, SessionAsked
from tests.support.databases import query
from tests.support.playbook import LISTED, NUMBER, OWN, Play, Registers

AGENT, CUSTOMER = "sip:1001@pbx", f"sip:{NUMBER}@pbx"
MAPS = {"caller": {8: "PCMA/8000"}, "callee": {8: "PCMA/8000"}}
SETTING_UP = [
    "open recorder",
    "take, first is caller",
    "codecs",
    "tap",
    "listen to 3 and 4",
    "keep keys",
    "record",
    "accept",
]


class Sessions(Play):
    """The service on a stage, with one decision that let a call through and one that refused one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        firm = Firm("Webeo Example Ltd", "Webeo", "1 Street", (OWN,), "1", "2026-01-01")
        clients = (Siprec("sbc", "the SBC", ("192.0.2.20",), sessions=2), Siprec("all", "the SBC", unbound="keep"))
        stage: Any = self.stage
        self.screener = Screener(Registers(), Rules(frozenset({OWN}), Hours(), LONDON, live=False))
        ids = iter(f"noted{number}" for number in range(99))
        self.sessions = RecordingSessions(
            config=Config(firm=firm, trunk=(Trunk("192.0.2.1:5060"),), siprec=clients), line=stage,
            media=stage, recorder=stage, store=self.store, keys=stage, retry_queue=self.retry_queue,
            screener=self.screener, clock=self.clock,
            new_id=lambda: next(ids), metrics=self.metrics,
            mend=lambda recording_id, talked: self.mended.append(recording_id),
        )  # fmt: skip
        self.decide("allowed", NUMBER)
        self.decide("refused", LISTED)

    def decide(self, call_id: str, number: str) -> None:
        attempt, origin = (
            Attempt(number, Purpose.MARKETING, Topic.GENERAL, OWN, False, "trunk:pbx"),
            {"sip_call_id": f"{call_id}@pbx"},
        )
        now = self.clock.now()
        self.store.call(lambda tx: self.screener.decide(tx, attempt, now, call_id=call_id, origin=origin))

    def ask(self, session_id: str = "s1", call: str = "allowed", *, client: str = "sbc", **more: Any) -> None:
        streams = (HeardIn("1", (AGENT,)), HeardIn("2", (CUSTOMER,)))
        asked = SessionAsked(session_id, client, "192.0.2.20:5060", (f"{call}@pbx",), (AGENT, CUSTOMER), streams, False)
        self.sessions.asked(replace(asked, **more))
        self.settle()

    def taken(self, maps: Any = MAPS) -> None:
        self.stage.waiting.pop("taken")(maps)
        self.settle()

    def facts(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        sql = "SELECT kind, body FROM facts WHERE subject = ? ORDER BY leaf_index"
        rows = self.store.call(lambda tx: query(tx, sql, [subject]))
        return [(row["kind"], json.loads(row["body"])) for row in rows]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Sessions]:
    play = Sessions(tmp_path)
    yield play
    play.store.close()


def test_the_log_has_it_before_the_recorder_keeps_and_the_client_is_answered(play: Sessions) -> None:
    play.ask()
    assert play.facts("s1") == []
    seen: list[tuple[str, list[str]]] = []
    start, accept = play.stage.start, play.stage.accept

    def watched(name: str, step: Callable[..., None]) -> Callable[..., None]:
        return lambda *values: (seen.append((name, [kind for kind, _ in play.facts("s1")])), step(*values))[1]

    play.stage.start, play.stage.accept = watched("record", start), watched("accept", accept)  # type: ignore[method-assign]
    play.taken()
    assert play.told() == SETTING_UP
    assert seen == [("record", ["recording_opened"]), ("accept", ["recording_opened"])]
    play.sessions.over("s1", "hung_up")
    play.settle()
    assert play.told() == ["close recording"]
    (_, begun), (kind, closed) = play.facts("s1")
    assert (begun["call_id"], begun["bound_by"], begun["from"], begun["client"]) == (
        "allowed",
        "call_id",
        "siprec",
        "sbc",
    )
    assert (begun["purpose"], begun["announced_by"]) == ("quality and training; protection of both parties", "the SBC")
    assert (kind, closed["ended_by"], closed["sha256"]) == ("recording_closed", "hung_up", "00")
    assert play.sessions.active == 0


@pytest.mark.parametrize(
    ("people", "streams", "first"),
    [
        ((AGENT, CUSTOMER), ((AGENT,), (CUSTOMER,)), "caller"),
        ((CUSTOMER, AGENT), ((CUSTOMER,), (AGENT,)), "callee"),
        ((AGENT, CUSTOMER), ((), ()), "caller"),
        ((AGENT, CUSTOMER), ((CUSTOMER,),), "callee"),
        ((AGENT, CUSTOMER), ((AGENT, CUSTOMER),), "caller"),
        ((AGENT, CUSTOMER), ((CUSTOMER,), (CUSTOMER,)), "caller"),
    ],
)
def test_whose_side_the_first_stream_is(play: Sessions, people: Any, streams: Any, first: str) -> None:
    play.ask(people=people, streams=tuple(HeardIn(str(place), who) for place, who in enumerate(streams)))
    assert play.told()[1] == f"take, first is {first}"


@pytest.mark.parametrize("people", [(AGENT, "tel:+441134960500"), (AGENT, f"sip:{OWN}@pbx"), (CUSTOMER, AGENT), ()])
def test_what_belongs_to_no_decision_is_refused(play: Sessions, people: tuple[str, ...]) -> None:
    play.ask(call="unknown", people=people)
    assert play.told() == ["hang up no_such_call"]
    assert play.kinds() == ["decision", "decision"]


@pytest.mark.parametrize(("number", "reason"), [("+441134960500", "not_asked"), (LISTED, "called_before")])
def test_what_is_kept_all_the_same_is_noted_as_not_asked(play: Sessions, number: str, reason: str) -> None:
    play.clock.time = play.clock.time.replace(hour=15)  # long after the decisions
    play.ask(call="unknown", client="all", people=(AGENT, f"tel:{number}"))
    play.taken()
    (opened, _), (against, _) = play.facts("s1")
    assert (opened, against) == ("recording_opened", "called_against_refusal")
    row = play.call("noted0")
    assert (row["verdict"], row["number"], row["recording_id"]) == ("block", number, "s1")
    assert row["reason"] == (reason if reason == "not_asked" else "listed_tps")


def test_a_call_against_a_refusal_says_so_at_once(play: Sessions) -> None:
    play.ask(call="refused")
    play.taken()
    assert [kind for kind, _ in play.facts("s1")] == ["recording_opened", "called_against_refusal"]
    assert play.told()[-1] == "accept"


def no_room(work: object, done: Callable[..., None]) -> None:
    done(None, StoreError("disk full"))


def test_no_evidence_no_recording(play: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", no_room)
        play.ask()
        assert play.told() == ["hang up evidence_unavailable"]
    play.ask("s2")
    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", no_room)
        play.taken()
    told = play.told()
    assert "record" not in told and "accept" not in told
    assert told[-2:] == ["hang up evidence_unavailable", "close recording"]
    play.pass_time(2)  # what waited for room is the closing of a recording that was never opened
    play.stage.keys_fail = True
    play.ask("s3")
    play.taken()
    assert play.told()[-2:] == ["hang up evidence_unavailable", "close recording"]
    assert play.kinds() == ["decision", "decision"]


def test_what_is_away_refuses(play: Sessions) -> None:
    play.stage.recorder_opens = False
    play.ask()
    play.stage.recorder_up = False
    play.ask("s2")
    assert play.told() == ["open recorder", "hang up recorder_unavailable", "hang up recorder_unavailable"]
    play.sessions.stopping = True
    play.ask("s3")
    assert play.told() == ["hang up gate_stopping"]
    assert play.sessions.active == 0


def test_a_fault_of_ours_and_silence_get_an_answer(play: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(play.stage, "open", lambda *values, **named: 1 / 0)
        play.ask()
    assert play.told() == ["hang up internal_error"]
    play.ask("s2")
    play.told()
    play.pass_time(ANSWER_SECONDS)
    assert play.told() == ["hang up evidence_unavailable", "close recording"]


def test_withdrawn_while_the_log_is_written(play: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    play.ask()
    held: list[tuple[Callable[..., Any], Callable[..., None]]] = []
    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", lambda work, done: held.append((work, done)))
        play.taken()
        play.sessions.over("s1", "cancelled")
        play.settle()
    stopped: list[bool] = []
    play.sessions.stop(lambda: stopped.append(True))
    assert play.told()[-1] == "close recording" and not stopped
    ((work, done),) = held
    done(play.store.call(work), None)
    play.settle()
    assert play.told() == []
    assert [kind for kind, _ in play.facts("s1")] == ["recording_opened", "recording_closed"]
    assert stopped


def test_withdrawn_while_the_recorder_opens(play: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Callable[..., None]] = []
    opening = play.stage.open
    with monkeypatch.context() as patch:
        patch.setattr(play.stage, "open", lambda *values: held.append(lambda: opening(*values)))
        play.ask()
        play.sessions.over("s1", "cancelled")
        play.settle()
    held[0]()
    play.settle()
    assert play.told() == ["open recorder", "close recording"]
    assert play.facts("s1") == []


def test_of_two_for_one_call_the_first_in_the_log_is_taken(play: Sessions) -> None:
    play.ask("s1")
    second = play.stage.waiting.pop("taken")
    play.ask("s2")
    play.taken()
    play.told()
    second(MAPS)
    play.settle()
    assert play.told()[-2:] == ["hang up recorded_already", "close recording"]
    assert play.kinds().count("recording_opened") == 1


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_found_by_number_goes_on_after_a_crash_alone(play: Sessions, killed: bool) -> None:
    play.ask()
    play.taken()
    closed = RecordingClosed("s1", "00", 10, 2.0, 2, {"caller": 1, "callee": 1}, (), interrupted=killed)
    play.stage.close = lambda session_id, done: done(closed, None)  # type: ignore[method-assign]
    play.sessions.over("s1", "hung_up")
    play.settle()
    play.told()
    play.ask("s2", "unknown")
    assert play.told()[0] == ("open recorder" if killed else "hang up recorded_already")
    play.ask("s3")
    assert play.told()[0] == "open recorder", "by its Call-ID it is the same call"


def test_so_many_at_once_and_those_that_are_closing_do_not_count(play: Sessions) -> None:
    for session in ("s1", "s2", "s3"):
        play.ask(session)
    assert play.told()[-1] == "hang up too_many_sessions"
    play.stage.passes_on = True
    play.sessions.over("s1", "hung_up")
    play.ask("s4")
    assert play.told()[-2:] == ["open recorder", "take, first is caller"]
    assert play.sessions.active == 2


def test_the_recorder_dies(play: Sessions) -> None:
    for session in ("s1", "s2"):
        play.ask(session, "allowed" if session == "s1" else "refused")
        play.taken()
    play.told()
    play.sessions.recorder_failed("s1", "disk full")
    play.settle()
    assert play.told() == ["hang up recorder_failed", "close recording"]
    play.stage.close = lambda session_id, done: done(None, StoreError("the recorder is away"))  # type: ignore[method-assign]
    play.sessions.recorder_away()
    play.settle()
    assert play.told() == ["hang up recorder_failed"]
    assert play.mended == ["s2"], "what the recorder could not close is closed from its file"


def test_a_session_of_which_nothing_is_kept_any_more_ends_and_says_how_much_there_is(play: Sessions) -> None:
    play.ask()
    play.taken()
    play.told()
    play.clock.time += timedelta(seconds=5)
    play.sessions.not_kept("s1")
    play.settle()
    assert play.told() == ["hang up recorder_failed", "close recording"]
    (closed,) = [body for kind, body in play.facts("s1") if kind == "recording_closed"]
    assert (closed["talked"], closed["kept"]) == (5.0, 2.0)


def test_none_is_taken_while_the_disk_of_the_data_folder_does_not_answer(play: Sessions) -> None:
    play.sessions._stalled = lambda: True
    play.ask()
    assert play.told() == ["hang up evidence_unavailable"]
    assert play.facts("s1") == []


def test_stopping_waits_for_the_last_leaf(play: Sessions) -> None:
    play.ask()
    play.taken()
    play.stage.passes_on = True
    stopped: list[bool] = []
    play.sessions.stop(lambda: stopped.append(True))
    play.settle()
    assert not stopped
    play.stage.waiting.pop("quiet")()
    play.settle()
    assert stopped and play.facts("s1")[-1][1]["ended_by"] == "gate_stopping"


def test_a_session_has_an_end(play: Sessions) -> None:
    play.ask()
    play.taken()
    play.told()
    play.pass_time(7200)
    assert play.told() == ["hang up time_limit", "close recording"]


def test_nobody_is_called_or_recorded_anew_while_the_end_of_a_session_waits_for_room(play: Sessions) -> None:
    """One queue for all evidence: what of it waits, nobody knows before it is kept."""
    play.ask()
    play.taken()
    submit = play.store.submit

    def full(work: Any, done: Callable[[Any, Exception | None], None], asks: Any = None) -> None:
        done(None, StoreError("disk full"))

    play.store.submit = full  # type: ignore[method-assign]
    play.sessions.over("s1", "hung_up")
    play.settle()
    play.store.submit = submit  # type: ignore[method-assign]
    play.told()
    play.attempt(call_id="new")
    play.ask("s2")
    assert play.told() == ["refuse evidence_unavailable", "hang up evidence_unavailable"]
    play.pass_time(2)
    assert [kind for kind, _ in play.facts("s1")] == ["recording_opened", "recording_closed"]
    play.attempt(call_id="newer")
    assert play.told()[-1].startswith("invite")
