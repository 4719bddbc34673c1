"""The console's line to the gate: nothing waits on the screen's thread, the stream collapses, an absence is told."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.message import Message

from console.feed import Feed, LinkChanged, Snapshot, on_thread
from gate.errors import ControlError, RefusedError, UsageError
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.calls.calls import CallsList, CallsShow
from gate.operations.status.glance import Status
from tests.console.served import Served
from tests.support.evidence import PICTURE
from tests.support.waiting import PATIENCE


async def until(true: Any, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_questions_are_answered_and_what_the_gate_raises_is_raised(shared: Served) -> None:
    feed = Feed(shared.socket, shared.clock.now, lambda message: None)
    assert (await feed.ask(CallsList(limit=3))).items
    with pytest.raises(UsageError, match="there is no call"):
        await feed.ask(CallsShow(call_id="nobody"))
    assert feed.heard_at == shared.clock.time


async def test_a_gate_that_is_not_there_is_told_as_such(tmp_path: Path, shared: Served) -> None:
    messages: list[Message] = []
    feed = Feed(tmp_path / "no.sock", shared.clock.now, messages.append)
    with pytest.raises(ControlError, match="cannot be reached"):
        await feed.ask(Status())
    feed.start()
    await until(lambda: feed.link.up is False)
    assert isinstance(messages[0], LinkChanged) and "cannot be reached" in feed.link.why
    feed.stop()


async def test_a_slow_gate_is_given_up_after_its_time(served: Served) -> None:
    held = threading.Event()
    served.slow = lambda op: held.wait(PATIENCE) and None
    feed = Feed(served.socket, served.clock.now, lambda message: None)
    began = time.monotonic()
    try:
        with pytest.raises(ControlError, match=r"did not answer|not answered"):
            await feed.ask(Status(), timeout=0.3)
        assert time.monotonic() - began < 5
    finally:
        held.set()


async def test_the_loop_goes_on_while_questions_wait(served: Served) -> None:
    held = threading.Event()
    served.slow = lambda op: held.wait(PATIENCE) and None
    feed = Feed(served.socket, served.clock.now, lambda message: None)
    asked = [asyncio.ensure_future(feed.ask(Status())) for _ in range(20)]
    longest = 0.0
    for _ in range(20):
        began = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - began)
    held.set()
    await asyncio.gather(*asked)
    assert longest < 0.5


async def test_snapshots_are_handed_over_the_newest_only(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the gate sends, the screen gets at most five a second, and the last one."""
    sent = 400

    class Watching:
        def __enter__(self) -> Watching:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def close(self) -> None:
            return None

        def __iter__(self) -> Any:
            for number in range(sent):
                yield replace(PICTURE, at=str(number))
                time.sleep(0.0025)
            time.sleep(30)

    monkeypatch.setattr("gate.control.client.ControlClient.watch", lambda self: Watching())
    messages: list[Message] = []
    feed = Feed(served.socket, served.clock.now, messages.append)
    feed.start()
    await until(lambda: feed.snapshot is not None and feed.snapshot.at == str(sent - 1))
    feed.stop()
    pictures = [message for message in messages if isinstance(message, Snapshot)]
    assert 2 <= len(pictures) <= 20


async def test_the_session_says_who_we_are_and_what_we_may(shared: Served) -> None:
    feed = Feed(shared.socket, shared.clock.now, lambda message: None)
    feed.start()
    await until(lambda: feed.link.up)
    assert feed.session.role == "admin" and feed.session.may("retention_sweep")
    feed.stop()


async def test_progress_comes_on_the_loop_and_ends_at_the_whole(served: Served) -> None:
    feed = Feed(served.socket, served.clock.now, lambda message: None)
    seen: list[tuple[float, int]] = []
    here = threading.get_ident()
    answer = await feed.ask(AuditVerify(), progress=lambda part, text: seen.append((part, threading.get_ident())))
    assert answer.ok
    assert all(thread == here for _, thread in seen)


async def test_work_on_a_thread_gives_back_what_it_raised() -> None:
    def work() -> None:
        raise RefusedError("no", reason="held")

    with pytest.raises(RefusedError):
        await on_thread(work)
    with pytest.raises(TimeoutError):
        await on_thread(lambda: time.sleep(2), timeout=0.05)


async def test_what_is_asked_one_after_the_other_takes_no_thread_of_its_own() -> None:
    """A key that asks the gate makes no thread: the one that has answered the last key answers it."""
    await asyncio.gather(*(on_thread(lambda: time.sleep(0.01)) for _ in range(3)))
    known = {thread for thread in threading.enumerate() if thread.name == "console-work"}
    for _ in range(20):
        assert await on_thread(threading.current_thread) in known
        await asyncio.sleep(0)
