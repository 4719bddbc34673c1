"""The timers of a running line, without waiting for them."""

from __future__ import annotations

import threading
from heapq import heapify
from typing import Any

from sippy.Core.EventDispatcher import ED2

from tests.support.sip_line import RunningLine
from tests.support.waiting import PATIENCE


def pass_time(running: RunningLine, seconds: float) -> None:
    """Every timer of the line's loop is due so much sooner, as if its clock had moved on; returns when all that were
    due have run."""
    ran = threading.Event()

    def advance() -> None:
        for timer in ED2.tlisteners:
            if timer.etime is not None:
                timer.etime.offset(-seconds)
        heapify(ED2.tlisteners)
        running.line.after(0.0, ran.set)  # timers run in their order: this one last

    running.call(advance)
    assert ran.wait(PATIENCE)


def _transactions(running: RunningLine) -> Any:
    return running.line._engine.transactions  # type: ignore[union-attr]


def _invite(transactions: Any) -> Any:
    (invite,) = [each for each in transactions.values() if each.method == "INVITE"]
    return invite


def expire(running: RunningLine) -> None:
    """The time is over that the caller's INVITE has (``Expires``)."""

    def now() -> None:
        transactions = _transactions(running)
        invite = _invite(transactions.tserver)
        transactions.timerE(invite)

    running.call(now)


def time_out(running: RunningLine) -> None:
    """Nothing final has come to our INVITE in time (timer B)."""

    def now() -> None:
        transactions = _transactions(running)
        invite = _invite(transactions.tclient)
        transactions.timerB(invite)

    running.call(now)


def send_late(running: RunningLine) -> None:
    """Our INVITE has had no answer for some seconds, and would be sent again (timer A)."""

    def now() -> None:
        transactions = _transactions(running)
        invite = _invite(transactions.tclient)
        invite.teA.cancel()
        invite.tout = 2.0
        transactions.timerA(invite)

    running.call(now)
