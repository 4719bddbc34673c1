"""What is said to a recorder that does not read: kept in order, bounded, and never waited for."""

from __future__ import annotations

import os
import queue
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.recorder import client as room_of_outbox
from gate.recorder import messages as m
from gate.recorder.client import Outbox
from tests.support.recorder_room import PAYLOADS, Phone, Room, event_names, packets, tone
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def pair() -> Iterator[tuple[Outbox, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.settimeout(5)
        yield Outbox(ours), theirs


def fill(outbox: Outbox, beyond: int) -> int:
    """Say things until so many wait; returns how many were said."""
    count = 0
    while outbox.waiting < beyond:
        assert outbox.put(m.Close(f"{count}"))
        count += 1
    return count


def heard(theirs: socket.socket, outbox: Outbox, count: int) -> list[m.ToRecorder]:
    messages = []
    for _ in range(count):
        messages.append(m.decode_for_recorder(theirs.recv(m.MAX_MESSAGE)))
        outbox.flush()
    return messages


def test_everything_arrives_in_order(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    count = fill(outbox, 50)
    assert heard(theirs, outbox, count) == [m.Close(f"{number}") for number in range(count)]
    assert outbox.waiting == 0 and outbox.stuck_seconds == 0.0


def test_a_pause_tells_when_it_was_asked_for(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    count = fill(outbox, 1)
    before = time.monotonic_ns()
    assert outbox.pause("a")
    after = time.monotonic_ns()
    until(lambda: time.monotonic_ns() > after)
    pause = heard(theirs, outbox, count + 1)[-1]
    assert isinstance(pause, m.Pause) and before <= pause.at <= after


def test_in_step_is_said_when_nothing_waits_and_not_before(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    count = fill(outbox, 20)
    outbox.say_in_step()
    outbox.pause("a")
    said = heard(theirs, outbox, count + 2)
    pause, in_step = said[-2:]
    assert isinstance(pause, m.Pause) and isinstance(in_step, m.InStep)
    assert in_step.at > pause.at
    outbox.say_in_step()
    assert isinstance(heard(theirs, outbox, 1)[0], m.InStep), "at once, where nothing waits"


def test_progress_is_what_counts(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    fill(outbox, 20)
    until(lambda: outbox.stuck_seconds >= 0.1)
    began = time.monotonic()
    while outbox.waiting == 20:
        heard(theirs, outbox, 1)
    assert outbox.stuck_seconds <= time.monotonic() - began


def test_no_more_is_kept_than_the_bound(pair: tuple[Outbox, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_of_outbox, "MOST_WAITING", 30)
    outbox, _ = pair
    fill(outbox, 30)
    assert not outbox.put(m.Close("one more"))
    assert outbox.waiting == 30 and outbox.stuck_seconds == float("inf")


def test_what_waits_is_said_before_the_end(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    count = fill(outbox, 20)
    outbox.end()
    assert not outbox.put(m.Close("too late"))
    assert len(heard(theirs, outbox, count)) == count
    assert theirs.recv(m.MAX_MESSAGE) == b""


def test_nobody_takes_what_is_said_to_a_closed_socket(pair: tuple[Outbox, socket.socket]) -> None:
    outbox, theirs = pair
    fill(outbox, 5)
    theirs.close()
    outbox.flush()
    assert outbox.waiting == 0 and not outbox.put(m.Close("x"))


def test_a_recorder_without_a_processor_for_a_second_keeps_its_recordings(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    pid = room.client.pid
    assert pid is not None
    speech = tone(300, 60)
    os.kill(pid, signal.SIGSTOP)
    answers: queue.Queue[Any] = queue.Queue()
    for number in range(3000):
        room.client.media_changed(f"other-{number}", PAYLOADS)
    assert not room.client.available(), "behind, so nothing new"
    phone.talk(speech[:30])
    room.client.pause("a")
    time.sleep(0.01)
    phone.talk([b"secret" * 20] * 20)
    room.client.close("a", lambda result, error: answers.put((result, error)))
    os.kill(pid, signal.SIGCONT)
    closed, error = answers.get(timeout=PATIENCE)
    assert error is None and closed is not None and not closed.interrupted
    assert room.events.away.empty() and room.client.pid == pid
    frames = room.frames(opened)
    assert [p.rtp[12:] for p in packets(frames, "caller")] == speech[:30], "all from before the pause, none from after"
    assert event_names(frames) == ["start", "pause", "end"]
    until(room.client.available)
    room.shut()


def test_one_that_stays_away_is_killed(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", stuck_seconds=1.5, forked=True)
    room.open("a")
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(3000):
        room.client.media_changed("a", PAYLOADS)
    room.client.pause("a")
    room.events.away.get(timeout=PATIENCE)
    assert 1.4 < time.monotonic() - began < 4.0
    until(room.client.available)
    assert room.client.pid != pid
    room.shut()
