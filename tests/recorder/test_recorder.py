"""The recorder as a real process with real UDP."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.core.rtp import EventFrame, MapFrame
from gate.errors import RecorderError
from tests.support.recorder_room import PAYLOADS, Phone, Room, event_names, key, packets, rtp, tone
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    room = Room(tmp_path / "recordings", forked=True)
    yield room
    room.shut()


def pace(count: int, *steps: object, seconds: float = 0.02) -> None:
    for index in range(count):
        for step in steps:
            step(index)  # type: ignore[operator]
        time.sleep(seconds)


def test_both_sides_are_kept_byte_for_byte_from_start_to_close(room: Room) -> None:
    opened = room.open("a")
    caller, callee = Phone(opened.caller_port), Phone(opened.callee_port)
    low, high = tone(400, 60), tone(1000, 60)
    caller.say(b"before the start" * 10)
    room.settle()
    room.client.start("a", PAYLOADS, [{"event": "announcement", "announcement": "notice", "version": "1"}])
    room.settle()
    pace(60, lambda i: caller.say(low[i]), lambda i: callee.say(high[i]))
    closed = room.close("a")

    assert closed is not None
    assert closed.packets == {"caller": 60, "callee": 60}
    assert closed.chunks >= 2
    assert not closed.interrupted and closed.gaps == ()
    assert 1.2 <= closed.seconds < 2.5
    frames = room.frames(opened)
    assert [p.rtp[12:] for p in packets(frames, "caller")] == low
    assert [p.rtp[12:] for p in packets(frames, "callee")] == high
    assert event_names(frames) == ["start", "announcement", "end"]
    assert next(f for f in frames if isinstance(f, MapFrame)).payloads == PAYLOADS
    path = room.folder / opened.path
    assert path.stat().st_size == closed.size
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_arrival_times_are_the_kernels(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    pid = room.client.pid
    assert pid is not None
    sent = []
    for index, payload in enumerate(tone(400, 40)):
        if index == 10:
            os.kill(pid, signal.SIGSTOP)
        if index == 30:
            os.kill(pid, signal.SIGCONT)
        sent.append(time.monotonic())
        phone.say(payload)
        time.sleep(0.02)
    room.close("a")
    offsets = [p.offset / 1e6 for p in packets(room.frames(opened), "caller")]
    shifts = [offset - instant for offset, instant in zip(offsets, sent, strict=True)]
    assert max(shifts) - min(shifts) < 0.1, "a loop that comes late must not move the times"


def test_what_came_before_the_start_is_not_kept_though_it_is_read_after(room: Room) -> None:
    for name in "abcdefgh":
        opened = room.open(name)
        phone = Phone(opened.callee_port)
        phone.say(b"before" * 20)
        room.client.start(name, PAYLOADS)
        room.settle()
        phone.say(b"after" * 20)
        closed = room.close(name)
        assert closed is not None and not closed.interrupted
        assert [p.rtp[12:] for p in packets(room.frames(opened), "callee")] == [b"after" * 20]


def test_no_file_without_a_start(room: Room) -> None:
    opened = room.open("a")
    Phone(opened.caller_port).say(b"x" * 160)
    room.settle()
    assert room.close("a") is None
    assert not list(room.folder.rglob("*.dgr"))


def test_a_chunk_holds_less_than_a_second(room: Room) -> None:
    from gate.core.rtp import decode

    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    payloads = tone(300, 130)
    pace(130, lambda i: phone.say(payloads[i]))
    room.close("a")
    chunks, trailer = room.chunks(opened)
    spans = [[frame.offset for frame in decode(chunk)] for chunk in chunks]
    assert len(chunks) >= 3
    assert all(max(span) - min(span) < 1_000_000 for span in spans)
    assert trailer is not None
    assert trailer["packets"]["caller"] == 130


def test_pause_keeps_nothing_and_marks_the_gap(room: Room) -> None:
    opened = room.open("a")
    caller, callee = Phone(opened.caller_port), Phone(opened.callee_port)
    secret = bytes(range(160))
    speech = tone(300, 30)
    room.client.start("a", PAYLOADS)
    room.settle()
    pace(10, lambda i: caller.say(speech[i]), lambda i: callee.say(speech[i]))
    room.settle()
    room.client.pause("a")
    room.client.pause("a")
    room.settle()
    pace(20, lambda i: caller.say(secret), lambda i: callee.say(secret))
    callee.press(4)
    room.client.media_changed("a", PAYLOADS)
    callee.say(secret)
    room.client.resume("a")  # the last secret is still in the queue of the port
    room.settle()
    pace(10, lambda i: caller.say(speech[10 + i]))
    closed = room.close("a")

    assert closed is not None
    (gap,) = closed.gaps
    assert 0.35 < gap[1] - gap[0] < 1.5
    clear = b"".join(room.chunks(opened)[0])
    assert secret[:40] not in clear
    frames = room.frames(opened)
    assert event_names(frames) == ["start", "pause", "resume", "end"]
    assert [p.rtp[12:] for p in packets(frames, "caller")] == speech[:20]
    assert len(packets(frames, "callee")) == 10, "no key of the pause either"
    assert room.events.digits == [], "what the customer types while paused is told to nobody"


def test_a_pause_with_a_bound_ends_in_the_recorder_though_the_gate_says_nothing_more(room: Room) -> None:
    """A gate that hangs, or whose console is gone, hides no more than was asked for."""
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    secret, speech = bytes(range(160)), tone(300, 200)
    room.client.start("a", PAYLOADS)
    room.settle()
    pace(5, lambda i: phone.say(speech[i]))
    room.settle()
    room.client.pause("a", 1)
    room.settle()
    pace(20, lambda _: phone.say(secret))
    pace(150, lambda i: phone.say(speech[5 + i]))
    closed = room.close("a")
    assert closed is not None
    ((start, end),) = closed.gaps
    assert end - start >= 1
    frames = room.frames(opened)
    assert event_names(frames) == ["start", "pause", "resume", "end"]
    kept = [p.rtp[12:] for p in packets(frames, "caller")]
    assert kept[:5] == speech[:5] and secret not in kept
    assert len(kept) > 20 and kept[-1] == speech[154], "it is kept again"


def test_a_bound_is_set_anew_or_taken_away_by_another_pause(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.client.pause("a", 1)
    room.client.pause("a")
    room.settle()
    pace(100, lambda _: phone.say(b"s" * 160))
    closed = room.close("a")
    assert closed is not None and closed.packets == {"caller": 0, "callee": 0}
    assert event_names(room.frames(opened)) == ["start", "pause", "end"]


def test_only_a_resume_or_the_end_ends_a_pause(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.pause("a")
    room.client.start("a", PAYLOADS)
    room.client.media_changed("a", PAYLOADS)
    room.client.start("a", PAYLOADS)
    room.settle()
    pace(5, lambda _: phone.say(b"s" * 160))
    closed = room.close("a")
    assert closed is not None
    assert closed.packets == {"caller": 0, "callee": 0}
    assert closed.gaps[0][0] == 0.0 and closed.gaps[0][1] == closed.seconds


def test_a_key_pressed_across_the_end_of_a_pause_is_not_kept(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.callee_port)
    room.client.start("a", PAYLOADS)
    room.client.pause("a")
    room.settle()
    phone.raw(key(4, 10, 8000, marker=True))
    room.settle()
    room.client.resume("a")
    room.settle()
    phone.raw(key(4, 11, 8000))
    phone.raw(key(4, 12, 8000, end=True))
    phone.raw(rtp(b"a" * 160, 13, 8160))
    room.close("a")
    assert [p.rtp[12:] for p in packets(room.frames(opened), "callee")] == [b"a" * 160]
    assert room.events.digits == []


def test_the_agents_resume_code_is_heard_while_paused(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.client.pause("a")
    room.settle()
    phone.press(10)
    phone.press(6)
    until(lambda: len(room.events.digits) == 2)
    assert room.events.digits == [("a", "caller", "*"), ("a", "caller", "6")]
    room.close("a")
    assert packets(room.frames(opened), "caller") == []


def test_keys_are_heard_before_the_start_and_without_a_map(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.callee_port)
    phone.press(9)
    until(lambda: room.events.digits == [("a", "callee", "9")])
    room.client.media_changed("a", {"callee": {0: "PCMU/8000", 96: "telephone-event/8000"}})
    room.settle()
    phone.raw(rtp(b"\x01\x0a\x00\xa0", 1, 99, pt=96, marker=True))
    until(lambda: room.events.digits == [("a", "callee", "9"), ("a", "callee", "1")])
    assert room.close("a") is None


@pytest.mark.parametrize("started", [False, True])
def test_a_key_pressed_just_before_the_end_is_told_before_it(room: Room, started: bool) -> None:
    opened = room.open("a")
    phone = Phone(opened.callee_port)
    if started:
        room.client.start("a", PAYLOADS)
    room.settle()
    pid = room.client.pid
    assert pid is not None
    heard: queue.Queue[list[tuple[str, str, str]]] = queue.Queue()
    os.kill(pid, signal.SIGSTOP)  # it comes late: the key and the wish to close wait for it together
    phone.press(9)
    room.client.close("a", lambda _closed, _error: heard.put(list(room.events.digits)))
    os.kill(pid, signal.SIGCONT)
    assert heard.get(timeout=PATIENCE) == [("a", "callee", "9")]


def test_what_is_not_rtp_is_ignored(room: Room) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    phone.raw(b"")
    phone.raw(b"\x80\x00")
    phone.raw(b"\x80\xc8" + bytes(40))  # an RTCP sender report
    phone.raw(b"\x00" * 40)
    phone.raw(b"\x80\x00" + bytes(5000))
    phone.raw(rtp(b"good" * 40, 1, 1))
    closed = room.close("a")
    assert closed is not None
    assert closed.packets["caller"] == 1


def test_a_flood_on_one_tap_is_bounded_and_told(room: Room) -> None:
    flooded, quiet = room.open("a"), room.open("b")
    phone, other = Phone(flooded.caller_port), Phone(quiet.caller_port)
    for name in ("a", "b"):
        room.client.start(name, PAYLOADS)
    room.settle()
    for index in range(2000):
        phone.say(bytes(1000))
        if index % 100 == 0:
            other.say(b"q" * 160)
            time.sleep(0.02)
    room.settle()
    phone.say(bytes(1000))  # the kernel tells with a packet what it had no room for before it
    closed = room.close("a")
    assert closed is not None
    chunks, trailer = room.chunks(flooded)
    assert trailer is not None
    # So much is kept of each second; the flood lasts longer than three where a machine is slow.
    seconds = max(3, len(chunks))
    assert closed.size < 300_000 * seconds
    assert trailer["dropped"]["caller"] == 2001 - closed.packets["caller"] > 2000 - 333 * seconds
    closed = room.close("b")
    assert closed is not None and closed.packets["caller"] == 20


def test_calls_do_not_mix(room: Room) -> None:
    calls = {name: room.open(name) for name in "abcdefgh"}
    phones = {name: Phone(opened.caller_port) for name, opened in calls.items()}
    for name in calls:
        room.client.start(name, PAYLOADS)
    room.settle()
    pace(20, *[lambda _, n=name: phones[n].say(n.encode() * 160) for name in calls])
    for name, opened in calls.items():
        closed = room.close(name)
        assert closed is not None and closed.packets["caller"] == 20
        assert {p.rtp[12:] for p in packets(room.frames(opened), "caller")} == {name.encode() * 160}


def test_the_trailer_has_a_loudness_curve(room: Room) -> None:
    from base64 import b64decode

    opened = room.open("a")
    phone = Phone(opened.callee_port)
    room.client.start("a", PAYLOADS)
    payloads = tone(300, 60, amplitude=20000)
    pace(60, lambda i: phone.say(payloads[i] if i >= 30 else b"\xff" * 160))
    room.close("a")
    _, trailer = room.chunks(opened)
    assert trailer is not None
    bins = b64decode(trailer["levels"]["callee"]["bins"])
    assert max(bins[:4]) == 0
    loud = [level for level in bins[4:] if level > 90]  # a machine that pauses while it sends leaves gaps in between
    assert len(loud) >= 3
    assert b64decode(trailer["levels"]["caller"]["bins"]) == b""


def test_wrong_wishes_are_answered(room: Room) -> None:
    room.open("a")
    with pytest.raises(RecorderError, match="open already"):
        room.open("a")
    with pytest.raises(RecorderError, match="knows no such call"):
        room.close("never")
    with pytest.raises(RecorderError, match="letters"):
        room.open("../../etc")
    room.close("a")


def test_a_recording_is_never_written_over(room: Room) -> None:
    opened = room.open("a")
    room.client.start("a", PAYLOADS)
    room.close("a")
    before = (room.folder / opened.path).read_bytes()
    with pytest.raises(RecorderError, match="exists"):
        room.open("a")
    assert (room.folder / opened.path).read_bytes() == before


def test_no_audio_in_clear_on_any_disk(room: Room, tmp_path: Path) -> None:
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.settle()
    voice = [os.urandom(160) for _ in range(75)]
    pace(75, lambda i: phone.say(voice[i]))
    room.close("a")
    runs = [payload[i : i + 16] for payload in voice for i in (0, 70, 140)]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert not any(run in data for run in runs), path
    assert any(runs[0] in chunk for chunk in room.chunks(opened)[0]), "the search itself finds what is there"


def test_signals_do_not_stop_it_and_its_memory_is_shielded(room: Room) -> None:
    pid = room.client.pid
    assert pid is not None
    opened = room.open("a")
    room.client.start("a", PAYLOADS)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    phone = Phone(opened.caller_port)
    room.settle()
    phone.say(b"v" * 160)
    closed = room.close("a")
    assert closed is not None and closed.packets["caller"] == 1
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits


def test_levels_are_told_on_request(room: Room) -> None:
    told: list[object] = []
    room.client.on_levels = told.append
    opened = room.open("a")
    phone = Phone(opened.caller_port)
    room.client.start("a", PAYLOADS)
    room.client.watch_levels(True)
    payloads = tone(300, 110, amplitude=20000)
    pace(110, lambda i: phone.say(payloads[i]))
    assert any(levels["a"][0] > 90 and levels["a"][1] == 0 for levels in told)  # type: ignore[index]
    room.client.watch_levels(False)
    room.close("a")


def test_end_event_says_how_it_ended(room: Room) -> None:
    opened = room.open("a")
    room.client.start("a", PAYLOADS)
    room.close("a")
    (end,) = [f for f in room.frames(opened) if isinstance(f, EventFrame) and f.event == "end"]
    assert end.body == {"interrupted": False, "cause": ""}
