"""The thread that carries commands to RTPProxy and its answers back to the line thread.

Getting the interpreter's lock back after an answer costs a busy gate a millisecond. So the commands that the jobs of
all calls want next go to RTPProxy together, and jobs cross to the line once, with their result.
"""

from __future__ import annotations

import ctypes
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import structlog

from gate.errors import MediaError

_log = structlog.get_logger("gate.media")

MOST_COMMANDS = 64
"""Commands on their way at once. RTPProxy answers each by a write that does not wait, and loses the answer where its
socket is full: 277 fit (Linux defaults)."""
ANSWER_SECONDS = 30.0
"""RTPProxy answers within a millisecond, on a machine far beyond its load within a second. One that has not answered
after this is taken to be gone for good."""
_LONGEST_ANSWER = 8192
_AT_ONCE = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
"""Nothing else is on its way: there is room for a few kilobytes, or RTPProxy is gone."""

_kernel = ctypes.PyDLL(None)

T = TypeVar("T")
Words = Sequence[str]
Job = Generator[Sequence[str], Sequence[Words], T]
"""Yields the commands that it wants carried out next, and gets the words of each answer: none where RTPProxy is gone.
What it returns is its result."""


def asked(*commands: str) -> Job[Sequence[Words]]:
    """The words of each answer. Raises ``MediaError`` where there is none, or a fault."""
    answers = yield commands
    for command, words in zip(commands, answers, strict=True):
        if not words or words[0].startswith("E"):
            raise MediaError(f"RTPProxy answers {' '.join(words) or 'nothing'} to {command.split(' ')[0]}")
    return answers


@dataclass(slots=True, eq=False)
class Task:
    """A job, and what gets its result on the line thread: None where it could not be done."""

    job: Job[Any]
    done: Callable[[Any], None] | None = None
    lines: Sequence[bytes] = ()
    """The commands that it waits for."""


class Worker(threading.Thread):
    """Tasks of one call are done one after another, in the order in which they came. Those that are put together are
    done at once, and so are those of several calls."""

    def __init__(
        self, control: socket.socket, post: Callable[[Callable[[], None]], None], patience: float = ANSWER_SECONDS
    ) -> None:
        """``control`` leads to RTPProxy; ``post`` runs a step on the line thread; ``patience``: seconds that an answer
        is waited for."""
        super().__init__(name="rtpproxy", daemon=True)
        control.settimeout(patience)
        self._gone = False
        self._control, self._post = control, post
        self._arriving: queue.SimpleQueue[tuple[Hashable, Sequence[Task]] | None] = queue.SimpleQueue()
        self._under_way: dict[Hashable, int] = {}
        """Call -> how many of its tasks are."""
        self._behind: dict[Hashable, deque[Sequence[Task]]] = {}
        """What waits for those, of each call that has any."""
        self._stopping = False
        self.start()

    def put(self, call: Hashable, *tasks: Task) -> None:
        """Have tasks of a call done, all at once: none of them rests on another's answers."""
        self._arriving.put((call, tasks))

    def stop(self) -> None:
        """End when all that was put before is done."""
        self._arriving.put(None)
        self.join()

    def run(self) -> None:
        """The thread: the commands of all calls that are ready go to RTPProxy together, until it is stopped."""
        asking: deque[tuple[Hashable, Task]] = deque()
        while asking or not self._stopping:
            for call, tasks in self._arrived(wait=not asking):
                if (behind := self._behind.get(call)) is None:
                    self._behind[call] = deque([tasks])
                    asking.extend(self._next(call))
                else:
                    behind.append(tasks)
            turn: list[tuple[Hashable, Task]] = []
            lines: list[bytes] = []
            while asking and (not turn or len(lines) + len(asking[0][1].lines) <= MOST_COMMANDS):
                turn.append(asking.popleft())
                lines += turn[-1][1].lines
            answers = iter(self._exchange(lines) if lines else ())
            for call, task in turn:
                if self._goes_on(task, list(islice(answers, len(task.lines)))):
                    asking.append((call, task))
                elif self._under_way[call] > 1:
                    self._under_way[call] -= 1
                else:
                    asking.extend(self._next(call))

    def _arrived(self, *, wait: bool) -> Iterable[tuple[Hashable, Sequence[Task]]]:
        """What has arrived; where nothing has, the next that does."""
        while not self._stopping:
            try:
                tasks = self._arriving.get(block=wait)
            except queue.Empty:
                return
            if tasks is None:
                self._stopping = True
                return
            yield tasks
            wait = False

    def _next(self, call: Hashable) -> list[tuple[Hashable, Task]]:
        """Begin what waits next of a call; returns those tasks that want something."""
        behind, begun = self._behind[call], list[Task]()
        while behind and not begun:
            begun = [task for task in behind.popleft() if self._goes_on(task, None)]
        self._under_way[call] = len(begun)
        if not begun:
            del self._behind[call], self._under_way[call]
        return [(call, task) for task in begun]

    def _goes_on(self, task: Task, answers: Sequence[Words] | None) -> bool:
        """Go on with a task until it wants something; False where it has ended."""
        result = None
        try:
            commands = next(task.job) if answers is None else task.job.send(answers)
            task.lines = [_line(command) for command in commands]
            return True
        except StopIteration as end:
            result = end.value
        except MediaError as error:
            _log.error("a media command failed", error=str(error), hint=error.hint)
        except Exception:  # noqa: BLE001 - whatever one call's job meets, the thread serves the others
            _log.exception("a media command failed")
        if task.done is not None:
            self._post(partial(task.done, result))
        return False

    def _exchange(self, lines: Sequence[bytes]) -> Sequence[Words]:
        """Send commands; the words of each answer, none where RTPProxy is gone. Sending keeps the interpreter's
        lock."""
        if self._gone:
            return [()] * len(lines)
        data, answer = b"".join(lines), b""
        try:
            if _kernel.send(self._control.fileno(), data, len(data), _AT_ONCE) != len(data):
                raise OSError("its socket takes no command")
            while answer.count(b"\n") < len(lines):
                more = self._control.recv(_LONGEST_ANSWER)
                if not more:
                    raise OSError("it is gone")
                answer += more
        except OSError as error:
            # Answers are told apart by their order: what comes too late would be taken for that of another call.
            self._gone = True
            _log.critical("RTPProxy does not answer", error=str(error), hint="no call is carried: restart the gate")
            return [()] * len(lines)
        return [line.split() for line in answer.decode("ascii", "replace").split("\n")[:-1]]


def _line(command: str) -> bytes:
    """A command as it is sent. Answers are told apart by their order alone: each line must be one command."""
    if "\n" in command:
        raise MediaError("a media command of two lines")
    return command.encode() + b"\n"
