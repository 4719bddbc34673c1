"""Evidence that cannot be kept at once: what waits for room is not forgotten, and nobody is called meanwhile."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate.calls.obstacles import LEAVES_OF_HELP
from gate.calls.retry_queue import RetryQueue
from gate.core.terms import Purpose, Reason, sentence
from gate.errors import StoreError
from gate.operations.calls.screening import Decide, Decided, decide
from gate.operations.data_folder import RunningGate
from gate.operations.operation import Caller
from gate.ports import Fact, Played
from gate.store.queries import open_recordings
from tests.support.databases import query
from tests.support.disks import no_file_longer_than
from tests.support.playbook import NOW, NUMBER, OWN, Play, Registers
from tests.support.waiting import PATIENCE, until


class Disk:
    """A store that fails as a full disk makes it fail, while ``full``."""

    def __init__(self, play: Play) -> None:
        self.full = False
        self._submit = play.store.submit
        self._play = play
        play.store.submit = self.submit  # type: ignore[method-assign]

    def submit(self, work: Callable[..., Any], done: Callable[[Any, Exception | None], None], asks: Any = None) -> None:
        def failing(tx: Any) -> Any:
            if self.full:
                raise StoreError("no room")
            return work(tx)

        self._submit(failing, done, asks)


@pytest.fixture
def disk(play: Play) -> Disk:
    return Disk(play)


class Stall:
    """A disk that does not answer, while ``on``: what is asked of the store waits."""

    def __init__(self, play: Play) -> None:
        self.on = self.known = False
        self._submit, self._waiting = play.store.submit, list[Any]()
        play.store.submit = self.submit  # type: ignore[method-assign]
        play.call_manager._stalled = play.call_manager._obstacles._stalled = lambda: self.known

    def submit(self, work: Callable[..., Any], done: Callable[[Any, Exception | None], None], asks: Any = None) -> None:
        self._waiting.append((work, done, asks))
        self.go_on()

    def go_on(self) -> None:
        """In order, as far as it answers."""
        while self._waiting and not self.on:
            self._submit(*self._waiting.pop(0))


@pytest.fixture
def stall(play: Play) -> Stall:
    return Stall(play)


def test_nobody_is_called_while_an_objection_waits_for_room(play: Play, disk: Disk) -> None:
    play.talk()
    disk.full = True
    play.call_manager.digit("call", "callee", "9")
    play.settle()
    disk.full = False
    play.told()
    play.attempt(call_id="again")  # before the objection is tried again: a decision could be kept by now
    assert play.told() == ["refuse evidence_unavailable"]
    assert play.call("again")["reason"] == "evidence_unavailable"
    play.pass_time(2)
    assert "objection" in play.kinds()
    play.attempt(call_id="third")
    assert play.told() == ["refuse objected"]


def test_who_picks_up_while_there_is_no_room_has_found_nobody_all_the_same(play: Play, disk: Disk) -> None:
    play.attempt()
    play.call_manager.ringing("call")
    disk.full = True
    play.call_manager.answered("call", "PCMU")
    play.settle()
    disk.full = False
    play.pass_time(2)
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert "answered" in play.kinds("call")


def test_a_decision_made_beside_an_objection_without_room_does_not_count(play: Play, disk: Disk) -> None:
    play.talk()
    play.told()
    disk.full = True
    play.call_manager.digit("call", "callee", "9")
    play.store.call(lambda tx: None)  # refused by the store, and the call manager does not know it yet
    disk.full = False
    play.attempt(call_id="again")
    assert play.told() == ["refuse evidence_unavailable", "forget"]
    play.pass_time(2)
    row = play.call("again")
    assert (row["verdict"], row["state"], row["cause"]) == ("allow", "ended", "evidence_unavailable")
    assert play.call_manager.active == 1


def test_it_does_not_count_either_while_the_objection_is_on_its_way_again(play: Play, disk: Disk) -> None:
    play.talk()
    play.told()
    disk.full = True
    play.call_manager.digit("call", "callee", "9")
    play.store.call(lambda tx: None)
    disk.full = False
    slow = threading.Event()
    play.store.submit(lambda tx: slow.wait(PATIENCE), lambda result, error: None)
    play.begin(call_id="again")  # decided before the objection is tried again, and told after that
    while not play.stage.steps.empty():
        play.stage.steps.get()()
    play.clock.time += timedelta(seconds=1.1)
    for timer in [timer for timer in play.stage.timers if timer.live and timer.due <= play.clock.time]:
        timer.live = False
        timer.step()
    assert play.retry_queue.behind == 1
    slow.set()
    play.settle()
    assert play.told() == ["refuse evidence_unavailable", "forget"]
    play.pass_time(2)
    assert play.kinds()[-3:] == ["decision", "objection", "ended"]
    assert play.retry_queue.behind == 0


def announced_twice(play: Play) -> None:
    """Two calls to one number: one is a talk, and the announcement of the other, ``next``, still plays."""
    play.talk()
    play.attempt(call_id="next", claimed_by="account:bob")
    play.call_manager.answered("next", "PCMU")
    play.settle()
    play.told()


@contextmanager
def locked(play: Play) -> Iterator[None]:
    """Somebody else holds the database's write lock, for longer than the store waits."""
    play.store.alone(lambda connection: connection.execute("PRAGMA busy_timeout = 20"))
    other = sqlite3.connect(play.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def full(play: Play) -> Iterator[None]:
    """No file of the store's may grow."""
    written = play.store.path.with_name(f"{play.store.path.name}-wal")
    with no_file_longer_than(written.stat().st_size):
        yield


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize("enemy", [locked, full])
def test_a_call_is_not_connected_while_an_objection_of_its_number_waits_for_room(play: Play, enemy: Any) -> None:
    announced_twice(play)
    with enemy(play):
        play.call_manager.digit("call", "callee", "9")
        until(lambda: (play.run(), play.retry_queue.behind)[1])
    play.over("announcement")  # there is room again, and the objection is not tried again yet
    assert not {"join", "connect"} & set(play.told())
    assert "connected" not in play.kinds("next")
    play.pass_time(2)
    assert "objection" in play.kinds()
    play.over("goodbye")
    row = play.call("next")
    assert (row["ended_by"], row["cause"], row["bridged"]) == ("gate", "evidence_unavailable", 0)


def test_nor_while_the_objection_is_on_its_way_behind_the_connection(play: Play, stall: Stall) -> None:
    announced_twice(play)
    stall.on = True
    play.stage.waiting["announcement"](Played(completed=True, as_told=True))
    play.run()
    play.call_manager.digit("call", "callee", "9")
    play.run()
    stall.on = False
    stall.go_on()
    play.settle()
    assert not {"join", "connect"} & set(play.told())
    play.over("goodbye")
    assert (play.call("next")["cause"], play.call("next")["bridged"]) == ("objected", 0)
    assert "recording_opened" in play.kinds()  # in the transaction that was taken back afterwards
    assert [row.call_id for row in play.store.call(open_recordings)] == ["call"], "the talk goes on"


def test_a_service_call_is_connected_once_the_objection_that_does_not_stop_it_is_kept(play: Play, stall: Stall) -> None:
    play.talk()
    play.attempt(call_id="next", claimed_by="account:bob", purpose=Purpose.SERVICE)
    play.call_manager.answered("next", "PCMU")
    play.settle()
    play.told()
    stall.on = True
    play.stage.waiting["announcement"](Played(completed=True, as_told=True))
    play.run()
    play.call_manager.digit("call", "callee", "9")
    play.run()
    assert "join" not in play.told()
    stall.on = False
    stall.go_on()
    play.settle()
    assert "join" in play.told()
    assert play.kinds().index("objection") > play.kinds().index("connected")


def test_the_next_trunk_rings_nobody_whose_objection_is_on_its_way(play: Play, stall: Stall) -> None:
    play.talk()
    play.attempt(call_id="next", claimed_by="account:bob")
    play.told()
    stall.on = True
    play.call_manager.dialling_again("next", "second", "503")
    play.call_manager.digit("call", "callee", "9")
    play.run()
    stall.on = False
    stall.go_on()
    play.settle()
    assert play.told() == ["hang up evidence_unavailable", "forget"]


def asking(play: Play, gate: RunningGate, times: int = 9) -> Callable[[str], Decided]:
    """Decisions for a phone system, beside the calls of ``play``."""
    ids = (f"asked{number}" for number in range(times))
    folder: Any = SimpleNamespace(
        config=SimpleNamespace(firm=SimpleNamespace(numbers=(OWN,)), account=(), pbx=()),
        store=play.store,
        registers=Registers(),
        screener=play.call_manager._screener,
        clock=play.clock,
        new_id=lambda: next(ids),
        london=lambda moment: moment.date(),
        gate=gate,
    )
    return lambda number: decide(folder, Decide(number=number), Caller("uid:0"))


def test_who_asks_is_told_no_while_an_objection_waits_for_room(play: Play, disk: Disk) -> None:
    ask = asking(play, RunningGate(play.call_manager.obstacle, play.call_manager.keep))
    assert ask(NUMBER).verdict == "allow"
    play.talk()
    disk.full = True
    play.call_manager.digit("call", "callee", "9")
    play.settle()
    disk.full = False
    assert ask(NUMBER).reason == "evidence_unavailable"
    play.call_manager.drain(lambda: None, 5)
    assert ask(NUMBER).reason == "gate_stopping"


def test_an_answer_made_beside_an_objection_without_room_is_taken_back(play: Play) -> None:
    seen = iter([None, Reason.EVIDENCE_UNAVAILABLE])
    ask = asking(play, RunningGate(lambda number: next(seen)))
    answer = ask(NUMBER)
    assert (answer.verdict, answer.reason) == ("block", "evidence_unavailable")
    kept = [json.loads(row["body"]) for row in play.store.call(lambda tx: query(tx, "SELECT body FROM facts"))]
    assert [body["verdict"] for body in kept] == ["allow", "block"]
    assert answer.decision_id == "asked1"


def test_who_asks_is_told_no_while_an_objection_is_on_its_way(play: Play, stall: Stall) -> None:
    play.talk()
    promptly = play.store.promptly

    def objected(work: Callable[..., Any], asks: Any) -> Any:
        """The callee presses 9 while the decision is made, and it is on its way when that is answered."""
        decision = promptly(work, asks)
        play.store.promptly = promptly  # type: ignore[method-assign]
        stall.on = True
        play.call_manager.digit("call", "callee", "9")
        stall.on = False
        return decision

    ask = asking(play, RunningGate(play.call_manager.obstacle, play.call_manager.keep))
    play.store.promptly = objected  # type: ignore[method-assign]
    answer = ask(NUMBER)
    assert (answer.verdict, answer.reason) == ("block", "objected")


def test_a_call_for_help_by_a_phone_system_is_written_down_when_there_is_room(tmp_path: Path) -> None:
    play = Play(tmp_path, emergency=frozenset({"999"}))
    disk = Disk(play)
    ask = asking(play, RunningGate(play.call_manager.obstacle, play.call_manager.keep))
    disk.full = True
    assert ask("999").reason == "emergency_call"
    play.settle()
    assert play.kinds() == []
    disk.full = False
    play.pass_time(2)
    assert play.kinds() == ["decision"]
    play.store.close()


def test_law_3_5_questions_for_help_without_end_are_all_answered_and_fill_no_log(tmp_path: Path) -> None:
    play = Play(tmp_path, emergency=frozenset({"999"}))
    ask = asking(play, RunningGate(play.call_manager.obstacle, play.call_manager.keep), 500)
    assert {ask("999").reason for _ in range(500)} == {"emergency_call"}
    play.settle()
    assert play.kinds() == ["decision"] * LEAVES_OF_HELP
    play.pass_time(61)
    facts = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'help_asked_often'"))
    assert [json.loads(row["body"]) for row in facts] == [{"claimed_by": "uid:0", "count": 500 - LEAVES_OF_HELP}]
    play.store.close()


def test_a_key_that_is_heard_after_the_end_of_a_call_is_an_objection(play: Play) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    closing: list[Callable[..., None]] = []
    play.stage.close = lambda call_id, done: closing.append(done)  # type: ignore[method-assign]
    play.call_manager.hung_up("call", "callee")
    play.call_manager.recorder_digit("call", "callee", "9")
    play.settle()
    closing[0](None, None)
    play.settle()
    assert play.kinds()[-3:] == ["objection", "announced", "ended"]
    play.attempt(call_id="again")
    assert play.told()[-1] == "refuse objected"


def test_an_objection_is_newer_than_a_consent_dated_by_a_clock_that_was_ahead(play: Play) -> None:
    ahead = NOW + timedelta(hours=1)
    consent = {"number": NUMBER, "given_at": ahead.isoformat(), "how": "web", "wording": "yes", "who": "Pat"}
    play.store.call(lambda tx: tx.append(Fact("consent", "c1", ahead, "uid:0", consent)))
    play.talk()
    play.call_manager.digit("call", "callee", "9")
    play.call_manager.hung_up("call", "callee")
    play.settle()
    play.told()
    play.clock.time = NOW + timedelta(hours=5)
    play.attempt(call_id="again")
    assert play.told() == ["refuse objected"]


def test_stopping_waits_for_room(play: Play, disk: Disk) -> None:
    play.talk()
    disk.full = True
    play.call_manager.hung_up("call", "callee")
    play.settle()
    drained: list[bool] = []
    play.call_manager.drain(lambda: drained.append(True), 5)
    play.pass_time(3)
    assert (drained, play.retry_queue.behind) == ([], 2)
    disk.full = False
    play.pass_time(2)
    assert (drained, play.retry_queue.behind) == ([True], 0)
    assert play.kinds()[-2:] == ["recording_closed", "ended"]


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hanging_up_while_the_connection_is_made_durable_leaves_no_recording_open(play: Play, who: str) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    slow = threading.Event()
    play.store.submit(lambda tx: slow.wait(PATIENCE), lambda result, error: None)
    play.stage.waiting["announcement"](Played(completed=True, as_told=True))
    while not play.stage.steps.empty():
        play.stage.steps.get()()  # keys kept, facts on their way
    play.call_manager.hung_up("call", who)
    while not play.stage.steps.empty():
        play.stage.steps.get()()  # the recorder has answered
    slow.set()
    play.settle()
    assert play.call_manager.active == 0
    assert play.kinds()[2:] == ["announced", "recording_opened", "connected", "recording_closed", "ended"] + (
        ["abandoned"] if who == "caller" else []
    )
    row = play.call()
    assert (row["state"], row["announced"], row["bridged"]) == ("ended", 1, 0)


def test_a_fact_that_cannot_be_written_does_not_keep_the_others_waiting(play: Play) -> None:
    settled: list[bool] = []
    queue = RetryQueue(play.store, play.stage)
    queue.on_settled.append(lambda: settled.append(True))
    good = Fact(kind="ended", subject="call", at=NOW, actor="gate", body={"by": "caller"})
    bad = Fact(kind="objection", subject=NUMBER, at=NOW, actor="callee", body={"number": NUMBER})
    queue.keep(good, bad)
    play.settle()
    assert sorted(play.kinds()) == ["ended", "not_kept"]
    assert (queue.settled, settled[-1:]) == (True, [True])


def test_the_journal_of_legs_is_told_when_the_log_has_it_and_no_sooner(play: Play, disk: Disk) -> None:
    """Who kills the gate in between finds the call in one of the two."""
    kept: list[bool] = []
    disk.full = True
    play.call_manager.legs_ended("left", {"caller": "BYE 200"}, lambda: kept.append("legs_ended" in play.kinds()))
    play.settle()
    assert kept == []
    disk.full = False
    play.pass_time(2)
    assert kept == [True]


def test_a_call_that_waits_for_a_stalled_disk_is_refused_and_the_next_at_once(play: Play, stall: Stall) -> None:
    stall.on = True
    play.begin(call_id="first")
    play.pass_time(1)
    assert play.told() == []
    stall.known = True
    play.pass_time(1)
    assert play.told() == ["refuse evidence_unavailable"]
    play.attempt(call_id="second")
    assert play.told() == ["refuse evidence_unavailable"]
    stall.on = stall.known = False
    stall.go_on()
    play.settle()
    assert play.told() == [], "whoever was refused is not dialled later"
    assert (play.call("first")["state"], play.call("first")["cause"]) == ("ended", "evidence_unavailable")
    play.attempt(call_id="third")
    assert any(each.startswith("invite") for each in play.told())
    (gap,) = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'refused_without_evidence'"))
    assert json.loads(gap["body"])["count"] == 2


@pytest.mark.parametrize("number", ["020 7946 0123", "020 7946 0101"])
def test_a_call_whose_decision_is_late_is_refused_by_that_name_and_never_dialled(
    play: Play, stall: Stall, number: str
) -> None:
    stall.on = True
    play.begin(number)
    play.run()
    play.call_manager.undecided("call")
    assert play.told() == ["refuse decision_late"]
    assert play.stage.refused[-1] == ("decision_late", sentence(Reason.DECISION_LATE))
    assert play.call_manager.active == 0
    stall.on = False
    stall.go_on()
    play.settle()
    assert play.told() == [], "whoever was refused is not dialled later"
    row = play.call()
    ended = ("allow", "ended", "decision_late") if number.endswith("123") else ("block", "refused", None)
    assert (row["verdict"], row["state"], row["cause"]) == ended
    tried = play.store.call(lambda tx: tx.tried(NUMBER, NOW - timedelta(days=1)))
    assert (tried.in_hand, tried.times) == (0, ()), "nobody was rung"


def test_where_the_disk_does_not_answer_that_is_why_there_is_no_decision(play: Play, stall: Stall) -> None:
    stall.on = True
    play.begin()
    stall.known = True
    play.call_manager.undecided("call")
    assert play.told() == ["refuse evidence_unavailable"]


def test_an_objection_holds_while_it_is_on_its_way_to_a_slow_disk(play: Play, stall: Stall) -> None:
    play.talk()
    play.told()
    decided: list[Any] = []
    submit, play.store.submit = play.store.submit, lambda *given: decided.append(given)  # type: ignore[method-assign]
    play.begin(call_id="again")
    play.store.submit = submit  # type: ignore[method-assign]
    ((work, done, asks),) = decided
    submit(work, done, asks)  # it is allowed, and that is on its way to the line
    play.store.call(lambda tx: None)
    stall.on = True
    play.call_manager.digit("call", "callee", "9")
    while not play.stage.steps.empty():
        play.stage.steps.get()()
    assert not [each for each in play.told() if each.startswith("invite")]
    stall.on = False
    stall.go_on()
    play.settle()
    assert "objection" in play.kinds()


def test_a_talk_that_is_not_kept_is_closed_for_both_before_anything_else(play: Play) -> None:
    play.talk()
    play.told()
    play.call_manager.not_kept("call")
    play.settle()
    assert play.told()[:3] == ["stop playing", "shut", "hang up recorder_unavailable"]
    assert (play.call()["ended_by"], play.call()["cause"]) == ("gate", "recorder_unavailable")
    assert "recording_closed" in play.kinds()


def test_only_an_objection_is_taken_from_what_a_silent_recorder_has_not_heard(play: Play) -> None:
    play.talk()
    play.told()
    for side, digit in (("caller", "*"), ("caller", "5"), ("callee", "1")):
        play.call_manager.key_waits("call", side, digit)
    play.settle()
    assert play.told() == []
    play.call_manager.key_waits("call", "callee", "9")
    play.call_manager.recorder_digit("call", "callee", "9")
    play.settle()
    assert play.kinds().count("objection") == 1
