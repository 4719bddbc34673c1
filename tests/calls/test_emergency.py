"""Emergency calls (LAW 3.5): out before anything is written, past every limit, and written down when there is room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.errors import StoreError
from tests.support.databases import query
from tests.support.playbook import NUMBER, OWN, Play

ROUTED = frozenset({"999", "112"})
OUT = f"invite emergency 999 as {OWN} Webeo"


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    play = Play(tmp_path, max_calls=1, emergency=ROUTED)
    yield play
    play.store.close()


def full(play: Play) -> Any:
    """A store that has no room; returns the way back."""
    submit = play.store.submit

    def refuse(work: Any, done: Any, asks: Any = None) -> None:
        done(None, StoreError("no room"))

    play.store.submit = refuse  # type: ignore[method-assign]
    return lambda: setattr(play.store, "submit", submit)


def test_the_invite_leaves_before_the_store_is_asked(play: Play) -> None:
    play.begin("999", codecs=())  # codecs of no announcement: there is none
    assert play.told() == [OUT]
    play.settle()
    assert play.kinds() == ["decision"]
    play.call_manager.ringing("call")
    play.call_manager.answered("call", "PCMU")
    assert play.told() == ["join", "connect"]
    play.call_manager.digit("call", "callee", "9")
    play.pass_time(100_000)
    assert play.told() == []
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert play.told() == ["stop playing", "forget"]
    assert play.kinds() == ["decision", "answered", "connected", "ended"]
    call = play.call()
    assert (call["verdict"], call["reason"], call["number"]) == ("allow", "emergency_call", "999")
    assert (call["state"], call["bridged"], call["recorded"], call["objected"]) == ("ended", 1, 0, None)
    assert call["claimed_by"] == "account:alice"


@pytest.mark.parametrize("problem", ["", "claim_refused"])
def test_nothing_on_the_gates_own_side_stops_it(play: Play, problem: str) -> None:
    play.attempt()  # the gate is full
    play.stage.recorder_up = False
    play.call_manager.drain(lambda: None, 5)
    play.told()
    play.begin("999", call_id="help", problem=problem, codecs=("opus",))
    assert play.told() == [OUT]


@pytest.mark.parametrize("problem", ["not_authenticated", "loop_detected"])
def test_somebody_unknown_or_a_loop_does_not_get_through(play: Play, problem: str) -> None:
    play.attempt("999", problem=problem)
    assert play.told() == [f"refuse {problem}"]


def test_on_a_full_disk_it_goes_out_and_is_written_down_when_there_is_room(play: Play) -> None:
    room = full(play)
    play.begin("999")
    play.call_manager.answered("call", "PCMU")
    play.settle()
    assert play.told() == [OUT, "join", "connect"]
    play.call_manager.hung_up("call", "caller")
    play.pass_time(1)
    assert play.kinds() == []
    assert play.retry_queue.behind == 3
    play.attempt(NUMBER, call_id="other")
    assert play.told()[-1] == "refuse evidence_unavailable"
    room()
    play.pass_time(1.1)
    assert play.kinds("call") == ["decision", "answered", "connected", "ended"]
    assert play.retry_queue.behind == 0
    (fact,) = play.store.call(lambda tx: query(tx, "SELECT at, body FROM facts WHERE subject = 'call' LIMIT 1"))
    assert fact["at"].startswith("2026-03-03T11:00:00")  # when it was asked for, not when it found room
    assert json.loads(fact["body"])["source"] == "127.0.0.1:5062"


def test_a_stopping_gate_does_not_cut_it_off(play: Play) -> None:
    drained: list[bool] = []
    play.begin("112")
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.told()
    play.call_manager.drain(lambda: drained.append(True), 5)
    play.pass_time(6)
    assert (play.told(), drained) == ([], [])
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert drained == [True]


def test_without_a_route_it_is_refused_with_advice(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.attempt("999")
    assert play.told() == ["refuse destination_not_allowed"]
    assert "direct line" in play.stage.refused[0][1]
    play.store.close()
