"""Evidence that cannot be kept at once: what waits for room is not forgotten, and nobody is called meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.errors import StoreError
from gate.ports import Fact
from gate.service.keeper import NOT_KEPT, Keeper
from tests.support.playbook import NOW, NUMBER, Play


class Disk:
    """A store that fails as a full disk makes it fail, while ``full``."""

    def __init__(self, play: Play) -> None:
        self.full = False
        self._submit = play.store.submit
        self._play = play
        play.store.submit = self.submit  # type: ignore[method-assign]

    def submit(self, work: Callable[..., Any], done: Callable[[Any, Exception | None], None]) -> None:
        def failing(tx: Any) -> Any:
            if self.full:
                raise StoreError("no room")
            return work(tx)

        self._submit(failing, done)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    play = Play(tmp_path)
    yield play
    play.store.close()


@pytest.fixture
def disk(play: Play) -> Disk:
    return Disk(play)


def test_nobody_is_called_while_an_objection_waits_for_room(play: Play, disk: Disk) -> None:
    play.talk()
    disk.full = True
    play.conductor.digit("call", "callee", "9")
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


def test_a_decision_made_beside_an_objection_without_room_does_not_count(play: Play, disk: Disk) -> None:
    play.talk()
    play.told()
    disk.full = True
    play.conductor.digit("call", "callee", "9")
    play.store.call(lambda tx: None)  # refused by the store, and the conductor does not know it yet
    disk.full = False
    play.attempt(call_id="again")
    assert play.told() == ["refuse evidence_unavailable", "forget"]
    play.pass_time(2)
    row = play.call("again")
    assert (row["verdict"], row["state"], row["cause"]) == ("allow", "ended", "evidence_unavailable")
    assert play.conductor.active == 1


def test_stopping_waits_for_room(play: Play, disk: Disk) -> None:
    play.talk()
    disk.full = True
    play.conductor.hung_up("call", "callee")
    play.settle()
    drained: list[bool] = []
    play.conductor.drain(lambda: drained.append(True), 5)
    play.pass_time(3)
    assert (drained, play.conductor.behind) == ([], 2)
    disk.full = False
    play.pass_time(2)
    assert (drained, play.conductor.behind) == ([True], 0)
    assert play.kinds()[-2:] == ["recording_closed", "ended"]


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hanging_up_while_the_connection_is_made_durable_leaves_no_recording_open(play: Play, who: str) -> None:
    play.attempt()
    play.conductor.answered("call", "PCMU")
    play.settle()
    slow = threading.Event()
    play.store.submit(lambda tx: slow.wait(5), lambda result, error: None)
    play.stage.waiting["announcement"](True)
    while not play.stage.steps.empty():
        play.stage.steps.get()()  # keys kept, facts on their way
    play.conductor.hung_up("call", who)
    while not play.stage.steps.empty():
        play.stage.steps.get()()  # the recorder has answered
    slow.set()
    play.settle()
    assert play.conductor.active == 0
    assert play.kinds()[2:] == ["announced", "recording_opened", "connected", "recording_closed", "ended"]
    row = play.call()
    assert (row["state"], row["announced"], row["bridged"]) == ("ended", 1, 0)


def test_a_fact_that_cannot_be_written_does_not_keep_the_others_waiting(play: Play) -> None:
    settled: list[bool] = []
    keeper = Keeper(play.store, play.stage, lambda: settled.append(True))
    good = Fact(kind="ended", subject="call", at=NOW, actor="gate", body={"by": "caller"})
    bad = Fact(kind="objection", subject=NUMBER, at=NOW, actor="callee", body={"number": NUMBER})
    keeper.keep(good, bad)
    play.settle()
    assert sorted(play.kinds()) == ["ended", NOT_KEPT]
    assert (keeper.settled, settled[-1:]) == (True, [True])
