"""More calls than the line can carry: those that are too many are sent away early and by name, the rest are carried."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from gate.config import Emergency, Pbx
from gate.sip.overload import FORGOTTEN, LATE, RETRY_SECONDS, STANDS, WARY, OverloadControl
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Phone
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE

HERE = Path(__file__).parent / "scenarios"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def measured(overload: OverloadControl, clock: Clock, queue: str, late: float, seconds: float) -> None:
    """A sample each 50 ms."""
    for _ in range(round(seconds / 0.05)):
        clock.now += 0.05
        overload.note(queue, late)


@pytest.mark.parametrize("queue", ["datagrams", "timers", "decisions", "media"])
def test_a_queue_that_stands_sheds_and_one_that_is_long_for_a_moment_does_not(queue):
    clock = Clock()
    overload = OverloadControl(clock)
    for _ in range(20):  # bursts: late for most of a second, and then not
        measured(overload, clock, queue, LATE * 3, STANDS * 0.8)
        assert not overload.overloaded
        measured(overload, clock, queue, 0.0, 0.05)
    measured(overload, clock, queue, LATE, STANDS + 0.1)
    assert overload.overloaded
    measured(overload, clock, queue, 0.0, 0.05)
    assert not overload.overloaded
    measured(overload, clock, queue, LATE, 0.05)
    assert overload.overloaded, "it has just drained: late once is enough"
    measured(overload, clock, queue, 0.0, WARY + 1)
    measured(overload, clock, queue, LATE, 0.05)
    assert not overload.overloaded


def test_what_was_measured_long_ago_says_nothing():
    clock = Clock()
    overload = OverloadControl(clock)
    measured(overload, clock, "datagrams", 1.0, STANDS + 0.1)
    assert overload.overloaded
    clock.now += FORGOTTEN
    assert not overload.overloaded


def test_the_three_queues_do_not_excuse_each_other():
    clock = Clock()
    overload = OverloadControl(clock)
    for _ in range(40):
        measured(overload, clock, "decisions", 2.0, 0.05)
        overload.note("timers", 0.0)
        overload.note("datagrams", 0.0)
    assert overload.overloaded


class Slow(ScriptedCallManager):
    """Holds the line for a time with each call that it is told of: a machine that carries so many and no more."""

    seconds = 0.02

    def incoming(self, incoming):
        time.sleep(self.seconds)
        super().incoming(incoming)


@pytest.mark.peer
def test_at_twice_what_it_can_carry_some_are_sent_away_and_none_are_lost():
    """Fifty a second is all that this line can; a hundred a second come, for eight seconds."""
    calls = 800
    call_manager = Slow()
    far = Sipp("uas", calls=calls, timeout=PATIENCE, trace=False)
    far.wait_listening()
    with RunningLine(config_for(f"127.0.0.1:{far.port}", refusal=486), call_manager) as running:
        scenario = HERE / "uac_carried_or_sent_away.xml"
        near = Sipp(scenario, remote=running.address, calls=calls, rate=100, timeout=PATIENCE, trace=False)
        called = near.result()
        far.stop()
        kinds = Counter(call_manager.kinds())
        print(kinds, "retransmissions", called.retransmissions)
        assert (called.successful, called.failed) == (calls, 0), called.errors
        carried = kinds["incoming"]
        assert kinds["shed"] == running.line.counts()["shed"] == calls - carried
        assert kinds["shed"] > calls // 10, "there was nothing to shed: the test shows nothing"
        assert carried > calls // 10
        assert kinds["answered"] == kinds["hung_up"] == carried, "what was let in is carried to its end"
        assert not kinds["failed"]
        assert called.retransmissions < calls, "nobody had to ask again and again"


def late(running: RunningLine) -> None:
    """As if everything had waited."""

    def stand() -> None:
        overload = running.line._engine.overload
        overload._queues["decisions"].since = overload._monotonic() - 10
        overload._queues["decisions"].note(1.0, overload._monotonic())

    running.call(stand)


@pytest.mark.parametrize("overflow", [False, True])
def test_who_may_route_elsewhere_is_told_so_and_the_others_are_refused(overflow):
    config = config_for("127.0.0.1:9", pbx=False)
    pbx = Pbx("pbx1", ("127.0.0.1",), PRESENTED, refusal=486, overflow=overflow)
    call_manager = ScriptedCallManager()
    with (
        RunningLine(replace(config, pbx=(pbx,)), call_manager) as running,
        Phone(running.address) as phone,
    ):
        running.call(running.line._engine._sweeper.cancel)
        late(running)
        phone.dial()
        heard = phone.recv()
        assert heard.get("X-Dialgate-Reason") == "too_many_calls"
        if overflow:
            assert (heard.code, heard.get("Retry-After")) == (503, str(RETRY_SECONDS))
        else:
            assert heard.start == "SIP/2.0 486 Declined: all lines are busy"
        assert call_manager.wait("shed")[1] == "trunk:pbx1"
        assert call_manager.kinds() == ["shed"]


def test_law_3_5_a_call_for_help_is_never_too_many():
    config = config_for("127.0.0.1:9")
    config = replace(config, emergency=Emergency("127.0.0.1:9"))
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config, call_manager) as running, Phone(running.address) as phone:
        running.call(running.line._engine._sweeper.cancel)
        late(running)
        phone.dial("999")
        call_manager.wait("incoming")
        assert call_manager.kinds() == ["incoming"]
