"""The line thread's loop: order, faults, adoption by another thread, and rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from gate.errors import ConfigError, GateError
from gate.sip.line import SipLine
from gate.sip.sippy_adapter.event_loop import StepQueue
from gate.sip.udp import split_address
from gate.store.legs import LegFile
from tests.support.sip_line import PassThrough, RunningLine, config_for
from tests.support.waiting import PATIENCE


def test_steps_run_in_order_from_before_the_start_on():
    seen: list[int] = []
    line = RunningLine(config_for("127.0.0.1:9"))
    for number in range(500):
        line.line.post(lambda number=number: seen.append(number))
    with line:
        for number in range(500, 1000):
            line.line.post(lambda number=number: seen.append(number))
        line.call(lambda: None)
    assert seen == list(range(1000))


def test_a_fault_in_a_step_or_a_timer_stops_nothing():
    def boom() -> None:
        raise RuntimeError("fault")

    fired = threading.Event()
    with RunningLine(config_for("127.0.0.1:9")) as running:
        running.line.post(boom)
        running.call(lambda: running.line.after(0.01, boom) and None)
        running.call(lambda: running.line.after(0.05, fired.set) and None)
        assert fired.wait(PATIENCE)


def test_timers_fire_when_due_and_not_when_cancelled():
    fired: list[float] = []
    with RunningLine(config_for("127.0.0.1:9")) as running:
        begin, later = time.monotonic(), threading.Event()

        def start() -> None:
            running.line.after(0.2, lambda: fired.append(time.monotonic() - begin))
            running.line.after(0.1, lambda: fired.append(-1)).cancel()
            running.line.after(0.3, later.set)

        running.call(start)
        assert later.wait(PATIENCE)
    assert len(fired) == 1
    assert 0.19 < fired[0] < 0.35


def test_an_idle_line_rests():
    with RunningLine(config_for("127.0.0.1:9")):
        time.sleep(0.3)
        begin = time.process_time()
        time.sleep(1)
        assert time.process_time() - begin < 0.2


def test_another_thread_may_run_the_next_line():
    for _ in range(3):
        with RunningLine(config_for("127.0.0.1:9")) as running:
            assert running.call(lambda: threading.current_thread().name) == "line"


def test_a_taken_address_says_so(tmp_path):
    with RunningLine(config_for("127.0.0.1:9")) as running:
        host, port = running.address
        legs = LegFile(tmp_path / "legs.journal")
        other = SipLine(config_for("127.0.0.1:9", listen=f"{host}:{port}"), PassThrough(), lambda _: "x", legs)
        with pytest.raises(ConfigError, match=f"cannot listen on {host}:{port}"):
            other.open()


def test_a_line_without_call_manager_says_so(tmp_path):
    line = SipLine(config_for("127.0.0.1:9"), PassThrough(), lambda _: "x", LegFile(tmp_path / "legs.journal"))
    with pytest.raises(GateError, match="no call manager"):
        line.run()
    with pytest.raises(GateError, match="no call manager"):
        line.wait_ready(1)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", ("127.0.0.1", 5060)),
        ("carrier.invalid:5080", ("carrier.invalid", 5080)),
        ("[::1]:0", ("[::1]", 0)),
        ("[::1]", ("[::1]", 5060)),
    ],
)
def test_addresses(text, address):
    assert split_address(text) == address


@pytest.mark.parametrize("text", ["", ":5060", "::1", "a:b", "a:70000", "[::1", "[::1]5060"])
def test_what_is_no_address(text):
    with pytest.raises(ConfigError):
        split_address(text)


def test_what_was_posted_comes_before_what_has_arrived():
    """A decision is not late because a thousand datagrams came before it."""
    steps, done = StepQueue(), []
    for number in range(3):
        steps.arrived(lambda number=number: done.append(f"datagram {number}"))
    steps.post(lambda: done.append("decision"))
    steps.start(lambda: None)
    assert len(steps) == 4
    steps.drain()
    assert done == ["decision", "datagram 0", "datagram 1", "datagram 2"]


def test_what_is_inside_a_call_comes_before_what_may_be_a_new_one():
    steps, done = StepQueue(), []
    for number in range(3):
        steps.arrived(lambda number=number: done.append(f"INVITE {number}"))
    steps.arrived(lambda: done.append("ACK"), inside=True)
    steps.post(lambda: done.append("commit"))
    steps.start(lambda: None)
    assert len(steps) == 5
    steps.drain()
    assert done == ["commit", "ACK", "INVITE 0", "INVITE 1", "INVITE 2"]


def test_no_row_of_steps_waits_for_ever():
    """However many decisions there are, ACKs have their turn; however many of both, so have new calls."""
    steps, done = StepQueue(), []

    def again(name: str, put: Callable[[Callable[[], None]], None]) -> None:
        done.append(name)
        put(lambda: again(name, put))

    steps.post(lambda: again("commit", steps.post))
    steps.arrived(lambda: again("ACK", partial(steps.arrived, inside=True)), inside=True)
    for number in range(4):
        steps.arrived(lambda number=number: done.append(f"INVITE {number}"))
    steps.start(lambda: None)
    steps.drain()  # 64 steps: four rounds of sixteen
    assert [name for name in done if name.startswith("INVITE")] == [f"INVITE {number}" for number in range(4)]
    assert (done.count("ACK"), done.count("commit")) == (12, 48)


def test_steps_that_are_posted_while_others_run_are_run():
    """Nobody who posts is left without a wake-up, whenever it comes."""
    steps, left, calls = StepQueue(), threading.Semaphore(0), []

    def loop() -> None:
        while left.acquire(timeout=PATIENCE) and not over.is_set():
            steps.drain()

    over = threading.Event()
    runner = threading.Thread(target=loop)
    runner.start()
    steps.start(left.release)
    count, done = 2000, threading.Event()

    def post() -> None:
        for _ in range(count):
            steps.post(lambda: calls.append(1) or (len(calls) == 4 * count and done.set()))

    posters = [threading.Thread(target=post) for _ in range(4)]
    for each in posters:
        each.start()
    for each in posters:
        each.join()
    assert done.wait(PATIENCE)
    over.set()
    left.release()
    runner.join()
    assert not len(steps)
