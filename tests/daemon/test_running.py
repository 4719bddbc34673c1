"""What a running gate does with its chores."""

from __future__ import annotations

import asyncio

from gate.daemon import at_line, running
from tests.support.logs import logged


async def _fails() -> None:
    raise ZeroDivisionError("a fault")


async def test_a_chore_that_ends_is_told_at_once_and_the_others_go_on() -> None:
    other = asyncio.ensure_future(asyncio.sleep(60))
    chores = asyncio.gather(_fails(), other)
    chores.add_done_callback(running._log_failure)
    with logged() as told:
        await asyncio.wait([chores], timeout=5)
        await asyncio.sleep(0)
    assert [(each["event"], each["error"]) for each in told] == [("chores_failed", "ZeroDivisionError('a fault')")]
    assert not other.done()
    other.cancel()


async def test_an_end_that_was_asked_for_is_no_fault() -> None:
    chores = asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
    chores.add_done_callback(running._log_failure)
    with logged() as told:
        chores.cancel()
        await asyncio.gather(chores, return_exceptions=True)
        await asyncio.sleep(0)
    assert told == []


def test_the_lines_first_sweep_may_come_before_the_media_room() -> None:
    assert at_line.LateMedia().late() == 0.0
