"""The line thread's event loop: sippy's, run by the thread that adopts it. Upstream faults (sippy 2.5.0) that this
answers:

- there is one loop per process (``ED2``), which belongs to the thread that first imported it: ``adopt_loop`` gives it
  to the running thread, so that the order of imports does not matter
- it wakes up by signals, 100 times a second, and its object crashes in another thread: ``LoopWaker``
"""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from sippy.Core.EventDispatcher import ED2

_log = structlog.get_logger("gate.sip")

LONGEST_SLEEP = 0.25
"""Seconds the loop sleeps where nothing is due (a step posted wakes it at once)."""

_CLOCK = 4
"""The clock of sippy's timers: CLOCK_MONOTONIC_RAW, by the number that sippy has for it."""

BATCH = 64
"""Steps run before timers get their turn again."""
_ROUND = (0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2)
"""Which row comes first in each of sixteen turns; where it is empty, the first that is not."""


class StepQueue:
    """Steps for the line thread, from any thread; they wait where the loop does not run yet.

    They stand in three rows, each in order. What was posted comes first: decisions, commits and answers of the calls
    that the line has taken. Then what has arrived from the network inside a call, as an ACK or an answer has. Then the
    rest of it, which may be a new call. Where more comes than the line can take, so, what was begun is finished, and
    new calls are what waits: by that they are counted and refused. No row waits for ever: of sixteen turns three are
    for the second before the first, and one for the third before both.

    At most one wake-up is under way however many steps wait, so a flood costs no signal per datagram.
    """

    def __init__(self) -> None:
        self.rows: tuple[deque[Callable[[], None]], ...] = (deque(), deque(), deque())
        self._posted, self._inside, self._new = self.rows
        self._turn = 0
        self._lock = threading.Lock()
        self._awake = False
        self._wake: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._posted) + len(self._inside) + len(self._new)

    def post(self, step: Callable[[], None]) -> None:
        """Run ``step`` soon on the line thread."""
        self._posted.append(step)
        if not self._awake:
            self._call()

    def arrived(self, step: Callable[[], None], *, inside: bool = False) -> None:
        """Run ``step``, which takes a message from the network, after what was posted. ``inside``: it belongs to a call
        that the line has taken."""
        (self._inside if inside else self._new).append(step)
        if not self._awake:
            self._call()

    def _call(self) -> None:
        with self._lock:
            wake = self._wake
            if self._awake or wake is None:
                return
            self._awake = True
        wake()

    def start(self, wake: Callable[[], None]) -> None:
        """The loop runs: ``wake`` makes it call ``drain``."""
        with self._lock:
            self._wake, self._awake = wake, True
        wake()

    def close(self) -> None:
        """The loop is over; what waits is dropped."""
        with self._lock:
            self._wake = None
        for row in self.rows:
            row.clear()

    def drain(self) -> None:
        """Run what waits, a batch at a time; called on the line thread."""
        for _ in range(BATCH):
            first = self.rows[_ROUND[self._turn]]
            self._turn = (self._turn + 1) % len(_ROUND)
            try:
                step = (first or self._posted or self._inside or self._new).popleft()
            except IndexError:
                break
            try:
                step()
            except Exception:  # noqa: BLE001 - the line thread's boundary: one bad step must not end every call
                _log.exception("step failed")
        with self._lock:
            self._awake = False  # before it is looked again: who posts meanwhile sees it, or is seen
            wake = self._wake
            if not len(self) or wake is None:
                return
            self._awake = True
        wake()


class LoopWaker:
    """What lets sippy's loop sleep and wakes it: a queue, in place of elperiodic's signals.

    elperiodic binds itself to one thread of the process for good (a second one crashes) and wakes it by SIGURG; this
    belongs to whichever thread runs the loop, and sleeps until the next timer is due instead of waking 100 times a
    second.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._calls: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = queue.SimpleQueue()

    def call_from_thread(self, handler: Callable[..., None], *values: Any) -> None:
        """Run ``handler`` on the loop's thread."""
        self._calls.put((handler, values))

    def procrastinate(self) -> None:
        """Sleep until a call comes or the next timer is due; run the calls."""
        timers = self._loop.tlisteners
        pause = LONGEST_SLEEP
        if timers:
            pause = (
                min(pause, max(0.0, timers[0].etime.monot - time.clock_gettime(_CLOCK))) if timers[0].cb_func else 0.0
            )
        try:
            handler, values = self._calls.get(timeout=pause) if pause else self._calls.get_nowait()
            for _ in range(min(BATCH, self._calls.qsize())):  # what these ask for in turn comes after the timers
                handler(*values)
                handler, values = self._calls.get_nowait()
            handler(*values)
        except queue.Empty:
            return


def adopt_loop() -> Any:
    """Make sippy's loop this thread's and return it. Timers of an earlier owner are dropped."""
    if not isinstance(ED2.elp, LoopWaker):
        # Freeing elperiodic's object while a signal is under way crashes, at the interpreter's end too: it never dies.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(ED2.elp))
    ED2.elp = LoopWaker(ED2)
    ED2.tlisteners, ED2.twasted, ED2.endloop = [], 0, False
    ED2.my_ident = threading.get_ident()
    return ED2
