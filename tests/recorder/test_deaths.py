"""What is left when the gate, the recorder or the disk goes in the middle of calls."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.core.rtp import decode
from gate.errors import RecorderError
from gate.recorder.client import SLOW_SECONDS, RecorderClient
from gate.recorder.messages import find_notes
from tests.support.logs import logged
from tests.support.recorder_room import (
    PAYLOADS,
    ROOT,
    Events,
    Phone,
    Room,
    event_names,
    packets,
    tone,
)
from tests.support.recorder_seal import read
from tests.support.waiting import PATIENCE, until

GATE = """
    import sys, time, json, structlog
    from pathlib import Path
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    from tests.support.recorder_room import PAYLOADS, Room
    room = Room(Path(sys.argv[1]))
    calls = []
    for name in ("a", "b", "c"):
        opened = room.open(name)
        room.client.start(name, PAYLOADS)
        calls.append([opened.caller_port, opened.callee_port, opened.path, opened.wraps[0][1].hex()])
    room.open("waiting")
    room.client.pause("c")
    print(json.dumps([room.client.pid, calls]), flush=True)
    time.sleep(60)
"""


def gone(pid: int) -> bool:
    """True where the process has ended (a zombie that nobody reaps counts)."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_a_killed_gate_leaves_closed_recordings_marked_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    gate = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(GATE), str(folder)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert gate.stdout is not None
    line = gate.stdout.readline()
    pid, calls = json.loads(line)
    phones = [Phone(call[0]) for call in calls]
    speech = tone(300, 65)
    for payload in speech:
        for phone in phones:
            phone.say(payload)
        time.sleep(0.02)
    gate.kill()
    gate.wait()
    until(lambda: gone(pid))

    notes = {note.closed.recording_id: note for note in find_notes(folder)}
    assert sorted(notes) == ["rec-a", "rec-b", "rec-c"]
    for (_, _, path, key), name in zip(calls, "abc", strict=True):
        chunks, trailer = read(folder / path, bytes.fromhex(key))
        assert trailer is not None
        assert (trailer["interrupted"], trailer["cause"]) == (True, "gate_gone")
        note = notes[f"rec-{name}"]
        assert note.path == path and note.call_id == name
        assert note.closed.sha256 == hashlib.sha256((folder / path).read_bytes()).hexdigest()
        assert note.closed.interrupted and note.closed.cause == "gate_gone"
        frames = [frame for chunk in chunks for frame in decode(chunk)]
        kept = packets(frames, "caller")
        assert len(kept) == (0 if name == "c" else 65), "what was paused stays unkept when the gate dies"
        assert event_names(frames)[-1] == "end"
    for note in notes.values():
        note.drop()
    assert find_notes(folder) == []
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".dgr"}


def test_a_killed_recorder_loses_less_than_a_second_and_comes_back(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    phone.talk(tone(300, 150))
    pid = room.client.pid
    assert pid is not None
    assert room.client.writes(opened.recording_id)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    room.events.away.get(timeout=PATIENCE)
    assert not room.client.available()
    with pytest.raises(RecorderError):
        room.close("a")
    until(room.client.available)
    assert time.monotonic() - killed < 8
    assert room.client.pid != pid
    assert not room.client.writes(opened.recording_id), "the file is another process's, which is gone"
    chunks, trailer = room.chunks(opened)
    assert trailer is None
    kept = packets([frame for chunk in chunks for frame in decode(chunk)], "caller")
    assert len(kept) >= 100, "three seconds were sent; all but the open chunk is there"

    again = room.open("b")
    room.client.start("b", PAYLOADS)
    room.settle()
    Phone(again.caller_port).say(b"x" * 160)
    assert room.client.writes(again.recording_id)
    closed = room.close("b")
    assert closed is not None and closed.packets["caller"] == 1
    assert not room.client.writes(again.recording_id)
    room.shut()


def test_what_waits_for_an_answer_gets_an_error_when_the_recorder_dies(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", open_seconds=30, forked=True)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    answers: queue.Queue[Any] = queue.Queue()
    room.client.open("a", "rec-a", {}, lambda result, error: answers.put(error))
    os.kill(pid, signal.SIGKILL)
    assert isinstance(answers.get(timeout=PATIENCE), RecorderError)
    room.shut()


def test_an_open_that_is_not_answered_fails_in_time(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    answers: queue.Queue[Any] = queue.Queue()
    began = time.monotonic()
    room.client.open("a", "rec-a", {}, lambda result, error: answers.put(error))
    error = answers.get(timeout=PATIENCE)
    assert isinstance(error, RecorderError) and "in time" in str(error)
    assert 1.4 < time.monotonic() - began < 3.0
    with logged() as told:
        until(lambda: "recorder_silent" in [entry["event"] for entry in told])
    assert not room.client.available()
    assert room.client.oldest_opening == 0.0, "no call waits for it any more"
    os.kill(pid, signal.SIGCONT)
    until(room.client.available)
    assert room.open("a"), "what was not answered in time is closed"
    room.shut()


def test_a_recorder_that_is_slow_to_open_is_not_available_before_anybody_is_called_in_vain(tmp_path: Path) -> None:
    patient = {"open_seconds": PATIENCE, "quiet_seconds": PATIENCE, "hung_seconds": 2 * PATIENCE}
    room = Room(tmp_path / "recordings", forked=True, **patient)
    pid = room.client.pid
    assert pid is not None and room.client.available()
    os.kill(pid, signal.SIGSTOP)
    answers: queue.Queue[Any] = queue.Queue()
    room.client.open("a", "rec-a", {}, lambda result, error: answers.put(error))
    until(lambda: not room.client.available())
    assert answers.empty(), "it has waited, and has not failed"
    assert room.client.oldest_opening > SLOW_SECONDS
    os.kill(pid, signal.SIGCONT)
    assert answers.get(timeout=PATIENCE) is None
    assert room.client.oldest_opening == 0.0
    until(room.client.available)
    assert room.close("a") is None
    room.shut()


def test_a_hung_recorder_is_replaced(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", hung_seconds=2.0, forked=True)
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    room.events.away.get(timeout=PATIENCE)
    until(room.client.available)
    assert room.client.pid != pid
    room.shut()


def held(room: Room, name: str, release: threading.Event) -> None:
    """The client's thread stands still from the answer to this opening on, as it does where the machine does."""
    holds = threading.Event()

    def done(*_: object) -> None:
        holds.set()
        release.wait(PATIENCE)

    room.client.open(name, f"rec-{name}", {}, done)
    assert holds.wait(PATIENCE)


def passed(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


def test_a_stop_of_the_whole_machine_is_no_silence_of_the_recorders(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", open_seconds=0.3, quiet_seconds=1.0, hung_seconds=1.2, forked=True)
    pid, release = room.client.pid, threading.Event()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    held(room, "a", release)
    passed(1.3)
    assert room.client.available()
    told = room.client._alive
    release.set()
    os.kill(pid, signal.SIGCONT)
    until(lambda: room.client._alive is not told)
    assert room.client.pid == pid
    assert room.events.away.empty()
    room.shut()


def test_an_answer_that_is_there_is_not_overdue(tmp_path: Path) -> None:
    """The gate comes late, not the recorder."""
    room = Room(tmp_path / "recordings", open_seconds=0.5, forked=True)
    release, answers = threading.Event(), queue.Queue[Any]()
    held(room, "a", release)
    for name in ("b", "c", "d"):
        room.client.open(name, f"rec-{name}", {}, lambda result, error: answers.put(error))
    passed(0.6)
    release.set()
    assert [answers.get(timeout=PATIENCE) for _ in range(3)] == [None, None, None]
    room.shut()


def test_a_recorder_that_cannot_be_told_to_pause_is_killed(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", forked=True)
    opened = room.open("a")
    room.client.start("a", PAYLOADS)
    room.settle()
    pid = room.client.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    for _ in range(20_000):
        room.client.pause("a")
        if not room.events.away.empty():
            break
    room.events.away.get(timeout=PATIENCE)
    assert gone(pid)
    assert opened.path
    until(room.client.available)
    room.shut()


def test_a_recorder_that_never_starts_is_tried_no_more_than_twice_a_second(tmp_path: Path) -> None:
    starts: list[float] = []

    def spawn(control: Any) -> Any:
        starts.append(time.monotonic())
        return subprocess.Popen(["/bin/false"])

    client = RecorderClient(spawn, Events(), SystemClock())
    with pytest.raises(RecorderError, match="did not start"):
        client.launch(1.8)
    assert not client.available()
    answers: queue.Queue[Any] = queue.Queue()
    client.open("a", "rec-a", {}, lambda result, error: answers.put(error))
    assert isinstance(answers.get(timeout=PATIENCE), RecorderError)
    assert client.close_down(5)
    assert 2 <= len(starts) <= 5
    assert all(b - a >= 0.45 for a, b in pairwise(starts))


def settles(room: Room) -> bool:
    """Whether the recorder takes a call."""
    try:
        room.settle()
    except RecorderError:
        return False
    return True


def test_a_file_that_cannot_grow_fails_its_call_alone(tmp_path: Path) -> None:
    room = Room(tmp_path / "recordings", file_limit=80_000)
    long, short = room.open("long"), room.open("short")
    talker, other = Phone(long.caller_port), Phone(short.caller_port)
    room.client.start("long", PAYLOADS)
    room.settle()
    voice = [os.urandom(1000) for _ in range(100)]
    talker.talk(voice)
    call_id, message = room.events.failed.get(timeout=PATIENCE)
    assert call_id == "long" and message == "File too large"
    Phone(long.callee_port).press(9)
    until(lambda: room.events.digits == [("long", "callee", "9")])

    until(lambda: settles(room))  # the disk was suspected, and a probe has cleared it

    room.client.start("short", PAYLOADS)
    room.settle()
    other.say(b"x" * 160)
    closed = room.close("short")
    assert closed is not None and closed.packets["caller"] == 1 and not closed.interrupted

    closed = room.close("long")
    assert closed is not None
    assert closed.interrupted and closed.cause == "File too large"
    data = (room.folder / long.path).read_bytes()
    assert closed.sha256 == hashlib.sha256(data).hexdigest() and closed.size == len(data)
    chunks, _ = room.chunks(long)
    kept = packets([frame for chunk in chunks for frame in decode(chunk)], "caller")
    assert [p.rtp[12:] for p in kept] == voice[: len(kept)] and len(kept) > 20
    assert closed.packets == {"caller": len(kept), "callee": 0}, "what was lost with its chunk is not counted"
    room.shut()


def test_a_disk_that_takes_no_more_is_not_available_though_it_looks_empty(tmp_path: Path) -> None:
    """A quota: free space says nothing of it."""
    room = Room(tmp_path / "recordings", file_limit=30_000)
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    phone.talk([b"v" * 1000] * 60)
    assert room.events.failed.get(timeout=PATIENCE)[0] == "a"
    until(lambda: not room.client.available())
    for _ in range(3):  # times that it tells how it is, a probe before each
        told = room.client._alive
        until(lambda told=told: room.client._alive is not told)
    assert not room.client.available(), "the probe is larger than what may be written"
    with pytest.raises(RecorderError, match="takes no more"):
        room.open("b")
    assert not (room.folder / ".probe").exists()
    room.shut()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A tmpfs of 400 KiB, outside of pytest's folders, which other runs move."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    with tempfile.TemporaryDirectory(prefix="dialgate-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, text=True
        )
        if mounted.returncode != 0:
            pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_full_disk_fails_what_records_and_refuses_what_would(small_disk: Path) -> None:
    folder = small_disk
    room = Room(folder, min_free=100_000)
    try:
        opened = room.open("a")
        phone = Phone(opened.caller_port)
        room.client.start("a", PAYLOADS)
        room.settle()
        path = folder / opened.path
        before = path.stat().st_size
        while path.stat().st_size < before + 35 * 200:  # a packet in its frame is shorter: 35 are kept
            phone.say(b"v" * 160)
            time.sleep(0.02)
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        until(lambda: not room.client.available())
        with pytest.raises(RecorderError, match="full"):
            room.open("b")
        phone.talk([b"v" * 160] * 100)
        assert room.events.failed.get(timeout=PATIENCE) == ("a", "No space left on device")
        ballast.unlink()
        until(room.client.available)
        closed = room.close("a")
        assert closed is not None and closed.interrupted
        assert closed.size == (folder / opened.path).stat().st_size
        chunks, _ = room.chunks(opened)
        assert len(packets([f for chunk in chunks for f in decode(chunk)], "caller")) >= 35
        again = room.open("b")
        assert again.caller_port
        assert room.close("b") is None
    finally:
        room.shut()
