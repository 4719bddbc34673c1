"""The timers of a running line, without waiting for them."""

from __future__ import annotations

import threading
from heapq import heapify

from sippy.Core.EventDispatcher import ED2

from tests.support.sip_line import RunningLine
from tests.support.waiting import PATIENCE


def pass_time(running: RunningLine, seconds: float) -> None:
    """Every timer of sippy's loop is due so much sooner, as if its clock had moved on; returns when all that were due
    have run."""
    ran = threading.Event()

    def advance() -> None:
        for timer in ED2.tlisteners:
            if timer.etime is not None:
                timer.etime.offset(-seconds)
        heapify(ED2.tlisteners)
        running.line.after(0.0, ran.set)  # timers run in their order: this one last

    running.call(advance)
    assert ran.wait(PATIENCE)
