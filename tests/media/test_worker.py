"""The thread between the line and RTPProxy, with a socket that a test answers."""

from __future__ import annotations

import contextlib
import queue
import socket
from collections.abc import Callable, Iterator

import pytest

from gate.media.worker import MOST_COMMANDS, Job, Task, Worker, asked
from tests.support.waiting import PATIENCE

Step = Callable[[], None]


class Ends:
    """The worker, RTPProxy's end of its socket, and the line thread's queue."""

    def __init__(self, **settings: float) -> None:
        ours, self.rtpproxy = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.rtpproxy.settimeout(5)
        self.told: list[object] = []
        self._steps: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self._read = b""
        self.worker = Worker(ours, self._steps.put, **settings)

    def put(self, call: str, *rounds: str) -> None:
        """A job that asks once for each of these commands; its result is ``call`` and the answers."""
        self.worker.put(call, self.task(call, *rounds))

    def task(self, name: str, *rounds: str) -> Task:
        """The same, to be put."""

        def job() -> Job[tuple[str, ...]]:
            answers = []
            for command in rounds:
                answers += yield from asked(command)
            return (name, *(" ".join(words) for words in answers))

        return Task(job(), self.told.append)

    def commands(self, count: int) -> list[str]:
        """The next commands that RTPProxy gets."""
        while self._read.count(b"\n") < count:
            self._read += self.rtpproxy.recv(4096)
        *lines, self._read = self._read.split(b"\n", count)
        return [line.decode() for line in lines]

    def nothing_more(self) -> bool:
        """True where no command is on its way to RTPProxy beside those that were read."""
        self.rtpproxy.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self._read += self.rtpproxy.recv(4096)
        self.rtpproxy.settimeout(5)
        return not self._read

    def answer(self, *answers: str) -> None:
        """What RTPProxy answers."""
        self.rtpproxy.send("".join(f"{answer}\n" for answer in answers).encode())

    def results(self, count: int) -> list[object]:
        """What the jobs were told, once there are so many."""
        while len(self.told) < count:
            self._steps.get(timeout=PATIENCE)()
        return self.told


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.rtpproxy.close()
    made.worker.stop()
    assert not made.worker.is_alive()


def test_what_the_jobs_of_several_calls_want_goes_out_together_and_each_gets_its_own_answers(ends: Ends) -> None:
    ends.put("first", "Q 1")
    assert ends.commands(1) == ["Q 1"]
    for call in ("a", "b", "c"):  # these come while an answer is awaited
        ends.put(call, f"U {call}", f"Q {call}")
    assert ends.nothing_more()
    ends.answer("10")
    assert ends.commands(3) == ["U a", "U b", "U c"]
    ends.answer("1", "2")
    assert ends.nothing_more(), "the third answer is missing"
    ends.answer("3 127.0.0.1")
    assert ends.commands(3) == ["Q a", "Q b", "Q c"]
    ends.answer("4", "5", "6")
    assert ends.results(4) == [("first", "10"), ("a", "1", "4"), ("b", "2", "5"), ("c", "3 127.0.0.1", "6")]


def test_jobs_of_one_call_are_done_one_after_another(ends: Ends) -> None:
    ends.put("a", "U 1", "U 2")
    ends.put("a", "D 3")
    ends.put("b", "Q 4")
    seen = []
    for answers in range(4):
        while len(seen) <= answers:
            seen += ends.commands(1)
            ends.answer("0")
    ends.results(3)
    assert [command for command in seen if command != "Q 4"] == ["U 1", "U 2", "D 3"]


def test_what_is_put_together_goes_out_together_and_what_comes_next_waits_for_all_of_it(ends: Ends) -> None:
    ends.worker.put("a", ends.task("copy", "C 1"), ends.task("play", "P 1", "Q 1"), ends.task("nothing"))
    ends.put("a", "D 1")
    assert ends.commands(2) == ["C 1", "P 1"]
    ends.answer("E8", "0")
    assert ends.commands(1) == ["Q 1"]
    assert ends.nothing_more(), "its deletion waits"
    ends.answer("50")
    assert ends.commands(1) == ["D 1"]
    ends.answer("0")
    assert ends.results(4) == [("nothing",), None, ("play", "0", "50"), ("a", "0")]
    ends.put("a", "Q 2")
    assert ends.commands(1) == ["Q 2"], "nothing of it is left under way"
    ends.answer("0")


def test_a_failure_is_that_calls_alone(ends: Ends) -> None:
    def broken() -> Job[str]:
        yield from asked("U b")
        raise ValueError("a fault of this job's")

    def two_lines() -> Job[str]:
        yield from asked("U c\nD a")
        return "never"

    ends.put("first", "Q 1")
    ends.commands(1)
    ends.put("a", "U a", "Q a")
    ends.worker.put("b", Task(broken(), ends.told.append))
    ends.worker.put("c", Task(two_lines(), ends.told.append))
    ends.put("d", "U d", "Q d")
    ends.put("e", "U e")
    ends.answer("0")
    assert ends.commands(4) == ["U a", "U b", "U d", "U e"]
    ends.answer("7", "7", "E50", "")
    assert ends.commands(1) == ["Q a"]
    ends.answer("8")
    assert ends.results(6) == [("first", "0"), None, None, None, None, ("a", "7", "8")]


def test_no_more_is_on_its_way_than_rtpproxy_can_answer_at_once(ends: Ends) -> None:
    ends.put("first", "Q 1")
    ends.commands(1)
    for number in range(MOST_COMMANDS + 3):
        ends.put(str(number), f"U {number}")
    ends.answer("0")
    ends.commands(MOST_COMMANDS)
    assert ends.nothing_more()
    ends.answer(*["0"] * MOST_COMMANDS)
    assert ends.commands(3) == [f"U {MOST_COMMANDS + each}" for each in range(3)]
    ends.answer("0", "0", "0")
    assert len(ends.results(MOST_COMMANDS + 4)) == MOST_COMMANDS + 4


def test_an_rtpproxy_that_is_gone_is_an_answer_of_none(ends: Ends) -> None:
    ends.put("a", "Q 1")
    ends.commands(1)
    ends.put("b", "Q 2")
    ends.rtpproxy.close()
    ends.put("c", "Q 3")
    assert ends.results(3) == [None, None, None]


def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    """Answers are told apart by their order alone: the next call's would be the one before's."""
    ends = Ends(patience=0.05)
    ends.put("a", "U a")
    assert ends.commands(1) == ["U a"]
    assert ends.results(1) == [None]
    ends.answer("7")
    ends.put("b", "U b")
    assert ends.results(2) == [None, None]
    assert ends.nothing_more(), "nothing is asked of it again"
    ends.worker.stop()


def test_what_was_put_before_the_end_is_done(ends: Ends) -> None:
    ends.put("a", "U 1", "D 1")
    ends.commands(1)
    ends.worker._arriving.put(None)
    ends.answer("0")
    assert ends.commands(1) == ["D 1"]
    ends.answer("0")
    assert ends.results(1) == [("a", "0", "0")]
