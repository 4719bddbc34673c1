"""Whether what is said is kept: the recorder says so each second, and what follows where it does not."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gate.calls.reconcile import closing
from gate.errors import RecorderError
from gate.recorder.client import KEPT_SECONDS
from tests.support.disks import freezable_disk
from tests.support.recorder_room import PAYLOADS, Phone, Room, packets, rtp, source_of, tone
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path / "recordings", forked=True)
    yield room
    room.shut()


@contextmanager
def hung(room: Room) -> Iterator[None]:
    """The recorder is stopped meanwhile."""
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def recorded(room: Room, name: str = "a") -> tuple[Any, Phone, Phone]:
    """A call of which audio is kept already."""
    opened = room.open(name)
    room.client.start(name, PAYLOADS)
    room.settle()
    return opened, Phone(opened.caller_port), Phone(opened.callee_port)


def test_a_recording_that_is_kept_is_never_said_not_to_be(room: Room) -> None:
    _, caller, _ = recorded(room)
    looked = room.client._looked
    while room.client._looked < looked + KEPT_SECONDS + 2:
        caller.say(b"x" * 160)
        time.sleep(0.02)
    room.client.pause("a")  # nothing is to be kept, and so nothing is missing
    until(lambda: room.client._looked > looked + 2 * KEPT_SECONDS + 4)
    assert room.events.unkept.empty() and room.events.silent.empty()
    assert room.client.looked_at == 0, "while the recorder answers it alone looks at what comes"


def test_a_hung_recorder_keeps_nothing_and_its_taps_are_looked_at_for_keys(room: Room) -> None:
    opened, caller, callee = recorded(room)
    with hung(room):
        callee.press(9)
        caller.press(5)
        found = {room.events.waiting.get(timeout=PATIENCE) for _ in range(2)}
        assert found == {("a", "callee", "9"), ("a", "caller", "5")}
        until(lambda: room.client.looked_at == 16, "each packet of both presses, once")
        assert room.events.unkept.get(timeout=PATIENCE) == "a"
        assert room.events.silent.get(timeout=PATIENCE)
        assert not room.client.available()
        callee.press(9)
        assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "9")
        until(lambda: room.client.looked_at == 24)
    until(lambda: len(room.events.digits) == 3)
    closed = room.close("a")
    assert closed is not None and not closed.interrupted and closed.lost == ()
    assert len(packets(room.frames(opened), "callee")) == 16, "what was looked at is kept"


def test_the_keys_in_the_taps_of_a_killed_recorder_are_heard(room: Room) -> None:
    _, _, callee = recorded(room)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    callee.press(9)
    os.kill(pid, signal.SIGKILL)
    assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "9")
    assert room.events.away.get(timeout=PATIENCE)


def told_digit(room: Room, side: str, digit: str) -> None:
    until(lambda: ("a", side, digit) in room.events.digits)


def test_keys_are_heard_after_all_is_kept_and_the_file_is_closed_meanwhile(room: Room) -> None:
    opened, caller, callee = recorded(room)
    caller.say(b"a" * 160)
    answers: queue.Queue[Any] = queue.Queue()
    room.client.keep_no_more("a", lambda result, error: answers.put(error or result))
    caller.say(b"b" * 160)
    closed = answers.get(timeout=PATIENCE)
    assert (closed.packets, closed.interrupted) == ({"caller": 1, "callee": 0}, False)
    assert not room.client.writes(opened.recording_id)
    callee.press(9)
    told_digit(room, "callee", "9")
    assert [each.rtp[12:13] for each in packets(room.frames(opened), "caller")] == [b"a"]
    assert room.close("a") is None and room.events.unkept.empty()
    assert callee.socket.connect_ex(("127.0.0.1", callee.port)) == 0
    with pytest.raises(ConnectionRefusedError):  # the port is free
        for _ in range(2):
            callee.socket.send(b"x")
            callee.socket.recv(1)


def test_the_codecs_of_the_opening_tell_recorder_and_gate_what_a_key_is(room: Room) -> None:
    opened = room.open("a", payloads={"callee": {0: "PCMU/8000", 96: "telephone-event/8000"}})
    phone = Phone(opened.callee_port)

    def press(digit: int) -> None:
        phone.raw(rtp(bytes((digit, 10, 0, 160)), digit, 160 * digit, pt=96, marker=True))

    press(1)
    told_digit(room, "callee", "1")
    with hung(room):
        press(2)
        assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "2")
    assert room.close("a") is None


def test_what_was_never_started_is_listened_to_all_the_same(room: Room) -> None:
    opened = room.open("a")
    answers: queue.Queue[Any] = queue.Queue()
    room.client.keep_no_more("a", lambda result, error: answers.put((result, error)))
    assert answers.get(timeout=PATIENCE) == (None, None)
    room.client.start("a", PAYLOADS)
    Phone(opened.callee_port).press(9)
    told_digit(room, "callee", "9")
    assert room.close("a") is None and not list(room.folder.rglob("*.dgr"))


def test_the_keys_of_a_call_are_heard_after_its_recorder_was_killed(room: Room) -> None:
    """By the gate itself, until the call is closed; whether the recorder is back by then or not."""
    opened, caller, callee = recorded(room)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert room.events.away.get(timeout=PATIENCE)
    callee.press(9)
    assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "9")
    until(room.client.available)
    caller.press(5)
    told_digit(room, "caller", "5")
    assert not room.client.writes(opened.recording_id)
    callee.press(4)
    with pytest.raises(RecorderError, match="away"):
        room.close("a")
    assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "4"), "the last before the end is heard"
    assert not room.client._calls


def test_where_the_recorder_opens_nothing_the_gate_listens_itself(room: Room) -> None:
    def opened(name: str) -> Any:
        answers: queue.Queue[Any] = queue.Queue()
        room.client.open(name, f"rec-{name}", {}, lambda *answer: answers.put(answer), listen=True)
        result, error = answers.get(timeout=PATIENCE)
        assert error is None
        return result

    with hung(room):
        late = opened("a")
        assert "in time" in late.unkept and not late.wraps
        callee = Phone(late.callee_port)
        callee.press(7)  # before it is known where from: nobody's
        room.client.listen("a", source_of(late.caller_port), source_of(late.callee_port))
        callee.press(9)
        assert room.events.waiting.get(timeout=PATIENCE)[2] == "7"
        assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "9")
    until(room.client.available)
    room.settle()  # what was opened too late is closed
    callee.press(8)
    assert room.events.waiting.get(timeout=PATIENCE) == ("a", "callee", "8")
    with pytest.raises(RecorderError):
        room.close("a")
    assert not opened("b").unkept


def test_what_no_longer_finds_room_is_said_to_be_lost(room: Room) -> None:
    _, caller, _ = recorded(room)
    with hung(room):
        for payload in tone(300, 100) * 60:  # far more than a receive buffer holds
            caller.say(payload)
    room.settle()
    caller.say(b"x" * 160)
    room.settle()
    closed = room.close("a")
    assert closed is not None and len(closed.lost) == 1
    (start, end), kept = closed.lost[0], closing("a", closed).kept
    assert 0 <= start < end <= closed.seconds
    assert abs(kept - (closed.seconds - (end - start))) < 0.01
    assert closing("a", closed).lost == [[start, end]]


def test_a_closing_holds_from_when_it_was_asked_for(room: Room) -> None:
    opened, caller, _ = recorded(room)
    caller.say(b"a" * 160)
    answers: queue.Queue[Any] = queue.Queue()
    with hung(room):
        asked = time.monotonic()
        room.client.close("a", lambda result, error: answers.put(result or error))
        caller.say(b"b" * 160)
        time.sleep(1.0)
        late = time.monotonic() - asked
    closed = answers.get(timeout=PATIENCE)
    assert [each.rtp[12:13] for each in packets(room.frames(opened), "caller")] == [b"a"]
    assert late >= 1.0 and closed.seconds < late + 1.0
    assert "keeps nothing more" and room.events.unkept.empty(), "what is being closed is not watched"


def test_a_recorder_that_waits_for_its_disk_is_not_killed_and_keeps_all(tmp_path: Path) -> None:
    with freezable_disk(tmp_path / "disk") as disk:
        room = Room(disk.folder / "recordings", hung_seconds=4.0)
        opened, caller, _ = recorded(room)
        caller.say(b"a" * 160)
        disk.freeze()
        caller.say(b"b" * 160)
        assert room.events.unkept.get(timeout=PATIENCE) == "a"
        until(lambda: room.client._silent > 6)
        assert room.events.away.empty(), "it could not die, and what it holds would be lost"
        assert not room.client.available()
        disk.thaw()
        closed = room.close("a")
        assert closed is not None and closed.lost == ()
        assert [each.rtp[12:13] for each in packets(room.frames(opened), "caller")] == [b"a", b"b"]
        until(room.client.available)
        disk.freeze()  # with nothing to keep
        until(lambda: not room.client.available())
        disk.thaw()
        until(room.client.available)
        room.shut()
